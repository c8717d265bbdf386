"""A campaign as one HTML file: heat maps over two axes, means axis by axis, cells, before and after."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reports.errors import ResultError
from reports.palette import INK
from reports.plots import PAGE_PX, SMALL_PX, draw
from reports.quantities import count, no_failure_in, percent, plural
from reports.render import render, write_text

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUMMARY_FILE: Final = "summary.json"
AXIS: Final = "axis: "
MOST_PANELS: Final = 16
MOST_ROWS: Final = 40
_TEMPLATE: Final = "campaign.html.jinja2"
_PANELS_A_ROW: Final = 4
_HEAT: Final = (
    "#ffffff",
    "#dbe7f5",
    "#9fc0e6",
    "#5b93d0",
    "#1b62b5",
    "#0d3a70",
)  # one hue: a print says as much
_DARK_FROM: Final = 0.55  # of the range: numbers on it are white

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of cells.parquet, and what people call it."""

    column: str
    title: str
    short: str
    unit: str
    digits: int = 1


MEASURES: Final = (
    Measure("stalled_percent", "stalled ticks", "stalled", "%"),
    Measure("rollback_depth_p95_frames", "rollback depth, 95th percentile", "depth p95", "frames"),
    Measure("confirmation_lag_p95_frames", "confirmation lag, 95th percentile", "lag p95", "frames"),
    Measure("input_to_present_max_frames", "key press to screen, worst", "press to screen", "frames"),
)


@dataclass(frozen=True, slots=True)
class CampaignFolder:
    """What `sametick sweep` has left: the summary, a row per cell, and where."""

    summary: Table
    cells: "pandas.DataFrame"
    path: Path

    @property
    def axes(self) -> list[str]:
        return [column for column in self.cells.columns if column.startswith(AXIS)]


def is_campaign(folder: Path) -> bool:
    return (folder / SUMMARY_FILE).is_file()


def read_campaign(folder: Path) -> CampaignFolder:
    """The folder's tables. Raises ResultError."""
    import pandas

    try:
        summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
        cells = pandas.read_parquet(folder / "cells.parquet")
    except (OSError, ValueError) as error:
        raise ResultError(f"is no campaign: {error}", str(folder), "make one with sametick sweep") from None
    return CampaignFolder(summary, cells, folder)


def write_campaign(campaign: CampaignFolder, target: Path, *, before: CampaignFolder | None = None) -> Path:
    """Write the page to `target`; with `before`, what has changed since that campaign stands first."""
    text = render(
        _TEMPLATE,
        summary=campaign.summary,
        sentence=sentence(campaign.summary),
        confidence=confidence(campaign.summary),
        heat=[_heat_section(campaign, measure) for measure in MEASURES if len(campaign.axes) > 1],
        effects=[_effects(campaign, axis) for axis in campaign.axes],
        axes=[_name(axis) for axis in campaign.axes],
        measures=MEASURES,
        rows=_rows(campaign),
        changes=None if before is None else _changes(before, campaign),
        before=None if before is None else before.summary,
    )
    return write_text(text, target)


def sentence(summary: Table) -> str:
    told = f"{plural(summary['runs'], 'run')} of {plural(summary['cells'], 'cell')}"
    if summary["failed_runs"]:
        return f"{told}: {count(summary['failed_runs'])} broke a law or an expectation."
    return f"{told}: every law held."


def confidence(summary: Table) -> str:
    if summary["failed_runs"]:
        return "Each cell's share of failures stands below with its 95 % interval (Wilson)."
    return no_failure_in(summary["runs"], "run")


def _name(axis: str) -> str:
    """ "axis: network.delay_ms" is "delay ms" to people."""
    return axis.removeprefix(AXIS).rpartition(".")[2].replace("_", " ")


def _label(axis: str, value: str) -> str:
    is_number = value.replace(".", "").isdecimal()
    return f"{_name(axis)} {value}" if is_number else f"{_name(axis)}: {value}"


def _values(campaign: CampaignFolder, axis: str) -> list[str]:
    """In the order of the plan."""
    return list(dict.fromkeys(campaign.cells[axis]))


def _plane(campaign: CampaignFolder) -> tuple[str, str, list[str]]:
    """The two axes of the heat maps, those with the most values; the rest makes the panels."""
    by_length = sorted(campaign.axes, key=lambda axis: -len(_values(campaign, axis)))
    plane = [axis for axis in campaign.axes if axis in by_length[:2]]
    return plane[0], plane[1], [axis for axis in campaign.axes if axis not in plane]


def _heat_section(campaign: CampaignFolder, measure: Measure) -> Table:
    across, up, rest = _plane(campaign)
    cells = campaign.cells
    groups = list(cells.groupby(rest, sort=False)) if rest else [((), cells)]
    shown = groups[:MOST_PANELS]
    title = f"{measure.title[0].upper()}{measure.title[1:]} ({measure.unit})"
    if cells[measure.column].nunique() == 1:
        value = f"{cells[measure.column].iloc[0]:g}"
        return {"title": title, "chart": "", "same": f"{value} {measure.unit} in every cell.", "left_out": 0}
    high = max(1.0, float(cells[measure.column].max()))
    columns, lines = _values(campaign, across), _values(campaign, up)
    width = PAGE_PX / min(_PANELS_A_ROW, max(1, len(shown)))
    margin = 30 + 6.5 * max(map(len, lines))  # the labels of the lines, and the axis' name
    panel_px = 58.0 + 26.0 * len(lines)
    deep = -(-len(shown) // _PANELS_A_ROW)
    height = panel_px * deep + 8

    def paint(figure: "Figure") -> None:
        for index, (key, group) in enumerate(shown):
            row, column = divmod(index, _PANELS_A_ROW)
            left = (column * width + margin) / PAGE_PX
            bottom = (height - (row + 1) * panel_px + 36) / height
            axes = figure.add_axes(
                (left, bottom, (width - margin - 12) / PAGE_PX, 26.0 * len(lines) / height)
            )
            values = [[_mean(group, across, x, up, y, measure.column) for x in columns] for y in lines]
            _heat(axes, values, high, measure)
            axes.set_xticks(range(len(columns)), columns)
            axes.set_yticks(range(len(lines)), lines)
            panel = ", ".join(_label(axis, value) for axis, value in zip(rest, _tuple(key), strict=True))
            # Over the labels as well: names of axes are long.
            over = -(margin - 14) / (width - margin - 12)
            axes.set_title(panel, fontsize=SMALL_PX, loc="left", x=over)
            axes.set_xlabel(_name(across), fontsize=SMALL_PX, labelpad=1)
            if not column:
                axes.set_ylabel(_name(up), fontsize=SMALL_PX, labelpad=2)

    label = f"Heat map of {measure.title} over {_name(across)} and {_name(up)}; the numbers are in the table."
    return {
        "title": title,
        "same": "",
        "chart": draw(f"heat-{measure.column[:5]}", label, PAGE_PX, height, paint),
        "left_out": len(groups) - len(shown),
    }


def _tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _mean(group: "pandas.DataFrame", across: str, x: str, up: str, y: str, column: str) -> float:
    found = group[(group[across] == x) & (group[up] == y)][column]
    return float(found.mean()) if len(found) else math.nan


def _heat(axes: "Axes", values: list[list[float]], high: float, measure: Measure) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    axes.imshow(
        values,
        cmap=LinearSegmentedColormap.from_list("heat", _HEAT),
        vmin=0,
        vmax=high,
        aspect="auto",
        origin="lower",
    )
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            if not math.isnan(value):
                colour = "white" if value > _DARK_FROM * high else INK
                text = (
                    f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.{measure.digits}f}"
                )
                axes.text(column, row, text, ha="center", va="center", fontsize=SMALL_PX, color=colour)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _effects(campaign: CampaignFolder, axis: str) -> Table:
    """What each value of one axis comes to, over all cells that have it."""
    rows = []
    for value in _values(campaign, axis):
        group = campaign.cells[campaign.cells[axis] == value]
        cells = []
        for measure in MEASURES:
            mean = float(group[measure.column].mean())
            low, high = float(group[measure.column].min()), float(group[measure.column].max())
            cells.append({"mean": f"{mean:.2f}", "range": f"{low:.1f} to {high:.1f}"})
        rows.append({"value": value, "cells": cells, "failed": int(group["failed"].sum())})
    return {"name": _name(axis), "rows": rows}


def _rows(campaign: CampaignFolder) -> list[Table]:
    """The cells that fail or stall most."""
    worst = campaign.cells.sort_values(["failed", "stalled_percent"], ascending=False).head(MOST_ROWS)
    return [_row(campaign, row) for row in worst.to_dict("records")]


def _row(campaign: CampaignFolder, row: Any) -> Table:
    cells = []
    for measure in MEASURES:
        half = row[f"{measure.column} ±"]
        told = "" if half is None or math.isinf(half) or math.isnan(half) else f" ± {half:.{measure.digits}f}"
        cells.append(f"{row[measure.column]:.{measure.digits}f}{told}")
    number = int(row["cell"])
    kept = [
        f"{kind}/{folder.name}"
        for kind in ("failures", "samples")
        for folder in sorted((campaign.path / kind).glob(f"cell-{number:05}-*"))
    ]
    return {
        "cell": number,
        "labels": [str(row[axis]) for axis in campaign.axes],
        "runs": count(int(row["runs"])),
        "failed": int(row["failed"]),
        "most": percent(float(row["failed_high"])),
        "cells": cells,
        "kept": kept[:3],
    }


def _changes(before: CampaignFolder, after: CampaignFolder) -> list[Table]:
    """Cells whose means differ by more than chance explains, the largest change of each measure first."""
    if before.axes != after.axes:
        named = ", ".join(_name(axis) for axis in before.axes)
        raise ResultError(f"has other axes ({named})", str(before.path), "compare two campaigns of one plan")
    both = before.cells.merge(after.cells, on=before.axes, suffixes=(" before", " after"))
    found = []
    for row in both.to_dict("records"):
        for measure in MEASURES:
            change = row[f"{measure.column} after"] - row[f"{measure.column} before"]
            half = math.hypot(row[f"{measure.column} ± before"], row[f"{measure.column} ± after"])
            if abs(change) > half and not math.isnan(half):
                found.append((abs(change), _change(before.axes, row, measure, change, half)))
    found.sort(key=lambda item: -item[0])
    return [change for _, change in found[:MOST_ROWS]]


def _change(axes: Sequence[str], row: Any, measure: Measure, change: float, half: float) -> Table:
    return {
        "labels": [str(row[axis]) for axis in axes],
        "measure": f"{measure.title} ({measure.unit})",
        "before": f"{row[f'{measure.column} before']:.2f}",
        "after": f"{row[f'{measure.column} after']:.2f}",
        "change": f"{change:+.2f} ± {half:.2f}",
    }

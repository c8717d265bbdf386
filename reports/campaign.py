"""A campaign as one HTML file: heat maps over two axes, means axis by axis, cells, before and after."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reports.errors import ResultError
from reports.palette import INK
from reports.plots import PAGE_PX, SMALL_PX, draw
from reports.quantities import count, no_failure_in, number, percent, plural
from reports.read_result import read_shaped
from reports.render import render, write_text

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUMMARY_FILE: Final = "summary.json"
AXIS: Final = "axis: "
MOST_PANELS: Final = 16
MOST_ROWS: Final = 40
MOST_BUSY_ROWS: Final = 10
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
_REMEDY: Final = "make it anew with: sametick sweep PLAN --out DIR"

Table = dict[str, Any]

_SHAPE: Final[Table] = {
    "ok": bool,
    "plan": str,
    "command": str,
    "cells": int,
    "missing_cells": int,
    "not_played": list,
    "runs": int,
    "failed_runs": int,
    "content_hash": str,
}
_COLUMNS: Final = ("cell", "runs", "failed", "failed_high", "worst_repeat", "busiest_repeat")


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
WORK: Final = Measure("steps_per_s", "steps of the game a simulated second", "steps", "per s", 0)


@dataclass(frozen=True, slots=True)
class CampaignFolder:
    """What `sametick sweep` has left: the summary, a row per cell, and where."""

    summary: Table
    cells: "pandas.DataFrame"
    path: Path

    @property
    def axes(self) -> list[str]:
        return [column for column in self.cells.columns if column.startswith(AXIS)]

    @property
    def names(self) -> dict[str, str]:
        return axis_names(self.axes)


def is_campaign(folder: Path) -> bool:
    return (folder / SUMMARY_FILE).is_file()


def read_campaign(folder: Path) -> CampaignFolder:
    """The folder's tables. Raises ResultError."""
    import pandas

    summary = read_shaped(folder / SUMMARY_FILE, _SHAPE, _REMEDY)
    if not summary["runs"]:
        raise ResultError("no cell has been played", str(folder), f"play some: {summary['command']}")
    file = folder / "cells.parquet"
    try:
        cells = pandas.read_parquet(file)
    except (OSError, ValueError) as error:
        raise ResultError(f"is no campaign: {error}", str(file), _REMEDY) from None
    columns = [column for each in (*MEASURES, WORK) for column in (each.column, f"{each.column} ±")]
    missing = {*_COLUMNS, *columns} - set(cells.columns)
    if missing:
        raise ResultError(f"has no column {min(missing)}", str(file), _REMEDY)
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
        axes=list(campaign.names.values()),
        measures=MEASURES,
        rows=[_row(campaign, row, target.parent) for row in _worst(campaign.cells).to_dict("records")],
        busy=[_busy(campaign, row, target.parent) for row in _busiest(campaign.cells).to_dict("records")],
        work=WORK,
        changes=None if before is None else _changes(before, campaign),
        before=None if before is None else before.summary,
    )
    return write_text(text, target)


def sentence(summary: Table) -> str:
    told = f"{plural(summary['runs'], 'run')} of {plural(summary['cells'], 'cell')}"
    if summary["failed_runs"]:
        return f"{told}: {count(summary['failed_runs'])} broke a law or an expectation, or ended in an error."
    return f"{told}: every law held."


def confidence(summary: Table) -> str:
    if summary["not_played"]:
        return ""  # what no process came through may have failed
    if summary["failed_runs"]:
        return "Each cell's share of failures stands below with its 95 % interval (Wilson)."
    return no_failure_in(summary["runs"], "run")


def axis_names(axes: Sequence[str]) -> dict[str, str]:
    """What people call the columns: "axis: network.delay_ms" is "delay ms", or more if two end so."""
    paths = {axis: axis.removeprefix(AXIS) for axis in axes}
    # What has a space is a title, not a path.
    steps = {axis: [path] if " " in path else path.split(".") for axis, path in paths.items()}
    names = {}
    for axis, own in steps.items():
        for length in range(1, len(own) + 1):
            if sum(other[-length:] == own[-length:] for other in steps.values()) == 1:
                break
        names[axis] = ".".join(own[-length:]).replace("_", " ")
    return names


def _label(name: str, value: str) -> str:
    is_number = value.replace(".", "").isdecimal()
    return f"{name} {value}" if is_number else f"{name}: {value}"


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
    cells, names = campaign.cells, campaign.names
    groups = list(cells.groupby(rest, sort=False)) if rest else [((), cells)]
    shown = groups[:MOST_PANELS]
    title = f"{measure.title[0].upper()}{measure.title[1:]} ({measure.unit})"
    known = cells[measure.column].dropna()
    if known.nunique() < 2:
        value = f"{known.iloc[0]:g}" if len(known) else "–"
        return {"title": title, "chart": "", "same": f"{value} {measure.unit} in every cell.", "left_out": 0}
    high = max(1.0, float(known.max()))
    columns, lines = _values(campaign, across), _values(campaign, up)
    width = PAGE_PX / min(_PANELS_A_ROW, max(1, len(shown)))
    margin = 30 + 6.5 * max(map(len, lines))  # the labels of the lines, and the axis' name
    tall = max(90.0, 26.0 * len(lines))  # room for the name of the axis, too
    panel_px = 58.0 + tall
    deep = -(-len(shown) // _PANELS_A_ROW)
    height = panel_px * deep + 8

    def paint(figure: "Figure") -> None:
        for index, (key, group) in enumerate(shown):
            row, column = divmod(index, _PANELS_A_ROW)
            left = (column * width + margin) / PAGE_PX
            bottom = (height - (row + 1) * panel_px + 36) / height
            axes = figure.add_axes((left, bottom, (width - margin - 12) / PAGE_PX, tall / height))
            values = [[_mean(group, across, x, up, y, measure.column) for x in columns] for y in lines]
            _heat(axes, values, high, measure)
            axes.set_xticks(range(len(columns)), columns)
            axes.set_yticks(range(len(lines)), lines)
            panel = ", ".join(
                _label(names[axis], value) for axis, value in zip(rest, _tuple(key), strict=True)
            )
            # Over the labels as well: names of axes are long.
            over = -(margin - 14) / (width - margin - 12)
            axes.set_title(panel, fontsize=SMALL_PX, loc="left", x=over)
            axes.set_xlabel(names[across], fontsize=SMALL_PX, labelpad=1)
            if not column:
                axes.set_ylabel(names[up], fontsize=SMALL_PX, labelpad=2)

    label = f"Heat map of {measure.title} over {names[across]} and {names[up]}; the numbers are in the table."
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
            cells.append({"mean": number(mean, 2), "range": f"{number(low, 1)} to {number(high, 1)}"})
        rows.append({"value": value, "cells": cells, "failed": int(group["failed"].sum())})
    return {"name": campaign.names[axis], "rows": rows}


def _worst(cells: "pandas.DataFrame") -> "pandas.DataFrame":
    return cells.sort_values(["failed", "stalled_percent"], ascending=False).head(MOST_ROWS)


def _busiest(cells: "pandas.DataFrame") -> "pandas.DataFrame":
    return cells.sort_values([WORK.column, "cell"], ascending=[False, True]).head(MOST_BUSY_ROWS)


def listed_runs(cells: "pandas.DataFrame") -> list[tuple[int, int]]:
    """Cell and repeat of the runs whose `scenarios/cell-00042-repeat-3.json` the page links to."""
    worst = zip(_worst(cells)["cell"], _worst(cells)["worst_repeat"], strict=True)
    busiest = zip(_busiest(cells)["cell"], _busiest(cells)["busiest_repeat"], strict=True)
    return sorted({(int(cell), int(repeat)) for cell, repeat in (*worst, *busiest)})


def _mean_told(row: Any, measure: Measure) -> str:
    half = row[f"{measure.column} ±"]
    told = "" if half is None or not math.isfinite(half) else f" ± {half:.{measure.digits}f}"
    return number(row[measure.column], measure.digits) + told


def _link(kind: str, file: Path, page: Path) -> Table:
    return {"kind": kind, "href": Path(os.path.relpath(file, page)).as_posix()}


def _scenario_link(campaign: CampaignFolder, cell: int, repeat: int, page: Path) -> Table:
    return _link("scenario", campaign.path / "scenarios" / f"cell-{cell:05}-repeat-{repeat}.json", page)


def _busy(campaign: CampaignFolder, row: Any, page: Path) -> Table:
    cell = int(row["cell"])
    return {
        "cell": cell,
        "labels": [str(row[axis]) for axis in campaign.axes],
        "work": _mean_told(row, WORK),
        "link": _scenario_link(campaign, cell, int(row["busiest_repeat"]), page),
    }


def _row(campaign: CampaignFolder, row: Any, page: Path) -> Table:
    cell = int(row["cell"])
    kept = [
        _link(kind[:-1], folder / "scenario.json", page)
        for kind in ("failures", "samples")
        for folder in sorted((campaign.path / kind).glob(f"cell-{cell:05}-*"))
    ]
    return {
        "cell": cell,
        "labels": [str(row[axis]) for axis in campaign.axes],
        "runs": count(int(row["runs"])),
        "failed": int(row["failed"]),
        "most": percent(float(row["failed_high"])),
        "cells": [_mean_told(row, measure) for measure in MEASURES],
        "links": [_scenario_link(campaign, cell, int(row["worst_repeat"]), page), *kept[:2]],
    }


def _changes(before: CampaignFolder, after: CampaignFolder) -> Table:
    """What differs by more than chance explains, failures first, and of how many cells that can be known."""
    if before.axes != after.axes:
        named = ", ".join(before.names.values())
        raise ResultError(f"has other axes ({named})", str(before.path), "compare two campaigns of one plan")
    # Random draws may hit the same values twice: the first is compared with the first.
    first, second = (
        each.cells.assign(nth=each.cells.groupby(each.axes).cumcount()) for each in (before, after)
    )
    both = first.merge(second, on=[*before.axes, "nth"], suffixes=(" before", " after"))
    failures, means, known = [], [], 0
    for row in both.to_dict("records"):
        labels = [str(row[axis]) for axis in after.axes]
        shares = [row[f"failed {when}"] / row[f"runs {when}"] for when in ("before", "after")]
        if shares[0] != shares[1]:
            failures.append((abs(shares[1] - shares[0]), _failures(labels, row)))
        found = [_change(labels, row, measure) for measure in MEASURES]
        known += any(change is not None for change in found)
        means += [change for change in found if change is not None and change[0] > 0]
    rows = [change for part in (failures, means) for _, change in sorted(part, key=lambda item: -item[0])]
    return {"rows": rows[:MOST_ROWS], "left_out": len(rows[MOST_ROWS:]), **_known(first, second, both, known)}


def _failures(labels: list[str], row: Any) -> Table:
    told = [f"{row[f'failed {when}']} of {row[f'runs {when}']}" for when in ("before", "after")]
    return {"labels": labels, "measure": "failed runs", "before": told[0], "after": told[1], "change": ""}


def _change(labels: list[str], row: Any, measure: Measure) -> tuple[float, Table] | None:
    """How large the change is, 0 for one that chance explains, and its row; None where nothing is known."""
    half = math.hypot(row[f"{measure.column} ± before"], row[f"{measure.column} ± after"])
    if not math.isfinite(half):
        return None
    change = row[f"{measure.column} after"] - row[f"{measure.column} before"]
    told = {
        "labels": labels,
        "measure": f"{measure.title} ({measure.unit})",
        "before": number(row[f"{measure.column} before"], 2),
        "after": number(row[f"{measure.column} after"], 2),
        "change": f"{change:+.2f} ± {half:.2f}",
    }
    return (abs(change) if abs(change) > half else 0.0), told


def _known(
    before: "pandas.DataFrame", after: "pandas.DataFrame", both: "pandas.DataFrame", known: int
) -> Table:
    """How much was compared, and why not all of it."""
    told = [f"{plural(len(both), 'cell')} in both campaigns."]
    for cells, whose in ((before, "the earlier one"), (after, "this one")):
        if len(cells) > len(both):
            told.append(f"{count(len(cells) - len(both))} in {whose} only.")
    if known < len(both):
        told.append(
            f"In {count(len(both) - known)} of them means could not be compared: a campaign has fewer than"
            " two runs to take one of, and a run alone says nothing of chance."
        )
    nothing = "In each the same share of runs fails, and no mean differs by more than chance explains."
    if not known:
        nothing = "In each the same share of runs fails. Of the means nothing is known."
    return {"known": " ".join(told), "nothing": nothing if len(both) else "Nothing can be compared."}

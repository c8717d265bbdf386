"""A campaign as one HTML file: heat maps over two axes, means axis by axis, cells, before and after."""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reports.changes import changes
from reports.controllers import compared, is_of_controllers
from reports.palette import INK
from reports.plots import PAGE_PX, SMALL_PX, draw
from reports.quantities import count, no_failure_in, number, percent, plural
from reports.read_campaign import CONTROLLER_MEASURES, MEASURES, WORK, CampaignFolder, Measure, busiest, worst
from reports.render import render, write_text

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS: Final = 16
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


def write_campaign(campaign: CampaignFolder, target: Path, *, before: CampaignFolder | None = None) -> Path:
    """Write the page to `target`; with `before`, what has changed since that campaign stands first."""
    text = render(
        _TEMPLATE,
        summary=campaign.summary,
        sentence=sentence(campaign.summary),
        confidence=confidence(campaign.summary),
        heat=[_heat_section(campaign, measure) for measure in MEASURES if len(campaign.axes) > 1],
        controllers=[compared(campaign, axis) for axis in campaign.axes if is_of_controllers(axis)],
        controller_measures=CONTROLLER_MEASURES,
        effects=[_effects(campaign, axis) for axis in campaign.axes],
        axes=list(campaign.names.values()),
        measures=MEASURES,
        rows=[_row(campaign, row, target.parent) for row in worst(campaign.cells).to_dict("records")],
        busy=[_busy(campaign, row, target.parent) for row in busiest(campaign.cells).to_dict("records")],
        work=WORK,
        changes=None if before is None else changes(before, campaign),
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


def _label(name: str, value: str) -> str:
    is_number = value.replace(".", "").isdecimal()
    return f"{name} {value}" if is_number else f"{name}: {value}"


def _plane(campaign: CampaignFolder) -> tuple[str, str, list[str]]:
    """The two axes of the heat maps, those with the most values; the rest makes the panels."""
    by_length = sorted(campaign.axes, key=lambda axis: -len(campaign.values(axis)))
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
    columns, lines = campaign.values(across), campaign.values(up)
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
            axes.set_xlabel(names[across], fontsize=SMALL_PX, labelpad=4)
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
    for value in campaign.values(axis):
        group = campaign.cells[campaign.cells[axis] == value]
        cells = []
        for measure in MEASURES:
            mean = float(group[measure.column].mean())
            low, high = float(group[measure.column].min()), float(group[measure.column].max())
            cells.append({"mean": number(mean, 2), "range": f"{number(low, 1)} to {number(high, 1)}"})
        rows.append({"value": value, "cells": cells, "failed": int(group["failed"].sum())})
    return {"name": campaign.names[axis], "rows": rows}


def _link(kind: str, file: Path, page: Path) -> Table:
    return {"kind": kind, "href": Path(os.path.relpath(file, page)).as_posix()}


def _scenario_link(campaign: CampaignFolder, cell: int, repeat: int, page: Path) -> Table:
    return _link("scenario", campaign.path / "scenarios" / f"cell-{cell:05}-repeat-{repeat}.json", page)


def _busy(campaign: CampaignFolder, row: Any, page: Path) -> Table:
    cell = int(row["cell"])
    return {
        "cell": cell,
        "labels": [str(row[axis]) for axis in campaign.axes],
        "work": WORK.told(row),
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
        "cells": [measure.told(row) for measure in MEASURES],
        "links": [_scenario_link(campaign, cell, int(row["worst_repeat"]), page), *kept[:2]],
    }

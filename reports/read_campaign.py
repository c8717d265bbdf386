"""What `sametick sweep` has left in a folder: the summary, and a row per cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reports.errors import ResultError
from reports.quantities import number
from reports.read_result import read_shaped

if TYPE_CHECKING:
    import pandas

SUMMARY_FILE: Final = "summary.json"
AXIS: Final = "axis: "
MOST_ROWS: Final = 40
MOST_BUSY_ROWS: Final = 10
_REMEDY: Final = "make it anew with: sametick sweep PLAN --out DIR"

Table = dict[str, Any]

_SHAPE: Final[Table] = {
    "ok": bool,
    "plan": str,
    "summary": str,
    "command": str,
    "cells": int,
    "missing_cells": int,
    "not_played": list,
    "runs": int,
    "failed_runs": int,
    "content_hash": str,
}
_COLUMNS: Final = (
    *("cell", "runs", "failed", "failed_low", "failed_high"),
    *("worst_repeat", "busiest_repeat"),
)


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of cells.parquet, and what people call it."""

    column: str
    title: str
    short: str
    unit: str
    digits: int = 1

    def told(self, row: Any) -> str:
        """The mean in a cell's row, with its interval where there is one."""
        return self.text(row[self.column], row[f"{self.column} ±"])

    def mean_told(self, cells: "pandas.DataFrame") -> str:
        """The mean of these cells' means. Their runs are independent: the squares of the intervals add."""
        known = cells[cells[self.column].notna()]
        half = math.hypot(*known[f"{self.column} ±"]) / max(1, len(known))
        return self.text(float(known[self.column].mean()), half)

    def text(self, mean: float, half: float) -> str:
        """Without an interval where there is none, or all runs were equal."""
        told = f" ± {half:.{self.digits}f}" if half > 0 and math.isfinite(half) else ""
        return number(mean, self.digits) + (told if math.isfinite(mean) else "")


MEASURES: Final = (
    Measure("stalled_percent", "stalled ticks", "stalled", "%"),
    Measure("rollback_depth_p95_frames", "rollback depth, 95th percentile", "depth p95", "frames"),
    Measure("confirmation_lag_p95_frames", "confirmation lag, 95th percentile", "lag p95", "frames"),
    Measure("input_to_present_max_frames", "key press to screen, worst", "press to screen", "frames"),
)
CONTROLLER_MEASURES: Final = (
    Measure("frame_advantage_p95_frames", "frame advantage, 95th percentile", "advantage p95", "frames", 2),
    Measure("skipped_percent", "skipped ticks", "skipped", "%", 2),
    Measure("rollback_depth_p95_frames", "rollback depth, 95th percentile", "depth p95", "frames"),
    Measure("confirmation_lag_p95_frames", "confirmation lag, 95th percentile", "lag p95", "frames"),
    Measure("stalled_percent", "stalled ticks", "stalled", "%", 2),
)
"""What tells one controller of time sync from another."""
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

    def values(self, axis: str) -> list[str]:
        """In the order of the plan."""
        return list(dict.fromkeys(self.cells[axis]))


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
    measures = (*MEASURES, *CONTROLLER_MEASURES, WORK)
    columns = [column for each in measures for column in (each.column, f"{each.column} ±")]
    missing = {*_COLUMNS, *columns} - set(cells.columns)
    if missing:
        raise ResultError(f"has no column {min(missing)}", str(file), _REMEDY)
    return CampaignFolder(summary, cells, folder)


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


def worst(cells: "pandas.DataFrame") -> "pandas.DataFrame":
    """Those that fail or stall most."""
    return cells.sort_values(["failed", "stalled_percent"], ascending=False).head(MOST_ROWS)


def busiest(cells: "pandas.DataFrame") -> "pandas.DataFrame":
    """Those with most work."""
    return cells.sort_values([WORK.column, "cell"], ascending=[False, True]).head(MOST_BUSY_ROWS)


def listed_runs(cells: "pandas.DataFrame") -> list[tuple[int, int]]:
    """Cell and repeat of the runs whose `scenarios/cell-00042-repeat-3.json` the page links to."""
    stalling = zip(worst(cells)["cell"], worst(cells)["worst_repeat"], strict=True)
    busy = zip(busiest(cells)["cell"], busiest(cells)["busiest_repeat"], strict=True)
    return sorted({(int(cell), int(repeat)) for cell, repeat in (*stalling, *busy)})

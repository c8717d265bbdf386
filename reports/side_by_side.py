"""Simulated and live runs of the same scenarios side by side: does the simulator say what happens?

Medians are compared, not packets: the network draws other numbers live. A figure agrees when the live
median is within 15 % of the simulated one, or within the unit's own grain (a frame, a percentage point).
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reports.palette import PLAYER_HUES, QUIET, RULE, WRONG
from reports.plots import PAGE_PX, SMALL_PX, draw
from reports.quantities import count
from reports.read_result import ResultFolder
from reports.render import render, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RELATIVE_GOAL: Final = 0.15
_TEMPLATE: Final = "side_by_side.html.jinja2"
_SIMULATED, _LIVE = PLAYER_HUES[0], PLAYER_HUES[1]

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure of a run. `grain`: a difference of so much is none. `of` gives None where it is missing."""

    title: str
    unit: str
    grain: float
    of: Callable[[Table], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A scenario as it was simulated and as it was played."""

    name: str
    simulated: ResultFolder
    live: ResultFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of one pair; `agrees` is None where either side is missing."""

    measure: Measure
    simulated: float | None
    live: float | None

    @property
    def agrees(self) -> bool | None:
        if self.simulated is None or self.live is None:
            return None
        goal = max(self.measure.grain, RELATIVE_GOAL * self.simulated)
        return abs(self.live - self.simulated) <= goal


def _depth(share: float) -> Callable[[Table], float | None]:
    def of(table: Table) -> float | None:
        entries = itertools.chain.from_iterable(peer["depth_histogram"] for peer in table["peers"])
        values = sorted(itertools.chain.from_iterable([depth] * number for depth, number in entries))
        return _quantile(values, share) if values else 0.0

    return of


def _confirmation_lag(table: Table) -> float | None:
    lags = itertools.chain.from_iterable(peer["series"]["confirmation_lag"] for peer in table["peers"])
    values = sorted(lags)
    return _quantile(values, 0.5) if values else None


def _stall_percent(table: Table) -> float | None:
    stalled = sum(peer["metrics"]["stalled_ticks"] for peer in table["peers"])
    played = sum(peer["metrics"]["frames"] for peer in table["peers"])
    return 100 * stalled / (stalled + played) if played else None


def _bytes_per_s(table: Table) -> float | None:
    rates: list[int] = [peer["metrics"]["sent_bytes_per_s"] for peer in table["peers"]]
    return sum(rates) / len(rates)


def _quantile(values: Sequence[float], share: float) -> float:
    return float(values[min(len(values) - 1, int(share * len(values)))])


MEASURES: Final = (
    Measure(title="depth, median", unit="frames", grain=1, of=_depth(0.5)),
    Measure(title="depth, p95", unit="frames", grain=1, of=_depth(0.95)),
    Measure(title="stalled share", unit="%", grain=1, of=_stall_percent),
    Measure(title="confirmation lag", unit="frames", grain=1, of=_confirmation_lag),
    Measure(title="sent by a peer", unit="B/s", grain=0, of=_bytes_per_s),
)


def cells(pair: Pair) -> tuple[Cell, ...]:
    """All figures of a pair."""
    return tuple(
        Cell(measure=measure, simulated=measure.of(pair.simulated.table), live=measure.of(pair.live.table))
        for measure in MEASURES
    )


def written(value: float | None, measure: Measure) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    return f"{value:.1f}" if measure.unit == "%" else count(value)


def verdict(pairs: Iterable[Pair]) -> str:
    """How often the simulator was right, in a sentence."""
    found = [cell.agrees for pair in pairs for cell in cells(pair) if cell.agrees is not None]
    if not found:
        return "Nothing to compare."
    if all(found):
        return f"All {len(found)} figures of the live runs are as the simulator says."
    return f"{sum(found)} of {len(found)} figures of the live runs are as the simulator says."


def markdown(pairs: Sequence[Pair]) -> str:
    """The table for the docs: simulated / live, a cross where they disagree."""
    head = "| scenario | data equal and true, live | " + " | ".join(
        f"{measure.title} ({measure.unit})" for measure in MEASURES
    )
    lines = [head + " |", "|---" * (len(MEASURES) + 2) + "|"]
    for pair in pairs:
        row = [pair.name, "yes" if _is_sound(pair) else "**no**"]
        row += [_pair_of(cell) + ("" if cell.agrees is not False else " ✗") for cell in cells(pair)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def write_page(pairs: Sequence[Pair], target: Path, *, command: str) -> Path:
    """Write the HTML page to `target` (its folder is made); `command` makes the runs again."""
    text = render(
        _TEMPLATE,
        sentence=verdict(pairs),
        is_sound=all(_is_sound(pair) for pair in pairs),
        measures=MEASURES,
        rows=[_row(pair) for pair in pairs],
        chart=_chart(pairs),
        command=command,
        simulated_hue=_SIMULATED,
        live_hue=_LIVE,
        goal=f"{100 * RELATIVE_GOAL:.0f} %",
    )
    return write_text(text, target)


def _is_sound(pair: Pair) -> bool:
    data = pair.live.table["data"]
    return bool(data["equal"] and data["true"])


def _pair_of(cell: Cell) -> str:
    return f"{written(cell.simulated, cell.measure)} / {written(cell.live, cell.measure)}"


def _row(pair: Pair) -> Table:
    return {
        "name": pair.name,
        "is_sound": _is_sound(pair),
        "rows": count(pair.live.table["data"]["rows"]),
        "cells": [{"text": _pair_of(cell), "agrees": cell.agrees} for cell in cells(pair)],
    }


def _chart(pairs: Sequence[Pair]) -> str:
    """A column per measure, a line per scenario: a ring where simulated, a dot where live."""
    top_px, row_px, bottom_px, left_px = 30.0, 24.0, 34.0, 190.0
    height = top_px + row_px * len(pairs) + bottom_px
    width = (PAGE_PX - left_px) / len(MEASURES)

    def paint(figure: "Figure") -> None:
        for column, measure in enumerate(MEASURES):
            box = (
                (left_px + column * width + 12) / PAGE_PX,
                bottom_px / height,
                (width - 30) / PAGE_PX,
                row_px * len(pairs) / height,
            )
            axes = figure.add_axes(box)
            _dots(axes, [cells(pair)[column] for pair in pairs])
            axes.set_title(f"{measure.title} ({measure.unit})", fontsize=SMALL_PX, loc="left", weight="bold")
            if not column:
                axes.set_yticks(range(len(pairs)), [pair.name for pair in pairs])

    label = "Simulated and live medians. " + " ".join(
        f"{pair.name}: " + ", ".join(f"{cell.measure.title} {_pair_of(cell)}" for cell in cells(pair)) + "."
        for pair in pairs
    )
    return draw("side", label, PAGE_PX, height, paint)


def _dots(axes: "Axes", column: Sequence[Cell]) -> None:
    for row, cell in enumerate(column):
        axes.axhline(row, color=RULE, linewidth=0.8, zorder=0)
        if cell.simulated is not None and cell.live is not None:
            axes.plot([cell.simulated, cell.live], [row, row], color=QUIET, linewidth=1.2, zorder=1)
        if cell.simulated is not None:
            axes.plot([cell.simulated], [row], "o", mfc="white", mec=_SIMULATED, mew=1.8, ms=8, zorder=2)
        if cell.live is not None:
            colour = WRONG if cell.agrees is False else _LIVE
            axes.plot([cell.live], [row], "o", color=colour, ms=5, zorder=3)
    high = max([1.0, *(value for cell in column for value in (cell.simulated, cell.live) if value)])
    axes.set_xlim(-0.05 * high, 1.1 * high)
    axes.set_ylim(len(column) - 0.5, -0.5)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)

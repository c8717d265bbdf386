"""The run on one time axis: faults as bands through the whole figure, below them every peer's lanes.

A reader's eye runs down a band and sees what the fault did. Series longer than the page is wide are
thinned by the value that matters (the deepest rollback, the longest lag), never by leaving out.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reports.headlines import peer_name
from reports.palette import FAULT, FAULT_EDGE, FAULT_LIGHT, INK, QUIET, RULE, player_hue
from reports.plots import PAGE_PX, SMALL_PX, draw
from reports.quantities import milliseconds, plural, seconds, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Table = dict[str, Any]
Value = float | None
Painter = Callable[[Any], None]  # of matplotlib's Axes, which is imported only to draw

_LEFT_PX: Final = 150.0
_RIGHT_PX: Final = 120.0
_PLOT_PX: Final = PAGE_PX - _LEFT_PX - _RIGHT_PX
_MAX_POINTS: Final = 850  # one per pixel of the plot
_MAX_PATH_LANES: Final = 6  # three peers; with more, one lane per receiving peer
_CHARACTER_PX: Final = 6.3  # mean width at the labels' size
_FAULT_ROW_PX: Final = 17.0
_MAX_FAULT_ROWS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """One strip; sizes are pixels from the figure's top."""

    name: str
    unit: str
    top_px: float
    height_px: float
    paint: Painter


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Lanes that belong together. A fault that acts on one of `marks` is darker behind them."""

    heading: str
    hue: str
    marks: frozenset[str]
    top_px: float
    lanes: tuple[_Lane, ...]

    @property
    def bottom_px(self) -> float:
        return self.lanes[-1].top_px + self.lanes[-1].height_px


def timeline(table: Table) -> str:
    """The figure, as an SVG element."""
    end_us = _end_us(table)
    rows = _label_rows(table["events"], end_us)
    first_px = 12 + _FAULT_ROW_PX * max(1, max(rows.values(), default=0) + 1) + 8
    groups = _groups(table, first_px)
    bottom_px = max([first_px, *(group.bottom_px for group in groups)]) + 12
    height = bottom_px + 30

    def paint(figure: "Figure") -> None:
        back = figure.add_axes(_box(0, bottom_px, height))
        back.set_ylim(bottom_px, 0)
        _paint_faults(back, table["events"], groups, rows, first_px, end_us)
        for group in groups:
            if group.heading:
                at = 1 - (group.top_px + 10) / height
                figure.text(0, at, group.heading, color=group.hue, weight="bold", va="center")
            for lane in group.lanes:
                _paint_lane(figure, lane, end_us, height)
        _paint_fault_names(figure, table["events"], rows, end_us, height)

    return draw("time", _in_words(table, end_us), PAGE_PX, height, paint)


def _paint_lane(figure: "Figure", lane: _Lane, end_us: int, height: float) -> None:
    axes = figure.add_axes(_box(lane.top_px, lane.height_px, height))
    axes.set_xlim(0, end_us / 1e6)
    axes.set_xticks([])
    axes.patch.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=3)
    lane.paint(axes)
    middle = lane.top_px + lane.height_px / 2
    name_at, unit_at = (middle - 7, middle + 7) if lane.unit else (middle, middle)
    figure.text(0, 1 - name_at / height, lane.name, va="center", fontsize=SMALL_PX)
    if lane.unit:
        figure.text(0, 1 - unit_at / height, lane.unit, va="center", fontsize=9.5, color=QUIET)


def _end_us(table: Table) -> int:
    ends = [series[-1] for item in table["peers"] + table["paths"] if (series := item["series"]["t_us"])]
    return int(max([*ends, 1_000_000]))


def _in_words(table: Table, end_us: int) -> str:
    text = f"Timeline of {seconds(end_us)} of play."
    for event in table["events"]:
        length = f" for {seconds(event['for_us'])}" if event["for_us"] else ""
        text += f" At {seconds(event['at_us'])}: {event['label'] or event['kind']}{length}."
    for peer in table["peers"]:
        m = peer["metrics"]
        text += (
            f" {peer_name(peer)}: {plural(m.get('rollbacks', 0), 'rollback')}, "
            f"deepest {m.get('rollback_depth_max_frames', 0)} frames, "
            f"{plural(m.get('stalled_ticks', 0), 'stalled tick')}."
        )
    return text


def _box(top_px: float, height_px: float, total_px: float) -> tuple[float, float, float, float]:
    return (
        _LEFT_PX / PAGE_PX,
        1 - (top_px + height_px) / total_px,
        _PLOT_PX / PAGE_PX,
        height_px / total_px,
    )


def _groups(table: Table, top_px: float) -> list[_Group]:
    """The peers' lanes, then the network's, from `top_px` downwards."""
    window = table["scenario"]["session"].get("prediction_window_frames", 0)
    groups: list[_Group] = []

    def group(
        heading: str, hue: str, marks: set[str], lanes: Sequence[tuple[str, str, float, Painter]]
    ) -> None:
        nonlocal top_px
        first = top_px
        top_px += 24 if heading else 0
        placed = []
        for name, unit, height_px, paint in lanes:
            placed.append(_Lane(name=name, unit=unit, top_px=top_px, height_px=height_px, paint=paint))
            top_px += height_px + 12
        groups.append(
            _Group(heading=heading, hue=hue, marks=frozenset(marks), top_px=first, lanes=tuple(placed))
        )

    for peer in table["peers"]:
        lanes = (
            ("rollback depth", "frames", 54.0, _depth_painter(peer, window)),
            ("waiting", "", 9.0, _stall_painter(peer)),
            ("frame advantage", "frames", 40.0, _advantage_painter(peer)),
            ("lag of the data", "frames", 48.0, _lag_painter(peer)),
        )
        group(peer_name(peer), _hue(peer), {f"peer {peer['peer']}"}, lanes)
    for index, (name, paths) in enumerate(_path_groups(table)):
        marks = {f"{path['source']}->{path['target']}" for path in paths}
        group(
            "" if index else "network", INK, marks, ((name, "delay, ms", 50.0, _path_painter(table, paths)),)
        )
    return groups


def _hue(peer: Table) -> str:
    return player_hue(min(peer["players"], default=peer["peer"]))


def _hue_of_peer(table: Table, number: int) -> str:
    return next((_hue(peer) for peer in table["peers"] if peer["peer"] == number), player_hue(number))


def _path_groups(table: Table) -> list[tuple[str, list[Table]]]:
    paths = table["paths"]
    if len(paths) <= _MAX_PATH_LANES:
        return [(f"{path['source']} → {path['target']}", [path]) for path in paths]
    targets = sorted({path["target"] for path in paths})
    return [(f"all → {target}", [p for p in paths if p["target"] == target]) for target in targets]


def _label_rows(events: Sequence[Table], end_us: int) -> dict[int, int]:
    """For each event whose name fits, the row above the lanes where it is written."""
    free = [0.0] * _MAX_FAULT_ROWS
    rows: dict[int, int] = {}
    for index, event in enumerate(events):
        left = _LEFT_PX + _PLOT_PX * event["at_us"] / end_us
        width = _CHARACTER_PX * len(_fault_name(event)) + 12
        row = next((r for r, edge in enumerate(free) if edge <= left), None)
        if row is not None:
            rows[index] = row
            free[row] = left + width
    return rows


def _fault_name(event: Table) -> str:
    name = str(event["label"] or event["kind"]).replace("->", "→")
    return name if len(name) <= 34 else name[:33] + "…"


def _paint_fault_names(
    figure: "Figure", events: Sequence[Table], rows: dict[int, int], end_us: int, height: float
) -> None:
    for index, row in rows.items():
        left = _LEFT_PX + _PLOT_PX * min(events[index]["at_us"] / end_us, 1.0)
        name = _fault_name(events[index])
        is_late = left + _CHARACTER_PX * len(name) > PAGE_PX
        x, align = (left - 4, "right") if is_late else (left + 4, "left")
        y = 1 - (12 + _FAULT_ROW_PX * row + 6) / height
        figure.text(x / PAGE_PX, y, name, ha=align, va="center", fontsize=SMALL_PX, color=INK)
    if not events:
        figure.text(_LEFT_PX / PAGE_PX, 1 - 18 / height, "no faults", va="center", color=QUIET)
    elif len(rows) < len(events):
        text = f"+ {len(events) - len(rows)} more,\nsee the table"
        figure.text(0, 1 - 24 / height, text, va="center", fontsize=SMALL_PX, color=QUIET)


def _paint_faults(
    axes: "Axes",
    events: Sequence[Table],
    groups: Sequence[_Group],
    rows: dict[int, int],
    first_px: float,
    end_us: int,
) -> None:
    """Bands through all lanes, darker behind those that the fault acts on, each tied to its name."""
    axes.set_xlim(0, end_us / 1e6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", length=4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
    bottom_px = axes.get_ylim()[0]
    for index, event in enumerate(events):
        start, end = event["at_us"] / 1e6, (event["at_us"] + event["for_us"]) / 1e6
        hit = {f"peer {peer}" for peer in event["peers"]} | set(event["paths"])
        if end > start:
            axes.fill_between((start, end), first_px, bottom_px, color=FAULT_LIGHT, linewidth=0)
            axes.vlines(end, first_px, bottom_px, color=FAULT_EDGE, linewidth=0.5)
            for group in groups:
                if group.marks & hit:
                    low, high = group.top_px - 4, group.bottom_px + 6
                    axes.fill_between((start, end), low, high, color=FAULT, linewidth=0)
        name_px = 12 + _FAULT_ROW_PX * rows[index] - 2 if index in rows else first_px
        axes.vlines(start, name_px, bottom_px, color=FAULT_EDGE, linewidth=1)


def _beside(axes: "Axes", y: float, text: str, hue: str = QUIET) -> None:
    """A word at the right end of a line: no legend to look for. `y` is a share of the lane's height."""
    axes.text(1 + 8 / _PLOT_PX, y, text, transform=axes.transAxes, va="center", fontsize=SMALL_PX, color=hue)


def thin(
    times: Sequence[int], values: Sequence[Value], limit: int = _MAX_POINTS
) -> tuple[list[float], list[float]]:
    """Seconds and values, at most about `limit` of them: of each bin the value farthest from zero.

    A missing value is NaN, a gap in the line; a bin is missing only where all of it is.
    """
    step = max(1, math.ceil(len(times) / limit))
    seconds_of, kept = [], []
    for first in range(0, len(times), step):
        known = [value for value in values[first : first + step] if value is not None]
        seconds_of.append(times[first] / 1e6)
        kept.append(float(max(known, key=abs)) if known else math.nan)
    return seconds_of, kept


def _series(item: Table, key: str) -> tuple[list[float], list[float]]:
    return thin(item["series"]["t_us"], item["series"][key])


def _depth_painter(peer: Table, window: int) -> Painter:
    def paint(axes: "Axes") -> None:
        times, depths = _series(peer, "rollback_depth")
        known = [(t, d) for t, d in zip(times, depths, strict=True) if d > 0]
        top = max([float(window), 1.0, *(d for _, d in known)])
        width = max(1.0, min(2.4, 0.7 * _PLOT_PX / max(1, len(times))))
        axes.vlines([t for t, _ in known], 0, [d for _, d in known], color=_hue(peer), linewidth=width)
        axes.set_ylim(0, top * 1.04)
        axes.set_yticks([0, int(top)])
        axes.axhline(0, color=RULE, linewidth=0.8)
        if window:
            axes.axhline(window, color=QUIET, linewidth=0.8, linestyle=(0, (2, 3)))
            _beside(axes, window / (top * 1.04), f"window {window}")
        _beside(axes, 0.28, f"{peer['metrics'].get('rollbacks', 0):,} rollbacks")

    return paint


def spans(times: Sequence[float], counts: Sequence[float]) -> list[tuple[float, float]]:
    """Where the counts are not 0, joined; each count is of the time since the sample before."""
    found: list[tuple[float, float]] = []
    for before, t, number in zip([*times[:1], *times], times, counts, strict=False):
        if number > 0 and found and found[-1][1] == before:
            found[-1] = (found[-1][0], t)
        elif number > 0:
            found.append((before, t))
    return found


def _stall_painter(peer: Table) -> Painter:
    def paint(axes: "Axes") -> None:
        times, stalled = _series(peer, "stalled")
        bars = spans(times, stalled)
        axes.broken_barh([(start, end - start) for start, end in bars], (0, 1), color=INK, linewidth=0)
        axes.set_ylim(0, 1)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.axhline(0, color=RULE, linewidth=0.8)
        ticks = peer["metrics"].get("stalled_ticks", 0)
        _beside(axes, 0.4, plural(ticks, "tick") if ticks else "never")

    return paint


def _advantage_painter(peer: Table) -> Painter:
    def paint(axes: "Axes") -> None:
        times, values = _series(peer, "frame_advantage")
        axes.axhline(0, color=RULE, linewidth=0.8)
        axes.plot(times, values, color=_hue(peer))
        reach = max([1.0, *(abs(value) for value in values if value == value)])
        limit = math.ceil(reach)
        axes.set_ylim(-limit * 1.1, limit * 1.1)
        axes.set_yticks([-limit, 0, limit])
        _beside(axes, 0.9, "ahead")
        _beside(axes, 0.1, "behind")

    return paint


def _lag_painter(peer: Table) -> Painter:
    def paint(axes: "Axes") -> None:
        times, confirmation = _series(peer, "confirmation_lag")
        _, commit = _series(peer, "commit_lag")
        hue = _hue(peer)
        axes.fill_between(times, 0, confirmation, color=hue, alpha=0.3, linewidth=0)
        axes.plot(times, commit, color=hue)
        top = max([1.0, *(value for value in commit + confirmation if value == value)])
        axes.set_ylim(0, top * 1.08)
        axes.set_yticks([0, int(top)])
        last = [
            next((v for v in reversed(line) if v == v), 0.0) / (top * 1.08) for line in (confirmation, commit)
        ]
        low = min(max(0.08, last[0] / 2), 0.62)
        _beside(axes, max(last[1], low + 0.3), "to commit", hue)
        _beside(axes, low, "to confirm", hue)

    return paint


def _path_painter(table: Table, paths: Sequence[Table]) -> Painter:
    def paint(axes: "Axes") -> None:
        top = 1.0
        for path in paths:
            times, delays = thin(path["series"]["t_us"], path["series"]["delay_us"])
            in_ms = [delay / 1000 for delay in delays]
            axes.plot(times, in_ms, color=_hue_of_peer(table, path["source"]), linewidth=1.1)
            top = max([top, *(value for value in in_ms if value == value)])
        axes.set_ylim(0, top * 1.3)
        axes.set_yticks([0, int(top)])
        _paint_loss(axes, paths)
        sent, lost = sum(p["sent"] for p in paths), sum(p["lost"] for p in paths)
        if len(paths) == 1 and paths[0].get("delay_p50_us") is not None:
            _beside(axes, 0.3, f"median {milliseconds(paths[0]['delay_p50_us'])}")
        _beside(axes, 0.92, f"{share(lost, sent)} lost", INK)

    return paint


def _paint_loss(axes: "Axes", paths: Sequence[Table]) -> None:
    """Strokes that hang from the lane's top: the longer, the more was lost in that moment."""
    totals: dict[int, float] = {}
    for path in paths:
        for at, lost in zip(path["series"]["t_us"], path["series"]["lost"], strict=True):
            totals[at] = totals.get(at, 0) + (lost or 0)
    ordered = sorted(totals)
    times, losses = thin(ordered, [totals[at] for at in ordered])
    most = max(losses, default=0.0)
    strokes = [(t, 1 - 0.22 * lost / most) for t, lost in zip(times, losses, strict=True) if lost > 0]
    axes.vlines(
        [t for t, _ in strokes],
        [low for _, low in strokes],
        1,
        transform=axes.get_xaxis_transform(),
        color=INK,
        linewidth=1.0,
    )

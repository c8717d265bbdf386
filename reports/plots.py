"""Figures as inline SVG: same data, same bytes; text stays text.

matplotlib draws them at one unit per CSS pixel. Ids get a prefix of their own, so that several
figures can stand in one page; metadata, with its date and addresses, is left out.
"""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from reports.headlines import peer_name
from reports.palette import INK, QUIET, RULE, player_hue
from reports.quantities import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT_PX: Final = 12.0
SMALL_PX: Final = 11.0
PAGE_PX: Final = 1120.0  # the width of the page's column
_LAST_BAR: Final = 20  # as many as can carry their number

Table = dict[str, Any]

_RC: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sametick",
    "path.simplify": True,
    "path.simplify_threshold": 0.2,
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same layout on every machine
    "font.size": TEXT_PX,
    "text.color": INK,
    "text.parse_math": False,  # names are words, even with dollar signs
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": SMALL_PX,
    "ytick.labelsize": SMALL_PX,
    "lines.linewidth": 1.3,
    "axes.unicode_minus": True,
}


def draw(
    prefix: str, label: str, width_px: float, height_px: float, paint: Callable[["Figure"], None]
) -> str:
    """The SVG element that `paint` draws on an empty figure. `label` is read out instead of it."""
    import matplotlib
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {}  # of matplotlib's own defaults: a reader's matplotlibrc changes nothing
    settings.update(matplotlib.rcParamsDefault)
    settings.update(_RC)
    settings.pop("backend", None)
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72)
        paint(figure)
        out = io.StringIO()
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", transparent=True, metadata=no_metadata)
    return _inline(out.getvalue(), prefix, label)


def _inline(svg: str, prefix: str, label: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, count=1, flags=re.DOTALL)  # the page has these two rules
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-").replace('xlink:href="#', f'xlink:href="#{prefix}-')
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--text-font, sans-serif)", svg)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert size is not None, "matplotlib always writes a viewBox"
    opening = (
        f'<svg class="plot" role="img" aria-label="{_attribute(label)}" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {size[1]} {size[2]}">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, svg, count=1)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def distributions(table: Table) -> str:
    """Per peer a row: depth of rollbacks, commit lag, and press to screen."""
    peers = table["peers"]
    row_px, top_px, bottom_px = 118.0, 30.0, 6.0
    height = top_px + row_px * len(peers) + bottom_px
    columns = [
        ("rollback depth (frames)", [_depths(peer) for peer in peers]),
        ("commit lag (frames, share of the time)", [_lags(peer) for peer in peers]),
        ("key press to screen (frames)", [_responses(peer) for peer in peers]),
    ]

    def paint(figure: "Figure") -> None:
        for column, (title, histograms) in enumerate(columns):
            left = 96 + column * 348
            last = max([4, *(value for histogram in histograms for value in histogram)])
            for row, histogram in enumerate(histograms):
                bottom = bottom_px + (len(peers) - 1 - row) * row_px
                box = (left / PAGE_PX, (bottom + 22) / height, 300 / PAGE_PX, (row_px - 40) / height)
                hue = player_hue(min(peers[row]["players"], default=peers[row]["peer"]))
                _bars(figure.add_axes(box), histogram, last, hue, is_share=column == 1)
                if column == 0:
                    y = (bottom + row_px - 26) / height
                    figure.text(0, y, peer_name(peers[row]), color=hue, weight="bold", va="top")
            figure.text(left / PAGE_PX, 1 - 14 / height, title, weight="bold")

    label = "Distributions per player. " + " ".join(_in_words(peer) for peer in peers)
    return draw("dist", label, PAGE_PX, height, paint)


def _in_words(peer: Table) -> str:
    m = peer["metrics"]
    depth = [m.get(f"rollback_depth_{q}_frames", 0) for q in ("p50", "p95", "max")]
    lag = [m.get(f"commit_lag_{q}_frames", 0) for q in ("p50", "p95", "max")]
    return (
        f"{peer_name(peer)}: rollback depth median {depth[0]}, 95th percentile {depth[1]}, "
        f"maximum {depth[2]} frames; commit lag median {lag[0]}, 95th percentile {lag[1]}, maximum {lag[2]}."
    )


def _depths(peer: Table) -> dict[int, int]:
    return {int(depth): int(number) for depth, number in peer["depth_histogram"]}


def _lags(peer: Table) -> dict[int, int]:
    return _tally(peer["series"]["commit_lag"])


def _responses(peer: Table) -> dict[int, int]:
    """As recorded; where only the worst is known, that one alone."""
    pairs: Iterable[Sequence[int]] = peer.get("input_to_present_histogram", [])
    known = {int(frames): int(number) for frames, number in pairs}
    worst = peer["metrics"].get("input_to_present_max_frames")
    return known or ({int(worst): 0} if worst is not None else {})


def _tally(values: Iterable[float | None]) -> dict[int, int]:
    tally: dict[int, int] = {}
    for value in values:
        if value is not None:
            tally[round(value)] = tally.get(round(value), 0) + 1
    return tally


def _bars(axes: "Axes", histogram: dict[int, int], last: int, hue: str, *, is_share: bool) -> None:
    """Bars from 0 to `last`; a long tail is gathered in the last bar."""
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    total = sum(histogram.values())
    if not total:
        text = f"never more than {max(histogram)}" if histogram else "none"
        axes.text(0, 0.4, text, transform=axes.transAxes, color=QUIET)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        return
    end = min(last, _LAST_BAR)
    bars = [(value, histogram.get(value, 0)) for value in range(end)]
    bars.append((end, sum(number for value, number in histogram.items() if value >= end)))
    axes.bar([value for value, _ in bars], [n for _, n in bars], width=0.78, color=hue, linewidth=0)
    highest = max(number for _, number in bars)
    for value, number in bars:
        percent = 100 * number / total
        if number and (not is_share or percent >= 1):
            text = f"{percent:.0f}" + (" %" if end <= 12 else "") if is_share else count(number)
            axes.text(value, number + highest * 0.03, text, ha="center", fontsize=9.5, color=QUIET)
    ticks = [*range(0, end, 1 if end <= 12 else 4), end]
    axes.set_xticks(ticks, [*map(str, ticks[:-1]), f"≥ {end}" if end < last else str(end)])
    axes.set_xlim(-0.7, end + 0.7)
    axes.set_ylim(0, highest * 1.18)

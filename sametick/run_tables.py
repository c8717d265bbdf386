"""A run on the terminal: its title, figures per peer, verdicts, and what it put to the test."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from reports.headlines import (
    broken_expectations,
    equal_words,
    exercised_sentence,
    incoming_loss,
    peer_name,
    run_title,
)
from reports.headlines import violations as violated
from reports.quantities import count, data_rate, milliseconds, plural

Table = dict[str, Any]
_ENDLESS: Final = 1_000  # wider than any table: what it would like to be
INDENT: Final = 24  # of the words of a verdict: the longest name of an oracle fits before them
CALLED_AS: Final = "SAMETICK_CALLED_AS"  # set by ./dev: in a clone there is no `sametick` on the path


def typed(command: str) -> str:
    """A command of ours as the user has to type it here."""
    return os.environ.get(CALLED_AS, "sametick") + command.removeprefix("sametick")


class _Column(NamedTuple):
    title: str
    cell: Callable[[Table, Table], str]  # of the run and the peer


def _joined(*keys: str) -> Callable[[Table, Table], str]:
    def cell(_: Table, peer: Table) -> str:
        values = [peer["metrics"].get(key) for key in keys]
        return " / ".join("–" if value is None else count(value) for value in values)

    return cell


def _resimulated(_: Table, peer: Table) -> str:
    m = peer["metrics"]
    return f"{count(m.get('resimulated_frames', 0))} ({count(m.get('resimulated_minimum_frames', 0))})"


def _rtt(_: Table, peer: Table) -> str:
    value = peer["metrics"].get("rtt_p50_us")
    return "–" if value is None else milliseconds(value)


def _loss(table: Table, peer: Table) -> str:
    return incoming_loss(table, peer["peer"])


def _sent(_: Table, peer: Table) -> str:
    return data_rate(peer["metrics"].get("sent_bytes_per_s", 0))


_COLUMNS: Final = (
    _Column("frames", _joined("frames")),
    _Column("rollbacks", _joined("rollbacks")),
    _Column(
        "depth\np50/p95/max",
        _joined("rollback_depth_p50_frames", "rollback_depth_p95_frames", "rollback_depth_max_frames"),
    ),
    _Column("resim\n(min)", _resimulated),
    _Column("stalls", _joined("stalled_ticks")),
    _Column("confirm lag\np50/p95", _joined("confirmation_lag_p50_frames", "confirmation_lag_p95_frames")),
    _Column("commit lag\np50/p95", _joined("commit_lag_p50_frames", "commit_lag_p95_frames")),
    _Column("press to\nscreen", _joined("input_to_present_max_frames")),
    _Column("RTT", _rtt),
    _Column("loss", _loss),
    _Column("sent", _sent),
    _Column("compared", _joined("checksum_comparisons")),
)


def title_line(table: Table) -> Text:
    """The run's title and how fast it was simulated."""
    speed = table["simulated_us"] / max(1, table["wall_us"])
    return Text(f" {run_title(table)}", style="bold") + Text(f"   {speed:,.0f}× real time", style="dim")


def metrics_grid(table: Table, console: Console) -> RenderableType:
    """One row per peer where the terminal is wide enough, else one column per peer, in several tables."""
    grid = _grid_by_peer(table)
    if _fits(grid, console):
        return grid
    grids, peers = [], list(table["peers"])
    while peers:
        count = next((n for n in range(len(peers), 1, -1) if _fits(_grid(table, peers[:n]), console)), 1)
        grids.append(_grid(table, peers[:count]))
        del peers[:count]
    return Group(*grids)


def _fits(grid: Grid, console: Console) -> bool:
    return Measurement.get(console, console.options.update(width=_ENDLESS), grid).maximum <= console.width


def _grid(table: Table, peers: Sequence[Table]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("", no_wrap=True)
    for peer in peers:
        grid.add_column(peer_name(peer), justify="right", no_wrap=True)
    for column in _COLUMNS:
        title = column.title.replace("\n", " ")
        grid.add_row(title, *(column.cell(table, peer) for peer in peers))
    return grid


def _grid_by_peer(table: Table) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    grid.add_column("")
    for column in _COLUMNS:
        grid.add_column(column.title, justify="right", no_wrap=True)
    for peer in table["peers"]:
        grid.add_row(peer_name(peer), *(column.cell(table, peer) for column in _COLUMNS))
    return grid


def verdict_text(is_ok: bool, title: str, words: str) -> Text:
    """A tick or a cross, what it is about, and what it means."""
    mark = Text(" ✓ ", style="bold green") if is_ok else Text(" ✗ ", style="bold red")
    return mark + Text(f"{title:<{INDENT - 5}}  ", style="bold") + Text(words)


def tell(line: Text, screen: Console) -> None:
    """Print a verdict: wrapped under its own words on a terminal, whole where the output is piped."""
    if not screen.is_terminal:
        screen.print(line, soft_wrap=True)
        return
    first, *rest = line[INDENT:].wrap(screen, max(INDENT, screen.width - INDENT)) or [Text()]
    screen.print(line[:INDENT] + first, soft_wrap=True)
    for part in rest:
        screen.print(Text(" " * INDENT) + part, soft_wrap=True)


def data_lines(table: Table) -> list[Text]:
    """Equal and true, as two lines."""
    data = table["data"]
    equal = equal_words(table)
    if data["equal"]:
        equal += f"   sha256 {data['sha256'][:8]}…"
    true = "equal to a replay without a network"
    if not data["true"]:
        true = "a replay without a network gives other rows"
    return [verdict_text(data["equal"], "data equal", equal), verdict_text(data["true"], "data true", true)]


def response_line(table: Table) -> Text:
    """Own input on screen after the input delay, always: the worst of all peers."""
    worst = max(peer["metrics"].get("input_to_present_max_frames") or 0 for peer in table["peers"])
    delay = max(peer["metrics"].get("input_delay_frames", 0) for peer in table["peers"])
    broken = any("respons" in oracle["name"] for oracle in violated(table))
    words = f"own input is on screen after at most {plural(worst, 'frame')}; the input delay is {delay}"
    return verdict_text(not broken, "local response", words)


def oracle_line(table: Table) -> Text:
    """All laws in one line."""
    broken, total = violated(table), len(table["oracles"])
    if broken:
        names = ", ".join(f"{oracle['id']} {oracle['name']}" for oracle in broken)
        return verdict_text(False, "oracles", f"{len(broken)} of {total} violated: {names}")
    if not total:
        return Text("   oracles were off", style="dim")
    applied = sum(1 for oracle in table["oracles"] if oracle["checks"])
    idle = f" ({total - applied} had nothing to check)" if applied < total else ""
    return verdict_text(True, f"{applied} oracles held", f"exercised by {exercised_sentence(table)}{idle}")


def oracle_grid(table: Table) -> Grid:
    """Each law's verdict and how often it was checked."""
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("oracle", "", "checks", "verdict"):
        grid.add_column(title, justify="right" if title == "checks" else "left")
    for oracle in table["oracles"]:
        held = Text("✓ held") if oracle["checks"] else Text("– nothing to check", style="dim")
        verdict = held if oracle["ok"] else Text("✗ violated", style="bold red")
        grid.add_row(oracle["id"], oracle["name"], count(oracle["checks"]), verdict)
    return grid


def failure_lines(table: Table) -> list[Text]:
    """What a failing run says: each violation with its place, then each bound that was missed."""
    lines = []
    for oracle in violated(table):
        found = oracle.get("violation") or {}
        place = [f"{key} {found[key]}" for key in ("frame", "player", "peer") if found.get(key) is not None]
        words = found.get("message") or oracle["law"]
        words = f"{', '.join(place)}: {words}" if place else words
        lines.append(verdict_text(False, f"{oracle['id']} {oracle['name']}", words))
    for item in broken_expectations(table):
        lines.append(verdict_text(False, item["key"], f"expected {item['bound']}, found {item['actual']}"))
    return lines


def print_run(table: Table, console: Console) -> None:
    """Everything about one run."""
    console.print(title_line(table), soft_wrap=not console.is_terminal)
    console.print(metrics_grid(table, console))
    if table["oracles"]:
        console.print(oracle_grid(table))
    for line in [*data_lines(table), response_line(table), oracle_line(table), *failure_lines(table)]:
        tell(line, console)
    console.print()
    style = "bold" if table["verdict"]["ok"] else "bold red"
    console.print(Text(f" {table['verdict']['sentence']}", style=style), soft_wrap=not console.is_terminal)
    console.print(Text(f" again: {typed(table['command'])}", style="dim"), soft_wrap=True)

"""`sametick check GAME`: every property of a game that rollback rests on, what it costs, and a verdict."""

import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table as Grid
from rich.text import Text

from rollback_core.conformance import PROPERTIES, Counterexample, Report, check_simulation
from rollback_core.simulation import GameSpec, Simulation
from rollback_core.trajectory import actions_at, episode_seed
from sametick.failure import EXIT_FAILED, EXIT_OK
from sametick.other_hosts import (
    Divergence,
    Host,
    HostError,
    find_node,
    find_pyodide,
    first_divergence,
    process_host,
    pyodide_host,
)
from scenarios.registry import Params, create_game

FRAME_US: Final = 16_667  # one frame at 60 Hz
_SHOWN_DEPTH: Final = 999  # deeper than any window: the number itself says no more
_SHOWN_VALUE: Final = 60  # characters of a value in a counterexample
_COST_SAMPLES: Final = 200

_HASH_SEED: Final = "other hash seed"
_PYODIDE: Final = "Pyodide"
_HASH_SEED_CLAIM: Final = "two processes with different hash seeds play alike"
_PYODIDE_CLAIM: Final = "native and Pyodide play alike, to the bit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One property in the table. `is_held` None: not tried, and `note` says why."""

    name: str
    claim: str
    is_held: bool | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Medians of one call each, on this machine; `rollback_frames` is how deep one fits into 1/60 s."""

    step_us: float
    save_us: float
    load_us: float
    encode_us: float
    state_bytes: int
    rollback_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All that is printed."""

    spec: GameSpec
    frames: int
    seed: int
    lines: tuple[Line, ...]
    counterexample: Counterexample | None
    costs: Costs | None

    @property
    def is_fit(self) -> bool:
        return all(line.is_held is not False for line in self.lines)


def run(
    game_id: str,
    params: Params | None = None,
    frames: int = 600,
    seed: int = 1,
    json_output: bool = False,
    console: Console | None = None,
) -> int:
    """Check a game and print what was found; the exit code. A bad name or parameter is a UsageError."""
    console = console or Console(highlight=False)
    title = f"checking {game_id}"
    with Progress(
        TextColumn(title),
        BarColumn(bar_width=24),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=json_output or not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=len(PROPERTIES) + 3)

        def tell(step: str) -> None:
            progress.update(task, description=step, advance=1)

        verdict = examine(game_id, params or {}, frames, seed, tell)
    if json_output:
        console.print_json(json.dumps(as_table(verdict)))
    else:
        print_verdict(verdict, console)
    return EXIT_OK if verdict.is_fit else EXIT_FAILED


def examine(game_id: str, params: Params, frames: int, seed: int, tell: Callable[[str], None]) -> Verdict:
    """Everything about a game. `tell` hears what is tried next."""

    def make() -> Simulation:
        return create_game(game_id, params)

    report = check_simulation(make, frames=frames, seed=seed, progress=tell)
    lines = [_line(result.name, result.is_held, result.comparisons) for result in report.results]
    found = report.counterexample
    if report.is_fit:
        request = {"game": game_id, "params": dict(params), "frames": frames, "seed": seed}
        others, divergence = _other_hosts(request, tell)
        lines += others
        found = divergence
    else:
        note = "not tried: it already fails in one process"
        lines.append(Line(name=_HASH_SEED, claim=_HASH_SEED_CLAIM, is_held=None, note=note))
        lines.append(Line(name=_PYODIDE, claim=_PYODIDE_CLAIM, is_held=None, note=note))
    tell("costs")
    return Verdict(
        spec=report.spec,
        frames=frames,
        seed=seed,
        lines=tuple(lines),
        counterexample=found,
        costs=_measured(make, report),
    )


def _line(name: str, is_held: bool, comparisons: int) -> Line:
    return Line(
        name=name,
        claim=PROPERTIES[name],
        is_held=is_held,
        note=f"{comparisons:,} times" if is_held else "",
    )


def _other_hosts(
    request: dict[str, Any], tell: Callable[[str], None]
) -> tuple[list[Line], Counterexample | None]:
    """Lines for another hash seed and for Pyodide, and the first frame at which a host parts."""
    tell(_HASH_SEED)
    here = process_host(1)
    line, answer, found = _compare(request, here, None, process_host(2), _HASH_SEED, _HASH_SEED_CLAIM)
    tell(_PYODIDE)
    node, pyodide = find_node(), find_pyodide(os.environ)
    if node is None or pyodide is None:
        missing = "Node is not installed" if node is None else "the npm package pyodide is not installed"
        return [
            line,
            Line(name=_PYODIDE, claim=_PYODIDE_CLAIM, is_held=None, note=f"not tried: {missing}"),
        ], found
    other = pyodide_host(node, pyodide)
    pyodide_line, _, parted = _compare(request, here, answer, other, _PYODIDE, _PYODIDE_CLAIM)
    return [line, pyodide_line], found or parted


def _compare(
    request: dict[str, Any],
    here: Host,
    known: dict[str, Any] | None,
    there: Host,
    name: str,
    claim: str,
) -> tuple[Line, dict[str, Any] | None, Counterexample | None]:
    """The line, the answer from `here` (asked unless `known`), and where the two hosts part."""

    def broken(frame: int, field: str, first: Any, second: Any) -> tuple[Line, Any, Counterexample]:
        found = Counterexample(property=name, frame=frame, field=field, expected=first, actual=second)
        return Line(name=name, claim=claim, is_held=False, note=""), known, found

    try:
        known = known or here(request)
        answer = there(request)
        if "digests" not in known:
            return broken(-1, "exception", "none", known.get("error") or known["refused"])
        if "not installed" in answer.get("refused", ""):  # NumPy, say: no game for a browser then
            note = f"not tried: {answer['refused']}"
            return Line(name=name, claim=claim, is_held=None, note=note), known, None
        if "digests" not in answer:
            return broken(-1, "exception", "none", answer.get("error") or answer["refused"])
        parted: Divergence | None = first_divergence(request, (here, there), (known, answer))
    except HostError as error:
        return broken(-1, "the host", "an answer", str(error))
    if parted is not None:
        return broken(parted.frame, parted.field, parted.first, parted.second)
    if known["python"] != answer["python"]:
        claim += f" (Python {known['python']} and {answer['python']})"
    note = f"{len(answer['digests']):,} frames"
    return Line(name=name, claim=claim, is_held=True, note=note), known, None


def _measured(make: Callable[[], Simulation], report: Report) -> Costs | None:
    """None for a game that cannot even be played."""
    if any(r.counterexample and r.counterexample.field == "exception" for r in report.results):
        return None
    return measure(make(), min(report.frames, _COST_SAMPLES), report.seed)


def measure(game: Simulation, frames: int, seed: int) -> Costs:
    """Play, saving before each step and loading now and then, and take the medians."""
    steps, saves, loads, encodes, sizes = [], [], [], [], []
    clock = time.perf_counter_ns
    episode = 0
    game.reset(episode_seed(seed, episode))
    for frame in range(frames):
        actions = actions_at(game.spec, seed, frame)
        begin = clock()
        state = game.save_state()
        saved = clock()
        game.load_state(state)
        loaded = clock()
        encoded = game.encode_state(state)
        told = clock()
        outcome = game.step(actions)
        stepped = clock()
        saves.append(saved - begin)
        loads.append(loaded - saved)
        encodes.append(told - loaded)
        steps.append(stepped - told)
        sizes.append(len(encoded))
        if outcome.is_over:
            episode += 1
            game.reset(episode_seed(seed, episode))
    step, save, load, encode = (statistics.median(each) / 1000 for each in (steps, saves, loads, encodes))
    depth = int((FRAME_US - load - save - step) / max(step + save, 0.001))
    return Costs(
        step_us=step,
        save_us=save,
        load_us=load,
        encode_us=encode,
        state_bytes=int(statistics.median(sizes)),
        rollback_frames=max(0, depth),
    )


def print_verdict(verdict: Verdict, console: Console) -> None:
    spec = verdict.spec
    players = f"{len(spec.agents)} player{'s' if len(spec.agents) > 1 else ''}"
    facts = f" · {players} · {spec.action_count:,} actions · {verdict.frames:,} frames · seed {verdict.seed}"
    console.print(Text(f" {spec.id}", style="bold") + Text(facts))
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for column in ("mark", "name", "claim", "note"):
        is_short = column != "claim"
        grid.add_column(column, style="dim" if column == "note" else None, no_wrap=is_short)
    marks = {True: Text(" ✓", "bold green"), False: Text(" ✗", "bold red"), None: Text(" –", "dim")}
    for line in verdict.lines:
        told = (line.note, "") if line.is_held is None else (line.claim, line.note)
        grid.add_row(marks[line.is_held], Text(line.name), *map(Text, told))
    console.print(grid)
    if verdict.costs is not None:
        console.print(Text(_cost_text(verdict.costs)), soft_wrap=True)
    found = verdict.counterexample
    if found is None:
        console.print(Text(" ✓ ", "bold green") + Text("fit for rollback"))
        return
    console.print(Text(" ✗ ", "bold red") + Text(f"not fit for rollback: {found.property}"), soft_wrap=True)
    where = f"frame {found.frame:,}, {found.field}" if found.frame >= 0 else found.field
    console.print(Text(f"   where: {where}"), soft_wrap=True)
    shown = f"{_shown(found.expected)} ≠ {_shown(found.actual)}"
    console.print(Text(f"   what:  {found.actual if found.field == 'exception' else shown}"), soft_wrap=True)


def _cost_text(costs: Costs) -> str:
    depth = costs.rollback_frames
    fits = f"more than {_SHOWN_DEPTH}" if depth > _SHOWN_DEPTH else str(depth)
    return (
        f" step {_us(costs.step_us)} · save {_us(costs.save_us)} · load {_us(costs.load_us)} · "
        f"checksum {_us(costs.encode_us)} · state {costs.state_bytes:,} bytes\n"
        f" a rollback of {fits} frame{'' if depth == 1 else 's'} fits into 16.7 ms here; "
        "in a browser reckon with a third"
    )


def _us(value: float) -> str:
    return f"{value:.1f} µs" if value < 100 else f"{value:,.0f} µs"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"


def as_table(verdict: Verdict) -> dict[str, Any]:
    """The verdict for machines."""
    found = verdict.counterexample
    return {
        "game": verdict.spec.id,
        "fit": verdict.is_fit,
        "frames": verdict.frames,
        "seed": verdict.seed,
        "properties": [asdict(line) for line in verdict.lines],
        "counterexample": None
        if found is None
        else {
            **asdict(found),
            "expected": _shown(found.expected),
            "actual": _shown(found.actual) if found.field != "exception" else str(found.actual),
        },
        "costs": None if verdict.costs is None else asdict(verdict.costs),
    }

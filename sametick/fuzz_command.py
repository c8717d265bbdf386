"""`sametick fuzz`: scenarios that nobody thought of, until one breaks a law; that one is made small."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from sametick.failure import EXIT_FAILED, EXIT_OK, Mistake
from sametick.run_tables import typed

if TYPE_CHECKING:
    from netsim.fuzz import Failure, Tally

Table = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FuzzRequest:
    """What is to be played; `cases` and `minutes` None: what the profile says. `patch` is a planted bug."""

    profile: str
    cases: int | None
    minutes: float | None
    seed: int
    jobs: int
    patch: str | None
    out: Path
    page: Path | None


def fuzz_many(request: FuzzRequest, *, is_json: bool) -> int:
    """Exit 1 if a law broke, a batch could not be played, or the whole profile did not reach what it must."""
    with needs_hypothesis("sametick fuzz"):
        from netsim.fuzz import PROFILES, fuzz
    from sametick.simulation_run import check_planted

    check_planted(request.patch)
    profile = PROFILES[request.profile]
    wanted = request.cases or profile.cases
    side = Console(stderr=True, highlight=False)
    with _bar(side, is_shown=not is_json) as (progress, task):
        progress.update(task, total=wanted)

        def tell(tally: "Tally") -> None:
            speed = f"{tally.cases_per_minute:,.0f} cases a minute"
            progress.update(task, completed=tally.cases, description=speed)

        tally = fuzz(
            seed=request.seed,
            cases=wanted,
            max_players=profile.max_players,
            jobs=request.jobs,
            minutes=request.minutes,
            patch=request.patch,
            on_progress=tell,
        )
        kept = None if tally.failure is None else _keep(tally.failure, request.patch, request.out, progress)
    is_whole = request.cases is None and request.minutes is None
    missed = tally.missed(profile) if is_whole and tally.failure is None else []
    table = _table(request, tally, kept, missed)
    if request.page is not None:
        request.page.write_text(_markdown(table), encoding="utf-8")
    if is_json:
        print(json.dumps(table, ensure_ascii=False))
    else:
        _print(request, tally, kept, missed)
    return EXIT_OK if table["ok"] else EXIT_FAILED


@contextlib.contextmanager
def needs_hypothesis(command: str) -> Iterator[None]:
    """Mistake instead of a traceback where an import in here finds no Hypothesis."""
    try:
        yield
    except ModuleNotFoundError as error:
        remedy = 'pip install "sametick[fuzz]"'
        raise Mistake(f"{error.name} is not installed", command, remedy) from None


@contextlib.contextmanager
def _bar(side: Console, *, is_shown: bool) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn(" {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    is_silent = not (is_shown and side.is_terminal)
    with Progress(*columns, console=side, transient=True, disable=is_silent) as progress:
        yield progress, progress.add_task("")


def _keep(failure: "Failure", patch: str | None, out: Path, progress: Progress) -> Path:
    """Shrink the failing scenario and write it; gives the file, named by the planted bug or the law."""
    from netsim.fuzz import smallest
    from netsim.shrink import MAX_TRIES
    from scenarios.scenario import scenario_hash, to_json

    task = progress.add_task("making it small", total=MAX_TRIES)
    kind = failure.verdict.kind
    small = smallest(failure.scenario, kind, patch, lambda tries: progress.update(task, completed=tries))
    name = f"{patch or kind.lower()}-{scenario_hash(small)[:8]}"
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name}.json"
    file.write_text(to_json(dataclasses.replace(small, name=name)) + "\n", encoding="utf-8")
    return file


def _again(request: FuzzRequest, file: Path) -> str:
    """What shows the failure again."""
    planted = "" if request.patch is None else f" --patch {request.patch}"
    return f"{typed('sametick sim')} {file}{planted}"


def _command(request: FuzzRequest) -> str:
    words = [typed("sametick fuzz"), f"--profile {request.profile}", f"--seed {request.seed}"]
    words += [f"--cases {request.cases}"] if request.cases is not None else []
    words += [f"--minutes {request.minutes:g}"] if request.minutes is not None else []
    words += [f"--patch {request.patch}"] if request.patch is not None else []
    return " ".join(words)


def _table(request: FuzzRequest, tally: "Tally", kept: Path | None, missed: list[str]) -> Table:
    failure = tally.failure
    found = None
    if failure is not None and kept is not None:
        found = {
            "kind": failure.verdict.kind,
            "sentence": failure.verdict.sentence,
            "file": str(kept),
            "command": _again(request, kept),
        }
    return {
        "ok": failure is None and not missed and not tally.lost,
        "command": _command(request),
        "seed": request.seed,
        "jobs": request.jobs,
        "cases": tally.cases,
        "frames": tally.frames,
        "seconds": round(tally.seconds, 1),
        "reached": dict(sorted(tally.reached.items())),
        "comparisons": dict(sorted(tally.laws.items())),
        "least_room": {
            law: {"room": room, "unit": unit} for law, (room, unit) in sorted(tally.rooms.items())
        },
        "missed": missed,
        "not_played": [str(each) for each in tally.lost],
        "failure": found,
    }


def _markdown(table: Table) -> str:
    """A dated summary, for evidence."""
    from netsim.build import build_id

    failure = table["failure"]
    verdict = "Every law held in every case."
    if table["not_played"]:
        verdict = f"**Every law held, but some cases were not played: {'; '.join(table['not_played'])}.**"
    if failure is not None:
        verdict = f"**{failure['sentence']}** See it again: `{failure['command']}`"
    elif table["missed"]:
        verdict = f"**Every law held, but never met: {', '.join(table['missed'])}.**"
    pace = 60 * table["cases"] / max(0.1, table["seconds"])
    workers = "one process" if table["jobs"] == 1 else f"{table['jobs']} processes"
    rows = [f"| {name} | {number:,} |" for name, number in table["reached"].items()]
    rooms = [f"{law}: {each['room']:,} {each['unit']}" for law, each in table["least_room"].items()]
    lines = [
        f"# {table['cases']:,} generated scenarios, seed {table['seed']}",
        "",
        f"`{table['command']}` · {datetime.now(UTC):%Y-%m-%d %H:%M} UTC · build {build_id()}",
        "",
        verdict,
        "",
        f"{table['frames']:,} frames; {sum(table['comparisons'].values()):,} comparisons by the laws;"
        f" {pace:,.0f} cases a minute in {workers}.",
        f"Nearest to a law's bound: {'; '.join(rooms)}.",
        "",
        "| condition | met in |",
        "| --- | ---: |",
        *rows,
        "",
    ]
    return "\n".join(lines)


def _print(request: FuzzRequest, tally: "Tally", kept: Path | None, missed: list[str]) -> None:
    from netsim.coverage import CONDITIONS

    screen = Console(highlight=False)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for _ in range(2):
        grid.add_column("condition")
        grid.add_column("met in", justify="right")
    half = -(-len(CONDITIONS) // 2)
    for left, right in zip(CONDITIONS[:half], [*CONDITIONS[half:], ""], strict=False):
        grid.add_row(left, f"{tally.reached[left]:,}", right, f"{tally.reached[right]:,}" if right else "")
    screen.print(grid)
    figures = (
        f" {tally.cases:,} cases, {tally.frames:,} frames, {tally.checks:,} comparisons by the laws;"
        f" {tally.cases_per_minute:,.0f} cases a minute"
    )
    screen.print(Text(figures, style="dim"))
    if tally.rooms:
        rooms = [f"{law} {room:,} {unit}" for law, (room, unit) in sorted(tally.rooms.items())]
        screen.print(Text(f" nearest to a law's bound: {', '.join(rooms)}", style="dim"))
    for each in tally.lost:
        screen.print(Text(f" ✗ not played: {each}", style="bold red"), soft_wrap=True)
    if tally.failure is not None and kept is not None:
        screen.print(Text(f" ✗ {tally.failure.verdict.sentence}", style="bold red"))
        screen.print(Text(f"   see it again: {_again(request, kept)}"), soft_wrap=True)
    elif missed:
        screen.print(Text(f" ✗ every law held, but never met: {', '.join(missed)}", style="bold red"))
    elif not tally.lost:
        screen.print(Text(" ✓ every law held in every case", style="bold"))

"""`sametick mutants`: known bugs planted in the core one at a time, and the fuzzer sent after each."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from sametick.failure import EXIT_FAILED, EXIT_OK
from sametick.fuzz_command import needs_hypothesis
from sametick.simulation_run import check_planted

if TYPE_CHECKING:
    from netsim.hunt import Record
    from netsim.workers import Lost


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MutantsRequest:
    """Which bugs are hunted, and how; `names` empty: all. `page` and `corpus` are files to write, if any."""

    names: tuple[str, ...]
    jobs: int
    hunts: int
    cases: int
    page: Path | None
    corpus: Path | None


def hunt_many(request: MutantsRequest, *, is_json: bool) -> int:
    """Exit 1 if a bug survives a hunt."""
    for name in request.names:
        check_planted(name, "NAME")
    with needs_hypothesis("sametick mutants"):
        from netsim.kill_matrix import matrix
    from netsim.workers import Lost
    from scenarios.scenario import to_json

    side = Console(stderr=True, highlight=False)
    columns = (TextColumn(" {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    is_silent = is_json or not side.is_terminal
    records: list[Record] = []
    lost: list[str] = []
    with Progress(*columns, console=side, transient=True, disable=is_silent) as progress:
        task = progress.add_task("hunting", total=len(_names(request)))
        for each in _records(request):
            if isinstance(each, Lost):
                lost.append(str(each))
                continue
            records.append(each)
            progress.update(task, advance=1, description=each.name)
            if not is_json and not side.is_terminal:
                side.print(f"{each.name}: {each.median_cases:,} cases, {' '.join(each.laws)}", soft_wrap=True)
    records.sort(key=lambda each: _names(request).index(each.name))
    if request.page is not None:
        request.page.write_text(matrix(records), encoding="utf-8")
    if request.corpus is not None:
        request.corpus.mkdir(parents=True, exist_ok=True)
        for each in records:
            if each.small is not None:
                file = request.corpus / f"{each.name}.json"
                file.write_text(to_json(each.small) + "\n", encoding="utf-8")
    survivors = [each.name for each in records if not each.is_dead]
    is_ok = not survivors and not lost
    if is_json:
        table = {"ok": is_ok, "bugs": [_table(each) for each in records], "not_hunted": lost}
        print(json.dumps(table))
    else:
        _print(records, survivors, lost)
    return EXIT_OK if is_ok else EXIT_FAILED


def _names(request: MutantsRequest) -> list[str]:
    from netsim.planted_bugs import PATCHES

    return list(request.names or PATCHES)


def _records(request: MutantsRequest) -> Iterator["Record | Lost"]:
    """As they are done."""
    from netsim.hunt import MAX_CASES, hunt_all
    from netsim.workers import HOUR_S, Task, played

    seeds = range(1, request.hunts + 1)
    tasks = [Task(name, (name, seeds, request.cases)) for name in _names(request)]
    limit_s = HOUR_S * request.hunts * max(1, request.cases / MAX_CASES)
    for _, found in played(hunt_all, tasks, request.jobs, limit_s=limit_s):
        yield found


def _table(each: "Record") -> dict[str, Any]:
    return {
        "name": each.name,
        "cases": [kill.cases for kill in each.kills],
        "seconds": [round(kill.seconds, 2) for kill in each.kills],
        "laws": dict(each.laws),
        "is_dead": each.is_dead,
    }


def _print(records: list["Record"], survivors: list[str], lost: list[str]) -> None:
    screen = Console(highlight=False)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("planted bug")
    grid.add_column("cases", justify="right")
    grid.add_column("seconds", justify="right")
    grid.add_column("noticed by")
    for each in records:
        laws = " ".join(law for law, _ in each.laws.most_common())
        is_bad = not each.is_dead
        grid.add_row(
            each.name,
            f"{each.median_cases:,}",
            f"{each.median_seconds:.1f}",
            laws or "nothing",
            style="bold red" if is_bad else None,
        )
    screen.print(grid)
    for told in lost:
        screen.print(Text(f" ✗ not hunted: {told}", style="bold red"), soft_wrap=True)
    if survivors:
        screen.print(Text(f" ✗ not always noticed: {', '.join(survivors)}", style="bold red"))
    elif not lost:
        screen.print(Text(f" ✓ {len(records)} bugs planted, each noticed in every hunt", style="bold"))

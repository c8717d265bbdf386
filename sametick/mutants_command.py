"""`sametick mutants`: known bugs planted in the core one at a time, and the fuzzer sent after each."""

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.mutants import MUTANTS_FILE
from reports.quantities import plural
from sametick.closing import Closing, close, make_ready
from sametick.fuzz_command import needs_hypothesis
from sametick.progress import LongRun
from sametick.run_tables import typed
from sametick.simulation_run import check_planted

if TYPE_CHECKING:
    from netsim.hunt import Record
    from netsim.workers import Lost

Table = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MutantsRequest:
    """Which bugs are hunted, and how; `names` empty: all. `page` and `corpus` are written if named."""

    names: tuple[str, ...]
    jobs: int
    hunts: int
    cases: int
    out: Path
    page: Path | None
    corpus: Path | None


def hunt_many(request: MutantsRequest, *, is_json: bool) -> int:
    """Exit 1 if a bug survives a hunt, or could not be hunted."""
    for name in request.names:
        check_planted(name, "NAME")
    with needs_hypothesis("sametick mutants"):
        from netsim.kill_matrix import kill_table, markdown
    from netsim.workers import Lost

    make_ready([request.out, request.corpus], [request.page])
    names = _names(request)
    records: list[Record] = []
    lost: list[str] = []
    with (
        LongRun("hunting", len(names), "bugs", is_silent=is_json) as progress,
        contextlib.suppress(KeyboardInterrupt),  # the bugs that have been hunted are told all the same
    ):
        for each in _records(request):
            if isinstance(each, Lost):
                lost.append(str(each))
            else:
                records.append(each)
            progress.tell(len(records) + len(lost), at=each.name)
    records.sort(key=lambda each: names.index(each.name))
    is_stopped = len(records) + len(lost) < len(names)
    table = _table(request, kill_table(records), lost, is_stopped=is_stopped)
    also = [] if request.page is None else [(request.page, markdown(table))]
    also += [] if request.corpus is None else _corpus(records, request.corpus)
    file = request.out / MUTANTS_FILE
    return close(table, file, lambda closing: _tell(table, closing), is_json=is_json, also=also)


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


def _corpus(records: list["Record"], folder: Path) -> list[tuple[Path, str]]:
    from scenarios.scenario import to_json

    return [
        (folder / f"{each.name}.json", to_json(each.small) + "\n")
        for each in records
        if each.small is not None
    ]


def _table(request: MutantsRequest, kills: Table, lost: list[str], *, is_stopped: bool) -> Table:
    """The result file: all that is printed, and all that the pages need."""
    from netsim.build import build_id

    survivors = [bug["name"] for bug in kills["bugs"] if not bug["is_dead"]]
    words = [typed("sametick mutants"), *request.names, f"--hunts {request.hunts} --cases {request.cases}"]
    return {
        "ok": bool(kills["bugs"]) and not survivors and not lost,
        "command": " ".join(words),
        "ended_at_utc": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "build": build_id(),
        "most_cases": request.cases,
        "survivors": survivors,
        "not_hunted": lost,
        "stopped": is_stopped,
        **kills,
    }


def _tell(table: Table, closing: Closing) -> None:
    rows = [
        (
            (
                bug["name"],
                f"{bug['median_cases']:,}",
                f"{bug['median_seconds']:.1f}",
                " ".join(bug["laws"]) or "nothing",
            ),
            not bug["is_dead"],
        )
        for bug in table["bugs"]
    ]
    closing.rows(("planted bug", "cases", "seconds", "noticed by"), rows, words="wnnw")
    if table["stopped"]:
        closing.note("stopped; the other bugs were not hunted")
    for told in table["not_hunted"]:
        closing.wrong(f"not hunted: {told}")
    if table["survivors"]:
        closing.wrong(f"not always noticed: {', '.join(table['survivors'])}")
    elif not table["bugs"]:
        closing.wrong("no bug was hunted")
    elif not table["not_hunted"]:
        closing.right(f"{plural(len(table['bugs']), 'bug')} planted, each noticed in every hunt")

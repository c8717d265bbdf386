"""`sametick fuzz`: scenarios that nobody thought of, until one breaks a law; that one is made small."""

import contextlib
import dataclasses
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.fuzzing import FUZZ_FILE, room_told
from sametick.closing import Closing, close, make_ready
from sametick.failure import Mistake
from sametick.progress import LongRun
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
    """Exit 1 if a law broke, a batch could not be played, or as many cases did not reach what they must."""
    with needs_hypothesis("sametick fuzz"):
        from netsim.fuzz import PROFILES, fuzz
    from netsim.planted_bugs import ACROSS_PROCESSES
    from sametick.simulation_run import check_planted

    check_planted(request.patch)
    make_ready([request.out], [request.page])
    if request.patch in ACROSS_PROCESSES:
        raise Mistake(
            f"{request.patch} shows between two processes only",
            "--patch",
            f"sametick mutants {request.patch}",
        )
    profile = PROFILES[request.profile]
    wanted = request.cases or profile.cases
    with LongRun("fuzzing", wanted, "cases", is_silent=is_json) as progress:
        tally = fuzz(
            seed=request.seed,
            cases=wanted,
            max_players=profile.max_players,
            jobs=request.jobs,
            minutes=request.minutes,
            patch=request.patch,
            on_progress=lambda tally: progress.tell(tally.cases),
        )
    kept = None
    if tally.failure is not None:
        kept = _keep(tally.failure, request.patch, request.out, is_silent=is_json)
    missed = tally.missed(profile) if tally.failure is None else []
    table = _table(request, tally, kept, missed)
    page = [] if request.page is None else [(request.page, _markdown(table))]
    file = request.out / FUZZ_FILE
    return close(table, file, lambda closing: _tell(table, closing), is_json=is_json, also=page)


@contextlib.contextmanager
def needs_hypothesis(command: str) -> Iterator[None]:
    """Mistake instead of a traceback where an import in here finds no Hypothesis."""
    try:
        yield
    except ModuleNotFoundError as error:
        remedy = 'pip install "sametick[fuzz]"'
        raise Mistake(f"{error.name} is not installed", command, remedy) from None


def _keep(failure: "Failure", patch: str | None, out: Path, *, is_silent: bool) -> Path:
    """Shrink the failing scenario and write it; gives the file, named by the planted bug or the law."""
    from netsim.fuzz import smallest
    from netsim.shrink import MAX_TRIES
    from scenarios.scenario import scenario_hash, to_json

    kind = failure.verdict.kind
    small = failure.scenario
    with (
        LongRun("making it small", MAX_TRIES, "tries", is_silent=is_silent) as progress,
        contextlib.suppress(KeyboardInterrupt),  # whoever has waited enough gets it as it is
    ):
        small = smallest(failure.scenario, kind, patch, progress.tell)
    name = f"{patch or kind.lower()}-{scenario_hash(small)[:8]}"
    file = out / f"{name}.json"
    file.write_text(to_json(dataclasses.replace(small, name=name)) + "\n", encoding="utf-8")
    return file


def _again(request: FuzzRequest, file: Path) -> str:
    """What shows the failure again."""
    planted = "" if request.patch is None else f" --patch {request.patch}"
    return f"{typed('sametick sim')} {shlex.quote(str(file))}{planted}"


def _command(request: FuzzRequest) -> str:
    words = [typed("sametick fuzz"), f"--profile {request.profile}", f"--seed {request.seed}"]
    words += [f"--cases {request.cases}"] if request.cases is not None else []
    words += [f"--minutes {request.minutes:g}"] if request.minutes is not None else []
    words += [f"--patch {request.patch}"] if request.patch is not None else []
    return " ".join(words)


def _table(request: FuzzRequest, tally: "Tally", kept: Path | None, missed: list[str]) -> Table:
    """The result file: all that is printed, and all that the page needs."""
    from netsim.build import build_id
    from netsim.coverage import CONDITIONS
    from netsim.fuzz import PROFILES
    from netsim.laws import laws

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
        "ok": tally.cases > 0 and failure is None and not missed and not tally.lost,
        "command": _command(request),
        "ended_at_utc": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "build": build_id(),
        "profile": request.profile,
        "seed": request.seed,
        "jobs": request.jobs,
        "patch": request.patch,
        "cases": tally.cases,
        "frames": tally.frames,
        "seconds": round(tally.seconds, 1),
        "reached": {name: tally.reached[name] for name in CONDITIONS},
        "must_reach": list(PROFILES[request.profile].must_reach),
        "missed": missed,
        "laws": laws(),
        "comparisons": dict(sorted(tally.laws.items())),
        "least_room": {
            law: {"room": room, "unit": unit} for law, (room, unit) in sorted(tally.rooms.items())
        },
        "not_played": [str(each) for each in tally.lost],
        "stopped": tally.is_stopped,
        "failure": found,
    }


def _pace(table: Table) -> str:
    return f"{60 * table['cases'] / max(0.1, table['seconds']):,.0f} cases a minute"


def _nearest(table: Table) -> list[str]:
    """For each law that states a bound, what was left of it at the least."""
    return [f"{law}: {room_told(each)}" for law, each in table["least_room"].items()]


def _markdown(table: Table) -> str:
    """A dated summary, for evidence."""
    failure = table["failure"]
    verdict = "Every law held in every case." if table["cases"] else "**Nothing was played.**"
    if failure is not None:
        verdict = f"**{failure['sentence']}** See it again: `{failure['command']}`"
    elif table["not_played"]:
        verdict = f"**Every law held, but not played: {'; '.join(table['not_played'])}.**"
    elif table["missed"]:
        verdict = f"**Every law held, but never met: {', '.join(table['missed'])}.**"
    if table["stopped"]:
        verdict += " Then it was stopped."
    workers = "one process" if table["jobs"] == 1 else f"{table['jobs']} processes"
    rows = [f"| {name} | {number:,} |" for name, number in table["reached"].items()]
    lines = [
        f"# {table['cases']:,} generated scenarios, seed {table['seed']}",
        "",
        f"`{table['command']}` · {table['ended_at_utc']} UTC · build {table['build']}",
        "",
        verdict,
        "",
        f"{table['frames']:,} frames; {sum(table['comparisons'].values()):,} comparisons by the laws;"
        f" {_pace(table)} in {workers}.",
        f"Nearest to a law's bound: {'; '.join(_nearest(table))}.",
        "",
        "| condition | met in |",
        "| --- | ---: |",
        *rows,
        "",
    ]
    return "\n".join(lines)


def _tell(table: Table, closing: Closing) -> None:
    counted = [(name, f"{number:,}") for name, number in table["reached"].items()]
    half = -(-len(counted) // 2)
    pairs = zip(counted[:half], [*counted[half:], ("", "")], strict=False)
    rows = [((*left, *right), False) for left, right in pairs]
    closing.rows(("condition", "met in") * 2, rows, words="wnwn")
    comparisons = sum(table["comparisons"].values())
    closing.note(
        f"{table['cases']:,} cases, {table['frames']:,} frames, {comparisons:,} comparisons by the laws;"
        f" {_pace(table)}"
    )
    if table["stopped"]:
        closing.note("stopped; the rest was not played")
    if table["least_room"]:
        closing.note(f"nearest to a law's bound: {', '.join(_nearest(table))}")
    for told in table["not_played"]:
        closing.wrong(f"not played: {told}")
    if table["failure"] is not None:
        closing.wrong(table["failure"]["sentence"])
        closing.plain(f"see it again: {table['failure']['command']}")
    elif table["missed"]:
        closing.wrong(f"every law held, but never met: {', '.join(table['missed'])}")
    elif not table["cases"]:
        closing.wrong("nothing was played")
    elif not table["not_played"]:
        closing.right("every law held in every case")

"""Fuzzing: scenarios by the thousand, every law on every frame, and the first failure made small.

Cases come in batches; a batch is a pure function of the campaign's seed and its number, so any number of
processes gives the same cases. Hypothesis draws and first shrinks, `netsim.shrink` goes on from there.
"""

import dataclasses
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from netsim.coverage import CONDITIONS, conditions
from netsim.generated import scenarios
from netsim.laws import laws
from netsim.planted import planted
from netsim.run import run_scenario
from netsim.shrink import shrink
from netsim.workers import Lost, Task, played
from scenarios.scenario import Scenario

BATCH_CASES: Final = 250
BACKEND: Final = "sametick-seed-only"
BUILD: Final = "fuzz"  # instead of the build id: a case says the same whatever the sources look like


# What a few hundred cases have met a dozen times.
SOON: Final = (
    "rollback through the whole window",
    "stall under loss",
    "lockstep",
    "suspension under loss",
    "interruption under loss",
    "blackout under loss",
    "delay change under loss",
    "drop under loss",
    "two people at one machine",
    "several episodes",
    "event: hostile",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How many cases, of how many players at most; what must have been met after `reaches_by` of them."""

    cases: int
    max_players: int
    must_reach: tuple[str, ...]
    reaches_by: int
    every_law: bool = False  # must have been put to the test: some speak of one match in hundreds


QUICK: Final = Profile(cases=1_500, max_players=4, must_reach=SOON, reaches_by=1_500)
NIGHTLY: Final = Profile(
    cases=100_000, max_players=8, must_reach=CONDITIONS, reaches_by=100_000, every_law=True
)
PROFILES: Final = {
    "quick": QUICK,
    "nightly": NIGHTLY,
    "soak": dataclasses.replace(NIGHTLY, cases=1_000_000_000),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one case. `kind` is its class of failure: a law's id or an error's name; "" if it holds.

    `laws` are the ids of the laws that were broken; `tables` are the result.json of its sessions, none if an
    error stopped it.
    """

    kind: str
    sentence: str
    laws: tuple[str, ...]
    tables: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A scenario that breaks a law, and how."""

    scenario: Scenario
    verdict: Verdict
    found_at: int  # the number of the case in its batch, from 1


@dataclass(slots=True)
class Batch:
    """What some cases came to."""

    cases: int = 0
    frames: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    laws: Counter[str] = field(default_factory=Counter)  # comparisons made
    rooms: dict[str, tuple[int, str]] = field(default_factory=dict)  # law: least that was left of its bound
    failure: Failure | None = None

    @property
    def checks(self) -> int:
        return self.laws.total()


class SeedOnly(HypothesisProvider):
    """Draws that are a function of the seed alone, and half of the numbers evenly from all of their range.

    Hypothesis' own also draw numbers that stand in whichever modules happen to be loaded: a seed would
    then mean something else in another process. And most of its numbers are near zero: so would be
    nearly all delays, losses and times.
    """

    def _maybe_draw_constant(self, choice_type: Any, constraints: Any, *, p: float = 0.05) -> None:
        return None

    def draw_integer(self, min_value: int | None = None, max_value: int | None = None, **rest: Any) -> int:
        assert self._random is not None
        if min_value is not None and max_value is not None and self._random.getrandbits(1):
            return self._random.randint(min_value, max_value)
        return super().draw_integer(min_value, max_value, **rest)


AVAILABLE_PROVIDERS[BACKEND] = SeedOnly


class _Broken(Exception):
    """A law does not hold; Hypothesis tells failures apart by type, so each kind has its own."""


_BROKEN: dict[str, type[_Broken]] = {}


def judge(scenario: Scenario, patch: str | None = None, *, to_the_end: bool = False) -> Verdict:
    """Play the case, with this bug planted if one is named, until a law is broken or else to the end."""
    with planted(patch):
        try:
            run = run_scenario(scenario, build=BUILD, stop_early=not to_the_end)
        except Exception as error:  # whatever stops the core is a finding
            name = type(error).__name__
            return Verdict(name, f"{name}: {error}", (name,), ())
    tables = tuple(each.table for each in (run, *run.more))
    sentence = str(run.table["verdict"]["sentence"])
    if run.ok:
        return Verdict("", sentence, (), tables)
    oracles = (oracle for table in tables for oracle in table["oracles"])
    broken = tuple(dict.fromkeys(oracle["id"] for oracle in oracles if not oracle["ok"]))
    return Verdict(broken[0] if broken else "expectation", sentence, broken, tables)


def smallest(
    scenario: Scenario, kind: str, patch: str | None, on_step: Callable[[int], None] = lambda tries: None
) -> Scenario:
    """The scenario, which fails in this class, made small; `on_step` hears how many runs that has taken.

    With a planted bug, what fails without it as well is no case of the bug.
    """

    def kind_of(smaller: Scenario) -> str:
        found = judge(smaller, patch).kind
        return "" if found == kind and patch is not None and judge(smaller).kind else found

    return shrink(
        scenario,
        kind_of,
        kind,
        on_step=lambda _, tries: on_step(tries),
    )


def batch_seed(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"fuzz {seed} {number}".encode()).digest()[:8], "big")


def run_batch(
    seed: int, number: int, cases: int, max_players: int, patch: str | None = None, *, is_shrunk: bool = True
) -> Batch:
    """Draw and play so many cases, or up to the first that fails, which is then shrunk by Hypothesis.

    With a planted bug, a case that fails without it as well is passed over: it says nothing of the bug.
    """
    batch = Batch()

    @hypothesis.seed(batch_seed(seed, number))
    @settings(
        max_examples=cases,
        backend=BACKEND,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if is_shrunk else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
    )
    @given(scenarios(max_players))
    def play(scenario: Scenario) -> None:
        verdict = judge(scenario, patch)
        if batch.failure is None:
            batch.cases += 1
            _count(batch, scenario, verdict.tables)
        if verdict.kind and (patch is None or not judge(scenario).kind):
            batch.failure = Failure(scenario, verdict, batch.cases)
            kind = type(f"Broken {verdict.kind}", (_Broken,), {})
            raise _BROKEN.setdefault(verdict.kind, kind)(verdict.sentence)

    try:
        play()
    except _Broken:
        pass  # the last one that Hypothesis tried is the smallest it found: it is in the batch
    return batch


def _count(batch: Batch, scenario: Scenario, tables: Sequence[dict[str, Any]]) -> None:
    batch.reached.update({name for table in tables for name in conditions(scenario, table)})
    for table in tables:
        batch.frames += sum(peer["metrics"]["frames"] for peer in table["peers"])
        for oracle in table["oracles"]:
            batch.laws[oracle["id"]] += oracle["checks"]
            if oracle["room"] is not None:
                _note_room(batch.rooms, oracle["id"], (oracle["room"], oracle["unit"]))


def _note_room(rooms: dict[str, tuple[int, str]], law: str, room: tuple[int, str]) -> None:
    rooms[law] = min(rooms.get(law, room), room)


@dataclass(slots=True)
class Tally(Batch):
    """All batches so far, in any order."""

    seconds: float = 0.0
    lost: list[Lost] = field(default_factory=list)  # batches that no worker came through
    is_stopped: bool = False  # by Ctrl-C

    def add(self, batch: Batch) -> None:
        self.cases += batch.cases
        self.frames += batch.frames
        self.reached.update(batch.reached)
        self.laws.update(batch.laws)
        for law, room in batch.rooms.items():
            _note_room(self.rooms, law, room)
        if self.failure is None:
            self.failure = batch.failure

    @property
    def cases_per_minute(self) -> float:
        return 60 * self.cases / self.seconds if self.seconds else 0.0

    def missed(self, profile: Profile) -> list[str]:
        """Conditions that should have been reached by now, and laws that were never put to the test."""
        if self.cases < profile.reaches_by:
            return [name for name in SOON if self.cases >= QUICK.reaches_by and not self.reached[name]]
        missed = [name for name in profile.must_reach if not self.reached[name]]
        if profile.every_law:
            missed += [f"a comparison by {law}" for law in laws() if not self.laws[law]]
        return missed


def fuzz(
    *,
    seed: int,
    cases: int,
    max_players: int,
    jobs: int,
    minutes: float | None = None,
    patch: str | None = None,
    on_progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Play until so many cases, so many minutes, the first failure, or Ctrl-C.

    A batch counts whole or not at all.
    """
    tally = Tally()
    begun = time.monotonic()
    try:
        for batch in _batches(seed, cases, jobs, (max_players, patch)):
            if isinstance(batch, Lost):
                tally.lost.append(batch)
            else:
                tally.add(batch)
            tally.seconds = time.monotonic() - begun
            if on_progress is not None:
                on_progress(tally)
            if tally.failure is not None or (minutes is not None and tally.seconds >= 60 * minutes):
                break
    except KeyboardInterrupt:
        tally.is_stopped = True
    return tally


def _batches(seed: int, cases: int, jobs: int, rest: tuple[int, str | None]) -> Iterator[Batch | Lost]:
    """Batches as they are done, `jobs` at a time; `rest` are the other arguments of each."""
    sizes = ((at // BATCH_CASES, min(BATCH_CASES, cases - at)) for at in range(0, cases, BATCH_CASES))
    if jobs == 1:
        for number, count in sizes:
            yield run_batch(seed, number, count, *rest)
        return
    tasks = (
        Task(f"batch {number} of seed {seed}, {count} cases", (seed, number, count, *rest))
        for number, count in sizes
    )
    for _, batch in played(run_batch, tasks, jobs):
        yield batch

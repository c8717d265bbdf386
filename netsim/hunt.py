"""Hunting planted bugs: how many cases until the fuzzer meets each, and which law it then breaks.

A hunt is a pure function of bug and seed. Its cases are those of the fuzzer's quick profile with that seed.
"""

import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from netsim.fuzz import BATCH_CASES, PROFILES, judge, run_batch, smallest
from netsim.planted import planted
from netsim.planted_bugs import ACROSS_PROCESSES
from netsim.run import run_scenario
from scenarios.load import load_scenario
from scenarios.scenario import Scenario

MAX_CASES: Final = 5_000  # a bug that survives so many is said to survive
DETERMINISM: Final = "O19"  # no law of one run: two processes do not give the same trace

_SHOW_TRACE: Final = "import sys; from netsim.hunt import show_trace; show_trace(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Kill:
    """One hunt. `cases` counts the one that met the bug; `laws` is () for a bug that survived."""

    name: str
    seed: int
    cases: int
    seconds: float
    kind: str
    laws: tuple[str, ...]
    scenario: Scenario | None  # as it was met, not made small


def hunt(name: str, seed: int, max_cases: int = MAX_CASES) -> Kill:
    """Play the seed's cases with this bug planted, up to the first that breaks a law."""
    begun = time.perf_counter()
    if name in ACROSS_PROCESSES:
        laws: tuple[str, ...] = (DETERMINISM,) if traces_differ(name) else ()
        return Kill(name, seed, 1, time.perf_counter() - begun, "".join(laws), laws, None)
    players = PROFILES["quick"].max_players
    for number in range(-(-max_cases // BATCH_CASES)):
        before = number * BATCH_CASES
        count = min(BATCH_CASES, max_cases - before)
        failure = run_batch(seed, number, count, players, name, is_shrunk=False).failure
        if failure is not None:
            took = time.perf_counter() - begun
            laws = judge(failure.scenario, name, to_the_end=True).laws
            cases = before + failure.found_at
            return Kill(name, seed, cases, took, failure.verdict.kind, laws, failure.scenario)
    return Kill(name, seed, max_cases, time.perf_counter() - begun, "", (), None)


def traces_differ(name: str | None) -> bool:
    """Whether the core, with this bug planted, plays one scenario otherwise in another process."""
    traces = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", _SHOW_TRACE, name or ""]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        traces.add(done.stdout)
    return len(traces) > 1


def show_trace(name: str) -> None:
    """Print the trace hash of one scenario, with this bug planted if it is named."""
    with planted(name or None):
        print(run_scenario(load_scenario("latency-100ms"), build="hunt").table["trace_hash"])


@dataclass(frozen=True, slots=True)
class Record:
    """All hunts of one bug. `small` is the first kill's scenario made small, if there is one."""

    name: str
    kills: tuple[Kill, ...]
    small: Scenario | None

    @property
    def is_dead(self) -> bool:
        return all(kill.laws for kill in self.kills)

    @property
    def median_cases(self) -> int:
        return int(statistics.median(kill.cases for kill in self.kills))

    @property
    def median_seconds(self) -> float:
        return statistics.median(kill.seconds for kill in self.kills)

    @property
    def laws(self) -> Counter[str]:
        """How many of the hunts each law was broken in."""
        return Counter(law for kill in self.kills for law in kill.laws)


def record(kills: Sequence[Kill]) -> Record:
    """What the hunts of one bug come to; the first scenario that showed it is made small."""
    small = None
    found = next((kill for kill in kills if kill.scenario is not None), None)
    if found is not None:
        assert found.scenario is not None
        small = smallest(found.scenario, found.kind, found.name)
    return Record(kills[0].name, tuple(kills), small)


def hunt_all(name: str, seeds: Sequence[int], max_cases: int = MAX_CASES) -> Record:
    """Every seed's hunt for one bug."""
    return record([hunt(name, seed, max_cases) for seed in seeds])

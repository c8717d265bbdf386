"""What changes only when things come leaves the data as they are: pairs of runs, over generated scenarios."""

import dataclasses
from collections import Counter

import pytest
from hypothesis import assume, given, settings

from netsim.fuzz import BACKEND
from netsim.generated import scenarios
from netsim.host import Host
from netsim.planted import planted
from netsim.planted_bugs import PATCHES, Patch
from netsim.relations import RELATIONS, Pair, in_peace, play_pair
from netsim.run import run_scenario
from netsim.watch import OracleWatch
from rollback_core.commands import SetDelay
from scenarios.load import load_scenario
from scenarios.scenario import Scenario, to_json

FEW = 6  # pairs of one relation; a second or two
MANY = 40


def assert_related(name: str, pairs: int) -> None:
    """So many pairs hold, and they were no idle ones: other traces, with rollbacks in them."""
    seen: Counter[str] = Counter()

    @given(scenarios())
    @settings(max_examples=pairs, backend=BACKEND)
    def holds(scenario: Scenario) -> None:
        pair = play_pair(scenario, name)
        assume(pair is not None)
        assert pair is not None
        assert pair.difference is None, f"{pair.difference}\n{to_json(scenario)}"
        seen["pairs"] += 1
        seen["rows"] += pair.first.table["data"]["rows"]
        seen["rollbacks"] += has_rollbacks(pair)
        seen["other trace"] += pair.first.table["trace_hash"] != pair.second.table["trace_hash"]

    holds()
    assert seen["pairs"] >= pairs
    assert seen["rows"] >= 30 * pairs
    assert seen["rollbacks"] >= pairs // 3
    assert seen["other trace"] >= 1  # hosts that wake at one instant are rare


def has_rollbacks(pair: Pair) -> bool:
    return any(run.table["exercised"]["rollbacks"] for run in (pair.first, pair.second))


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_holds(name: str) -> None:
    assert_related(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_holds_for_many(name: str) -> None:
    assert_related(name, MANY)


@given(scenarios())
@settings(max_examples=FEW)
def test_who_watches_changes_nothing(scenario: Scenario) -> None:
    """Of any scenario, disturbed or not: the trace is the same whether laws or a timeline are kept or not."""
    assert traces_apart(scenario) == 1


def traces_apart(scenario: Scenario) -> int:
    runs = (
        run_scenario(scenario, build="watched", oracles=oracles, record_trace=is_traced)
        for oracles, is_traced in ((True, False), (False, False), (False, True))
    )
    return len({run.table["trace_hash"] for run in runs})


def test_one_who_meddles_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def meddle(self: OracleWatch, host: Host, actions: tuple[int, ...]) -> None:
        host.peer.session.command(SetDelay(5), host.local_now_us())

    monkeypatch.setattr(OracleWatch, "before_tick", meddle)
    assert traces_apart(load_scenario("latency-100ms")) == 2


def test_every_relation_says_its_law() -> None:
    for relation in RELATIONS.values():
        assert relation.change.__doc__


# What a wait before a round hangs on and must not, by relation.
MATTERS = {
    "doubled-and-overtaken": "sum(link.received for link in self._mailbox.members)",
    "on-other-ways": "self._mailbox.members[0].rtt_us",
    "lost-otherwise": "sum(link.received for link in self._mailbox.members)",
    "in-peace": "self._mailbox.members[0].rtt_us",
    "over-the-other-transport": "self._mailbox.members[0].rtt_us",
    "polled-otherwise": "self._mailbox.members[0].heard_at_us",
    "served-in-another-order": "sum(link.received for link in self._mailbox.members)",
    "with-peers-renamed": "self._mailbox.members[0].peer * match._local[0]",
    "with-other-clocks": "self._mailbox.members[0].heard_at_us >> 30",
    "with-another-predictor": "match._sources[0][1][1]",
    "with-another-window": "match.window",
    "with-other-checksums": "self._publication.desync._interval",
    "with-another-time-sync": "len(type(self.time_sync).__name__)",
    "at-other-machines": "-sum(len(link.players) for link in self._mailbox.members)",
    "with-another-delay": "self.delay_frames",
}
READY = "            ready = self.is_ready and focused and game.phase == WAITING\n"


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_sees_that_what_must_not_matter_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data of each run alone are equal on all peers, and true."""
    late = f"            ready = ready and (match.timeline.current + ({MATTERS[name]})) % 7 == 0\n"
    monkeypatch.setitem(PATCHES, f"matters: {name}", Patch("", "play", READY, READY + late))
    scenario = load_scenario("n-shared-peers" if name == "at-other-machines" else "multi-episode")
    if name == "served-in-another-order":  # only what comes at once can come in another order
        scenario = dataclasses.replace(scenario, network=in_peace(scenario).network)
    assert sound(play_pair(scenario, name)).difference is None
    with planted(f"matters: {name}"):
        pair = sound(play_pair(scenario, name))
    assert pair.difference is not None
    assert "frame" in pair.difference


def sound(pair: Pair | None) -> Pair:
    assert pair is not None
    assert pair.first.ok
    assert pair.second.ok
    return pair

"""A failing scenario becomes as small as its failure allows, and stays a scenario all the way."""

import dataclasses
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsim.generated import scenarios
from netsim.shrink import shrink, size
from netsim.world import build_world
from scenarios.scenario import HostSetup, LinkSetup, Scenario, SessionSetup, from_table, to_json

FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def events_of(kind: str, scenario: Scenario) -> int:
    return sum(event.kind == kind for event in scenario.events)


@FEW
@given(scenarios(8))
def test_what_always_fails_becomes_nothing(scenario: Scenario) -> None:
    small = shrink(scenario, lambda _: "x", "x")
    assert small.peer_count == (2 if scenario.game.id == "counter-v1" else scenario.peer_count)
    assert len(small.players) == 2
    assert small.events == ()
    assert (small.game.max_steps, small.game.episodes, small.seed) == (1, 1, 0)
    assert {path.link for path in small.network.paths} == {LinkSetup()}
    assert small.network.relay == ()
    assert small.session == SessionSetup()
    assert set(small.hosts) == {HostSetup()}


@FEW
@given(scenarios(4))
def test_what_the_failure_needs_is_kept_and_nothing_else(scenario: Scenario) -> None:
    def judge(candidate: Scenario) -> str:
        lossy = any(path.link.loss_ppm > 50_000 for path in candidate.network.paths)
        return f"{lossy} {min(1, events_of('blackout', candidate))} {min(20, candidate.game.max_steps)}"

    kind = judge(scenario)
    small = shrink(scenario, judge, kind)
    assert judge(small) == kind
    assert len(small.events) == min(1, events_of("blackout", scenario))
    assert small.game.max_steps <= 20
    if kind.startswith("True"):
        assert sum(path.link != LinkSetup() for path in small.network.paths) == 1
        assert max(path.link.loss_ppm for path in small.network.paths) <= 100_000


@FEW
@given(scenarios(4), st.integers(0, 2**16))
def test_every_step_is_a_smaller_scenario_that_can_be_stored_and_played(
    scenario: Scenario, chance: int
) -> None:
    tried: list[Scenario] = []

    def judge(candidate: Scenario) -> str:
        tried.append(candidate)
        return "x" if hash((chance, len(tried) // 2)) % 3 == 0 else ""

    steps: list[Scenario] = []
    shrink(scenario, judge, "x", max_tries=60, on_step=lambda step, _: steps.append(step))
    for before, after in zip([scenario, *steps], steps, strict=False):
        assert size(after) < size(before)
    for candidate in tried[::7]:
        assert from_table(json.loads(to_json(candidate))) == candidate
        assert {player.peer for player in candidate.players} == set(range(candidate.peer_count))
        build_world(dataclasses.replace(candidate, name="x"), "build", ())


def test_a_failure_that_comes_and_goes_is_no_smaller_failure() -> None:
    scenario = scenario_with_events()
    answers = iter(["x", ""] * 10_000)
    assert shrink(scenario, lambda _: next(answers), "x", max_tries=500) == scenario


def scenario_with_events() -> Scenario:
    from scenarios.load import load_scenario

    return load_scenario("soak-four-players")

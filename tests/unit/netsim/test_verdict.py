"""What a run amounts to."""

import copy

from netsim.run import run_scenario
from netsim.verdict import holds, sentence
from scenarios.load import load_scenario


def test_a_game_that_failed_fails_the_run_though_every_law_holds() -> None:
    """At a goodbye no tick is there to raise: the end alone says it."""
    table = run_scenario(load_scenario("latency-lan")).table
    assert holds(table)
    failed = copy.deepcopy(table)
    failed["expectations"] = []
    failed["peers"][1]["end"] |= {"reason": "game-failed", "detail": "frame 7: ValueError: no"}
    assert not holds(failed)
    assert sentence(failed) == "The game failed on peer 1: frame 7: ValueError: no."


def test_every_session_is_repeated_by_the_command_of_the_scenario() -> None:
    scenario = load_scenario("latency-lan", overrides=["sessions=2", "game.max_steps=30"])
    result = run_scenario(scenario)
    [other] = result.more
    assert other.table["seed"] != result.table["seed"]
    assert other.table["command"] == result.table["command"] == "sametick sim latency-lan --seed 1"

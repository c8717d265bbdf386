"""The list of laws is that of the runs, in an order that people expect."""

from netsim.laws import law_order, laws
from netsim.run import run_scenario
from scenarios.load import load_scenario


def test_a_run_is_held_to_exactly_the_laws_that_are_listed() -> None:
    run = run_scenario(load_scenario("latency-lan", overrides=("game.max_steps=1",)), build="laws")
    assert {oracle["id"]: (oracle["name"], oracle["law"]) for oracle in run.table["oracles"]} == {
        law: (told["name"], told["says"]) for law, told in laws().items()
    }


def test_laws_are_in_the_order_of_their_numbers_and_before_errors() -> None:
    assert list(laws()) == sorted(laws(), key=law_order)
    ids = ["error", "O10", "O10-rate", "ValueError", "A12", "O2", "O5-O8", "D1"]
    wanted = ["A12", "D1", "O2", "O5-O8", "O10", "O10-rate", "ValueError", "error"]
    assert sorted(ids, key=law_order) == wanted

"""Paths cut for good, in whatever directions: whoever goes on makes progress, the others end in time."""

import itertools

import pytest

from netsim.run import run_scenario
from scenarios.scenario import (
    Event,
    GameSetup,
    HostSetup,
    LinkSetup,
    NetworkSetup,
    PathSetup,
    PlayerSetup,
    Scenario,
    SessionSetup,
)

PAIRS = [(source, target) for source in range(3) for target in range(3) if source != target]
CUTS = [cut for size in range(1, len(PAIRS) + 1) for cut in itertools.combinations(PAIRS, size)]


def three_peers(cut: tuple[tuple[int, int], ...], loss_ppm: int) -> Scenario:
    """Fifteen seconds of play; after two, these paths carry nothing any more."""
    link = LinkSetup(delay_us=20_000, loss="bernoulli", loss_ppm=loss_ppm)
    return Scenario(
        name="cut-for-good",
        limit_us=60_000_000,
        game=GameSetup(id="counter-v1", params={"players": 3}, max_steps=450),
        session=SessionSetup(interrupt_us=300_000, reconnect_limit_us=700_000, linger_us=500_000),
        players=tuple(PlayerSetup(peer=peer) for peer in range(3)),
        hosts=(HostSetup(),) * 3,
        network=NetworkSetup(paths=tuple(PathSetup(source=a, target=b, link=link) for a, b in PAIRS)),
        events=(Event(at_us=2_000_000, kind="blackout", paths=tuple(f"{a}->{b}" for a, b in cut)),),
    )


def assert_nobody_is_stuck(cut: tuple[tuple[int, int], ...], loss_ppm: int) -> None:
    table = run_scenario(three_peers(cut, loss_ppm)).table
    assert table["verdict"]["ok"], table["verdict"]["sentence"]
    ends = [peer["end"]["reason"] for peer in table["peers"]]
    if len(cut) == 1:  # one of the two has to go
        assert ends.count("completed") == 2


@pytest.mark.parametrize("cut", CUTS[: len(PAIRS)])
def test_one_path(cut: tuple[tuple[int, int], ...]) -> None:
    assert_nobody_is_stuck(cut, 0)


@pytest.mark.slow
@pytest.mark.parametrize("loss_ppm", [0, 200_000])
def test_every_set_of_paths(loss_ppm: int) -> None:
    for cut in CUTS:
        assert_nobody_is_stuck(cut, loss_ppm)

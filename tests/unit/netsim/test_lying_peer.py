"""A liar changes what it says, under its own tag, and is heard to."""

from typing import Any

import pytest

from netsim.lying_peer import LyingPeer
from netsim.randomness import generator
from netsim.run import run_scenario
from rollback_core.wire import TAG_BYTES
from scenarios.load import load_scenario

DATA = bytes(range(40))


class Heard:
    """As much of a network as a liar needs."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []

    def send(self, source: int, target: int, data: bytes) -> None:
        self.datagrams.append(data)


@pytest.mark.parametrize(
    ("lie_ppm", "least", "most"), [(0, 0, 0), (300_000, 200, 400), (1_000_000, 900, 1_000)]
)
def test_so_many_datagrams_differ_behind_their_tag(lie_ppm: int, least: int, most: int) -> None:
    heard: Any = Heard()
    liar = LyingPeer(heard, generator(1, "lie"), lie_ppm)
    for _ in range(1_000):
        liar.send(0, 1, DATA)
    assert all(data[:TAG_BYTES] == DATA[:TAG_BYTES] for data in heard.datagrams)
    assert {len(data) for data in heard.datagrams} == {len(DATA)}
    assert least <= sum(data != DATA for data in heard.datagrams) <= most


def test_the_partner_of_the_shipped_liar_has_something_to_reject() -> None:
    honest, _ = run_scenario(load_scenario("lying-peer")).table["peers"]
    assert honest["metrics"]["rejected_datagrams"] > 0

"""What the server offers is read whole or refused with a reason."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from live_server import config_for, short_scenario

from live.client.terms import read_offer
from live.server.offers import make_offers, match_seed
from rollback_core.config import MatchTerms, PeerConfig
from rollback_core.errors import UsageError


def offers(tmp_path: Path, step_cost_us: int = 1) -> tuple[dict[str, Any], ...]:
    config = config_for(tmp_path, short_scenario())
    made = make_offers(config, "0123456789abcdef", "build", 7, step_cost_us)
    return tuple({**offer, "ice": {"servers": [], "policy": "all"}} for offer in made)


def test_an_offer_is_read_as_it_was_made(tmp_path: Path) -> None:
    for peer, message in enumerate(offers(tmp_path)):
        offer = read_offer(message)
        assert (offer.peer, offer.match_id, offer.terms.seed) == (peer, "0123456789abcdef", 7)
        assert isinstance(offer.terms, MatchTerms)
        assert isinstance(offer.config(3), PeerConfig)
        assert (offer.config(3).incarnation, offer.config(3).peer) == (3, peer)
        assert (offer.is_direct_allowed, offer.is_relay_allowed) == (True, True)


def test_all_peers_are_offered_the_same_terms(tmp_path: Path) -> None:
    left, right = (read_offer(message) for message in offers(tmp_path))
    assert left.terms == right.terms


def test_the_window_is_what_the_slowest_machine_affords(tmp_path: Path) -> None:
    fast, slow = (read_offer(offers(tmp_path, cost_us)[0]).terms for cost_us in (1, 2_000))
    assert slow.prediction_window_frames < fast.prediction_window_frames
    assert slow == dataclasses.replace(fast, prediction_window_frames=slow.prediction_window_frames)


@pytest.mark.parametrize(
    "change",
    [
        {"terms": None},
        {"terms": {}},
        {"config": {"time_sync": "magic"}},
        {"paths": {}},
        {"game": "slime-v1"},
    ],
    ids=lambda change: f"{change}",
)
def test_an_offer_that_is_none_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    message = copy.deepcopy(offers(tmp_path)[0]) | change
    with pytest.raises(UsageError, match="match: "):
        read_offer(message)


def test_every_match_of_a_server_has_a_seed_of_its_own() -> None:
    assert match_seed(5, 0) == 5
    seeds = {match_seed(seed, number) for seed in (5, 6) for number in range(100)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**31 for seed in seeds)

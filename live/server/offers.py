"""What a match is offered as: its terms, fitted to the slowest machine, and each peer's own settings."""

import dataclasses
import hashlib
from enum import Enum
from typing import Any

from live.client.window import affordable_window_frames
from live.server.config import ServerConfig
from scenarios.registry import create_game
from scenarios.terms import match_terms, peer_config


def match_seed(seed: int, number: int) -> int:
    """The games' seed of a server's match: the scenario's own for the first, then one made from both."""
    if not number:
        return seed
    digest = hashlib.sha256(f"match {seed} {number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def make_offers(
    config: ServerConfig, match_id: str, build_id: str, seed: int, step_cost_us: int
) -> tuple[dict[str, Any], ...]:
    """The `match` message of every peer but for the ICE servers, whose passwords expire.

    `step_cost_us` is that of the slowest machine: the window is what it can afford to play again.
    """
    scenario = config.scenario
    game = scenario.game
    spec = create_game(game.id, game.params).spec
    terms = match_terms(scenario, spec, session_id=match_id, build_id=build_id, seed=seed)
    affordable = affordable_window_frames(step_cost_us, terms.period_us)
    window = min(terms.prediction_window_frames, affordable)
    terms = dataclasses.replace(terms, prediction_window_frames=window)
    offers = []
    for peer in range(config.players):
        own = _plain(peer_config(scenario.session, peer, 1))
        del own["peer"], own["incarnation"]
        offers.append(
            {
                "type": "match",
                "match_id": match_id,
                "peer": peer,
                "terms": _plain(terms),
                "config": own,
                "game": {"id": game.id, "params": game.params},
                "paths": {
                    "topology": config.topology,
                    "is_direct_allowed": config.is_direct_allowed,
                    "is_relay_allowed": config.is_relay_allowed,
                    "direct_wait_us": config.direct_wait_us,
                },
            }
        )
    return tuple(offers)


def _plain(value: Any) -> dict[str, Any]:
    """A frozen config as JSON takes it."""
    return {
        field.name: item.value if isinstance(item := getattr(value, field.name), Enum) else item
        for field in dataclasses.fields(value)
    }

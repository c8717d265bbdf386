"""What the server offers with a match, read once and checked: everything behind it trusts the types."""

from dataclasses import dataclass
from typing import Any

from rollback_core.config import DelayPolicy, MatchTerms, PeerConfig, TimeSyncKind, WindowPolicy
from rollback_core.errors import UsageError

Params = dict[str, int | str | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchOffer:
    """The message `match`. `ice` is handed to the host as it came."""

    match_id: str
    peer: int
    terms: MatchTerms
    own: dict[str, Any]
    game_id: str
    game_params: Params
    ice: dict[str, Any]
    is_direct_allowed: bool
    is_relay_allowed: bool
    direct_wait_us: int

    def config(self, incarnation: int) -> PeerConfig:
        return PeerConfig(peer=self.peer, incarnation=incarnation, **self.own)


def read_offer(message: dict[str, Any]) -> MatchOffer:
    """The offer in a `match` message; UsageError where it makes no sense."""
    try:
        terms = dict(message["terms"])
        terms["seats"] = tuple(terms["seats"])
        if "window_policy" in terms:
            terms["window_policy"] = WindowPolicy(terms["window_policy"])
        own = dict(message["config"])
        if "delay_policy" in own:
            own["delay_policy"] = DelayPolicy(own["delay_policy"])
        if "time_sync" in own:
            own["time_sync"] = TimeSyncKind(own["time_sync"])
        paths = message["paths"]
        return MatchOffer(
            match_id=message["match_id"],
            peer=message["peer"],
            terms=MatchTerms(**terms),
            own=own,
            game_id=message["game"]["id"],
            game_params=message["game"]["params"],
            ice=message["ice"],
            is_direct_allowed=paths["is_direct_allowed"] and paths["topology"] == "mesh",
            is_relay_allowed=paths["is_relay_allowed"] or paths["topology"] == "relay",
            direct_wait_us=paths["direct_wait_us"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"match: {type(error).__name__}: {error}") from error

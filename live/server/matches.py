"""Matches in the server's memory: who sits where, who is there, what each has reported.

A pure machine; storing, relaying and certifying are others' work. A match is over when every peer has
reported, or when those that have not have been away for longer than the wait.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

AWAY_LIMIT_US: Final = 60_000_000  # longer than the core's reconnect limit: nobody plays on by then


class Life(Enum):
    PLAYING = "playing"
    CERTIFYING = "certifying"
    OVER = "over"


NEXT: Final[dict[Life, tuple[Life, ...]]] = {
    Life.PLAYING: (Life.CERTIFYING,),
    Life.CERTIFYING: (Life.OVER,),
    Life.OVER: (),
}


@dataclass(slots=True)
class Match:
    """One match. `people[peer]` is the participant id; `reports[peer]` the body of `finished`."""

    match_id: str
    seed: int
    people: tuple[str, ...]
    offers: tuple[dict[str, Any], ...]  # the `match` message of every peer
    life: Life = Life.PLAYING
    reports: dict[int, dict[str, Any]] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    away_since_us: dict[int, int] = field(default_factory=dict)
    relayed_datagrams: int = 0
    relayed_bytes: int = 0

    def peer_of(self, person: str) -> int:
        return self.people.index(person)

    def go(self, life: Life) -> None:
        if life not in NEXT[self.life]:
            raise ValueError(f"a match that is {self.life.value} cannot become {life.value}")
        self.life = life

    def report(self, peer: int, body: dict[str, Any]) -> None:
        """A peer's own account of the end; the first one counts."""
        self.reports.setdefault(peer, body)

    def present(self, peer: int) -> None:
        self.away_since_us.pop(peer, None)

    def away(self, peer: int, now_us: int) -> None:
        self.away_since_us.setdefault(peer, now_us)

    def is_settled(self, now_us: int) -> bool:
        """Nobody who could still report is expected to."""
        missing = [peer for peer in range(len(self.people)) if peer not in self.reports]
        return all(now_us - self.away_since_us.get(peer, now_us) >= AWAY_LIMIT_US for peer in missing)

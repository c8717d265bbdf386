"""Matches in the server's memory: who sits where, who is there, what each has reported.

A pure machine; storing, relaying and certifying are others' work. A match is settled when every peer has
reported and all that it says it recorded is stored; who is away for too long, or says nothing for too
long after the first report, is not waited for.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from scenarios.scenario import Scenario


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
    scenario: Scenario
    people: tuple[str, ...]
    labels: tuple[dict[str, str], ...]  # what the peers' machines said of themselves
    offers: tuple[dict[str, Any], ...]  # the `match` message of every peer, without the ICE servers
    life: Life = Life.PLAYING
    reports: dict[int, dict[str, Any]] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    away_since_us: dict[int, int] = field(default_factory=dict)
    relayed_datagrams: int = 0
    relayed_bytes: int = 0
    _reported_at_us: int | None = None  # when the first report came
    _gone: set[int] = field(default_factory=set)
    _chars: dict[int, int] = field(default_factory=dict)  # uploaded, by peer
    _stored: dict[tuple[int, str], int] = field(default_factory=dict)  # chunks without a gap
    _ahead: dict[tuple[int, str], set[int]] = field(default_factory=dict)  # durable, behind a gap

    def peer_of(self, person: str) -> int:
        return self.people.index(person)

    def go(self, life: Life) -> None:
        if life not in NEXT[self.life]:
            raise ValueError(f"a match that is {self.life.value} cannot become {life.value}")
        self.life = life

    def report(self, peer: int, body: dict[str, Any], now_us: int) -> None:
        """A peer's own account of the end; the first one counts."""
        self.reports.setdefault(peer, body)
        if self._reported_at_us is None:
            self._reported_at_us = now_us

    def is_complete(self, peer: int) -> bool:
        """By its own account this peer saw the match to its end."""
        return self.reports.get(peer, {}).get("reason") in ("completed", "focus-timeout")

    def present(self, peer: int) -> None:
        self.away_since_us.pop(peer, None)
        self._gone.discard(peer)

    def away(self, peer: int, now_us: int) -> None:
        self.away_since_us.setdefault(peer, now_us)

    def gone(self, peer: int) -> None:
        """The peer's page is closed: it cannot come back, and nothing more is expected of it."""
        self._gone.add(peer)

    def take_room(self, peer: int, chars: int, limit: int) -> bool:
        """Count what a peer uploads; False if it is more than may be stored."""
        used = self._chars.get(peer, 0) + chars
        if used > limit:
            return False
        self._chars[peer] = used
        return True

    def stored(self, peer: int, table: str, serial: int) -> int:
        """This chunk is durable; gives the last one up to which all are, -1 if none."""
        key = (peer, table)
        ahead = self._ahead.setdefault(key, set())
        upto = self._stored.get(key, 0)
        if serial >= upto:
            ahead.add(serial)
        while upto in ahead:
            ahead.remove(upto)
            upto += 1
        self._stored[key] = upto
        return upto - 1

    def _has_all(self, peer: int) -> bool:
        report = self.reports.get(peer)
        return report is not None and all(
            self._stored.get((peer, table), 0) >= count for table, count in report["counts"].items()
        )

    def is_settled(self, now_us: int, away_limit_us: int, report_limit_us: int) -> bool:
        """Nothing more is expected from anybody."""
        if self._reported_at_us is not None and now_us - self._reported_at_us >= report_limit_us:
            return True
        return all(
            self._has_all(peer)
            or peer in self._gone
            or now_us - self.away_since_us.get(peer, now_us) >= away_limit_us
            for peer in range(len(self.people))
        )

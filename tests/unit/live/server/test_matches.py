"""Lobby and matches under any order of coming, going, storing and reporting."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from live.server.config import scenario_of_game
from live.server.lobby import Lobby
from live.server.matches import Life, Match

AWAY_US = 1_000
REPORT_US = 5_000
NAMES = [f"p{number}" for number in range(6)]
names = st.sampled_from(NAMES)


class Study(RuleBasedStateMachine):
    """People who come and go; a model of who waits in which order."""

    @initialize(size=st.integers(1, 4))
    def open(self, size: int) -> None:
        self.lobby = Lobby(size)
        self.size = size
        self.line: list[str] = []
        self.away: set[str] = set()
        self.seated: set[str] = set()

    @rule(name=names)
    def enter(self, name: str) -> None:
        if name in self.seated:
            return
        self.lobby.enter(name)
        self.away.discard(name)
        if name not in self.line:
            self.line.append(name)

    @rule(name=names)
    def go_away(self, name: str) -> None:
        self.lobby.away(name)
        if name in self.line:
            self.away.add(name)

    @rule(name=names)
    def leave(self, name: str) -> None:
        self.lobby.leave(name)
        self.away.discard(name)
        if name in self.line:
            self.line.remove(name)

    @rule()
    def form(self) -> None:
        here = [name for name in self.line if name not in self.away]
        group = self.lobby.form()
        if len(here) < self.size:
            assert group is None
            return
        assert group == here[: self.size]  # first come, first served; nobody who is away
        assert not self.seated & set(group)
        self.seated |= set(group)
        self.line = [name for name in self.line if name not in group]

    @invariant()
    def the_lobby_knows_who_is_here(self) -> None:
        if hasattr(self, "lobby"):
            assert self.lobby.present == [name for name in self.line if name not in self.away]


TestStudy = Study.TestCase


def new_match() -> Match:
    return Match(
        match_id="m",
        seed=1,
        scenario=scenario_of_game("counter-v1"),
        people=("a", "b"),
        labels=({}, {}),
        offers=({}, {}),
    )


class OneMatch(RuleBasedStateMachine):
    """A match of two: chunks become durable in any order, reports come in any order, people go."""

    @initialize(counts=st.tuples(st.integers(0, 4), st.integers(0, 4)))
    def begin(self, counts: tuple[int, int]) -> None:
        self.match = new_match()
        self.counts = counts
        self.durable: tuple[set[int], set[int]] = (set(), set())
        self.reported: set[int] = set()
        self.away: dict[int, int] = {}
        self.gone: set[int] = set()
        self.reported_at_us: int | None = None
        self.now_us = 0

    @rule(peer=st.integers(0, 1), serial=st.integers(0, 5))
    def store(self, peer: int, serial: int) -> None:
        self.durable[peer].add(serial)
        upto = self.match.stored(peer, "frames", serial)
        gapless = 0
        while gapless in self.durable[peer]:
            gapless += 1
        assert upto == gapless - 1  # never says more than is durable

    @rule(peer=st.integers(0, 1))
    def report(self, peer: int) -> None:
        self.match.report(peer, {"counts": {"frames": self.counts[peer]}}, self.now_us)
        self.match.report(peer, {"counts": {"frames": 99}}, self.now_us)  # the first one counts
        self.reported.add(peer)
        if self.reported_at_us is None:
            self.reported_at_us = self.now_us

    @rule(peer=st.integers(0, 1))
    def go(self, peer: int) -> None:
        self.match.away(peer, self.now_us)
        self.away.setdefault(peer, self.now_us)

    @rule(peer=st.integers(0, 1))
    def come(self, peer: int) -> None:
        self.match.present(peer)
        self.away.pop(peer, None)
        self.gone.discard(peer)

    @rule(peer=st.integers(0, 1))
    def close_the_page(self, peer: int) -> None:
        self.match.gone(peer)
        self.gone.add(peer)

    @rule(us=st.integers(1, 2 * AWAY_US))
    def wait(self, us: int) -> None:
        self.now_us += us

    @invariant()
    def it_is_settled_when_nothing_more_is_expected(self) -> None:
        if not hasattr(self, "match"):
            return
        expected = all(
            (peer in self.reported and set(range(self.counts[peer])) <= self.durable[peer])
            or peer in self.gone
            or (peer in self.away and self.now_us - self.away[peer] >= AWAY_US)
            for peer in (0, 1)
        )
        if self.reported_at_us is not None and self.now_us - self.reported_at_us >= REPORT_US:
            expected = True  # nobody is waited for for ever
        assert self.match.is_settled(self.now_us, AWAY_US, REPORT_US) == expected


TestOneMatch = OneMatch.TestCase


def test_a_match_goes_one_way_only() -> None:
    match = new_match()
    match.go(Life.CERTIFYING)
    match.go(Life.OVER)
    for life in Life:
        with pytest.raises(ValueError, match="cannot become"):
            match.go(life)

"""Two path choices facing each other over ways that come and go."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from live.client.paths import DEAF_HOLD_US, HEARING_US, REPLACE_AFTER_US, PathChoice, PathRules

TICK_US = 33_333
DELAY_US = 20_000
SETTLED_US = HEARING_US + DEAF_HOLD_US + 2 * DELAY_US + 2 * TICK_US
END_US = 6_000_000

Cut = tuple[int, int, int]  # sender, from, until

CUTS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 3_000_000), st.integers(0, 2_000_000)).map(
        lambda cut: (cut[0], cut[1], cut[1] + cut[2])
    ),
    max_size=4,
)


class Pair:
    """Both send each other a datagram every tick; the relay always delivers."""

    def __init__(self, cuts: list[Cut], loss_prob: float, seed: int) -> None:
        self.sides = [PathChoice(PathRules(), 0) for _ in range(2)]
        self.relayed: list[list[int]] = [[], []]
        self.heard: list[list[int]] = [[], []]  # by any way
        self._cuts = cuts
        self._loss_prob = loss_prob
        self._chance = Random(seed)

    def run(self) -> None:
        for side in self.sides:
            side.opened(0)
        events: list[tuple[int, int, int, bool, bool]] = []  # at, receiver, serial, is relayed, is deaf
        for serial, now_us in enumerate(range(0, END_US, TICK_US)):
            due = sorted(event for event in events if event[0] <= now_us)
            events = [event for event in events if event[0] > now_us]
            for at_us, receiver, _, is_relayed, is_deaf in due:
                self.heard[receiver].append(at_us)
                if is_relayed:
                    self.sides[receiver].heard_relayed(at_us, is_deaf=is_deaf)
                else:
                    self.sides[receiver].heard_direct(at_us)
            for sender, side in enumerate(self.sides):
                ways = side.ways(now_us)
                if ways.relay:
                    self.relayed[sender].append(now_us)
                    events.append((now_us + DELAY_US, 1 - sender, serial, True, ways.is_deaf))
                if ways.direct and not self._is_lost(sender, now_us):
                    events.append((now_us + DELAY_US, 1 - sender, serial, False, False))

    def _is_lost(self, sender: int, now_us: int) -> bool:
        is_cut = any(who == sender and begin <= now_us < end for who, begin, end in self._cuts)
        return is_cut or self._chance.random() < self._loss_prob


@given(CUTS)
def test_relaying_ends_once_the_direct_way_has_healed(cuts: list[Cut]) -> None:
    pair = Pair(cuts, loss_prob=0.0, seed=0)
    pair.run()
    healed_us = max((end for _, _, end in cuts), default=0)
    assert all(at_us <= healed_us + SETTLED_US for times in pair.relayed for at_us in times)


@given(CUTS, st.sampled_from([0.0, 0.1]), st.integers(0, 1_000))
def test_nobody_goes_without_a_datagram_for_long(cuts: list[Cut], loss_prob: float, seed: int) -> None:
    """Deaf for 200 ms, a datagram to say so, one back: below the interruption of 500 ms."""
    pair = Pair(cuts, loss_prob, seed)
    pair.run()
    for times in pair.heard:
        edges = [0, *times, END_US]
        gaps = [after - before for before, after in pairwise(edges)]
        assert max(gaps) <= HEARING_US + 2 * DELAY_US + 4 * TICK_US


@given(st.integers(0, 1), st.integers(500_000, 2_000_000))
def test_a_side_that_hears_well_relays_while_its_partner_is_deaf(sender: int, begin_us: int) -> None:
    pair = Pair([(sender, begin_us, END_US)], loss_prob=0.0, seed=0)
    pair.run()
    settled_us = begin_us + SETTLED_US
    expected = [at_us for at_us in range(0, END_US, TICK_US) if at_us >= settled_us]
    assert [at_us for at_us in pair.relayed[sender] if at_us >= settled_us] == expected


def test_before_the_first_channel_nothing_is_relayed_for_a_while() -> None:
    choice = PathChoice(PathRules(direct_wait_us=3_000_000), 0)
    assert choice.ways(2_999_999) == (False, False, True)
    assert choice.ways(3_000_000) == (False, True, True)


def test_what_the_study_forbids_is_not_used() -> None:
    relay_only = PathChoice(PathRules(is_direct_allowed=False), 0)
    assert relay_only.ways(0) == (False, True, True)
    assert not relay_only.wants_connection(60_000_000)
    direct_only = PathChoice(PathRules(is_relay_allowed=False), 0)
    direct_only.opened(0)
    assert direct_only.ways(60_000_000) == (True, False, True)


def test_a_silent_connection_is_replaced_and_tries_get_rarer() -> None:
    choice = PathChoice(PathRules(), 0)
    choice.begun(0)
    choice.opened(100_000)
    silent_us = 20_000_000
    choice.heard_direct(silent_us)
    assert not choice.wants_connection(silent_us + REPLACE_AFTER_US - 1)
    now_us = silent_us + REPLACE_AFTER_US
    waits = []
    for _ in range(5):
        assert choice.wants_connection(now_us)
        choice.begun(now_us)
        begun_us = now_us
        while not choice.wants_connection(now_us):
            now_us += 1_000_000
        waits.append(now_us - begun_us)
    assert waits == [5_000_000, 10_000_000, 20_000_000, 20_000_000, 20_000_000]


@given(for_us=st.integers(400_000, 60_000_000), has_heard=st.booleans())
def test_own_absence_is_not_the_partners_silence_nor_its_voice(for_us: int, has_heard: bool) -> None:
    """After a suspension a partner counts as heard; what was queued before the wake adds nothing to that."""
    choice = PathChoice(PathRules(), 0)
    choice.opened(0)
    back_us = for_us
    if has_heard:
        choice.heard_direct(back_us)
    choice.absent(for_us, back_us)
    assert choice.hears(back_us)
    assert not choice.hears(back_us + HEARING_US)

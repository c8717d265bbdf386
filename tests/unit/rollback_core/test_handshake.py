"""Two handshakes that exchange hellos: agreement, reasons for refusal, the window from the round trip."""

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback_core import wire
from rollback_core.config import MAX_WINDOW_FRAMES, MatchTerms, PeerConfig, WindowPolicy
from rollback_core.handshake import WINDOW_MARGIN_FRAMES, Handshake, Mismatch, Refused
from rollback_core.link import RTT_SAMPLES_TO_SIZE, Link
from rollback_core.messages import Hello


def terms(**changes: Any) -> MatchTerms:
    fields: dict[str, Any] = {
        "session_id": "s",
        "build_id": "b",
        "game_id": "counter-v1",
        "action_count": 4,
        "seed": 7,
        "seats": (0, 1),
        "frame_rate_hz": 60,
    }
    return MatchTerms(**{**fields, **changes})


class Side:
    def __init__(self, me: int, own: MatchTerms, **config: Any) -> None:
        self.handshake = Handshake(own, PeerConfig(peer=me, **config))
        self.link = Link(1 - me, (1 - me,))

    def hello(self, now_us: int) -> Hello:
        message = wire.decode(self.handshake.hello(self.link, now_us), 1, 1, 4)
        assert isinstance(message, Hello)
        return message

    def receive(self, hello: Hello, now_us: int) -> bool:
        answer = self.handshake.receive(self.link, hello, now_us)
        self.handshake.propose([self.link])
        return answer

    @property
    def is_complete(self) -> bool:
        return self.handshake.is_complete([self.link])


def test_three_hellos_are_enough() -> None:
    left, right = Side(0, terms(), incarnation=3), Side(1, terms(), incarnation=8)
    assert right.receive(left.hello(1), 2), "a first hello is answered at once"
    assert not right.is_complete
    assert left.receive(right.hello(2), 3)
    assert left.is_complete
    assert right.receive(left.hello(3), 4)
    assert right.is_complete
    assert not right.receive(left.hello(3), 5), "nothing new: no answer, or they would chatter for ever"
    assert left.link.tag == right.link.their_tag == wire.session_tag("s", "b", (0, 3), (1, 8))
    assert right.link.tag == left.link.their_tag == wire.session_tag("s", "b", (1, 8), (0, 3))
    assert left.handshake.agreed_window([left.link]) == 8


CHANGES: dict[str, Any] = {
    "session_id": "t",
    "build_id": "c",
    "game_id": "duel-v1",
    "action_count": 5,
    "seed": 8,
    "seats": (1, 0),
    "episodes": 2,
    "max_steps": 900,
    "countdown_frames": 3,
    "frame_rate_hz": 30,
    "prediction_window_frames": 9,
    "window_policy": WindowPolicy.RTT,
    "max_input_delay_frames": 13,
    "checksum_interval_frames": 0,
    "focus_timeout_frames": 30,
    "interrupt_us": 400_000,
    "reconnect_limit_us": 20_000_000,
    "pause_on_hidden": True,
}


def test_a_mismatch_of_each_field_is_tried() -> None:
    assert set(CHANGES) == {field.name for field in dataclasses.fields(MatchTerms)}


@pytest.mark.parametrize("name", CHANGES)
def test_the_differing_field_is_the_reason_on_both_sides(name: str) -> None:
    left, right = Side(0, terms()), Side(1, terms(**{name: CHANGES[name]}))
    here, there = getattr(terms(), name), CHANGES[name]
    for side, other in [(left, right), (right, left)]:
        with pytest.raises(Mismatch, match=rf"^{name}(\[0\])?: .+ here, .+ there$") as caught:
            side.receive(other.hello(1), 2)
        if isinstance(here, (str, int)):
            mine, theirs = (here, there) if side is left else (there, here)
            assert str(caught.value) == f"{name}: {mine!r} here, {theirs!r} there"


def test_the_first_of_several_differences_is_named() -> None:
    left, right = Side(0, terms()), Side(1, terms(build_id="c", seed=9, episodes=3))
    with pytest.raises(Mismatch, match=r"^build_id: 'b' here, 'c' there$"):
        left.receive(right.hello(1), 2)


def test_another_version_is_the_reason_whatever_the_terms() -> None:
    left, right = Side(0, terms()), Side(1, terms())
    later = wire.PROTOCOL_VERSION + 1
    with pytest.raises(Mismatch, match=rf"^protocol version: {wire.PROTOCOL_VERSION} here, {later} there$"):
        left.receive(right.hello(1)._replace(version=later, terms=b"???"), 2)


@pytest.mark.parametrize("data", [b"", b"???", b"i\x01\x00\x00\x00"])
def test_terms_that_cannot_be_read_are_a_mismatch(data: bytes) -> None:
    with pytest.raises(Mismatch, match="terms"):
        Side(0, terms()).receive(Side(1, terms()).hello(1)._replace(terms=data), 2)


def test_a_refusal_counts_for_the_incarnation_it_names() -> None:
    left, right = Side(0, terms(), incarnation=2), Side(1, terms())
    for incarnation in (1, 3):
        other = wire.decode(right.handshake.refusal(incarnation, 1), 1, 1, 4)
        assert isinstance(other, Hello)
        assert not left.receive(other, 2)
    ours = wire.decode(right.handshake.refusal(2, 1), 1, 1, 4)
    assert isinstance(ours, Hello)
    with pytest.raises(Refused):
        left.receive(ours, 2)


def test_a_new_incarnation_gets_a_new_tag() -> None:
    left = Side(0, terms())
    tags = []
    for incarnation in (1, 2):
        left.receive(Side(1, terms(), incarnation=incarnation).hello(1), 2)
        tags += [left.link.tag, left.link.their_tag]
    assert len(set(tags)) == 4


@given(
    delays=st.tuples(st.integers(0, 300_000), st.integers(0, 300_000)),
    offset_us=st.integers(0, 10**12),
    input_delay=st.integers(0, 4),
    order=st.lists(st.booleans(), max_size=30),
)
def test_the_window_covers_the_round_trip_and_is_the_same_on_both_sides(
    delays: tuple[int, int], offset_us: int, input_delay: int, order: list[bool]
) -> None:
    """Clocks with any offset; hellos may be lost (False) as the rounds go."""
    own = terms(window_policy=WindowPolicy.RTT)
    sides = [Side(me, own, input_delay_frames=input_delay) for me in range(2)]
    assert sides[0].hello(5).window == wire.UNDECIDED
    clocks = (1, 1 + offset_us)
    now_us = 0
    for number in range(60):
        sender = number % 2
        hello = sides[sender].hello(now_us + clocks[sender])
        now_us += delays[sender]
        if number >= len(order) or order[number]:
            sides[1 - sender].receive(hello, now_us + clocks[1 - sender])
    assert all(side.is_complete for side in sides)
    windows = {side.handshake.agreed_window([side.link]) for side in sides}
    assert len(windows) == 1
    (window,) = windows
    one_way = sum(delays) / 2 / own.period_us
    assert 8 <= window <= 60
    if window < 60:
        assert window + input_delay >= one_way + WINDOW_MARGIN_FRAMES - 1


def test_a_window_waits_for_enough_samples() -> None:
    left = Side(0, terms(window_policy=WindowPolicy.RTT))
    for count in range(RTT_SAMPLES_TO_SIZE + 1):
        left.handshake.propose([left.link])
        assert (left.handshake.window == wire.UNDECIDED) == (count < RTT_SAMPLES_TO_SIZE)
        left.link.add_rtt(400_000)
    assert left.handshake.window > 8


@given(rtt_us=st.integers(0, 2_000_000), input_delay=st.integers(0, 8))
def test_the_window_is_the_way_and_its_spread_and_a_margin_less_what_the_input_delay_hides(
    rtt_us: int, input_delay: int
) -> None:
    own = terms(window_policy=WindowPolicy.RTT)
    left = Side(0, own, input_delay_frames=input_delay)
    for _ in range(RTT_SAMPLES_TO_SIZE):
        left.link.add_rtt(rtt_us)
    left.handshake.propose([left.link])
    needed = math.ceil((left.link.rtt_us // 2 + 2 * left.link.rtt_var_us) / own.period_us)
    least, most = own.prediction_window_frames, MAX_WINDOW_FRAMES
    assert left.handshake.window == sorted((least, needed + WINDOW_MARGIN_FRAMES - input_delay, most))[1]

"""The control stream over a channel that loses, doubles and reorders: everything, once, in order."""

from random import Random

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from rollback_core import wire
from rollback_core.control import MAX_AHEAD, ControlStream
from rollback_core.errors import UsageError, WireError
from rollback_core.messages import Control

TAG = b"abcd"


def message(data: bytes) -> Control:
    decoded = wire.decode(data, 1, 1, 4)
    assert isinstance(decoded, Control)
    return decoded


class Channel:
    """Both directions between two streams."""

    def __init__(self, random: Random, loss: float, doubling: float) -> None:
        self.random = random
        self.loss = loss
        self.doubling = doubling
        self.streams = (ControlStream(), ControlStream())
        self.under_way: list[tuple[int, bytes]] = []
        self.arrived: tuple[list[bytes], list[bytes]] = ([], [])
        self.old: list[tuple[int, bytes]] = []

    def send(self, sender: int) -> None:
        for data in self.streams[sender].datagrams(TAG):
            assert len(data) <= wire.MAX_DATAGRAM_BYTES
            for _ in range(1 + (self.random.random() < self.doubling)):
                if self.random.random() >= self.loss:
                    self.under_way.append((1 - sender, data))
        assert not self.streams[sender].has_news

    def resend(self, sender: int) -> None:
        """What the retransmission timer does."""
        self.streams[sender].rewind()
        self.send(sender)

    def deliver(self) -> None:
        receiver, data = self.under_way.pop(self.random.randrange(len(self.under_way)))
        self.old.append((receiver, data))
        stream = self.streams[receiver]
        before = (stream.received, stream.pending, stream.has_news)
        fresh = stream.fresh(message(data))
        assert (stream.received, stream.pending, stream.has_news) == before, "asking changes nothing"
        taken = stream.receive(message(data))
        assert taken == fresh
        self.arrived[receiver].extend(taken)
        self.send(receiver)


@given(
    st.integers(0, 2**48),
    st.sampled_from([0.0, 0.1, 0.5, 0.8]),
    st.sampled_from([0.0, 0.3]),
    st.integers(1, 60),
)
def test_everything_arrives_once_and_in_order(seed: int, loss: float, doubling: float, items: int) -> None:
    random = Random(seed)
    channel = Channel(random, loss, doubling)
    sent: tuple[list[bytes], list[bytes]] = ([], [])
    for number in range(items):
        sender = random.randrange(2)
        item = b"%d." % number + bytes(random.choice([0, 3, 100, 900]))
        channel.streams[sender].queue(item)
        sent[sender].append(item)
        if random.random() < 0.7:
            channel.send(sender)
        if random.random() < 0.2:
            channel.resend(random.randrange(2))
        while channel.under_way and random.random() < 0.5:
            channel.deliver()
        for side in range(2):
            count = len(channel.arrived[side])
            assert channel.arrived[side] == sent[1 - side][:count]
    rounds = 0
    while any(stream.pending for stream in channel.streams):
        for sender in range(2):
            channel.resend(sender)
        while channel.under_way:
            channel.deliver()
        rounds += 1
        assert rounds < 1_000
    event(f"rounds of repair: {min(rounds, 10)}")
    assert channel.arrived == (sent[1], sent[0])
    assert [stream.received for stream in channel.streams] == [len(sent[1]), len(sent[0])]
    # Stragglers of long ago change nothing.
    for receiver, data in channel.old:
        assert not channel.streams[receiver].receive(message(data))
        assert channel.streams[receiver].pending == 0


def test_a_quiet_stream_sends_nothing() -> None:
    stream = ControlStream()
    assert stream.datagrams(TAG) == []
    stream.queue(b"x")
    assert len(stream.datagrams(TAG)) == 1
    assert stream.datagrams(TAG) == []
    stream.rewind()
    assert len(stream.datagrams(TAG)) == 1


def test_an_acknowledgement_alone_is_not_acknowledged() -> None:
    left, right = ControlStream(), ControlStream()
    left.queue(b"x")
    (data,) = left.datagrams(TAG)
    assert list(right.receive(message(data))) == [b"x"]
    (ack,) = right.datagrams(TAG)
    assert message(ack) == Control(0, 1, ())
    assert not left.receive(message(ack))
    assert left.datagrams(TAG) == [], "two peers would answer each other for ever"
    assert left.pending == 0


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (Control(0, 2, (b"new",)), "never sent"),
        (Control(MAX_AHEAD + 1, 1, (b"new",)), "too far ahead"),
    ],
)
def test_a_message_that_cannot_be_true_is_refused_and_changes_nothing(bad: Control, what: str) -> None:
    stream = ControlStream()
    stream.queue(b"x")
    stream.datagrams(TAG)
    with pytest.raises(WireError, match=what):
        stream.receive(bad)
    assert (stream.pending, stream.received, stream.has_news) == (1, 0, False)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6))
def test_a_datagram_is_cut_between_items_or_refused(items: list[bytes]) -> None:
    whole = wire.encode_control(TAG, 3, 4, items)
    ends = {wire.CONTROL_HEADER_BYTES: 0}
    for count, item in enumerate(items, 1):
        ends[max(ends) + wire.ITEM_HEADER_BYTES + len(item)] = count
    for size in range(wire.CONTROL_HEADER_BYTES, len(whole) + 1):
        if size in ends:
            assert message(whole[:size]).items == tuple(items[: ends[size]])
        else:
            with pytest.raises(WireError, match="cut short"):
                message(whole[:size])


def test_items_go_together_as_long_as_they_fit_to_the_byte() -> None:
    room = wire.MAX_DATAGRAM_BYTES - wire.CONTROL_HEADER_BYTES - 2 * wire.ITEM_HEADER_BYTES
    for spare, datagrams in ((0, 1), (-1, 2)):
        stream = ControlStream()
        stream.queue(b"x")
        stream.queue(bytes(room - 1 - spare))
        assert len(stream.datagrams(TAG)) == datagrams


@pytest.mark.timeout(20)
def test_an_item_that_fits_in_no_datagram_is_refused_at_once() -> None:
    stream = ControlStream()
    with pytest.raises(UsageError, match="bytes"):
        stream.queue(bytes(wire.MAX_DATAGRAM_BYTES))
    assert stream.pending == 0

"""The wire format: what is sent is what is read, any bytes are read or refused, nothing is too long."""

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from rollback_core import wire
from rollback_core.config import MAX_DELAY_FRAMES, MAX_TERMS_BYTES, MAX_WINDOW_FRAMES
from rollback_core.control import ControlStream
from rollback_core.errors import WireError
from rollback_core.input_queue import PRUNE_CHUNK, InputQueue
from rollback_core.messages import (
    BackfillItem,
    ChecksumItem,
    ChecksumRangeItem,
    Control,
    DecisionItem,
    DoneItem,
    DumpItem,
    FocusItem,
    Hello,
    Inputs,
    Item,
    LeaveItem,
    Ping,
    Pong,
    Run,
    VoteItem,
)
from rollback_core.simulation import MAX_ACTION_COUNT, MAX_PLAYERS

U8 = st.integers(0, 255)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)
U64 = st.integers(0, 2**64 - 1)
TAGS = st.binary(min_size=4, max_size=4)
ACTION_COUNTS = st.sampled_from([1, 2, 7, 255, 256, 257, 4_000, MAX_ACTION_COUNT + 1])


def action_bytes_of(action_count: int) -> int:
    return 1 if action_count <= 256 else 2


def runs_of(
    action_count: int, max_length: int = 300, max_size: int = 12
) -> st.SearchStrategy[tuple[Run, ...]]:
    run = st.tuples(st.integers(1, max_length), st.integers(0, action_count - 1), st.booleans())
    return st.lists(run, max_size=max_size).map(tuple)


def expand(runs: tuple[Run, ...]) -> list[tuple[int, bool]]:
    return [(action, focused) for length, action, focused in runs for _ in range(length)]


HELLOS = st.builds(
    Hello,
    U16,
    st.integers(1, 2**32 - 1),
    U32,
    st.booleans(),
    st.booleans(),
    U8,
    U64,
    U64,
    U32,
    st.binary(max_size=MAX_TERMS_BYTES),
)


@given(HELLOS)
def test_hello_comes_back(hello: Hello) -> None:
    data = wire.encode_hello(hello)
    assert data[:4] == wire.HANDSHAKE_TAG
    assert wire.decode(data, 1, 1, 1) == hello


@given(TAGS, U64)
def test_ping_and_pong_come_back_with_the_low_bits(tag: bytes, sent_us: int) -> None:
    low = sent_us & 0xFFFF_FFFF
    assert wire.decode(wire.encode_ping(tag, sent_us, is_pong=False), 1, 1, 1) == Ping(low)
    assert wire.decode(wire.encode_ping(tag, sent_us, is_pong=True), 1, 1, 1) == Pong(low)


@given(TAGS, U32, U32, st.lists(st.binary(min_size=1, max_size=200), max_size=5))
def test_control_comes_back(tag: bytes, first: int, ack: int, items: list[bytes]) -> None:
    data = wire.encode_control(tag, first, ack, items)
    assert data[:4] == tag
    assert wire.decode(data, 1, 1, 1) == Control(first, ack, tuple(items))


def clamped(value: int) -> int:
    return max(-128, min(127, value))


@given(ACTION_COUNTS, st.integers(1, MAX_PLAYERS), st.data())
def test_inputs_come_back(action_count: int, players: int, data: st.DataObject) -> None:
    action_bytes = action_bytes_of(action_count)
    first = data.draw(st.integers(0, 2**32 - 1 - 1_000))
    # The sender's acknowledgement is near its own frame numbers, and past what it has confirmed.
    ack = data.draw(st.integers(max(0, first - 1_000), first + 1_000))
    confirmed = data.draw(st.integers(max(-1, ack - 400), ack - 1))
    advantage = data.draw(st.integers(-300, 300))
    current = first + data.draw(st.integers(-200, 200))
    one = data.draw(runs_of(action_count, max_length=40))
    frames = expand(one)
    others = [data.draw(st.permutations(frames)) for _ in range(players - 1)]
    streams = [one, *[tuple((1, action, focused) for action, focused in other) for other in others]]
    encoded = [wire.encode_runs(runs, action_bytes) for runs in streams]
    datagram = wire.encode_inputs(b"abcd", first, ack, confirmed, advantage, current, encoded)
    if len(datagram) > wire.MAX_DATAGRAM_BYTES:
        with pytest.raises(WireError):
            wire.decode(datagram, players, action_bytes, action_count)
        return
    message = wire.decode(datagram, players, action_bytes, action_count)
    assert isinstance(message, Inputs)
    assert (message.first, message.length) == (first, len(frames))
    assert [expand(runs) for runs in message.streams] == [expand(runs) for runs in streams]
    assert message.confirmed == confirmed, "the committed frame hangs on it"
    assert message.ack == min(ack, confirmed + 256), "less than is true where the distance is too long"
    assert message.advantage == clamped(advantage)
    assert message.current == first + clamped(current - first)
    assert wire.decode_inputs(datagram, players, action_bytes, action_count) == message
    event(f"streams: {players}")


@given(st.integers(2, 256), st.data())
def test_a_queue_is_encoded_like_its_runs(action_count: int, data: st.DataObject) -> None:
    """The quick way from queue to bytes gives what the plain way through runs gives, or is left to it."""
    queue = InputQueue(0)
    for length, action, focused in data.draw(runs_of(action_count, max_length=200).filter(bool)):
        for _ in range(length):
            queue.append(action, focused)
    queue.forget_before(data.draw(st.integers(0, queue.end)))
    first = data.draw(st.integers(queue.base, queue.end))
    stop = queue.end
    ack = data.draw(st.integers(max(0, first - 300), first + 300))
    confirmed = data.draw(st.integers(max(-1, ack - 300), ack - 1))
    advantage, lead = data.draw(st.tuples(st.integers(-140, 140), st.integers(-140, 140)))
    head = b"abcd" + wire.INPUTS_KIND_BYTE
    quick = wire.encode_own_inputs(head, queue, first, ack, confirmed, advantage, lead)
    runs = queue.runs(first, stop)
    event(f"quick: {quick is not None}")
    if quick is None:
        is_clamped = ack - 1 - confirmed > 255 or clamped(advantage) != advantage or clamped(lead) != lead
        assert is_clamped or first == stop or any(length > wire.MAX_RUN for length, _, _ in runs)
        return
    streams = [wire.encode_runs(runs, 1)]
    assert quick == wire.encode_inputs(b"abcd", first, ack, confirmed, advantage, first + lead, streams)


# Items.

REASONS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


def items_of(players: int, action_count: int) -> st.SearchStrategy[Item]:
    frames = st.lists(U32, min_size=players, max_size=players).map(tuple)
    mask = st.integers(0, 2**MAX_PLAYERS - 1)
    short = st.binary(min_size=4, max_size=4)
    parts = st.integers(1, wire.MAX_DUMP_PARTS).flatmap(
        lambda count: st.builds(
            DumpItem,
            U32,
            st.integers(0, count - 1),
            st.just(count),
            st.binary(max_size=wire.MAX_DUMP_PART_BYTES),
        )
    )
    return st.one_of(
        st.builds(ChecksumItem, U32, st.binary(min_size=8, max_size=8)),
        st.builds(ChecksumRangeItem, U32, st.lists(short, max_size=wire.MAX_RANGE).map(tuple)),
        parts,
        st.builds(LeaveItem, U32, REASONS),
        st.builds(DoneItem, U32),
        st.builds(FocusItem, st.booleans()),
        st.builds(VoteItem, U16, mask, frames),
        st.builds(DecisionItem, U16, mask, frames),
        st.builds(BackfillItem, U16, st.integers(0, players - 1), U32, runs_of(action_count, wire.MAX_RUN)),
    )


@given(st.integers(1, MAX_PLAYERS), ACTION_COUNTS, st.data())
def test_every_item_comes_back(players: int, action_count: int, data: st.DataObject) -> None:
    item = data.draw(items_of(players, action_count))
    encoded = wire.encode_item(item, action_bytes_of(action_count))
    event(type(item).__name__)
    assert wire.decode_item(encoded, players, action_bytes_of(action_count), action_count) == item


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=60, max_size=400))
def test_a_long_reason_arrives_as_its_beginning(reason: str) -> None:
    data = wire.encode_item(LeaveItem(1, reason), 1)
    item = wire.decode_item(data, 2, 1, 4)
    assert isinstance(item, LeaveItem)
    whole = item.reason.rstrip("\ufffd")
    assert reason.startswith(whole)
    assert len(item.reason.encode()) <= wire.MAX_REASON_BYTES + 3
    assert len(whole.encode()) >= min(len(reason.rstrip("\ufffd").encode()), wire.MAX_REASON_BYTES) - 3


# Any bytes.


def read_datagram(data: bytes, players: int, action_count: int) -> None:
    """A message within its bounds, or WireError: anything else fails the test."""
    action_bytes = action_bytes_of(action_count)
    try:
        message = wire.decode(data, players, action_bytes, action_count)
    except WireError:
        event("refused")
        return
    event(f"read as {type(message).__name__}")
    assert len(data) <= wire.MAX_DATAGRAM_BYTES
    match message:
        case Inputs():
            assert message.ack >= 0
            assert len(message.streams) == players
            for runs in message.streams:
                assert sum(run[0] for run in runs) == message.length
                check_runs(runs, action_count)
        case Control():
            assert all(message.items)
            for item in message.items:
                read_item(item, players, action_count)
        case Hello():
            assert message.incarnation


def read_item(data: bytes, players: int, action_count: int) -> None:
    try:
        item = wire.decode_item(data, players, action_bytes_of(action_count), action_count)
    except WireError:
        event("item refused")
        return
    event(f"item read as {type(item).__name__}")
    match item:
        case BackfillItem():
            assert item.player < players
            check_runs(item.runs, action_count)
        case VoteItem(_, mask, frames) | DecisionItem(_, mask, frames):
            assert len(frames) == players
            assert mask < 2**MAX_PLAYERS
        case DumpItem():
            assert item.part < item.parts <= wire.MAX_DUMP_PARTS
        case ChecksumRangeItem():
            assert len(item.digests) <= wire.MAX_RANGE
        case LeaveItem():
            assert len(item.reason) <= wire.MAX_REASON_BYTES


def check_runs(runs: tuple[Run, ...], action_count: int) -> None:
    assert all(1 <= length <= wire.MAX_RUN and 0 <= action < action_count for length, action, _ in runs)


@given(st.binary(max_size=1_300), st.integers(1, MAX_PLAYERS), ACTION_COUNTS)
def test_any_bytes_are_read_or_refused(data: bytes, players: int, action_count: int) -> None:
    read_datagram(data, players, action_count)
    read_item(data, players, action_count)


@given(st.integers(1, 5), st.binary(max_size=60), st.integers(1, 3), ACTION_COUNTS)
def test_any_bytes_behind_a_valid_kind_are_read_or_refused(
    kind: int, rest: bytes, players: int, action_count: int
) -> None:
    read_datagram(b"abcd" + bytes([kind]) + rest, players, action_count)


@given(st.integers(1, 9), st.binary(max_size=60), st.integers(1, 3), ACTION_COUNTS)
def test_any_bytes_behind_a_valid_item_kind_are_read_or_refused(
    kind: int, rest: bytes, players: int, action_count: int
) -> None:
    read_item(bytes([kind]) + rest, players, action_count)


@st.composite
def mutated(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """A valid string with bytes changed, cut out, or put in."""
    data = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["change", "cut", "put", "truncate"])):
            case "change" if at < len(data):
                data[at] = draw(U8)
            case "cut":
                del data[at : at + draw(st.integers(1, 8))]
            case "put":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case _:
                del data[at:]
    return bytes(data)


@st.composite
def valid_datagrams(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["hello", "inputs", "ping", "control"]))
    if kind == "hello":
        return wire.encode_hello(draw(HELLOS))
    if kind == "ping":
        return wire.encode_ping(b"abcd", draw(U32), is_pong=draw(st.booleans()))
    if kind == "control":
        items = draw(st.lists(items_of(2, 300), max_size=3))
        return wire.encode_control(
            b"abcd", draw(U32), draw(U32), [wire.encode_item(item, 2) for item in items]
        )
    runs = draw(runs_of(300, max_length=20))
    count = draw(st.integers(1, 2))
    return wire.encode_inputs(b"abcd", 50, 60, 55, 1, 58, [wire.encode_runs(runs, 2)] * count)


@given(mutated(valid_datagrams()), st.integers(1, 2))
def test_a_damaged_datagram_is_read_or_refused(data: bytes, players: int) -> None:
    read_datagram(data, players, 300)


@given(mutated(items_of(2, 300).map(lambda item: wire.encode_item(item, 2))))
def test_a_damaged_item_is_read_or_refused(data: bytes) -> None:
    read_item(data, 2, 300)


# Sizes.


def longest_items() -> dict[str, Item]:
    frames = (2**32 - 1,) * MAX_PLAYERS
    # A peer that asks to be filled in lacks at most what two windows and two delays allow, and the
    # answer holds back nothing of what is still kept, which is forgotten in chunks.
    held = 2 * MAX_WINDOW_FRAMES + 2 * MAX_DELAY_FRAMES + PRUNE_CHUNK
    return {
        "checksum": ChecksumItem(1, bytes(wire.DIGEST_BYTES)),
        "range": ChecksumRangeItem(1, (bytes(wire.SHORT_DIGEST_BYTES),) * wire.MAX_RANGE),
        "dump": DumpItem(1, 0, 1, bytes(wire.MAX_DUMP_PART_BYTES)),
        "leave": LeaveItem(1, "\N{GRINNING FACE}" * 500),
        "vote": VoteItem(0xFFFF, 0xFF, frames),
        "decision": DecisionItem(0xFFFF, 0xFF, frames),
        "backfill": BackfillItem(1, 0, 1, tuple((1, index % 2, True) for index in range(held))),
    }


@pytest.mark.parametrize("name", longest_items())
def test_the_longest_item_of_each_kind_fits_in_a_datagram(name: str) -> None:
    stream = ControlStream()
    encoded = wire.encode_item(longest_items()[name], 2)
    room = wire.MAX_DATAGRAM_BYTES - wire.CONTROL_HEADER_BYTES - wire.ITEM_HEADER_BYTES
    assert len(encoded) <= room
    stream.queue(encoded)
    assert [len(data) <= wire.MAX_DATAGRAM_BYTES for data in stream.datagrams(b"abcd")] == [True]


def test_the_longest_hello_fits_in_a_datagram() -> None:
    hello = Hello(1, 1, 1, True, True, 255, 2**64 - 1, 2**64 - 1, 2**32 - 1, bytes(MAX_TERMS_BYTES))
    assert len(wire.encode_hello(hello)) <= wire.MAX_DATAGRAM_BYTES


# Tags.


def test_tags_tell_sessions_builds_peers_incarnations_and_views_apart() -> None:
    def tag(session: Any = "s", build: Any = "b", sender: Any = (0, 1), receiver: Any = (1, 1)) -> bytes:
        return wire.session_tag(session, build, sender, receiver)

    plain = tag()
    tags = [
        plain,
        tag(session="t"),
        tag(build="c"),
        tag(receiver=(2, 1)),
        tag(sender=(2, 1)),
        tag(sender=(0, 2)),
        tag(receiver=(1, 2)),
        tag(sender=(1, 1), receiver=(0, 1)),
        wire.view_tag(plain, 1, 0b011, (0, 0, 5)),
        wire.view_tag(plain, 2, 0b011, (0, 0, 5)),
        wire.view_tag(plain, 1, 0b101, (0, 0, 5)),
        wire.view_tag(plain, 1, 0b011, (0, 0, 6)),
        wire.HANDSHAKE_TAG,
    ]
    assert len(set(tags)) == len(tags)
    assert {len(each) for each in tags} == {wire.TAG_BYTES}
    assert wire.view_tag(plain, 0, 0b111, (0, 0, 0)) == plain

"""Bytes on the wire, version 2; the only user of struct for datagrams.

Every datagram begins with the 4-byte tag of its session and view and one byte of kind. Numbers are
little-endian. Decoding checks every length and bound before it builds anything: any bytes give a
message or WireError. Layouts are documented in docs/wire-format.md and pinned by golden files.
"""

import hashlib
from struct import Struct
from struct import error as StructError
from typing import Final

from rollback_core.errors import UsageError, WireError
from rollback_core.input_queue import InputQueue
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
    Message,
    Ping,
    Pong,
    Run,
    VoteItem,
)
from rollback_core.simulation import MAX_PLAYERS

PROTOCOL_VERSION: Final = 2
MAX_DATAGRAM_BYTES: Final = 1200  # passes every common path's MTU unfragmented, WebRTC's headers included
TAG_BYTES: Final = 4
HANDSHAKE_TAG: Final = bytes(TAG_BYTES)  # a session's own tag does not exist before the handshake
UNDECIDED: Final = 255
MAX_RUN: Final = 127  # seven bits beside the focus bit
MAX_FRAME: Final = 0xFFFF_FFFF
MAX_REASON_BYTES: Final = 200
DIGEST_BYTES: Final = 8
SHORT_DIGEST_BYTES: Final = 4
MAX_DUMP_PART_BYTES: Final = 1_000  # with its headers inside one datagram
MAX_DUMP_PARTS: Final = 256  # a quarter of a megabyte of state is named; more is not worth sending
MAX_RANGE: Final = 240  # short digests in one item

KIND_HELLO: Final = 1
KIND_INPUTS: Final = 2
KIND_PING: Final = 3
KIND_PONG: Final = 4
KIND_CONTROL: Final = 5
INPUTS_KIND_BYTE: Final = bytes([KIND_INPUTS])

_HELLO: Final = Struct("<4sBHIIBBQQI")
_INPUTS: Final = Struct("<4sBIhBbb")
_PING: Final = Struct("<4sBI")
_CONTROL: Final = Struct("<4sBII")
_ITEM: Final = Struct("<H")
_U32: Final = Struct("<I")

INPUTS_HEADER_BYTES: Final = _INPUTS.size
CONTROL_HEADER_BYTES: Final = _CONTROL.size
ITEM_HEADER_BYTES: Final = _ITEM.size
_SATISFIED: Final = 1
_REFUSAL: Final = 2
_pack_inputs: Final = _INPUTS.pack
_unpack_inputs: Final = _INPUTS.unpack_from
unpack_inputs_body: Final = Struct("<5xIhBbb").unpack_from  # first, ack - first, lag, advantage, lead
_pack_one_run: Final = Struct("<5sIhBbbBB").pack  # the whole datagram of a player who holds one action
_pack_inputs_head: Final = Struct("<5sIhBbb").pack
RUN_LENGTHS: Final = bytes(head & 127 for head in range(256))  # translates heads of runs to their lengths


def session_tag(session_id: str, build_id: str, sender: tuple[int, int], receiver: tuple[int, int]) -> bytes:
    """The tag of what one peer sends another, each a (peer, incarnation): gone when either is reloaded.

    What comes back has another: no echo may have a peer take its own inputs for its partner's.
    """
    text = f"{PROTOCOL_VERSION}|{session_id}|{build_id}|{sender}|{receiver}"
    return hashlib.sha256(text.encode()).digest()[:TAG_BYTES]


def view_tag(tag: bytes, epoch: int, members: int, cuts: tuple[int, ...]) -> bytes:
    """The tag under which inputs travel once members have been lost: views do not mix."""
    if not epoch:
        return tag
    return hashlib.sha256(tag + repr((epoch, members, cuts)).encode()).digest()[:TAG_BYTES]


def encode_hello(hello: Hello) -> bytes:
    flags = _SATISFIED * hello.is_satisfied | _REFUSAL * hello.is_refusal
    head = _HELLO.pack(
        HANDSHAKE_TAG,
        KIND_HELLO,
        hello.version,
        hello.incarnation,
        hello.heard,
        flags,
        hello.window,
        hello.sent_us,
        hello.echo_us,
        hello.echo_held_us,
    )
    return head + hello.terms


def encode_runs(runs: list[Run] | tuple[Run, ...], action_bytes: int) -> bytes:
    """Runs as (focus bit and length, action) pairs; long runs are split."""
    out = bytearray()
    for length, action, focused in runs:
        flag = 128 if focused else 0
        while length > 0:
            part = length if length < MAX_RUN else MAX_RUN
            out.append(flag | part)
            out.append(action & 255)
            if action_bytes == 2:
                out.append(action >> 8)
            length -= part
    return bytes(out)


def encode_own_inputs(
    head: bytes, queue: InputQueue, first: int, ack: int, confirmed: int, advantage: int, lead: int
) -> bytes | None:
    """`encode_inputs` of all inputs from `first` on, for one player of one-byte actions, in one pass.

    `head` is tag and kind, `lead` the current frame less `first`. None where it needs more care.
    """
    stop = queue.end
    changes = queue.changes
    try:
        if changes[-1] <= first:
            if not 0 < stop - first <= MAX_RUN:
                return None
            return _pack_one_run(
                head,
                first,
                ack - first,
                ack - 1 - confirmed,
                advantage,
                lead,
                stop - first | 128 if queue.last_focused else stop - first,
                queue.last_action,
            )
        start = _pack_inputs_head(head, first, ack - first, ack - 1 - confirmed, advantage, lead)
    except (StructError, IndexError):  # a number to be clamped; nothing queued yet
        return None
    actions = queue.actions
    base = queue.base
    focus = queue.focus
    runs = []  # from the last byte to the first
    index = -1
    upper = stop
    while upper > first:
        begin = changes[index]
        if begin < first:
            begin = first
        length = upper - begin
        if length > MAX_RUN:
            return None
        runs.append(actions[begin - base])
        runs.append(length | 128 if focus[index] else length)
        upper = begin
        index -= 1
    runs.reverse()
    return start + bytes(runs)


def encode_inputs(
    tag: bytes, first: int, ack: int, confirmed: int, advantage: int, current: int, streams: list[bytes]
) -> bytes:
    """An inputs datagram from encoded runs, one entry per player of the sender.

    `ack` may be lowered to keep the distance to `confirmed` in a byte: an acknowledgement may say
    less than is true, never more.
    """
    lag = ack - 1 - confirmed
    if lag > 255:
        ack -= lag - 255
        lag = 255
    lead = current - first
    if not -128 <= lead <= 127:
        lead = 127 if lead > 0 else -128
    if not -128 <= advantage <= 127:
        advantage = 127 if advantage > 0 else -128
    head = _pack_inputs(tag, KIND_INPUTS, first, ack - first, lag, advantage, lead)
    if len(streams) == 1:
        return head + streams[0]
    return head + b"".join([_ITEM.pack(len(stream)) + stream for stream in streams])


def encode_ping(tag: bytes, sent_us: int, *, is_pong: bool) -> bytes:
    return _PING.pack(tag, KIND_PONG if is_pong else KIND_PING, sent_us & MAX_FRAME)


def encode_control(tag: bytes, first: int, ack: int, items: list[bytes]) -> bytes:
    parts = [_CONTROL.pack(tag, KIND_CONTROL, first, ack)]
    for item in items:
        parts.append(_ITEM.pack(len(item)))
        parts.append(item)
    return b"".join(parts)


def decode_runs(data: bytes, start: int, stop: int, action_bytes: int, action_count: int) -> tuple[Run, ...]:
    """The runs in data[start:stop]."""
    if (stop - start) % (1 + action_bytes):
        raise WireError("inputs: runs cut short")
    runs = []
    for at in range(start, stop, 1 + action_bytes):
        head = data[at]
        action = data[at + 1]
        if action_bytes == 2:
            action |= data[at + 2] << 8
        length = head & 127
        if not length or action >= action_count:
            raise WireError(f"inputs: run of {length} frames of action {action}")
        runs.append((length, action, head > 127))
    return tuple(runs)


def decode_inputs(data: bytes, players: int, action_bytes: int, action_count: int) -> Inputs:
    """An inputs datagram of a sender with this many players and actions (READY counted)."""
    size = len(data)
    if size < INPUTS_HEADER_BYTES or size > MAX_DATAGRAM_BYTES:
        raise WireError(f"inputs: {size} bytes")
    _, _, first, ack_delta, lag, advantage, lead = _unpack_inputs(data)
    ack = first + ack_delta
    if ack < 0:
        raise WireError("inputs: negative acknowledgement")
    if players == 1:
        runs = decode_runs(data, INPUTS_HEADER_BYTES, size, action_bytes, action_count)
        length = 0
        for run in runs:
            length += run[0]
        return Inputs(first, length, ack, ack - 1 - lag, advantage, first + lead, (runs,))
    streams = []
    counts = []
    at = INPUTS_HEADER_BYTES
    for _ in range(players):
        if at + ITEM_HEADER_BYTES > size:
            raise WireError("inputs: a stream is missing")
        length = _ITEM.unpack_from(data, at)[0]
        at += ITEM_HEADER_BYTES
        if at + length > size:
            raise WireError("inputs: a stream is cut short")
        runs = decode_runs(data, at, at + length, action_bytes, action_count)
        streams.append(runs)
        counts.append(sum(run[0] for run in runs))
        at += length
    if at != size or min(counts) != max(counts):
        raise WireError("inputs: streams of different length")
    return Inputs(first, counts[0], ack, ack - 1 - lag, advantage, first + lead, tuple(streams))


def decode(data: bytes, players: int, action_bytes: int, action_count: int) -> Message:
    """The message in a datagram from a sender with this many players; WireError for all else."""
    if len(data) <= TAG_BYTES or len(data) > MAX_DATAGRAM_BYTES:
        raise WireError(f"datagram of {len(data)} bytes")
    kind = data[TAG_BYTES]
    if kind == KIND_INPUTS:
        return decode_inputs(data, players, action_bytes, action_count)
    if kind in (KIND_PING, KIND_PONG):
        if len(data) != _PING.size:
            raise WireError(f"ping: {len(data)} bytes")
        sent_us = _PING.unpack(data)[2]
        return Ping(sent_us) if kind == KIND_PING else Pong(sent_us)
    if kind == KIND_CONTROL:
        return _decode_control(data)
    if kind == KIND_HELLO:
        return _decode_hello(data)
    raise WireError(f"unknown kind {kind}")


def _decode_hello(data: bytes) -> Hello:
    if len(data) < _HELLO.size:
        raise WireError(f"hello: {len(data)} bytes")
    _, _, version, incarnation, heard, flags, window, sent_us, echo_us, held_us = _HELLO.unpack_from(data)
    if not incarnation:
        raise WireError("hello: incarnation 0")
    return Hello(
        version,
        incarnation,
        heard,
        bool(flags & _SATISFIED),
        bool(flags & _REFUSAL),
        window,
        sent_us,
        echo_us,
        held_us,
        data[_HELLO.size :],
    )


def _decode_control(data: bytes) -> Control:
    size = len(data)
    if size < _CONTROL.size:
        raise WireError(f"control: {size} bytes")
    _, _, first, ack = _CONTROL.unpack_from(data)
    items = []
    at = _CONTROL.size
    while at < size:
        if at + ITEM_HEADER_BYTES > size:
            raise WireError("control: an item is cut short")
        length = _ITEM.unpack_from(data, at)[0]
        at += ITEM_HEADER_BYTES
        if not length or at + length > size:
            raise WireError("control: an item is cut short")
        items.append(data[at : at + length])
        at += length
    return Control(first, ack, tuple(items))


_CHECKSUM: Final = Struct(f"<BI{DIGEST_BYTES}s")
_RANGE: Final = Struct("<BI")
_DUMP: Final = Struct("<BIHH")
_LEAVE: Final = Struct("<BI")
_FOCUS: Final = Struct("<BB")
_VOTE: Final = Struct("<BHB")
_BACKFILL: Final = Struct("<BHBI")

_ITEM_CHECKSUM, _ITEM_RANGE, _ITEM_DUMP, _ITEM_LEAVE, _ITEM_DONE = 1, 2, 3, 4, 5
_ITEM_FOCUS, _ITEM_VOTE, _ITEM_DECISION, _ITEM_BACKFILL = 6, 7, 8, 9


def encode_item(item: Item, action_bytes: int) -> bytes:
    """One item of the control stream."""
    match item:
        case ChecksumItem(frame, digest):
            return _CHECKSUM.pack(_ITEM_CHECKSUM, frame, digest)
        case ChecksumRangeItem(first, digests):
            return _RANGE.pack(_ITEM_RANGE, first) + b"".join(digests)
        case DumpItem(frame, part, parts, data):
            return _DUMP.pack(_ITEM_DUMP, frame, part, parts) + data
        case LeaveItem(end, reason):
            return _LEAVE.pack(_ITEM_LEAVE, end) + reason.encode()[:MAX_REASON_BYTES]
        case DoneItem(frame):
            return _LEAVE.pack(_ITEM_DONE, frame)
        case FocusItem(focused):
            return _FOCUS.pack(_ITEM_FOCUS, focused)
        case VoteItem(epoch, suspects, ends):
            return _VOTE.pack(_ITEM_VOTE, epoch, suspects) + _pack_frames(ends)
        case DecisionItem(epoch, members, cuts):
            return _VOTE.pack(_ITEM_DECISION, epoch, members) + _pack_frames(cuts)
        case BackfillItem(epoch, player, first, runs):
            return _BACKFILL.pack(_ITEM_BACKFILL, epoch, player, first) + encode_runs(runs, action_bytes)
    raise UsageError(f"not an item: {item!r}")


def decode_item(data: bytes, players: int, action_bytes: int, action_count: int) -> Item:
    """The item in these bytes, in a session of `players` players in all; else WireError."""
    if not data:
        raise WireError("control item: empty")
    kind = data[0]
    try:
        if kind == _ITEM_CHECKSUM:
            return ChecksumItem(*_CHECKSUM.unpack(data)[1:])
        if kind == _ITEM_RANGE:
            return _decode_range(data)
        if kind == _ITEM_DUMP:
            _, frame, part, parts = _DUMP.unpack_from(data)
            if not part < parts <= MAX_DUMP_PARTS:
                raise WireError(f"dump: part {part} of {parts}")
            return DumpItem(frame, part, parts, data[_DUMP.size :])
        if kind == _ITEM_LEAVE:
            reason = data[_LEAVE.size :].decode("utf-8", "replace")[:MAX_REASON_BYTES]
            return LeaveItem(_LEAVE.unpack_from(data)[1], reason)
        if kind == _ITEM_DONE:
            return DoneItem(_LEAVE.unpack(data)[1])
        if kind == _ITEM_FOCUS:
            return FocusItem(bool(_FOCUS.unpack(data)[1]))
        if kind in (_ITEM_VOTE, _ITEM_DECISION):
            _, epoch, mask = _VOTE.unpack_from(data)
            if len(data) != _VOTE.size + 4 * players or mask >> MAX_PLAYERS:
                raise WireError("vote: wrong length")
            frames = tuple(_U32.unpack_from(data, at)[0] for at in range(_VOTE.size, len(data), 4))
            return (VoteItem if kind == _ITEM_VOTE else DecisionItem)(epoch, mask, frames)
        if kind == _ITEM_BACKFILL:
            _, epoch, player, first = _BACKFILL.unpack_from(data)
            if player >= players:
                raise WireError(f"backfill: player {player}")
            runs = decode_runs(data, _BACKFILL.size, len(data), action_bytes, action_count)
            return BackfillItem(epoch, player, first, runs)
    except StructError as error:
        raise WireError(f"control item of kind {kind}: {error}") from error
    raise WireError(f"control item of unknown kind {kind}")


def _decode_range(data: bytes) -> ChecksumRangeItem:
    _, first = _RANGE.unpack_from(data)
    rest = len(data) - _RANGE.size
    if rest % SHORT_DIGEST_BYTES or rest > MAX_RANGE * SHORT_DIGEST_BYTES:
        raise WireError("checksum range: wrong length")
    starts = range(_RANGE.size, len(data), SHORT_DIGEST_BYTES)
    return ChecksumRangeItem(first, tuple(data[at : at + SHORT_DIGEST_BYTES] for at in starts))


def _pack_frames(frames: tuple[int, ...]) -> bytes:
    return b"".join([_U32.pack(frame) for frame in frames])

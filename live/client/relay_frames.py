"""Binary frames on the WebSocket: datagrams for, or from, one or more peers through the server.

A frame is a list of entries `peer: u8, flags: u8, length: u16 little-endian, datagram`. To the server
`peer` is the target, from the server it is the source.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple

from rollback_core.simulation import MAX_PLAYERS
from rollback_core.wire import MAX_DATAGRAM_BYTES

DEAF: Final = 1  # the sender of this datagram does not hear its receiver over a direct channel
MAX_FRAME_BYTES: Final = 32 * 1024  # 27 full datagrams: what eight peers send each other in one wake fits

_HEAD: Final = Struct("<BBH")


class RelayFrameError(ValueError):
    """These bytes are no relay frame; the text says why."""


class Entry(NamedTuple):
    peer: int
    flags: int
    data: bytes


def encode(entries: Iterable[Entry]) -> list[bytes]:
    """The entries in as few frames as the limit allows, in order."""
    frames = []
    out = bytearray()
    for peer, flags, data in entries:
        if len(out) + _HEAD.size + len(data) > MAX_FRAME_BYTES:
            frames.append(bytes(out))
            out = bytearray()
        out += _HEAD.pack(peer, flags, len(data))
        out += data
    if out:
        frames.append(bytes(out))
    return frames


def decode(frame: bytes) -> list[Entry]:
    """All entries of a frame, or RelayFrameError for anything else."""
    if not 0 < len(frame) <= MAX_FRAME_BYTES:
        raise RelayFrameError(f"{len(frame)} bytes")
    entries = []
    at = 0
    while at < len(frame):
        if at + _HEAD.size > len(frame):
            raise RelayFrameError("an entry is cut short")
        peer, flags, length = _HEAD.unpack_from(frame, at)
        at += _HEAD.size
        if peer >= MAX_PLAYERS or flags > DEAF:
            raise RelayFrameError(f"peer {peer}, flags {flags}")
        if not 0 < length <= MAX_DATAGRAM_BYTES or at + length > len(frame):
            raise RelayFrameError(f"a datagram of {length} bytes")
        entries.append(Entry(peer, flags, frame[at : at + length]))
        at += length
    return entries

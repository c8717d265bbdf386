"""Relay frames: what goes in comes out, and any other bytes give an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.client.relay_frames import DEAF, MAX_FRAME_BYTES, Entry, RelayFrameError, decode, encode
from rollback_core.simulation import MAX_PLAYERS
from rollback_core.wire import MAX_DATAGRAM_BYTES

ENTRIES = st.lists(
    st.builds(
        Entry,
        st.integers(0, MAX_PLAYERS - 1),
        st.integers(0, DEAF),
        st.binary(min_size=1, max_size=MAX_DATAGRAM_BYTES),
    ),
    max_size=60,
)


@given(ENTRIES)
def test_round_trip(entries: list[Entry]) -> None:
    frames = encode(entries)
    assert [entry for frame in frames for entry in decode(frame)] == entries
    assert all(0 < len(frame) <= MAX_FRAME_BYTES for frame in frames)


@given(st.binary(max_size=64))
def test_any_bytes_give_entries_or_an_error(frame: bytes) -> None:
    try:
        entries = decode(frame)
    except RelayFrameError:
        return
    assert encode(entries) == [frame]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00\x00\x01",
        b"\x00\x00\x02\x00a",
        b"\x00\x00\x00\x00",
        b"\x08\x00\x01\x00a",
        b"\x00\x02\x01\x00a",
        bytes(MAX_FRAME_BYTES + 1),
    ],
)
def test_what_is_no_frame(frame: bytes) -> None:
    with pytest.raises(RelayFrameError):
        decode(frame)

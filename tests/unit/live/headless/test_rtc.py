"""Real aiortc connections in this process, with what browsers signal and with nonsense."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from live.headless.rtc import Connection, Connections

ICE = {"servers": [], "policy": "all"}
pytestmark = pytest.mark.asyncio

DEADLINE_S = 20
MDNS = "candidate:1 1 udp 2122260223 0d7ee3a3-3b0a-4f0e-9d3c-0123456789ab.local 50000 typ host"
TCP = "candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active"


@dataclass
class Notes:
    """Doors that note what a connection tells, for the test to wait for."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    received: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)
    described: "asyncio.Queue[tuple[str, str]]" = field(default_factory=asyncio.Queue)
    info: dict[str, Any] = field(default_factory=dict)

    def channel_opened(self, peer: int, attempt: int) -> None:
        self.opened.set()

    def channel_closed(self, peer: int, attempt: int) -> None:
        self.closed.set()

    def receive_direct(self, peer: int, attempt: int, data: bytes) -> None:
        self.received.put_nowait(data)

    def local_description(self, peer: int, attempt: int, kind: str, sdp: str) -> None:
        self.described.put_nowait((kind, sdp))

    def connection_info(self, peer: int, attempt: int, info: dict[str, Any]) -> None:
        self.info = info
        if "error" in info:
            self.failed.set()


def split(sdp: str) -> tuple[str, list[dict[str, Any]]]:
    """A description as a browser sends it: without its candidates, which come one by one."""
    lines = sdp.split("\r\n")
    candidates = [line.removeprefix("a=") for line in lines if line.startswith("a=candidate:")]
    rest = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    mid = next(line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:"))
    return "\r\n".join(rest), [{"candidate": c, "sdpMid": mid, "sdpMLineIndex": 0} for c in candidates]


@pytest.mark.parametrize("is_trickled", [False, True])
async def test_datagrams_both_ways_and_the_end(is_trickled: bool) -> None:
    left, right = Notes(), Notes()
    offerer = Connection(1, 1, ICE, left, is_offerer=True)
    answerer = Connection(0, 1, ICE, right, is_offerer=False)
    async with asyncio.timeout(DEADLINE_S):
        try:
            for source, target in ((left, answerer), (right, offerer)):
                kind, sdp = await source.described.get()
                rest, candidates = split(sdp)
                assert candidates
                target.describe(kind, rest if is_trickled else sdp)
                if is_trickled:
                    strange = [{"candidate": c, "sdpMid": "0", "sdpMLineIndex": 0} for c in (MDNS, TCP, "")]
                    for candidate in [*strange[:2], *candidates, strange[2], None]:
                        target.add_candidate(candidate)
            await asyncio.gather(left.opened.wait(), right.opened.wait())
            offerer.send(b"to the right")
            answerer.send(b"to the left")
            assert await left.received.get() == b"to the left"
            assert await right.received.get() == b"to the right"
            assert left.info["protocol"] == "udp"
            assert left.info["is_turn"] is False
            await offerer.close()
            await right.closed.wait()
            answerer.send(b"into the void")
            assert not left.closed.is_set(), "closing oneself is no news"
        finally:
            await asyncio.gather(offerer.close(), answerer.close())


@pytest.mark.parametrize("sdp", ["", "nonsense", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"])
async def test_nonsense_from_a_partner_is_logged_and_ends_nothing(sdp: str) -> None:
    notes = Notes()
    connection = Connection(1, 1, ICE, notes, is_offerer=True)
    async with asyncio.timeout(DEADLINE_S):
        try:
            await notes.described.get()
            connection.describe("answer", sdp)
            await notes.failed.wait()
            notes.failed.clear()
            connection.add_candidate({"candidate": "candidate:nonsense", "sdpMid": "0", "sdpMLineIndex": 0})
            await notes.failed.wait()
        finally:
            await connection.close()


async def test_relay_only_shows_no_address_of_ours() -> None:
    notes = Notes()
    connection = Connection(1, 1, {"servers": [], "policy": "relay"}, notes, is_offerer=True)
    async with asyncio.timeout(DEADLINE_S):
        try:
            _, sdp = await notes.described.get()
            assert "a=candidate:" not in sdp
        finally:
            await connection.close()


async def test_all_of_a_participants_connections_close_together() -> None:
    notes = Notes()
    connections = Connections(notes)
    connections.connect(1, 1, True, ICE)
    connections.connect(2, 1, False, ICE)
    connections.disconnect(1, 1)
    connections.disconnect(1, 1)
    assert connections.get(1, 1) is None
    assert connections.get(2, 1) is not None
    await connections.close()
    assert connections.get(2, 1) is None

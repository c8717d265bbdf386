"""Peer connections of a headless peer: carries a participant's effects out with aiortc.

aiortc gathers candidates before it has a description, so they travel in it; candidates of browsers come
one by one. It has no ICE restart, and a participant needs none: a new attempt is a new connection.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.sdp import candidate_from_sdp

LABEL: Final = "sametick"
MAX_BUFFERED_BYTES: Final = (
    64 * 1024
)  # more than a second of play: the path is dead, old datagrams are worthless
MAX_ERROR: Final = 200  # characters of an error in the log table

_UNUSABLE: Final = re.compile(r"\.local |tcp ", re.IGNORECASE)


class Doors(Protocol):
    """What a connection tells; a participant's doors without the time."""

    def channel_opened(self, peer: int, attempt: int) -> None: ...
    def channel_closed(self, peer: int, attempt: int) -> None: ...
    def receive_direct(self, peer: int, attempt: int, data: bytes) -> None: ...
    def local_description(self, peer: int, attempt: int, kind: str, sdp: str) -> None: ...
    def connection_info(self, peer: int, attempt: int, info: dict[str, Any]) -> None: ...


class Connection:
    """One RTCPeerConnection with its channel."""

    def __init__(
        self, peer: int, attempt: int, ice: dict[str, Any], doors: Doors, *, is_offerer: bool
    ) -> None:
        self._peer = peer
        self._attempt = attempt
        self._doors = doors
        self._is_relay_only = ice["policy"] == "relay"
        servers = [
            RTCIceServer(
                urls=server["urls"], username=server.get("username"), credential=server.get("credential")
            )
            for server in ice["servers"]
        ]
        self._rtc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._channel: RTCDataChannel | None = None
        self._is_closed = False
        self.sent = self.received = 0  # datagrams
        # One after the other: a candidate must wait for the description before it.
        self._steps: asyncio.Queue[Callable[[], Coroutine[Any, Any, None]] | None] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work())
        self._rtc.on("connectionstatechange", self._state_changed)
        if is_offerer:
            self._use(self._rtc.createDataChannel(LABEL, ordered=False, maxRetransmits=0))
            self._steps.put_nowait(self._offer)
        else:
            self._rtc.on("datachannel", self._use)

    def describe(self, kind: str, sdp: str) -> None:
        self._steps.put_nowait(lambda: self._set_remote(kind, sdp))

    def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        self._steps.put_nowait(lambda: self._add(candidate))

    def send(self, data: bytes) -> None:
        """Send, or drop: an old datagram is worth nothing."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > MAX_BUFFERED_BYTES:
            return
        try:
            channel.send(data)
        except InvalidStateError:
            return  # it closed under our hands; its event tells the participant
        self.sent += 1

    def mute(self) -> None:
        """Send nothing more, so that a count of what arrives can come to an end."""
        self._channel = None

    async def fail(self) -> None:
        """Break, as a network might: tests and exercises want to see what comes of it."""
        await self._rtc.close()

    async def close(self) -> None:
        self._is_closed = True
        self._steps.put_nowait(None)
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self._rtc.close()

    async def _work(self) -> None:
        while (step := await self._steps.get()) is not None:
            try:
                await step()
            except Exception as error:
                # aiortc's errors on nonsense from a partner are of any type. This attempt does not open then,
                # and the next may.
                self._doors.connection_info(self._peer, self._attempt, {"error": repr(error)[:MAX_ERROR]})

    async def _offer(self) -> None:
        await self._rtc.setLocalDescription(await self._rtc.createOffer())
        self._tell_description()

    async def _set_remote(self, kind: str, sdp: str) -> None:
        await self._rtc.setRemoteDescription(RTCSessionDescription(sdp=self._usable(sdp), type=kind))
        if kind == "offer":
            await self._rtc.setLocalDescription(await self._rtc.createAnswer())
            self._tell_description()

    def _tell_description(self) -> None:
        description = self._rtc.localDescription
        sdp = _relayed(description.sdp) if self._is_relay_only else description.sdp
        self._doors.local_description(self._peer, self._attempt, description.type, sdp)

    def _usable(self, sdp: str) -> str:
        lines = [
            line
            for line in sdp.split("\r\n")
            if not (line.startswith("a=candidate:") and _UNUSABLE.search(line))
        ]
        return "\r\n".join(lines)

    async def _add(self, candidate: dict[str, Any] | None) -> None:
        text = "" if candidate is None else candidate.get("candidate", "")
        if not text:
            await self._rtc.addIceCandidate(None)
            return
        if _UNUSABLE.search(text):
            return  # a name that only a browser can resolve, or TCP, which aiortc has not
        parsed = candidate_from_sdp(text.removeprefix("candidate:"))
        assert candidate is not None
        parsed.sdpMid = candidate.get("sdpMid")
        parsed.sdpMLineIndex = candidate.get("sdpMLineIndex")
        await self._rtc.addIceCandidate(parsed)

    def _use(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        channel.on("message", self._received)
        channel.on("close", self._lost)
        if channel.readyState == "open":
            self._opened()
        else:
            channel.on("open", self._opened)

    def _received(self, data: bytes | str) -> None:
        if isinstance(data, bytes):
            self.received += 1
            self._doors.receive_direct(self._peer, self._attempt, data)

    def _opened(self) -> None:
        self._doors.channel_opened(self._peer, self._attempt)
        info = self._info()
        if info is not None:
            self._doors.connection_info(self._peer, self._attempt, info)

    def _info(self) -> dict[str, Any] | None:
        """The nominated pair. aiortc does not show it, so this looks where aioice keeps it."""
        sctp = self._rtc.sctp
        if sctp is None:
            return None
        ice: Any = sctp.transport.transport
        pair = ice._connection._nominated.get(1)
        if pair is None:
            return None
        local, remote = pair.local_candidate, pair.remote_candidate
        return {
            "local": local.type,
            "remote": remote.type,
            "protocol": local.transport,
            "is_turn": "relay" in (local.type, remote.type),
        }

    def _lost(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._doors.channel_closed(self._peer, self._attempt)

    def _state_changed(self) -> None:
        if self._rtc.connectionState in ("failed", "closed"):
            self._lost()


def _relayed(sdp: str) -> str:
    """A description without the candidates that would show an address of ours."""
    lines = [
        line for line in sdp.split("\r\n") if not line.startswith("a=candidate:") or " typ relay" in line
    ]
    return "\r\n".join(lines)


class Connections:
    """All connections of one participant, by (peer, attempt)."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._open: dict[tuple[int, int], Connection] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def connect(self, peer: int, attempt: int, is_offerer: bool, ice: dict[str, Any]) -> None:
        self._open[peer, attempt] = Connection(peer, attempt, ice, self._doors, is_offerer=is_offerer)

    def get(self, peer: int, attempt: int) -> Connection | None:
        return self._open.get((peer, attempt))

    @property
    def all(self) -> list[Connection]:
        return list(self._open.values())

    def disconnect(self, peer: int, attempt: int) -> None:
        connection = self._open.pop((peer, attempt), None)
        if connection is not None:
            task = asyncio.create_task(connection.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for peer, attempt in list(self._open):
            self.disconnect(peer, attempt)
        await asyncio.gather(*self._closing, return_exceptions=True)

"""A participant spoken by hand, one message at a time, for tests of the server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import WSMsgType
from live_server import RunningServer

from live.client import relay_frames
from live.client.relay_frames import Entry

WAIT_S = 20
REPORT: dict[str, Any] = {
    "reason": "completed",
    "peer": None,
    "frame": 0,
    "detail": "",
    "invalid_from": None,
    "counts": {},
    "metrics": {"frames": 0, "rollbacks": 0},
    "depth_histogram": [],
    "series": {},
}


class Client:
    """A participant spoken by hand, one message at a time."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, build_id: str) -> None:
        self.socket = socket
        self.build_id = build_id
        self.token: str | None = None
        self.participant_id = ""

    async def tell(self, **message: Any) -> None:
        await self.socket.send_json(message)

    async def hello(self, token: str | None = None) -> dict[str, Any]:
        await self.tell(type="hello", v=1, build_id=self.build_id, token=token, label={"browser": "none"})
        welcome = await self.next("welcome", "refused")
        self.token = welcome.get("token")
        self.participant_id = welcome.get("participant_id", "")
        return welcome

    async def loaded(self) -> None:
        await self.tell(type="loaded", step_cost_us=5)

    def stop_reading(self) -> None:
        """From now on the bytes stay in the operating system's buffers."""
        self._transport.pause_reading()

    def read_again(self) -> None:
        self._transport.resume_reading()

    @property
    def _transport(self) -> Any:
        return self.socket._response.connection.transport  # type: ignore[union-attr]

    async def chunk(self, match_id: str, table: str, data: Any, serial: int = 0) -> None:
        """Upload; whatever is no text is sent as JSON."""
        text = data if isinstance(data, str) else json.dumps(data)
        await self.tell(type="chunk", match_id=match_id, table=table, serial=serial, data=text)

    async def finished(self, match_id: str, **more: Any) -> None:
        """Report the end of the match; `more` replaces fields."""
        await self.tell(**{**REPORT, "type": "finished", "match_id": match_id, **more})

    async def next(self, *kinds: str) -> dict[str, Any]:
        """The next message of one of these kinds; others are passed by, pings answered."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame = await self.socket.receive()
                if frame.type is not WSMsgType.TEXT:
                    raise AssertionError(f"{frame.type} {self.socket.close_code} instead of {kinds}")
                message = json.loads(frame.data)
                if message["type"] in kinds:
                    return dict(message)
                if message["type"] == "ping":
                    await self.tell(type="pong", t=message["t"])

    async def ended(self) -> int | None:
        """The close code; whatever else comes is passed by."""
        async with asyncio.timeout(WAIT_S):
            while (await self.socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                pass
        return self.socket.close_code

    async def datagrams(self) -> list[Entry]:
        async with asyncio.timeout(WAIT_S):
            while True:
                frame = await self.socket.receive()
                if frame.type is WSMsgType.BINARY:
                    return relay_frames.decode(frame.data)
                assert frame.type is WSMsgType.TEXT


@contextlib.asynccontextmanager
async def client(server: RunningServer, **headers: str) -> AsyncIterator[Client]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.url + "/ws", headers=headers) as socket,
    ):
        yield Client(socket, server.assets.build_id)


@contextlib.asynccontextmanager
async def pair(server: RunningServer) -> AsyncIterator[tuple[Client, Client, str]]:
    """Two participants in a match; its id."""
    async with client(server) as left, client(server) as right:
        for each in (left, right):
            await each.hello()
            await each.loaded()
        offers = [await each.next("match") for each in (left, right)]
        assert [offer["peer"] for offer in offers] == [0, 1]
        yield left, right, offers[0]["match_id"]


async def is_untouched(left: Client, right: Client, match_id: str) -> bool:
    """Signals and datagrams still pass, and chunks are still kept."""
    body = {"kind": "candidate", "attempt": 1, "candidate": None}
    await left.tell(type="signal", match_id=match_id, to=1, items=[{"serial": 0, "body": body}], ack=0)
    signal = await right.next("signal")
    await right.socket.send_bytes(relay_frames.encode([Entry(0, 1, b"datagram")])[0])
    entries = await left.datagrams()
    await left.tell(type="chunk", match_id=match_id, table="log", serial=0, data='{"events": []}')
    acked = await left.next("acked")
    return (
        signal["items"][0]["body"] == body
        and signal["from"] == 0
        and entries == [Entry(1, 1, b"datagram")]
        and acked["serial"] == 0
    )

"""One participant's WebSocket as the rest of the server sees it: things to send, when it was last heard."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from live.server.limits import Bucket

MAX_QUEUED: Final = (
    2_048  # frames that wait for a slow reader; beyond it datagrams are dropped, as on any path
)
CLOSE_S: Final = 5  # for what is queued to leave, and for the other side to say that it closes too
CLOSE_POLICY: Final = 1008
CLOSE_GONE: Final = 4000  # said by a page that goes away for good


class Line:
    """Sends in order from a queue of its own, so that one slow reader holds nobody up.

    `texts`, `chars` and `datagrams` are what its participant may still send. `cut` ends the connection.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        cut: Callable[[], None],
        *,
        texts: Bucket,
        chars: Bucket,
        datagrams: Bucket,
        now_us: int,
    ) -> None:
        self.texts = texts
        self.chars = chars
        self.datagrams = datagrams
        self.heard_at_us = now_us
        self.is_closing = False
        self._socket = socket
        self._cut = cut
        self._queue: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._sender = asyncio.create_task(self._send_for_ever())

    def tell(self, message: dict[str, Any]) -> None:
        """Queue a control message. Whoever does not read thousands of them has their line cut."""
        if self._queue.qsize() < MAX_QUEUED:
            self._queue.put_nowait(json.dumps(message, separators=(",", ":")))
        else:
            self.cut()

    def relay(self, frame: bytes) -> None:
        """Queue datagrams, unless too much waits already."""
        if self._queue.qsize() < MAX_QUEUED:
            self._queue.put_nowait(frame)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send what is queued, then close; a reader that takes too long over it is cut off."""
        if self.is_closing:
            return
        self.is_closing = True
        self._queue.put_nowait(None)
        await asyncio.wait([self._sender], timeout=CLOSE_S)
        try:
            async with asyncio.timeout(CLOSE_S if self._sender.done() else 0):
                await self._socket.close(code=code, message=reason.encode())
        except TimeoutError:
            self.cut()

    def cut(self) -> None:
        """End the connection at once, without a word."""
        self.is_closing = True
        self._sender.cancel()
        self._cut()

    async def abandon(self) -> None:
        """The socket is gone: send nothing more."""
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)

    async def _send_for_ever(self) -> None:
        try:
            while (item := await self._queue.get()) is not None:
                if isinstance(item, str):
                    await self._socket.send_str(item)
                else:
                    await self._socket.send_bytes(item)
        except (ConnectionError, RuntimeError):
            pass  # the socket is gone; its handler notices and tells everybody

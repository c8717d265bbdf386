"""A door in front of a server: TCP connections go through it, and it can be shut and opened again.

Shut, it carries nothing and keeps what comes, as a network does that lost its uplink: no end is told.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Any

CHUNK_BYTES = 64 * 1024


class StreamGate:
    """`async with StreamGate(port) as gate:` listens on `gate.port` and leads to `port`, both on loopback."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.held_chunks = 0  # that met a shut gate

    def shut(self) -> None:
        self._is_open.clear()

    def open(self) -> None:
        self._is_open.set()

    async def __aenter__(self) -> "StreamGate":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError):  # an end that is gone ends the connection, no more
                async with _connected(self._target_port) as (back, forth):
                    await _first_of(self._carry(reader, forth), self._carry(back, writer))
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            self.held_chunks += not self._is_open.is_set()
            await self._is_open.wait()
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _first_of(*carriers: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(carrier) for carrier in carriers]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

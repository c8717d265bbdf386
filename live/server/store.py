"""Everything that must survive: chunks, reports and verdicts, in SQLite inside the data folder.

One connection writes, in groups: what has gathered within GROUP_S, or GROUP_ROWS, is one transaction,
and only after its commit is anybody told. WAL with synchronous=FULL: a commit that returned outlives
the machine's power. A chunk is stored once; what comes again changes nothing.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

GROUP_S: Final = 0.02  # of waiting for company: a participant does not notice, the disk does
GROUP_ROWS: Final = 256
MAX_QUEUED: Final = 8_192  # writes that wait; more means that the disk has failed, and senders are held up

_METADATA: Final = MetaData()
MATCHES: Final = Table(
    "matches",
    _METADATA,
    Column("match_id", String(40), primary_key=True),
    Column("started_at_utc", String(32), nullable=False),
    Column("people", Text, nullable=False),
    Column("offer", Text, nullable=False),
)
CHUNKS: Final = Table(
    "chunks",
    _METADATA,
    Column("match_id", String(40), primary_key=True),
    Column("peer", Integer, primary_key=True),
    Column("name", String(16), primary_key=True),
    Column("serial", Integer, primary_key=True),
    Column("data", Text, nullable=False),
)
REPORTS: Final = Table(
    "reports",
    _METADATA,
    Column("match_id", String(40), primary_key=True),
    Column("peer", Integer, primary_key=True),
    Column("body", Text, nullable=False),
)
VERDICTS: Final = Table(
    "verdicts",
    _METADATA,
    Column("match_id", String(40), primary_key=True),
    Column("body", Text, nullable=False),
)

_Write = tuple[Table, dict[str, Any], "asyncio.Future[None]"]


class Store:
    """Open with `open_store`; `close` waits for what is queued."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[_Write | None] = asyncio.Queue(MAX_QUEUED)
        self._writer = asyncio.create_task(self._write_for_ever())

    async def add(self, table: Table, **values: Any) -> None:
        """Store one row once; returns when it is durable. Raises what the database raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._queue.put((table, values, done))
        await done

    async def chunks(self, match_id: str, peer: int, name: str) -> list[str]:
        """The chunks of a table from number 0 on, up to the first that is missing."""
        query = (
            select(CHUNKS.c.serial, CHUNKS.c.data)
            .where(CHUNKS.c.match_id == match_id, CHUNKS.c.peer == peer, CHUNKS.c.name == name)
            .order_by(CHUNKS.c.serial)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [data for expected, (serial, data) in enumerate(rows) if serial == expected]

    async def verdict(self, match_id: str) -> dict[str, Any] | None:
        query = select(VERDICTS.c.body).where(VERDICTS.c.match_id == match_id)
        async with self._engine.connect() as connection:
            body = (await connection.execute(query)).scalar_one_or_none()
        return None if body is None else json.loads(body)

    async def match_ids(self) -> list[str]:
        query = select(MATCHES.c.match_id).order_by(MATCHES.c.started_at_utc, MATCHES.c.match_id)
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def close(self) -> None:
        """Write what is queued and close the file."""
        await self._queue.put(None)
        await self._writer
        await self._engine.dispose()

    async def _write_for_ever(self) -> None:
        is_open = True
        while is_open:
            first = await self._queue.get()
            if first is None:
                return
            group = [first]
            await asyncio.sleep(GROUP_S)
            while len(group) < GROUP_ROWS and not self._queue.empty():
                write = self._queue.get_nowait()
                if write is None:
                    is_open = False
                    break
                group.append(write)
            await self._commit(group)

    async def _commit(self, group: Sequence[_Write]) -> None:
        try:
            async with self._engine.begin() as connection:
                for table, values, _ in group:
                    await connection.execute(insert(table).values(values).on_conflict_do_nothing())
        except Exception as error:  # whoever asked for it must hear of it; the writer goes on
            for _, _, done in group:
                if not done.done():
                    done.set_exception(error)
            return
        for _, _, done in group:
            if not done.done():
                done.set_result(None)


async def open_store(folder: Path) -> Store:
    """The store in this folder, made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'sametick.sqlite'}")

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    async with engine.begin() as connection:
        await connection.run_sync(_METADATA.create_all)
    return Store(engine)

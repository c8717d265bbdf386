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

from sqlalchemy import Column, Integer, MetaData, Select, String, Table, Text, event, func, select, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from rollback_core.errors import UsageError

GROUP_S: Final = 0.02  # of waiting for company: a participant does not notice, the disk does
GROUP_ROWS: Final = 256
MAX_QUEUED: Final = 8_192  # writes that wait; more means that the disk has failed, and senders are held up

SCHEMA: Final = 2  # counts up with every change of the tables; there is no conversion before a release

_METADATA: Final = MetaData()
PEOPLE: Final = Table(
    "people",
    _METADATA,
    Column("person_id", String(40), primary_key=True),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("label", Text, nullable=False),
)
SEATS: Final = Table(
    "seats",
    _METADATA,
    Column("match_id", String(40), primary_key=True),
    Column("peer", Integer, primary_key=True),
    Column("person_id", String(40), nullable=False, index=True),
)
MATCHES: Final = Table(
    "matches",
    _METADATA,
    Column("match_id", String(40), primary_key=True),
    Column("started_at_utc", String(32), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("offers", Text, nullable=False),
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

    async def put(self, table: Table, **values: Any) -> "asyncio.Future[None]":
        """Queue one row to be stored once; the future is done when it is durable.

        Returns when there is room in the queue: whoever sends faster than the disk writes is held up here.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._queue.put((table, values, done))
        return done

    async def add(self, table: Table, **values: Any) -> None:
        """Store one row once; returns when it is durable. Raises what the database raised."""
        await (await self.put(table, **values))

    async def _rows(self, query: Select[Any]) -> Sequence[Any]:
        async with self._engine.connect() as connection:
            return list(await connection.execute(query))

    async def chunks(self, match_id: str, peer: int, name: str) -> list[str]:
        """The chunks of a table from number 0 on, up to the first that is missing."""
        query = (
            select(CHUNKS.c.serial, CHUNKS.c.data)
            .where(CHUNKS.c.match_id == match_id, CHUNKS.c.peer == peer, CHUNKS.c.name == name)
            .order_by(CHUNKS.c.serial)
        )
        rows = await self._rows(query)
        return [data for expected, (serial, data) in enumerate(rows) if serial == expected]

    async def stored(self, match_id: str) -> list[tuple[int, str, int, int]]:
        """(peer, table, serial, length) of every chunk of a match."""
        c = CHUNKS.c
        query = select(c.peer, c.name, c.serial, func.length(c.data)).where(c.match_id == match_id)
        return [(peer, name, serial, length) for peer, name, serial, length in await self._rows(query)]

    async def reports(self, match_id: str) -> dict[int, dict[str, Any]]:
        """What the peers of a match have reported, by peer."""
        query = select(REPORTS.c.peer, REPORTS.c.body).where(REPORTS.c.match_id == match_id)
        return {peer: json.loads(body) for peer, body in await self._rows(query)}

    async def verdict(self, match_id: str) -> dict[str, Any] | None:
        rows = await self._rows(select(VERDICTS.c.body).where(VERDICTS.c.match_id == match_id))
        return json.loads(rows[0][0]) if rows else None

    async def match(self, match_id: str) -> Any:
        """The row of MATCHES."""
        [row] = await self._rows(select(MATCHES).where(MATCHES.c.match_id == match_id))
        return row

    async def people_of(self, match_id: str) -> list[tuple[str, dict[str, str]]]:
        """(person, label) by peer."""
        query = (
            select(PEOPLE.c.person_id, PEOPLE.c.label)
            .join(SEATS, SEATS.c.person_id == PEOPLE.c.person_id)
            .where(SEATS.c.match_id == match_id)
            .order_by(SEATS.c.peer)
        )
        return [(person_id, json.loads(label)) for person_id, label in await self._rows(query)]

    async def person_of(self, token_sha256: str) -> str | None:
        """Whose token that is."""
        rows = await self._rows(select(PEOPLE.c.person_id).where(PEOPLE.c.token_sha256 == token_sha256))
        return str(rows[0][0]) if rows else None

    async def last_match_of(self, person_id: str) -> str | None:
        query = (
            select(SEATS.c.match_id)
            .join(MATCHES, MATCHES.c.match_id == SEATS.c.match_id)
            .where(SEATS.c.person_id == person_id)
            .order_by(MATCHES.c.started_at_utc.desc())
            .limit(1)
        )
        rows = await self._rows(query)
        return str(rows[0][0]) if rows else None

    async def match_ids(self, *, only_open: bool = False) -> list[str]:
        """Matches in the order in which they began; the open ones have no verdict."""
        query = select(MATCHES.c.match_id).order_by(MATCHES.c.started_at_utc, MATCHES.c.match_id)
        if only_open:
            query = query.where(MATCHES.c.match_id.not_in(select(VERDICTS.c.match_id)))
        return [match_id for (match_id,) in await self._rows(query)]

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
    """The store in this folder, made if it is not there; UsageError if another version made it."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'sametick.sqlite'}")

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    try:
        async with engine.begin() as connection:
            found = (await connection.execute(text("PRAGMA user_version"))).scalar_one()
            tables = (await connection.execute(text("SELECT count(*) FROM sqlite_master"))).scalar_one()
            if tables and found != SCHEMA:
                raise UsageError(f"{folder} was written by another version of sametick: give another --data")
            await connection.run_sync(_METADATA.create_all)
            await connection.execute(text(f"PRAGMA user_version = {SCHEMA}"))
    except BaseException:
        await engine.dispose()
        raise
    return Store(engine)

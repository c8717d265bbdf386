"""The data side of matches: what is uploaded becomes durable, and every match ends with a verdict.

A match can be given up by memory at any time and read back from the store, so a server that was stopped
goes on where it stood. Whatever participants upload, or fail to, no match stays without a verdict.
"""

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from live.server import protocol
from live.server.certify import Verdict, certify
from live.server.config import ServerConfig
from live.server.limits import now_us
from live.server.matches import Life, Match
from live.server.protocol import ProtocolError
from live.server.results import write_result
from live.server.store import CHUNKS, MATCHES, PEOPLE, REPORTS, SEATS, VERDICTS, Store
from live.server.uploads import read_upload
from rollback_core.recorder import csv_text, shared_header
from scenarios.registry import create_game
from scenarios.scenario import from_table, to_json

CLOSE_S: Final = 10  # for what is being certified when the server stops; the rest is done at the next start
MAX_PEER_CHARS: Final = 256 * 1024 * 1024  # of one peer and match: many hours of play

LOG: Final = structlog.get_logger("sametick.live")

Tell = Callable[[str, dict[str, Any]], None]
"""Tell a person something, if they are there."""


class Archive:
    """Matches with their chunks, reports and verdicts."""

    def __init__(self, config: ServerConfig, store: Store, tell: Tell) -> None:
        self.matches: dict[str, Match] = {}
        self._config = config
        self._store = store
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self._desks = asyncio.Semaphore(os.cpu_count() or 1)  # certificates made at once

    async def open(self) -> None:
        """Take up the matches that an earlier server left without a verdict; their people may come back."""
        for match_id in await self._store.match_ids(only_open=True):
            match = await self.recall(match_id)
            for peer in range(len(match.people)):
                match.away(peer, now_us())
            LOG.info("taken-up", match=match_id)

    async def close(self) -> None:
        """Wait a while for what is being certified."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def begin(self, match: Match, tokens: dict[str, str]) -> None:
        """A match has formed; `tokens` are the digests by which its people are known again."""
        self.matches[match.match_id] = match
        for person_id, label in zip(match.people, match.labels, strict=True):
            row = {"person_id": person_id, "token_sha256": tokens[person_id], "label": json.dumps(label)}
            await self._put(PEOPLE, **row)
        for peer, person_id in enumerate(match.people):
            await self._put(SEATS, match_id=match.match_id, peer=peer, person_id=person_id)
        await self._put(
            MATCHES,
            match_id=match.match_id,
            started_at_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seed=match.seed,
            scenario=to_json(match.scenario),
            offers=json.dumps(match.offers),
        )

    async def recall(self, match_id: str) -> Match:
        """A match of the store, as it stands there."""
        if match_id in self.matches:
            return self.matches[match_id]
        row = await self._store.match(match_id)
        people = await self._store.people_of(match_id)
        match = Match(
            match_id=match_id,
            seed=row.seed,
            scenario=from_table(json.loads(row.scenario)),
            people=tuple(person_id for person_id, _ in people),
            labels=tuple(label for _, label in people),
            offers=tuple(json.loads(row.offers)),
            reports=await self._store.reports(match_id),
        )
        for peer, table, serial, length in await self._store.stored(match_id):
            match.stored(peer, table, serial)
            match.take_room(peer, length, MAX_PEER_CHARS)
        verdict = await self._store.verdict(match_id)
        if verdict is not None:
            match.verdicts.append(verdict)
            match.life = Life.OVER
        return self.matches.setdefault(match_id, match)

    # What comes in.

    async def keep_chunk(self, match: Match, peer: int, chunk: protocol.Chunk) -> None:
        """Queue a chunk for the disk; it is acknowledged when it is there."""
        if not match.take_room(peer, len(chunk.data), MAX_PEER_CHARS):
            raise ProtocolError("TOO-MUCH", "more data than any match has")
        key = {"match_id": match.match_id, "peer": peer, "name": chunk.table, "serial": chunk.serial}
        done = await self._store.put(CHUNKS, **key, data=chunk.data)
        self._run(self._acknowledge(done, match, peer, chunk.table, chunk.serial))

    async def _acknowledge(
        self, done: "asyncio.Future[None]", match: Match, peer: int, table: str, serial: int
    ) -> None:
        await done
        upto = match.stored(peer, table, serial)
        if upto >= 0:
            message = {"type": "acked", "match_id": match.match_id, "table": table, "serial": upto}
            self._tell(match.people[peer], message)
        self._conclude_if_settled(match)

    async def keep_report(self, match: Match, peer: int, report: protocol.Finished) -> None:
        """A peer's account of the end: stored; who comes late hears what was found."""
        body = report.model_dump(exclude={"type", "match_id"})
        await self._store.add(REPORTS, match_id=match.match_id, peer=peer, body=json.dumps(body))
        match.report(peer, body, now_us())
        LOG.info("finished", match=match.match_id, peer=peer, reason=report.reason, frame=report.frame)
        for verdict in match.verdicts:
            self._tell(match.people[peer], verdict)
        self._conclude_if_settled(match)

    def look(self) -> None:
        """Conclude what is settled because time has passed."""
        for match in self.matches.values():
            self._conclude_if_settled(match)

    def _conclude_if_settled(self, match: Match) -> None:
        limits = self._config.away_limit_us, self._config.report_limit_us
        if match.life is Life.PLAYING and match.is_settled(now_us(), *limits):
            match.go(Life.CERTIFYING)
            self._run(self._conclude(match))

    # What goes out.

    async def _conclude(self, match: Match) -> None:
        async with self._desks:
            try:
                verdict = await self._certified(match)
            except Exception as error:
                LOG.exception("not-certified", match=match.match_id)
                verdict = _no_verdict(f"the server could not certify it: {type(error).__name__}: {error}")
        message = _message(match.match_id, verdict)
        await self._store.add(VERDICTS, match_id=match.match_id, body=json.dumps(message))
        match.verdicts.append(message)
        match.go(Life.OVER)
        LOG.info("certified", match=match.match_id, equal=verdict.is_equal, replay=verdict.replay)
        for person_id in match.people:
            self._tell(person_id, message)

    async def _certified(self, match: Match) -> Verdict:
        """Read what was uploaded, certify it, write the result's files."""
        uploads = []
        for peer in range(len(match.people)):
            tables = [await self._store.chunks(match.match_id, peer, t) for t in ("frames", "local", "log")]
            uploads.append(await asyncio.to_thread(read_upload, *tables))
        game = match.scenario.game
        header = csv_text([shared_header(create_game(game.id, game.params).spec)])
        complete = [match.is_complete(peer) for peer in range(len(match.people))]
        verdict = await certify(uploads, match.offers[0], are_complete=complete, header=header)
        folder = self._config.result_folder(match.match_id)
        await asyncio.to_thread(write_result, folder, match, uploads, verdict)
        return verdict

    # Tasks.

    async def _put(self, table: Any, **values: Any) -> None:
        self._run(_await(await self._store.put(table, **values)))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            LOG.error("task-failed", error=repr(task.exception()))


async def _await(done: "asyncio.Future[None]") -> None:
    await done


def _no_verdict(why: str) -> Verdict:
    return Verdict(
        is_equal=False, replay="not-replayable", sha256="", rows=0, difference=why, frames=0, episodes=()
    )


def _message(match_id: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "type": "verdict",
        "match_id": match_id,
        "is_equal": verdict.is_equal,
        "replay": verdict.replay,
        "sha256": verdict.sha256,
        "rows": verdict.rows,
        "difference": verdict.difference,
        "episodes": verdict.episodes,
    }

"""Where participants meet: joins sockets, lobby, matches and store, and decides nothing that these can.

Everything here runs in one event loop. Each participant has one line at a time; a match outlives lines.
"""

import asyncio
import dataclasses
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web

from live.client import relay_frames
from live.client.relay_frames import Entry, RelayFrameError
from live.client.window import affordable_window_frames
from live.server import protocol
from live.server.certify import Upload, Verdict, certify, read_upload
from live.server.config import ServerConfig
from live.server.line import Line
from live.server.lobby import Lobby
from live.server.matches import Life, Match
from live.server.results import write_result
from live.server.store import CHUNKS, MATCHES, REPORTS, VERDICTS, Store
from rollback_core.config import MatchTerms
from rollback_core.recorder import csv_text, shared_header
from scenarios.registry import create_game
from scenarios.terms import match_terms, peer_config

PROBE_S: Final = 1.0  # for a line that may be dead to say that it is not
TICK_S: Final = 0.5
MISSED_BEATS: Final = 3

SignalFilter = Callable[[str, int, int, dict[str, Any]], dict[str, Any]]
"""(match id, source, target, body) → the body as the target gets it; see docs/live.md."""

LOG: Final = structlog.get_logger("sametick.live")


@dataclass(slots=True)
class Person:
    """A participant. `token` is theirs alone; logs and data carry `person_id`."""

    person_id: str
    token: str
    line: Line | None = None
    step_cost_us: int | None = None
    match: Match | None = None


class Refusal(Exception):
    """A participant who cannot take part, in words for them."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(code)
        self.message = {"type": "refused", "code": code, "reason": reason, "remedy": remedy}


class Hall:
    """All participants and matches of one server."""

    def __init__(
        self, config: ServerConfig, store: Store, build_id: str, signal_filter: SignalFilter | None = None
    ) -> None:
        self.config = config
        self.store = store
        self.build_id = build_id
        self.matches: dict[str, Match] = {}
        self.sockets: set[web.WebSocketResponse] = set()  # open now, welcomed or not
        self._signal_filter = signal_filter
        self._spec = create_game(config.scenario.game.id, config.scenario.game.params).spec
        self._header = csv_text([shared_header(self._spec)])
        self._lobby = Lobby(config.players)
        self._people: dict[str, Person] = {}
        self._tokens: dict[str, str] = {}
        self._formed = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker = asyncio.create_task(self._tick_for_ever())

    async def close(self) -> None:
        """Finish what is being certified; every line is closed by its handler."""
        self._ticker.cancel()
        await asyncio.gather(self._ticker, return_exceptions=True)
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # Coming and going.

    async def join(self, hello: protocol.Hello, line: Line) -> Person:
        """Welcome a participant, new or coming back. Raises Refusal."""
        if hello.v != protocol.PROTOCOL_VERSION or hello.build_id != self.build_id:
            raise Refusal("OLD-PAGE", "This page is older than the server.", "Please reload the page.")
        person = None
        if hello.token is not None:
            person = self._people.get(self._tokens.get(hello.token, ""))
            if person is None:
                raise Refusal("UNKNOWN-TOKEN", "The server has been restarted.", "Please reload the page.")
            if person.line is not None and await self._is_alive(person.line):
                raise Refusal("SECOND-TAB", "This study is open in another tab.", "Please go on there.")
            if person.line is not None:
                await person.line.abandon()
        if person is None:
            person = Person(secrets.token_hex(8), secrets.token_urlsafe(24))
            self._people[person.person_id] = person
            self._tokens[person.token] = person.person_id
        person.line = line
        LOG.info("joined", participant=person.person_id, again=hello.token is not None)
        line.tell(self._welcome(person))
        if person.match is not None:
            peer = person.match.peer_of(person.person_id)
            person.match.present(peer)
            self._tell_presence(person.match, peer, is_here=True)
        return person

    async def _is_alive(self, line: Line) -> bool:
        """Ask a line whether anybody is there."""
        asked_us = _now_us()
        line.tell({"type": "ping", "t": asked_us})
        await asyncio.sleep(PROBE_S)
        return line.heard_at_us > asked_us

    def _welcome(self, person: Person) -> dict[str, Any]:
        config = self.config
        game = config.scenario.game
        return {
            "type": "welcome",
            "v": protocol.PROTOCOL_VERSION,
            "participant_id": person.person_id,
            "token": person.token,
            "build_id": self.build_id,
            "heartbeat_us": config.heartbeat_us,
            "game": {"id": game.id, "params": game.params},
            "texts": config.texts,
            "options": {
                "show_hud": config.show_hud,
                "smoothing_us": config.smoothing_us,
                "is_ready_asked": config.is_ready_asked,
                "is_again_offered": config.is_again_offered,
            },
        }

    def gone(self, person: Person, line: Line) -> None:
        """This line has ended; nothing happens if another has taken its place."""
        if person.line is not line:
            return
        person.line = None
        LOG.info("away", participant=person.person_id)
        match = person.match
        if match is None:
            self._lobby.away(person.person_id)
            self._tell_waiting()
        else:
            peer = match.peer_of(person.person_id)
            match.away(peer, _now_us())
            self._tell_presence(match, peer, is_here=False)

    def _tell_presence(self, match: Match, peer: int, *, is_here: bool) -> None:
        for other, name in enumerate(match.people):
            line = self._people[name].line
            if other != peer and line is not None:
                line.tell({"type": "partner", "match_id": match.match_id, "peer": peer, "is_here": is_here})

    # Messages.

    async def receive(self, person: Person, message: Any) -> None:
        """Act on a message; Refusal ends the participant, ProtocolError only their line."""
        match message:
            case protocol.Loaded():
                self._enter(person, message.step_cost_us)
            case protocol.Signal():
                self._pass_on(person, message)
            case protocol.Chunk():
                await self._keep_chunk(person, message)
            case protocol.Finished():
                await self._keep_report(person, message)
            case protocol.Pong():
                pass  # that it was heard is noted for every message
            case protocol.Hello():
                raise protocol.ProtocolError("SECOND-HELLO", "one is enough")

    def _enter(self, person: Person, step_cost_us: int) -> None:
        if person.match is not None:
            return
        session = self.config.scenario.session
        period_us = 1_000_000 // session.frame_rate_hz
        affordable = affordable_window_frames(step_cost_us, period_us)
        if not affordable and session.prediction_window_frames:
            raise Refusal(
                "TOO-SLOW",
                f"On this machine a step of the game takes {step_cost_us / 1000:.1f} ms, and a frame has "
                f"{period_us / 1000:.1f} ms.",
                "Please use a faster computer, or close other programs and reload the page.",
            )
        person.step_cost_us = step_cost_us
        self._lobby.enter(person.person_id)
        self._tell_waiting()
        while (group := self._lobby.form()) is not None:
            self._seat(group)
            self._tell_waiting()

    def _tell_waiting(self) -> None:
        present = self._lobby.present
        for name in present:
            line = self._people[name].line
            if line is not None:
                line.tell({"type": "waiting", "have": len(present), "need": self.config.players})

    def _seat(self, group: list[str]) -> None:
        """A match begins."""
        match_id = secrets.token_hex(8)
        people = [self._people[name] for name in group]
        seed = match_seed(self.config.scenario.seed, self._formed)
        self._formed += 1
        terms = self._terms(match_id, seed, max(person.step_cost_us or 0 for person in people))
        offers = tuple(self._offer(match_id, peer, terms, name) for peer, name in enumerate(group))
        match = self.matches[match_id] = Match(match_id, seed, tuple(group), offers)
        LOG.info("match", match=match_id, participants=group, window=terms.prediction_window_frames)
        self._run(self._keep_match(match))
        for peer, person in enumerate(people):
            person.match = match
            if person.line is None:
                match.away(peer, _now_us())
            else:
                person.line.tell(offers[peer])

    def _terms(self, match_id: str, seed: int, step_cost_us: int) -> MatchTerms:
        terms = match_terms(
            self.config.scenario, self._spec, session_id=match_id, build_id=self.build_id, seed=seed
        )
        affordable = affordable_window_frames(step_cost_us, terms.period_us)
        window = min(terms.prediction_window_frames, affordable)
        return dataclasses.replace(terms, prediction_window_frames=window)

    def _offer(self, match_id: str, peer: int, terms: MatchTerms, name: str) -> dict[str, Any]:
        config = self.config
        own = _plain(peer_config(config.scenario.session, peer, 1))
        del own["peer"], own["incarnation"]
        game = config.scenario.game
        return {
            "type": "match",
            "match_id": match_id,
            "peer": peer,
            "terms": _plain(terms),
            "config": own,
            "game": {"id": game.id, "params": game.params},
            "ice": config.ice.for_participant(name, int(time.time())),
            "paths": {
                "topology": config.topology,
                "is_direct_allowed": config.is_direct_allowed,
                "is_relay_allowed": config.is_relay_allowed,
                "direct_wait_us": config.direct_wait_us,
            },
        }

    def _place(self, person: Person, match_id: str) -> tuple[Match, int]:
        """The person's seat in their own match; nobody can speak in another's."""
        match = person.match
        if match is None or match.match_id != match_id:
            raise protocol.ProtocolError("NOT-YOURS", "that match is not theirs")
        return match, match.peer_of(person.person_id)

    def _pass_on(self, person: Person, message: protocol.Signal) -> None:
        match, source = self._place(person, message.match_id)
        if message.to == source or message.to >= len(match.people):
            raise protocol.ProtocolError("NO-PEER", f"peer {message.to}")
        target = self._people[match.people[message.to]]
        if target.line is None:
            return  # it is sent again until it is acknowledged
        items = []
        for item in message.items:
            body = item.body
            if self._signal_filter is not None:
                body = self._signal_filter(match.match_id, source, message.to, body)
            items.append({"serial": item.serial, "body": body})
        target.line.tell(
            {
                "type": "signal",
                "match_id": match.match_id,
                "from": source,
                "items": items,
                "ack": message.ack,
            }
        )

    def relay(self, person: Person, frame: bytes) -> None:
        """Datagrams for the person's partners; what is over the limits is dropped."""
        match = person.match
        if match is None or not self.config.is_relay_allowed or person.line is None:
            return
        try:
            entries = relay_frames.decode(frame)
        except RelayFrameError as error:
            raise protocol.ProtocolError("BAD-FRAME", str(error)) from None
        if not person.line.datagrams.take(len(entries), _now_us()):
            return
        source = match.peer_of(person.person_id)
        by_target: dict[int, list[Entry]] = {}
        for target, flags, data in entries:
            if target < len(match.people) and target != source:
                by_target.setdefault(target, []).append(Entry(source, flags, data))
                match.relayed_datagrams += 1
                match.relayed_bytes += len(data)
        for target, own in by_target.items():
            line = self._people[match.people[target]].line
            if line is not None:
                for out in relay_frames.encode(own):
                    line.relay(out)

    # Data.

    async def _keep_match(self, match: Match) -> None:
        await self.store.add(
            MATCHES,
            match_id=match.match_id,
            started_at_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
            people=json.dumps(match.people),
            offer=json.dumps({**match.offers[0], "ice": None}),
        )

    async def _keep_chunk(self, person: Person, chunk: protocol.Chunk) -> None:
        match, peer = self._place(person, chunk.match_id)
        self._run(self._store_chunk(person, match, peer, chunk))

    async def _store_chunk(self, person: Person, match: Match, peer: int, chunk: protocol.Chunk) -> None:
        key = {"match_id": match.match_id, "peer": peer, "name": chunk.table, "serial": chunk.serial}
        await self.store.add(CHUNKS, **key, data=chunk.data)
        upto = match.stored(peer, chunk.table, chunk.serial)
        if person.line is not None and upto >= 0:
            person.line.tell(
                {"type": "acked", "match_id": match.match_id, "table": chunk.table, "serial": upto}
            )
        self._conclude_if_settled(match)

    async def _keep_report(self, person: Person, report: protocol.Finished) -> None:
        match, peer = self._place(person, report.match_id)
        body = report.model_dump(exclude={"type", "match_id"})
        await self.store.add(REPORTS, match_id=match.match_id, peer=peer, body=json.dumps(body))
        match.report(peer, body)
        LOG.info("finished", match=match.match_id, peer=peer, reason=report.reason, frame=report.frame)
        if match.life is Life.OVER and person.line is not None:
            for verdict in match.verdicts:
                person.line.tell(verdict)
        self._conclude_if_settled(match)

    def _conclude_if_settled(self, match: Match) -> None:
        if match.life is Life.PLAYING and match.is_settled(_now_us(), self.config.away_limit_us):
            match.go(Life.CERTIFYING)
            self._run(self._conclude(match))

    async def _conclude(self, match: Match) -> None:
        """Certify what was uploaded, write the result, tell whoever is there."""
        uploads, locals_, logs, problem = [], [], [], None
        for peer in range(len(match.people)):
            try:
                uploads.append(read_upload(await self.store.chunks(match.match_id, peer, "frames")))
            except (ValueError, KeyError, TypeError) as error:
                problem = f"peer {peer}'s upload cannot be read: {error}"
                uploads.append(Upload(frames=[], rows=""))
            local = await self.store.chunks(match.match_id, peer, "local")
            locals_.append("".join(_rows_of(text) for text in local))
            logs.append(
                [e for text in await self.store.chunks(match.match_id, peer, "log") for e in _events_of(text)]
            )
        complete = [
            match.reports.get(peer, {}).get("reason") in ("completed", "focus-timeout")
            for peer in range(len(match.people))
        ]
        verdict = await certify(uploads, match.offers[0], are_complete=complete, header=self._header)
        if problem is not None:
            verdict = dataclasses.replace(verdict, is_equal=False, difference=problem)
        folder = self.result_folder(match.match_id)
        await asyncio.to_thread(
            write_result, folder, match, self.config.scenario, uploads, locals_, logs, verdict
        )
        message = self._verdict_message(match, verdict)
        await self.store.add(VERDICTS, match_id=match.match_id, body=json.dumps(message))
        match.verdicts.append(message)
        match.go(Life.OVER)
        LOG.info("certified", match=match.match_id, equal=verdict.is_equal, replay=verdict.replay)
        for name in match.people:
            line = self._people[name].line
            if line is not None:
                line.tell(message)

    def _verdict_message(self, match: Match, verdict: Verdict) -> dict[str, Any]:
        return {
            "type": "verdict",
            "match_id": match.match_id,
            "is_equal": verdict.is_equal,
            "replay": verdict.replay,
            "sha256": verdict.sha256,
            "rows": verdict.rows,
            "difference": verdict.difference,
            "episodes": verdict.episodes,
        }

    def result_folder(self, match_id: str) -> Path:
        return self.config.data_dir / "matches" / match_id

    # Time.

    def _run(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            LOG.error("task-failed", error=repr(task.exception()))

    async def _tick_for_ever(self) -> None:
        beat_s = self.config.heartbeat_us / 1e6
        next_beat = time.monotonic() + beat_s
        while True:
            await asyncio.sleep(TICK_S)
            for match in self.matches.values():
                if match.life is Life.PLAYING:
                    self._conclude_if_settled(match)
            if time.monotonic() >= next_beat:
                next_beat += beat_s
                self._beat()

    def _beat(self) -> None:
        """Ask every line whether it is there; one that has been silent too long is closed."""
        now_us = _now_us()
        for person in self._people.values():
            line = person.line
            if line is None:
                continue
            if now_us - line.heard_at_us > MISSED_BEATS * self.config.heartbeat_us:
                self._run(line.close(1001, "silent"))
            else:
                line.tell({"type": "ping", "t": now_us})


def match_seed(seed: int, number: int) -> int:
    """The games' seed of a server's match: the scenario's own for the first, then one made from both."""
    if not number:
        return seed
    digest = hashlib.sha256(f"match {seed} {number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _plain(value: Any) -> dict[str, Any]:
    """A frozen config as JSON takes it."""
    return {
        field.name: item.value if isinstance(item := getattr(value, field.name), Enum) else item
        for field in dataclasses.fields(value)
    }


def _rows_of(text: str) -> str:
    """The rows in a `local` chunk; a chunk that is none has none."""
    try:
        rows = json.loads(text)["rows"]
    except (ValueError, KeyError, TypeError):
        return ""
    return rows if isinstance(rows, str) else ""


def _events_of(text: str) -> list[Any]:
    """The lines of a `log` chunk; a chunk that is none has none."""
    try:
        events = json.loads(text)["events"]
    except (ValueError, KeyError, TypeError):
        return []
    return [e for e in events if isinstance(e, list) and len(e) == 3] if isinstance(events, list) else []


def _now_us() -> int:
    return time.monotonic_ns() // 1_000

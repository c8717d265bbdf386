"""Where participants meet: joins sockets, lobby, matches and store, and decides nothing that these can.

Everything here runs in one event loop. Each participant has one line at a time; a match outlives lines.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from live.client import relay_frames
from live.client.relay_frames import Entry, RelayFrameError
from live.client.window import affordable_window_frames
from live.server import protocol
from live.server.archive import Archive
from live.server.config import ServerConfig
from live.server.limits import now_us
from live.server.line import Line
from live.server.lobby import Lobby
from live.server.matches import Life, Match
from live.server.offers import make_offers, match_seed
from live.server.store import Store

PROBE_S: Final = 1.0  # for a line that may be dead to say that it is not
TICK_S: Final = 0.5
MISSED_BEATS: Final = 3
FORGET_US: Final = 600_000_000  # who was away for so long is known by the store only

SignalFilter = Callable[[str, int, int, dict[str, Any]], dict[str, Any]]
"""(match id, source, target, body) → the body as the target gets it; see docs/live.md."""

LOG: Final = structlog.get_logger("sametick.live")


@dataclass(slots=True)
class Person:
    """A participant. Only a digest of their token is kept; logs and data carry `person_id`."""

    person_id: str
    token_sha256: str
    label: dict[str, str] = field(default_factory=dict)
    line: Line | None = None
    away_since_us: int = 0
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
        self.lines: set[Line] = set()  # open now, welcomed or not
        self.archive = Archive(config, store, self._tell)
        self._signal_filter = signal_filter
        self._lobby = Lobby(config.players)
        self._people: dict[str, Person] = {}
        self._tokens: dict[str, str] = {}  # person by digest of their token
        self._formed = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.Task[None] | None = None

    @property
    def matches(self) -> dict[str, Match]:
        """Those in memory, by id."""
        return self.archive.matches

    async def open(self) -> None:
        """Go on where the server before us stopped."""
        await self.archive.open()
        self._formed = len(await self.store.match_ids())
        self._ticker = asyncio.create_task(self._tick_for_ever())

    async def close(self) -> None:
        """Finish what is being certified; every line is closed by its handler."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        await self.archive.close()

    async def close_lines(self) -> None:
        """The server stops: say so to everybody at once."""
        await asyncio.gather(*(line.close(1001, "the server stops") for line in list(self.lines)))

    # Coming and going.

    async def join(self, hello: protocol.Hello, line: Line) -> Person:
        """Welcome a participant, new or coming back. Raises Refusal."""
        if hello.v != protocol.PROTOCOL_VERSION or hello.build_id != self.build_id:
            raise Refusal("OLD-PAGE", "This page is older than the server.", "Please reload the page.")
        token = hello.token or secrets.token_urlsafe(24)
        digest = hashlib.sha256(token.encode()).hexdigest()
        if hello.token is None:
            person = Person(secrets.token_hex(8), digest)
            self._people[person.person_id] = person
            self._tokens[digest] = person.person_id
        else:
            person = await self._find(digest)
            await self._replace_line(person)
        person.line = line
        person.label = hello.label
        LOG.info("joined", participant=person.person_id, again=hello.token is not None)
        line.tell(self._welcome(person, token))
        if person.match is not None:
            peer = person.match.peer_of(person.person_id)
            person.match.present(peer)
            self._tell_presence(person.match, peer, is_here=True)
        return person

    async def _find(self, digest: str) -> Person:
        """Who has that token, from memory or from the store. Raises Refusal."""
        person_id = self._tokens.get(digest)
        if person_id is None:
            person_id = await self.store.person_of(digest)
        if person_id is None:
            raise Refusal("UNKNOWN-TOKEN", "The server does not know this page.", "Please reload the page.")
        if person_id not in self._people:
            match_id = await self.store.last_match_of(person_id)
            match = None if match_id is None else await self.archive.recall(match_id)
            # Two sockets may have asked at once: the first one's is everybody's.
            self._people.setdefault(person_id, Person(person_id, digest, match=match))
            self._tokens[digest] = person_id
        return self._people[person_id]

    async def _replace_line(self, person: Person) -> None:
        """A person has one line: the old one if it answers, or else it is cut. Raises Refusal."""
        while (old := person.line) is not None:
            if await self._is_alive(old):
                raise Refusal("SECOND-TAB", "This study is open in another tab.", "Please go on there.")
            if person.line is old:
                person.line = None
                old.cut()

    async def _is_alive(self, line: Line) -> bool:
        """Ask a line whether anybody is there."""
        asked_us = now_us()
        line.tell({"type": "ping", "t": asked_us})
        await asyncio.sleep(PROBE_S)
        return line.heard_at_us > asked_us

    def _welcome(self, person: Person, token: str) -> dict[str, Any]:
        config = self.config
        game = config.scenario.game
        return {
            "type": "welcome",
            "v": protocol.PROTOCOL_VERSION,
            "participant_id": person.person_id,
            "token": token,
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

    def gone(self, person: Person, line: Line, *, for_good: bool) -> None:
        """This line has ended; nothing happens if another has taken its place."""
        if person.line is not line:
            return
        person.line = None
        person.away_since_us = now_us()
        LOG.info("away", participant=person.person_id, for_good=for_good)
        if for_good:
            self._left(person)
            if person.match is None:
                self._forget(person)
        elif person.match is None:
            self._lobby.away(person.person_id)
            self._tell_waiting()
        else:
            peer = person.match.peer_of(person.person_id)
            person.match.away(peer, now_us())
            self._tell_presence(person.match, peer, is_here=False)

    def _left(self, person: Person) -> None:
        """This person does not come back: nobody need wait for them."""
        if person.match is None:
            self._lobby.leave(person.person_id)
            self._tell_waiting()
        else:
            peer = person.match.peer_of(person.person_id)
            person.match.gone(peer)
            self._tell_presence(person.match, peer, is_here=False, is_gone=True)

    def _forget(self, person: Person) -> None:
        """Give up the memory of a person; the store knows those who played."""
        self._lobby.leave(person.person_id)
        del self._people[person.person_id]
        del self._tokens[person.token_sha256]

    def line_of(self, person_id: str) -> Line | None:
        """Where to reach a person, if they are there."""
        person = self._people.get(person_id)
        return None if person is None else person.line

    def _tell(self, person_id: str, message: dict[str, Any]) -> None:
        line = self.line_of(person_id)
        if line is not None:
            line.tell(message)

    def _tell_presence(self, match: Match, peer: int, *, is_here: bool, is_gone: bool = False) -> None:
        message = {"type": "partner", "match_id": match.match_id, "peer": peer}
        for other, person_id in enumerate(match.people):
            if other != peer:
                self._tell(person_id, {**message, "is_here": is_here, "is_gone": is_gone})

    # Messages.

    async def receive(self, person: Person, message: Any) -> None:
        """Act on a message; Refusal ends the participant, ProtocolError only their line."""
        match message:
            case protocol.Loaded():
                await self._enter(person, message.step_cost_us)
            case protocol.Signal():
                self._pass_on(person, message)
            case protocol.Chunk():
                await self.archive.keep_chunk(*self._place(person, message.match_id), message)
            case protocol.Finished():
                await self.archive.keep_report(*self._place(person, message.match_id), message)
            case protocol.Pong():
                pass  # that it was heard is noted for every message
            case protocol.Bye():
                self._left(person)
            case protocol.Hello():
                raise protocol.ProtocolError("SECOND-HELLO", "one is enough")

    async def _enter(self, person: Person, step_cost_us: int) -> None:
        match = person.match
        if match is not None and match.life is not Life.OVER:
            # A page says this only while it has no match: the offer got lost with the line before.
            self._offer_to(person, match)
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
            await self._seat(group)
            self._tell_waiting()

    def _tell_waiting(self) -> None:
        present = self._lobby.present
        for person_id in present:
            self._tell(person_id, {"type": "waiting", "have": len(present), "need": self.config.players})

    async def _seat(self, group: list[str]) -> None:
        """A match begins."""
        match_id = secrets.token_hex(8)
        people = [self._people[person_id] for person_id in group]
        seed = match_seed(self.config.scenario.seed, self._formed)
        self._formed += 1
        cost_us = max(person.step_cost_us or 0 for person in people)
        match = Match(
            match_id=match_id,
            seed=seed,
            scenario=self.config.scenario,
            people=tuple(group),
            labels=tuple(person.label for person in people),
            offers=make_offers(self.config, match_id, self.build_id, seed, cost_us),
        )
        LOG.info("match", match=match_id, participants=group)
        for peer, person in enumerate(people):
            person.match = match
            if person.line is None:
                match.away(peer, now_us())
        await self.archive.begin(match, {person.person_id: person.token_sha256 for person in people})
        for person in people:
            self._offer_to(person, match)

    def _offer_to(self, person: Person, match: Match) -> None:
        offer = match.offers[match.peer_of(person.person_id)]
        ice = self.config.ice.for_participant(person.person_id, int(time.time()))
        self._tell(person.person_id, {**offer, "ice": ice})

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
        items = []
        for item in message.items:
            body = item.body
            if self._signal_filter is not None:
                body = self._signal_filter(match.match_id, source, message.to, body)
            items.append({"serial": item.serial, "body": body})
        # To nobody, if the target is away: it is sent again until it is acknowledged.
        passed = {"type": "signal", "match_id": match.match_id, "from": source, "items": items}
        self._tell(match.people[message.to], {**passed, "ack": message.ack})

    def relay(self, person: Person, frame: bytes) -> None:
        """Datagrams for the person's partners; what is over the limits is dropped."""
        match = person.match
        if match is None or not self.config.is_relay_allowed or person.line is None:
            return
        if not person.line.datagrams.take(1, now_us()):
            return  # before anything is spent on reading it
        try:
            entries = relay_frames.decode(frame)
        except RelayFrameError as error:
            raise protocol.ProtocolError("BAD-FRAME", str(error)) from None
        if not person.line.datagrams.take(len(entries) - 1, now_us()):
            return
        source = match.peer_of(person.person_id)
        by_target: dict[int, list[Entry]] = {}
        for target, flags, data in entries:
            if target < len(match.people) and target != source:
                by_target.setdefault(target, []).append(Entry(source, flags, data))
                match.relayed_datagrams += 1
                match.relayed_bytes += len(data)
        for target, own in by_target.items():
            line = self.line_of(match.people[target])
            if line is not None:
                for out in relay_frames.encode(own):
                    line.relay(out)

    # Time.

    async def _tick_for_ever(self) -> None:
        beat_s = self.config.heartbeat_us / 1e6
        next_beat = time.monotonic() + beat_s
        while True:
            await asyncio.sleep(TICK_S)
            self.archive.look()
            if time.monotonic() >= next_beat:
                next_beat += beat_s
                self._beat()
                self._forget_the_absent()

    def _beat(self) -> None:
        """Ask every line whether it is there; one that has been silent too long is closed."""
        now = now_us()
        for person in self._people.values():
            line = person.line
            if line is None or line.is_closing:
                continue
            if now - line.heard_at_us > MISSED_BEATS * self.config.heartbeat_us:
                task = asyncio.create_task(line.close(1001, "silent"))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            else:
                line.tell({"type": "ping", "t": now})

    def _forget_the_absent(self) -> None:
        """People who were away for long, and matches that are over and whose people are all forgotten."""
        now = now_us()
        for person in list(self._people.values()):
            is_playing = person.match is not None and person.match.life is not Life.OVER
            if person.line is None and not is_playing and now - person.away_since_us >= FORGET_US:
                self._forget(person)
        for match_id, match in list(self.matches.items()):
            if match.life is Life.OVER and not any(name in self._people for name in match.people):
                del self.matches[match_id]

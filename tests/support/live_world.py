"""Participants with a server, channels and a bad network in memory, on a clock that jumps.

The server here knows of its contract what a participant can notice: it pairs, passes signals on (losing,
doubling and delaying some), relays, stores chunks, acknowledges and gives a verdict.
"""

import heapq
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from live.client import relay_frames
from live.client.participant import Participant
from live.client.relay_frames import Entry
from rollback_core.timers import NEVER
from scenarios.registry import create_game

BUILD = "build"
MATCH = "match"
GATHER_US = 5_000  # until a host has a description
CHECK_US = 50_000  # between two tries of a connection to get through
CHECKS = 100
REOPEN_US = 250_000
LIMIT_US = 300_000_000
FRAME_RATE_HZ = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """`loss_prob`, `delay_us` and `jitter_us` are those of every direct path, one way."""

    seed: int = 1
    peers: int = 2
    game: str = "counter-v1"
    layout: str = ""  # of a kitchen
    frames: int = 90
    episodes: int = 1
    loss_prob: float = 0.0
    delay_us: int = 20_000
    jitter_us: int = 10_000
    relay_delay_us: int = 15_000
    signal_loss_prob: float = 0.0
    signal_dup_prob: float = 0.0
    is_direct_allowed: bool = True
    is_relay_allowed: bool = True
    direct_wait_us: int = 500_000
    is_ready_asked: bool = False
    interrupt_us: int = 500_000


@dataclass(slots=True)
class _Line:
    """A participant's WebSocket; what is under way when `epoch` moves on is lost."""

    epoch: int = 0
    is_open: bool = False
    free_us: list[int] = field(default_factory=lambda: [0, 0])  # in order: up, down


@dataclass(slots=True)
class _Side:
    """One end of a connection attempt."""

    has_remote: bool = False
    has_candidate: bool = False
    is_closed: bool = False


class LiveWorld:
    """Run with `run`, which gives when all are through; then look at what was stored."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.now_us = 0
        self.participants = [Participant(index + 1, BUILD) for index in range(setup.peers)]
        self.chunks: dict[tuple[int, str], dict[int, str]] = {}
        self.reports: dict[int, dict[str, Any]] = {}
        self.cut_direct: set[tuple[int, int]] = set()  # (source, target)
        self.is_relay_cut = False
        self.vanished: set[int] = set()
        self.sent_direct = self.sent_relayed = self.lost_signals = self.doubled_chunks = 0
        self._chance = Random(setup.seed)
        self._hands = [Random(setup.seed * 31 + index) for index in range(setup.peers)]
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._lines = [_Line() for _ in self.participants]
        self._loaded: set[int] = set()
        self._is_matched = False
        self._sides: dict[tuple[int, int, int], _Side] = {}  # (peer, partner, attempt)
        self._opened: set[tuple[int, int, int]] = set()
        self._game = create_game(setup.game, self._params)
        for index in range(setup.peers):
            self.at(index * 7_000, lambda index=index: self._open_line(index))  # type: ignore[misc]

    @property
    def _params(self) -> dict[str, Any]:
        layout = {"layout": self.setup.layout} if self.setup.layout else {}
        return {"players": self.setup.peers, **layout}

    # The clock.

    def at(self, at_us: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at_us, next(self._numbers), action))

    def later(self, delay_us: int, action: Callable[[], None]) -> None:
        self.at(self.now_us + delay_us, action)

    def run(self, until: Callable[[], bool] | None = None) -> int:
        """Jump from wake to wake until everybody is done; gives the time."""
        while not all(p.is_done for n, p in enumerate(self.participants) if n not in self.vanished):
            if until is not None and until():
                break
            wakes = [
                NEVER if index in self.vanished else participant.next_wake_us()
                for index, participant in enumerate(self.participants)
            ]
            due_us = min(wakes)
            if self._queue and self._queue[0][0] <= due_us:
                self.now_us, _, action = heapq.heappop(self._queue)
                action()
                continue
            assert due_us != NEVER, f"nothing will ever happen again: {self.stages()}"
            assert due_us < LIMIT_US, f"no end in sight: {self.stages()}"
            self.now_us = max(self.now_us, due_us)
            index = wakes.index(due_us)
            participant = self.participants[index]
            peer = participant.peer
            count = self._game.spec.action_count
            seats = 0 if peer is None else len(peer.session.local_players)
            actions = [self._hands[index].randrange(count) for _ in range(seats)]
            participant.wake(self.now_us, actions)
            self.carry_out(index)
        return self.now_us

    def stages(self) -> list[str]:
        return [participant.stage.value for participant in self.participants]

    # The host of each participant.

    def carry_out(self, index: int) -> None:
        for effect in self.participants[index].drain_effects():
            match effect:
                case ("text", text):
                    self._send_up(index, lambda text=text: self._serve(index, json.loads(text)))  # type: ignore[misc]
                case ("relay", data):
                    self._send_up(index, lambda data=data: self._relay(index, data))  # type: ignore[misc]
                case ("direct", peer, attempt, data):
                    self._send_direct(index, peer, attempt, data)
                case ("connect", peer, attempt, is_offerer, _):
                    self._sides[index, peer, attempt] = _Side()
                    if is_offerer:
                        self._describe(index, peer, attempt, "offer")
                case ("remote-description", peer, attempt, kind, _):
                    side = self._sides[index, peer, attempt]
                    assert not side.has_remote, "described twice"
                    side.has_remote = True
                    if kind == "offer":
                        self._describe(index, peer, attempt, "answer")
                    self._check(index, peer, attempt, CHECKS)
                case ("remote-candidate", peer, attempt, candidate):
                    side = self._sides[index, peer, attempt]
                    assert side.has_remote, "a candidate before the description"
                    side.has_candidate |= candidate is not None
                    self._check(index, peer, attempt, CHECKS)
                case ("disconnect", peer, attempt):
                    self._close(index, peer, attempt)
                case _:
                    raise AssertionError(effect)

    def tell(self, index: int, door: Callable[[Participant], Any]) -> None:
        """Knock at a participant's door, and carry out what it wants."""
        if index in self.vanished:
            return
        door(self.participants[index])
        self.carry_out(index)

    def _describe(self, index: int, peer: int, attempt: int, kind: str) -> None:
        def gathered() -> None:
            if self._sides[index, peer, attempt].is_closed:
                return
            sdp = f"{kind} {attempt} of {index}"
            candidate = {"candidate": f"{sdp} here", "sdpMid": "0", "sdpMLineIndex": 0}
            doors: list[Callable[[Participant], None]] = [
                lambda p: p.local_description(peer, attempt, kind, sdp, self.now_us),
                lambda p: p.local_candidate(peer, attempt, candidate, self.now_us),
            ]
            self._chance.shuffle(doors)  # a browser may have a candidate before we have its description
            for door in (*doors, lambda p: p.local_candidate(peer, attempt, None, self.now_us)):
                self.tell(index, door)

        self.later(GATHER_US, gathered)

    def _check(self, index: int, peer: int, attempt: int, checks: int) -> None:
        """Both ends know each other: open as soon as the network lets them, or give up."""
        ends = [self._sides.get((index, peer, attempt)), self._sides.get((peer, index, attempt))]
        pair = (min(index, peer), max(index, peer), attempt)
        if pair in self._opened or any(
            end is None or end.is_closed or not (end.has_remote and end.has_candidate) for end in ends
        ):
            return
        if not checks:
            for a, b in ((index, peer), (peer, index)):
                self.tell(a, lambda p, b=b: p.channel_closed(b, attempt, self.now_us))  # type: ignore[misc]
            return
        if self.cut_direct & {(index, peer), (peer, index)}:
            self.later(CHECK_US, lambda: self._check(index, peer, attempt, checks - 1))
            return
        self._opened.add(pair)
        info = {"local": "host", "remote": "host", "protocol": "udp", "is_turn": False}
        for a, b in ((index, peer), (peer, index)):

            def opened(a: int = a, b: int = b) -> None:
                if not self._sides[a, b, attempt].is_closed:
                    self.tell(a, lambda p: p.channel_opened(b, attempt, self.now_us))
                    self.tell(a, lambda p: p.connection_info(b, attempt, dict(info), self.now_us))

            self.later(self._direct_delay_us(), opened)

    def _close(self, index: int, peer: int, attempt: int) -> None:
        self._sides[index, peer, attempt].is_closed = True
        if (index, peer) in self.cut_direct:
            return  # the partner finds out by silence

        def closed() -> None:
            side = self._sides.get((peer, index, attempt))
            if side is not None and not side.is_closed:
                side.is_closed = True
                self.tell(peer, lambda p: p.channel_closed(index, attempt, self.now_us))

        self.later(self._direct_delay_us(), closed)

    # The network.

    def _direct_delay_us(self) -> int:
        return self.setup.delay_us + self._chance.randint(0, self.setup.jitter_us)

    def _send_direct(self, index: int, peer: int, attempt: int, data: bytes) -> None:
        self.sent_direct += 1
        if (index, peer) in self.cut_direct or self._chance.random() < self.setup.loss_prob:
            return

        def arrived() -> None:
            side = self._sides.get((peer, index, attempt))
            if side is not None and not side.is_closed and (index, peer) not in self.cut_direct:
                self.tell(peer, lambda p: p.receive_direct(index, attempt, data, self.now_us))

        self.later(self._direct_delay_us(), arrived)

    def _open_line(self, index: int) -> None:
        line = self._lines[index]
        if not line.is_open and not self.participants[index].is_done and index not in self.vanished:
            line.is_open = True
            self.tell(index, lambda p: p.server_opened(self.now_us))

    def close_page(self, index: int) -> None:
        """The page is closed; the server hears it and tells the others."""
        self.vanish(index)
        for other in range(self.setup.peers):
            if other != index:
                presence = {"type": "partner", "match_id": MATCH, "peer": index, "is_here": False}
                self._send_down(other, {**presence, "is_gone": True})

    def break_line(self, index: int) -> None:
        """The WebSocket breaks with all that is under way; the host opens another one."""
        line = self._lines[index]
        if line.is_open:
            line.is_open = False
            line.epoch += 1
            self.tell(index, lambda p: p.server_closed(self.now_us))
            self.later(REOPEN_US, lambda: self._open_line(index))

    def vanish(self, index: int) -> None:
        """Its machine loses power: nothing comes from it or reaches it any more."""
        self.break_line(index)
        self.vanished.add(index)

    def _send_up(self, index: int, serve: Callable[[], None]) -> None:
        self._send(index, 0, serve)

    def _send_down(self, index: int, message: dict[str, Any]) -> None:
        text = json.dumps(message)
        self._send(index, 1, lambda: self.tell(index, lambda p: p.receive_text(text, self.now_us)))

    def _send(self, index: int, way: int, arrive: Callable[[], None]) -> None:
        """In order, and lost with the socket."""
        line = self._lines[index]
        if not line.is_open:
            return
        epoch = line.epoch
        line.free_us[way] = max(line.free_us[way], self.now_us + self.setup.relay_delay_us)
        self.at(line.free_us[way], lambda: arrive() if line.epoch == epoch and line.is_open else None)

    # The server.

    def _relay(self, index: int, data: bytes) -> None:
        for entry in relay_frames.decode(data):
            self.sent_relayed += 1
            if not self.is_relay_cut:
                [frame] = relay_frames.encode([Entry(index, entry.flags, entry.data)])
                self._send(
                    entry.peer,
                    1,
                    lambda to=entry.peer, frame=frame: self.tell(  # type: ignore[misc]
                        to, lambda p: p.receive_relayed(frame, self.now_us)
                    ),
                )

    def _serve(self, index: int, message: dict[str, Any]) -> None:
        match message["type"]:
            case "hello":
                self._send_down(index, self._welcome(index))
                if self.participants[index].participant_id is None:
                    self.later(1_000, lambda: self.tell(index, lambda p: p.loaded(50, self.now_us)))
            case "loaded":
                self._loaded.add(index)
                if len(self._loaded) == self.setup.peers and not self._is_matched:
                    self._is_matched = True
                    for peer in range(self.setup.peers):
                        self._send_down(peer, self.match_message(peer))
            case "signal":
                self._pass_on(index, message)
            case "chunk":
                self._store(index, message)
            case "finished":
                self.reports[index] = message
                if len(self.reports) == self.setup.peers - len(self.vanished):
                    verdict = {"type": "verdict", "match_id": MATCH, "episode": 0, "is_equal": True}
                    for peer in range(self.setup.peers):
                        self._send_down(peer, {**verdict, "replay": "equal", "sha256": ""})
            case kind:
                raise AssertionError(kind)

    def _welcome(self, index: int) -> dict[str, Any]:
        return {
            "type": "welcome",
            "v": 1,
            "participant_id": f"p{index}",
            "token": f"t{index}",
            "build_id": BUILD,
            "heartbeat_us": 5_000_000,
            "game": {"id": self.setup.game, "params": self._params},
            "texts": {},
            "options": {"is_ready_asked": self.setup.is_ready_asked},
        }

    def match_message(self, peer: int) -> dict[str, Any]:
        setup = self.setup
        return {
            "type": "match",
            "match_id": MATCH,
            "peer": peer,
            "terms": {
                "session_id": "s",
                "build_id": BUILD,
                "game_id": self._game.spec.id,
                "action_count": self._game.spec.action_count,
                "seed": setup.seed,
                "seats": list(range(setup.peers)),
                "episodes": setup.episodes,
                "max_steps": setup.frames,
                "countdown_frames": 3,
                "frame_rate_hz": FRAME_RATE_HZ,
                "interrupt_us": setup.interrupt_us,
            },
            "config": {"linger_us": 300_000},
            "game": {"id": setup.game, "params": self._params},
            "ice": {"servers": [], "policy": "all"},
            "paths": {
                "topology": "mesh",
                "is_direct_allowed": setup.is_direct_allowed,
                "is_relay_allowed": setup.is_relay_allowed,
                "direct_wait_us": setup.direct_wait_us,
            },
        }

    def _pass_on(self, index: int, message: dict[str, Any]) -> None:
        out = {"type": "signal", "match_id": MATCH, "from": index}
        out |= {"items": message["items"], "ack": message["ack"]}
        if self._chance.random() < self.setup.signal_loss_prob:
            self.lost_signals += 1
            return
        copies = 1 + (self._chance.random() < self.setup.signal_dup_prob)
        for _ in range(copies):
            late_us = self._chance.randint(0, 300_000) if self.setup.signal_dup_prob else 0
            self.later(late_us, lambda: self._send_down(message["to"], out))

    def _store(self, index: int, message: dict[str, Any]) -> None:
        stored = self.chunks.setdefault((index, message["table"]), {})
        serial = message["serial"]
        if serial in stored:
            self.doubled_chunks += 1
            assert stored[serial] == message["data"], "a chunk changed after it was sent"
        stored[serial] = message["data"]
        upto = next(number for number in itertools.count() if number not in stored) - 1
        if upto >= 0:
            ack = {"type": "acked", "match_id": MATCH, "table": message["table"], "serial": upto}
            self.later(2_000, lambda: self._send_down(index, ack))

    # What was stored.

    def table(self, index: int, name: str) -> list[Any]:
        """A peer's chunks of a table, in order and complete."""
        stored = self.chunks.get((index, name), {})
        assert sorted(stored) == list(range(self.reports[index]["counts"][name])), "chunks are missing"
        return [json.loads(stored[serial]) for serial in sorted(stored)]

    def frames(self, index: int) -> tuple[list[Any], str]:
        """All frames and all shared rows of a peer; the chunks follow on each other."""
        frames: list[Any] = []
        rows = ""
        for chunk in self.table(index, "frames"):
            assert chunk["first"] == len(frames)
            frames += chunk["frames"]
            rows += chunk["rows"]
        return frames, rows

    def log(self, index: int, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """(time, fields) of a peer's log lines of this kind."""
        lines = [line for chunk in self.table(index, "log") for line in chunk["events"]]
        assert [line[0] for line in lines] == sorted(line[0] for line in lines), "the log is out of order"
        return [(at_us, fields) for at_us, name, fields in lines if name == kind]

    def ways(self, index: int) -> list[str]:
        """By which way a peer heard its partners, in order."""
        return [fields["path"] for _, fields in self.log(index, "path")]

"""A seat in a match: the peer that plays, its connections to the partners, its tables on their way out.

Sans-I/O like the session inside. What the host has to do is appended to `effects`; what goes to the server
is left in `signals_to_send` and `uploads` for the participant, who owns that conversation.
"""

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from live.client import relay_frames
from live.client.paths import PathChoice, PathRules, Ways
from live.client.presses import PressFigures
from live.client.relay_frames import Entry
from live.client.signaling import SignalStream
from live.client.terms import MatchOffer
from live.client.uploads import Uploads
from rollback_core.commands import FocusChanged, Leave, PeerGone, Ready, TransportChanged
from rollback_core.episodes import WAITING, Episodes
from rollback_core.events import (
    CommittedFrame,
    DelayChanged,
    DesyncAttributed,
    DesyncDetected,
    Ended,
    EpisodeEnded,
    Event,
    Interrupted,
    PlayersLeft,
    Resumed,
    RolledBack,
    Started,
)
from rollback_core.life import State
from rollback_core.metrics import PeerMetrics
from rollback_core.peer import Peer
from rollback_core.recorder import csv_text, shared_header, shared_row
from rollback_core.timers import NEVER
from scenarios.registry import create_game

FLUSH_US: Final = 500_000  # rows leave at least so often: what a closed laptop can take with it
MAX_CHUNK_FRAMES: Final = 600  # with eight players and long infos still below the limit of a message
RTT_LOG_US: Final = 1_000_000
DEPTH_HOLD_US: Final = 1_000_000  # how long the HUD shows the deepest recent rollback
ABSENT_US: Final = 400_000  # a host that wakes so late was suspended or stalled

Effect = tuple[Any, ...]


class _Partner:
    """One remote peer as this seat sees it. `attempt` numbers the newest connection, 0: none yet."""

    __slots__ = (
        "attempt",
        "has_described",
        "held",
        "info",
        "is_described",
        "open_attempt",
        "path",
        "signals",
        "told",
    )

    def __init__(self, path: PathChoice) -> None:
        self.path = path
        self.signals = SignalStream()
        self.attempt = 0
        self.open_attempt = 0  # the newest connection whose channel is open, 0: none
        self.is_described = False  # the newest connection has its remote description
        self.has_described = False  # we have sent ours
        self.held: list[Any] = []  # our candidates that the host had before it
        self.info: dict[str, Any] = {}
        self.told = ""  # the carrier last logged


class Seat:
    """One match of this participant. `is_over` once nothing more will be played or recorded."""

    def __init__(self, offer: MatchOffer, incarnation: int, now_us: int) -> None:
        self.offer = offer
        self.effects: list[Effect] = []
        self.uploads = Uploads()
        self.metrics = PeerMetrics()
        self._presses = PressFigures()
        self.ended: Ended | None = None
        self.is_corrected = False  # the last wake mended the past
        self.interrupted: set[int] = set()
        self.left: set[int] = set()
        self.desynced_from: int | None = None
        game = Episodes(
            create_game(offer.game_id, offer.game_params),
            seed=offer.terms.seed,
            count=offer.terms.episodes,
            max_steps=offer.terms.max_steps,
            countdown_frames=offer.terms.countdown_frames,
        )
        self.peer = Peer(offer.terms, offer.config(incarnation), game, now_us)
        rules = PathRules(
            is_direct_allowed=offer.is_direct_allowed,
            is_relay_allowed=offer.is_relay_allowed,
            direct_wait_us=offer.direct_wait_us,
        )
        self._partners = {peer: _Partner(PathChoice(rules, now_us)) for peer in self.peer.session.links}
        self._me = offer.peer
        self._seated_us = now_us
        self._start_us: int | None = None  # from the seat to the first frame
        self._rows_digest = hashlib.sha256(csv_text([shared_header(game.game.spec)]).encode())
        self._log: list[list[Any]] = []
        self._flush_at_us = now_us + FLUSH_US
        self._rtt_log_at_us = now_us
        self._last_wake_us = now_us
        self._depths: deque[tuple[int, int]] = deque()  # (until, depth)
        self._is_flushed = False
        for number in self._partners:
            self._care_for(number, now_us)
        self._pump(now_us)

    # Doors in.

    def receive_direct(self, peer: int, attempt: int, data: bytes, now_us: int) -> None:
        partner = self._partners.get(peer)
        if partner is None or attempt > partner.attempt:
            return
        partner.path.heard_direct(now_us)
        self._receive(peer, data, now_us)

    def receive_relayed(self, entries: Sequence[Entry], now_us: int) -> None:
        for peer, flags, data in entries:
            partner = self._partners.get(peer)
            if partner is not None:
                partner.path.heard_relayed(now_us, is_deaf=bool(flags & relay_frames.DEAF))
                self._receive(peer, data, now_us)

    def _receive(self, peer: int, data: bytes, now_us: int) -> None:
        self.peer.receive_datagram(peer, data, now_us)
        if self.peer.session.mailbox.outbox or self.peer.events:
            self._pump(now_us)

    def channel_opened(self, peer: int, attempt: int, now_us: int) -> None:
        partner = self._partners.get(peer)
        if partner is None or not partner.open_attempt < attempt <= partner.attempt:
            return
        if partner.open_attempt:
            self.effects.append(("disconnect", peer, partner.open_attempt))
        partner.open_attempt = attempt
        partner.path.opened(now_us)
        self.log("channel-open", {"peer": peer, "attempt": attempt}, now_us)
        if self.peer.session.state is State.RUNNING:
            self.peer.session.command(TransportChanged(peer), now_us)
            self._pump(now_us)

    def channel_closed(self, peer: int, attempt: int, now_us: int) -> None:
        partner = self._partners.get(peer)
        if partner is None or attempt > partner.attempt:
            return
        self.log("channel-closed", {"peer": peer, "attempt": attempt}, now_us)
        if attempt == partner.open_attempt:
            partner.open_attempt = 0
            partner.path.closed(now_us)

    def connection_info(self, peer: int, attempt: int, info: dict[str, Any], now_us: int) -> None:
        partner = self._partners.get(peer)
        if partner is not None and attempt == partner.attempt:
            partner.info = info
            self.log("connection", {"peer": peer, "attempt": attempt, **info}, now_us)

    def local_description(self, peer: int, attempt: int, kind: str, sdp: str) -> None:
        partner = self._current(peer, attempt)
        if partner is None:
            return
        partner.has_described = True
        partner.signals.queue({"kind": kind, "attempt": attempt, "sdp": sdp})
        held, partner.held = partner.held, []
        for candidate in held:
            self.local_candidate(peer, attempt, candidate)

    def local_candidate(self, peer: int, attempt: int, candidate: dict[str, Any] | None) -> None:
        """A partner knows nothing of an attempt before its description: no candidate goes ahead of that."""
        partner = self._current(peer, attempt)
        if partner is None:
            return
        if partner.has_described:
            partner.signals.queue({"kind": "candidate", "attempt": attempt, "candidate": candidate})
        else:
            partner.held.append(candidate)

    def _current(self, peer: int, attempt: int) -> _Partner | None:
        """The partner, if this attempt is the newest."""
        partner = self._partners.get(peer)
        return partner if partner is not None and attempt == partner.attempt else None

    def focus_changed(self, is_focused: bool, now_us: int) -> None:
        self.peer.session.command(FocusChanged(is_focused), now_us)
        self.log("focus", {"focused": is_focused}, now_us)
        self._pump(now_us)

    def ready(self, now_us: int) -> None:
        """Ready for the next round; between rounds only."""
        session = self.peer.session
        if session.state is State.RUNNING and self.peer.game.phase == WAITING and not session.is_ready:
            session.command(Ready(), now_us)

    def partner_gone(self, peer: int, now_us: int) -> None:
        """The server knows that this partner's page is closed."""
        if peer in self._partners:
            self.peer.session.command(PeerGone(peer), now_us)
            self._pump(now_us)

    def leave(self, reason: str, now_us: int) -> None:
        self.peer.session.command(Leave(reason), now_us)
        self._pump(now_us)

    def wake(self, now_us: int, actions: Sequence[int]) -> int:
        """Do what is due; gives frames played."""
        gap_us = now_us - self._last_wake_us
        self._last_wake_us = now_us
        if gap_us > ABSENT_US:
            for partner in self._partners.values():
                partner.path.absent(gap_us, now_us)
        played = 0
        self.is_corrected = False
        if now_us >= self.peer.next_wake_us():
            is_tick = now_us >= self.peer.next_tick_us
            played = self.peer.wake(now_us, actions)
            if is_tick:
                if self.metrics.ticked(self.peer, played, now_us):
                    self.metrics.sample(self.peer, now_us, now_us)
        self._pump(now_us)
        if self.peer.session.state is not State.CLOSED:
            for number in self._partners:
                self._care_for(number, now_us)
            if now_us >= self._rtt_log_at_us:
                self._log_rtts(now_us)
        self._flush(now_us)
        return played

    def next_wake_us(self) -> int:
        if self._is_flushed:
            return NEVER
        # Paths and logs have time until the next tick; without ticks the flush wakes them.
        return min(self.peer.next_wake_us(), self._flush_at_us)

    # Connections.

    def _care_for(self, number: int, now_us: int) -> None:
        """Note by what way the partner is heard; replace a connection that has failed."""
        if self.ended is not None or number in self.left:
            return
        partner = self._partners[number]
        carrier = self.carrier(number, now_us)
        if carrier != partner.told:
            partner.told = carrier
            self.log("path", {"peer": number, "path": carrier}, now_us)
            self._name_path()
        if partner.path.wants_connection(now_us):
            partner.path.begun(now_us)
            if self._me < number:
                self._connect(number, partner.attempt + 1, is_offerer=True, now_us=now_us)
            elif partner.attempt:
                partner.signals.queue({"kind": "again", "attempt": partner.attempt})

    def _name_path(self) -> None:
        """The local table's column: the worst way by which any of those who still play is heard."""
        heard = {partner.told for peer, partner in self._partners.items() if peer not in self.left}
        self.peer.recorder.path = next(
            (way for way in ("none", "relay", "turn", "direct") if way in heard), "none"
        )

    def carrier(self, number: int, now_us: int) -> str:
        """ "direct", "turn", "relay" or "none"."""
        partner = self._partners[number]
        carrier = partner.path.carrier(now_us)
        return "turn" if carrier == "direct" and partner.info.get("is_turn") else carrier

    def _connect(self, peer: int, attempt: int, *, is_offerer: bool, now_us: int) -> None:
        partner = self._partners[peer]
        if partner.attempt and partner.attempt != partner.open_attempt:
            self.effects.append(("disconnect", peer, partner.attempt))
        partner.attempt = attempt
        partner.is_described = partner.has_described = False
        partner.held = []
        partner.info = {}
        self.effects.append(("connect", peer, attempt, is_offerer, self.offer.ice))
        self.log("connect", {"peer": peer, "attempt": attempt, "offers": is_offerer}, now_us)

    def receive_signals(self, peer: int, items: list[dict[str, Any]], ack: int, now_us: int) -> None:
        """What a partner signals: new items only, each once and in order."""
        partner = self._partners.get(peer)
        if partner is None:
            return
        for body in partner.signals.receive(items, ack):
            self._receive_signal(peer, partner, body, now_us)

    def _receive_signal(self, peer: int, partner: _Partner, body: dict[str, Any], now_us: int) -> None:
        attempt = body.get("attempt", 0)
        match body["kind"]:
            case "offer" if peer < self._me and attempt > partner.attempt:
                partner.path.begun(now_us)
                self._connect(peer, attempt, is_offerer=False, now_us=now_us)
                self._describe(peer, partner, "offer", body["sdp"])
            case "answer" if peer > self._me and attempt == partner.attempt and not partner.is_described:
                self._describe(peer, partner, "answer", body["sdp"])
            case "candidate" if attempt == partner.attempt and partner.is_described:
                self.effects.append(("remote-candidate", peer, attempt, body["candidate"]))
            case "again" if self._me < peer and attempt == partner.attempt and self.ended is None:
                partner.path.begun(now_us)
                self._connect(peer, attempt + 1, is_offerer=True, now_us=now_us)

    def _describe(self, peer: int, partner: _Partner, kind: str, sdp: str) -> None:
        partner.is_described = True
        self.effects.append(("remote-description", peer, partner.attempt, kind, sdp))

    def signals_to_send(self, now_us: int) -> list[dict[str, Any]]:
        """Signal messages that are due, without their match."""
        return [
            {"to": number, "items": items, "ack": ack}
            for number, partner in self._partners.items()
            for items, ack in partner.signals.messages(now_us)
        ]

    def signals_due_us(self) -> int:
        times = [partner.signals.next_wake_us() for partner in self._partners.values()]
        return min((at for at in times if at is not None), default=NEVER)

    def rewind(self) -> None:
        """The socket to the server is a new one."""
        self.uploads.rewind()
        for partner in self._partners.values():
            partner.signals.rewind()

    # What the session has to say.

    def _pump(self, now_us: int) -> None:
        self._send(now_us)
        events = self.peer.drain_events()
        if events:
            self.metrics.saw(events)
            for event in events:
                self._note(event, now_us)

    def _send(self, now_us: int) -> None:
        relayed = []
        ways: dict[int, Ways] = {}
        for number, data in self.peer.datagrams_to_send(now_us):
            partner = self._partners[number]
            way = ways.get(number)
            if way is None:
                way = ways[number] = partner.path.ways(now_us)
            if way.direct:
                self.effects.append(("direct", number, partner.open_attempt, data))
            if way.relay:
                relayed.append(Entry(number, relay_frames.DEAF if way.is_deaf else 0, data))
        for frame in relay_frames.encode(relayed):
            self.effects.append(("relay", frame))

    def _note(self, event: Event, now_us: int) -> None:
        match event:
            case RolledBack():
                self.is_corrected = True
                self._depths.append((now_us + DEPTH_HOLD_US, event.depth))
            case Started(window):
                self._start_us = now_us - self._seated_us
                self.log("started", {"window_frames": window}, now_us)
            case Interrupted(peer):
                self.interrupted.add(peer)
                self.log("interrupted", {"peer": peer}, now_us)
            case Resumed(peer, after_us):
                self.interrupted.discard(peer)
                self.log("resumed", {"peer": peer, "after_us": after_us}, now_us)
            case PlayersLeft(players, cuts, peers):
                self.left.update(peers)
                self.interrupted.difference_update(peers)
                self._name_path()
                self.log("left", {"players": list(players), "cuts": list(cuts)}, now_us)
            case DelayChanged(delay):
                self.log("delay", {"input_delay_frames": delay}, now_us)
            case EpisodeEnded(episode, frame):
                self.log("episode-ended", {"episode": episode, "frame": frame}, now_us)
                self._flush_at_us = now_us
            case DesyncDetected():
                self.desynced_from = event.first_frame
                self.log("desync", {"first_frame": event.first_frame, "field": event.field}, now_us)
            case DesyncAttributed(frame, peers):
                self.log("desync-attributed", {"frame": frame, "peers": list(peers)}, now_us)
            case Ended():
                self.ended = event
                self.interrupted.clear()
                self.log("ended", {"reason": event.reason.value, "frame": event.frame}, now_us)
                self._flush_at_us = now_us

    def recent_depth(self, now_us: int) -> int:
        """The deepest rollback of the last second."""
        while self._depths and self._depths[0][0] <= now_us:
            self._depths.popleft()
        return max((depth for _, depth in self._depths), default=0)

    def rtt_us(self) -> int | None:
        """The longest smoothed round trip."""
        links = self.peer.session.links.values()
        return max((link.rtt_us for link in links if link.is_member and link.rtt_samples), default=None)

    # Tables.

    def log(self, kind: str, fields: dict[str, Any], now_us: int) -> None:
        """One line of the log table."""
        self._log.append([now_us, kind, fields])

    def press_seen(self, press: dict[str, int], now_us: int) -> None:
        self._presses.note(press)
        self.log("press", press, now_us)

    def _log_rtts(self, now_us: int) -> None:
        self._rtt_log_at_us = now_us + RTT_LOG_US
        for link in self.peer.session.links.values():
            if link.is_member and link.rtt_samples:
                self.log("rtt", {"peer": link.peer, "rtt_us": link.rtt_us}, now_us)

    @property
    def is_over(self) -> bool:
        """The session has closed and all its tables are chunks."""
        return self._is_flushed

    @property
    def rows_sha256(self) -> str:
        """Of the shared table as far as it has left, header included: what the server's verdict names."""
        return self._rows_digest.hexdigest()

    def _flush(self, now_us: int) -> None:
        is_closed = self.peer.session.state is State.CLOSED
        if self._is_flushed or not (is_closed or now_us >= self._flush_at_us):
            return
        self._flush_at_us = now_us + FLUSH_US
        recorder = self.peer.recorder
        frames = recorder.take_shared()
        for at in range(0, len(frames), MAX_CHUNK_FRAMES):
            chunk = frames[at : at + MAX_CHUNK_FRAMES]
            rows = csv_text(row for row in map(shared_row, chunk) if row is not None)
            self._rows_digest.update(rows.encode())
            self.uploads.add("frames", _frames_chunk(chunk, rows))
        local = recorder.take_local()
        for at in range(0, len(local), MAX_CHUNK_FRAMES):
            text = csv_text(local[at : at + MAX_CHUNK_FRAMES])
            self.uploads.add("local", json.dumps({"rows": text}, separators=(",", ":")))
        if is_closed:
            self._is_flushed = True
            for number, partner in self._partners.items():
                if partner.attempt:
                    self.effects.append(("disconnect", number, partner.attempt))
                if partner.open_attempt not in (0, partner.attempt):
                    self.effects.append(("disconnect", number, partner.open_attempt))
        if self._log:
            log, self._log = self._log, []
            self.uploads.add("log", json.dumps({"events": log}, separators=(",", ":")))

    def report(self) -> dict[str, Any]:
        """The body of `finished`."""
        ended = self.ended
        assert ended is not None, "a session closes after it has ended"
        invalid = self.peer.recorder.invalid_from
        start = {} if self._start_us is None else {"found_to_started_us": self._start_us}
        return {
            "reason": ended.reason.value,
            "peer": ended.peer,
            "frame": ended.frame,
            "detail": ended.detail,
            "invalid_from": None if invalid is None else {"frame": invalid[0], "reason": invalid[1]},
            "counts": self.uploads.counts(),
            "metrics": {**self.metrics.table(self.peer), **self._presses.table(), **start},
            "depth_histogram": self.metrics.depth_histogram,
            "series": self.metrics.series,
        }


def _frames_chunk(frames: Sequence[CommittedFrame], rows: str) -> str:
    table = {
        "first": frames[0].frame,
        "frames": [[list(frame.actions), frame.focus_mask, frame.left_mask] for frame in frames],
        "rows": rows,
    }
    return json.dumps(table, separators=(",", ":"))

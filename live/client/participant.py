"""One participant of a study, from the server's welcome to its goodbye; the same in every host.

A sans-I/O machine: doors in, `drain_effects` and `next_wake_us` out, in the manner of the session's.
docs/live.md is the contract with hosts and server. Messages of the server are trusted to be meant
well, not to be well formed: what cannot be read ends the participant with a reason.
"""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from live.client import relay_frames, screen
from live.client.seat import Effect, Seat
from live.client.terms import Params, read_offer
from rollback_core.episodes import WAITING
from rollback_core.errors import SimulationError, UsageError
from rollback_core.peer import Peer
from rollback_core.timers import NEVER

PROTOCOL_VERSION: Final = 1
VERDICT_WAIT_US: Final = 20_000_000  # a person need not wait for the server's replay of a long match


class Stage(Enum):
    """Where the participant is; the socket may break at any of them and come back."""

    ARRIVING = "arriving"  # not welcomed yet
    LOADING = "loading"  # welcomed; the host is not ready to play
    WAITING = "waiting"  # in the lobby
    PLAYING = "playing"  # a match, until its session has closed
    SAVING = "saving"  # everything recorded is on its way to the server
    ENDED = "ended"
    REFUSED = "refused"


NEXT: Final[dict[Stage, tuple[Stage, ...]]] = {
    Stage.ARRIVING: (Stage.LOADING, Stage.REFUSED),
    Stage.LOADING: (Stage.WAITING, Stage.ENDED, Stage.REFUSED),
    Stage.WAITING: (Stage.PLAYING, Stage.ENDED, Stage.REFUSED),
    Stage.PLAYING: (Stage.SAVING, Stage.REFUSED),
    Stage.SAVING: (Stage.ENDED, Stage.REFUSED),
    Stage.ENDED: (),
    Stage.REFUSED: (),
}


class Participant:
    """`incarnation` tells it from its former self after a reload; `label` describes the machine."""

    def __init__(self, incarnation: int, build_id: str, label: Mapping[str, str] | None = None) -> None:
        self.stage = Stage.ARRIVING
        self.seat: Seat | None = None
        self.participant_id: str | None = None
        self.game: tuple[str, Params] | None = None
        self.options: dict[str, Any] = {}
        self.texts: dict[str, Any] = {}
        self.refusal: dict[str, str] | None = None
        self.verdicts: list[dict[str, Any]] = []
        self.is_online = False
        self._incarnation = incarnation
        self._build_id = build_id
        self._label = dict(label or {})
        self._token: str | None = None
        self._step_cost_us: int | None = None
        self._is_focused = True
        self._queue = (0, 0)  # people here, people needed
        self._effects: list[Effect] = []
        self._verdict_deadline_us = NEVER
        self._is_reported = False
        self._now_us = 0

    @property
    def peer(self) -> Peer | None:
        """The peer that plays, while there is a match."""
        return None if self.seat is None else self.seat.peer

    @property
    def is_done(self) -> bool:
        """Nothing more will happen."""
        return self.stage in (Stage.ENDED, Stage.REFUSED)

    # The socket to the server.

    def server_opened(self, now_us: int) -> None:
        self._now_us = now_us
        self.is_online = True
        self._tell(
            {
                "type": "hello",
                "v": PROTOCOL_VERSION,
                "build_id": self._build_id,
                "token": self._token,
                "label": self._label,
            }
        )

    def server_closed(self, now_us: int) -> None:
        self._now_us = now_us
        self.is_online = False
        if self.seat is not None:
            self.seat.log("server-lost", {}, now_us)

    def receive_text(self, text: str, now_us: int) -> None:
        """A control message of the server."""
        self._now_us = now_us
        if self.stage is Stage.REFUSED:
            return
        try:
            message = json.loads(text)
            self._receive(message, now_us)
        except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
            self._refuse("BAD-MESSAGE", f"{type(error).__name__}: {error}", "Please reload the page.")

    def _receive(self, message: dict[str, Any], now_us: int) -> None:
        seat = self.seat
        kind = message["type"]
        is_of_match = seat is not None and message.get("match_id") == seat.offer.match_id
        match kind:
            case "ping":
                self._tell({"type": "pong", "t": message["t"]})
            case "welcome":
                self._receive_welcome(message, now_us)
            case "refused":
                self._refuse(message["code"], message["reason"], message["remedy"])
            case "waiting":
                self._queue = (message["have"], message["need"])
            case "match":
                if self.stage is Stage.WAITING:
                    self._sit_down(message, now_us)
            case "signal" if seat is not None and is_of_match:
                seat.receive_signals(message["from"], message["items"], message["ack"], now_us)
                self._send_signals(now_us)
            case "acked" if seat is not None and is_of_match:
                seat.uploads.acked(message["table"], message["serial"])
                self._upload(now_us)
            case "partner" if seat is not None and is_of_match:
                self._receive_presence(seat, message, now_us)
            case "verdict" if is_of_match:
                self.verdicts.append(message)
                self._end_if_saved(now_us)
            case "signal" | "acked" | "partner" | "verdict":
                pass  # of a match that is over
            case _:
                raise UsageError(f"unknown message {kind!r}")

    def _receive_welcome(self, message: dict[str, Any], now_us: int) -> None:
        if message["v"] != PROTOCOL_VERSION:
            raise UsageError(f"protocol version {message['v']}, not {PROTOCOL_VERSION}")
        self.participant_id = message["participant_id"]
        self._token = message["token"]
        self.options = message["options"]
        self.texts = message["texts"]
        self.game = (message["game"]["id"], message["game"]["params"])
        if self.stage is Stage.ARRIVING:
            self._go(Stage.LOADING)
        if self.seat is None:
            self._enter_lobby()
            return
        self.seat.log("server-back", {}, now_us)
        self.seat.rewind()
        self._is_reported = False
        self._send_signals(now_us)
        self._upload(now_us)

    def _receive_presence(self, seat: Seat, message: dict[str, Any], now_us: int) -> None:
        peer, is_here, is_gone = message["peer"], message["is_here"], message["is_gone"]
        seat.log("partner", {"peer": peer, "is_here": is_here, "is_gone": is_gone}, now_us)
        if is_gone:
            seat.partner_gone(peer, now_us)
            self._take_effects(now_us)

    def receive_relayed(self, data: bytes, now_us: int) -> None:
        """A binary frame of the server; what is none is dropped, as a datagram would be."""
        self._now_us = now_us
        if self.seat is None:
            return
        try:
            entries = relay_frames.decode(data)
        except relay_frames.RelayFrameError:
            return
        self.seat.receive_relayed(entries, now_us)
        self._take_effects(now_us)

    # Connections to partners.

    def receive_direct(self, peer: int, attempt: int, data: bytes, now_us: int) -> None:
        self._now_us = now_us
        if self.seat is not None:
            self.seat.receive_direct(peer, attempt, data, now_us)
            self._take_effects(now_us)

    def channel_opened(self, peer: int, attempt: int, now_us: int) -> None:
        self._now_us = now_us
        if self.seat is not None:
            self.seat.channel_opened(peer, attempt, now_us)
            self._take_effects(now_us)

    def channel_closed(self, peer: int, attempt: int, now_us: int) -> None:
        self._now_us = now_us
        if self.seat is not None:
            self.seat.channel_closed(peer, attempt, now_us)
            self._take_effects(now_us)

    def connection_info(self, peer: int, attempt: int, info: dict[str, Any], now_us: int) -> None:
        self._now_us = now_us
        if self.seat is not None:
            self.seat.connection_info(peer, attempt, info, now_us)

    def local_description(self, peer: int, attempt: int, kind: str, sdp: str, now_us: int) -> None:
        self._now_us = now_us
        if self.seat is not None:
            self.seat.local_description(peer, attempt, kind, sdp)
            self._send_signals(now_us)

    def local_candidate(self, peer: int, attempt: int, candidate: dict[str, Any] | None, now_us: int) -> None:
        self._now_us = now_us
        if self.seat is not None:
            self.seat.local_candidate(peer, attempt, candidate)
            self._send_signals(now_us)

    # The person, and the host's clock.

    def loaded(self, step_cost_us: int, now_us: int) -> None:
        """The host can play; one step of the game costs so much on this machine."""
        self._now_us = now_us
        self._step_cost_us = step_cost_us
        if self.stage is Stage.LOADING:
            self._enter_lobby()

    def focus_changed(self, is_focused: bool, now_us: int) -> None:
        self._now_us = now_us
        if is_focused != self._is_focused:
            self._is_focused = is_focused
            if self.seat is not None:
                self.seat.focus_changed(is_focused, now_us)
                self._take_effects(now_us)

    def ready(self, now_us: int) -> None:
        self._now_us = now_us
        if self.seat is not None:
            self.seat.ready(now_us)

    def leave(self, reason: str, now_us: int) -> None:
        """Give up. Before a match there is nothing to give up but the place in the lobby."""
        self._now_us = now_us
        if self.seat is not None:
            self.seat.leave(reason, now_us)
            self._take_effects(now_us)
        elif self.stage in (Stage.LOADING, Stage.WAITING):
            self._tell({"type": "bye"})
            self._go(Stage.ENDED)

    def press_seen(self, press: dict[str, int], now_us: int) -> None:
        """A press of a key has been painted; `Presses.drawn` has its times."""
        if self.seat is not None:
            self.seat.press_seen(press, now_us)

    def wake(self, now_us: int, actions: Sequence[int]) -> int:
        """Do what is due; gives frames played. `actions` are the local players', sampled now."""
        self._now_us = now_us
        seat = self.seat
        if seat is None:
            return 0
        if self.options.get("is_ready_asked") is False and seat.peer.game.phase == WAITING:
            seat.ready(now_us)
        try:
            played = seat.wake(now_us, actions)
        except SimulationError as error:
            # The session has ended with this reason; it still has to be told and saved.
            seat.log("game-failed", {"frame": error.frame, "error": str(error)}, now_us)
            played = 0
        self._take_effects(now_us)
        if now_us >= seat.signals_due_us():
            self._send_signals(now_us)
        self._upload(now_us)
        if now_us >= self._verdict_deadline_us:
            self._end_if_saved(now_us, is_late=True)
        return played

    def next_wake_us(self) -> int:
        """When `wake` has something to do; NEVER if at no time."""
        if self.seat is None or self.is_done:
            return NEVER
        return min(self.seat.next_wake_us(), self.seat.signals_due_us(), self._verdict_deadline_us)

    def drain_effects(self) -> list[Effect]:
        """What the host has to do, in order."""
        effects, self._effects = self._effects, []
        return effects

    # What is shown.

    def view(self) -> dict[str, Any]:
        """The screen as it should be now; the shapes are in docs/live.md."""
        seat = self.seat
        is_visible = seat is not None and screen.is_playing(seat)
        return {
            "screen": self._screen_name(),
            "overlay": self._overlay(),
            "draw": seat.peer.game.render() if seat is not None and is_visible else [],
            "corrected": seat is not None and seat.is_corrected,
            "frame": 0 if seat is None else seat.peer.session.current_frame,
            "countdown": None if seat is None or seat.ended else screen.countdown_s(seat),
            "me": [] if seat is None else list(seat.peer.session.local_players),
            "hud": screen.hud(seat, self._now_us),
        }

    def _screen_name(self) -> str:
        if self.stage is Stage.REFUSED:
            return "error"
        if self.stage in (Stage.ARRIVING, Stage.LOADING):
            return "loading"
        if self.seat is None:
            return "ended" if self.stage is Stage.ENDED else "waiting"
        if self.seat.ended is not None:
            return "ended"
        return "playing" if screen.is_playing(self.seat) else "waiting"

    def _overlay(self) -> dict[str, Any] | None:
        seat = self.seat
        if self.refusal is not None:
            refusal = self.refusal
            return {
                "title": "You cannot take part right now",
                "reason": refusal["reason"],
                "todo": refusal["remedy"],
                "code": refusal["code"],
            }
        if seat is None:
            if self.stage is Stage.ENDED:
                return screen.notice("left", self.texts)
            if self.stage is Stage.WAITING:
                have, need = self._queue
                return screen.notice("waiting", self.texts, have=have, need=need)
            return None
        if seat.ended is not None:
            found = screen.ended_notice(seat.ended, self.texts)
            if self.stage is not Stage.ENDED:
                found["todo"] = screen.notice("saving", self.texts)["todo"]
            elif self.options.get("is_again_offered"):
                found["button"] = {"label": "Play again", "command": "reload"}
            return found
        return screen.round_notice(seat, self.texts)

    # Inside.

    def _go(self, stage: Stage) -> None:
        if stage not in NEXT[self.stage]:
            raise UsageError(f"a participant that is {self.stage.value} cannot become {stage.value}")
        self.stage = stage

    def _refuse(self, code: str, reason: str, remedy: str) -> None:
        if self.stage is Stage.ENDED:
            return
        self.refusal = {"code": code, "reason": reason, "remedy": remedy}
        self._go(Stage.REFUSED)

    def _enter_lobby(self) -> None:
        """Once welcomed and loaded, in either order; and again on a new socket."""
        if self._step_cost_us is None or self.stage not in (Stage.LOADING, Stage.WAITING):
            return
        if self.stage is Stage.LOADING:
            self._go(Stage.WAITING)
        self._tell({"type": "loaded", "step_cost_us": self._step_cost_us})

    def _sit_down(self, message: dict[str, Any], now_us: int) -> None:
        offer = read_offer(message)
        self._go(Stage.PLAYING)
        self.seat = Seat(offer, self._incarnation, now_us)
        if not self._is_focused:
            self.seat.focus_changed(False, now_us)
        self._take_effects(now_us)

    def _tell(self, message: dict[str, Any]) -> None:
        if self.is_online:
            self._effects.append(("text", json.dumps(message, separators=(",", ":"))))

    def _take_effects(self, now_us: int) -> None:
        seat = self.seat
        assert seat is not None
        if seat.effects:
            for effect in seat.effects:
                if effect[0] != "relay" or self.is_online:
                    self._effects.append(effect)
            seat.effects = []

    def _send_signals(self, now_us: int) -> None:
        seat = self.seat
        assert seat is not None
        self._take_effects(now_us)
        if self.is_online:
            for message in seat.signals_to_send(now_us):
                self._tell({"type": "signal", "match_id": seat.offer.match_id, **message})

    def _upload(self, now_us: int) -> None:
        """Send what the window lets go; after the end, the report, once everything is durable."""
        seat = self.seat
        assert seat is not None
        if self.is_online:
            for table, serial, data in seat.uploads.to_send():
                self._tell(
                    {
                        "type": "chunk",
                        "match_id": seat.offer.match_id,
                        "table": table,
                        "serial": serial,
                        "data": data,
                    }
                )
        if not seat.is_over:
            return
        if self.stage is Stage.PLAYING:
            self._go(Stage.SAVING)
        if self.stage is Stage.SAVING and self.is_online and not self._is_reported:
            self._is_reported = True
            self._tell({"type": "finished", "match_id": seat.offer.match_id, **seat.report()})
            self._verdict_deadline_us = now_us + VERDICT_WAIT_US
        self._end_if_saved(now_us)

    def _end_if_saved(self, now_us: int, *, is_late: bool = False) -> None:
        """Over when all data are durable and the server has given its verdict, or took too long over it."""
        seat = self.seat
        if self.stage is not Stage.SAVING or seat is None or not seat.uploads.is_empty:
            if is_late:
                self._verdict_deadline_us = now_us + VERDICT_WAIT_US
            return
        if self.verdicts or is_late:
            self._verdict_deadline_us = NEVER
            self._go(Stage.ENDED)

"""The browser worker's way in: one call per wake, plain values both ways, the participant in the middle.

The page's calls come as one JSON list with their bytes beside it; effects and view go back the same
way. Crossing the border between JavaScript and Python costs by the value, not by the byte, so whatever
is nested crosses as one string. `live/web/protocol.js` has the shapes, docs/live.md says what they mean.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from live.client.keys import Buttons
from live.client.participant import Participant
from live.client.presses import Presses
from live.client.step_cost import measure_step_us
from rollback_core.episodes import PLAYING
from rollback_core.peer import Peer
from rollback_core.simulation import GameSpec, Simulation
from scenarios.games.drawing import PLAYER_COLOURS
from scenarios.registry import create_game

MAX_SLEEP_US: Final = 60_000_000  # a minute; JavaScript's timers wrap around after 24 days, "never" would

_COLOUR_NAMES: Final = ("blue", "orange", "green", "purple")
_BYTES_AT: Final = {"relay": 1, "direct": 3}  # where in an effect its bytes are
_DATAGRAM_CALLS: Final = frozenset(("direct", "relayed"))


class Browser:
    """`clock_us` is used for one thing only: to measure what a step costs on this machine."""

    def __init__(self, participant: Participant, clock_us: Callable[[], int]) -> None:
        self.participant = participant
        self._clock_us = clock_us
        self._buttons: Buttons | None = None
        self._presses = Presses()
        self._peer: Peer | None = None  # whose match the page has been told about
        self._is_measured = False
        self._told: dict[str, Any] = {}  # what the next view has to bring besides itself
        self._serial = 0
        self._shown = ""

    def exchange(self, now_us: int, calls: str, blobs: Sequence[Any]) -> list[Any]:
        """Take in what happened and do what is due: [next wake, JSON of effects and view or "", *bytes]."""
        is_news = False
        if calls:
            is_news = self._receive(json.loads(calls), blobs, now_us)
        if not self._is_measured and self.participant.game is not None:
            self._is_measured = True
            self._measure(create_game(*self.participant.game), now_us)
        peer = self.participant.peer
        if peer is not None and peer is not self._peer:
            self._sit_down(peer)
        if now_us >= self.participant.next_wake_us():
            self._wake(now_us)
            is_news = True
        answer: dict[str, Any] = {}
        out: list[bytes] = []
        effects = [with_named_bytes(effect, out) for effect in self.participant.drain_effects()]
        if effects:
            answer["effects"] = effects
        if is_news or self._serial == 0:
            self._show(answer)
        wake_us = min(self.participant.next_wake_us(), now_us + MAX_SLEEP_US)
        if not answer:
            return [wake_us, ""]
        answer.setdefault("effects", [])
        return [wake_us, _json(answer), *out]

    def _receive(self, calls: list[list[Any]], blobs: Sequence[Any], now_us: int) -> bool:
        """True unless they were datagrams only: what those change is seen after the next tick."""
        for call in calls:
            match call:
                case ["direct", peer, attempt, blob]:
                    self.participant.receive_direct(peer, attempt, bytes(blobs[blob]), now_us)
                case ["relayed", blob]:
                    self.participant.receive_relayed(bytes(blobs[blob]), now_us)
                case ["key", button, is_down, at_us]:
                    self._key(button, at_us, is_down=is_down)
                case ["release"]:
                    if self._buttons is not None:
                        self._buttons.release_all()
                case ["drawn", serial, at_us]:
                    for press in self._presses.drawn(serial, at_us):
                        self.participant.press_seen(press, now_us)
                case _:
                    self._knock(call, now_us)
        return not all(call[0] in _DATAGRAM_CALLS for call in calls)

    def _knock(self, call: list[Any], now_us: int) -> None:
        """The doors that are the participant's own."""
        participant = self.participant
        match call:
            case ["server", True]:
                participant.server_opened(now_us)
            case ["server", False]:
                participant.server_closed(now_us)
            case ["text", text]:
                participant.receive_text(text, now_us)
            case ["channel", peer, attempt, True]:
                participant.channel_opened(peer, attempt, now_us)
            case ["channel", peer, attempt, False]:
                participant.channel_closed(peer, attempt, now_us)
            case ["description", peer, attempt, kind, sdp]:
                participant.local_description(peer, attempt, kind, sdp, now_us)
            case ["candidate", peer, attempt, candidate]:
                participant.local_candidate(peer, attempt, candidate, now_us)
            case ["info", peer, attempt, info]:
                participant.connection_info(peer, attempt, info, now_us)
            case ["focus", is_focused]:
                participant.focus_changed(is_focused, now_us)
            case ["ready"]:
                participant.ready(now_us)
            case ["leave", reason]:
                participant.leave(reason, now_us)
            case _:
                raise ValueError(f"{call[0]!r} is no door")

    def _key(self, button: int, at_us: int, *, is_down: bool) -> None:
        buttons, peer = self._buttons, self._peer
        if buttons is None:
            return
        if not is_down:
            buttons.release(button)
        elif buttons.press(button) and peer is not None and peer.game.phase == PLAYING:
            self._presses.pressed(at_us)

    def _measure(self, game: Simulation, now_us: int) -> None:
        self._told["controls"] = controls_of(game.spec, ())
        self._told["options"] = self.participant.options
        self.participant.loaded(measure_step_us(game, self._clock_us), now_us)

    def _wake(self, now_us: int) -> None:
        peer, buttons = self._peer, self._buttons
        if peer is None or buttons is None:
            self.participant.wake(now_us, ())
            return
        first_frame = peer.session.input_end
        actions = [buttons.action()] * len(peer.session.local_players)
        self.participant.wake(now_us, actions)
        input_end = peer.session.input_end
        if input_end > first_frame:
            buttons.taken()
        self._presses.ticked(now_us, first_frame, input_end, peer.session.current_frame)

    def _show(self, answer: dict[str, Any]) -> None:
        """Add the view to the answer if it is another than the page has."""
        view = self.participant.view()
        text = _json(view)
        if text == self._shown and not self._told:
            return
        self._shown = text
        self._serial += 1
        view["serial"] = self._serial
        view["timed"] = self._peer is not None and self._presses.shown(self._serial)
        answer["view"] = {**view, **self._told}
        self._told = {}

    def _sit_down(self, peer: Peer) -> None:
        """A match has begun: the player has a seat and its buttons."""
        spec = peer.game.game.spec
        self._peer = peer
        self._buttons = Buttons(spec)
        self._presses.clear()
        self._told["controls"] = controls_of(spec, peer.session.local_players)


def controls_of(spec: GameSpec, players: Sequence[int]) -> dict[str, Any]:
    """What the page says of a seat: whose colours, which keys."""
    seats = [
        {"name": spec.agents[player], "colour": PLAYER_COLOURS[player % len(PLAYER_COLOURS)]}
        for player in players
    ]
    colours = " and ".join(_COLOUR_NAMES[player % len(_COLOUR_NAMES)] for player in players)
    buttons = [
        {"label": button.label, "name": button.name, "codes": list(button.codes)}
        for button in Buttons(spec).buttons
    ]
    return {"title": f"You are {colours}" if colours else "", "seats": seats, "buttons": buttons}


def start(incarnation: int, build_id: str, label: str, clock_us: Callable[[], int]) -> Browser:
    """What the worker calls once; `label` is JSON."""
    return Browser(Participant(incarnation, build_id, json.loads(label)), clock_us)


def with_named_bytes(effect: tuple[Any, ...], out: list[bytes]) -> list[Any]:
    """The effect with its bytes moved to `out` and named by their index there."""
    values = list(effect)
    place = _BYTES_AT.get(values[0])
    if place is not None:
        out.append(values[place])
        values[place] = len(out) - 1
    return values


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

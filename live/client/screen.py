"""What a participant sees around the game: one sentence, one reason, one thing to do.

Plain values for whatever draws them. Words here are the defaults; a study's own texts, keyed as in
TEXTS, replace a title and its reason.
"""

from collections.abc import Mapping
from typing import Any, Final

from live.client.seat import Seat
from rollback_core.episodes import COUNTDOWN, FINISHED, PLAYING, WAITING
from rollback_core.events import Ended
from rollback_core.life import State

Notice = dict[str, Any]

_WAIT: Final = "Nothing to do: this continues by itself."

TEXTS: Final[dict[str, tuple[str, str, str]]] = {
    "waiting": (
        "Waiting for others",
        "{have} of {need} people are here.",
        "Nothing to do: the game begins by itself.",
    ),
    "connecting": ("Connecting", "The others are here; your computers are finding each other.", _WAIT),
    "first-round": ("Are you ready?", "The game begins when everyone is.", ""),
    "next-round": ("Ready for the next round?", "Round {round} of {rounds} begins when everyone is.", ""),
    "others-not-ready": ("You are ready", "Waiting for the others to be ready.", _WAIT),
    "interrupted": ("One moment", "The connection to your partner is interrupted.", _WAIT),
    "hidden": ("Paused", "A player has left the page for a moment.", _WAIT),
    "offline": ("One moment", "The connection to the server is interrupted.", _WAIT),
    "saving": ("Saving", "What you did is being sent to the server.", "Please keep this page open."),
    "completed": ("That was it", "Thank you for playing.", "You can close this page."),
    "focus-timeout": (
        "The game has ended",
        "A player was away from the page for too long.",
        "You can close this page.",
    ),
    "left": ("You have left the game", "", "You can close this page."),
    "peer-left": ("Your partner has left", "What you did up to now is saved.", "You can close this page."),
    "disconnected": (
        "Your partner is gone",
        "Nothing has come from them for a long time. What you did up to now is saved.",
        "You can close this page.",
    ),
    "peer-restarted": (
        "Your partner is gone",
        "They reloaded the page, and this game cannot be joined again. What you did up to now is saved.",
        "You can close this page.",
    ),
    "failed": (
        "The game could not go on",
        "The computers could not play together.",
        "Please tell the researcher this code.",
    ),
}


def notice(key: str, texts: Mapping[str, Any], **values: object) -> Notice:
    """The notice of this name, in the study's words where it has some."""
    title, reason, todo = TEXTS[key]
    own = texts.get(key, {})
    filled = (
        own.get("title", title),
        own.get("reason", reason).format(**values),
        own.get("todo", todo),
    )
    return dict(zip(("title", "reason", "todo"), filled, strict=True))


def ended_notice(ended: Ended, texts: Mapping[str, Any]) -> Notice:
    """Why it is over, for the person; anything that is nobody's doing carries a code."""
    if ended.reason.value in TEXTS:
        return notice(ended.reason.value, texts)
    return {**notice("failed", texts), "code": ended.reason.value.upper()}


def round_notice(seat: Seat, texts: Mapping[str, Any]) -> Notice | None:
    """Between rounds, and while a partner is not heard; None: nothing is in the way of play."""
    peer = seat.peer
    session = peer.session
    if session.state is State.HANDSHAKE:
        return notice("connecting", texts)
    phase = peer.game.phase
    if seat.interrupted:
        return notice("interrupted", texts)
    if phase == PLAYING and session.is_paused:
        return notice("hidden", texts)
    if phase != WAITING:
        return None
    if session.is_ready:
        return notice("others-not-ready", texts)
    terms = seat.offer.terms
    if peer.game.episode == 0:
        found = notice("first-round", texts)
    else:
        found = notice("next-round", texts, round=peer.game.episode + 1, rounds=terms.episodes)
    return {**found, "button": {"label": "I am ready", "command": "ready"}}


def countdown_s(seat: Seat) -> int | None:
    """Seconds left before play, rounded up; None outside of a countdown."""
    game = seat.peer.game
    if game.phase != COUNTDOWN:
        return None
    return -(-game.countdown // seat.offer.terms.frame_rate_hz)


def hud(seat: Seat | None, now_us: int) -> dict[str, Any]:
    """The figures in the corner."""
    if seat is None:
        return {"rtt_us": None, "rollback_depth": 0, "path": "none", "frames_behind": 0}
    session = seat.peer.session
    return {
        "rtt_us": seat.rtt_us(),
        "rollback_depth": seat.recent_depth(now_us),
        "path": seat.peer.recorder.path if session.links else "none",
        "frames_behind": max(0, session.current_frame - 1 - session.confirmed_frame),
    }


def is_playing(seat: Seat) -> bool:
    """There is a picture to look at: also between rounds, when it stands still."""
    return seat.peer.session.state is not State.HANDSHAKE and seat.peer.game.phase != FINISHED

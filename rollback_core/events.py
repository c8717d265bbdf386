"""What the session tells its host, drained with `drain_events` after every door in.

Events come once and in order. Only `Committed` carries data that may leave the host: what it says
never changes afterwards. Everything else is for screens, logs and statistics.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias


class EndReason(Enum):
    """Why a session ended; the value is the word written into data files."""

    COMPLETED = "completed"
    FOCUS_TIMEOUT = "focus-timeout"
    LEFT = "left"  # this peer gave up
    PEER_LEFT = "peer-left"  # a partner gave up
    DISCONNECTED = "disconnected"  # a partner was silent past the reconnect limit
    PEER_RESTARTED = "peer-restarted"  # a partner came back as a new incarnation
    HANDSHAKE_MISMATCH = "handshake-mismatch"
    HANDSHAKE_TIMEOUT = "handshake-timeout"
    NO_MAJORITY = "no-majority"  # too few members left to go on
    EXCLUDED = "excluded"  # the others went on without this peer
    GAME_FAILED = "game-failed"  # the game raised


class CommittedFrame(NamedTuple):
    """One frame that every member holds. Masks have bit p set for player p."""

    frame: int
    actions: tuple[int, ...]  # as sent, READY included: enough to replay
    focus_mask: int
    speculative_mask: int  # this peer stepped the frame on a predicted action of these players
    left_mask: int  # these players had left; their action is READY, which in play is the neutral one
    outcome: "FrameOutcome | None"  # None on a freeze frame, which has no row


class FrameOutcome(NamedTuple):
    """What one frame of an episode gave; the shared row without focus."""

    episode: int
    t: int
    actions: tuple[int, ...]  # as the game took them
    rewards: tuple[float, ...]
    terminateds: tuple[bool, ...]
    truncateds: tuple[bool, ...]
    infos: tuple[tuple[Any, ...], ...]
    ends: int  # EPISODE_GOES_ON, EPISODE_ENDS or MATCH_ENDS


EPISODE_GOES_ON = 0
EPISODE_ENDS = 1
MATCH_ENDS = 2


class Committed(NamedTuple):
    """Frames became final, in order, contiguous with those before."""

    frames: tuple[CommittedFrame, ...]


class RolledBack(NamedTuple):
    """The session loaded `frame` and stepped `depth` frames again, because of one wrong prediction."""

    frame: int
    depth: int
    player: int
    predicted: int
    actual: int


@dataclass(frozen=True, slots=True)
class Started:
    """The handshake is done; frame 0 is next. `window_frames` is the agreed prediction window."""

    window_frames: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Nothing has come from this peer for the interrupt time; the session pauses."""

    peer: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The interrupted peer is heard again."""

    peer: int
    after_us: int


@dataclass(frozen=True, slots=True)
class PlayersLeft:
    """The members agreed to go on without these players; they do nothing from `cut` on."""

    players: tuple[int, ...]
    cuts: tuple[int, ...]
    peers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EpisodeEnded:
    """The last frame of an episode is committed; its rows are complete."""

    episode: int
    frame: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class DelayChanged:
    """Local inputs submitted from now on show after `delay_frames`."""

    delay_frames: int


@dataclass(frozen=True, slots=True)
class DesyncDetected:
    """Checksums of a committed frame differ: data from `first_frame` on are not to be trusted.

    Told twice: at once, when `first_frame` is the frame after the last agreed one, and again
    (`is_located`) when the peers have found the first diverging frame and `field`, the path of the
    first field that differs, with its two values.
    """

    peer: int
    checked_frame: int
    first_frame: int
    field: str
    mine: str
    theirs: str
    is_located: bool


@dataclass(frozen=True, slots=True)
class DesyncAttributed:
    """With three peers or more: these differ from a strict majority at this frame."""

    frame: int
    peers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over for this peer. `frame` is the last committed frame, -1 if none."""

    reason: EndReason
    frame: int
    peer: int | None  # whose doing it was, where that is known
    detail: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Lingering is over: nothing will be sent or received any more."""


Event: TypeAlias = (
    Committed
    | RolledBack
    | Started
    | Interrupted
    | Resumed
    | PlayersLeft
    | EpisodeEnded
    | DelayChanged
    | DesyncDetected
    | DesyncAttributed
    | Ended
    | Closed
)

"""What a session is told before it starts: the terms all peers must share, and each peer's own.

The terms travel in the handshake as canonical bytes; the first that differs is the reason that
both sides are given.
"""

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Final

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.simulation import MAX_ACTION_COUNT, MAX_PLAYERS

MAX_WINDOW_FRAMES: Final = 60  # a second at 60 Hz; frame differences on the wire rely on it
MAX_DELAY_FRAMES: Final = 60  # likewise
MAX_CHECKSUM_INTERVAL: Final = 240  # every frame of an interval fits in one datagram of short checksums
MAX_TERMS_BYTES: Final = 1_000  # the terms must fit in one datagram with the rest of a hello
MAX_INCARNATION: Final = 0xFFFF_FFFF


class TimeSyncKind(Enum):
    """How peers keep from running ahead of each other; see time_sync."""

    NONE = "none"
    SKIP = "skip"
    WINDOW = "window"
    SPEED = "speed"


class DelayPolicy(Enum):
    FIXED = "fixed"
    ADAPTIVE = "adaptive"


class WindowPolicy(Enum):
    FIXED = "fixed"
    RTT = "rtt"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTerms:
    """Equal on every peer, or there is no session.

    `seats[player]` is the peer at which the player sits; peers are 0 … n - 1. Times are
    microseconds, `_frames` are frames; 0 switches a feature off where it is an interval or timeout.
    """

    session_id: str
    build_id: str
    game_id: str
    action_count: int
    seed: int
    seats: tuple[int, ...]
    episodes: int = 1
    max_steps: int = 0
    countdown_frames: int = 0
    frame_rate_hz: int = 30
    prediction_window_frames: int = 8
    window_policy: WindowPolicy = WindowPolicy.FIXED
    max_input_delay_frames: int = 12
    checksum_interval_frames: int = 60
    focus_timeout_frames: int = 0
    interrupt_us: int = 500_000
    reconnect_limit_us: int = 30_000_000
    pause_on_hidden: bool = False

    def __post_init__(self) -> None:
        _check("seats", len(self.seats), 1, MAX_PLAYERS)
        if sorted(set(self.seats)) != list(range(max(self.seats) + 1)):
            raise UsageError(f"seats: peers must be numbered 0, 1, …; got {self.seats}")
        _check("action_count", self.action_count, 1, MAX_ACTION_COUNT)
        _check("seed", self.seed, 0, 2**31 - 1)
        _check("episodes", self.episodes, 1, 10_000)
        _check("max_steps", self.max_steps, 0, 10_000_000)
        _check("countdown_frames", self.countdown_frames, 0, 10_000)
        _check("frame_rate_hz", self.frame_rate_hz, 1, 240)
        _check("prediction_window_frames", self.prediction_window_frames, 0, MAX_WINDOW_FRAMES)
        _check("max_input_delay_frames", self.max_input_delay_frames, 0, MAX_DELAY_FRAMES)
        _check("checksum_interval_frames", self.checksum_interval_frames, 0, MAX_CHECKSUM_INTERVAL)
        _check("focus_timeout_frames", self.focus_timeout_frames, 0, 10_000_000)
        _check("interrupt_us", self.interrupt_us, 1, self.reconnect_limit_us)
        if len(self.encode()) > MAX_TERMS_BYTES:
            raise UsageError(
                f"the terms take more than {MAX_TERMS_BYTES} bytes: shorten the session or game id"
            )

    @property
    def period_us(self) -> int:
        """Length of a frame, rounded to a microsecond."""
        return (1_000_000 + self.frame_rate_hz // 2) // self.frame_rate_hz

    @property
    def peer_count(self) -> int:
        return max(self.seats) + 1

    def players_at(self, peer: int) -> tuple[int, ...]:
        return tuple(player for player, seat in enumerate(self.seats) if seat == peer)

    def encode(self) -> bytes:
        table = {
            name: value.value if isinstance(value, Enum) else value
            for name, value in ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        }
        return canonical.encode(table)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConfig:
    """One peer's own choices.

    `incarnation` tells a peer from its former self after a reload: any number from 1 up that the
    host never gives twice for one session and peer.
    """

    peer: int
    incarnation: int = 1
    input_delay_frames: int = 2
    delay_policy: DelayPolicy = DelayPolicy.FIXED
    predictor: str = "repeat-last"
    time_sync: TimeSyncKind = TimeSyncKind.WINDOW
    quality_interval_us: int = 200_000
    handshake_timeout_us: int = 15_000_000
    linger_us: int = 2_000_000

    def __post_init__(self) -> None:
        _check("incarnation", self.incarnation, 1, MAX_INCARNATION)
        _check("input_delay_frames", self.input_delay_frames, 0, MAX_DELAY_FRAMES)
        _check("quality_interval_us", self.quality_interval_us, 10_000, 10_000_000)
        _check("handshake_timeout_us", self.handshake_timeout_us, 1, 600_000_000)
        _check("linger_us", self.linger_us, 0, 60_000_000)


def _check(name: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise UsageError(f"{name}: an int from {low} to {high}, not {value!r}")

"""Keeping peers level: who is ahead waits, by one of four published rules.

Everyone estimates how far ahead of a partner they are; both estimates are exchanged, so delay that
is equal in both directions cancels out of their difference. All arithmetic is in integer
microseconds of game time. Sources of the rules: GGPO's timesync (skip), ggrs' windowed wait
recommendation (window); speed is a proportional controller on the length of a frame.
"""

from typing import Final, Protocol

from rollback_core.config import TimeSyncKind

TICKS_PER_SAMPLE: Final = 4  # the session observes so often; windows and intervals count samples
GGPO_WINDOW: Final = 40 // TICKS_PER_SAMPLE  # GGPO averages both advantages over 40 ticks
GGPO_MIN_FRAMES: Final = 3  # less than this is noise
GGPO_MAX_FRAMES: Final = 9  # never skip more in one go
GGPO_INTERVAL: Final = 240 // TICKS_PER_SAMPLE  # between two recommendations
GGRS_WINDOW: Final = 32 // TICKS_PER_SAMPLE  # ggrs' frame window is 30 ticks
GGRS_INTERVAL: Final = 60 // TICKS_PER_SAMPLE  # between two recommendations
GGRS_MAX_FRAMES: Final = 30  # no more than ggrs' window
GGRS_MIN_FRAMES: Final = 3  # ggrs' minimum recommendation
SPEED_WINDOW: Final = 16 // TICKS_PER_SAMPLE  # smooths jitter, short against the loop it closes
SPEED_MAX_PERMILLE: Final = 30  # a speed change of 3 % is not seen in motion
SPEED_GAIN_PERMILLE: Final = 10  # per frame of advantage


class TimeSync(Protocol):
    """One controller. All advantages are in microseconds, positive when this peer is ahead."""

    owed: int
    """Ticks that are still to be left out."""
    period_us: int
    """Length of the next tick."""

    def observe(self, local_us: int, remote_us: int) -> None:
        """The advantage over the slowest partner, and that partner's own estimate."""

    def should_skip(self) -> bool:
        """Whether to leave out the step of this tick; consumes one owed skip. False if none is."""

    def forget(self) -> None:
        """All have waited for each other: what was observed before, and what is owed, is over."""


class NoTimeSync:
    """Everyone at their own clock's rate: only the prediction window holds them together."""

    __slots__ = ("owed", "period_us")

    def __init__(self, period_us: int) -> None:
        self.owed = 0
        self.period_us = period_us

    def observe(self, local_us: int, remote_us: int) -> None:
        return

    def should_skip(self) -> bool:
        return False

    def forget(self) -> None:
        return


class SkipTimeSync:
    """Average half the difference over a window; now and then skip that many ticks, spread out."""

    __slots__ = (
        "_gap",
        "_index",
        "_interval",
        "_maximum",
        "_minimum",
        "_since",
        "_spread",
        "_sum",
        "_window",
        "owed",
        "period_us",
    )

    def __init__(
        self, period_us: int, *, window: int, minimum: int, maximum: int, interval: int, spread: int
    ) -> None:
        self.period_us = period_us
        self._window = [0] * window
        self._minimum = minimum
        self._maximum = maximum
        self._interval = interval
        self._spread = spread
        self._index = 0
        self._sum = 0
        self._since = 0
        self.owed = 0
        self._gap = 0

    def observe(self, local_us: int, remote_us: int) -> None:
        window = self._window
        index = self._index
        half = (local_us - remote_us) // 2
        self._sum += half - window[index]
        window[index] = half
        index += 1
        self._index = 0 if index == len(window) else index
        self._since += 1
        if self._since >= self._interval:
            frames = self._sum // (len(window) * self.period_us)
            if frames >= self._minimum:
                self.owed = min(frames, self._maximum)
                self._gap = 0
                self._since = 0

    def should_skip(self) -> bool:
        if not self.owed:
            return False
        if self._gap:
            self._gap -= 1
            return False
        self.owed -= 1
        self._gap = self._spread
        return True

    def forget(self) -> None:
        self._window = [0] * len(self._window)
        self._sum = 0
        self.owed = 0


class SpeedTimeSync:
    """Stretch or shrink every frame a little, in proportion to the smoothed advantage."""

    __slots__ = ("_base_us", "_index", "_sum", "_window", "owed", "period_us")

    def __init__(self, period_us: int) -> None:
        self.owed = 0
        self.period_us = period_us
        self._base_us = period_us
        self._window = [0] * SPEED_WINDOW
        self._index = 0
        self._sum = 0

    def observe(self, local_us: int, remote_us: int) -> None:
        window = self._window
        index = self._index
        half = (local_us - remote_us) // 2
        self._sum += half - window[index]
        window[index] = half
        index += 1
        self._index = 0 if index == SPEED_WINDOW else index
        permille = SPEED_GAIN_PERMILLE * self._sum // (SPEED_WINDOW * self._base_us)
        permille = max(-SPEED_MAX_PERMILLE, min(SPEED_MAX_PERMILLE, permille))
        self.period_us = self._base_us + self._base_us * permille // 1000

    def should_skip(self) -> bool:
        return False

    def forget(self) -> None:
        self._window = [0] * SPEED_WINDOW
        self._sum = 0
        self.period_us = self._base_us


def time_sync(kind: TimeSyncKind, period_us: int) -> TimeSync:
    """The controller of this kind for frames of `period_us`."""
    if kind is TimeSyncKind.NONE:
        return NoTimeSync(period_us)
    if kind is TimeSyncKind.SPEED:
        return SpeedTimeSync(period_us)
    if kind is TimeSyncKind.SKIP:
        return SkipTimeSync(
            period_us,
            window=GGPO_WINDOW,
            minimum=GGPO_MIN_FRAMES,
            maximum=GGPO_MAX_FRAMES,
            interval=GGPO_INTERVAL,
            spread=0,
        )
    return SkipTimeSync(
        period_us,
        window=GGRS_WINDOW,
        minimum=GGRS_MIN_FRAMES,
        maximum=GGRS_MAX_FRAMES,
        interval=GGRS_INTERVAL,
        spread=1,
    )

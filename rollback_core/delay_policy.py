"""Input delay that follows the round trip, with hysteresis, so that it changes seldom.

Enough delay to cover the one-way time makes rollbacks rare; more than that is felt for nothing. The
delay goes up at once when the link has become slower by a frame, and down by one frame only after
the lower value has been right for a while.
"""

from typing import Final

DOWN_AFTER: Final = 15  # evaluations (3 s at 200 ms): a short quiet spell is not a better link


class AdaptiveDelay:
    """Feed it the smoothed round trip now and then; `delay_frames` is what it recommends."""

    __slots__ = ("_low_for", "_maximum", "_period_us", "delay_frames")

    def __init__(self, delay_frames: int, maximum: int, period_us: int) -> None:
        self.delay_frames = delay_frames
        self._maximum = maximum
        self._period_us = period_us
        self._low_for = 0

    def observe(self, rtt_us: int, rtt_var_us: int) -> int:
        """The delay from now on, given the slowest link's estimates."""
        one_way_us = rtt_us // 2 + rtt_var_us
        wanted = min(-(-one_way_us // self._period_us), self._maximum)
        if wanted > self.delay_frames:
            self.delay_frames = wanted
            self._low_for = 0
        elif wanted < self.delay_frames:
            self._low_for += 1
            if self._low_for >= DOWN_AFTER:
                self.delay_frames -= 1
                self._low_for = 0
        else:
            self._low_for = 0
        return self.delay_frames

"""Limits on what one socket may send, as a bucket that fills with time."""

import time
from typing import Final

MAX_SOCKETS: Final = 1_000  # open at once; the whole server's
TEXTS_PER_S: Final = 50  # a participant sends a chunk of each table twice a second, and some signals
TEXTS_BURST: Final = 1_000  # after a long break a whole match may be sent again
CHARS_PER_S: Final = 256 * 1024  # of text: a heavy game's tables are a tenth of it
CHARS_BURST: Final = 32 * 1024 * 1024
DATAGRAMS_PER_FRAME: Final = 4  # per partner; play sends one, catching up after a stall a few more
DATAGRAMS_BURST_S: Final = 2


def now_us() -> int:
    """The server's clock: monotonic, in microseconds."""
    return time.monotonic_ns() // 1_000


class Bucket:
    """`rate_per_s` tokens a second, at most `burst` saved up."""

    __slots__ = ("_at_us", "_burst", "_rate_per_s", "_tokens")

    def __init__(self, rate_per_s: float, burst: float, now_us: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._at_us = now_us

    def take(self, count: int, now_us: int) -> bool:
        """Take so many tokens, or none and False."""
        self._tokens = min(self._burst, self._tokens + (now_us - self._at_us) * self._rate_per_s / 1e6)
        self._at_us = now_us
        if self._tokens < count:
            return False
        self._tokens -= count
        return True

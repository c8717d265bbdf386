"""Which way datagrams to one partner go: the direct channel, the server's relay, or both while in doubt.

Idea: nobody has to agree on a switch. Whoever hears nothing directly, or is told that its partner
hears nothing, sends both ways; duplicates do a session no harm. The flag *deaf* reports what its
sender hears, never what it does, so two peers cannot keep each other relaying for ever.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

HEARING_US: Final = 200_000  # a dozen frames without anything: the interruption comes at 500 ms
DEAF_HOLD_US: Final = 300_000  # longer than the pause between two datagrams of a stalled partner
REPLACE_AFTER_US: Final = 1_000_000  # a blip heals by itself; a new connection costs some tens of ms
RETRY_US: Final = (5_000_000, 10_000_000, 20_000_000)  # between further tries; the last one repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRules:
    """What the study allows."""

    is_direct_allowed: bool = True
    is_relay_allowed: bool = True
    direct_wait_us: int = 3_000_000


class Ways(NamedTuple):
    direct: bool
    relay: bool
    is_deaf: bool


class PathChoice:
    """The choice towards one partner. `is_open` says whether a direct channel is open."""

    __slots__ = (
        "_deaf_until_us",
        "_direct_deadline_us",
        "_heard_us",
        "_next_try_us",
        "_relayed_us",
        "_rules",
        "_tries",
        "has_opened",
        "is_open",
    )

    def __init__(self, rules: PathRules, now_us: int) -> None:
        self._rules = rules
        self._direct_deadline_us = now_us + rules.direct_wait_us
        self._heard_us = now_us  # over the direct channel
        self._relayed_us: int | None = None  # when something last came over the relay
        self._deaf_until_us = now_us
        self._tries = 0
        self._next_try_us = now_us
        self.is_open = False
        self.has_opened = False

    def begun(self, now_us: int) -> None:
        """A connection is being made: give it its time."""
        wait_us = RETRY_US[min(self._tries, len(RETRY_US) - 1)]
        self._tries += 1
        self._next_try_us = now_us + wait_us

    def opened(self, now_us: int) -> None:
        self.is_open = self.has_opened = True
        self._heard_us = now_us
        self._tries = 0

    def closed(self, now_us: int) -> None:
        """No channel is open any more."""
        self.is_open = False

    def heard_direct(self, now_us: int) -> None:
        self._heard_us = now_us

    def heard_relayed(self, now_us: int, *, is_deaf: bool) -> None:
        self._relayed_us = now_us
        if is_deaf:
            self._deaf_until_us = now_us + DEAF_HOLD_US

    def absent(self, for_us: int, now_us: int) -> None:
        """We ourselves did not run for so long: that was not the partner's silence."""
        self._heard_us = min(now_us, self._heard_us + for_us)
        self._deaf_until_us = min(now_us + DEAF_HOLD_US, self._deaf_until_us + for_us)

    def hears(self, now_us: int) -> bool:
        return self.is_open and now_us - self._heard_us < HEARING_US

    def ways(self, now_us: int) -> Ways:
        """How a datagram sent now goes."""
        rules = self._rules
        is_deaf = not self.hears(now_us)
        is_in_doubt = is_deaf or now_us < self._deaf_until_us
        is_waiting = rules.is_direct_allowed and not self.has_opened and now_us < self._direct_deadline_us
        return Ways(self.is_open, rules.is_relay_allowed and is_in_doubt and not is_waiting, is_deaf)

    def wants_connection(self, now_us: int) -> bool:
        """The direct way has failed and another try is due."""
        if not self._rules.is_direct_allowed or now_us < self._next_try_us:
            return False
        return not self.is_open or now_us - self._heard_us >= REPLACE_AFTER_US

    def carrier(self, now_us: int) -> str:
        """By which way the partner is heard: "direct", "relay" or "none"."""
        if self.hears(now_us):
            return "direct"
        if self._relayed_us is not None and now_us - self._relayed_us < HEARING_US:
            return "relay"
        return "none"

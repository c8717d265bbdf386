"""Deadlines of a session, by kind and peer, with the earliest always at hand.

A timer is a number in a table; setting one is cheap, and `next_us` costs nothing to read, because
a session asks it every tick. In the manner of quinn-proto's timer table.
"""

from enum import IntEnum
from typing import Final

from rollback_core.simulation import MAX_PLAYERS

NEVER: Final = 1 << 62


class Timer(IntEnum):
    HELLO = 0  # repeat the handshake
    HANDSHAKE = 1  # give the handshake up
    QUALITY = 2  # ping every partner
    LINGER = 3  # stop answering after the end
    SILENCE = 4  # per peer: interrupt, then give up
    CONTROL = 5  # per peer: retransmit the control stream
    AGREEMENT = 6  # give up on members that do not vote


class Timers:
    """`next_us` is the earliest deadline, NEVER if none is set."""

    __slots__ = ("_at", "next_us")

    def __init__(self) -> None:
        self._at = [NEVER] * (len(Timer) * MAX_PLAYERS)
        self.next_us = NEVER

    def set(self, timer: Timer, at_us: int, peer: int = 0) -> None:
        self._at[timer * MAX_PLAYERS + peer] = at_us
        self.next_us = at_us if at_us < self.next_us else min(self._at)

    def stop(self, timer: Timer, peer: int = 0) -> None:
        self.set(timer, NEVER, peer)

    def stop_all(self) -> None:
        self._at = [NEVER] * len(self._at)
        self.next_us = NEVER

    def at(self, timer: Timer, peer: int = 0) -> int:
        return self._at[timer * MAX_PLAYERS + peer]

    def pop_due(self, now_us: int) -> tuple[Timer, int] | None:
        """The earliest timer that is due, now stopped; None when none is."""
        if now_us < self.next_us:
            return None
        index = self._at.index(self.next_us)
        self._at[index] = NEVER
        self.next_us = min(self._at)
        return Timer(index // MAX_PLAYERS), index % MAX_PLAYERS

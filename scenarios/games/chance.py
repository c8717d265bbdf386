"""Chance as part of a game's state: one int of 31 bits, and what comes after it.

A linear congruential generator modulo 2**31: use the high bits, the low ones have short periods.
"""

from typing import Final

_MASK: Final = 0x7FFF_FFFF


def first_random(seed: int) -> int:
    """The state that an episode begins with; neighbouring seeds give unlike states."""
    mixed = seed & _MASK
    mixed = (mixed ^ mixed >> 16) * 0x45D9_F3B + 0x2545_F491 & _MASK
    mixed = (mixed ^ mixed >> 15) * 0x2C1B_3C6D & _MASK
    return mixed ^ mixed >> 14


def next_random(rng: int) -> int:
    return (rng * 1_103_515_245 + 12_345) & _MASK

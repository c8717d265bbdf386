"""What a player who has not been heard yet is assumed to do.

A prediction decides how often a rollback is needed, never what the confirmed data are. It is a
function of the last known action, by frame and not by time of arrival.
"""

from collections.abc import Callable
from typing import TypeAlias

from rollback_core.errors import UsageError

Predictor: TypeAlias = Callable[[int, int], int]
"""(player, last known action) -> the action assumed for every later frame."""


def predictor(name: str, *, neutral_action: int, ready_action: int) -> Predictor:
    """ "repeat-last" or "neutral". Nobody is assumed to be ready: READY is never predicted."""
    if name == "repeat-last":
        return lambda player, last: neutral_action if last == ready_action else last
    if name == "neutral":
        return lambda player, last: neutral_action
    raise UsageError(f'predictor: "repeat-last" or "neutral", not {name!r}')

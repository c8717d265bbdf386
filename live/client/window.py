"""How large a prediction window a machine can afford: a rollback through all of it must fit in a frame."""

from typing import Final

from rollback_core.config import MAX_WINDOW_FRAMES

FRAME_SHARE_PERCENT: Final = 60  # of a frame for replaying; drawing, sending and the system need the rest


def affordable_window_frames(step_cost_us: int, period_us: int) -> int:
    """The largest window such that the replay of all of it and the new frame fit in their share.

    0 means that the game can be played in lockstep at most.
    """
    if step_cost_us <= 0:
        return MAX_WINDOW_FRAMES
    steps = period_us * FRAME_SHARE_PERCENT // 100 // step_cost_us
    return max(0, min(MAX_WINDOW_FRAMES, steps - 1))

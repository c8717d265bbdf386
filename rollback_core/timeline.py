"""The simulated past: states, used inputs and outcomes by frame; deciding apart from doing.

`plan` says which frame to load and which frames to step; `Timeline.execute` is the only place that
calls the game's step, save and load. An ordinary step, a rollback and catch-up are one path.
Invariant: `states[f - base]` is the state before frame f, saved when frame f was last reached.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from rollback_core.episodes import Episodes
from rollback_core.errors import SimulationError, UsageError
from rollback_core.events import FrameOutcome
from rollback_core.frame import NO_FRAME

PRUNE_CHUNK = 64  # as in input_queue


class TickPlan(NamedTuple):
    """Load `load` unless it is NO_FRAME, then step the frames `first` to `stop`."""

    load: int
    first: int
    stop: int


def plan(current: int, confirmed: int, window: int, first_incorrect: int, wanted: int) -> TickPlan:
    """What one tick does, given how far inputs are known.

    A frame may be stepped while at most `window` frames are speculative, that is up to frame
    confirmed + window. `wanted` is how many new frames the clock asks for; 0 at a time-sync skip.
    """
    stop = confirmed + 1 + window
    if stop > current + wanted:
        stop = current + wanted
    if stop < current:
        stop = current
    if first_incorrect < current:
        return TickPlan(first_incorrect, first_incorrect, stop)
    return TickPlan(NO_FRAME, current, stop)


class Timeline:
    """The ring of the recent past of one match; `current` is the next frame to step."""

    __slots__ = ("base", "current", "game", "outcomes", "speculative", "states", "used")

    def __init__(self, game: Episodes) -> None:
        self.game = game
        self.base = 0
        self.current = 0
        self.states: list[Any] = [game.save_state()]
        self.used: list[tuple[int, ...]] = []
        self.outcomes: list[FrameOutcome | None] = []
        self.speculative: list[int] = []

    def execute(self, plan: TickPlan, inputs: Iterable[tuple[int, ...]], speculative: int) -> None:
        """Step the planned frames with `inputs`, one tuple a frame.

        `speculative` is the mask of players whose input is assumed; it is noted for frames that
        are stepped for the first time only (an input unknown now was unknown before).
        If the game raises, the timeline ends before that frame and SimulationError says where.
        """
        game = self.game
        base = self.base
        states = self.states
        used = self.used
        outcomes = self.outcomes
        frame = plan.first
        try:
            if plan.load >= 0:
                # What lies past the loaded frame is wrong; only its `speculative` notes stay true.
                cut = plan.load - base
                game.load_state(states[cut])
                del states[cut + 1 :]
                del used[cut:]
                del outcomes[cut:]
                self.current = plan.load
            step = game.step
            save = game.save_state
            for actions in inputs:
                outcomes.append(step(actions))
                states.append(save())
                used.append(actions)
                frame += 1
        except Exception as error:
            keep = frame - base
            del states[keep + 1 :]
            del used[keep:]
            del outcomes[keep:]
            self.current = frame
            raise SimulationError(frame, f"{type(error).__name__}: {error}") from error
        self.current = frame
        missing = frame - base - len(self.speculative)
        if missing > 0:
            self.speculative.extend((speculative,) * missing)

    def state(self, frame: int) -> Any:
        if not self.base <= frame <= self.current:
            raise UsageError(f"state {frame} is outside {self.base}..{self.current}")
        return self.states[frame - self.base]

    def forget_before(self, frame: int) -> None:
        """Drop the past before `frame`, when that is worth a chunk."""
        count = frame - self.base
        if count < PRUNE_CHUNK:
            return
        del self.states[:count]
        del self.used[:count]
        del self.outcomes[:count]
        del self.speculative[:count]
        self.base = frame

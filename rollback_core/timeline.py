"""The simulated past: states, used inputs and outcomes by frame; deciding apart from doing.

`plan` says which frame to load and which frames to step; `Timeline.execute` is the only place that
has the game step, save and load. An ordinary step, a rollback and catch-up are one path.
Invariant: `states[f - base]` is the state before frame f, saved when frame f was last reached.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from rollback_core.episodes import Episodes
from rollback_core.errors import SimulationError, UsageError
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
    """The ring of the recent past of one match; `current` is the next frame to step.

    `outcomes` holds the fields of a FrameOutcome, or None for a freeze frame.
    """

    __slots__ = ("base", "current", "game", "outcomes", "speculative", "states", "used")

    def __init__(self, game: Episodes) -> None:
        self.game = game
        self.base = 0
        self.current = 0
        self.states: list[Any] = [game.save_state()]
        self.used: list[tuple[int, ...]] = []
        self.outcomes: list[tuple[Any, ...] | None] = []
        self.speculative: list[int] = []

    def execute(self, load: int, rows: Iterable[tuple[int, ...]], speculative: int) -> None:
        """Load `load` unless it is NO_FRAME, then step a frame per row of actions.

        `speculative` is the mask of players whose input is assumed; it is noted for frames that
        are stepped for the first time only (an input unknown now was unknown before).
        If the game raises, the timeline ends before that frame and SimulationError says where.
        """
        used = self.used
        outcomes = self.outcomes
        try:
            if load >= 0:
                # What lies past the loaded frame is wrong; only its `speculative` notes stay true.
                cut = load - self.base
                del self.states[cut + 1 :]
                del used[cut:]
                del outcomes[cut:]
                self.game.load_state(self.states[cut])
            used.extend(rows)
            self.game.run(used[len(outcomes) :], outcomes, self.states)
        except Exception as error:
            done = len(self.states) - 1
            del used[done:]
            del outcomes[done:]
            frame = self.current = self.base + done
            raise SimulationError(frame, f"{type(error).__name__}: {error}") from error
        done = len(used)
        self.current = self.base + done
        notes = self.speculative
        if len(notes) < done:
            notes.extend((speculative,) * (done - len(notes)))

    def step(self, actions: tuple[int, ...], speculative: int) -> None:
        """`execute` for one new frame: nearly all frames come one by one."""
        try:
            self.game.run((actions,), self.outcomes, self.states)
        except Exception as error:
            del self.outcomes[len(self.used) :]
            raise SimulationError(self.current, f"{type(error).__name__}: {error}") from error
        self.used.append(actions)
        self.speculative.append(speculative)
        self.current += 1

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

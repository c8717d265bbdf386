"""A session without a network that rolls back in every frame: the quickest way to catch a bad game.

Each step saves the state, steps, goes back `check_distance` frames, plays them again with the same
inputs, and compares every state and outcome on the way. A game that passes can be rolled back.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from rollback_core.errors import SimulationError, UsageError
from rollback_core.simulation import Simulation, StepOutcome
from rollback_core.trajectory import outcome_difference, state_difference


class _Cell(NamedTuple):
    state: Any  # before the frame
    encoded: bytes
    actions: tuple[int, ...]
    outcome: StepOutcome


class SyncTest:
    """Steps `game` and checks it. `reset` begins each episode; an episode ends as the game says."""

    def __init__(self, game: Simulation, *, check_distance: int = 8, seed: int = 1) -> None:
        if check_distance < 1:
            raise UsageError("check_distance is one frame or more")
        self.game = game
        self.current_frame = 0
        self.comparisons = 0
        self._cells: deque[_Cell] = deque(maxlen=check_distance)
        game.reset(seed)

    def reset(self, seed: int) -> None:
        self._cells.clear()
        self.game.reset(seed)

    def step(self, actions: Sequence[int]) -> StepOutcome:
        """The outcome of the frame; SimulationError names the first frame and field that differ."""
        game = self.game
        state = game.save_state()
        encoded = game.encode_state(state)
        outcome = game.step(tuple(actions))
        self._cells.append(_Cell(state, encoded, tuple(actions), outcome))
        self.current_frame += 1
        after = game.save_state()
        encoded_after = game.encode_state(after)
        first = self.current_frame - len(self._cells)
        game.load_state(self._cells[0].state)
        for frame, cell in enumerate(self._cells, first):
            self._compare(frame, state_difference(cell.encoded, game.encode_state(game.save_state())))
            self._compare(frame, outcome_difference(cell.outcome, game.step(cell.actions)))
        now = game.encode_state(game.save_state())
        self._compare(self.current_frame, state_difference(encoded_after, now))
        return outcome

    def _compare(self, frame: int, difference: tuple[str, Any, Any] | None) -> None:
        self.comparisons += 1
        if difference is not None:
            field, first, again = difference
            raise SimulationError(frame, f"{field} was {first!r}, and {again!r} when played again")

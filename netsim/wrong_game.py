"""A game that is not the partners' game any more: what a wrong build or broken memory does to a peer."""

from typing import Any, Final

from rollback_core.simulation import Simulation, StepOutcome

STATE: Final = 0
ROW: Final = 1
NO_FRAME_YET: Final = 1 << 62


class WrongGame:
    """`game`, until it is told to diverge: then its state goes another way for good, or one row is wrong."""

    def __init__(self, game: Simulation) -> None:
        self._game = game
        self._action_count = game.spec.action_count
        self._wrong: int | None = None
        self.may_differ_from = NO_FRAME_YET

    def diverge(self, what: int, first_frame: int) -> None:
        """No frame before `first_frame` will be stepped again."""
        self._wrong = what
        self.may_differ_from = min(self.may_differ_from, first_frame)

    def step(self, actions: Any, /) -> StepOutcome:
        if self._wrong is None:
            return self._game.step(actions)
        if self._wrong == STATE:
            return self._game.step(((actions[0] + 1) % self._action_count, *actions[1:]))
        self._wrong = None
        outcome = self._game.step(actions)
        return outcome._replace(rewards=(outcome.rewards[0] + 1, *outcome.rewards[1:]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._game, name)

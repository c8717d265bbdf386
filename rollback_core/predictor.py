"""What a player who has not been heard yet is assumed to do.

A prediction decides how often a rollback is needed, never what the confirmed data are. It is a
function of the player and its last known action, by frame and not by time of arrival; so it is
asked for every action once, before play, and is a table from then on.
"""

import operator
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from rollback_core.errors import UsageError
from rollback_core.simulation import PredictingSimulation, Simulation

REPEAT_LAST: Final = "repeat-last"
NEUTRAL: Final = "neutral"
GAME: Final = "game"
PREDICTORS: Final = (REPEAT_LAST, NEUTRAL, GAME)

Guesses: TypeAlias = Sequence[Sequence[int]]
"""guesses[player][last known action]: the action assumed for every later frame."""


def predictor(name: str, game: Simulation | PredictingSimulation) -> Guesses:
    """One of PREDICTORS, for this game. Nobody is assumed to be ready: READY is never predicted.

    UsageError if the game is to predict and cannot, or predicts what is not an action.
    """
    spec = game.spec
    players = len(spec.agents)
    count = spec.action_count
    if name == REPEAT_LAST:
        return ((*range(count), spec.neutral_action),) * players
    if name == NEUTRAL:
        return ((spec.neutral_action,) * (count + 1),) * players
    if name == GAME:
        predict = getattr(game, "predict_action", None)
        if predict is None:
            raise UsageError(
                f'predictor: {spec.id} brings none (no predict_action); "{REPEAT_LAST}" fits any game'
            )
        return tuple(
            (*(_asked(predict, spec.id, player, last, count) for last in range(count)), spec.neutral_action)
            for player in range(players)
        )
    raise UsageError(f"predictor: one of {', '.join(PREDICTORS)}, not {name!r}")


def _asked(predict: Any, game_id: str, player: int, last: int, action_count: int) -> int:
    try:
        action = operator.index(predict(player, last))  # numpy's ints are welcome
    except Exception as error:  # foreign code: whatever it raises is its author's to mend
        raise UsageError(
            f"{game_id}: predict_action({player}, {last}) raised {type(error).__name__}: {error}"
        ) from error
    if not 0 <= action < action_count:
        raise UsageError(
            f"{game_id}: predict_action({player}, {last}) gave {action}; actions are 0 to {action_count - 1}"
        )
    return action

"""Predictions: the last action, the neutral one, or what the game says; and never READY."""

from typing import Any

import pytest

from rollback_core.errors import UsageError
from rollback_core.predictor import predictor
from rollback_core.simulation import GameSpec
from scenarios.games.counter import Counter

READY, NEUTRAL = 4, 2


class Guessing:
    """As much of a game as a predictor looks at."""

    def __init__(self, guess: Any) -> None:
        self.spec = GameSpec(id="guessing-v1", agents=("a", "b", "c"), action_count=4, neutral_action=NEUTRAL)
        self.predict_action = guess


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("repeat-last", [[0, 1, 2, 3, NEUTRAL]] * 3),
        ("neutral", [[NEUTRAL] * 5] * 3),
        ("game", [[0, 1, 2, 3, NEUTRAL], [1, 2, 3, 0, NEUTRAL], [2, 3, 0, 1, NEUTRAL]]),
    ],
)
def test_prediction(name: str, expected: list[list[int]]) -> None:
    guesses = predictor(name, Guessing(lambda player, last: (player + last) % 4))  # type: ignore[arg-type]
    assert [list(table) for table in guesses] == expected
    assert all(READY not in table for table in guesses)


def test_unknown_predictor_is_named() -> None:
    with pytest.raises(UsageError, match="'oracle'"):
        predictor("oracle", Counter())


def test_a_game_without_a_predictor_is_refused() -> None:
    with pytest.raises(UsageError, match="counter-v1 brings none"):
        predictor("game", Counter())


@pytest.mark.parametrize(
    ("guess", "told"),
    [
        (lambda player, last: 4, "gave 4; actions are 0 to 3"),
        (lambda player, last: -1, "gave -1"),
        (lambda player, last: None, "TypeError"),
        (lambda player, last: 1 // 0, "ZeroDivisionError"),
    ],
)
def test_a_game_that_predicts_what_is_no_action_is_refused(guess: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        predictor("game", Guessing(guess))  # type: ignore[arg-type]

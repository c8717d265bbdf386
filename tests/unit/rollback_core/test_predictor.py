"""Predictions: the last action or the neutral one, and never READY."""

import pytest

from rollback_core.errors import UsageError
from rollback_core.predictor import predictor

READY, NEUTRAL = 4, 2


@pytest.mark.parametrize(
    ("name", "expected"), [("repeat-last", [0, 1, 2, 3, NEUTRAL]), ("neutral", [NEUTRAL] * 5)]
)
def test_prediction(name: str, expected: list[int]) -> None:
    predict = predictor(name, neutral_action=NEUTRAL, ready_action=READY)
    for player in range(3):
        assert [predict(player, last) for last in range(READY + 1)] == expected


def test_unknown_predictor_is_named() -> None:
    with pytest.raises(UsageError, match="'oracle'"):
        predictor("oracle", neutral_action=0, ready_action=1)

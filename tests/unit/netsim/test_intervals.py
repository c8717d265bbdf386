"""Intervals hold what they promise, and agree with what statisticians print."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.intervals import mean_interval, rule_of_three, wilson


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_as_in_the_books(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 10_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_holds_the_share_and_is_symmetric(case: tuple[int, int]) -> None:
    hits, trials = case
    low, high = wilson(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1
    assert wilson(trials - hits, trials) == pytest.approx((1 - high, 1 - low))


def test_nothing_tried_is_nothing_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert rule_of_three(0) == 1.0
    with pytest.raises(ValueError, match="2 hits in 1 trials"):
        wilson(2, 1)


@pytest.mark.parametrize("trials", [30, 100, 3000])
def test_the_rule_of_three_is_the_exact_bound_nearly(trials: int) -> None:
    exact = 1 - 0.05 ** (1 / trials)
    assert rule_of_three(trials) == pytest.approx(exact, rel=0.06)


def test_a_mean_of_few_values() -> None:
    assert mean_interval([4.0]) == (4.0, math.inf)
    mean, half = mean_interval([1.0, 2.0, 3.0])
    assert (mean, half) == pytest.approx((2.0, 4.303 / math.sqrt(3)), rel=1e-3)


@pytest.mark.parametrize("count", [3, 12, 60])
def test_of_a_hundred_intervals_about_ninety_five_hold_the_truth(count: int) -> None:
    chance = Random(count)
    trials = 2_000
    held = 0
    for _ in range(trials):
        mean, half = mean_interval([chance.gauss(5, 2) for _ in range(count)])
        held += abs(mean - 5) <= half
    low, high = wilson(held, trials)
    assert low - 0.01 <= 0.95 <= high + 0.01

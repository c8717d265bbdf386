from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scenarios.games.chance import first_random, next_random

numbers = st.integers(0, 2**31 - 1)


@given(numbers, numbers)
def test_different_seeds_and_states_never_meet(one: int, other: int) -> None:
    assert (first_random(one) == first_random(other)) == (one == other)
    assert (next_random(one) == next_random(other)) == (one == other)
    assert 0 <= first_random(one) < 2**31
    assert 0 <= next_random(one) < 2**31


def test_the_first_draws_of_neighbouring_seeds_differ_in_every_high_bit() -> None:
    draws = [next_random(first_random(seed)) for seed in range(1000)]
    for bit in range(16, 31):
        assert 430 < sum(draw >> bit & 1 for draw in draws) < 570
        changes = sum((a ^ b) >> bit & 1 for a, b in pairwise(draws))
        assert 430 < changes < 570

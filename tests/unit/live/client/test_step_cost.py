"""The measured cost of a step is the cost of a step."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from live.client.step_cost import measure_step_us
from rollback_core.simulation import StepOutcome
from scenarios.games.counter import Counter


class Clock:
    """Time passes only by steps; read with the coarseness of a browser's clock."""

    def __init__(self, coarse_us: int) -> None:
        self.now_us = 0.0
        self.coarse_us = coarse_us

    def __call__(self) -> int:
        return int(self.now_us) // self.coarse_us * self.coarse_us


class Priced(Counter):
    """A counter whose steps cost what they are said to cost, and more in one of the blocks."""

    def __init__(self, clock: Clock, cost_us: float) -> None:
        super().__init__(length=50)
        self.clock = clock
        self.cost_us = cost_us
        self.steps = 0
        self.saves = 0

    def reset(self, seed: int) -> None:
        self.disturbance = 3.0 if seed == 1 else 1.0
        super().reset(seed)

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        self.steps += 1
        self.clock.now_us += self.cost_us * self.disturbance
        return super().step(actions)

    def save_state(self) -> Any:
        self.saves += 1
        return super().save_state()


@given(st.floats(5, 60_000), st.sampled_from([1, 100, 1000]))
def test_the_cost_is_found_with_a_coarse_clock_and_in_spite_of_a_disturbance(
    cost_us: float, coarse_us: int
) -> None:
    clock = Clock(coarse_us)
    game = Priced(clock, cost_us)
    measured_us = measure_step_us(game, clock)
    assert abs(measured_us - cost_us) <= 1 + 0.06 * cost_us
    assert game.saves == game.steps > 0


def test_a_clock_that_stands_still_ends_the_measurement() -> None:
    assert measure_step_us(Counter(), lambda: 0) == 0

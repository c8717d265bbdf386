"""A game that fails leaves the timeline just before the frame at which it failed."""

from collections.abc import Sequence
from typing import Any

import pytest

from rollback_core.episodes import Episodes
from rollback_core.errors import SimulationError, UsageError
from rollback_core.frame import NO_FRAME
from rollback_core.simulation import StepOutcome
from rollback_core.timeline import TickPlan, Timeline, plan
from scenarios.games.counter import Counter

READY = (4, 4)


class Fragile(Counter):
    """Breaks when player 0 does action 3, or when a broken state is loaded or saved."""

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        if actions[0] == 3:
            raise RuntimeError("no such move")
        return super().step(actions)


def played(*history: tuple[int, int]) -> Timeline:
    timeline = Timeline(Episodes(Fragile(2), seed=1))
    timeline.execute(NO_FRAME, history, 0)
    return timeline


def test_a_failing_step_is_named_and_ends_the_timeline_there() -> None:
    timeline = played(READY, (1, 1), (2, 2))
    with pytest.raises(SimulationError, match="frame 4: RuntimeError: no such move") as caught:
        timeline.execute(NO_FRAME, [(1, 0), (3, 0), (1, 0)], 0)
    assert caught.value.frame == 4
    assert timeline.current == 4
    assert timeline.used == [READY, (1, 1), (2, 2), (1, 0)]
    assert (len(timeline.states), len(timeline.outcomes)) == (5, 4)


def test_a_step_failing_in_a_rollback_is_named_too() -> None:
    timeline = played(READY, (1, 1), (2, 2), (2, 2))
    with pytest.raises(SimulationError) as caught:
        timeline.execute(1, [(0, 1), (3, 2), (2, 2)], 0)
    assert caught.value.frame == 2
    assert timeline.current == 2
    assert timeline.used == [READY, (0, 1)]


@pytest.mark.parametrize("frame", [-1, 5])
def test_a_state_outside_of_what_is_kept_is_refused(frame: int) -> None:
    with pytest.raises(UsageError, match=str(frame)):
        played(READY, (1, 1), (2, 2), (2, 2)).state(frame)


@pytest.mark.parametrize(
    ("current", "confirmed", "window", "first_incorrect", "wanted", "expected"),
    [
        (10, 9, 8, 99, 1, TickPlan(NO_FRAME, 10, 11)),  # all known
        (10, 2, 8, 99, 1, TickPlan(NO_FRAME, 10, 11)),  # eight speculative frames: just allowed
        (10, 1, 8, 99, 1, TickPlan(NO_FRAME, 10, 10)),  # a stall
        (10, 5, 8, 4, 1, TickPlan(4, 4, 11)),  # rollback and a new frame in one
        (10, 1, 8, 4, 1, TickPlan(4, 4, 10)),  # rollback at a stall
        (10, 9, 0, 99, 1, TickPlan(NO_FRAME, 10, 10)),  # lockstep waits for the frame itself
        (10, 10, 0, 99, 1, TickPlan(NO_FRAME, 10, 11)),
        (10, 15, 8, 99, 4, TickPlan(NO_FRAME, 10, 14)),  # catching up
    ],
)
def test_plan_by_example(
    current: int, confirmed: int, window: int, first_incorrect: int, wanted: int, expected: Any
) -> None:
    assert plan(current, confirmed, window, first_incorrect, wanted) == expected

"""SyncTest: plays like the game alone, and names the frame and field of a game that does not roll back."""

from collections.abc import Sequence
from typing import Any

import pytest

from rollback_core.errors import SimulationError, UsageError
from rollback_core.simulation import StepOutcome
from rollback_core.sync_test import SyncTest
from rollback_core.trajectory import actions_at
from scenarios.games.counter import Counter


class SlipsAfterLoad(Counter):
    """Forgets its total when a state is loaded."""

    def load_state(self, state: Any, /) -> None:
        frame, mix, _ = state
        super().load_state((frame, mix, 0))


class CountsSteps(Counter):
    """Its outcome depends on how often it was stepped, which no state holds."""

    __slots__ = ("steps",)
    steps: int

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        self.steps = getattr(self, "steps", 0) + 1
        return super().step(actions)._replace(rewards=(float(self.steps), 0.0))


@pytest.mark.parametrize("distance", [1, 2, 7])
def test_sound_game_plays_on_undisturbed(distance: int) -> None:
    alone, game = Counter(), Counter()
    alone.reset(4)
    session = SyncTest(game, check_distance=distance, seed=4)
    for frame in range(60):
        actions = actions_at(game.spec, 1, frame)
        assert session.step(actions) == alone.step(actions)
    assert game.save_state() == alone.save_state()
    assert session.current_frame == 60
    assert session.comparisons == sum(2 * min(frame + 1, distance) + 1 for frame in range(60))


def test_lossy_load_is_named_by_field() -> None:
    session = SyncTest(SlipsAfterLoad(), check_distance=4, seed=4)

    def play_on() -> None:
        for frame in range(200):
            session.step(actions_at(session.game.spec, 1, frame))

    with pytest.raises(SimulationError, match=r"state\.total was 1, and 0 when played again"):
        play_on()


def test_hidden_state_is_named_by_the_outcome() -> None:
    session = SyncTest(CountsSteps(), check_distance=4, seed=4)
    with pytest.raises(SimulationError, match=r"frame 0: outcome\.rewards\[0\] was 1\.0, and 2\.0") as caught:
        session.step((0, 0))
    assert caught.value.frame == 0


def test_reset_begins_anew() -> None:
    session = SyncTest(Counter(length=5), check_distance=8, seed=4)
    for seed in (4, 5):
        for _ in range(5):
            outcome = session.step((1, 2))
        assert outcome.is_over
        session.reset(seed)
    assert session.game.save_state()[0] == 0


def test_distance_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="one frame or more"):
        SyncTest(Counter(), check_distance=0)

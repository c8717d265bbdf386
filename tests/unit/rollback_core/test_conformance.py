"""check_simulation: a sound game passes with work done, and each kind of defect is caught by its name."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rollback_core import canonical
from rollback_core.conformance import PROPERTIES, check_simulation
from rollback_core.errors import UsageError
from rollback_core.simulation import DrawItem, GameSpec, StepOutcome
from rollback_core.trajectory import trajectory_digest


class Walk:
    """Two walkers on a ring with hidden luck; 40 frames an episode. Sound: the defects are below."""

    def __init__(self) -> None:
        self.spec = GameSpec(id="walk-v1", agents=("a", "b"), action_count=3, info_keys=("luck",))
        self.frame = 0
        self.luck = 0
        self.places = [0, 0]

    def reset(self, seed: int) -> None:
        self.frame, self.luck, self.places = 0, seed % 1009, [0, 5]

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        self.frame += 1
        self.luck = (self.luck * 211 + 7 * actions[0] + actions[1]) % 1009
        for player, action in enumerate(actions):
            self.places[player] = (self.places[player] + action - 1 + (self.luck & 1)) % 50
        is_over = self.frame == 40
        met = self.places[0] == self.places[1]
        return StepOutcome(
            rewards=(float(met), float(self.luck % 2)),
            terminateds=(is_over, is_over),
            truncateds=(False, False),
            infos=((self.luck % 3,), (None,)),
            is_over=is_over,
        )

    def save_state(self) -> Any:
        return self.frame, self.luck, tuple(self.places)

    def load_state(self, state: Any, /) -> None:
        self.frame, self.luck, places = state
        self.places = list(places)

    def encode_state(self, state: Any, /) -> bytes:
        return canonical.encode(dict(zip(("frame", "luck", "places"), state, strict=True)))

    def render(self) -> list[DrawItem]:
        return [("rect", 0, 0, 50, 10, "#ffffff"), *(("circle", x, 5, 2, "#000000") for x in self.places)]


class WholeNumberRewards(Walk):
    def step(self, actions: Sequence[int], /) -> StepOutcome:
        return super().step(actions)._replace(rewards=(0, 1))


class InfoMissing(Walk):
    def step(self, actions: Sequence[int], /) -> StepOutcome:
        return super().step(actions)._replace(infos=((1,), ()))


class RaisesAtFrame12(Walk):
    def step(self, actions: Sequence[int], /) -> StepOutcome:
        if self.frame == 12:
            raise ZeroDivisionError("luck ran out")
        return super().step(actions)


class EncodesItsCalls(Walk):
    calls = 0

    def encode_state(self, state: Any, /) -> bytes:
        self.calls += 1
        return super().encode_state(state) + b"%d" % self.calls


class EncodesWithoutLuck(Walk):
    def encode_state(self, state: Any, /) -> bytes:
        return canonical.encode({"places": state[2]})


class EncodesNothing(Walk):
    def step(self, actions: Sequence[int], /) -> StepOutcome:
        super().step(actions)
        return StepOutcome((0.0, 0.0), (False, False), (False, False), ((0,), (0,)), False)

    def encode_state(self, state: Any, /) -> bytes:
        return b""


class StartsAnywhere(Walk):
    starts = itertools.count()

    def reset(self, seed: int) -> None:
        super().reset(seed + next(self.starts))


class SavesItsOwnList(Walk):
    def save_state(self) -> Any:
        return self.frame, self.luck, self.places


class LoadsByReference(Walk):
    def save_state(self) -> Any:
        return self.frame, self.luck, list(self.places)

    def load_state(self, state: Any, /) -> None:
        self.frame, self.luck, self.places = state


class ForgetsLuck(Walk):
    def load_state(self, state: Any, /) -> None:
        self.frame, _, places = state
        self.places = list(places)


class SavesByNumber(Walk):
    def __init__(self) -> None:
        super().__init__()
        self.saved: list[Any] = []

    def save_state(self) -> Any:
        self.saved.append(super().save_state())
        return len(self.saved) - 1

    def load_state(self, state: Any, /) -> None:
        super().load_state(self.saved[state])

    def encode_state(self, state: Any, /) -> bytes:
        return super().encode_state(self.saved[state])


class SharesPlaces(Walk):
    """Both instances walk in one list."""

    common: Any = [0, 0]

    def __init__(self) -> None:
        super().__init__()
        self.places = self.common

    def reset(self, seed: int) -> None:
        super().reset(seed)
        self.common[:] = self.places
        self.places = self.common

    def load_state(self, state: Any, /) -> None:
        super().load_state(state)
        self.common[:] = self.places
        self.places = self.common


class KeepsItsFirstLayout(Walk):
    """The seed of an instance's first episode decides the ground, which no state holds."""

    ground = -1

    def reset(self, seed: int) -> None:
        super().reset(seed)
        if self.ground < 0:
            self.ground = seed % 97

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        outcome = super().step(actions)
        self.places[0] = (self.places[0] + self.ground) % 50
        return outcome


class KeepsLuckOverReset(Walk):
    def reset(self, seed: int) -> None:
        luck = self.luck
        super().reset(seed)
        self.luck = (self.luck + luck) % 1009


class MovesWhenDrawn(Walk):
    def render(self) -> list[DrawItem]:
        self.places[0] = (self.places[0] + 1) % 50
        return super().render()


class DrawsNoList(Walk):
    def render(self) -> list[DrawItem]:
        return tuple(super().render())  # type: ignore[return-value]


class EndsByNumber(Walk):
    def step(self, actions: Sequence[int], /) -> StepOutcome:
        return super().step(actions)._replace(terminateds=(False, 0))


class CutsByNumber(Walk):
    def step(self, actions: Sequence[int], /) -> StepOutcome:
        return super().step(actions)._replace(truncateds=[False, False])


class DrawsTheNameless(Walk):
    def render(self) -> list[DrawItem]:
        return [super().render()[0], (1, 2)]


DEFECTS = [
    (WholeNumberRewards, "outcomes", "outcome.rewards[0]"),
    (EndsByNumber, "outcomes", "outcome.terminateds[1]"),
    (CutsByNumber, "outcomes", "outcome.truncateds"),
    (InfoMissing, "outcomes", "outcome.infos[1]"),
    (RaisesAtFrame12, "outcomes", "exception"),
    (EncodesItsCalls, "encoding", "state"),
    (EncodesWithoutLuck, "encoding", ""),
    (EncodesNothing, "encoding", "state"),
    (StartsAnywhere, "same seed", "state.luck"),
    (SavesItsOwnList, "no aliasing", "state.places"),
    (LoadsByReference, "no aliasing", "state.places"),
    (ForgetsLuck, "save and load", "state.luck"),
    (SavesByNumber, "fresh instance", "exception"),
    (SharesPlaces, "fresh instance", "state.places"),
    (KeepsItsFirstLayout, "fresh instance", "state.places[0]"),
    (KeepsLuckOverReset, "reset", "state.luck"),
    (MovesWhenDrawn, "render", "state.places[0]"),
    (DrawsNoList, "render", "render"),
    (DrawsTheNameless, "render", "render[1]"),
]


def test_sound_game_is_fit_and_every_property_was_tried() -> None:
    heard: list[str] = []
    report = check_simulation(Walk, frames=100, seed=3, progress=heard.append)
    assert report.counterexample is None
    assert report.is_fit
    assert [result.name for result in report.results] == list(PROPERTIES) == heard
    assert all(result.comparisons >= 20 for result in report.results)


@pytest.mark.parametrize(("broken", "name", "field"), DEFECTS, ids=[each[0].__name__ for each in DEFECTS])
def test_defect_is_caught_by_its_name(broken: Callable[[], Walk], name: str, field: str) -> None:
    report = check_simulation(broken, frames=100, seed=3)
    found = report.counterexample
    assert found is not None
    assert not report.is_fit
    assert found.property == name
    assert found.field.startswith(field)
    assert found.expected != found.actual
    assert 0 <= found.frame <= 100


def test_every_property_has_a_defect_that_it_is_first_to_catch() -> None:
    assert {name for _, name, _ in DEFECTS} == set(PROPERTIES)


def test_exception_names_its_frame() -> None:
    found = check_simulation(RaisesAtFrame12, frames=100, seed=3).counterexample
    assert found is not None
    assert (found.frame, found.actual) == (12, "ZeroDivisionError: luck ran out")


def test_counterexample_of_unequal_rewards_gives_both_values() -> None:
    found = check_simulation(WholeNumberRewards, frames=10, seed=3).counterexample
    assert found is not None
    assert (found.frame, found.expected, found.actual) == (0, "float", "int 0")


def test_counterexample_of_a_drawing_says_what_an_item_must_be() -> None:
    found = check_simulation(DrawsTheNameless, frames=10, seed=3).counterexample
    assert found is not None
    assert (found.expected, found.actual) == ("a tuple that begins with a name", "tuple (1, 2)")


@pytest.mark.parametrize(("frames", "seed"), [(0, 1), (10, -1), (10, 2**31)])
def test_senseless_request_is_refused(frames: int, seed: int) -> None:
    with pytest.raises(UsageError):
        check_simulation(Walk, frames=frames, seed=seed)


def test_digest_follows_seed_and_frames_and_nothing_else() -> None:
    digest = trajectory_digest(Walk, 60, 5)
    assert digest == trajectory_digest(Walk, 60, 5)
    assert len({digest, trajectory_digest(Walk, 61, 5), trajectory_digest(Walk, 60, 6)}) == 3
    assert digest != trajectory_digest(KeepsLuckOverReset, 60, 5)

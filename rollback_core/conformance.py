"""Is a game fit for rollback? `check_simulation` plays it and tries to show that it is not.

Idea: every property says that two ways to the same frame give the same state and outcome. Each is
played with the same pseudo-random actions, and the first frame at which the two ways part is the
counterexample, with the path of the first field that differs. The properties stand in the order
in which a defect shows in its own name first: a copy that is an alias also breaks loading.

What one process cannot show (another hash seed, another runtime) is shown by comparing
`trajectory_digests` of two processes; the host runs them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from rollback_core import canonical
from rollback_core.errors import RollbackError, UsageError
from rollback_core.simulation import GameSpec, Simulation, StepOutcome
from rollback_core.trajectory import (
    SEED_LIMIT,
    Factory,
    Moment,
    actions_at,
    episode_seed,
    outcome_difference,
    play,
    state_difference,
    trajectory_digest,
    trajectory_digests,
    trajectory_frame,
)

__all__ = [
    "PROPERTIES",
    "Counterexample",
    "PropertyResult",
    "Report",
    "check_simulation",
    "trajectory_digest",
    "trajectory_digests",
    "trajectory_frame",
]

DEFAULT_FRAMES: Final = 300
_BRANCH_FRAMES: Final = 8  # how far a saved state is played on: the usual prediction window
_BRANCHES: Final = 20  # saved states that are tried per property, spread evenly over the frames
_OTHER_SEED: Final = 0x5EED  # xor-ed into the seed for a play that must differ from the one compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """The first place where a game breaks a property."""

    property: str
    frame: int
    field: str  # path, e.g. "state.ball.x" or "outcome.rewards[0]"; "exception" when the game raised
    expected: Any
    actual: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyResult:
    name: str
    comparisons: int  # how many values were compared: with none, nothing was shown
    counterexample: Counterexample | None

    @property
    def is_held(self) -> bool:
        return self.counterexample is None and self.comparisons > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    spec: GameSpec
    frames: int
    seed: int
    results: tuple[PropertyResult, ...]

    @property
    def is_fit(self) -> bool:
        return all(result.is_held for result in self.results)

    @property
    def counterexample(self) -> Counterexample | None:
        """The first one found, in the order of PROPERTIES."""
        return next((r.counterexample for r in self.results if r.counterexample), None)


def check_simulation(
    factory: Factory,
    *,
    frames: int = DEFAULT_FRAMES,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Try every property on new games from `factory`; `progress` hears the name of each as it begins.

    What a game raises is a counterexample too; what the factory raises is passed on.
    """
    if frames < 1 or not 0 <= seed < SEED_LIMIT:
        raise UsageError("check_simulation needs one frame or more, and a seed of 0 … 2**31 - 1")
    spec = factory().spec
    results = []
    for name, check in _CHECKS.items():
        if progress is not None:
            progress(name)
        results.append(_try(name, check, _Trial(factory, frames, seed)))
    return Report(spec=spec, frames=frames, seed=seed, results=tuple(results))


class _Broken(Exception):
    """The property under test does not hold, and this is where."""

    def __init__(self, frame: int, field: str, expected: Any, actual: Any) -> None:
        super().__init__(field)
        self.parts = (frame, field, expected, actual)


class _Trial:
    """What the check of one property works with: new games, the seed, and a count of comparisons."""

    def __init__(self, make: Factory, frames: int, seed: int) -> None:
        self.make = make
        self.frames = frames
        self.seed = seed
        self.frame = 0  # where the game stands, for the report of an exception
        self.comparisons = 0

    def play(self, game: Simulation, seed: int | None = None) -> Iterable[Moment]:
        self.frame = 0
        for moment in play(game, self.frames, self.seed if seed is None else seed):
            yield moment
            self.frame += 1

    def is_branch(self, frame: int) -> bool:
        return frame % max(1, self.frames // _BRANCHES) == 0

    def same_state(self, frame: int, expected: bytes, actual: bytes) -> None:
        self.comparisons += 1
        difference = state_difference(expected, actual)
        if difference is not None:
            raise _Broken(frame, *difference)

    def same_moment(self, frame: int, expected: Moment, actual: Moment) -> None:
        self.same_state(frame, expected.encoded, actual.encoded)
        difference = outcome_difference(expected.outcome, actual.outcome)
        if difference is not None:
            raise _Broken(frame, *difference)

    def plays_on(self, game: Simulation, recorded: list[Moment], frame: int) -> None:
        """The game, standing at `frame`, goes on as recorded for a while (or to the episode's end)."""
        for at in range(frame, min(frame + _BRANCH_FRAMES, len(recorded))):
            self.frame = at
            encoded = game.encode_state(game.save_state())
            outcome = game.step(recorded[at].actions)
            self.same_moment(at, recorded[at], Moment(encoded, recorded[at].actions, outcome))
            if outcome.is_over:
                return


def _try(name: str, check: Callable[[_Trial], None], trial: _Trial) -> PropertyResult:
    found: Counterexample | None = None
    try:
        check(trial)
    except _Broken as broken:
        frame, field, expected, actual = broken.parts
        found = Counterexample(property=name, frame=frame, field=field, expected=expected, actual=actual)
    except Exception as error:  # a game is foreign code: whatever it raises is the finding
        text = str(error) if isinstance(error, RollbackError) else f"{type(error).__name__}: {error}"
        found = Counterexample(
            property=name, frame=trial.frame, field="exception", expected="none", actual=text
        )
    return PropertyResult(name=name, comparisons=trial.comparisons, counterexample=found)


def _check_outcomes(trial: _Trial) -> None:
    game = trial.make()
    spec = game.spec
    for frame, moment in enumerate(trial.play(game)):
        for field, expected, actual in _outcome_faults(spec, moment.outcome):
            raise _Broken(frame, f"outcome.{field}", expected, actual)
        trial.comparisons += 1
    if game.spec != spec:
        raise _Broken(trial.frames, "spec", spec, game.spec)
    game.reset(episode_seed(trial.seed, 0))
    game.step((spec.neutral_action,) * len(spec.agents))


def _outcome_faults(spec: GameSpec, outcome: StepOutcome) -> Iterable[tuple[str, str, str]]:
    """Field, what the spec promises, and what is there, for each fault."""
    if not isinstance(outcome, StepOutcome):
        yield "type", "StepOutcome", type(outcome).__name__
        return
    players = len(spec.agents)
    columns: dict[str, tuple[Any, tuple[type, ...]]] = {
        "rewards": (outcome.rewards, (float,)),
        "terminateds": (outcome.terminateds, (bool,)),
        "truncateds": (outcome.truncateds, (bool,)),
        "infos": (outcome.infos, (tuple,)),
    }
    for name, (values, types) in columns.items():
        if type(values) is not tuple or len(values) != players:
            yield name, f"a tuple of {players}", _sketch(values)
            return
        for index, value in enumerate(values):
            if type(value) not in types:
                yield f"{name}[{index}]", types[0].__name__, _sketch(value)
    for index, info in enumerate(outcome.infos):
        if len(info) != len(spec.info_keys):
            yield f"infos[{index}]", f"{len(spec.info_keys)} values, as info_keys", _sketch(info)
            return
        for key, value in zip(spec.info_keys, info, strict=True):
            if type(value) not in (type(None), bool, int, float, str):
                yield f"infos[{index}].{key}", "None, bool, int, float or str", _sketch(value)
    if type(outcome.is_over) is not bool:
        yield "is_over", "bool", _sketch(outcome.is_over)


def _sketch(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"[:80]


def _check_encoding(trial: _Trial) -> None:
    """Canonical bytes are a function of the state, and the next frame one of these bytes and the actions."""
    seen: dict[tuple[bytes, tuple[int, ...]], tuple[StepOutcome, bytes]] = {}
    encodings: dict[bytes, bytes] = {}
    game = trial.make()
    for seed in (trial.seed, trial.seed ^ _OTHER_SEED):
        last: Moment | None = None
        for frame, moment in enumerate(trial.play(game, seed)):
            if last is not None and not last.outcome.is_over:
                key = (last.encoded, last.actions)
                outcome, encoded = seen.setdefault(key, (last.outcome, moment.encoded))
                trial.same_moment(
                    frame - 1,
                    Moment(encoded, last.actions, outcome),
                    Moment(moment.encoded, last.actions, last.outcome),
                )
            last = moment
            if trial.is_branch(frame):
                _encode_again(trial, game, frame, encodings)
    if len(encodings) > 1 and len(set(encodings.values())) == 1:
        raise _Broken(0, "state", "bytes that change with the state", "the same bytes at every frame")


def _encode_again(trial: _Trial, game: Simulation, frame: int, encodings: dict[bytes, bytes]) -> None:
    """Twice the same state, twice the same bytes; also note which plain states they stand for."""
    state = game.save_state()
    encoded = game.encode_state(state)
    if type(encoded) is not bytes:
        raise _Broken(frame, "encode_state", "bytes", _sketch(encoded))
    trial.same_state(frame, encoded, game.encode_state(state))
    trial.same_state(frame, encoded, game.encode_state(game.save_state()))
    try:
        encodings[canonical.encode(state)] = encoded
    except UsageError:  # a state that is no plain data, as those of adapters
        return


def _check_same_seed(trial: _Trial) -> None:
    recorded = list(trial.play(trial.make()))  # one after the other: at once is "fresh instance"
    for frame, moment in enumerate(trial.play(trial.make())):
        trial.same_moment(frame, recorded[frame], moment)


def _check_aliasing(trial: _Trial) -> None:
    game = trial.make()
    kept: list[tuple[int, Any]] = []
    encoded = [moment.encoded for moment in _play_keeping(trial, game, kept)]
    for frame, state in kept:
        if not trial.is_branch(frame):
            continue
        game.load_state(state)
        for at in range(frame, frame + _BRANCH_FRAMES):
            if game.step(actions_at(game.spec, trial.seed, at)).is_over:
                break
        trial.same_state(frame, encoded[frame], game.encode_state(state))


def _check_save_load(trial: _Trial) -> None:
    game = trial.make()
    recorded: list[Moment] = []
    kept: list[tuple[int, Any]] = []
    for frame, moment in enumerate(_play_keeping(trial, game, kept)):
        recorded.append(moment)
        if frame and trial.is_branch(frame):  # back by a window, as a rollback goes, and to here again
            here = game.save_state()
            encoded = game.encode_state(here)
            at, state = kept[max(0, frame - _BRANCH_FRAMES)]
            game.load_state(state)
            trial.plays_on(game, recorded, at)
            game.load_state(here)
            trial.same_state(frame + 1, encoded, game.encode_state(game.save_state()))
    for frame, state in kept:
        if trial.is_branch(frame):
            for _ in range(2):
                game.load_state(state)
                trial.plays_on(game, recorded, frame)


def _play_keeping(trial: _Trial, game: Simulation, kept: list[tuple[int, Any]]) -> Iterable[Moment]:
    """Play, and keep every frame's saved state."""
    episode = 0
    game.reset(episode_seed(trial.seed, episode))
    for frame in range(trial.frames):
        trial.frame = frame
        state = game.save_state()
        kept.append((frame, state))
        actions = actions_at(game.spec, trial.seed, frame)
        encoded = game.encode_state(state)
        outcome = game.step(actions)
        yield Moment(encoded, actions, outcome)
        if outcome.is_over:
            episode += 1
            game.reset(episode_seed(trial.seed, episode))


def _check_fresh_instance(trial: _Trial) -> None:
    recorded = list(trial.play(trial.make()))
    source, other = trial.make(), trial.make()
    other.reset(episode_seed(trial.seed ^ _OTHER_SEED, 0))
    kept: list[tuple[int, Any]] = []
    for frame, moment in enumerate(_play_keeping(trial, source, kept)):
        trial.same_moment(frame, recorded[frame], moment)
        if trial.is_branch(frame):
            other.load_state(kept[frame][1])
            trial.plays_on(other, recorded, frame)


def _check_reset(trial: _Trial) -> None:
    recorded = list(trial.play(trial.make()))
    game = trial.make()
    for other_frames in (trial.frames, max(1, trial.frames // 3)):  # after ended and within running episodes
        for _ in play(game, other_frames, trial.seed ^ _OTHER_SEED):
            pass
        for frame, moment in enumerate(trial.play(game)):
            trial.same_moment(frame, recorded[frame], moment)


def _check_render(trial: _Trial) -> None:
    recorded = list(trial.play(trial.make()))
    game = trial.make()
    for frame, moment in enumerate(trial.play(game)):
        trial.same_moment(frame, recorded[frame], moment)
        before = game.encode_state(game.save_state())
        items = game.render()
        trial.same_state(frame, before, game.encode_state(game.save_state()))
        if type(items) is not list:
            raise _Broken(frame, "render", "a list", _sketch(items))
        for index, item in enumerate(items):
            if type(item) is not tuple or not item or type(item[0]) is not str:
                raise _Broken(frame, f"render[{index}]", "a tuple that begins with a name", _sketch(item))


PROPERTIES: Final = {
    "outcomes": "outcomes have the shape and types that the spec promises",
    "encoding": "canonical bytes are a function of the state, and tell states apart",
    "same seed": "equal seeds and actions give equal trajectories",
    "no aliasing": "a saved state is not changed by later steps or loads",
    "save and load": "a loaded state goes on as it did before",
    "fresh instance": "another instance goes on from a loaded state; neither disturbs the other",
    "reset": "a used game, once reset, plays like a new one",
    "render": "render changes nothing",
}
"""Name → what it says, in the order in which they are tried."""

_CHECKS: Final[dict[str, Callable[[_Trial], None]]] = {
    "outcomes": _check_outcomes,
    "encoding": _check_encoding,
    "same seed": _check_same_seed,
    "no aliasing": _check_aliasing,
    "save and load": _check_save_load,
    "fresh instance": _check_fresh_instance,
    "reset": _check_reset,
    "render": _check_render,
}

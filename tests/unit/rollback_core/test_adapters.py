"""adapt: small envs of every shape become games that pass, and unfit ones are refused with the reason."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils import EzPickle

from rollback_core.adapters import EnvSimulation, adapt
from rollback_core.conformance import check_simulation
from rollback_core.errors import UsageError


class Duel(EzPickle):
    """A ParallelEnv in shape: agents 0 and 1; agent 0 dies at frame 3, the other goes on to frame 9."""

    metadata: Any = {"name": "toy-duel-v0", "render_fps": 20}
    possible_agents: Any = (0, 1)
    agents: Any = ()

    def __init__(self) -> None:
        super().__init__()
        self.frame = 0
        self.rng = np.random.default_rng(0)
        self.taken: list[Any] = []

    def action_space(self, agent: int) -> Any:
        return spaces.Discrete(3, start=10) if agent == 0 else spaces.Discrete(2)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.frame, self.agents = 0, [0, 1]
        self.rng = np.random.default_rng(seed)
        return {}, {agent: {"score": np.int64(0)} for agent in self.agents}

    def step(self, actions: Any) -> Any:
        assert set(actions) == set(self.agents)
        self.taken.append(actions)
        self.frame += 1
        alive = self.agents
        dead = {agent: (agent == 0 and self.frame == 3) for agent in alive}
        late = {agent: self.frame == 9 for agent in alive}
        self.agents = [agent for agent in alive if not dead[agent] and not late[agent]]
        rewards = {agent: np.float32(self.rng.random()) + actions[agent] for agent in alive}
        infos = {agent: {"score": np.int64(self.frame), "map": np.zeros(3)} for agent in alive}
        return {}, rewards, dead, late, infos


class Haunted(Duel):
    """Goes on reporting on the dead, and rewards them."""

    def step(self, actions: Any) -> Any:
        nothing, rewards, dead, late, infos = super().step(actions)
        for agent in self.possible_agents:
            rewards.setdefault(agent, 7.0)
            dead.setdefault(agent, False)
        return nothing, rewards, dead, late, infos


class SavingDuel(Duel):
    """Saves itself, but hands out its own list and forgets who is alive, as a real env does."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = [0] * 4

    def step(self, actions: Any) -> Any:
        self.cells[self.frame % 4] += 1
        return super().step(actions)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.cells = [0] * 4
        return super().reset(seed)

    def get_state(self) -> Any:
        return {"frame": self.frame, "rng": self.rng.bit_generator.state, "cells": self.cells}

    def set_state(self, state: Any) -> None:
        self.frame, self.cells = state["frame"], state["cells"]
        self.rng.bit_generator.state = state["rng"]


class Leaky(Duel):
    """A used one differs from a new one: its reset forgets to forget."""

    games = 0

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.games += 1
        return super().reset(None if seed is None else seed + self.games)


class Dial(gymnasium.Env[Any, Any]):
    """A Gymnasium env whose action space is given."""

    def __init__(self, space: Any) -> None:
        self.action_space = space
        self.observation_space = spaces.Discrete(1)
        self.total = 0
        self.last: Any = None

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.total = int(self.np_random.integers(100))
        return 0, {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        self.last = action
        self.total += int(np.sum(action)) + int(self.np_random.integers(3))
        return 0, float(self.total), self.total > 400, False, {"total": self.total}


@pytest.mark.parametrize("make", [Duel, Haunted])
def test_dead_agent_keeps_its_columns(make: Any) -> None:
    game = adapt(make)
    game.reset(1)
    outcomes = [game.step((1, 1)) for _ in range(9)]
    assert [o.rewards[0] > 0 for o in outcomes] == [True] * 3 + [False] * 6
    assert [o.terminateds for o in outcomes] == [(False, False)] * 2 + [(True, False)] * 7
    assert [o.truncateds for o in outcomes] == [(False, False)] * 8 + [(False, True)]
    assert [o.is_over for o in outcomes] == [False] * 8 + [True]
    assert [o.infos for o in outcomes[2:4]] == [((3,), (3,)), ((None,), (4,))]
    assert game.env.taken[0] == {0: 11, 1: 1}
    assert game.env.taken[-1] == {1: 1}


def test_spec_says_what_the_env_says() -> None:
    spec = adapt(Duel).spec
    assert (spec.id, spec.agents, spec.action_count) == ("toy-duel-v0", ("0", "1"), 3)
    assert (spec.info_keys, spec.frame_rate_hz) == (("score",), 20)
    assert adapt(Duel, id="x-v1", info_keys=(), frame_rate_hz=5).spec.frame_rate_hz == 5


def test_action_that_an_agent_lacks_counts_as_its_first() -> None:
    game = adapt(Duel)
    game.reset(1)
    game.step((2, 2))
    assert game.env.taken == [{0: 12, 1: 0}]


@pytest.mark.parametrize("make", [Duel, SavingDuel, Leaky])
@pytest.mark.parametrize("saving", ["auto", "snapshot"])
def test_parallel_envs_are_fit(make: Any, saving: str) -> None:
    report = check_simulation(lambda: adapt(make, saving=saving), frames=60)
    assert report.counterexample is None
    assert report.is_fit


def test_native_saving_is_used_only_where_the_outermost_object_has_it() -> None:
    class Wrapper:
        def __init__(self) -> None:
            self.env = SavingDuel()
            self.seen = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.env, name)

        def step(self, actions: Any) -> Any:
            self.seen += 1  # which the env's own get_state knows nothing of
            return self.env.step(actions)

    assert adapt(SavingDuel).saves_by == "native"
    game = adapt(Wrapper)
    assert game.saves_by == "snapshot"
    game.reset(1)
    state = game.save_state()
    game.step((0, 0))
    game.load_state(state)
    assert game.env.seen == 0


def test_leak_is_caught_where_reset_does_not_begin_from_the_pristine_env() -> None:
    def make() -> EnvSimulation:
        class OwnSaving(Leaky):
            def get_state(self) -> Any:
                return {"frame": self.frame, "games": self.games, "rng": self.rng.bit_generator.state}

            def set_state(self, state: Any) -> None:
                self.frame, self.games = state["frame"], state["games"]
                self.rng.bit_generator.state = state["rng"]

        return adapt(OwnSaving)

    found = check_simulation(make, frames=60).counterexample
    assert found is not None
    assert found.property == "reset"


@pytest.mark.parametrize(
    ("space", "action", "value"),
    [
        (spaces.Discrete(4, start=-1), 3, 2),
        (spaces.MultiDiscrete([3, 2, 4]), 17, [2, 0, 1]),
        (spaces.MultiDiscrete([3, 2], start=[5, -1]), 3, [6, 0]),
        (spaces.MultiBinary(3), 5, [1, 0, 1]),
    ],
    ids=["discrete", "multi-discrete", "with starts", "binary"],
)
def test_discrete_spaces_of_every_kind_are_played(space: Any, action: int, value: Any) -> None:
    game = adapt(lambda: Dial(space), id="dial-v1")
    game.reset(1)
    game.step((action,))
    assert np.array_equal(game.env.last, value)
    assert game.spec.agents == ("player",)
    assert game.spec.info_keys == ("total",)
    assert check_simulation(lambda: adapt(lambda: Dial(space), id="dial-v1"), frames=40).is_fit


def test_env_instead_of_a_factory_is_left_as_new() -> None:
    game = adapt(Dial(spaces.Discrete(3)), id="dial-v1")
    assert game.env.total == 0
    assert game.env.last is None


class Turns(Duel):
    def agent_iter(self) -> Any:
        return iter(())


class NineAgents(Duel):
    possible_agents = tuple(range(9))


class Streaming(Duel):
    def __init__(self) -> None:
        super().__init__()
        self.stream = iter(x for x in range(9))


def vector() -> Any:
    env = Dial(spaces.Discrete(3))
    env.num_envs = 2  # type: ignore[attr-defined]
    return env


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Dial(spaces.Box(0, 1, (2,))), "action space Box is not discrete"),
        (lambda: Dial(spaces.MultiDiscrete([256, 257])), "65792 actions; at most 65535"),
        (lambda: Dial(spaces.MultiDiscrete([[2, 2], [2, 2]])), "is not a flat one"),
        (lambda: Dial(spaces.Tuple((spaces.Discrete(2),))), "action space Tuple is not discrete"),
        (Turns, "turn-based"),
        (NineAgents, "9 agents; 1 to 8"),
        (Streaming, r"cannot save env\.stream"),
        (vector, "a vector of envs"),
        (dict, "dict is no environment"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_a_game_is_refused_with_the_reason(make: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        adapt(make)


@pytest.mark.parametrize(
    ("told", "rate"), [(1, 1), (20, 20), (120, 120), (0, 30), (121, 30), (24.5, 30), (None, 30)]
)
def test_frame_rate_is_what_the_env_says_if_it_can_be_played(told: Any, rate: int) -> None:
    class Rated(Duel):
        metadata: Any = {"render_fps": told}

    assert adapt(Rated).spec.frame_rate_hz == rate
    assert adapt(Rated, frame_rate_hz=7).spec.frame_rate_hz == 7


def test_the_display_list_is_drawn_from_the_env_and_is_empty_without_one_who_draws() -> None:
    game = adapt(Duel, draw=lambda env: [("text", str(env.frame))])
    game.reset(1)
    game.step((0, 0))
    assert game.render() == [("text", "1")]
    assert adapt(Duel).render() == []


def test_constants_are_those_of_the_innermost_env() -> None:
    class Board(Dial):
        def __init__(self) -> None:
            super().__init__(spaces.Discrete(3))
            self.board = [0] * 9

    game = adapt(lambda: gymnasium.wrappers.TimeLimit(Board(), 20), constants=["board"])
    game.reset(1)
    before = game.save_state()
    game.env.unwrapped.board[0] = 1
    game.load_state(before)
    assert game.env.unwrapped.board[0] == 1, "what is named a constant is neither saved nor loaded"


def test_wrong_options_are_refused() -> None:
    with pytest.raises(UsageError, match="no get_state and set_state"):
        adapt(Duel, saving="native")
    with pytest.raises(UsageError, match='"auto", "native" or "snapshot"'):
        adapt(Duel, saving="deepcopy")
    with pytest.raises(UsageError, match="no attribute 'board'"):
        adapt(Duel, constants=["board"])
    with pytest.raises(UsageError, match="info 'map' is a ndarray"):
        play_one(adapt(Duel, info_keys=["map"]))


def play_one(game: EnvSimulation) -> None:
    game.reset(1)
    game.step((0, 0))


def test_wrong_number_of_actions_is_refused() -> None:
    game = adapt(Duel)
    game.reset(1)
    with pytest.raises(UsageError, match="2 actions are needed, not 1"):
        game.step((0,))

"""Environments of others, as shipped: each plays, is fit, and rolls back in every frame."""

from collections.abc import Callable
from typing import Any

import pytest

from rollback_core.adapters import EnvSimulation, adapt
from rollback_core.conformance import check_simulation
from rollback_core.errors import UsageError
from rollback_core.sync_test import SyncTest
from rollback_core.trajectory import actions_at, play
from scenarios import envs
from scenarios.games import drawing
from scenarios.registry import create_game

SHIPPED: list[Callable[[], EnvSimulation]] = [
    envs.cogrid_overcooked,
    envs.mpe2_simple_spread,
    envs.mpe2_simple_tag,
    envs.pettingzoo_rps,
    envs.pettingzoo_knights,
    envs.pettingzoo_pong,
    envs.gymnasium_env,
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    # Pong draws in every step: too slow for this, and SyncTest below tries it.
    [make for make in SHIPPED if make is not envs.pettingzoo_pong],
    ids=lambda make: make.__name__,
)
def test_env_is_fit_for_rollback(make: Callable[[], EnvSimulation]) -> None:
    report = check_simulation(make, frames=24)
    assert report.counterexample is None
    assert report.is_fit


@pytest.mark.parametrize("make", SHIPPED, ids=lambda make: make.__name__)
def test_env_survives_a_rollback_in_every_frame(make: Callable[[], EnvSimulation]) -> None:
    session = SyncTest(make(), check_distance=3, seed=2)
    for frame in range(20):
        if session.step(actions_at(session.game.spec, 1, frame)).is_over:
            session.reset(frame)
    assert session.comparisons > 50


def test_cogrid_saves_itself_and_the_others_are_frozen() -> None:
    assert {make.__name__: make().saves_by for make in SHIPPED} == {
        make.__name__: "native" if make is envs.cogrid_overcooked else "snapshot" for make in SHIPPED
    }


def test_cogrid_goes_back_over_the_end_of_an_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    game = envs.cogrid_overcooked()
    game.env.max_steps = 3
    monkeypatch.setitem(game.env.config, "max_steps", 3)  # cogrid's own: all of the layout share it
    game.reset(1)
    states = []
    outcomes = []
    while not outcomes or not outcomes[-1].is_over:
        states.append(game.save_state())
        outcomes.append(game.step((0, 1)))
        assert len(outcomes) <= 1000
    game.load_state(states[-2])
    assert [game.step((0, 1)), game.step((0, 1))] == outcomes[-2:]


def test_knights_are_played_with_the_dead() -> None:
    game = envs.pettingzoo_knights(max_cycles=2000)
    outcomes = [moment.outcome for moment in play(game, 900, 3)]
    lone = [each for each in outcomes if sum(each.terminateds) == 1 and not each.is_over]
    assert lone  # someone died and the other went on
    assert all(each.rewards[each.terminateds.index(True)] == 0.0 for each in lone[1:])


def test_knights_without_the_pristine_start_differ_once_used() -> None:
    module = envs.load("pettingzoo.butterfly.knights_archers_zombies.knights_archers_zombies")

    def trajectory(env: Any) -> list[float]:
        env.reset(seed=11)
        rewards = []
        for frame in range(120):
            if not env.agents:
                break
            rewards.append(
                sum(env.step({agent: frame % 5 for agent in env.agents})[0][a].sum() for a in env.agents)
            )
        return rewards

    used, fresh = module.parallel_env(), module.parallel_env()
    expected = trajectory(used)
    assert trajectory(fresh) == expected
    assert trajectory(used) != expected


@pytest.mark.parametrize("layout", ["asymmetric-advantages", "coordination-ring", "forced-coordination"])
def test_cogrid_has_several_layouts(layout: str) -> None:
    game = create_game("scenarios.envs:cogrid_overcooked", {"layout": layout})
    game.reset(1)
    assert layout in game.spec.id


@pytest.mark.parametrize("make", [envs.cogrid_overcooked, envs.mpe2_simple_spread])
def test_display_list_holds_to_its_rules(make: Callable[[], EnvSimulation]) -> None:
    game = make()
    for _ in play(game, 10, 1):
        items = game.render()
        assert items[0][:3] == ("rect", 0, 0)
        for item in items:
            length = drawing.ITEM_LENGTHS[item[0]]
            assert len(item) in (length, length + 1)
            assert all(type(value) in (int, str) for value in item)
    names = [item[-1] for item in items if len(item) > drawing.ITEM_LENGTHS[item[0]]]
    assert len(set(names)) == len(names) > 1


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(UsageError, match="one of asymmetric-advantages"):
        envs.cogrid_overcooked("cellar")
    with pytest.raises(UsageError, match="needs nosuchpackage, which is not installed"):
        envs.load("nosuchpackage.module")
    with pytest.raises(UsageError, match="Nothing-v0"):
        envs.gymnasium_env("Nothing-v0")
    with pytest.raises(UsageError, match="is not discrete"):
        envs.gymnasium_env("Pendulum-v1")


def test_large_table_is_left_out_when_named_a_constant() -> None:
    small = envs.gymnasium_env("FrozenLake-v1", constants="P")
    large = envs.gymnasium_env("FrozenLake-v1")
    sizes = []
    for game in (small, large):
        game.reset(1)
        sizes.append(len(game.encode_state(game.save_state())))
    assert sizes[0] * 2 < sizes[1]
    assert check_simulation(lambda: envs.gymnasium_env("FrozenLake-v1", constants="P"), frames=40).is_fit
    assert adapt(lambda: small.env, id="again").saves_by == "snapshot"

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback_core.errors import UsageError
from scenarios.games import slime
from scenarios.games.slime import JUMP, JUMP_LEFT, JUMP_RIGHT, LEFT, NONE, PIXEL, RIGHT, Slime, scripted
from scenarios.policies import RandomPolicy


def field(game: Slime, name: str) -> int:
    return game.save_state()[slime.FIELDS.index(name)]


def place(game: Slime, **values: int) -> None:
    named = dict(zip(slime.FIELDS, game.save_state(), strict=True))
    assert values.keys() <= named.keys()
    game.load_state(tuple({**named, **values}.values()))


def test_scripted_beats_random_in_95_of_100_seeds() -> None:
    won = points_of_random = 0
    for seed in range(100):
        game = Slime()
        game.reset(seed)
        side = seed % 2
        policy = RandomPolicy(seed, 1 - side, 6, 12)
        total = 0.0
        for frame in range(3000):
            actions = [0, 0]
            actions[side] = scripted(game, side)
            actions[1 - side] = policy.act(game, 1 - side, frame)
            outcome = game.step(actions)
            total += outcome.rewards[side]
            points_of_random += outcome.rewards[side] < 0
            if outcome.is_over:
                break
        won += total > 0
    assert won >= 95
    assert points_of_random > 0, "the random player never made a point: is it playing at all?"


def test_two_scripted_players_rally_over_the_net() -> None:
    game = Slime()
    crossings = 0
    for seed in range(4):
        game.reset(seed)
        for _ in range(300):
            before = field(game, "ball_x")
            outcome = game.step((scripted(game, 0), scripted(game, 1)))
            crossings += not any(outcome.rewards) and before * field(game, "ball_x") < 0
            if outcome.is_over:
                break
    assert crossings >= 8  # with one touch each way, about one in 80 frames


@pytest.mark.parametrize(("side", "loser"), [(-1, 0), (1, 1)])
def test_the_side_where_the_ball_comes_down_loses_a_life(side: int, loser: int) -> None:
    game = Slime(lives=2)
    for lives in (1, 0):
        place(game, serve_wait=0, ball_x=side * 200 * PIXEL, ball_y=12 * PIXEL, ball_vx=0, ball_vy=-4 * PIXEL)
        outcome = game.step((NONE, NONE))
        assert outcome.rewards[loser] == -1.0
        assert outcome.rewards[1 - loser] == 1.0
        assert outcome.infos[loser] == (lives,)
        assert outcome.infos[1 - loser] == (2,)
        assert outcome.is_over == (lives == 0)
        assert outcome.terminateds == (lives == 0,) * 2
        assert outcome.truncateds == (False, False)


def test_after_a_point_the_ball_hangs_over_the_net_and_is_served_again() -> None:
    game = Slime()
    place(game, serve_wait=0, ball_x=100 * PIXEL, ball_y=10 * PIXEL, ball_vy=-5 * PIXEL, right_x=200 * PIXEL)
    game.step((NONE, NONE))
    for _ in range(slime.SERVE_WAIT):
        assert (field(game, "ball_x"), field(game, "ball_y")) == (0, slime.SERVE_HEIGHT)
        game.step((NONE, NONE))
    game.step((NONE, NONE))
    assert field(game, "ball_x") != 0


def test_serves_go_both_ways_and_clear_the_net() -> None:
    rightward = 0
    for seed in range(100):
        game = Slime()
        game.reset(seed)
        rightward += field(game, "ball_vx") > 0
        side = 1 if field(game, "ball_vx") > 0 else -1
        for _ in range(slime.SERVE_WAIT + 45):
            game.step((LEFT, RIGHT))
            assert field(game, "ball_x") * side >= 0
    assert 30 < rightward < 70


def test_a_ball_that_falls_on_a_resting_slime_keeps_its_energy() -> None:
    game = Slime()
    place(game, serve_wait=0, ball_x=-slime.HOME, ball_y=150 * PIXEL, ball_vx=0, ball_vy=0)
    heights = []
    for _ in range(200):
        game.step((NONE, NONE))
        heights.append(field(game, "ball_y"))
        assert field(game, "ball_x") == -slime.HOME
    assert 140 * PIXEL < max(heights[100:]) < 160 * PIXEL
    assert min(heights) >= slime.SLIME_RADIUS + slime.BALL_RADIUS - slime.MAX_BALL_SPEED


def test_a_walking_slime_gives_the_ball_its_own_speed() -> None:
    speeds = []
    for action in (NONE, RIGHT):
        game = Slime()
        place(game, serve_wait=0, ball_x=-100 * PIXEL, ball_y=34 * PIXEL, ball_vx=0, ball_vy=0)
        game.step((action, NONE))
        speeds.append(field(game, "ball_vx"))
    assert 0 < speeds[0] < speeds[1]


@given(
    offset=st.integers(-30 * PIXEL, 30 * PIXEL),
    vx=st.integers(-9 * PIXEL, 9 * PIXEL),
    vy=st.integers(-10 * PIXEL, -7 * PIXEL),
    action=st.sampled_from([JUMP, JUMP_LEFT, JUMP_RIGHT]),
)
def test_a_smash_is_as_fast_as_the_limit_and_no_faster(offset: int, vx: int, vy: int, action: int) -> None:
    game = Slime()
    place(game, serve_wait=0, ball_x=offset - slime.HOME, ball_y=42 * PIXEL, ball_vx=vx, ball_vy=vy)
    game.step((action, NONE))
    speed_squared = field(game, "ball_vx") ** 2 + field(game, "ball_vy") ** 2
    assert speed_squared <= slime.MAX_BALL_SPEED**2
    if action == JUMP and abs(offset + vx) < 8 * PIXEL:  # nearly head-on: both speeds add up
        assert speed_squared > (slime.MAX_BALL_SPEED - 4) ** 2


def test_a_jump_rises_once_and_lands() -> None:
    game = Slime()
    heights = []
    for frame in range(40):
        game.step((JUMP if frame == 0 else NONE, NONE))
        heights.append(field(game, "left_y"))
    top = max(heights)
    assert 30 * PIXEL < top < 60 * PIXEL
    assert heights[-1] == 0
    turn = heights.index(top)
    assert heights[: turn + 1] == sorted(heights[: turn + 1])
    assert heights[turn:] == sorted(heights[turn:], reverse=True)


def test_max_steps_cuts_the_episode_off() -> None:
    game = Slime(max_steps=25)
    outcomes = [game.step((NONE, NONE)) for _ in range(25)]
    assert [outcome.is_over for outcome in outcomes] == [False] * 24 + [True]
    assert outcomes[-1].truncateds == (True, True)
    assert outcomes[-1].terminateds == (False, False)


@pytest.mark.parametrize("params", [{"lives": 0}, {"lives": 10}, {"max_steps": -1}])
def test_params_out_of_range(params: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(params))):
        Slime(**params)


def test_the_rules_are_those_that_the_id_promises() -> None:
    """Equal ids promise equal trajectories: to change the rules, change the id, then this value."""
    game = Slime()
    game.reset(7)
    policies = [RandomPolicy(7, player, 6, 12) for player in range(2)]
    digest = hashlib.sha256()
    for frame in range(1500):
        outcome = game.step([policy.act(game, player, frame) for player, policy in enumerate(policies)])
        digest.update(game.encode_state(game.save_state()) + repr(tuple(outcome)).encode())
        if outcome.is_over:
            game.reset(frame)
    assert digest.hexdigest()[:16] == "40eb0fc67f4348d9"

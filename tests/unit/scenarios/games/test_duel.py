import hashlib
from collections.abc import Mapping

import pytest

from rollback_core.errors import UsageError
from scenarios.games import duel
from scenarios.games.duel import BLOCK, HEAVY, JAB, LEFT, NONE, PAUSE, RIGHT, Duel, scripted
from scenarios.policies import RandomPolicy


def field(game: Duel, name: str) -> int:
    return game.save_state()[duel.FIELDS.index(name)]


def face_to_face(gap: int, **params: int) -> Duel:
    """The first frame of a round, the fighters `gap` pixels apart in the middle."""
    game = Duel(**params)
    for _ in range(PAUSE):
        game.step((NONE, NONE))
    named = dict(zip(duel.FIELDS, game.save_state(), strict=True))
    game.load_state(tuple({**named, "left_x": -(gap // 2), "right_x": gap - gap // 2}.values()))
    return game


def play(game: Duel, left: Mapping[int, int], right: Mapping[int, int], frames: int) -> None:
    """Each player presses what is written for the frame, else nothing."""
    for frame in range(frames):
        game.step((left.get(frame, NONE), right.get(frame, NONE)))


def match_with_shift(shift_frames: int) -> tuple[int, int]:
    """Both walk in and swing at the same frames; left's very first swing comes `shift_frames` late."""
    game = Duel()
    swings = range(90, 6000, 70)
    left_swings = {90 + shift_frames, *swings[1:]}
    for frame in range(6000):
        left = HEAVY if frame in left_swings else RIGHT
        right = HEAVY if frame in swings else LEFT
        outcome = game.step((left, right))
        if outcome.is_over:
            return outcome.infos[0][0], outcome.infos[1][0]  # type: ignore[return-value]
    raise AssertionError("the duel did not end")


def test_one_input_one_frame_earlier_or_later_decides_the_match() -> None:
    assert match_with_shift(0) == (0, 0)
    assert match_with_shift(-1) == (1, 0)
    assert match_with_shift(1) == (0, 1)


def test_scripted_beats_random_in_95_of_100_seeds() -> None:
    won = rounds_of_random = 0
    for seed in range(100):
        game = Duel()
        game.reset(seed)
        side = seed % 2
        policy = RandomPolicy(seed, 1 - side, 6, 12)
        total = 0.0
        for frame in range(5000):
            actions = [0, 0]
            actions[side] = scripted(game, side)
            actions[1 - side] = policy.act(game, 1 - side, frame)
            outcome = game.step(actions)
            total += outcome.rewards[side]
            rounds_of_random += field(game, f"{'left' if side == 0 else 'right'}_health") < duel.MAX_HEALTH
            if outcome.is_over:
                break
        won += total > 0
    assert won >= 95
    assert rounds_of_random > 0, "the random player never struck: is it playing at all?"


def test_two_scripted_players_have_winners_on_both_sides() -> None:
    results = []
    for seed in range(12):
        game = Duel()
        game.reset(seed)
        total = 0.0
        for _ in range(5000):
            outcome = game.step((scripted(game, 0), scripted(game, 1)))
            total += outcome.rewards[0]
            if outcome.is_over:
                break
        results.append(total)
    assert min(results) < 0 < max(results)


def test_the_earlier_of_two_jabs_lands_and_interrupts_the_other() -> None:
    game = face_to_face(40)
    play(game, {0: JAB}, {1: JAB}, 8)
    assert field(game, "right_health") == duel.MAX_HEALTH - 1
    assert field(game, "left_health") == duel.MAX_HEALTH


def test_two_jabs_on_one_frame_both_land() -> None:
    game = face_to_face(40)
    play(game, {0: JAB}, {0: JAB}, 8)
    assert field(game, "left_health") == field(game, "right_health") == duel.MAX_HEALTH - 1


@pytest.mark.parametrize(("press_at", "is_punished"), [(28, True), (29, True), (30, True), (31, False)])
def test_a_missed_heavy_can_be_punished_while_it_recovers(press_at: int, is_punished: bool) -> None:
    """Left misses and holds block: it blocks again from frame 35, where a jab of frame 31 arrives."""
    game = face_to_face(78)
    for frame in range(45):
        left = HEAVY if frame == 0 else BLOCK
        right = LEFT if 13 <= frame < press_at else (JAB if frame == press_at else NONE)
        game.step((left, right))
    assert field(game, "right_health") == duel.MAX_HEALTH
    assert (field(game, "left_health") < duel.MAX_HEALTH) == is_punished


def test_blocks_cost_guard_and_the_last_one_breaks_it() -> None:
    game = face_to_face(34)
    guards = []
    for block in range(duel.MAX_GUARD):
        for frame in range(20):
            game.step((JAB if frame == 0 else RIGHT, BLOCK))
        guards.append(field(game, "right_guard"))
        is_broken = field(game, "right_move") == duel.BROKEN
        assert is_broken == (block == duel.MAX_GUARD - 1)
    assert guards == [2, 1, duel.MAX_GUARD]
    assert field(game, "right_health") == duel.MAX_HEALTH
    # Open now, whatever it presses.
    for frame in range(20):
        game.step((HEAVY if frame == 0 else NONE, BLOCK))
    assert field(game, "right_health") == duel.MAX_HEALTH - 2


def test_guard_grows_back_in_quiet_times() -> None:
    game = face_to_face(40)
    play(game, {0: JAB}, {frame: BLOCK for frame in range(10)}, 10)
    assert field(game, "right_guard") == duel.MAX_GUARD - 1
    play(game, {}, {}, duel.GUARD_REGROWTH)
    assert field(game, "right_guard") == duel.MAX_GUARD


def test_at_the_wall_the_attacker_slides_back() -> None:
    game = face_to_face(34)
    named = dict(zip(duel.FIELDS, game.save_state(), strict=True))
    game.load_state(tuple({**named, "left_x": duel.WALL - 34, "right_x": duel.WALL}.values()))
    play(game, {0: JAB}, {}, 6)
    assert field(game, "right_x") == duel.WALL
    assert field(game, "left_x") == duel.WALL - 34 - 2 * duel.PUSH


def test_the_clock_decides_a_round_by_health_and_equal_health_for_nobody() -> None:
    game = face_to_face(40, wins=1, round_frames=60)
    play(game, {0: JAB}, {}, 59)
    outcome = game.step((NONE, NONE))
    assert outcome.rewards == (1.0, -1.0)
    assert outcome.is_over
    game = face_to_face(40, wins=1, round_frames=60)
    play(game, {}, {}, 59)
    outcome = game.step((NONE, NONE))
    assert outcome.rewards == (0.0, 0.0)
    assert not outcome.is_over
    assert field(game, "round") == 2


def test_idle_fighters_draw_every_round_and_the_match_ends() -> None:
    game = Duel(round_frames=50)
    frames = 0
    while True:
        outcome = game.step((NONE, NONE))
        frames += 1
        if outcome.is_over:
            break
    assert frames == 5 * (PAUSE + 50)
    assert outcome.terminateds == (True, True)
    assert outcome.infos == ((0, duel.MAX_HEALTH), (0, duel.MAX_HEALTH))


def test_max_steps_cuts_the_episode_off() -> None:
    for max_steps in (10, PAUSE, PAUSE + 5, PAUSE + 50):
        game = Duel(round_frames=50, max_steps=max_steps)
        outcomes = [game.step((NONE, NONE)) for _ in range(max_steps)]
        assert [outcome.is_over for outcome in outcomes] == [False] * (max_steps - 1) + [True]
        assert outcomes[-1].truncateds == (True, True)
        assert outcomes[-1].terminateds == (False, False)


@pytest.mark.parametrize("params", [{"wins": 0}, {"wins": 10}, {"round_frames": 0}, {"max_steps": -1}])
def test_params_out_of_range(params: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(params))):
        Duel(**params)


def test_the_rules_are_those_that_the_id_promises() -> None:
    """Equal ids promise equal trajectories: to change the rules, change the id, then this value."""
    game = Duel()
    game.reset(7)
    policies = [RandomPolicy(7, player, 6, 12) for player in range(2)]
    digest = hashlib.sha256()
    for frame in range(1500):
        outcome = game.step([policy.act(game, player, frame) for player, policy in enumerate(policies)])
        digest.update(game.encode_state(game.save_state()) + repr(tuple(outcome)).encode())
        if outcome.is_over:
            game.reset(frame)
    assert digest.hexdigest()[:16] == "f3c0437b5ef2aa27"

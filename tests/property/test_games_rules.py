"""Laws of the single games: nothing is forgotten, no side is favoured, nothing leaves its place."""

from hypothesis import example, given
from hypothesis import strategies as st

from scenarios.games import duel, slime
from scenarios.games.counter import ACTION_COUNT, Counter
from scenarios.games.duel import Duel
from scenarios.games.slime import Slime
from scenarios.policies import RandomPolicy

seeds = st.integers(0, 2**31 - 1)
bots = st.sampled_from(["random", "scripted"])

# Which int of a state stands where in the mirror image of it, and which ints change their sign.
SLIME_SIGNED = ("ball_x", "ball_vx", "left_x", "right_x")
DUEL_SIGNED = ("left_x", "right_x")


def mirror(state: tuple[int, ...], fields: tuple[str, ...], signed: tuple[str, ...]) -> tuple[int, ...]:
    named = dict(zip(fields, state, strict=True))
    swap = {"left": "right", "right": "left"}
    image = []
    for name in fields:
        side, _, rest = name.partition("_")
        value = named[f"{swap[side]}_{rest}" if side in swap else name]
        image.append(-value if name in signed else value)
    return tuple(image)


@given(
    seed=seeds,
    players=st.integers(2, 8),
    actions=st.lists(st.integers(0, ACTION_COUNT - 1), min_size=8, max_size=8),
    frames=st.integers(1, 40),
    at=st.integers(0, 39),
    player=st.integers(0, 7),
    wrong=st.integers(1, ACTION_COUNT - 1),
)
def test_counter_never_forgets_one_wrong_action(
    seed: int, players: int, actions: list[int], frames: int, at: int, player: int, wrong: int
) -> None:
    right_game, wrong_game = Counter(players), Counter(players)
    right_game.reset(seed)
    wrong_game.reset(seed)
    at, player = at % frames, player % players
    for frame in range(frames):
        inputs = actions[:players]
        right_game.step(inputs)
        if frame == at:
            inputs = [*inputs]
            inputs[player] = (inputs[player] + wrong) % ACTION_COUNT
        wrong_game.step(inputs)
        is_equal = right_game.save_state()[1] == wrong_game.save_state()[1]
        assert is_equal == (frame < at)


@given(seed=seeds, left=st.integers(0, 3), right=st.integers(0, 3))
def test_counter_tells_who_did_what(seed: int, left: int, right: int) -> None:
    one, other = Counter(), Counter()
    one.reset(seed)
    other.reset(seed)
    one.step((left, right))
    other.step((right, left))
    assert (one.save_state() == other.save_state()) == (left == right)


@given(seed=seeds, left_bot=bots, right_bot=bots)
@example(seed=237, left_bot="scripted", right_bot="random")  # the ball meets both slimes at once
def test_slime_is_its_own_mirror_image(seed: int, left_bot: str, right_bot: str) -> None:
    game, image = Slime(), Slime()
    game.reset(seed)
    randoms = [RandomPolicy(seed, player, 6, 8) for player in range(2)]
    swapped = (0, 2, 1, 3, 5, 4)  # left for right
    for frame in range(250):
        left, right = (
            slime.scripted(game, player) if bot == "scripted" else randoms[player].act(game, player, frame)
            for player, bot in enumerate((left_bot, right_bot))
        )
        image.load_state(mirror(game.save_state(), slime.FIELDS, SLIME_SIGNED))
        image_left = slime.scripted(image, 0)
        assert image_left == swapped[slime.scripted(game, 1)]
        outcome = game.step((left, right))
        image_outcome = image.step((swapped[right], swapped[left]))
        assert image_outcome.rewards == outcome.rewards[::-1]
        assert image_outcome.infos == outcome.infos[::-1]
        expected = mirror(game.save_state(), slime.FIELDS, SLIME_SIGNED)
        if any(outcome.rewards) and not outcome.is_over:  # the generator knows no mirror: a serve is a serve
            expected = (*expected[:5], -expected[5], *expected[6:])
        assert image.save_state() == expected
        if outcome.is_over:
            break


@given(seed=seeds, hold=st.integers(1, 30))
def test_slime_keeps_everything_in_its_place(seed: int, hold: int) -> None:
    game = Slime()
    game.reset(seed)
    policies = [RandomPolicy(seed, player, 6, hold) for player in range(2)]
    lives = [5, 5]
    for frame in range(300):
        outcome = game.step([policy.act(game, player, frame) for player, policy in enumerate(policies)])
        at = dict(zip(slime.FIELDS, game.save_state(), strict=True))
        assert -slime.HALF_COURT + slime.SLIME_RADIUS <= at["left_x"]
        assert at["left_x"] <= -slime.NET_HALF_WIDTH - slime.SLIME_RADIUS
        assert slime.NET_HALF_WIDTH + slime.SLIME_RADIUS <= at["right_x"]
        assert at["right_x"] <= slime.HALF_COURT - slime.SLIME_RADIUS
        assert abs(at["ball_x"]) <= slime.HALF_COURT - slime.BALL_RADIUS
        is_in_net = (
            abs(at["ball_x"]) < slime.NET_HALF_WIDTH + slime.BALL_RADIUS and at["ball_y"] < slime.NET_HEIGHT
        )
        assert not is_in_net
        assert max(abs(at["ball_vx"]), abs(at["ball_vy"])) < 2 * slime.BALL_RADIUS
        lives = [life - (reward < 0) for life, reward in zip(lives, outcome.rewards, strict=True)]
        assert [at["left_lives"], at["right_lives"]] == lives == [info[0] for info in outcome.infos]
        assert outcome.is_over == (0 in lives)
        if outcome.is_over:
            break


def close_in(game: Duel, left_x: int, gap: int) -> None:
    """Begin the round at once, near each other somewhere on the line: at the walls too."""
    while dict(zip(duel.FIELDS, game.save_state(), strict=True))["pause"]:
        game.step((0, 0))
    left_x = min(left_x, duel.WALL - gap)
    named = dict(zip(duel.FIELDS, game.save_state(), strict=True))
    game.load_state(tuple({**named, "left_x": left_x, "right_x": left_x + gap}.values()))


places = st.sampled_from([-duel.WALL, -60, duel.WALL])
gaps = st.integers(duel.MIN_GAP, 80)


@given(seed=seeds, hold=st.integers(1, 20), is_scripted=st.booleans(), left_x=places, gap=gaps)
def test_duel_is_its_own_mirror_image(seed: int, hold: int, is_scripted: bool, left_x: int, gap: int) -> None:
    game, image = Duel(), Duel()
    game.reset(seed)
    close_in(game, left_x, gap)
    randoms = [RandomPolicy(seed, player, 6, hold) for player in range(2)]
    swapped = (0, 2, 1, 3, 4, 5)
    for frame in range(300):
        left = duel.scripted(game, 0) if is_scripted else randoms[0].act(game, 0, frame)
        right = randoms[1].act(game, 1, frame)
        image.load_state(mirror(game.save_state(), duel.FIELDS, DUEL_SIGNED))
        outcome = game.step((left, right))
        image_outcome = image.step((swapped[right], swapped[left]))
        assert image_outcome.rewards == outcome.rewards[::-1]
        assert image_outcome.infos == outcome.infos[::-1]
        assert image.save_state() == mirror(game.save_state(), duel.FIELDS, DUEL_SIGNED)
        if outcome.is_over:
            break


@given(seed=seeds, hold=st.integers(1, 20), left_x=places, gap=gaps)
def test_duel_keeps_its_fighters_apart_and_its_counts_in_range(
    seed: int, hold: int, left_x: int, gap: int
) -> None:
    game = Duel()
    game.reset(seed)
    close_in(game, left_x, gap)
    policies = [RandomPolicy(seed, player, 6, hold) for player in range(2)]
    for frame in range(300):
        outcome = game.step([policy.act(game, player, frame) for player, policy in enumerate(policies)])
        at = dict(zip(duel.FIELDS, game.save_state(), strict=True))
        assert -duel.WALL <= at["left_x"] <= at["right_x"] - duel.MIN_GAP
        assert at["right_x"] <= duel.WALL
        for side, info in zip(("left", "right"), outcome.infos, strict=True):
            assert info == (at[f"{side}_wins"], at[f"{side}_health"])
            assert 0 <= at[f"{side}_health"] <= duel.MAX_HEALTH
            assert 1 <= at[f"{side}_guard"] <= duel.MAX_GUARD
            assert at[f"{side}_move_frame"] < duel.DURATION[at[f"{side}_move"]] or not at[f"{side}_move"]
        if outcome.is_over:
            break

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback_core.errors import UsageError
from rollback_core.simulation import GameSpec
from scenarios.games.slime import Slime, scripted
from scenarios.policies import Policy, RandomPolicy, create_policy, splitmix64
from scenarios.registry import create_game

GAME = Slime()  # the random policy does not look at it


def make(name: str, *, spec: GameSpec = GAME.spec, player: int = 0, **options: Any) -> Policy:
    defaults = {"seed": 1, "game_id": "slime-v1", "hold_frames": 12}
    return create_policy(name, player=player, spec=spec, **{**defaults, **options})


def changes(actions: list[int]) -> int:
    return sum(a != b for a, b in pairwise(actions))


@given(
    seed=st.integers(-(2**70), 2**70),
    player=st.integers(0, 7),
    action_count=st.integers(1, 40),
    hold=st.integers(1, 300),
    frames=st.lists(st.integers(0, 400), min_size=1, max_size=60),
)
def test_random_is_a_function_of_seed_player_and_frame(
    seed: int, player: int, action_count: int, hold: int, frames: list[int]
) -> None:
    in_order = RandomPolicy(seed, player, action_count, hold)
    expected = [in_order.act(GAME, player, frame) for frame in range(401)]
    assert all(0 <= action < action_count for action in expected)
    anyhow = RandomPolicy(seed, player, action_count, hold)
    for frame in frames:
        assert anyhow.act(GAME, player, frame) == expected[frame]
        assert RandomPolicy(seed, player, action_count, hold).act(GAME, player, frame) == expected[frame]


@pytest.mark.parametrize("action_count", [2, 6])
@pytest.mark.parametrize("hold_frames", [2, 12, 100])
def test_random_holds_for_the_mean_that_was_asked(action_count: int, hold_frames: int) -> None:
    policy = RandomPolicy(3, 0, action_count, hold_frames)
    actions = [policy.act(GAME, 0, frame) for frame in range(100_000)]
    expected = 100_000 / hold_frames
    # Changes are independent draws: the count is within four standard deviations of its mean.
    assert abs(changes(actions) - expected) < 4 * (expected * (1 - 1 / hold_frames)) ** 0.5
    for action in range(action_count):
        share = actions.count(action) / len(actions)
        assert abs(share - 1 / action_count) < 4 * (2 * hold_frames / len(actions) / action_count) ** 0.5


def test_lengths_of_holds_are_geometric() -> None:
    policy = RandomPolicy(11, 1, 65_535, 4)  # so many actions that each draw shows
    lengths = [0]
    last = policy.act(GAME, 1, 0)
    for frame in range(200_000):
        action = policy.act(GAME, 1, frame)
        if action != last:
            lengths.append(0)
            last = action
        lengths[-1] += 1
    for length in range(1, 12):
        expected = len(lengths) * 0.25 * 0.75 ** (length - 1)
        assert abs(lengths.count(length) - expected) < 4.5 * expected**0.5


def test_random_differs_between_seeds_and_players() -> None:
    streams = {
        tuple(RandomPolicy(seed, player, 6, 5).act(GAME, player, frame) for frame in range(0, 200, 5))
        for seed in range(10)
        for player in range(8)
    }
    assert len(streams) == 80


def test_random_gives_these_actions_for_ever() -> None:
    """Recorded runs and golden files stand on this stream."""
    policy = RandomPolicy(7, 1, 6, 3)
    assert "".join(str(policy.act(GAME, 1, frame)) for frame in range(60)) == (
        "111111113555003444433333333333332223333333333002225222353111"
    )


def test_splitmix64_gives_the_published_values() -> None:
    # The first outputs for seed 1234567, as in the reference implementation's widely used test.
    gamma, state, outputs = 0x9E37_79B9_7F4A_7C15, 1234567, []
    for _ in range(3):
        outputs.append(splitmix64(state))
        state += gamma
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_long_hold_costs_no_endless_search() -> None:
    policy = RandomPolicy(1, 0, 6, 10**12)
    assert len({policy.act(GAME, 0, frame) for frame in range(10_000)}) == 1


def test_idle_takes_the_neutral_action() -> None:
    spec = GameSpec(id="x-v1", agents=("a",), action_count=4, neutral_action=2)
    assert make("idle", spec=spec).act(GAME, 0, 5) == 2


def test_scripted_asks_the_game_s_own_bot() -> None:
    game = Slime()
    game.reset(4)
    policies = [make("scripted", player=player) for player in range(2)]
    for frame in range(200):
        actions = [policy.act(game, player, frame) for player, policy in enumerate(policies)]
        assert actions == [scripted(game, player) for player in range(2)]
        game.step(actions)


def test_random_by_name_is_made_from_seed_player_and_hold() -> None:
    by_name = make("random", player=1, seed=99, hold_frames=4)
    direct = RandomPolicy(99, 1, 6, 4)
    assert [by_name.act(GAME, 1, f) for f in range(50)] == [direct.act(GAME, 1, f) for f in range(50)]


def test_a_function_in_a_file_is_a_policy_and_its_answers_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "bots.py"
    path.write_text(
        "def cycle(game, player, frame):\n    return (frame + player) % game.spec.action_count\n"
        "def too_far(game, player, frame):\n    return frame\n"
        "def fraction(game, player, frame):\n    return 1.5\n"
        "NAME = 'x'\n"
    )
    policy = make(f"{path}:cycle", player=1)
    assert [policy.act(GAME, 1, frame) for frame in range(8)] == [1, 2, 3, 4, 5, 0, 1, 2]
    too_far = make(f"{path}:too_far")
    assert too_far.act(GAME, 0, 5) == 5
    with pytest.raises(UsageError, match="answered 6 to frame 6, player 0; actions are 0 to 5"):
        too_far.act(GAME, 0, 6)
    with pytest.raises(UsageError, match=r"answered 1\.5"):
        make(f"{path}:fraction").act(GAME, 0, 0)
    with pytest.raises(UsageError, match="must be a function"):
        make(f"{path}:NAME")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("rondom", {}, "unknown bot 'rondom'; one of: idle, random, scripted"),
        ("random", {"hold_frames": 0}, "hold_frames: 1 or more"),
        ("random", {"player": 2}, "player 2: slime-v1 has 2 players"),
        ("scripted", {"game_id": "scenarios.registry:create_game"}, "has no scripted bot"),
        ("missing.py:act", {}, "no file 'missing.py'"),
    ],
)
def test_mistakes_are_named(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(name, **options)
    assert words in str(caught.value)


def test_a_bot_that_raises_is_named_with_its_frame(tmp_path: Path) -> None:
    file = tmp_path / "bots.py"
    file.write_text("def boom(game, player, frame):\n    return 1 // (frame - 4)\n")
    spec = create_game("counter-v1").spec
    policy = create_policy(f"{file}:boom", seed=1, player=0, spec=spec, game_id="counter-v1", hold_frames=1)
    with pytest.raises(UsageError, match=r"boom.*ZeroDivisionError.*frame 4, player 0"):
        policy.act(create_game("counter-v1"), 0, 4)

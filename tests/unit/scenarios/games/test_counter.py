import hashlib

import pytest

from rollback_core.errors import UsageError
from scenarios.games.counter import Counter, scripted
from scenarios.policies import RandomPolicy


def test_points_come_now_and_then_and_the_total_counts_them() -> None:
    game = Counter(players=3)
    game.reset(5)
    policies = [RandomPolicy(5, player, 4, 12) for player in range(3)]
    points = [0, 0, 0]
    for frame in range(6400):
        outcome = game.step([policy.act(game, player, frame) for player, policy in enumerate(policies)])
        points = [sum(pair) for pair in zip(points, map(int, outcome.rewards), strict=True)]
        assert outcome.infos == ((sum(points),),) * 3
    assert 60 < sum(points) < 140  # one frame in 64
    assert min(points) > 10


def test_the_episode_ends_after_its_length_only() -> None:
    game = Counter(length=30)
    outcomes = [game.step((0, 1)) for _ in range(30)]
    assert [outcome.is_over for outcome in outcomes] == [False] * 29 + [True]
    assert outcomes[-1].truncateds == (True, True)
    assert outcomes[-1].terminateds == (False, False)
    assert game.spec.max_steps == 30


def test_scripted_presses_everything() -> None:
    game = Counter()
    pressed = set()
    for _ in range(300):
        actions = scripted(game, 0), scripted(game, 1)
        pressed.add(actions)
        game.step(actions)
    assert len(pressed) == 16


@pytest.mark.parametrize("players", [1, 9])
def test_players_out_of_range(players: int) -> None:
    with pytest.raises(UsageError, match="players: 2 to 8"):
        Counter(players=players)


def test_work_is_done_on_every_step() -> None:
    """Each round mixes: 3 rounds differ from 2, and a heavy game is as deterministic as a light one."""
    states = []
    for work in (0, 2, 3, 3):
        game = Counter(work=work)
        game.reset(7)
        for frame in range(20):
            game.step((frame % 4, 1))
        states.append(game.save_state())
    assert states[2] == states[3]
    assert len(set(states)) == 3
    with pytest.raises(UsageError, match="work: 0 to"):
        Counter(work=-1)


def test_the_rules_are_those_that_the_id_promises() -> None:
    """Equal ids promise equal trajectories: to change the rules, change the id, then this value."""
    game = Counter()
    game.reset(7)
    policies = [RandomPolicy(7, player, 4, 12) for player in range(2)]
    digest = hashlib.sha256()
    for frame in range(600):
        outcome = game.step([policy.act(game, player, frame) for player, policy in enumerate(policies)])
        digest.update(game.encode_state(game.save_state()) + repr(tuple(outcome)).encode())
        if outcome.is_over:
            game.reset(frame)
    assert digest.hexdigest()[:16] == "261a040b3bcb39c9"

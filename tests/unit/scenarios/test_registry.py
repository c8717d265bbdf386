import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rollback_core.errors import UsageError
from scenarios.games.slime import Slime
from scenarios.registry import create_game, load_target, registered_games, scripted_bot

OWN_GAME = """
from dataclasses import dataclass
from scenarios.games.counter import Counter

@dataclass
class Notes:  # looks its own module up
    text: str = ""

def make(size: int, title="x"):
    if size < 0:
        raise ValueError("negative size")
    return Counter(players=size)

def anything(**options):
    return Counter(**options)

class Table:
    game = Counter

def scripted(game, player):
    return 3

class Discrete:
    n = 2
    start = 0

class Walk:  # as Gymnasium has it
    metadata = {"name": "walk-v1"}
    action_space = Discrete()

    def __init__(self, goal: int):
        self.goal = goal
        self.at = 0

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return self.at, {}

    def step(self, action):
        self.at += action
        is_there = self.at == self.goal
        return self.at, float(is_there), is_there, False, {}

NUMBER = 3
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own_game.py"
    path.write_text(OWN_GAME)
    return str(path)


@pytest.mark.parametrize("game_id", registered_games())
def test_every_registered_id_gives_a_game_of_that_id_and_a_bot(game_id: str) -> None:
    game = create_game(game_id)
    assert game.spec.id == game_id
    game.reset(1)
    assert 0 <= scripted_bot(game_id)(game, 0) < game.spec.action_count


def test_the_list_of_games_has_a_line_for_each() -> None:
    games = registered_games()
    assert list(games) == sorted(games) == ["counter-v1", "duel-v1", "kitchen-v1", "slime-v1"]
    assert all(summary and "\n" not in summary for summary in games.values())
    games.clear()
    assert registered_games()


def test_parameters_reach_the_game() -> None:
    assert len(create_game("counter-v1", {"players": 5}).spec.agents) == 5
    assert create_game("slime-v1", {"max_steps": 7}).spec.max_steps == 7


@pytest.mark.parametrize(
    ("game_id", "params", "words"),
    [
        ("slim-v1", {}, ["'slim-v1'", "did you mean 'slime-v1'", "counter-v1", "path.py:attr"]),
        ("nothing alike", {}, ["registered: counter-v1, duel-v1"]),
        ("slime-v1", {"live": 3}, ["slime-v1", "'live'", "did you mean 'lives'", "lives, max_steps"]),
        ("slime-v1", {"zzz": 3}, ["'zzz'", "accepted: lives, max_steps"]),
        ("slime-v1", {"lives": "three"}, ["slime-v1", "lives must be int, not 'three'"]),
        ("slime-v1", {"lives": True}, ["lives must be int, not True"]),
        ("slime-v1", {"lives": 99}, ["slime-v1", "lives: 1 to 9, not 99"]),
        ("no_such_module:Game", {}, ["no module 'no_such_module' is installed", "path.py:attr"]),
        ("scenarios.games.nothing:Game", {}, ["no module 'scenarios.games.nothing'"]),
        ("scenarios.games.slime:Slim", {}, ["scenarios.games.slime has no 'Slim'", "did you mean 'Slime'"]),
        ("missing.py:Game", {}, ["no file 'missing.py'"]),
        (":Game", {}, ["module:attr"]),
        ("module:", {}, ["module:attr"]),
    ],
)
def test_what_is_wrong_and_what_would_be_right_is_said(
    game_id: str, params: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        create_game(game_id, params)
    for word in words:
        assert word in str(caught.value)


def test_a_module_and_a_file_give_games_too(own: str, tmp_path: Path, monkeypatch: Any) -> None:
    assert type(create_game("scenarios.games.slime:Slime", {"lives": 2})) is Slime
    assert len(create_game(f"{own}:make", {"size": 4}).spec.agents) == 4
    assert len(create_game(f"{own}:anything", {"players": 3}).spec.agents) == 3
    assert create_game(f"{own}:Table.game").spec.id == "counter-v1"
    monkeypatch.chdir(tmp_path)
    assert len(create_game("own_game.py:make", {"size": 2}).spec.agents) == 2
    assert load_target("own_game.py:Notes") is load_target(f"{own}:Notes")


@pytest.mark.parametrize(
    ("attribute", "params", "words"),
    [
        ("make", {}, ["'size' is missing", "size, title"]),
        ("make", {"size": 2, "titel": "x"}, ["'titel'", "did you mean 'title'"]),
        ("make", {"size": -1}, ["ValueError: negative size"]),
        ("anything", {"colour": 2}, ["TypeError", "colour"]),
        ("NUMBER", {}, ["callable", "int"]),
    ],
)
def test_mistakes_with_a_game_of_ones_own(
    own: str, attribute: str, params: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        create_game(f"{own}:{attribute}", params)
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_fails_says_how_and_is_read_again_when_mended(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import no_such_thing\n")
    with pytest.raises(UsageError, match=r"broken\.py.*no_such_thing"):
        create_game(f"{path}:make")
    path.write_text("from scenarios.games.counter import Counter as make  # mended\n")
    assert create_game(f"{path}:make").spec.id == "counter-v1"


def test_a_module_whose_own_import_is_missing_is_told_apart(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "needs_more_things.py").write_text("import absent_thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="needs_more_things: needs module 'absent_thing'"):
        create_game("needs_more_things:Game")


def test_a_bot_stands_beside_a_game_of_ones_own(own: str) -> None:
    assert scripted_bot(f"{own}:make")(None, 0) == 3
    with pytest.raises(UsageError, match="has no scripted bot"):
        scripted_bot("scenarios.registry:create_game")


def test_an_env_of_ones_own_is_adapted(own: str) -> None:
    game = create_game(f"{own}:Walk", {"goal": 3})
    assert game.spec.action_count == 2
    game.reset(1)
    rewards = [game.step((1,)).rewards[0] for _ in range(3)]
    assert rewards == [0.0, 0.0, 1.0]


def test_what_is_neither_game_nor_env_is_refused(own: str) -> None:
    with pytest.raises(UsageError, match=r"own_game\.py:Notes.*Notes"):
        create_game(f"{own}:Notes")


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys; from scenarios.registry import create_game, registered_games; registered_games();"
        "print([name for name in sys.modules if name.startswith('scenarios.games.')]);"
        "create_game('counter-v1');"
        "print('scenarios.games.slime' in sys.modules, 'rollback_core.adapters' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert answer.stdout.split("\n")[:2] == ["[]", "False False"]

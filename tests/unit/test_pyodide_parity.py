"""CPython and Pyodide under Node give the same trajectories, and a game that does not is caught."""

import os
import zipfile
from pathlib import Path

import pytest

from rollback_core.conformance import check_simulation
from sametick import check
from sametick.other_hosts import (
    Answer,
    Request,
    ask_pyodide,
    find_node,
    find_pyodide,
    first_divergence,
    pack_sources,
    process_host,
    pyodide_host,
)
from scenarios.registry import create_game, registered_games

pytestmark = pytest.mark.slow  # each start of Pyodide takes two seconds

FRAMES = 400

WORD_SIZE = '''
import sys
from scenarios.games.counter import Counter

class WordSize(Counter):
    """Gives more on a 64-bit machine, from frame 7 on."""

    def step(self, actions, /):
        bonus = 1.0 if sys.maxsize > 2**32 and self.save_state()[0] >= 7 else 0.0
        outcome = super().step(actions)
        return outcome._replace(rewards=(bonus, 0.0))
'''

PURE_ENV = '''
import random
from collections import deque

class Discrete:
    n, start = 3, 0

class Slotted:
    __slots__ = ("trail", "__heat")

    def __init__(self):
        self.trail = deque(maxlen=5)
        self.__heat = {1: [0.5]}

    def warm(self, by):
        self.__heat[1].append(self.__heat[1][-1] / 2 + by)
        return self.__heat[1][-1]

class Env:
    """A Gymnasium env in shape; its state is spread over every kind of thing that a snapshot keeps."""

    metadata = {"name": "pure-v0"}
    action_space = Discrete()

    def __init__(self):
        self.reset()

    def __reduce__(self):
        return Env, ()  # as EzPickle does

    def reset(self, seed=None):
        self.random, self.ground, steps = random.Random(seed), Slotted(), 0

        def count():
            nonlocal steps
            steps += 1
            return steps

        self.count, self.warm = count, self.ground.warm
        return 0, {}

    def step(self, action):
        steps = self.count()
        self.ground.trail.append((steps, action, self.random.randrange(100)))
        return 0, self.warm(action), steps == 50, False, {"seen": sum(each[2] for each in self.ground.trail)}
'''


NUMPY_ENV = "scenarios.envs:mpe2_simple_spread"


@pytest.fixture(scope="module")
def tools() -> tuple[Path, Path]:
    """Both are installed by ./dev; without them this file fails, for parity would go untested."""
    node, package = find_node(), find_pyodide(os.environ)
    assert node is not None, "Node is missing"
    assert package is not None, "the npm package pyodide is missing"
    return node, package


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Request]:
    folder = tmp_path_factory.mktemp("games")
    (folder / "word_size.py").write_text(WORD_SIZE)
    (folder / "pure_env.py").write_text(PURE_ENV)
    own = [f"{folder}/word_size.py:WordSize", f"{folder}/pure_env.py:Env"]
    return {
        game.rpartition(":")[2]: {"game": game, "params": {}, "frames": FRAMES, "seed": 5}
        for game in [*registered_games(), *own, NUMPY_ENV]
    }


@pytest.fixture(scope="module")
def others(tools: tuple[Path, Path], requests: dict[str, Request]) -> dict[str, Answer]:
    """Pyodide's answers, from one start of it."""
    return dict(zip(requests, ask_pyodide(*tools, list(requests.values())), strict=True))


@pytest.mark.parametrize("game", [*registered_games(), "Env"])
def test_game_is_equal_to_the_bit(requests: dict[str, Request], others: dict[str, Answer], game: str) -> None:
    native = process_host(1)(requests[game])
    assert native["digests"] == others[game]["digests"]
    assert len(set(native["digests"])) > FRAMES // 2
    assert others[game]["python"] >= "3.14"


def test_env_that_pickles_by_its_constructor_is_fit(requests: dict[str, Request]) -> None:
    game = requests["Env"]["game"]
    assert check_simulation(lambda: create_game(game), frames=120).is_fit


def test_game_that_differs_is_caught_with_frame_and_field(
    tools: tuple[Path, Path], requests: dict[str, Request], others: dict[str, Answer]
) -> None:
    request = requests["WordSize"]
    hosts = (process_host(1), pyodide_host(*tools))
    answers = (hosts[0](request), others["WordSize"])
    found = first_divergence(request, hosts, answers)
    assert found is not None
    assert (found.frame, found.field, found.first, found.second) == (7, "outcome.rewards[0]", 1.0, 0.0)
    assert answers[0]["digests"][:7] == answers[1]["digests"][:7]


def test_game_that_needs_numpy_is_told_apart_from_one_that_differs(others: dict[str, Answer]) -> None:
    assert "not installed" in others["mpe2_simple_spread"]["refused"]


def test_verdict_of_a_whole_check_includes_pyodide() -> None:
    verdict = check.examine("counter-v1", {"players": 4}, 60, 1, lambda step: None)
    line = verdict.lines[-1]
    assert verdict.is_fit
    assert (line.name, line.is_held) == ("Pyodide", True)
    assert "60 frames" in line.note
    assert "Python" in line.claim


def test_sources_of_a_game_of_ones_own_are_packed(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(WORD_SIZE)
    one = pack_sources(tmp_path / "a.zip", [f"{path}:WordSize", "counter-v1"])
    two = pack_sources(tmp_path / "b.zip", ["sortedcontainers:SortedDict"])
    assert one == ["/sametick/game/mine.py:WordSize", "counter-v1"]
    assert two == ["sortedcontainers:SortedDict"]
    assert "game/mine.py" in zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert "sortedcontainers/__init__.py" in zipfile.ZipFile(tmp_path / "b.zip").namelist()

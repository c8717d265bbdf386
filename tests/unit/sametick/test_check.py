"""`sametick check`: verdicts, counterexamples and exit codes of sound, broken and misnamed games."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rollback_core.conformance import PROPERTIES
from rollback_core.errors import UsageError
from sametick import check
from scenarios.registry import create_game

BROKEN = '''
from scenarios.games.counter import Counter

class HashOrder(Counter):
    """Steps by the order of a set of words, which hangs on the process's hash seed."""

    def step(self, actions, /):
        first = list({"one", "two", "three", "four", "five", "six", "seven", "eight"})[0]
        return super().step((len(first), *actions[1:]))

class Forgetful(Counter):
    """Loses its total when a state is loaded."""

    def load_state(self, state, /):
        super().load_state((state[0], state[1], 0))

class Raises(Counter):
    def step(self, actions, /):
        raise KeyError("pot")

class Exits(Counter):
    """Ends the process, as a crash in a C library would."""

    def step(self, actions, /):
        import os
        if "PYTHONHASHSEED" in os.environ and os.environ["PYTHONHASHSEED"] == "2":
            os._exit(3)
        return super().step(actions)
'''


@pytest.fixture
def games(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    path = tmp_path / "broken_games.py"
    path.write_text(BROKEN)
    return path


@pytest.fixture
def without_pyodide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "find_node", lambda: None)


def verdict(game: str, frames: int = 40, **params: Any) -> tuple[int, dict[str, Any]]:
    out = StringIO()
    code = check.run(game, params, frames, 1, True, Console(file=out))
    table: dict[str, Any] = json.loads(out.getvalue())
    return code, table


@pytest.mark.usefixtures("without_pyodide")
def test_sound_game_is_fit_with_all_properties_and_costs() -> None:
    code, table = verdict("counter-v1", players=3)
    held = {each["name"]: each["is_held"] for each in table["properties"]}
    assert code == 0
    assert table["fit"]
    assert held == {**dict.fromkeys(PROPERTIES, True), "other hash seed": True, "Pyodide": None}
    assert table["counterexample"] is None
    assert all(table["costs"][key] > 0 for key in ("step_us", "save_us", "load_us", "state_bytes"))
    assert table["costs"]["rollback_frames"] > 100


@pytest.mark.usefixtures("without_pyodide")
@pytest.mark.parametrize(
    ("name", "property_name", "frame", "field"),
    [
        ("HashOrder", "other hash seed", 1, "state.mix"),
        ("Forgetful", "save and load", None, "state.total"),
        ("Raises", "outcomes", 0, "exception"),
        ("Exits", "other hash seed", -1, "the host"),
    ],
)
def test_broken_game_exits_1_with_the_first_counterexample(
    games: Path, name: str, property_name: str, frame: int | None, field: str
) -> None:
    code, table = verdict(f"{games}:{name}", frames=200)
    found = table["counterexample"]
    assert code == 1
    assert not table["fit"]
    assert (found["property"], found["field"]) == (property_name, field)
    assert frame is None or found["frame"] == frame
    assert found["expected"] != found["actual"]


@pytest.mark.usefixtures("without_pyodide")
def test_text_names_property_place_and_values(games: Path) -> None:
    out = StringIO()
    assert check.run(f"{games}:Forgetful", {}, 200, 1, False, Console(file=out, width=120)) == 1
    text = out.getvalue()
    assert "✗  save and load" in text
    assert "✗ not fit for rollback: save and load" in text
    assert "state.total" in text
    assert "what:  2 ≠ 0" in text
    assert "not tried: it already fails in one process" in " ".join(text.split())


@pytest.mark.usefixtures("without_pyodide")
def test_text_of_a_fit_game_says_so() -> None:
    out = StringIO()
    assert check.run("counter-v1", {}, 20, 1, False, Console(file=out, width=120)) == 0
    assert "✓ fit for rollback" in out.getvalue()
    assert "step " in out.getvalue()
    assert "not tried: Node is not installed" in out.getvalue()


def test_bad_input_is_a_usage_error() -> None:
    for game, params in [("cuonter-v1", {}), ("counter-v1", {"players": 99}), ("nothing.py:Game", {})]:
        with pytest.raises(UsageError):
            check.run(game, params, 10, 1, True, Console(file=StringIO()))


def test_command_line_knows_it(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    answer = subprocess.run(
        [sys.executable, "-m", "sametick", "check", "no-such-game"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(check.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "unknown game 'no-such-game'" in answer.stderr
    assert "where: no-such-game" in answer.stderr
    assert "Traceback" not in answer.stderr


class SlowToSave:
    """The game, but for saving."""

    def __init__(self, game: Any) -> None:
        self.game = game

    def __getattr__(self, name: str) -> Any:
        return getattr(self.game, name)

    def save_state(self) -> Any:
        for _ in range(20_000):  # hundreds of µs, where the game takes a fraction of one
            pass
        return self.game.save_state()


def test_slow_saving_shows_in_costs_and_depth() -> None:
    game: Any = create_game("counter-v1")
    quick, slow = check.measure(game, 50, 1), check.measure(SlowToSave(game), 50, 1)
    assert slow.save_us > 10 * quick.save_us
    assert slow.rollback_frames < quick.rollback_frames
    assert slow.state_bytes == quick.state_bytes


@pytest.mark.usefixtures("without_pyodide")
def test_every_property_is_whole_on_a_narrow_terminal() -> None:
    out = StringIO()
    check.run("counter-v1", {}, 60, 1, False, Console(file=out, width=80))
    words = " ".join(out.getvalue().split())
    for name, claim in PROPERTIES.items():
        assert f"✓ {name} {claim.split()[0]}" in words
    assert "…" not in words

"""What `sim` and `demo` make of a run. The simulator is tested elsewhere; here its results are samples."""

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from sametick import demo
from sametick.cli import app
from sametick.run_tables import CALLED_AS, failure_lines, metrics_grid, print_run, tell, typed
from sametick.sim_command import parse_seeds
from sametick.simulation_run import RunRequest

Runner = Callable[..., SimpleNamespace]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, sample: ModuleType) -> list[tuple[RunRequest, int | None]]:
    """Replaces the simulator by samples; a run is wrong with a patch, or with seed 3. Gives the calls."""
    calls: list[tuple[RunRequest, int | None]] = []

    def run(
        request: RunRequest, *, seed: int | None, on_progress: Callable[[float], None]
    ) -> SimpleNamespace:
        calls.append((request, seed))
        on_progress(1.0)
        is_wrong = request.patch is not None or seed == 3
        table = sample.sample_table(seed=seed or 7, seconds=4, wrong=is_wrong)
        table["command"] = request.command(seed or 7)
        return SimpleNamespace(table=table, ok=not is_wrong)

    def write(result: SimpleNamespace, folder: Path) -> None:
        is_wrong = not result.ok
        sample.write_sample(folder, seconds=4, wrong=is_wrong)

    for module in ("sim_command", "demo"):
        monkeypatch.setattr(f"sametick.{module}.run", run)
        monkeypatch.setattr(f"sametick.{module}.write", write)
    monkeypatch.setattr(demo, "_patch_summary", lambda: "predicted rows are exported")
    return calls


def printed(table: dict[str, Any], width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    print_run(table, console)
    return console.export_text()


def test_one_run(runs: list[Any]) -> None:
    result = CliRunner().invoke(app, ["sim", "demo", "--seed", "5"])
    assert result.exit_code == 0
    for part in ("✓ data equal", "✓ data true", "oracles held", "prefix agreement", "✓ held"):
        assert part in result.stdout
    assert "again: sametick sim demo --seed 5" in result.stdout
    assert runs[0][1] == 5


def test_a_failing_run_exits_1_and_says_why(runs: list[Any]) -> None:
    result = CliRunner().invoke(app, ["sim", "demo", "--seed", "3"])
    assert result.exit_code == 1
    for part in (
        "✗ data equal",
        "actions.right: 0 ≠ 2",
        "✗ O1 prefix agreement",
        "frame 1208, player 1, peer 0",
    ):
        assert part in result.stdout
    assert "expected <= 4, found 3 / 6" in result.stdout


def test_json_is_the_result_and_nothing_else(runs: list[Any], sample: ModuleType) -> None:
    result = CliRunner().invoke(app, ["sim", "demo", "--json"])
    assert result.stderr == ""
    assert json.loads(result.stdout)["verdict"]["ok"] is True


def test_several_seeds_are_a_row_each(runs: list[Any], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sim", "demo", "--seeds", "2..4", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert [seed for _, seed in runs] == [2, 3, 4]
    assert "1 of 3 seeds fail" in result.stdout
    assert "the first again: sametick sim demo --seed 3" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seed-2", "seed-3", "seed-4"]
    sound = CliRunner().invoke(app, ["sim", "demo", "--seeds", "1..2"])
    assert sound.exit_code == 0
    assert "all 2 seeds hold" in sound.stdout


def test_several_seeds_in_json(runs: list[Any]) -> None:
    result = CliRunner().invoke(app, ["sim", "demo", "--seeds", "2..3", "--json"])
    found = json.loads(result.stdout)
    assert [run["ok"] for run in found["runs"]] == [True, False]
    assert found["first_failure"] == "sametick sim demo --seed 3"
    assert found["ok"] is False


def test_options_reach_the_run_and_the_command_that_repeats_it(runs: list[Any]) -> None:
    words = [
        "--set",
        "game.episodes=3",
        "--set",
        'network.path."0->1".delay_ms=80',
        "--patch",
        "some-bug",
        "--trace",
    ]
    CliRunner().invoke(app, ["sim", "my file.toml", *words])
    request, seed = runs[0]
    assert seed is None
    assert (request.source, request.patch, request.is_traced) == ("my file.toml", "some-bug", True)
    again = shlex.split(request.command(7))
    assert again == ["sametick", "sim", "my file.toml", "--seed", "7", *words[:-1]]


def test_seeds_include_both_ends() -> None:
    assert list(parse_seeds("3..5")) == [3, 4, 5]
    assert list(parse_seeds("8")) == [8]


@pytest.mark.parametrize("width", [72, 80, 100, 140])
@pytest.mark.parametrize("peers", [2, 3, 8])
def test_figures_are_whole_at_any_width(sample: ModuleType, width: int, peers: int) -> None:
    table = sample.sample_table(seconds=60, peers=peers)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(metrics_grid(table, console))
    text = console.export_text()
    assert "…" not in text
    for figure in ("1,800", "3 / 5 / 8", "96 ms", "1.0 kB/s", *(f"player {peer}" for peer in range(peers))):
        assert figure in text
    assert max(map(len, text.splitlines())) <= width


def test_an_idle_oracle_is_not_told_as_held(sample: ModuleType) -> None:
    table = sample.sample_table(seconds=2)
    table["oracles"][2]["checks"] = 0
    text = printed(table, 140)
    assert "– nothing to check" in text
    assert "7 oracles held" in text
    assert "1 had nothing to check" in text


def test_demo_shows_that_the_bug_is_caught_and_writes_both_pages(runs: list[Any], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    before, after = result.stdout.split("And what breaks it")
    assert "✓ data equal" in before
    assert "✗" not in before
    assert "✗ data equal" in after
    assert "again: sametick sim demo --seed 7 --patch" in after
    assert str(tmp_path / "index.html") in after
    index = (tmp_path / "index.html").read_text()
    assert '<a href="planted/index.html">' in index
    assert "Caught by O1 prefix agreement." in index
    assert "What went wrong" in (tmp_path / "planted" / "index.html").read_text()


def test_demo_fails_when_nothing_notices_the_bug(
    runs: list[Any], monkeypatch: pytest.MonkeyPatch, sample: ModuleType, tmp_path: Path
) -> None:
    def blind(request: RunRequest, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(table=sample.sample_table(seconds=2), ok=True)

    monkeypatch.setattr(demo, "run", blind)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "nothing noticed it" in result.stdout


def test_a_violation_without_a_place_is_told_without_one(sample: ModuleType) -> None:
    table = sample.sample_table(seconds=2, wrong=True)
    violation = next(oracle["violation"] for oracle in table["oracles"] if oracle["violation"])
    placed = failure_lines(table)[0].plain
    violation.update(frame=None, player=None, peer=None)
    bare = failure_lines(table)[0].plain
    assert "frame 1208, player 1, peer 0: " in placed
    assert bare.endswith(f"  {violation['message']}")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_verdict_is_wrapped_on_a_terminal_and_whole_in_a_pipe(sample: ModuleType, width: int) -> None:
    line = failure_lines(sample.sample_table(seconds=2, wrong=True))[0]
    for is_terminal in (True, False):
        screen = io.StringIO()
        tell(line, Console(file=screen, width=width, force_terminal=is_terminal, color_system=None))
        lines = screen.getvalue().splitlines()
        assert " ".join(screen.getvalue().split()) == " ".join(line.plain.split())
        if is_terminal:
            assert max(map(len, lines)) <= width
        else:
            assert len(lines) == 1


def test_commands_are_told_as_they_have_to_be_typed(
    runs: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(CALLED_AS, "./dev sametick")
    assert typed("sametick scenarios") == "./dev sametick scenarios"
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert "again: ./dev sametick sim demo --seed 7 --patch" in result.stdout
    assert "networks: ./dev sametick scenarios" in result.stdout


def test_a_game_that_cannot_be_played_names_the_scenario(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    (tmp_path / "own.py").write_text("from scenarios.games.counter import Counter\n")
    file.write_text(
        f'name = "mine"\nseed = 1\n[game]\nid = "{tmp_path}/own.py:Counter"\nmax_steps = 30\n'
        '[[player]]\nbot = "scripted"\n[[player]]\nbot = "idle"\n'
    )
    result = CliRunner().invoke(app, ["sim", str(file)])
    assert result.exit_code == 2
    assert "has no scripted bot" in result.stderr
    assert f"where: {file}" in result.stderr


def test_rows_of_a_peer_that_was_lost_are_not_told_as_complete(sample: ModuleType) -> None:
    table = sample.sample_table(seconds=2, peers=3)
    assert "all 3 peers' 60 rows are equal, byte for byte" in printed(table, 140)
    table["peers"][2]["end"]["frame"] = 20
    assert "as far as each got; the longest table has 60 rows" in printed(table, 140)

"""What a user sees: exit codes, three lines for a mistake and never a traceback, JSON and nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from sametick.cli import app

ROOT = Path(__file__).parents[3]


def called(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def assert_mistake(result: Result, *parts: str) -> None:
    """Exit 2, three lines on the error stream, nothing else, and all of `parts` in them."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith("✗ ")
    assert lines[1].startswith("  where: ")
    assert lines[-1].startswith("  to do: ")
    for part in parts:
        assert part in result.stderr


def test_help_lists_the_commands() -> None:
    result = called("--help")
    assert result.exit_code == 0
    for name in ("sim", "compare", "replay", "check", "schema", "scenarios", "report", "demo"):
        assert f" {name} " in result.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = "numpy pandas matplotlib simpy pydantic gymnasium jinja2".split()
    code = (
        "import sys; from typer.testing import CliRunner; from sametick.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_python_m_sametick_is_the_command() -> None:
    command = [sys.executable, "-m", "sametick", "--version"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("sametick ")


def test_a_misspelt_scenario_gets_a_suggestion() -> None:
    assert_mistake(called("sim", "demmo"), 'there is no scenario "demmo"', '"demo"', "sametick scenarios")


def test_every_fault_of_a_file_is_told_with_its_key(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nsede = 7\n[game]\nid = "slime-v1"\nepisodes = 0\n')
    result = called("sim", str(file))
    assert_mistake(result, "sede", "game.episodes", str(file))
    assert "    also: " in result.stderr


def test_a_wrong_setting_names_its_path() -> None:
    assert_mistake(called("sim", "demo", "--set", "session.input_delay=3"), "session.input_delay")
    assert_mistake(called("sim", "demo", "--set", "nothing"), "PATH=VALUE")


def test_a_file_that_is_not_there() -> None:
    assert_mistake(called("sim", "nowhere.toml"), "nowhere.toml")


@pytest.mark.parametrize("text", ["", "a..b", "5..4", "-1..3", "1..99999999", "0..2147483648"])
def test_seeds_that_are_none(text: str) -> None:
    assert_mistake(called("sim", "demo", f"--seeds={text}"), "--seeds")


def test_one_seed_or_many() -> None:
    assert_mistake(called("sim", "demo", "--seed", "3", "--seeds", "1..2"), "--seed and --seeds")


def test_a_mistake_in_json() -> None:
    result = called("sim", "demmo", "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert set(error) == {"what", "where", "remedy"}
    assert result.stderr == ""


@pytest.mark.parametrize("words", [("sim",), ("sim", "demo", "--seed", "x"), ("fly",), ("compare", "a")])
def test_wrong_options_exit_2(words: tuple[str, ...]) -> None:
    result = called(*words)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> int:
        raise KeyError("a defect")

    monkeypatch.setattr("sametick.scenario_commands.list_scenarios", broken)
    assert isinstance(called("scenarios").exception, KeyError)


def test_scenarios_are_listed() -> None:
    result = called("scenarios")
    assert result.exit_code == 0
    assert " demo " in result.stdout
    listed = json.loads(called("scenarios", "--json").stdout)
    assert len(listed) >= 30
    assert all(item["summary"] and item["group"] for item in listed)
    assert {item["name"] for item in listed if item["name"] not in result.stdout} == set()


def test_schema_is_json_schema() -> None:
    result = called("schema")
    assert result.exit_code == 0
    assert {"game", "player", "network"} <= set(json.loads(result.stdout)["properties"])


def test_compare_equal_different_and_not_comparable(tmp_path: Path, sample: ModuleType) -> None:
    left = sample.write_sample(tmp_path / "a", seconds=2)
    right = sample.write_sample(tmp_path / "b", seconds=2)
    equal = called("compare", str(left), str(right))
    assert (equal.exit_code, equal.stdout[:7]) == (0, "✓ equal")
    table = right / "player-0.csv"
    lines = table.read_text().splitlines(keepends=True)
    lines[6] = lines[6].replace("True", "False", 1)
    table.write_text("".join(lines))
    different = called("compare", str(left), str(right))
    assert different.exit_code == 1
    for part in ("frame 5", "isFocused.left", "True ≠ False", "row 6 of the table"):
        assert part in different.stdout
    found = json.loads(called("compare", str(left), str(right), "--json").stdout)
    assert found["verdict"] == "different"
    assert found["difference"]["row"] == 5
    assert_mistake(called("compare", str(left), str(table)), "a folder and a file")
    (tmp_path / "c.csv").write_text("frame,other\n1,2\n")
    assert_mistake(
        called("compare", str(table), str(tmp_path / "c.csv")),
        "different columns",
        "only in the second: other",
    )


def test_report_writes_one_file(tmp_path: Path, sample: ModuleType) -> None:
    folder = sample.write_sample(tmp_path / "run", seconds=2)
    result = called("report", str(folder))
    assert result.exit_code == 0
    assert str(folder / "report.html") in result.stdout
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    other = tmp_path / "elsewhere" / "page.html"
    assert called("report", str(folder), "--out", str(other)).exit_code == 0
    assert other.is_file()


def test_report_of_what_is_no_result(tmp_path: Path) -> None:
    assert_mistake(called("report", str(tmp_path)), "no result.json", str(tmp_path))
    (tmp_path / "result.json").write_text("{}")
    assert_mistake(called("report", str(tmp_path)), "result.json: format")


def test_check_parameters_are_name_and_value() -> None:
    assert_mistake(called("check", "slime-v1", "--set", "layout"), "--set", "layout")

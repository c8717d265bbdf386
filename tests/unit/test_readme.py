"""What README and docs show works as shown."""

import re
import sys
from pathlib import Path

import pytest

from rollback_core.conformance import check_simulation
from sametick.cli import main
from scenarios.load import load_scenario
from scenarios.registry import create_game

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def block(language: str) -> str:
    text = (ROOT / "README.md").read_text()
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_scenario_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(block("toml"))
    scenario = load_scenario(str(file))
    assert (scenario.seed, scenario.peer_count, len(scenario.events)) == (7, 2, 1)
    delays = {path.source: path.link.delay_us for path in scenario.network.paths}
    assert delays[0] == 60_000
    assert delays[1] != 60_000


def test_the_environment_is_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_env.py").write_text(block("python"))
    monkeypatch.chdir(tmp_path)
    report = check_simulation(lambda: create_game("my_env.py:build"), frames=40)
    assert report.counterexample is None
    assert report.is_fit


def test_commands_on_the_pages_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    code = [
        each for page in PAGES for each in re.findall(r"```.*?```|`[^`\n]+`", page.read_text(), re.DOTALL)
    ]
    named = {word for each in code for word in re.findall(r"\bsametick ([a-z]+)", each)}
    assert named >= {"sim", "compare", "replay", "check", "report", "scenarios", "schema"}
    codes = {}
    for name in named:
        monkeypatch.setattr(sys, "argv", ["sametick", name, "--help"])
        with pytest.raises(SystemExit) as end:
            main()
        codes[name] = end.value.code
    assert codes == dict.fromkeys(named, 0)

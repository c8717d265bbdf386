"""What README and docs show works as shown."""

import re
import sys
from pathlib import Path

import pytest

from netsim.replay import inputs_table
from netsim.run import run_scenario
from rollback_core.conformance import check_simulation
from rollback_core.events import EndReason
from rollback_core.life import TRANSITIONS
from sametick.cli import main
from scenarios.load import load_scenario
from scenarios.registry import create_game

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def block(language: str, page: str = "README.md") -> str:
    text = (ROOT / page).read_text()
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def state_diagram() -> str:
    lines = ["stateDiagram-v2", "    [*] --> handshake"]
    for state, steps in TRANSITIONS.items():
        lines += [f"    {state.value} --> {target.value} : {event}" for event, target in steps.items()]
        lines += [] if steps else [f"    {state.value} --> [*]"]
    return "\n".join(lines) + "\n"


def documented(page: str) -> set[str]:
    return set(re.findall(r"`([\w.]+)(?:\[\])?`", (ROOT / page).read_text()))


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


def test_the_own_game_is_fit_and_its_scenario_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "race.py").write_text(block("python", "docs/own-game.md"))
    (tmp_path / "race.toml").write_text(block("toml", "docs/own-game.md"))
    monkeypatch.chdir(tmp_path)
    assert check_simulation(lambda: create_game("race.py:Race"), frames=200).is_fit
    table = run_scenario(load_scenario("race.toml")).table
    assert table["verdict"]["ok"]
    assert table["exercised"]["rollbacks"]


def test_the_state_diagram_is_the_table_of_the_session() -> None:
    assert block("mermaid", "docs/architecture.md") == state_diagram()


def test_the_dictionary_has_every_key_and_every_reason() -> None:
    table = run_scenario(load_scenario("drop-disconnect")).table
    peer, path = table["peers"][0], table["paths"][0]
    parts = (
        table,
        table["data"],
        table["events"][0],
        peer,
        peer["metrics"],
        peer["series"],
        path,
        path["series"],
    )
    keys = {str(key) for part in parts for key in part} - {"verdict"}
    keys |= {f"verdict.{key}" for key in table["verdict"]}
    assert keys - documented("docs/data-dictionary.md") == set()
    text = (ROOT / "docs/data-dictionary.md").read_text()
    assert [reason.value for reason in EndReason if f"`{reason.value}`" not in text] == []
    inputs = inputs_table(load_scenario("drop-disconnect"), [])
    assert set(inputs) - documented("docs/data-dictionary.md") == set()


def test_commands_on_the_pages_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    code = [
        each for page in PAGES for each in re.findall(r"```.*?```|`[^`\n]+`", page.read_text(), re.DOTALL)
    ]
    named = {word for each in code for word in re.findall(r"\bsametick ([a-z]+(?:-[a-z]+)*)", each)}
    assert named >= {"sim", "compare", "replay", "check", "report", "scenarios", "schema"}
    codes = {}
    for name in named:
        monkeypatch.setattr(sys, "argv", ["sametick", name, "--help"])
        with pytest.raises(SystemExit) as end:
            main()
        codes[name] = end.value.code
    assert codes == dict.fromkeys(named, 0)

"""Every scenario that once broke a law, shrunk, is played again for ever."""

import json
from pathlib import Path

import pytest

from netsim.run import run_scenario
from scenarios.load import load_scenario
from scenarios.scenario import to_json

FOLDER = Path(__file__).parents[2] / "corpus"
CORPUS = sorted(FOLDER.glob("*.json"))


def test_there_is_a_corpus() -> None:
    assert len(CORPUS) >= 5


def test_nothing_in_the_corpus_is_left_unplayed() -> None:
    others = sorted(path.name for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".json")
    assert not others, "not played: the corpus is canonical JSON, see docs/desync-playbook.md"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_case_stays_mended(path: Path) -> None:
    scenario = load_scenario(str(path))
    assert json.loads(to_json(scenario)) == json.loads(path.read_text("utf-8")), "not in canonical form"
    result = run_scenario(scenario)
    assert result.ok, result.table["verdict"]["sentence"]

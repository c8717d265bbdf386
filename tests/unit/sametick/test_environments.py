"""The table of public environments: rows of each verdict, and the page that holds them."""

import json
from pathlib import Path
from typing import Any

import pytest

from sametick import environments

PAGE = Path(__file__).parents[3] / "docs" / "environments.md"


def rows_of(*names: str) -> dict[str, dict[str, Any]]:
    chosen = [each for each in environments.candidates() if each.name in names]
    assert len(chosen) == len(names)
    return {each.name: environments.row(each, 20, 1) for each in chosen}


def test_row_says_fit_with_costs_or_why_not() -> None:
    rows = rows_of("rps_v2", "CartPole-v1", "Pendulum-v1", "connect_four_v3", "simple_spread_v3, continuous")
    assert {name: each["verdict"] for name, each in rows.items()} == {
        "rps_v2": "fit",
        "CartPole-v1": "fit",
        "Pendulum-v1": "refused",
        "connect_four_v3": "refused",
        "simple_spread_v3, continuous": "refused",
    }
    assert rows["rps_v2"]["kind"] == "PettingZoo"
    assert rows["CartPole-v1"]["adapter"] == "snapshot"
    assert rows["CartPole-v1"]["step_us"] > 0
    assert "turn-based" in rows["connect_four_v3"]["reason"]
    json.dumps(rows)


def test_package_that_is_missing_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "minigrid", None)
    assert rows_of("MiniGrid-DoorKey-6x6-v0")["MiniGrid-DoorKey-6x6-v0"]["verdict"] == "absent"


def test_each_environment_answers_from_its_own_process() -> None:
    (row,) = environments.survey(["rps_v2"], 10, 1)
    assert row["verdict"] == "fit"


def test_table_goes_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    rows = [
        {"name": "x", "package": "p", "verdict": "refused", "reason": "a | b"},
        {"name": "y", "package": "p", "verdict": "unfit", "reason": "reset, frame 3"},
    ]
    environments.write_table(page, environments.markdown(rows))
    text = page.read_text()
    assert "| x | p | refused: a \\| b |" in text
    assert "| y | p | unfit: reset, frame 3 |" in text
    assert text.startswith(PAGE.read_text().partition("<!--")[0])
    (tmp_path / "bare.md").write_text("no marks")
    with pytest.raises(SystemExit, match="marks"):
        environments.write_table(tmp_path / "bare.md", "")


def test_page_has_a_row_for_every_environment_and_none_is_unfit() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    names = [line.split("|")[1].strip() for line in lines]
    assert names == [each.name for each in environments.candidates()]
    assert len(names) >= 12
    verdicts = [line.split("|")[3].strip().partition(":")[0] for line in lines]
    assert set(verdicts) == {"fit", "refused"}
    assert verdicts.count("fit") >= 12

"""Simulated against live: medians agree within the goal, and a page that shows where they do not."""

import copy
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.palette import WRONG
from reports.read_result import ResultFolder
from reports.side_by_side import MEASURES, Cell, Pair, cells, markdown, verdict, write_page


def folder(table: dict[str, Any]) -> ResultFolder:
    return ResultFolder(Path("run"), table, {}, {})


@pytest.fixture
def pair(sample: ModuleType) -> Pair:
    table = sample.sample_table(faults=False)
    return Pair(name="home-wifi", simulated=folder(table), live=folder(copy.deepcopy(table)))


def test_a_run_agrees_with_itself(pair: Pair) -> None:
    assert [cell.agrees for cell in cells(pair)] == [True] * len(MEASURES)
    assert verdict([pair]).startswith("All 5 figures")
    assert "✗" not in markdown([pair])


@given(
    simulated=st.floats(0, 10_000),
    live=st.floats(0, 10_000),
    measure=st.sampled_from(MEASURES),
)
def test_agreement_is_fifteen_percent_or_the_grain(simulated: float, live: float, measure: Any) -> None:
    cell = Cell(measure=measure, simulated=simulated, live=live)
    inside = abs(live - simulated) <= 0.15 * simulated or abs(live - simulated) <= measure.grain
    assert cell.agrees == inside


def test_what_is_missing_is_neither_right_nor_wrong() -> None:
    assert Cell(measure=MEASURES[0], simulated=None, live=3.0).agrees is None


def test_a_live_run_that_stalls_where_the_simulator_does_not_is_seen(pair: Pair, tmp_path: Path) -> None:
    for peer in pair.live.table["peers"]:
        peer["metrics"]["stalled_ticks"] += 500
    found = {cell.measure.title: cell.agrees for cell in cells(pair)}
    assert found.pop("stalled share") is False
    assert set(found.values()) == {True}
    assert verdict([pair]).startswith("4 of 5")
    assert markdown([pair]).count("✗") == 1
    page = write_page([pair], tmp_path / "out" / "index.html", command="sametick live-run x")
    text = page.read_text()
    assert text.count("✗") == 1
    assert WRONG in text


def test_untrue_live_data_lead_the_page(pair: Pair, tmp_path: Path) -> None:
    pair.live.table["data"]["true"] = False
    text = write_page([pair], tmp_path / "index.html", command="again").read_text()
    assert '<h1 class="wrong">' in text
    assert "| **no** |" in markdown([pair])


def test_the_page_is_the_same_each_time_and_loads_nothing(pair: Pair, tmp_path: Path) -> None:
    first = write_page([pair], tmp_path / "a.html", command="again").read_bytes()
    assert first == write_page([pair], tmp_path / "b.html", command="again").read_bytes()
    assert not re.search(r'(?:src|href)="', re.sub(r'xlink:href="#', "", first.decode()))

"""Every planted bug fits the core, shows in its small case and nowhere else, and is in the table."""

from pathlib import Path

import pytest

from netsim.fuzz import judge
from netsim.hunt import hunt, traces_differ
from netsim.planted import planted
from netsim.planted_bugs import ACROSS_PROCESSES, PATCHES, Patch
from netsim.run import run_scenario
from scenarios.load import load_scenario

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "planted-bugs.md"
CASES = {path.stem: path for path in sorted((ROOT / "tests" / "corpus" / "planted").glob("*.json"))}
A_FEW = 5  # bugs that are hunted here, others every time the core changes


def test_every_bug_has_a_small_case_and_a_line_in_the_table() -> None:
    assert len(PATCHES) >= 50
    assert set(CASES) | ACROSS_PROCESSES == set(PATCHES)
    page = PAGE.read_text("utf-8")
    assert [name for name in PATCHES if f"| `{name}` |" not in page] == []
    assert "**nothing**" not in page


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_small_case_tells_the_bug_from_the_core(name: str) -> None:
    scenario = load_scenario(str(CASES[name]))
    verdict = judge(scenario)
    assert verdict.kind == "", verdict.sentence
    assert judge(scenario, name).kind != ""


@pytest.mark.parametrize("name", sorted(PATCHES))
def test_a_patch_fits_the_core(name: str) -> None:
    with planted(name):
        pass


def test_another_process_tells_another_hash() -> None:
    assert not traces_differ(None)
    for name in ACROSS_PROCESSES:
        assert traces_differ(name)


@pytest.mark.slow
def test_some_bugs_are_hunted_from_the_start() -> None:
    """Which ones changes with the number of lines of the core: in time it is everyone's turn."""
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in (ROOT / "rollback_core").glob("*.py"))
    names = sorted(PATCHES)
    chosen = [names[(lines + step * len(names) // A_FEW) % len(names)] for step in range(A_FEW)]
    assert [name for name in chosen if not hunt(name, seed=1).laws] == []


def test_core_is_whole_after_a_bug() -> None:
    scenario = load_scenario("latency-100ms")
    before = run_scenario(scenario).table["trace_hash"]
    with planted("wrong-state-loaded"):
        sick = run_scenario(scenario).table["trace_hash"]
    assert sick != before == run_scenario(scenario).table["trace_hash"]


def test_patch_that_fits_no_more_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATCHES, "gone", Patch("gone", "match", "no such text", ""))
    with pytest.raises(RuntimeError, match="0 places"), planted("gone"):
        pass

"""Every planted bug is noticed, by the law that is named for it; and the core is whole again afterwards."""

from pathlib import Path

import pytest

from netsim.planted import PATCHES, planted
from netsim.planted_table import laws_broken
from netsim.run import run_scenario
from scenarios.load import load_scenario

PAGE = Path(__file__).parents[3] / "docs" / "planted-bugs.md"


@pytest.mark.parametrize("name", sorted(PATCHES))
def test_bug_is_noticed_by_its_law(name: str) -> None:
    assert PATCHES[name].killer in laws_broken(name)


def test_there_are_enough_of_them_and_the_page_knows_them() -> None:
    assert len(PATCHES) >= 20
    page = PAGE.read_text("utf-8")
    assert [name for name in PATCHES if f"| `{name}` |" not in page] == []
    assert "**none**" not in page


def test_core_is_whole_after_a_bug() -> None:
    scenario = load_scenario("latency-100ms")
    before = run_scenario(scenario).table["trace_hash"]
    with planted("wrong-state-loaded"):
        sick = run_scenario(scenario).table["trace_hash"]
    assert sick != before == run_scenario(scenario).table["trace_hash"]


def test_patch_that_fits_no_more_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    patch = PATCHES["wrong-state-loaded"]
    monkeypatch.setitem(
        PATCHES, "gone", type(patch)("gone", patch.module, "no such text", "", patch.scenario, "O3")
    )
    with pytest.raises(RuntimeError, match="0 places"), planted("gone"):
        pass

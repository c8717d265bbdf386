"""What hunts come to is one table, and what is said of it follows from it."""

import json

import pytest

from netsim.hunt import Kill, Record
from netsim.kill_matrix import kill_table, markdown
from netsim.planted_bugs import NOT_EXPRESSIBLE, PATCHES
from scenarios.load import load_scenario


def record(name: str, *hunts: tuple[str, ...]) -> Record:
    kills = [Kill(name, seed, 10 * seed, seed / 2, "", laws, None) for seed, laws in enumerate(hunts, 1)]
    return Record(name, tuple(kills), load_scenario("latency-lan") if any(hunts) else None)


@pytest.fixture
def records() -> list[Record]:
    return [
        record("lost-peer-kept-in-the-fold", ("O13", "D1"), ("O13", "D1"), ("O13", "D1")),
        record("one-ack-for-all", ("O10", "O13", "D1"), ("O10", "O13", "D1"), ("O2", "O10", "D1", "O13")),
        record("always-speculative", ("A11",), ("A11",), ("A11",)),
        record("never-compared", (), ("O9",), ()),
        record("cut-is-minimum", ("UsageError",), ("UsageError",), ("WireError",)),
    ]


def test_the_table_says_who_is_needed_who_is_a_twin_and_who_survived(records: list[Record]) -> None:
    table = kill_table(records)
    assert table["noticed_by"] == ["A11", "D1", "O2", "O9", "O10", "O13", "UsageError", "WireError"]
    assert table["alone"] == {"A11": ["always-speculative"], "O9": ["never-compared"]}
    assert table["by_no_law"] == {"cut-is-minimum": ["UsageError", "WireError"]}
    assert table["twins"] == [["D1", "O13"]]
    assert [bug["is_dead"] for bug in table["bugs"]] == [True, True, True, False, True]
    assert table["bugs"][1]["laws"] == {"D1": 3, "O10": 3, "O13": 3, "O2": 1}
    assert table["bugs"][1]["cases"] == [10, 20, 30]
    assert (table["bugs"][1]["median_cases"], table["bugs"][1]["median_seconds"]) == (20, 1.0)
    assert not table["is_whole"]
    assert kill_table(record(name, ()) for name in PATCHES)["is_whole"]
    assert len(table["not_expressible"]) == len(NOT_EXPRESSIBLE)


def test_the_page_is_made_of_the_table_alone(records: list[Record]) -> None:
    page = markdown(json.loads(json.dumps(kill_table(records))))
    summary = PATCHES["one-ack-for-all"].summary
    assert f"| `one-ack-for-all` | {summary} | 20 | 1.0 | 2 × " in page
    assert "| D1, O10, O13, O2 (1) |" in page
    assert "| `one-ack-for-all` |  | ● | ○ |  | ● | ● |  |  |" in page
    assert "- By no law, an error stops it: `cut-is-minimum` (UsageError, WireError)." in page
    assert "UsageError alone notices" not in page
    assert "- A11 alone notices `always-speculative`." in page
    assert "- Always together: D1 and O13." in page

"""The page of fuzzing says what the result says: the verdict, each law's work, what was met and missed."""

import json
import re
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_words import words

from reports.errors import ResultError
from reports.fuzzing import FUZZ_FILE, bar_percent, confidence, read_fuzzing, sentence, write_fuzzing


def result(**changes: Any) -> dict[str, Any]:
    table = {
        "ok": True,
        "command": "sametick fuzz --profile nightly --seed 7",
        "ended_at_utc": "2026-11-26 04:00",
        "build": "0123456789abcdef" * 4,
        "profile": "nightly",
        "seed": 7,
        "jobs": 2,
        "patch": None,
        "cases": 3_000,
        "frames": 700_000,
        "seconds": 90,
        "reached": {"rollback": 2_000, "stall under <loss>": 30, "more than four peers": 0},
        "must_reach": ["rollback"],
        "missed": [],
        "laws": {
            "O1": {"name": "prefix agreement", "says": "All peers hold the same inputs."},
            "O11": {"name": "confirmation lag", "says": "Confirmation lags by no more than it must."},
            "O23": {"name": "reliable items", "says": "What must arrive is sent again in time."},
        },
        "comparisons": {"O1": 1_234_567, "O11": 0, "O23": 99},
        "least_room": {"O23": {"room": 33_340, "unit": "us"}, "O11": {"room": 1, "unit": "frames"}},
        "not_played": [],
        "failure": None,
    }
    return {**table, **changes}


def page(folder: Path, **changes: Any) -> str:
    (folder / FUZZ_FILE).write_text(json.dumps(result(**changes)))
    return write_fuzzing(read_fuzzing(folder), folder / "report.html").read_text("utf-8")


def test_what_is_said_first() -> None:
    assert sentence(result()) == "3,000 scenarios that nobody thought of: every law held in each."
    assert confidence(result()).startswith(
        "With no failure in 3,000 cases, fewer than 0.1 % of such cases fail"
    )
    missed = result(ok=False, missed=["more than four peers"])
    assert sentence(missed).endswith("But 1 condition that must be met never was.")
    assert sentence(result(not_played=["a", "b"])).endswith("But 2 batches could not be played.")
    assert confidence(result(not_played=["a"])) == "", "they may have failed"
    assert "Then it was stopped." in sentence(result(stopped=True))
    assert sentence(result(cases=0, stopped=True)) == "Nothing was played."
    failure = {"kind": "O1", "sentence": "A law does not hold.", "command": "sametick sim a.json"}
    assert sentence(result(failure=failure)) == "A law does not hold."
    assert confidence(result(failure=failure)) == ""


def test_every_law_has_a_row_also_one_that_compared_nothing(tmp_path: Path) -> None:
    text = words(page(tmp_path))
    assert "O1 prefix agreement All peers hold the same inputs. 1,234,567 –" in text
    assert "O11 confirmation lag Confirmation lags by no more than it must. never 1 frame" in text
    assert "O23 reliable items What must arrive is sent again in time. 99 33 ms" in text


def test_conditions_are_counted_and_those_that_were_missed_are_marked(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "rollback 2,000" in words(text)
    assert "stall under &lt;loss&gt;" in text
    assert "All that this profile must meet were met." in text
    short = page(tmp_path, must_reach=["rollback", "more than four peers"])
    assert "a run that is cut short need not" in short
    assert 'class="missed"' not in text
    assert "2 of 3" in text
    missed = page(tmp_path, ok=False, missed=["more than four peers"])
    assert missed.count('class="missed"') == 1
    assert "✗ more than four peers never" in words(missed)


def test_a_failure_stands_before_all_figures_with_its_command(tmp_path: Path) -> None:
    failure = {"kind": "O1", "sentence": "A law does not hold.", "command": "sametick sim out/o1.json"}
    text = words(page(tmp_path, ok=False, cases=12, failure=failure))
    told = "What went wrong O1 prefix agreement All peers hold the same inputs. Met after 12 cases."
    assert told in text
    assert text.index("sametick sim out/o1.json") < text.index("The laws at work")
    unknown = {**failure, "kind": "KeyError"}
    assert "What went wrong KeyError Met after" in words(page(tmp_path, ok=False, failure=unknown))


def test_the_page_is_whole_and_always_the_same(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert text == page(tmp_path)
    assert not re.findall(r'(?:src|href)="', text), "nothing is fetched"
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', text)) <= set(ids)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_bar_is_as_long_as_the_scale_at_most_and_what_is_more_has_none_shorter(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert 0 <= bar_percent(low, high) <= bar_percent(high, high) <= 100
    assert (bar_percent(low, high) == 0) == (low == 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "expected object, found list"),
        (json.dumps({"ok": True}), "missing"),
        (json.dumps(result(cases="many")), "expected int, found str"),
        (json.dumps(result(seconds=None)), "expected float, found NoneType"),
    ],
)
def test_what_is_no_result_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / FUZZ_FILE).write_text(text)
    with pytest.raises(ResultError, match=told) as error:
        read_fuzzing(tmp_path)
    assert str(tmp_path / FUZZ_FILE) in error.value.where
    assert "sametick fuzz" in error.value.remedy


def test_what_is_counted_stands_beside_the_page_for_other_programs(tmp_path: Path) -> None:
    page(tmp_path)
    assert (tmp_path / "conditions.csv").read_text().splitlines() == [
        "condition,cases,must_be_met",
        "rollback,2000,True",
        "stall under <loss>,30,False",
        "more than four peers,0,False",
    ]
    laws = pandas.read_parquet(tmp_path / "laws.parquet").set_index("law")
    assert dict(laws["comparisons"]) == result()["comparisons"]
    assert laws["name"]["O1"] == "prefix agreement"
    page(tmp_path, reached={}, laws={}, comparisons={})
    assert (tmp_path / "laws.csv").read_text() == "law,name,comparisons\n"

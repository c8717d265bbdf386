"""The page of planted bugs is their table: who notices which, after how long, and what cannot be planted."""

import json
import re
from pathlib import Path
from typing import Any

import pandas
import pytest
from page_words import words

from reports.errors import ResultError
from reports.mutants import MUTANTS_FILE, read_mutants, sentence, with_code, write_mutants


def bug(name: str, laws: dict[str, int], cases: int = 3, **changes: Any) -> dict[str, Any]:
    found = {
        "name": name,
        "summary": f"what {name} does",
        "cases": [cases] * 3,
        "median_cases": cases,
        "seconds": [0.2] * 3,
        "median_seconds": 0.2,
        "laws": laws,
        "small": {"peers": 2, "frames": 1_200, "events": 1},
        "is_dead": True,
    }
    return {**found, **changes}


def result(**changes: Any) -> dict[str, Any]:
    table = {
        "ok": True,
        "command": "sametick mutants --hunts 3 --cases 5000",
        "ended_at_utc": "2026-11-26 04:00",
        "build": "0123456789abcdef" * 4,
        "most_cases": 5_000,
        "survivors": [],
        "not_hunted": [],
        "hunts": 3,
        "is_whole": True,
        "bugs": [
            bug("first", {"O1": 3, "O2": 1}),
            bug("second", {"O2": 3}, 88),
            bug("third", {"KeyError": 3}),
        ],
        "noticed_by": ["O1", "O2", "KeyError"],
        "laws": {
            "O1": {"name": "prefix agreement", "says": "…"},
            "O2": {"name": "provenance", "says": "…"},
            "O11": {"name": "confirmation lag", "says": "…"},
        },
        "alone": {"O2": ["second"], "KeyError": ["third"]},
        "twins": [["D1", "O1"]],
        "not_expressible": [{"bug": "one <more>", "reason": "there is none (`first` is its kin)"}],
    }
    return {**table, **changes}


def page(folder: Path, **changes: Any) -> str:
    (folder / MUTANTS_FILE).write_text(json.dumps(result(**changes)))
    return write_mutants(read_mutants(folder), folder / "report.html").read_text("utf-8")


def survivor() -> dict[str, Any]:
    bugs = [bug("first", {"O1": 3}), bug("second", {}, 5_000, is_dead=False, small=None)]
    return {"ok": False, "bugs": bugs, "survivors": ["second"], "noticed_by": ["O1"]}


def test_what_is_said_first() -> None:
    assert sentence(result()) == "3 bugs planted, each noticed in every hunt."
    assert sentence(result(**survivor())) == "2 bugs planted, 1 of them not always noticed."
    assert sentence(result(not_hunted=["x"])).endswith(" 1 could not be hunted.")


def test_the_matrix_has_a_row_per_bug_a_column_per_law_and_words_in_every_cell_that_says_something(
    tmp_path: Path,
) -> None:
    text = page(tmp_path)
    matrix = text[text.index('id="matrix"') : text.index('id="bugs"')]
    body = matrix[matrix.index("<tbody>") : matrix.index("</tbody>")]
    rows = body.split("<tr")[1:]
    assert [row.count("<td") for row in rows] == [3, 3, 3]
    assert [re.findall(r'class="unseen">([^<]+)', row) for row in rows] == [
        ["O1 in every hunt", "O2 in 1 of 3 hunts"],
        ["O2 in every hunt"],
        ["KeyError in every hunt"],
    ]
    assert [re.findall(r'<td class="(\w+)"', row) for row in rows] == [["all", "some"], ["all"], ["all"]]
    assert matrix.count('scope="col"') == 4
    assert "O2 provenance" in words(matrix)
    assert "bugs noticed 1 2 1" in words(matrix)


def test_each_bug_has_its_figures(tmp_path: Path) -> None:
    text = words(page(tmp_path))
    assert "first what first does 3 0.2 2 × 1,200, 1 event O1 , O2 (1)" in text
    assert "88, for second" in text
    assert "3 of 3" in text


def test_what_the_laws_are_worth(tmp_path: Path) -> None:
    text = words(page(tmp_path))
    assert "O2 provenance second" in text
    assert "Always broken together: D1 and O1." in text
    assert "Broken by none of these bugs: O11 (confirmation lag)." in text
    assert "Broken by none" not in page(tmp_path, is_whole=False), "of a few bugs that says nothing"


def test_a_bug_that_survives_and_one_that_was_not_hunted_stand_first(tmp_path: Path) -> None:
    text = words(page(tmp_path, **survivor(), not_hunted=["third: its process died, 2 times"]))
    head = text[: text.index("Which law notices which bug")]
    assert "second In at least one hunt no law broke in 5,000 cases." in head
    assert "third: its process died, 2 times" in head
    assert "1 of 2" in head
    assert "5,000 0.2 – nothing" in text


def test_no_bug_at_all_is_a_page_too(tmp_path: Path) -> None:
    assert "0 of 0" in page(tmp_path, bugs=[], noticed_by=[], alone={}, twins=[], not_hunted=["first: died"])


def test_names_between_backticks_are_code_and_all_else_is_text(tmp_path: Path) -> None:
    assert str(with_code("a < `b` & `c>`")) == "a &lt; <code>b</code> &amp; <code>c&gt;</code>"
    text = page(tmp_path)
    assert "one &lt;more&gt;" in text
    assert "(<code>first</code> is its kin)" in text


def test_the_page_is_whole_and_always_the_same(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert text == page(tmp_path)
    assert not re.findall(r'(?:src|href)="', text), "nothing is fetched"
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', text)) <= set(ids)


def test_what_is_no_result_is_named(tmp_path: Path) -> None:
    broken = result(bugs=[{**bug("first", {}), "laws": []}])
    (tmp_path / MUTANTS_FILE).write_text(json.dumps(broken))
    with pytest.raises(ResultError, match="expected dict, found list") as error:
        read_mutants(tmp_path)
    assert error.value.where.endswith("bugs[0].laws")
    assert "sametick mutants" in error.value.remedy


def test_the_kill_matrix_stands_beside_the_page_for_other_programs(tmp_path: Path) -> None:
    table = result()
    write_mutants(table, tmp_path / "report.html")
    matrix = pandas.read_csv(tmp_path / "kill-matrix.csv").set_index("bug")
    assert matrix.equals(pandas.read_parquet(tmp_path / "kill-matrix.parquet").set_index("bug"))
    for each in table["bugs"]:
        noticed = {
            law: times for law, times in matrix.loc[each["name"], table["noticed_by"]].items() if times
        }
        assert noticed == each["laws"]
    assert set(matrix["hunts"]) == {3}

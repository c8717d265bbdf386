"""A folder that is no result is refused with its first fault, by file and key."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.errors import ResultError
from reports.read_result import check_table, read_result


def keys(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of the table, lists by their first entry."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from keys(inner, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from keys(value[0], (*path, 0))


def test_a_sample_is_read(tmp_path: Path, sample: ModuleType) -> None:
    result = read_result(sample.write_sample(tmp_path, seconds=2))
    assert result.table["data"]["rows"] == 60
    assert sorted(result.shared) == sorted(result.local) == [0, 1]


@given(data=st.data())
def test_a_key_that_a_report_needs_is_named_when_it_is_missing(
    sample: ModuleType, data: st.DataObject
) -> None:
    table = sample.sample_table(seconds=1)
    needed = [
        path
        for path in keys(table)
        if path[0] not in ("format", "versions", "exercised")
        and path[-1] not in OPTIONAL
        and not {"metrics", "link", "players"} & set(path[:-1])
        and (path[0] != "scenario" or path[-1] in ("scenario", "name", "seed", "game", "id"))
    ]
    path = data.draw(st.sampled_from(needed))
    holder = table
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    with pytest.raises(ResultError) as caught:
        check_table(table, "result.json")
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    assert caught.value.where == f"result.json: {text}"
    assert caught.value.what == "missing"


OPTIONAL = {
    *("first_difference", "summary", "group", "params", "frame", "peer", "violation", "params", "duplicated"),
    *("reordered", "bytes", "delay_p50_us", "delay_p95_us", "delay_max_us", "format", "limit_us"),
}


def test_a_wrong_type_is_named(sample: ModuleType) -> None:
    table = sample.sample_table(seconds=1)
    table["verdict"]["ok"] = "yes"
    with pytest.raises(ResultError, match=r"expected bool, found str .*verdict\.ok"):
        check_table(table, "result.json")
    table = sample.sample_table(seconds=1)
    table["data"]["rows"] = True
    with pytest.raises(ResultError, match="expected int, found bool"):
        check_table(table, "result.json")


def test_series_must_have_a_value_for_each_time(sample: ModuleType) -> None:
    table = copy.deepcopy(sample.sample_table(seconds=1))
    table["peers"][1]["series"]["stalled"].pop()
    with pytest.raises(ResultError, match=r"9 values for 10 times .*peers\[1\]\.series\.stalled"):
        check_table(table, "result.json")


def test_another_format_is_refused(sample: ModuleType) -> None:
    table = sample.sample_table(seconds=1) | {"format": 2}
    with pytest.raises(ResultError, match="format 2; this build reads format 1"):
        check_table(table, "result.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', json.dumps({"format": 1})])
def test_what_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(ResultError):
        read_result(tmp_path)


def test_no_folder_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="not a result folder"):
        read_result(tmp_path / "nowhere")
    with pytest.raises(ResultError, match=r"no result\.json"):
        read_result(tmp_path)

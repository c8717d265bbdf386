"""Whatever was uploaded can be read as far as it makes sense, and never stops the reader."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live.server.protocol import strict_json
from live.server.uploads import read_upload

GOOD = json.dumps({"first": 0, "frames": [[[1, 2], 3, 0]], "rows": "a\n"})
NEXT = json.dumps({"first": 1, "frames": [[[0, 2], 3, 0]], "rows": "b\n"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
near_frames = st.fixed_dictionaries({"first": json_values, "frames": json_values, "rows": json_values})
near_frame = st.lists(st.lists(json_values, max_size=3), max_size=3)
chunks = st.text(max_size=20) | (json_values | near_frames | near_frame).map(json.dumps)


@given(
    frames=st.lists(chunks, max_size=3), local=st.lists(chunks, max_size=3), log=st.lists(chunks, max_size=3)
)
@example(frames=["[" * 100_000], local=[], log=[])
@example(frames=[], local=['"\\ud800"'], log=['{"events": [["late", "x", {}]]}'])
def test_anything_can_be_read(frames: list[str], local: list[str], log: list[str]) -> None:
    upload = read_upload(frames, local, log)
    for actions, focus, left in upload.frames:
        assert all(type(each) is int for each in [*actions, focus, left])
    for at_us, kind, fields in upload.log:
        assert (type(at_us), type(kind), type(fields)) == (int, str, dict)
    (upload.rows + upload.local).encode()
    json.dumps(upload.log, allow_nan=False).encode()


def test_good_chunks_are_read_whole() -> None:
    log = json.dumps({"events": [[5, "started", {"frame": 0}]]})
    upload = read_upload([GOOD, NEXT], [json.dumps({"rows": "x\n"})], [log])
    assert upload.frames == [([1, 2], 3, 0), ([0, 2], 3, 0)]
    assert (upload.rows, upload.local, upload.problem) == ("a\nb\n", "x\n", None)
    assert upload.log == ((5, "started", {"frame": 0}),)


@pytest.mark.parametrize(
    "chunk",
    [
        "[]",
        "{}",
        "not json",
        GOOD.replace("0", "true", 1),
        GOOD.replace("3", "1.5"),
        GOOD.replace("3", "NaN"),
        GOOD.replace("3", "9" * 400),
        GOOD.replace("3", "-1"),
        GOOD.replace("[1, 2]", "1"),
        GOOD.replace(", 3", ""),
        GOOD.replace('"a\\n"', "7"),
        GOOD,  # its frames are there already
    ],
)
def test_a_chunk_that_is_none_ends_its_table_and_is_named(chunk: str) -> None:
    upload = read_upload([GOOD, chunk, NEXT])
    assert upload.frames == [([1, 2], 3, 0)]
    assert upload.rows == "a\n"
    assert upload.problem is not None
    assert upload.problem.startswith("frames")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "expected value"),
        ("[-Infinity]", "invalid number"),
        ("1e999", "Out of range float"),
        ('"\\ud800"', "hex escape"),
        ("[" * 1_000, "recursion limit"),
        ("9" * 5_000, "number out of range"),
        ("", "EOF"),
    ],
)
def test_json_is_the_standards(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        strict_json(text)


@given(value=json_values)
def test_what_the_standard_has_is_read(value: Any) -> None:
    text = json.dumps(value)
    try:
        json.dumps(value, allow_nan=False)
        text.encode()
    except ValueError:
        return
    if any(abs(number) > 2**63 for number in integers_of(value)) or "\\ud" in text:
        return
    assert strict_json(text) == value


def integers_of(value: Any) -> list[int]:
    if isinstance(value, list):
        return [number for each in value for number in integers_of(each)]
    if isinstance(value, dict):
        return integers_of(list(value.values()))
    return [value] if isinstance(value, int) else []

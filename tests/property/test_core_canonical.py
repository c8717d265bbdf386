"""Canonical bytes: there and back, one string per value, and the one leaf that differs is named."""

import math
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rollback_core import canonical
from rollback_core.errors import UsageError, WireError

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.floats(allow_nan=True),
    st.sampled_from([0.0, -0.0, 1.0, -1.0]),
    st.text(st.characters(), max_size=6),
    st.binary(max_size=6),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
    ),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    """Equal with types, signs of zero and NaN; a list and a tuple count as one."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


@given(VALUES)
@example("\ud800 is half of a pair")
def test_there_and_back(value: Any) -> None:
    data = canonical.encode(value)
    decoded = canonical.decode(data)
    assert same(decoded, value)
    assert canonical.encode(decoded) == data


@given(VALUES, VALUES)
def test_one_string_per_value(left: Any, right: Any) -> None:
    assert (canonical.encode(left) == canonical.encode(right)) == same(left, right)


@given(st.lists(LEAVES, min_size=2, max_size=2))
def test_neighbouring_leaves_are_told_apart(pair: list[Any]) -> None:
    left, right = pair
    assert (canonical.encode(left) == canonical.encode(right)) == same(left, right)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=6), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_count(table: dict[str, int], random: Any) -> None:
    keys = list(table)
    random.shuffle(keys)
    assert canonical.encode({key: table[key] for key in keys}) == canonical.encode(table)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        canonical.decode(data)
    except WireError:
        pass


@given(VALUES, st.data())
def test_damaged_bytes_are_read_or_refused(value: Any, data: st.DataObject) -> None:
    encoded = bytearray(canonical.encode(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    del encoded[data.draw(st.integers(at, len(encoded))) :]
    try:
        canonical.decode(bytes(encoded))
    except WireError:
        pass


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], f"{path}.{key}" if path else key)]
    if isinstance(value, tuple):
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, f"{path}[{index}]")]
    return [(path, value)]


def with_leaf(value: Any, number: int, new: Any) -> tuple[Any, int]:
    """The value with its leaf of that number changed; and how many leaves were passed."""
    if isinstance(value, dict):
        table = {}
        for key in value:
            table[key], number = with_leaf(value[key], number, new)
        return table, number
    if isinstance(value, tuple):
        items = []
        for item in value:
            changed, number = with_leaf(item, number, new)
            items.append(changed)
        return tuple(items), number
    return (new if number == 0 else value), number - 1


NAMED = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", "mix", "total"]), inner, max_size=3),
    ),
    max_leaves=10,
)


@given(NAMED, LEAVES, st.data())
def test_the_one_changed_leaf_is_named(value: Any, new: Any, data: st.DataObject) -> None:
    places = leaves(value)
    assume(places)
    number = data.draw(st.integers(0, len(places) - 1))
    path, old = places[number]
    assume(not same(old, new))
    changed, _ = with_leaf(value, number, new)
    assert canonical.first_difference(value, value) is None
    found = canonical.first_difference(value, changed)
    assert found is not None
    assert found[0] == path
    assert same(found[1], old)
    assert same(found[2], new)


@given(VALUES, VALUES)
def test_a_difference_is_found_exactly_when_bytes_differ(left: Any, right: Any) -> None:
    differ = canonical.encode(left) != canonical.encode(right)
    assert (canonical.first_difference(left, right) is not None) == differ


@given(st.one_of(st.just("(missing)"), LEAVES), st.sampled_from(["table", "list"]))
def test_what_one_side_lacks_is_a_difference(value: Any, kind: str) -> None:
    if kind == "table":
        found = canonical.first_difference({"a": 1, "b": value}, {"a": 1})
        path = "b"
    else:
        found = canonical.first_difference((1, value), (1,))
        path = "[1]"
    assert found is not None
    assert found[0] == path


class Odd:
    pass


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {"b": Odd()}]}, r"value\.a\[1\]\.b"),
        ([{1}], r"value\[0\]"),
        ({"a": {1: 2}}, r"value\.a"),
        (1j, "value"),
    ],
)
def test_what_has_no_bytes_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(UsageError, match=path):
        canonical.encode(value)


def test_depth_is_limited_on_both_sides() -> None:
    value: Any = 1
    for _ in range(32):
        value = [value]
    assert canonical.encode(canonical.decode(canonical.encode(value))) == canonical.encode(value)
    with pytest.raises(UsageError, match="deeper"):
        canonical.encode([value])
    with pytest.raises(WireError, match="deep"):
        canonical.decode((b"l\x01\x00\x00\x00" * 10_000) + b"N")


@pytest.mark.parametrize("digits", [b"", b"-", b"1a", b"+1", b"1" * 5_000])
def test_what_is_no_int_is_refused_as_such(digits: bytes) -> None:
    with pytest.raises(WireError, match="not an int"):
        canonical.decode(b"i" + len(digits).to_bytes(4, "little") + digits)


@pytest.mark.parametrize("digits", [999, 1_000, 1_001, 4_000])
def test_an_int_is_refused_by_both_sides_or_by_none(digits: int) -> None:
    value = -int("7" * digits)
    try:
        data = canonical.encode(value)
    except UsageError:
        return
    assert canonical.decode(data) == value

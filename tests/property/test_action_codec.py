"""ActionCodec: every combination of parts is one int and comes back; nothing else does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback_core.adapters import ActionCodec
from rollback_core.errors import UsageError
from rollback_core.simulation import MAX_ACTION_COUNT

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=8).filter(
    lambda each: math.prod(each) <= MAX_ACTION_COUNT
)


@given(sizes, st.data())
def test_int_and_parts_are_one_to_one(each: list[int], data: st.DataObject) -> None:
    codec = ActionCodec(each)
    action = data.draw(st.integers(0, codec.count - 1))
    parts = codec.decode(action)
    assert all(0 <= part < size for part, size in zip(parts, each, strict=True))
    assert codec.encode(parts) == action
    assert codec.count == math.prod(each)


@given(sizes)
def test_first_part_is_the_highest_digit(each: list[int]) -> None:
    codec = ActionCodec(each)
    assert [codec.decode(action) for action in range(min(codec.count, 50))] == sorted(
        codec.decode(action) for action in range(min(codec.count, 50))
    )
    assert codec.decode(codec.count - 1) == tuple(size - 1 for size in each)


@given(sizes, st.data())
def test_what_is_out_of_range_is_refused(each: list[int], data: st.DataObject) -> None:
    codec = ActionCodec(each)
    beyond = data.draw(st.integers(max_value=-1) | st.integers(min_value=codec.count))
    with pytest.raises(UsageError, match=f"action {beyond} is not in"):
        codec.decode(beyond)
    parts = [0] * len(each)
    place = data.draw(st.integers(0, len(each) - 1))
    parts[place] = data.draw(st.integers(max_value=-1) | st.integers(min_value=each[place]))
    with pytest.raises(UsageError, match=f"part {parts[place]} of an action is not in"):
        codec.encode(parts)
    with pytest.raises(UsageError, match=f"has {len(each)} parts, not {len(each) + 1}"):
        codec.encode([0] * (len(each) + 1))


@given(st.lists(st.integers(-2, 70_000), max_size=4))
def test_sizes_that_make_no_action_are_refused(each: list[int]) -> None:
    if each and min(each) >= 1 and math.prod(each) <= MAX_ACTION_COUNT:
        assert ActionCodec(each).sizes == tuple(each)
        return
    with pytest.raises(UsageError, match=r"one choice or more|fit into an input"):
        ActionCodec(each)

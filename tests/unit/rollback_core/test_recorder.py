"""Where two tables part is found and named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback_core.recorder import csv_text, first_row_difference

HEADER = ("frame", "action", "reward")
rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.floats(0, 1)), max_size=6)


@given(rows=rows, length=st.integers(0, 6))
def test_whole_rows_from_the_beginning_are_no_difference(
    rows: list[tuple[int, int, float]], length: int
) -> None:
    assert first_row_difference(csv_text([HEADER, *rows[:length]]), csv_text([HEADER, *rows])) is None


@given(rows=rows, cut=st.integers(1, 200))
def test_half_a_row_is_one(rows: list[tuple[int, int, float]], cut: int) -> None:
    longest = csv_text([HEADER, *rows])
    text = longest[:-cut]
    is_whole = text.endswith("\n") and text.startswith(csv_text([HEADER]))
    assert (first_row_difference(text, longest) is None) == is_whole


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ([(1, 2, 0)], [(1, 3, 0)], "frame 1, action: 2 ≠ 3"),
        ([(1, 2, 0), (2, 2, 0)], [(1, 2, 0), (2, 2, 1)], "frame 2, reward: 0 ≠ 1"),
        ([(1, 2, 0), (2, 2, 0)], [(1, 2, 0)], "the tables have different lengths"),
    ],
)
def test_the_first_cell_is_named(
    left: list[tuple[int, ...]], right: list[tuple[int, ...]], said: str
) -> None:
    assert first_row_difference(csv_text([HEADER, *left]), csv_text([HEADER, *right])) == said

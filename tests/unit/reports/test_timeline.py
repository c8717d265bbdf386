"""Thinning never hides the value that matters, and every fault has a name."""

import math
import re
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st

from reports.timeline import spans, thin, timeline

VALUES = st.lists(st.none() | st.integers(-1000, 1000), max_size=200)


@given(values=VALUES, limit=st.integers(1, 50))
def test_thinning_keeps_the_extreme_and_the_bound(values: list[float | None], limit: int) -> None:
    times = [index * 1000 for index in range(len(values))]
    kept_times, kept = thin(times, values, limit)
    assert len(kept_times) == len(kept) <= limit
    assert kept_times == sorted(kept_times)
    known = [abs(value) for value in values if value is not None]
    shown = [abs(value) for value in kept if not math.isnan(value)]
    assert max(shown, default=0) == max(known, default=0)
    assert bool(shown) == bool(known)


@given(values=VALUES)
def test_a_short_series_is_drawn_whole(values: list[float | None]) -> None:
    _, kept = thin(list(range(len(values))), values, 200)
    assert [None if math.isnan(value) else value for value in kept] == values


@given(steps=st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=60))
def test_waiting_is_drawn_without_gaps_however_samples_are_spaced(steps: list[tuple[int, bool]]) -> None:
    times, now = [], 0
    for step, _ in steps:
        now += step
        times.append(float(now))
    waits = [float(waiting) for _, waiting in steps]
    drawn = spans(times, waits)
    runs = sum(1 for index, wait in enumerate(waits) if wait and (index == 0 or not waits[index - 1]))
    assert len(drawn) == runs
    assert sum(end - start for start, end in drawn) == sum(s for s, w in steps[1:] if w)


def test_every_fault_is_named_or_counted(sample: ModuleType) -> None:
    table = sample.sample_table(seconds=20)
    event = table["events"][0]
    table["events"] = [{**event, "label": f"fault {n}"} for n in range(40)]
    drawn = timeline(table)
    named = len(set(re.findall(r">(fault \d+)<", drawn)))
    assert named > 0
    assert f"+ {40 - named} more," in drawn


def test_a_fault_says_when_and_how_long_in_the_label(sample: ModuleType) -> None:
    label = re.search(r'aria-label="([^"]*)"', timeline(sample.sample_table()))
    assert label is not None
    assert "At 21 s: blackout for 1.5 s." in label[1]

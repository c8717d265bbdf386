"""The tables: cells that a CSV reader gives back, rows written once, local rows beside their frames."""

import csv
import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback_core.events import CommittedFrame, FrameOutcome, RolledBack
from rollback_core.recorder import Recorder, csv_text, local_header, shared_header, shared_row
from rollback_core.simulation import GameSpec

SPEC = GameSpec(id="table-v1", agents=("a", "b"), action_count=4, info_keys=("note", "n"))

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    st.text(st.sampled_from('",\n\r a;'), max_size=6),
)


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=5), min_size=1, max_size=6))
def test_a_csv_reader_gives_the_cells_back(rows: list[list[Any]]) -> None:
    text = csv_text(rows)
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert read == [[as_text(cell) for cell in row] for row in rows]
    assert text.endswith("\n")


@given(
    st.lists(st.lists(st.text(st.sampled_from('",\nab '), max_size=6), min_size=2, max_size=4), max_size=5)
)
def test_texts_are_quoted_as_the_csv_module_does(rows: list[list[str]]) -> None:
    expected = io.StringIO(newline="")
    csv.writer(expected, lineterminator="\n").writerows(rows)
    assert csv_text(rows) == expected.getvalue()


@given(st.floats())
def test_a_float_comes_back_to_the_bit(value: float) -> None:
    (cell,) = csv_text([[value, 0]]).strip().split(",")[:1]
    assert (math.isnan(value) and math.isnan(float(cell))) or float(cell).hex() == value.hex()


@st.composite
def committed(draw: st.DrawFn) -> list[CommittedFrame]:
    frames = []
    for frame in range(draw(st.integers(1, 30))):
        outcome = None
        if draw(st.booleans()):
            outcome = FrameOutcome(
                draw(st.integers(0, 3)),
                draw(st.integers(0, 99)),
                (draw(st.integers(0, 3)), 1),
                (draw(st.floats(-2, 2)), 0.0),
                (False, draw(st.booleans())),
                (True, False),
                ((draw(st.text(max_size=3)), 1), (None, 2)),
                0,
            )
        mask = st.integers(0, 3)
        frames.append(CommittedFrame(frame, (0, 1), draw(mask), draw(mask), 0, outcome))
    return frames


@given(committed(), st.data())
def test_every_row_is_handed_out_once_whatever_the_batches(
    frames: list[CommittedFrame], data: st.DataObject
) -> None:
    recorder = Recorder(SPEC)
    rollbacks: dict[int, list[RolledBack]] = {}
    shown: dict[int, int] = {}
    for frame in frames:
        for _ in range(data.draw(st.integers(0, 2))):
            rollback = RolledBack(frame.frame, data.draw(st.integers(1, 9)), 1, 0, 2)
            rollbacks.setdefault(frame.frame, []).append(rollback)
            recorder.rolled_back(rollback)
        if data.draw(st.booleans()):
            recorder.presented(frame.frame, 100 * frame.frame)
            recorder.presented(frame.frame, 7)
            shown[frame.frame] = 100 * frame.frame
    shared: list[CommittedFrame] = []
    local: list[tuple[Any, ...]] = []
    at = 0
    while at < len(frames):
        size = data.draw(st.integers(1, len(frames) - at))
        recorder.committed(frames[at : at + size])
        at += size
        if data.draw(st.booleans()):
            shared += recorder.take_shared()
            local += recorder.take_local()
    shared += recorder.take_shared()
    local += recorder.take_local()
    assert shared == frames
    assert (recorder.take_shared(), recorder.take_local()) == ([], [])
    expected = [
        (
            frame.frame,
            frame.outcome.episode,
            frame.outcome.t,
            bool(frame.speculative_mask & 1),
            bool(frame.speculative_mask & 2),
            ";".join(f"{r.depth}:1:0:2" for r in rollbacks.get(frame.frame, [])),
            shown.get(frame.frame),
            "direct",
        )
        for frame in frames
        if frame.outcome is not None
    ]
    assert local == expected
    assert not recorder.pending_rollbacks


@given(committed())
def test_a_shared_row_stands_under_its_header(frames: list[CommittedFrame]) -> None:
    header = shared_header(SPEC)
    assert len(set(header)) == len(header)
    for frame in frames:
        row = shared_row(frame)
        outcome = frame.outcome
        if outcome is None:
            assert row is None
            continue
        assert row is not None
        table = dict(zip(header, row, strict=True))
        assert (table["frame"], table["episode"], table["t"]) == (frame.frame, outcome.episode, outcome.t)
        for player, agent in enumerate(SPEC.agents):
            assert table[f"actions.{agent}"] == outcome.actions[player]
            assert table[f"rewards.{agent}"] == outcome.rewards[player]
            assert table[f"terminateds.{agent}"] == outcome.terminateds[player]
            assert table[f"truncateds.{agent}"] == outcome.truncateds[player]
            assert [table[f"infos.{agent}.{key}"] for key in SPEC.info_keys] == list(outcome.infos[player])
            assert table[f"isFocused.{agent}"] is bool(frame.focus_mask >> player & 1)


def frame(number: int) -> CommittedFrame:
    return CommittedFrame(number, (0, 0), 3, 0, 0, None)


@pytest.mark.parametrize("numbers", [[1], [0, 0], [0, 2], [0, 1, 1]])
def test_a_gap_or_a_repetition_is_refused(numbers: list[int]) -> None:
    recorder = Recorder(SPEC)
    for number in numbers[:-1]:
        recorder.committed([frame(number)])
    with pytest.raises(ValueError, match="after frame"):
        recorder.committed([frame(numbers[-1])])
    assert len(recorder.take_shared()) == len(numbers) - 1


def test_the_earliest_mark_of_invalid_data_stays() -> None:
    recorder = Recorder(SPEC)
    for number, reason in [(9, "a"), (4, "b"), (4, "c"), (7, "d")]:
        recorder.mark_invalid(number, reason)
    assert recorder.invalid_from == (4, "b")


def test_a_mark_is_made_more_exact_by_a_later_one_for_the_same_reason() -> None:
    recorder = Recorder(SPEC)
    for number, reason in [(4, "a"), (8, "b"), (6, "a")]:
        recorder.mark_invalid(number, reason)
    assert recorder.invalid_from == (6, "a")


def test_headers_are_the_documented_ones() -> None:
    assert ",".join(shared_header(SPEC)) == (
        "frame,episode,t,actions.a,actions.b,rewards.a,rewards.b,terminateds.a,terminateds.b,"
        "truncateds.a,truncateds.b,infos.a.note,infos.a.n,infos.b.note,infos.b.n,isFocused.a,isFocused.b"
    )
    assert ",".join(local_header(SPEC)) == (
        "frame,episode,t,wasSpeculative.a,wasSpeculative.b,rollbacks,presentedAtUs,path"
    )

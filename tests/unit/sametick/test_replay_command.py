"""Recorded rows against replayed ones: all peers' tables, as far as each goes."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from live.sources import build_id as live_build_id
from netsim.build import build_id
from sametick.replay_command import other_build, shared_tables, text_rows, verify

ROWS: list[list[Any]] = [["frame", "rewards.left", "won"], [0, 0.1, False], [1, -0.0, True], [2, 1e-07, None]]


def recorded(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "player-0.csv"
    file.write_text(text, newline="")
    return file


WHOLE = "frame,rewards.left,won\n0,0.1,false\n1,-0.0,true\n2,1e-07,\n"


@pytest.mark.parametrize(("lines", "rows"), [(4, 3), (2, 1), (1, 0)])
def test_a_table_equals_the_replay_as_far_as_it_goes(tmp_path: Path, lines: int, rows: int) -> None:
    text = "".join(WHOLE.splitlines(keepends=True)[:lines])
    found = verify(text_rows(ROWS), recorded(tmp_path, text), is_cut=False)
    assert found == {"rows": rows, "difference": None}


def test_a_changed_cell_is_named_with_both_values(tmp_path: Path) -> None:
    found = verify(text_rows(ROWS), recorded(tmp_path, WHOLE.replace("-0.0", "0.0")), is_cut=False)
    assert found["difference"] == "row 2 (frame 1), rewards.left: recorded 0.0, replayed -0.0"
    assert found["rows"] == 1


def test_more_rows_than_the_replay_are_wrong_unless_it_was_cut(tmp_path: Path) -> None:
    file = recorded(tmp_path, WHOLE)
    assert "1 rows more" in verify(text_rows(ROWS[:3]), file, is_cut=False)["difference"]
    assert verify(text_rows(ROWS[:3]), file, is_cut=True)["difference"] is None


def test_other_columns_and_an_empty_file(tmp_path: Path) -> None:
    for text in ("", "frame,x\n0,1\n"):
        assert (
            verify(text_rows(ROWS), recorded(tmp_path, text), is_cut=False)["difference"]
            == "the columns differ"
        )


def test_only_shared_tables_are_verified_in_order_of_peers(tmp_path: Path, sample: ModuleType) -> None:
    folder = sample.write_sample(tmp_path, seconds=1, peers=3)
    (folder / "player-10.csv").write_text("")
    names = [file.name for file in shared_tables(folder)]
    assert names == ["player-0.csv", "player-1.csv", "player-2.csv", "player-10.csv"]


def test_another_build_is_named_where_it_is_known(tmp_path: Path) -> None:
    assert other_build(tmp_path) == ""
    result = tmp_path / "result.json"
    live = json.dumps({"kind": "live", "build_id": live_build_id()})
    for text in ("[]", "{", json.dumps({"build_id": build_id()}), live):
        result.write_text(text)
        assert other_build(tmp_path) == ""
    result.write_text('{"build_id": "00112233445566"}')
    assert "00112233" in other_build(tmp_path)
    assert build_id()[:8] in other_build(tmp_path)

"""A comparison finds the first cell that differs, and only says "equal" of equal bytes."""

import csv
import io
import json
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.compare import A_ROW, NO_ROW, RAW_BYTES, WHOLE_ROW, Comparison, compare
from reports.errors import NotComparableError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header of distinct names, then at least one row of cells."""
    width = draw(st.integers(1, 6))
    names = draw(st.lists(TEXT.filter(bool), min_size=width, max_size=width, unique=True))
    rows = draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1, max_size=12))
    return [names, *rows]


def written(path: Path, table: list[list[str]]) -> Path:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    return path


def compared(folder: Path, left: list[list[str]], right: list[list[str]]) -> Comparison:
    return compare(written(folder / "a.csv", left), written(folder / "b.csv", right))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@given(table=tables())
def test_a_table_equals_its_copy(folder: Path, table: list[list[str]]) -> None:
    found = compared(folder, table, table)
    assert found.is_equal
    assert (found.rows, found.columns) == (len(table) - 1, len(table[0]))


@given(table=tables(), data=st.data())
def test_one_changed_cell_is_found_with_both_values(
    folder: Path, table: list[list[str]], data: st.DataObject
) -> None:
    row = data.draw(st.integers(1, len(table) - 1))
    column = data.draw(st.integers(0, len(table[0]) - 1))
    value = data.draw(TEXT.filter(lambda text: text != table[row][column]))
    changed = [list(cells) for cells in table]
    changed[row][column] = value
    found = compared(folder, table, changed).difference
    assert found is not None
    assert (found.row, found.column) == (row - 1, table[0][column])
    assert (found.left, found.right) == (table[row][column], value)


@given(table=tables(), data=st.data())
def test_of_many_changed_cells_the_first_is_told(
    folder: Path, table: list[list[str]], data: st.DataObject
) -> None:
    cells = [(row, column) for row in range(1, len(table)) for column in range(len(table[0]))]
    chosen = data.draw(st.lists(st.sampled_from(cells), min_size=1, unique=True))
    changed = [list(cells) for cells in table]
    for row, column in chosen:
        changed[row][column] += "x"
    found = compared(folder, table, changed).difference
    assert found is not None
    row, column = min(chosen)
    assert (found.row, found.column) == (row - 1, table[0][column])


@given(table=tables(), data=st.data())
def test_a_shorter_table_is_a_missing_row(folder: Path, table: list[list[str]], data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, len(table) - 1))
    found = compared(folder, table, table[:kept]).difference
    assert found is not None
    assert found.is_missing_row
    assert (found.row, found.column, found.left, found.right) == (kept - 1, WHOLE_ROW, A_ROW, NO_ROW)
    mirrored = compared(folder, table[:kept], table).difference
    assert mirrored is not None
    assert (mirrored.left, mirrored.right) == (NO_ROW, A_ROW)


@given(table=tables(), data=st.data())
def test_other_columns_are_not_comparable(folder: Path, table: list[list[str]], data: st.DataObject) -> None:
    column = data.draw(st.integers(0, len(table[0]) - 1))
    other = [list(cells) for cells in table]
    other[0][column] = data.draw(TEXT.filter(lambda text: text not in table[0]))
    with pytest.raises(NotComparableError, match="different columns"):
        compared(folder, table, other)


def test_the_frame_column_names_the_row(tmp_path: Path) -> None:
    left = [["frame", "t"], ["0", "0"], ["7", "1"]]
    found = compared(tmp_path, left, [*left[:2], ["7", "2"]]).difference
    assert found is not None
    assert found.frame == "7"
    assert found.sentence == "a.csv: frame 7, t: 1 ≠ 2"


def test_a_row_with_a_cell_too_many(tmp_path: Path) -> None:
    found = compared(tmp_path, [["a"], ["1"]], [["a"], ["1", "2"]]).difference
    assert found is not None
    assert found.column == "(cell 2)"


def test_equal_cells_in_other_bytes_are_a_difference(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "b.csv").write_bytes(b"a,b\r\n1,2\r\n")
    found = compare(tmp_path / "a.csv", tmp_path / "b.csv").difference
    assert found is not None
    assert found.column == RAW_BYTES
    assert (found.left, found.right) == ("byte 3: b'\\n'", "byte 3: b'\\r'")


def test_columns_in_another_order_say_so(tmp_path: Path) -> None:
    with pytest.raises(NotComparableError, match="another order"):
        compared(tmp_path, [["a", "b"], ["1", "2"]], [["b", "a"], ["2", "1"]])


@pytest.mark.parametrize("content", [b"", b"a\n\xff\n", b'a\n"open'])
def test_what_is_no_table_is_not_comparable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    (tmp_path / "b.csv").write_bytes(b"a\n1\n")
    with pytest.raises(NotComparableError):
        compare(tmp_path / "a.csv", tmp_path / "b.csv")


def test_folders_compare_every_peer(tmp_path: Path, sample: ModuleType) -> None:
    left = sample.write_sample(tmp_path / "a", seconds=5)
    right = sample.write_sample(tmp_path / "b", seconds=5)
    assert compare(left, right).is_equal
    assert compare(left, right).tables == 2
    table = right / "player-1.csv"
    lines = table.read_text().splitlines(keepends=True)
    lines[42] = lines[42].replace("True", "False", 1)
    table.write_text("".join(lines))
    found = compare(left, right).difference
    assert found is not None
    assert (found.file, found.row, found.frame) == ("player-1.csv", 41, "41")


def edit_result(folder: Path, game: str) -> None:
    file = folder / "result.json"
    table = json.loads(file.read_text())
    table["scenario"]["game"]["id"] = game
    file.write_text(json.dumps(table))


def test_folders_of_two_games_are_not_comparable(tmp_path: Path, sample: ModuleType) -> None:
    left = sample.write_sample(tmp_path / "a", seconds=1)
    right = sample.write_sample(tmp_path / "b", seconds=1)
    edit_result(right, "duel-v1")
    with pytest.raises(NotComparableError, match="two games: slime-v1 and duel-v1"):
        compare(left, right)


def test_folders_with_other_peers_are_not_comparable(tmp_path: Path, sample: ModuleType) -> None:
    left = sample.write_sample(tmp_path / "a", seconds=1)
    right = sample.write_sample(tmp_path / "b", seconds=1, peers=3)
    with pytest.raises(NotComparableError, match="tables of peers"):
        compare(left, right)


def test_a_folder_and_a_file_are_not_comparable(tmp_path: Path, sample: ModuleType) -> None:
    folder = sample.write_sample(tmp_path / "a", seconds=1)
    with pytest.raises(NotComparableError, match="a folder and a file"):
        compare(folder, folder / "player-0.csv")
    with pytest.raises(NotComparableError, match="no such"):
        compare(folder, tmp_path / "b")

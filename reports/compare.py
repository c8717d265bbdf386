"""Equal or not: two exported tables, or two result folders, down to the first cell that differs.

Cells are compared as text: an export is equal when it is equal byte for byte, so 1.0 is not 1. Rows
are read as a stream; memory does not grow with the length of the tables.
"""

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reports.errors import NotComparableError, ResultError
from reports.read_result import ResultFolder, read_result

NO_ROW: Final = "(no such row)"
A_ROW: Final = "(a row)"
NO_CELL: Final = "(no such cell)"
WHOLE_ROW: Final = "(row)"
RAW_BYTES: Final = "(bytes)"
_CHUNK_BYTES: Final = 1 << 20
_NAMED_COLUMNS: Final = 4  # of the columns that only one table has, so many are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first place where two tables part. `row` counts data rows from 0."""

    file: str
    row: int
    frame: str | None
    column: str
    left: str
    right: str

    @property
    def is_missing_row(self) -> bool:
        """True where one table ended before the other and all rows before were equal."""
        return self.column == WHOLE_ROW

    @property
    def sentence(self) -> str:
        place = f"row {self.row + 1:,}" if self.frame is None else f"frame {self.frame}"
        return f"{self.file}: {place}, {self.column}: {self.left} ≠ {self.right}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was compared, and where it first differed (None: equal)."""

    tables: int
    rows: int
    columns: int
    difference: Difference | None

    @property
    def is_equal(self) -> bool:
        return self.difference is None

    def as_table(self) -> dict[str, Any]:
        """Plain data for machines."""
        found = self.difference
        return {
            "verdict": "equal" if found is None else "different",
            "tables": self.tables,
            "rows": self.rows,
            "columns": self.columns,
            "difference": None
            if found is None
            else {
                "file": found.file,
                "row": found.row,
                "frame": found.frame,
                "column": found.column,
                "left": found.left,
                "right": found.right,
            },
        }


def compare(left: Path, right: Path) -> Comparison:
    """Compare two CSV exports or two result folders. Raises NotComparableError."""
    for path in (left, right):
        if not path.exists():
            raise NotComparableError("no such file or folder", str(path), "check the path")
    if left.is_dir() != right.is_dir():
        raise NotComparableError(
            "a folder and a file", f"{left} and {right}", "give two CSV files or two result folders"
        )
    return compare_folders(left, right) if left.is_dir() else compare_tables(left, right)


def compare_folders(left: Path, right: Path) -> Comparison:
    """Compare the shared tables of two runs, peer by peer."""
    a, b = _readable(left), _readable(right)
    _require_same_kind(a, b)
    tables = rows = columns = 0
    for peer in a.shared:
        part = compare_tables(a.shared[peer], b.shared[peer])
        tables, rows, columns = tables + 1, rows + part.rows, part.columns
        if part.difference is not None:
            return Comparison(tables=tables, rows=rows, columns=columns, difference=part.difference)
    return Comparison(tables=tables, rows=rows, columns=columns, difference=None)


def _readable(folder: Path) -> ResultFolder:
    try:
        return read_result(folder)
    except ResultError as error:
        raise NotComparableError(error.what, error.where, error.remedy) from error


def _require_same_kind(a: ResultFolder, b: ResultFolder) -> None:
    games = (a.table["scenario"]["game"]["id"], b.table["scenario"]["game"]["id"])
    if games[0] != games[1]:
        raise NotComparableError(
            f"two games: {games[0]} and {games[1]}", f"{a.path} and {b.path}", "compare runs of one game"
        )
    if a.shared.keys() != b.shared.keys():
        raise NotComparableError(
            f"tables of peers {sorted(a.shared)} and of peers {sorted(b.shared)}",
            f"{a.path} and {b.path}",
            "compare runs with the same peers, or two CSV files",
        )
    if not a.shared:
        raise NotComparableError("no player-<i>.csv in either", str(a.path), "run the scenarios with --out")


def compare_tables(left: Path, right: Path) -> Comparison:
    """Compare two CSV files with the same columns. Raises NotComparableError."""
    with left.open(encoding="utf-8", newline="") as a, right.open(encoding="utf-8", newline="") as b:
        try:
            rows_a, rows_b = csv.reader(a, strict=True), csv.reader(b, strict=True)
            header = _common_header(next(rows_a, None), next(rows_b, None), left, right)
            rows, difference = _first_difference(header, rows_a, rows_b, left.name)
        except (csv.Error, UnicodeDecodeError) as error:
            where = f"{left} and {right}"
            raise NotComparableError(f"not a CSV table: {error}", where, "export the tables again") from error
    if difference is None:
        difference = _first_other_byte(left, right, rows)
    return Comparison(tables=1, rows=rows, columns=len(header), difference=difference)


def _common_header(a: list[str] | None, b: list[str] | None, left: Path, right: Path) -> list[str]:
    for header, path in ((a, left), (b, right)):
        if not header:
            raise NotComparableError("an empty file, without a header", str(path), "export the table again")
    assert a is not None
    assert b is not None
    if a == b:
        return a
    where = f"{left} and {right}"
    sides = (
        ("first", [name for name in a if name not in b]),
        ("second", [name for name in b if name not in a]),
    )
    only = [f"only in the {side}: {_some(names)}" for side, names in sides if names]
    if not only:
        raise NotComparableError("the same columns in another order", where, "export both with one build")
    remedy = "compare tables of one game and build"
    raise NotComparableError(f"different columns ({'; '.join(only)})", where, remedy)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED_COLUMNS]) + (" …" if len(names) > _NAMED_COLUMNS else "")


def _first_difference(
    header: list[str], rows_a: Iterator[list[str]], rows_b: Iterator[list[str]], file: str
) -> tuple[int, Difference | None]:
    """Rows compared, and the first cell that differs."""
    row = -1
    for row, (a, b) in enumerate(itertools.zip_longest(rows_a, rows_b)):
        if a == b:
            continue
        if a is None or b is None:
            present = a if b is None else b
            column, left, right = WHOLE_ROW, NO_ROW if a is None else A_ROW, NO_ROW if b is None else A_ROW
        else:
            present = a
            column, left, right = _first_cell(header, a, b)
        frame = _frame_of(header, present)
        return row + 1, Difference(file=file, row=row, frame=frame, column=column, left=left, right=right)
    return row + 1, None


def _first_cell(header: list[str], a: list[str], b: list[str]) -> tuple[str, str, str]:
    pairs = itertools.zip_longest(a, b, fillvalue=NO_CELL)
    index, (left, right) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
    return header[index] if index < len(header) else f"(cell {index + 1})", left, right


def _frame_of(header: list[str], cells: list[str]) -> str | None:
    """The row's frame, where the table has that column."""
    if "frame" not in header:
        return None
    index = header.index("frame")
    return cells[index] if index < len(cells) else None


def _first_other_byte(left: Path, right: Path, rows: int) -> Difference | None:
    """Equal cells may still be spelt in other bytes (line ends, quotes): that is a difference, too."""
    with left.open("rb") as a, right.open("rb") as b:
        at = 0
        while True:
            x, y = a.read(_CHUNK_BYTES), b.read(_CHUNK_BYTES)
            if x != y:
                pairs = enumerate(zip(x, y, strict=False))
                offset = next((i for i, (p, q) in pairs if p != q), min(len(x), len(y)))
                values = [f"byte {at + offset}: {part[offset : offset + 1]!r}" for part in (x, y)]
                return Difference(
                    file=left.name, row=rows, frame=None, column=RAW_BYTES, left=values[0], right=values[1]
                )
            if not x:
                return None
            at += len(x)

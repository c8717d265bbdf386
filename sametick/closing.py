"""How a long run ends: its result file, a table and a verdict on the terminal or JSON, the exit status."""

import json
import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from sametick.failure import EXIT_FAILED, EXIT_OK, Mistake
from sametick.run_tables import typed

Table = dict[str, Any]


class Closing:
    """What is printed at the end: rows first, then notes, what is wrong, and the verdict."""

    def __init__(self) -> None:
        self._screen = Console(highlight=False)

    def rows(self, titles: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]], *, words: str) -> None:
        """A table; with each row, whether it is wrong. `words`: "w" for a column of words, "n" of numbers."""
        grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
        for title, kind in zip(titles, words, strict=True):
            grid.add_column(title, justify="left" if kind == "w" else "right")
        for cells, is_wrong in rows:
            grid.add_row(*cells, style="bold red" if is_wrong else None)
        self._screen.print(grid)

    def note(self, text: str) -> None:
        self._line(f" {text}", "dim")

    def wrong(self, text: str) -> None:
        self._line(f" ✗ {text}", "bold red")

    def right(self, text: str) -> None:
        self._line(f" ✓ {text}", "bold")

    def plain(self, text: str) -> None:
        self._line(f"   {text}", "")

    def _line(self, text: str, style: str) -> None:
        self._screen.print(Text(text, style=style), soft_wrap=True)


def make_ready(folders: Iterable[Path | None], files: Iterable[Path | None]) -> None:
    """Make the folders, and those of the files; OSError or Mistake now and not after hours of work."""
    named = [file for file in files if file is not None]
    for folder in (*folders, *(file.parent for file in named)):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise Mistake("nothing can be written there", str(folder), "check its permissions")
    for file in named:
        if file.is_dir():
            raise Mistake("is a folder", str(file), "name a file in it")


def close(
    table: Table,
    file: Path,
    tell: Callable[[Closing], None],
    *,
    is_json: bool,
    also: Sequence[tuple[Path, str]] = (),
) -> int:
    """Write the result, then what else there is, and tell it; the exit status is 1 unless `table["ok"]`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for other, text in also:
        other.write_text(text, encoding="utf-8")
    if is_json:
        print(json.dumps(table, ensure_ascii=False))
    else:
        closing = Closing()
        tell(closing)
        closing.note(f"page: {typed('sametick report')} {shlex.quote(str(file.parent))}")
    return EXIT_OK if table["ok"] else EXIT_FAILED

"""`sametick compare`: equal, or the first cell that differs."""

import json
from pathlib import Path

from rich.console import Console
from rich.text import Text

from reports.compare import compare
from reports.quantities import plural
from sametick.failure import EXIT_FAILED, EXIT_OK


def compare_paths(left: Path, right: Path, *, is_json: bool) -> int:
    """Print the verdict. What cannot be compared raises NotComparableError."""
    found = compare(left, right)
    if is_json:
        print(json.dumps(found.as_table(), ensure_ascii=False))
        return EXIT_OK if found.is_equal else EXIT_FAILED
    screen = Console(highlight=False)
    if found.difference is None:
        size = (
            f"{plural(found.tables, 'table')}, {plural(found.rows, 'row')}, {plural(found.columns, 'column')}"
        )
        screen.print(Text("✓ equal", style="bold") + Text(f"   {size}, byte for byte"), soft_wrap=True)
        return EXIT_OK
    difference = found.difference
    screen.print(Text("✗ different", style="bold red") + Text(f"   {difference.sentence}"), soft_wrap=True)
    screen.print(
        Text(f"  row {difference.row + 1:,} of the table, column {difference.column}"), soft_wrap=True
    )
    screen.print(Text(f"  {left}: {difference.left}"), soft_wrap=True)
    screen.print(Text(f"  {right}: {difference.right}"), soft_wrap=True)
    return EXIT_FAILED

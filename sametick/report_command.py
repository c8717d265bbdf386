"""`sametick report`: the page of a result folder."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from sametick.failure import EXIT_OK


def write_page(folder: Path, target: Path | None) -> int:
    """Write the page into the folder (or to `target`) and say where it is."""
    from reports.page import REPORT_FILE, write_report
    from reports.read_result import read_result

    result = read_result(folder)
    screen, side = Console(highlight=False), Console(stderr=True, highlight=False)
    with side.status(" drawing …"):
        page = write_report(result, target or folder / REPORT_FILE)
    screen.print(Text(f"Report: {page}"), soft_wrap=True)
    return EXIT_OK

"""`sametick demo`: a bad network, data that are equal all the same, and a planted bug that is caught.

The second run is what makes the first one worth believing: its ticks can turn into crosses.
"""

from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from reports.headlines import violations
from sametick.failure import EXIT_FAILED, EXIT_OK
from sametick.run_tables import (
    INDENT,
    data_lines,
    failure_lines,
    metrics_grid,
    oracle_line,
    response_line,
    tell,
    title_line,
    typed,
    verdict_text,
)
from sametick.simulation_run import RunRequest, moving_line, run, write

SCENARIO: Final = "demo"
PATCH: Final = "predicted-frame-exported"  # what it breaks can be seen in the data themselves
OUT: Final = Path("out/demo")
_VIOLATIONS: Final = 3  # of a broken run, so many are told; its report has all

Table = dict[str, Any]


def play(out: Path, *, seed: int | None = None) -> int:
    """Run both, print what happened, write both reports."""
    screen, side = Console(highlight=False), Console(stderr=True, highlight=False)
    _print_heading(screen)
    sound = _run(RunRequest(source=SCENARIO), seed, out / "run", side)
    print_sound(sound, screen)
    broken = _run(RunRequest(source=SCENARIO, patch=PATCH), seed, out / "planted", side)
    is_caught = print_broken(broken, _patch_summary(), screen)
    with side.status(" drawing the reports …"):
        index = write_pages(out, broken)
    screen.print()
    screen.print(
        Text(f" Report: {index}", style="bold") + Text(f"      More networks: {typed('sametick scenarios')}"),
        soft_wrap=True,
    )
    return EXIT_OK if sound["verdict"]["ok"] and is_caught else EXIT_FAILED


def _print_heading(screen: Console) -> None:
    from rollback_core import __version__

    screen.print(Text(f"sametick {__version__} · demo", style="bold"))


def _patch_summary() -> str:
    from netsim.planted import PLANTED

    return str(PLANTED[PATCH])


def _run(request: RunRequest, seed: int | None, folder: Path, side: Console) -> Table:
    label = request.source if request.patch is None else f"{request.source} with a planted bug"
    with moving_line(side, label) as move:
        result = run(request, seed=seed, on_progress=move)
    write(result, folder)
    return result.table


def print_sound(table: Table, screen: Console) -> None:
    """The honest run."""
    screen.print(title_line(table), soft_wrap=not screen.is_terminal)
    screen.print(metrics_grid(table, screen))
    for line in [*data_lines(table), response_line(table), oracle_line(table), *failure_lines(table)]:
        tell(line, screen)


def print_broken(table: Table, summary: str, screen: Console) -> bool:
    """The run with the bug; True if it was caught."""
    screen.print()
    screen.print(Text(" And what breaks it: the same run with one line of the core changed."), soft_wrap=True)
    screen.print(Text(f" A bug that a rollback library once had: {summary}."), soft_wrap=True)
    if table["verdict"]["ok"]:
        words = "nothing noticed it: do not trust the ticks above"
        tell(verdict_text(False, "planted bug", words), screen)
        return False
    lines = [line for line in data_lines(table) if "✗" in line.plain]
    for line in [*lines, *failure_lines(table)[:_VIOLATIONS]]:
        tell(line, screen)
    screen.print(Text(f"{'':{INDENT}}again: {typed(table['command'])}", style="dim"), soft_wrap=True)
    return True


def write_pages(out: Path, broken: Table) -> Path:
    """Both reports; the first leads to the second."""
    from reports.page import Companion, write_report
    from reports.read_result import read_result

    planted = write_report(read_result(out / "planted"), out / "planted" / "index.html")
    companion = Companion(
        title="And what breaks it",
        sentence=f"The same run with one line of the core changed. {broken['verdict']['sentence']}"
        + _caught_by(broken),
        command=broken["command"],
        href=planted.relative_to(out).as_posix(),
    )
    return write_report(read_result(out / "run"), out / "index.html", companion=companion)


def _caught_by(table: Table) -> str:
    names = [f"{oracle['id']} {oracle['name']}" for oracle in violations(table)]
    return f" Caught by {', '.join(names)}." if names else ""

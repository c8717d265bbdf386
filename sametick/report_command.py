"""`sametick report`: the page of a run, a campaign, fuzzing or planted bugs, by what is in the folder."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from sametick.failure import EXIT_OK, Mistake


def write_page(folder: Path, target: Path | None, before: Path | None) -> int:
    """Write the page into the folder (or to `target`) and say where it is. `before` is another campaign."""
    from reports.campaign import write_campaign
    from reports.fuzzing import FUZZ_FILE, read_fuzzing, write_fuzzing
    from reports.mutants import MUTANTS_FILE, read_mutants, write_mutants
    from reports.page import REPORT_FILE, write_report
    from reports.read_campaign import is_campaign, read_campaign
    from reports.read_result import read_result

    screen, side = Console(highlight=False), Console(stderr=True, highlight=False)
    target = target or folder / REPORT_FILE
    with side.status(" drawing …"):
        if is_campaign(folder):
            earlier = None if before is None else read_campaign(before)
            page = write_campaign(read_campaign(folder), target, before=earlier)
        elif before is not None:
            raise Mistake(f"{folder} is no campaign", "--against", "two runs: sametick compare")
        elif (folder / FUZZ_FILE).is_file():
            page = write_fuzzing(read_fuzzing(folder), target)
        elif (folder / MUTANTS_FILE).is_file():
            page = write_mutants(read_mutants(folder), target)
        else:
            page = write_report(read_result(folder), target)
    screen.print(Text(f"Report: {page}"), soft_wrap=True)
    return EXIT_OK


def write_timeline(folder: Path, target: Path | None) -> int:
    """Write the timeline for Perfetto and say where it is. Raises Mistake without the library."""
    from reports.perfetto import PERFETTO_FILE, write_perfetto

    try:
        file = write_perfetto(folder, target or folder / PERFETTO_FILE)
    except ModuleNotFoundError as error:
        what = f"{error.name} is not installed"
        raise Mistake(what, "sametick timeline", 'pip install "sametick[timeline]"') from None
    Console(highlight=False).print(Text(f"Timeline: {file}, for ui.perfetto.dev"), soft_wrap=True)
    return EXIT_OK

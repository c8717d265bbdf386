"""A user's mistake, or a run that an error has stopped: what, where, what to do. Never a traceback."""

import json
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from reports.errors import ResultError
from rollback_core.errors import RollbackError, SimulationError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1  # an oracle, an expectation or a comparison says no
EXIT_USAGE: Final = 2  # bad input; the number that click uses, too


class Mistake(Exception):
    """The command line asks for something that cannot be done."""

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy


class Finding(Exception):
    """An error that nobody asked for has stopped a run: of the core, or of a bug planted in it."""

    def __init__(self, error: Exception, remedy: str) -> None:
        super().__init__(f"{type(error).__name__}: {error}".removesuffix(": "))
        source: BaseException = error
        while source.__cause__ is not None:  # SimPy raises again what a process has raised
            source = source.__cause__
        place = traceback.extract_tb(source.__traceback__)[-1]
        self.where = f"{'/'.join(Path(place.filename).parts[-2:])}, line {place.lineno}"
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is printed. `more` holds further problems of the same kind, one line each."""

    what: str
    where: str
    remedy: str
    more: tuple[str, ...] = ()
    status: int = EXIT_USAGE


def complaint(error: Exception) -> Complaint | None:
    """How to tell this error, or None: it is a fault of ours and deserves its traceback."""
    if isinstance(error, (Mistake, ResultError)):
        return Complaint(what=error.what, where=error.where, remedy=error.remedy)
    if isinstance(error, Finding):
        what = f"an error stopped the run: {error}"
        return Complaint(what=what, where=error.where, remedy=error.remedy, status=EXIT_FAILED)
    if isinstance(error, SimulationError):
        what = str(error).partition(": ")[2] or str(error)
        return Complaint(
            what=f"the game failed: {what}", where=f"frame {error.frame}", remedy="try: sametick check GAME"
        )
    if isinstance(error, RollbackError):
        return _rollback_complaint(error)
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError) and error.filename is not None:
        what = error.strerror or type(error).__name__
        return Complaint(what=what, where=str(error.filename), remedy="check the path and its permissions")
    return None


def _rollback_complaint(error: RollbackError) -> Complaint:
    problems = getattr(error, "problems", None)  # of scenarios.problems.ScenarioError
    if not problems:
        return Complaint(what=str(error), where="what was asked for", remedy="see: sametick --help")
    source = getattr(error, "source", "") or "the scenario"
    first = str(problems[0])
    key, _, rest = first.partition(": ")
    is_key = bool(rest) and " " not in key
    where, what = (f"{source}: {key}", rest) if is_key else (source, first)
    return Complaint(
        what=what,
        where=where,
        remedy=str(getattr(error, "remedy", "see: sametick schema")),
        more=tuple(str(item) for item in problems[1:]),
    )


def print_complaint(found: Complaint, console: Console) -> None:
    """Three lines, and a line for each further problem."""
    console.print(Text("✗ ", style="bold red") + Text(found.what), soft_wrap=True)
    console.print(Text(f"  where: {found.where}"), soft_wrap=True)
    for problem in found.more:
        console.print(Text(f"    also: {problem}"), soft_wrap=True)
    console.print(Text(f"  to do: {found.remedy}"), soft_wrap=True)


def complaint_json(found: Complaint) -> str:
    """The same for machines."""
    table: dict[str, Any] = {"what": found.what, "where": found.where, "remedy": found.remedy}
    if found.more:
        table["more"] = list(found.more)
    return json.dumps({"error": table}, ensure_ascii=False)

"""One simulated run as a command asks for it: load, plant a bug if wanted, run with a moving line, write.

Everything heavy is imported here and inside functions, so that `sametick --help` stays quick.
"""

import contextlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from rollback_core.errors import SimulationError, UsageError
from sametick.failure import Finding, Mistake
from sametick.run_tables import typed

if TYPE_CHECKING:
    from netsim.run import RunResult
    from scenarios.scenario import Scenario

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is to be run. `overrides` are "PATH=VALUE"; `patch` is the name of a planted bug."""

    source: str
    overrides: tuple[str, ...] = ()
    patch: str | None = None
    is_traced: bool = False

    def command(self, seed: int) -> str:
        """The line that repeats the run exactly."""
        words = ["sametick", "sim", self.source, "--seed", str(seed)]
        for text in self.overrides:
            words += ["--set", text]
        if self.patch is not None:
            words += ["--patch", self.patch]
        return shlex.join(words)


def run(
    request: RunRequest, *, seed: int | None, on_progress: Callable[[float], None] | None = None
) -> "RunResult":
    """Run the scenario. ScenarioError or Mistake for what the user got wrong, Finding for what we did."""
    from scenarios.load import load_scenario

    scenario = load_scenario(request.source, seed=seed, overrides=request.overrides)
    from netsim.run import run_scenario  # after the scenario is known to be sound: a mistake is told at once

    command = request.command(scenario.seed)
    try:
        with planted_if(request.patch):
            result = run_scenario(scenario, record_trace=request.is_traced, on_progress=on_progress)
    except Mistake:
        raise
    except Exception as error:
        if request.patch is not None:
            raise Finding(error, f"this is the planted bug; again: {typed(command)}") from error
        if isinstance(error, UsageError) and _has_foreign_code(scenario):
            remedy = "change it in the file or with --set PATH=VALUE"
            raise Mistake(str(error), request.source, remedy) from None
        if isinstance(error, SimulationError):  # the game's
            raise
        raise Finding(error, f"report it, it is a fault of ours; again: {typed(command)}") from error
    result.name_command(command)
    return result


def _has_foreign_code(scenario: "Scenario") -> bool:
    """Its game or a bot is somebody's own; all else is checked when a scenario is loaded."""
    return any(":" in name for name in (scenario.game.id, *(player.bot for player in scenario.players)))


def planted_if(name: str | None) -> contextlib.AbstractContextManager[object]:
    """The core with this bug planted while it lasts, or as it is for None. Raises Mistake."""
    check_planted(name)
    from netsim.planted import planted

    return planted(name)


def check_planted(name: str | None, option: str = "--patch") -> None:
    """Mistake unless there is a bug of that name to plant, or none is to be."""
    from netsim.planted_bugs import PATCHES

    if name is not None and name not in PATCHES:
        known = ", ".join(sorted(PATCHES))
        raise Mistake(f'there is no planted bug "{name}"', option, f"one of: {known}")


def write(result: "RunResult", folder: Path) -> None:
    """The result's files."""
    from netsim.result_files import write_result

    folder.mkdir(parents=True, exist_ok=True)
    write_result(result, folder)


@contextlib.contextmanager
def moving_line(console: Console, text: str, *, is_shown: bool = True) -> Iterator[Callable[[float], None]]:
    """A progress bar on `console`; gives the function that moves it (0 to 1)."""
    if not is_shown or not console.is_terminal:
        yield lambda fraction: None
        return
    columns = (TextColumn(" {task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(text, total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)

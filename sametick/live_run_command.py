"""`sametick live-run`: scenarios played over real WebRTC, beside the simulator if asked."""

import asyncio
import dataclasses
import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from rollback_core.errors import UsageError
from sametick.failure import EXIT_FAILED, EXIT_OK, Mistake
from sametick.live_peers import Peers
from sametick.other_hosts import find_pyodide
from sametick.run_tables import tell, typed, verdict_text
from sametick.simulation_run import RunRequest, moving_line, run, write
from scenarios.scenario import Scenario

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest:
    """What is to be played; `settings` are "PATH=VALUE"."""

    sources: tuple[str, ...]
    seed: int | None
    settings: tuple[str, ...]
    peers: Peers
    out: Path
    is_compared: bool

    def command(self) -> str:
        """The line that plays it again."""
        words = ["sametick", "live-run", *self.sources]
        if self.seed is not None:
            words += ["--seed", str(self.seed)]
        for text in self.settings:
            words += ["--set", text]
        if self.peers is not Peers.HEADLESS:
            words += ["--peers", self.peers]
        return shlex.join([*words, *(["--compare"] if self.is_compared else []), "--out", str(self.out)])


def live_runs(request: LiveRequest, *, is_json: bool) -> int:
    """Play each in turn. One scenario's files go right into `out`, those of several into folders there."""
    from scenarios.load import load_scenario

    screen, side = Console(highlight=False), Console(stderr=True, highlight=False)
    sources, out = request.sources, request.out
    scenarios = [load_scenario(source, seed=request.seed, overrides=request.settings) for source in sources]
    for source, scenario in zip(sources, scenarios, strict=True):
        _check(source, scenario, request.peers)
    tables, folders = [], []
    for source, scenario in zip(sources, scenarios, strict=True):
        folder = out if len(sources) == 1 else out / scenario.name
        live = folder / "live" if request.is_compared else folder
        with moving_line(side, f"{source}, live", is_shown=not is_json) as move:
            alone = dataclasses.replace(request, sources=(source,), is_compared=False)
            table = _play(scenario, live, alone.command(), request.peers)
            move(1.0)
        if request.is_compared:
            same = RunRequest(source=source, overrides=request.settings)
            with moving_line(side, f"{source}, simulated", is_shown=not is_json) as move:
                write(run(same, seed=request.seed, on_progress=move), folder / "sim")
        tables.append(table)
        folders.append(folder)
        if not is_json:
            verdict = table["verdict"]
            tell(verdict_text(verdict["ok"], scenario.name, verdict["sentence"]), screen)
    if request.is_compared:
        page = _compare([scenario.name for scenario in scenarios], folders, out, request.command())
        if not is_json:
            screen.print(Text(f" side by side: {page}", style="dim"), soft_wrap=True)
    if is_json:
        print(json.dumps(tables[0] if len(tables) == 1 else {"runs": tables}, ensure_ascii=False))
    return EXIT_OK if all(table["verdict"]["ok"] for table in tables) else EXIT_FAILED


def _check(source: str, scenario: Scenario, peers: Peers) -> None:
    try:
        from live.live_run import check_playable

        if peers is not Peers.HEADLESS:
            import playwright  # noqa: F401
    except ModuleNotFoundError as error:
        raise Mistake(
            f"{error.name} is not installed", "sametick live-run", 'pip install "sametick[live,pages]"'
        ) from None
    try:
        check_playable(scenario)
    except UsageError as error:
        raise Mistake(str(error), source, f"simulate it: {typed('sametick sim')} {source}") from None


def _play(scenario: Scenario, folder: Path, command: str, peers: Peers) -> Table:
    import structlog

    from live.live_run import LiveRun, play

    # The server's log is for those who run one; here the result says it all.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[])
    pages = peers.pages(scenario.peer_count)
    plan = LiveRun(
        scenario=scenario,
        command=command,
        pages=pages,
        pyodide_dir=find_pyodide(os.environ) if pages else None,
    )
    try:
        return asyncio.run(play(plan, folder))
    except UsageError as error:
        raise Mistake(str(error), f"--peers {peers}", "see: sametick live-run --help") from None


def _compare(names: list[str], folders: list[Path], out: Path, command: str) -> Path:
    """The page and the table for the docs."""
    from reports.read_result import read_result
    from reports.side_by_side import Pair, markdown, write_page

    pairs = [
        Pair(name=name, simulated=read_result(folder / "sim"), live=read_result(folder / "live"))
        for name, folder in zip(names, folders, strict=True)
    ]
    (out / "side-by-side.md").write_text(markdown(pairs), encoding="utf-8")
    return write_page(pairs, out / "side-by-side.html", command=command)

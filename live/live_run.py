"""A scenario played for real: a server, peers of either kind, and the scenario's network between them.

Everything runs on this machine: the server, the impairment relay in its signaling and the headless peers
in one event loop, Chromium beside it. The result files are those of a simulated run.
"""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiohttp import web

from live.headless.bots import BotOutcome, BotPlan, run_bots
from live.impairment.network import PATH_EVENTS
from live.impairment.relay import Impairment, ImpairmentRelay
from live.server.app import HALL, build_app
from live.server.assets import Assets, prepare
from live.server.config import ServerConfig
from live.server.hall import Hall
from live.server.matches import Life
from live.sources import build_id
from rollback_core.errors import UsageError
from scenarios.scenario import Event, HostSetup, Scenario

RESULT_FILE: Final = "result.json"
SHUTDOWN_S: Final = 1
LOOK_S: Final = 0.05
START_S: Final = 60  # for a browser and Python in it to be there
SPAN: Final = 3  # times the length of the play: what a paused game or a tired machine may take longer

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """What is to be played; `command` repeats it. The first `pages` peers are browser pages.

    Pages need `pyodide_dir`.
    """

    scenario: Scenario
    command: str
    pages: int = 0
    pyodide_dir: Path | None = None


def check_playable(scenario: Scenario) -> None:
    """UsageError if the scenario asks for what a machine cannot be made to do."""
    for event in scenario.events:
        if event.kind not in PATH_EVENTS:
            raise UsageError(f"event {event.kind!r}: a live run has events on paths only, not on hosts")
    if any(host != HostSetup() for host in scenario.hosts):
        raise UsageError("host: a live run has the clocks and the timers of this machine")
    if scenario.network.transport != "datagram":
        raise UsageError("network.transport: a live run has datagrams only")


async def play(run: LiveRun, out_dir: Path, on_progress: Callable[[int, int], None] | None = None) -> Table:
    """Play the scenario and write its files into `out_dir`; gives what went into result.json."""
    check_playable(run.scenario)
    scenario = run.scenario
    relay = ImpairmentRelay(Impairment(network=scenario.network, events=scenario.events, seed=scenario.seed))
    with TemporaryDirectory() as name:
        folder = Path(name)
        # Without the relay of the server: what the scenario's network loses must be lost.
        config = ServerConfig(
            scenario=scenario, data_dir=folder, is_ready_asked=False, is_relay_allowed=False
        )
        if run.pages:
            assets = await asyncio.to_thread(prepare, folder / "cache", run.pyodide_dir)
        else:
            nowhere = folder / "assets"
            assets = Assets(root=nowhere, build_id=build_id(), static_path="/", python_path="/", page="")
        app = build_app(config, assets, signal_filter=relay.rewrite)
        runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            bots = await _played(run, url, app[HALL], on_progress)
            [match_id] = app[HALL].matches
            problems = relay.problems(match_id)
            paths = [record.table(*pair) for pair, record in sorted(relay.records(match_id).items())]
        finally:
            await runner.cleanup()
            relay.close()
        out_dir.mkdir(parents=True, exist_ok=True)
        for file in (folder / "matches" / match_id).iterdir():
            shutil.copyfile(file, out_dir / file.name)
    table = _completed(json.loads((out_dir / RESULT_FILE).read_text()), run, paths, problems)
    table["loop_lag"] = {
        "wakes": sum(bot.lag.wakes for bot in bots),
        "late": sum(bot.lag.late for bot in bots),
        "worst_us": max((bot.lag.worst_us for bot in bots), default=0),
    }
    text = json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
    (out_dir / RESULT_FILE).write_text(text, encoding="utf-8", newline="")
    return table


async def _played(
    run: LiveRun, url: str, hall: Hall, on_progress: Callable[[int, int], None] | None
) -> list[BotOutcome]:
    """Bring all of them to the server, pages first, and wait until all is over and certified."""
    scenario = run.scenario
    plan = BotPlan(url=url, seats=scenario.peer_count - run.pages, scenario=scenario)
    if not run.pages:
        return await run_bots(plan, on_progress)
    from live.pages import open_pages, until_ended, visit_of  # needs Playwright, which only pages do

    game = scenario.game
    frames = game.episodes * (game.max_steps + game.countdown_frames)
    deadline_s = START_S + SPAN * frames / scenario.session.frame_rate_hz
    visits = [visit_of(scenario, peer) for peer in range(run.pages)]
    async with open_pages(url, visits, START_S) as pages:
        bots, _ = await asyncio.gather(run_bots(plan, on_progress), until_ended(pages, deadline_s))
        # A page that says so still saves; it is closed when the server has everything.
        while not all(match.life is Life.OVER for match in hall.matches.values()):
            await asyncio.sleep(LOOK_S)
    return bots


def _completed(table: Table, run: LiveRun, paths: list[Table], problems: list[str]) -> Table:
    """The server's result with what the relay knows. A relay that disobeyed makes the run invalid."""
    blackouts = sum(event.kind in ("blackout", "partition") for event in run.scenario.events)
    verdict = table["verdict"]
    if problems and verdict["ok"]:
        verdict = {"ok": False, "sentence": f"The network was not as it was set: {problems[0]}."}
    return {
        **table,
        "seed": run.scenario.seed,
        "command": run.command,
        "paths": paths,
        "events": [_event(event) for event in run.scenario.events],
        "exercised": {**table["exercised"], "blackouts": blackouts},
        "impairment": {"problems": problems},
        "verdict": verdict,
    }


def _event(event: Event) -> Table:
    return {
        "at_us": event.at_us,
        "for_us": event.for_us,
        "kind": event.kind,
        "label": f"{event.kind} {', '.join(event.paths)}".strip(),
        "peers": list(event.peers),
        "paths": list(event.paths),
    }

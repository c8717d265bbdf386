"""The real server on a free port of loopback, in this process, for tests."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from live.server.app import HALL, build_app
from live.server.assets import Assets, prepare
from live.server.config import ServerConfig, scenario_of_game
from live.server.hall import Hall, SignalFilter
from scenarios.scenario import Scenario

ROOT = Path(__file__).parents[2]
PYODIDE = ROOT / "node_modules" / "pyodide"
CACHE = ROOT / "out" / "test-assets"  # compressing Pyodide once is enough


@dataclass(frozen=True, slots=True)
class RunningServer:
    """`url` ends without a slash; `results` is where a match's folder appears."""

    url: str
    hall: Hall
    assets: Assets
    config: ServerConfig

    def result(self, match_id: str) -> Path:
        return self.config.result_folder(match_id)


def short_scenario(game: str = "counter-v1", *, steps: int = 120, episodes: int = 1, **more: Any) -> Scenario:
    """A few seconds of a game, with limits that a test can wait for."""
    scenario = scenario_of_game(game, episodes=episodes)
    params = more.pop("params", {})
    return dataclasses.replace(
        scenario,
        game=dataclasses.replace(
            scenario.game, max_steps=steps, countdown_frames=more.pop("countdown_frames", 3), params=params
        ),
        session=dataclasses.replace(scenario.session, linger_us=300_000, **more),
    )


def config_for(folder: Path, scenario: Scenario, **more: Any) -> ServerConfig:
    return ServerConfig(
        **{
            "scenario": scenario,
            "data_dir": folder,
            "pyodide_dir": PYODIDE,
            "operator_key": "operator",
            "is_ready_asked": False,
            "away_limit_us": 2_000_000,
            **more,
        }
    )


@contextlib.asynccontextmanager
async def running_server(
    config: ServerConfig, signal_filter: SignalFilter | None = None, port: int = 0
) -> AsyncIterator[RunningServer]:
    """Start it, on any free port unless told, give its address, stop it."""
    assets = prepare(CACHE, config.pyodide_dir)
    app = build_app(config, assets, signal_filter)
    runner = web.AppRunner(app, shutdown_timeout=2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield RunningServer(f"http://127.0.0.1:{runner.addresses[0][1]}", app[HALL], assets, config)
    finally:
        await runner.cleanup()

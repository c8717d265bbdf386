"""Running a server: from what the command line says to a process that stops cleanly."""

import asyncio
import errno
import logging
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from live.server.app import build_app
from live.server.assets import prepare
from live.server.config import ServerConfig, scenario_of
from live.server.ice import TURN_SECRET_VARIABLE, IceConfig
from rollback_core.errors import UsageError

KEY_VARIABLE: Final = "SAMETICK_OPERATOR_KEY"


def config_from(
    environment: Mapping[str, str],
    *,
    game: str | None,
    scenario: str | None,
    host: str,
    port: int,
    data_dir: Path,
    pyodide_dir: Path | None,
    stun: tuple[str, ...] = (),
    turn: tuple[str, ...] = (),
    relay_only: bool = False,
    no_direct: bool = False,
    show_hud: bool = False,
    origins: tuple[str, ...] = (),
) -> ServerConfig:
    """The server's configuration; secrets come from the environment only."""
    return ServerConfig(
        scenario=scenario_of(game, scenario),
        data_dir=data_dir,
        host=host,
        port=port,
        pyodide_dir=pyodide_dir,
        ice=IceConfig(
            stun_urls=stun,
            turn_urls=turn,
            turn_secret=environment.get(TURN_SECRET_VARIABLE, ""),
            relay_only=relay_only,
        ),
        is_direct_allowed=not no_direct,
        is_again_offered=scenario is None,
        show_hud=show_hud,
        operator_key=environment.get(KEY_VARIABLE) or secrets.token_urlsafe(18),
        origins=origins,
    )


async def serve(config: ServerConfig, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `on_ready` is told the address. UsageError if the port is taken."""
    _log_plainly()
    assets = await asyncio.to_thread(prepare, config.data_dir / "cache", config.pyodide_dir)
    runner = web.AppRunner(build_app(config, assets), shutdown_timeout=3)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port)
        try:
            await site.start()
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                raise UsageError(
                    f"cannot listen on {config.host}:{config.port}: {error.strerror}; "
                    "another one is given by --port, and --port 0 takes any that is free"
                ) from None
            raise
        on_ready(f"http://{config.host}:{runner.addresses[0][1]}/")
        await _until_told_to_stop()
    finally:
        await runner.cleanup()


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _log_plainly() -> None:
    """key=value lines; ids, never names or addresses of people."""
    level = logging.getLevelNamesMapping().get(os.environ.get("SAMETICK_LOG", "INFO").upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )

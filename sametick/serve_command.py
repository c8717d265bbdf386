"""`sametick serve`: live games in browsers."""

import asyncio
import os
from pathlib import Path

from rich.console import Console
from rich.text import Text

from rollback_core.errors import UsageError
from sametick.failure import EXIT_OK, Mistake
from sametick.run_tables import typed


def serve_games(
    *,
    game: str | None,
    scenario: str | None,
    host: str,
    port: int,
    data: Path,
    pyodide: Path | None,
    stun: list[str],
    turn: list[str],
    relay_only: bool,
    no_direct: bool,
    hud: bool,
    origins: list[str],
) -> int:
    """Serve until stopped with Ctrl-C."""
    try:
        from live.server.serve import config_from, serve
    except ModuleNotFoundError as error:
        raise Mistake(
            f"{error.name} is not installed", "sametick serve", 'pip install "sametick[live]"'
        ) from None
    from sametick.other_hosts import find_pyodide

    screen = Console(highlight=False)
    try:
        config = config_from(
            os.environ,
            game=game,
            scenario=scenario,
            host=host,
            port=port,
            data_dir=data,
            pyodide_dir=pyodide or find_pyodide(os.environ),
            stun=tuple(stun),
            turn=tuple(turn),
            relay_only=relay_only,
            no_direct=no_direct,
            show_hud=hud,
            origins=tuple(origins),
        )

        def ready(url: str) -> None:
            played = config.scenario.game.id
            screen.print(Text(f"{played} for {config.players}: {url}", style="bold"), soft_wrap=True)
            screen.print(
                Text(
                    f" Open it in {config.players} windows, or on as many machines: the game begins when all"
                    " are there.\n"
                    f" Nobody to play with? In another terminal: {typed('sametick bots')} {url} --seats 1\n"
                    f" Data: {data}/matches   operator's key: {config.operator_key}   stop: Ctrl-C"
                ),
                soft_wrap=True,
            )

        screen.print(Text(" getting the files ready …", style="dim"))
        asyncio.run(serve(config, ready))
    except UsageError as error:
        raise Mistake(str(error), "sametick serve", "see: sametick serve --help") from None
    return EXIT_OK

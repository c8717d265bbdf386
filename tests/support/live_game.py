"""A real server with an impairment relay in its signaling, and what its matches left behind.

`async with live_game(folder, scenario(…)) as game:` then players of any kind come to `game.url`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from live.impairment.relay import Impairment, ImpairmentRelay
from live.server.app import HALL, build_app
from live.server.assets import prepare
from live.server.config import ServerConfig
from live.server.hall import Hall
from live.server.matches import Life
from scenarios.scenario import (
    Event,
    GameSetup,
    HostSetup,
    LinkSetup,
    NetworkSetup,
    PathSetup,
    PlayerSetup,
    Scenario,
    SessionSetup,
)

PYODIDE = Path(__file__).parents[2] / "node_modules" / "pyodide"
DEADLINE_S = 90  # of a whole match, loading included
LOOK_S = 0.02  # between two looks at what has no event of its own
AWAY_LIMIT_US = 3_000_000  # a page that went away is not waited for in a test
SILENCE_S = 1.5  # three times what a session takes for an interruption
PERFECT = LinkSetup()


def scenario(
    *,
    link: LinkSetup = PERFECT,
    back: LinkSetup | None = None,
    events: tuple[Event, ...] = (),
    game: str = "counter-v1",
    params: dict[str, int | str | bool] | None = None,
    frames: int = 240,
    episodes: int = 1,
    bot: str = "random",
    session: SessionSetup | None = None,
    peers: int = 2,
) -> Scenario:
    """Peers with one player each, at 30 frames a second; `link` leads from lower to higher peers."""
    pairs = [(a, b) for a in range(peers) for b in range(peers) if a != b]
    return Scenario(
        name="end-to-end",
        seed=7,
        game=GameSetup(id=game, params=params or {}, episodes=episodes, max_steps=frames),
        session=session or SessionSetup(),
        players=tuple(PlayerSetup(bot=bot, peer=peer, hold_frames=4) for peer in range(peers)),
        hosts=(HostSetup(),) * peers,
        network=NetworkSetup(
            paths=tuple(
                PathSetup(source=a, target=b, link=link if a < b or back is None else back) for a, b in pairs
            )
        ),
        events=events,
    )


@dataclass(slots=True)
class LiveGame:
    """`port` is the server's, on loopback."""

    config: ServerConfig
    port: int
    hall: Hall
    relay: ImpairmentRelay

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def match_ids(self) -> list[str]:
        return list(self.hall.matches)

    async def over(self, matches: int = 1) -> list["Result"]:
        """Wait until so many matches are certified."""

        def is_over() -> bool:
            lives = [match.life for match in self.hall.matches.values()]
            return len(lives) == matches and all(life is Life.OVER for life in lives)

        await until(is_over)
        return [Result(self.config.result_folder(match_id), match_id, self) for match_id in self.match_ids]

    async def until_relayed(self) -> None:
        """Wait until the server carries datagrams of the one match."""
        await until(lambda: any(match.relayed_datagrams for match in self.hall.matches.values()))


@dataclass(frozen=True, slots=True)
class Result:
    """The files of one match."""

    folder: Path
    match_id: str
    game: LiveGame

    @property
    def table(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return found

    def shared(self, peer: int) -> bytes:
        return (self.folder / f"player-{peer}.csv").read_bytes()

    def log(self, peer: int, kind: str) -> list[dict[str, Any]]:
        """The fields of all lines of this kind in a peer's log."""
        lines = json.loads((self.folder / f"player-{peer}.log.json").read_text())
        return [fields for _, name, fields in lines if name == kind]

    def paths(self, peer: int) -> list[str]:
        """By which ways the peer heard its partner, in order."""
        return [fields["path"] for fields in self.log(peer, "path")]

    @property
    def ends(self) -> list[str]:
        return [peer["end"]["reason"] for peer in self.table["peers"]]

    def check_sound(self, *, rows: int | None = None) -> None:
        """Exports equal byte for byte, equal to a native replay, and as long as the game."""
        table = self.table
        assert table["data"]["equal"], table["data"]["first_difference"]
        assert table["data"]["true"], table["data"]["first_difference"]
        assert self.ends == ["completed"] * len(table["peers"])
        assert len({self.shared(peer["peer"]) for peer in table["peers"]}) == 1
        setup = self.game.config.scenario.game
        expected = setup.max_steps * setup.episodes if rows is None else rows
        assert table["data"]["rows"] == self.shared(0).count(b"\n") - 1 == expected
        assert table["exercised"]["checksum_comparisons"] > 0
        assert [peer["metrics"]["desyncs"] for peer in table["peers"]] == [0] * len(table["peers"])

    def check_impaired(self) -> None:
        """The relay did what its settings say, to enough datagrams."""
        problems = self.game.relay.problems(self.match_id)
        assert not problems, problems

    @property
    def rollbacks(self) -> int:
        return int(self.table["exercised"]["rollbacks"])

    def lost(self) -> int:
        """Datagrams that the relay dropped, both ways."""
        records = self.game.relay.records(self.match_id)
        return sum(record.table(*pair)["lost"] for pair, record in records.items())


@contextlib.asynccontextmanager
async def live_game(
    folder: Path,
    cache: Path,
    played: Scenario,
    *,
    is_armed_at_once: bool = False,
    is_impaired: bool = True,
    is_relay_allowed: bool = True,
    **settings: Any,
) -> AsyncIterator[LiveGame]:
    """A server on a free port. `cache` keeps what all servers of a test run serve alike."""
    relay = ImpairmentRelay(
        Impairment(
            network=played.network,
            events=played.events,
            seed=played.seed,
            is_armed_at_once=is_armed_at_once,
        )
    )
    config = ServerConfig(
        scenario=played,
        data_dir=folder,
        pyodide_dir=PYODIDE,
        is_ready_asked=False,
        is_relay_allowed=is_relay_allowed,
        away_limit_us=AWAY_LIMIT_US,
        **settings,
    )
    app = build_app(config, prepare(cache, PYODIDE), signal_filter=relay.rewrite if is_impaired else None)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield LiveGame(config, int(runner.addresses[0][1]), app[HALL], relay)
    finally:
        await runner.cleanup()
        relay.close()


async def until(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Wait until something holds that nobody tells us about."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(deadline_s):
        while not condition():
            look = loop.create_future()
            loop.call_later(LOOK_S, look.set_result, None)
            await look


async def pause(seconds: float) -> None:
    """Let something last: part of what is tested, not a wait for anything."""
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, over.set_result, None)
    await over

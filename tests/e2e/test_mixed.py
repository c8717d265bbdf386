"""Players of different kinds, engines and games at one table, and several tables at one server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from chromium import Chromium
from firefox import Firefox
from live_game import Result, live_game, scenario
from page_player import Browser, PagePlayer, closed, page_player

from live.headless.bots import BotPlan, run_bots
from scenarios.scenario import LinkSetup

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

FAR = LinkSetup(delay_us=100_000)
SLIME_KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp")


async def first_and_second(first: Browser, second: Browser, url: str) -> list[PagePlayer]:
    player = await page_player(first, url, seed=1)
    await player.until_screen("waiting")
    return [player, await page_player(second, url, seed=2)]


def check(result: Result) -> None:
    result.check_sound()
    result.check_impaired()
    assert result.rollbacks > 0
    assert all("direct" in result.paths(peer) for peer in (0, 1))


@pytest.mark.parametrize("offerer", ["firefox", "chromium"])
async def test_firefox_against_chromium(
    tmp_path: Path, served: Path, a_chromium: Chromium, a_firefox: Firefox, offerer: str
) -> None:
    browsers: list[Any] = [a_firefox, a_chromium]
    if offerer == "chromium":
        browsers.reverse()
    played = scenario(link=FAR, frames=120)
    async with live_game(tmp_path, served, played, is_relay_allowed=False) as game:
        players = await first_and_second(*browsers, game.url)
        [result] = await game.over()
        check(result)
        for player in players:
            assert [url for url in player.page.requests if not url.startswith(("about:", game.url))] == []
        await closed(players)


async def test_a_page_against_a_bot(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    """Slime volleyball: floats and a real game, natively and in Pyodide, to the same bytes."""
    played = scenario(link=FAR, game="slime-v1", frames=150)
    async with live_game(tmp_path, served, played, is_relay_allowed=False) as game:
        player = await page_player(a_chromium, game.url, codes=SLIME_KEYS)
        await run_bots(BotPlan(url=game.url, seats=1, hold_frames=4))
        [result] = await game.over()
        check(result)
        await player.page.close()


async def test_three_games_at_once(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    """Two pages against two bots, and two bots against each other."""
    played = scenario(link=FAR, frames=120)
    async with live_game(tmp_path, served, played, is_relay_allowed=False) as game:
        players = []
        bots = []
        for number in (1, 2):
            player = await page_player(a_chromium, game.url, seed=number)
            await player.until_screen("waiting")
            plan = BotPlan(url=game.url, seats=1, hold_frames=4, seed=10 * number)
            bots.append(asyncio.create_task(run_bots(plan)))
            await player.until_screen("playing")
            players.append(player)
        await run_bots(BotPlan(url=game.url, seats=2, hold_frames=4, seed=30))
        await asyncio.gather(*bots)
        results = await game.over(matches=3)
        for result in results:
            check(result)
        assert len({result.table["data"]["sha256"] for result in results}) == 3
        await closed(players)

"""Pages that are hidden, frozen, reloaded or closed while a partner plays on."""

import csv
from pathlib import Path

import pytest
from chromium import Chromium, ChromiumPage
from live_game import LiveGame, Result, live_game, pause, scenario
from page_player import DIGITS, PagePlayer, closed, page_player, two_pages

from scenarios.scenario import LinkSetup, SessionSetup

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

IMPATIENT = SessionSetup(reconnect_limit_us=2_000_000)
# A browser lets a hidden page's timers fire once a second only: that must not be seen. It lowers the
# page's priority, too: on a busy machine that may cost it some hundred milliseconds.
NOT_THROTTLED = SessionSetup(interrupt_us=900_000)


async def two_pages_one_covered(browser: Chromium, url: str) -> tuple[list[PagePlayer], ChromiumPage]:
    """The first player's page shares its window with a blank tab; in front of it, that one hides it."""
    cover = await browser.open("about:blank")
    first = PagePlayer(await browser.open_beside(url))
    await first.sit_down(is_active=True, codes=DIGITS, seed=1)
    await first.until_screen("waiting")
    return [first, await page_player(browser, url, seed=2)], cover


async def hide(player: PagePlayer, cover: ChromiumPage) -> None:
    await cover.bring_to_front()
    await player.until("document.hidden")


def focus(result: Result, player: int) -> list[str]:
    """The player's focus column, from the shared table."""
    rows = csv.DictReader((result.folder / "player-0.csv").read_text().splitlines())
    return [
        row[next(name for name in row if name.startswith("isFocused") and str(player) in name)]
        for row in rows
    ]


async def test_hidden_for_5_s_the_partner_plays_on(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(delay_us=40_000), session=NOT_THROTTLED, frames=270)
    async with live_game(tmp_path, served, played) as game:
        players, cover = await two_pages_one_covered(a_chromium, game.url)
        await players[0].until_frame(40)
        await hide(players[0], cover)
        await pause(5)
        await players[0].page.bring_to_front()
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        assert result.table["exercised"]["interruptions"] == 0
        flags = focus(result, 0)
        assert len(set(flags)) == 2
        assert flags[0] == flags[-1]
        assert len(set(focus(result, 1))) == 1
        await closed(players)
        await cover.close()


async def test_hidden_across_the_end_of_an_episode(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    """The round ends without the one who is hidden; the next one begins when they are back."""
    frames = 150
    played = scenario(link=LinkSetup(delay_us=40_000), frames=frames, episodes=2)
    async with live_game(tmp_path, served, played) as game:
        players, cover = await two_pages_one_covered(a_chromium, game.url)
        await players[0].until_frame(40)
        await hide(players[0], cover)
        await players[1].until_frame(frames + 40)  # waiting before a round is frames too
        await players[0].page.bring_to_front()
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        flags = focus(result, 0)
        assert [flags[0], flags[frames - 1], flags[frames]] == ["true", "false", "true"]
        assert set(focus(result, 1)) == {"true"}
        await closed(players)
        await cover.close()


async def test_frozen_for_3_s_the_game_pauses_and_resumes(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(delay_us=40_000), frames=150)
    async with live_game(tmp_path, served, played) as game:
        players, cover = await two_pages_one_covered(a_chromium, game.url)
        await players[0].until_frame(40)
        await hide(players[0], cover)
        await players[0].page.freeze()
        await players[1].until_title("One moment")
        await pause(3)
        await players[0].page.thaw()
        await players[0].page.bring_to_front()
        [result] = await game.over()
        result.check_sound()
        assert result.log(1, "interrupted")
        assert len(result.log(1, "resumed")) == len(result.log(1, "interrupted"))
        await closed(players)
        await cover.close()


async def lone_survivor(game: LiveGame, survivor: PagePlayer) -> Result:
    """The match as it ended for peer 1, whose partner went away."""
    await survivor.until_screen("ended")
    [result] = await game.over()
    table = result.table
    assert table["data"]["equal"], table["data"]["first_difference"]
    assert table["data"]["true"], table["data"]["first_difference"]
    assert result.ends == ["vanished", "peer-left"]
    # What the one who went away had sent is a prefix of what the survivor holds: nothing is lost.
    assert result.shared(1).startswith(result.shared(0))
    assert table["data"]["rows"] == result.shared(1).count(b"\n") - 1 >= 60
    return result


async def test_reloaded_the_partner_ends_cleanly(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    played = scenario(link=LinkSetup(delay_us=40_000), session=IMPATIENT)
    async with live_game(tmp_path, served, played) as game:
        players = await two_pages(a_chromium, game.url)
        await players[0].until_frame(80)
        await players[0].page.reload()
        await lone_survivor(game, players[1])
        assert "Your partner has left" in (await players[1].seen())["titles"]
        # The reloaded page is a newcomer, who waits for the next match.
        await players[0].until_screen("waiting")
        await closed(players)


async def test_closed_the_survivor_keeps_every_confirmed_row(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(delay_us=40_000), session=IMPATIENT)
    async with live_game(tmp_path, served, played) as game:
        players = await two_pages(a_chromium, game.url)
        await players[0].until_frame(80)
        await players[0].page.close()
        await lone_survivor(game, players[1])
        await players[1].page.close()

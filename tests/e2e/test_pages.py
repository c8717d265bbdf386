"""Two pages in Chromium play over their real data channel, through every kind of network."""

from pathlib import Path

import pytest
from bad_networks import BAD_NETWORKS, blackout
from chromium import Chromium
from live_game import live_game, scenario
from page_player import closed, two_pages

from scenarios.scenario import LinkSetup

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(("link", "back"), BAD_NETWORKS.values(), ids=BAD_NETWORKS)
async def test_active_players_on_a_bad_network(
    tmp_path: Path, served: Path, a_chromium: Chromium, link: LinkSetup, back: LinkSetup | None
) -> None:
    played = scenario(link=link, back=back, frames=150)
    async with live_game(tmp_path, served, played, is_relay_allowed=False) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        assert result.rollbacks > 0
        assert (result.lost() > 0) == (link.loss != "none")
        assert all("direct" in result.paths(peer) for peer in (0, 1))
        assert all([(await player.seen())["presses"] > 0 for player in players])
        await closed(players)


async def test_idle_players(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    async with live_game(tmp_path, served, scenario(frames=90)) as game:
        players = await two_pages(a_chromium, game.url, is_active=False)
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        assert result.rollbacks == 0
        await closed(players)


async def test_two_episodes_of_active_players(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    played = scenario(link=LinkSetup(delay_us=100_000), frames=70, episodes=2)
    async with live_game(tmp_path, served, played) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        assert result.rollbacks > 0
        assert [fields["episode"] for fields in result.log(0, "episode-ended")] == [0, 1]
        await closed(players)


async def test_a_heavy_game_on_a_long_way(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    """A step of about 4 ms in a browser: the window shrinks to what the machine can replay."""
    played = scenario(link=LinkSetup(delay_us=200_000), params={"work": 20_000}, frames=120)
    async with live_game(tmp_path, served, played) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        assert result.rollbacks > 0
        for peer in (0, 1):
            [started] = result.log(peer, "started")
            assert 0 < started["window_frames"] <= played.session.prediction_window_frames
        await closed(players)


async def test_a_blackout_without_relay_pauses_the_game(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(delay_us=50_000), events=(blackout(at_us=1_500_000, for_us=1_500_000),))
    async with live_game(tmp_path, served, played, is_relay_allowed=False) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        assert result.lost() > 0
        for peer in (0, 1):
            assert result.log(peer, "interrupted")
            assert len(result.log(peer, "resumed")) == len(result.log(peer, "interrupted"))
        assert result.table["exercised"]["stalls"] > 0
        assert result.table["relay"]["datagrams"] == 0
        for player in players:
            assert "One moment" in (await player.seen())["titles"]
        await closed(players)


async def test_no_request_leaves_the_origin(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    async with live_game(tmp_path, served, scenario(frames=60)) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        for player in players:
            assert any(url.endswith("/sources.zip") for url in player.page.requests)
            assert any(url.endswith("/pyodide.asm.wasm") for url in player.page.requests)
            assert [url for url in player.page.requests if not url.startswith(game.url)] == []
        await closed(players)

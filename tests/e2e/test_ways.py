"""Two pages in Chromium whose direct way fails: the server relays, TURN carries, or the game waits."""

from pathlib import Path

import pytest
from bad_networks import blackout
from chromium import Chromium
from coturn import turn_server
from live_game import SILENCE_S, live_game, pause, scenario
from page_player import closed, two_pages
from stream_gate import StreamGate

from live.server.ice import IceConfig
from scenarios.scenario import LinkSetup

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_a_blackout_is_bridged_by_the_server(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(delay_us=50_000), events=(blackout(at_us=1_500_000, for_us=1_500_000),))
    async with live_game(tmp_path, served, played) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        result.check_impaired()
        assert result.lost() > 0
        for peer in (0, 1):
            ways = result.paths(peer)
            assert ways.index("direct") < ways.index("relay")
            assert "direct" in ways[ways.index("relay") :]
        await closed(players)


async def test_blocked_from_the_start_the_server_relays(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(up=False), frames=90)
    async with live_game(tmp_path, served, played, is_armed_at_once=True, direct_wait_us=500_000) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        assert result.lost() > 0
        for peer in (0, 1):
            assert "relay" in result.paths(peer)
            assert "direct" not in result.paths(peer)
        await closed(players)


async def test_cut_for_good_the_server_goes_on_relaying(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(delay_us=30_000), events=(blackout(at_us=1_500_000, for_us=0),))
    async with live_game(tmp_path, served, played) as game:
        players = await two_pages(a_chromium, game.url)
        [result] = await game.over()
        result.check_sound()
        assert result.lost() > 0
        for peer in (0, 1):
            ways = result.paths(peer)
            assert "direct" in ways
            assert "direct" not in ways[ways.index("relay") :]
        await closed(players)


async def test_both_ways_cut_the_game_pauses_and_resumes(
    tmp_path: Path, served: Path, a_chromium: Chromium
) -> None:
    played = scenario(link=LinkSetup(delay_us=30_000), events=(blackout(at_us=1_500_000, for_us=0),))
    async with live_game(tmp_path, served, played) as game, StreamGate(game.port) as gate:
        players = await two_pages(a_chromium, f"http://127.0.0.1:{gate.port}/")
        await game.until_relayed()
        gate.shut()
        for player in players:
            await player.until_title("One moment")
        await pause(SILENCE_S)
        gate.open()
        [result] = await game.over()
        result.check_sound()
        assert gate.held_chunks > 0
        for peer in (0, 1):
            assert len(result.log(peer, "interrupted")) == len(result.log(peer, "resumed")) == 1
        await closed(players)


async def test_only_over_turn(tmp_path: Path, served: Path, a_chromium: Chromium) -> None:
    """Not impaired: behind our relay, a NAT to Chromium, it calls its TURN candidate peer-reflexive."""
    async with turn_server(tmp_path / "turn") as turn:
        ice = IceConfig(turn_urls=(turn.url,), turn_secret=turn.secret, relay_only=True)
        async with live_game(
            tmp_path, served, scenario(frames=120), ice=ice, is_impaired=False, is_relay_allowed=False
        ) as game:
            players = await two_pages(a_chromium, game.url)
            [result] = await game.over()
            result.check_sound()
            assert turn.allocations >= 2
            for peer in (0, 1):
                assert "turn" in result.paths(peer)
                assert {info["is_turn"] for info in result.log(peer, "connection")} == {True}
            await closed(players)

"""Two headless peers play over a real data channel, through every kind of network."""

import asyncio
from pathlib import Path

import pytest
from bad_networks import BAD_NETWORKS, blackout
from coturn import turn_server
from live_game import SILENCE_S, LiveGame, Result, live_game, pause, scenario
from stream_gate import StreamGate

from live.headless.bots import BotOutcome, BotPlan, run_bots
from live.server.ice import IceConfig
from scenarios.scenario import LinkSetup, SessionSetup

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def played_by_bots(game: LiveGame, *, policy: str = "random") -> tuple[Result, list[BotOutcome]]:
    bots = await run_bots(BotPlan(url=game.url, seats=2, policy=policy, hold_frames=4))
    [result] = await game.over()
    return result, bots


@pytest.mark.parametrize(("link", "back"), BAD_NETWORKS.values(), ids=BAD_NETWORKS)
async def test_active_bots_on_a_bad_network(
    tmp_path: Path, served: Path, link: LinkSetup, back: LinkSetup | None
) -> None:
    played = scenario(link=link, back=back, frames=150)
    async with live_game(tmp_path, served, played, is_relay_allowed=False) as game:
        result, _ = await played_by_bots(game)
        result.check_sound()
        result.check_impaired()
        assert result.rollbacks > 0
        assert (result.lost() > 0) == (link.loss != "none")
        assert all("direct" in result.paths(peer) for peer in (0, 1))


async def test_idle_bots(tmp_path: Path, served: Path) -> None:
    async with live_game(tmp_path, served, scenario(frames=90)) as game:
        result, _ = await played_by_bots(game, policy="idle")
        result.check_sound()
        result.check_impaired()
        assert result.rollbacks == 0


async def test_two_episodes(tmp_path: Path, served: Path) -> None:
    played = scenario(link=LinkSetup(delay_us=100_000), frames=70, episodes=2)
    async with live_game(tmp_path, served, played) as game:
        result, _ = await played_by_bots(game)
        result.check_sound()
        result.check_impaired()
        assert result.rollbacks > 0
        assert [fields["episode"] for fields in result.log(0, "episode-ended")] == [0, 1]


async def test_a_blackout_without_relay_pauses_the_game(tmp_path: Path, served: Path) -> None:
    played = scenario(link=LinkSetup(delay_us=50_000), events=(blackout(at_us=1_500_000, for_us=1_500_000),))
    async with live_game(tmp_path, served, played, is_relay_allowed=False) as game:
        result, _ = await played_by_bots(game)
        result.check_sound()
        result.check_impaired()
        assert result.lost() > 0
        for peer in (0, 1):
            assert result.log(peer, "interrupted")
            assert len(result.log(peer, "resumed")) == len(result.log(peer, "interrupted"))
        assert result.table["relay"]["datagrams"] == 0


async def test_a_blackout_is_bridged_by_the_server(tmp_path: Path, served: Path) -> None:
    played = scenario(link=LinkSetup(delay_us=50_000), events=(blackout(at_us=1_500_000, for_us=1_500_000),))
    async with live_game(tmp_path, served, played) as game:
        result, _ = await played_by_bots(game)
        result.check_sound()
        result.check_impaired()
        assert result.lost() > 0
        for peer in (0, 1):
            ways = result.paths(peer)
            assert ways.index("direct") < ways.index("relay")
            assert "direct" in ways[ways.index("relay") :]


async def test_blocked_from_the_start_the_server_relays(tmp_path: Path, served: Path) -> None:
    played = scenario(link=LinkSetup(up=False), frames=90)
    async with live_game(tmp_path, served, played, is_armed_at_once=True, direct_wait_us=500_000) as game:
        result, _ = await played_by_bots(game)
        result.check_sound()
        assert result.lost() > 0
        for peer in (0, 1):
            assert "relay" in result.paths(peer)
            assert "direct" not in result.paths(peer)


async def test_cut_for_good_the_server_goes_on_relaying(tmp_path: Path, served: Path) -> None:
    played = scenario(link=LinkSetup(delay_us=30_000), events=(blackout(at_us=1_500_000, for_us=0),))
    async with live_game(tmp_path, served, played) as game:
        result, _ = await played_by_bots(game)
        result.check_sound()
        assert result.lost() > 0
        for peer in (0, 1):
            ways = result.paths(peer)
            assert "direct" in ways
            assert "direct" not in ways[ways.index("relay") :]


async def test_both_ways_cut_the_game_pauses_and_resumes(tmp_path: Path, served: Path) -> None:
    played = scenario(link=LinkSetup(delay_us=30_000), events=(blackout(at_us=1_500_000, for_us=0),))
    async with live_game(tmp_path, served, played) as game, StreamGate(game.port) as gate:
        bots = asyncio.create_task(
            run_bots(BotPlan(url=f"http://127.0.0.1:{gate.port}", seats=2, hold_frames=4))
        )
        await game.until_relayed()
        gate.shut()
        await pause(SILENCE_S)
        gate.open()
        await bots
        [result] = await game.over()
        result.check_sound()
        assert gate.held_chunks > 0
        assert [len(result.log(peer, "interrupted")) for peer in (0, 1)] == [1, 1]
        assert [len(result.log(peer, "resumed")) for peer in (0, 1)] == [1, 1]


async def test_only_over_turn(tmp_path: Path, served: Path) -> None:
    async with turn_server(tmp_path / "turn") as turn:
        ice = IceConfig(turn_urls=(turn.url,), turn_secret=turn.secret, relay_only=True)
        played = scenario(link=LinkSetup(delay_us=80_000), frames=90)
        async with live_game(tmp_path, served, played, ice=ice, is_relay_allowed=False) as game:
            result, _ = await played_by_bots(game)
            result.check_sound()
            result.check_impaired()
            assert turn.allocations >= 2
            for peer in (0, 1):
                assert "turn" in result.paths(peer)
                assert "direct" not in result.paths(peer)


async def test_six_are_too_many_for_a_mesh_and_play_over_the_server(tmp_path: Path, served: Path) -> None:
    played = scenario(frames=90, peers=6, params={"players": 6})
    async with live_game(tmp_path, served, played) as game:
        await run_bots(BotPlan(url=game.url, seats=6, hold_frames=4))
        [result] = await game.over()
        result.check_sound()
        assert game.config.topology == "relay"
        assert {way for peer in range(6) for way in result.paths(peer)} <= {"relay", "none"}
        metrics = [peer["metrics"] for peer in result.table["peers"]]
        # One frame of the socket carries a wake's datagrams to all; each of five partners gets its own.
        assert result.table["relay"]["datagrams"] >= sum(each["received_datagrams"] for each in metrics)


async def test_one_who_leaves_ends_the_game_for_both(tmp_path: Path, served: Path) -> None:
    session = SessionSetup(reconnect_limit_us=2_000_000)
    async with live_game(tmp_path, served, scenario(session=session)) as game:
        stays = asyncio.create_task(run_bots(BotPlan(url=game.url, seats=1, seed=1)))
        leaves = asyncio.create_task(run_bots(BotPlan(url=game.url, seats=1, seed=2, leave_after_s=3)))
        await asyncio.gather(stays, leaves)
        [result] = await game.over()
        assert sorted(result.ends) == ["left", "peer-left"]
        assert result.table["data"]["equal"]
        assert result.table["data"]["true"]
        assert result.table["data"]["rows"] > 0

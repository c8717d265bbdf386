"""Headless peers on the real server: pairs, groups, a lost channel, a lost server."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from live_server import RunningServer, config_for, running_server, short_scenario

from live.headless.bots import BotOutcome, BotPlan, run_bots
from live.headless.host import HeadlessHost
from live.sources import build_id
from rollback_core.peer import Peer
from scenarios.scenario import Scenario

pytestmark = pytest.mark.asyncio

DEADLINE_S = 100


def kitchen(layout: str, cooks: int) -> Scenario:
    """One cook a peer."""
    scenario = short_scenario("kitchen-v1", steps=150, params={"layout": layout, "players": cooks})
    return dataclasses.replace(
        scenario,
        players=tuple(dataclasses.replace(scenario.players[0], peer=peer) for peer in range(cooks)),
        hosts=scenario.hosts[:1] * cooks,
    )


def press_nothing(peer: Peer) -> list[int]:
    return [peer.game.game.spec.neutral_action] * len(peer.session.local_players)


def rows(server: RunningServer, match_id: str, peer: int) -> bytes:
    return (server.result(match_id) / f"player-{peer}.csv").read_bytes()


def log(server: RunningServer, match_id: str, peer: int, kind: str) -> list[dict[str, Any]]:
    lines = json.loads((server.result(match_id) / f"player-{peer}.log.json").read_text())
    return [fields for _, name, fields in lines if name == kind]


async def test_no_server_is_an_error_that_names_it() -> None:
    host = HeadlessHost("http://127.0.0.1:9/", 1, "build", press_nothing)
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9/ws"):
        await host.run()


async def test_a_server_that_stays_away_is_not_waited_for_for_ever() -> None:
    left = asyncio.Event()

    async def speak_once(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        left.set()
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/ws", speak_once)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host = HeadlessHost(f"http://127.0.0.1:{runner.addresses[0][1]}", 1, "b", press_nothing, gone_s=0.1)
    async with asyncio.timeout(DEADLINE_S):
        playing = asyncio.create_task(host.run())
        await left.wait()
        await runner.cleanup()
        with pytest.raises(ConnectionError):
            await playing


@pytest.mark.slow
async def test_two_pairs_play_and_all_data_are_equal_and_true(tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE_S), running_server(config_for(tmp_path, short_scenario())) as server:
        outcomes = await run_bots(BotPlan(url=server.url, seats=4))
        assert all(outcome.is_sound for outcome in outcomes)
        tables = [outcome.table() for outcome in outcomes]
        assert len({table["match_id"] for table in tables}) == 2
        assert {table["end"] for table in tables} == {"completed"}
        assert {table["path"] for table in tables} == {"direct"}
        assert all(table["frames"] >= 120 for table in tables)


@pytest.mark.slow
async def test_data_other_than_the_verdicts_are_not_sound(tmp_path: Path) -> None:
    scenario = short_scenario(steps=30)
    async with asyncio.timeout(DEADLINE_S), running_server(config_for(tmp_path, scenario)) as server:
        [outcome, _] = await run_bots(BotPlan(url=server.url, seats=2))
    assert outcome.is_sound
    verdict = outcome.participant.verdicts[-1]
    for lie in ({"sha256": "0" * 64}, {"is_equal": False}, {"replay": "differs"}):
        outcome.participant.verdicts[-1] = {**verdict, **lie}
        assert not outcome.is_sound
    outcome.participant.verdicts.clear()
    assert not outcome.is_sound


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "peers"), [("ring", 3), ("exchange", 4)])
async def test_a_mesh_cooks_on_when_one_drops_out(tmp_path: Path, layout: str, peers: int) -> None:
    config = config_for(tmp_path, kitchen(layout, peers))
    async with asyncio.timeout(DEADLINE_S), running_server(config) as server:
        stay = asyncio.create_task(run_bots(BotPlan(url=server.url, seats=peers - 1)))
        leave = asyncio.create_task(run_bots(BotPlan(url=server.url, seats=1, seed=9, leave_after_s=3)))
        outcomes: list[BotOutcome] = [*await stay, *await leave]
        match_id = outcomes[0].match_id
        assert match_id is not None
        assert all(outcome.is_sound for outcome in outcomes)
        ends = [outcome.table()["end"] for outcome in outcomes]
        assert ends == ["completed"] * (peers - 1) + ["left"]
        gone = outcomes[-1].table()["peer"]
        whole = {rows(server, match_id, peer) for peer in range(peers) if peer != gone}
        assert len(whole) == 1
        [longest] = whole
        assert longest.startswith(rows(server, match_id, gone))
        assert len(rows(server, match_id, gone)) < len(longest)


@pytest.mark.slow
async def test_a_lost_channel_is_replaced_while_the_server_relays(tmp_path: Path) -> None:
    scenario = short_scenario(steps=300)
    breaking: list[asyncio.Task[None]] = []

    def break_at_60(peer: Peer) -> list[int]:
        if peer.session.current_frame >= 60 and not breaking:
            for partner in peer.session.links:
                connection = hosts[0].connections.get(partner, 1)
                assert connection is not None
                breaking.append(asyncio.create_task(connection.fail()))
        return press_nothing(peer)

    async with asyncio.timeout(DEADLINE_S), running_server(config_for(tmp_path, scenario)) as server:
        build = build_id()
        acts = (break_at_60, press_nothing)
        hosts = [HeadlessHost(server.url, number + 1, build, act) for number, act in enumerate(acts)]
        participants = await asyncio.gather(*(host.run() for host in hosts))
        await asyncio.gather(*breaking)
        assert [participant.stage.value for participant in participants] == ["ended"] * 2
        seat = participants[0].seat
        assert seat is not None
        match_id = seat.offer.match_id
        assert rows(server, match_id, 0) == rows(server, match_id, 1)
        for peer in range(2):
            ways = [fields["path"] for fields in log(server, match_id, peer, "path")]
            assert ways[-1] == "direct"
            assert "relay" in ways
            assert [fields["attempt"] for fields in log(server, match_id, peer, "channel-open")] == [1, 2]
            assert log(server, match_id, peer, "interrupted") == []


@pytest.mark.slow
async def test_a_lost_socket_is_reopened_and_every_chunk_arrives_once(tmp_path: Path) -> None:
    scenario = short_scenario(steps=240)
    async with asyncio.timeout(DEADLINE_S), running_server(config_for(tmp_path, scenario)) as server:

        def break_at_60(peer: Peer) -> list[int]:
            if peer.session.current_frame >= 60 and not broken:
                broken.extend(asyncio.create_task(line.close()) for line in list(server.hall.lines))
            return press_nothing(peer)

        broken: list[asyncio.Task[bool]] = []
        build = build_id()
        acts = (break_at_60, press_nothing)
        hosts = [HeadlessHost(server.url, number + 1, build, act) for number, act in enumerate(acts)]
        participants = await asyncio.gather(*(host.run() for host in hosts))
        await asyncio.gather(*broken)
        assert len(broken) == 2
        for participant in participants:
            assert participant.seat is not None
            assert participant.verdicts[-1]["is_equal"]
            assert participant.verdicts[-1]["sha256"] == participant.seat.rows_sha256
            match_id, peer = participant.seat.offer.match_id, participant.seat.offer.peer
            assert len(log(server, match_id, peer, "server-back")) == 1


@pytest.mark.slow
async def test_a_game_goes_on_while_its_server_is_stopped_and_started(tmp_path: Path) -> None:
    config = config_for(tmp_path, short_scenario(steps=300), away_limit_us=20_000_000)
    async with asyncio.timeout(DEADLINE_S):
        is_time = asyncio.Event()

        def tell_at_60(peer: Peer) -> list[int]:
            if peer.session.current_frame >= 60:
                is_time.set()
            return press_nothing(peer)

        async with running_server(config) as server:
            port = int(server.url.rpartition(":")[2])
            acts = (tell_at_60, press_nothing)
            hosts = [HeadlessHost(server.url, n + 1, build_id(), act) for n, act in enumerate(acts)]
            playing = [asyncio.create_task(host.run()) for host in hosts]
            await is_time.wait()
        async with running_server(config, port=port) as server:
            participants = await asyncio.gather(*playing)
            for participant in participants:
                seat = participant.seat
                assert seat is not None
                assert participant.verdicts[-1]["is_equal"]
                assert participant.verdicts[-1]["sha256"] == seat.rows_sha256
                match_id, peer = seat.offer.match_id, seat.offer.peer
                assert len(log(server, match_id, peer, "server-back")) == 1
                assert log(server, match_id, peer, "interrupted") == []

"""Every match ends with a verdict and nothing durable is forgotten, whatever participants and machines do."""

import contextlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hand_player import client, is_untouched, pair
from live_game import until
from live_server import RunningServer, config_for, running_server, short_scenario

from live.server.certify import inputs_table, replayed_rows
from live.server.matches import Life
from live.server.store import VERDICTS
from rollback_core.recorder import csv_text, shared_header
from scenarios.registry import create_game

pytestmark = pytest.mark.asyncio

READY = 4
HEADER = csv_text([shared_header(create_game("counter-v1").spec)])


def frames_chunk(server: RunningServer, match_id: str, frames: int = 20) -> dict[str, Any]:
    """What an honest peer uploads of its first frames."""
    offer = server.hall.matches[match_id].offers[0]
    played: list[Any] = [[[READY, READY], 3, 0]]
    played += [[[f % 4, f // 3 % 4], 3, 0] for f in range(frames - 1)]
    rows = replayed_rows(inputs_table(offer, played))[len(HEADER) :]
    return {"first": 0, "frames": played, "rows": rows}


async def settle(server: RunningServer, match_id: str) -> dict[str, Any]:
    """The stored verdict, once there is one."""
    await until(lambda: server.hall.matches[match_id].life is Life.OVER)
    verdict = await server.hall.store.verdict(match_id)
    assert verdict is not None
    return verdict


def result(server: RunningServer, match_id: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((server.result(match_id) / "result.json").read_text())
    return table


BAD_UPLOADS: dict[str, tuple[str, Any]] = {
    "no JSON": ("frames", "{"),
    "deep nesting": ("frames", "[" * 50_000),
    "deep nesting in the log": ("log", '{"events": [[1, "x", {"a": ' + "[" * 5_000),
    "times that are words": ("log", {"events": [["started", "started", {}]]}),
    "an episode of 5,000 digits": (
        "frames",
        {"first": 0, "frames": [[[4, 4], 3, 0]], "rows": "1," + "9" * 5_000 + ",0\n"},
    ),
    "an action of 3,000 digits": ("frames", '{"first":0,"frames":[[[' + "9" * 3_000 + '],3,0]],"rows":""}'),
    "half a surrogate": ("local", '{"rows": "\\ud800"}'),
    "a number that is none": ("log", '{"events": [[1, "x", {"a": NaN}]]}'),
    "a number too great": ("log", '{"events": [[1, "x", {"a": 1e999}]]}'),
    "a mask that is a word": ("frames", {"first": 0, "frames": [[[4, 4], "all", 0]], "rows": ""}),
}


@pytest.mark.parametrize(("table", "data"), BAD_UPLOADS.values(), ids=BAD_UPLOADS)
async def test_an_upload_that_is_none_still_ends_in_a_verdict(tmp_path: Path, table: str, data: Any) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (honest, liar, match_id):
            chunk = frames_chunk(server, match_id)
            await honest.chunk(match_id, "frames", chunk)
            await liar.chunk(match_id, table, data)
            await honest.finished(match_id, counts={"frames": 1})
            await liar.finished(match_id, counts={table: 1}, reason="left")
            verdict = await honest.next("verdict")
            assert verdict["replay"] == "equal"  # the honest peer's rows are whole and true
            assert not verdict["is_equal"]
            assert (server.result(match_id) / "player-0.csv").read_text() == HEADER + chunk["rows"]
            assert result(server, match_id)["data"]["first_difference"] == verdict["difference"]


BAD_REPORTS: dict[str, dict[str, Any]] = {
    "series that are none": {"series": 1},
    "a series without a time": {"series": {"rtt_us": [1]}},
    "figures that are words": {"metrics": {"rollbacks": "many"}},
    "figures that are none": {"metrics": {"rollbacks": None}},
    "negative figures": {"metrics": {"rollbacks": -1}},
    "a histogram that is none": {"depth_histogram": [1]},
    "a reason that is a path": {"reason": "../../x"},
    "counts of another table": {"counts": {"passwords": 1}},
}


@pytest.mark.parametrize("fields", BAD_REPORTS.values(), ids=BAD_REPORTS)
async def test_a_report_that_is_none_is_refused_and_the_match_ends(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    config = config_for(tmp_path, short_scenario(), away_limit_us=0)
    async with running_server(config) as server, pair(server) as (honest, liar, match_id):
        await honest.chunk(match_id, "frames", frames_chunk(server, match_id))
        await liar.finished(match_id, **fields)
        assert await liar.ended() == 1008
        await honest.finished(match_id, counts={"frames": 1})
        verdict = await honest.next("verdict")
        assert (verdict["is_equal"], verdict["replay"]) == (True, "equal")
        assert result(server, match_id)["peers"][1]["end"]["reason"] == "vanished"


async def test_a_server_that_cannot_certify_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("live.server.archive.write_result", full)
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id):
            for each in (left, right):
                await each.finished(match_id)
            verdict = await left.next("verdict")
            assert (verdict["is_equal"], verdict["replay"]) == (False, "not-replayable")
            assert "no space left" in verdict["difference"]
            assert server.hall.matches[match_id].life is Life.OVER


async def test_who_never_reports_holds_nobody_up(tmp_path: Path) -> None:
    config = config_for(tmp_path, short_scenario(), report_limit_us=200_000)
    async with running_server(config) as server, pair(server) as (left, silent, match_id):
        await left.chunk(match_id, "frames", frames_chunk(server, match_id))
        await left.finished(match_id, counts={"frames": 1})
        assert (await left.next("verdict"))["is_equal"]
        assert result(server, match_id)["peers"][1]["end"]["reason"] == "vanished"
        await silent.finished(match_id)  # too late to count, but told what was found
        assert (await silent.next("verdict"))["is_equal"]


async def test_a_closed_page_is_not_waited_for(tmp_path: Path) -> None:
    config = config_for(tmp_path, short_scenario(), away_limit_us=3_600_000_000)
    async with running_server(config) as server, pair(server) as (left, right, match_id):
        await right.socket.close(code=4000)
        gone = await left.next("partner")
        assert (gone["is_here"], gone["is_gone"]) == (False, True)
        await left.finished(match_id)
        await left.next("verdict")


# Stopping and starting.


async def test_a_stopped_server_certifies_what_it_had_when_it_starts_again(tmp_path: Path) -> None:
    config = config_for(tmp_path, short_scenario(), away_limit_us=100_000)
    async with running_server(config) as server, pair(server) as (left, right, match_id):
        chunk = frames_chunk(server, match_id)
        for each in (left, right):
            await each.chunk(match_id, "frames", chunk)
            await each.next("acked")
        await left.finished(match_id, counts={"frames": 1}, reason="left")
        await left.chunk(match_id, "log", {"events": []})
        await left.next("acked")
    async with running_server(config) as server:
        verdict = await settle(server, match_id)
        assert (verdict["is_equal"], verdict["replay"]) == (True, "equal")
        ends = [peer["end"]["reason"] for peer in result(server, match_id)["peers"]]
        assert ends == ["left", "vanished"]


async def test_people_come_back_to_a_server_that_was_stopped_and_go_on(tmp_path: Path) -> None:
    config = config_for(tmp_path, short_scenario())
    async with running_server(config) as server, pair(server) as (left, right, match_id):
        chunk = frames_chunk(server, match_id)
        for each in (left, right):
            await each.chunk(match_id, "frames", chunk)
            await each.next("acked")
        tokens = (left.token, right.token)
    async with running_server(config) as server, client(server) as left, client(server) as right:
        for each, token in ((left, tokens[0]), (right, tokens[1])):
            assert (await each.hello(token))["type"] == "welcome"
        assert await is_untouched(left, right, match_id)
        await left.finished(match_id, counts={"frames": 1, "log": 1})
        await right.finished(match_id, counts={"frames": 1})
        for each in (left, right):
            assert (await each.next("verdict"))["is_equal"]
        assert result(server, match_id)["peers"][0]["label"] == {"browser": "none"}


async def test_who_comes_back_after_all_was_forgotten_hears_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.server.hall.FORGET_US", 0)
    config = config_for(tmp_path, short_scenario(), heartbeat_us=50_000)
    async with running_server(config) as server:
        async with pair(server) as (left, right, match_id):
            for each in (left, right):
                await each.finished(match_id)
            await left.next("verdict")
            token = right.token
        await until(lambda: not server.hall.matches)
        async with client(server) as again:
            assert (await again.hello(token))["type"] == "welcome"
            await again.chunk(match_id, "log", {"events": []})
            assert (await again.next("acked"))["serial"] == 0
            await again.finished(match_id)
            assert (await again.next("verdict"))["match_id"] == match_id


async def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    from live.server.store import open_store
    from rollback_core.errors import UsageError

    with sqlite3.connect(tmp_path / "sametick.sqlite") as connection:
        connection.execute("CREATE TABLE matches (match_id TEXT)")
    with pytest.raises(UsageError, match="another version"):
        await open_store(tmp_path)


# Lines.


async def test_an_offer_that_got_lost_is_made_again(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with client(server) as left:
            await left.hello()
            await left.loaded()
            async with client(server) as right:
                await right.hello()
                await right.loaded()
                await left.next("match")
            async with client(server) as again:  # which never read its offer
                assert (await again.hello(right.token))["type"] == "welcome"
                await again.loaded()
                assert (await again.next("match"))["peer"] == 1


async def test_a_socket_that_was_replaced_is_cut_and_heard_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.server.hall.PROBE_S", 0.01)
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id), client(server) as again:
            assert (await again.hello(left.token))["type"] == "welcome"
            with contextlib.suppress(ConnectionError):  # what it says now meets a dead connection
                await left.chunk(match_id, "log", {"events": []})
            assert await left.ended() == 1006
            assert await server.hall.store.chunks(match_id, 0, "log") == []
            assert await is_untouched(again, right, match_id)


async def test_a_reader_that_never_reads_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.server.line.CLOSE_S", 0.05)
    config = config_for(tmp_path, short_scenario(), heartbeat_us=400_000)
    async with running_server(config) as server:
        async with pair(server) as (left, right, _):
            line = server.hall.line_of(left.participant_id)
            assert line is not None
            left.stop_reading()
            for _ in range(1_000):
                line.tell({"type": "ping", "t": 0, "padding": "x" * 50_000})
            assert (await right.next("partner"))["is_here"] is False
            left.read_again()


async def test_leaving_the_lobby_gives_the_place_to_others(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with client(server) as first, client(server) as second:
            await first.hello()
            await first.loaded()
            assert (await first.next("waiting"))["have"] == 1
            await first.tell(type="bye")
            await second.hello()
            await second.loaded()
            assert (await second.next("waiting"))["have"] == 1


async def test_a_peer_cannot_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.server.archive.MAX_PEER_CHARS", 100_000)
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (greedy, _, match_id):
            for serial in range(3):
                await greedy.chunk(match_id, "log", "x" * 40_000, serial)
            assert await greedy.ended() == 1008
            await server.hall.store.add(VERDICTS, match_id="another", body="{}")  # behind all the others
            assert len(await server.hall.store.chunks(match_id, 0, "log")) == 2


async def test_a_flood_of_characters_ends_its_sender(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (flood, _, match_id):
            with contextlib.suppress(ConnectionError):
                for serial in range(200):
                    await flood.chunk(match_id, "log", "x" * 250_000, serial)
            assert await flood.ended() == 1008


async def test_there_is_room_for_so_many_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.server.app.MAX_SOCKETS", 1)
    async with running_server(config_for(tmp_path, short_scenario())) as server, client(server):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            async with client(server):
                pass

"""The real server from outside: what it serves, what it refuses, and who cannot disturb whom."""

import asyncio
import contextlib
import gzip
import json
from pathlib import Path

import aiohttp
import brotli
import pytest
from hand_player import client, is_untouched, pair
from live_server import config_for, running_server, short_scenario

from live.client import relay_frames
from live.client.relay_frames import Entry
from live.server.protocol import MAX_REPORT_BYTES

pytestmark = pytest.mark.asyncio
# What is served.


async def test_every_file_is_the_same_compressed_and_not_and_carries_the_headers(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        root = server.assets.root
        names = [
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and path.suffix not in (".br", ".gz")
        ]
        assert len(names) > 10
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            for name in ["", "health", *names]:
                for encoding in ("identity", "gzip", "br"):
                    async with session.get(
                        f"{server.url}/{name}", headers={"Accept-Encoding": encoding}
                    ) as response:
                        body = await response.read()
                        assert response.status == 200
                        assert (
                            "script-src 'self' 'wasm-unsafe-eval'"
                            in response.headers["Content-Security-Policy"]
                        )
                        assert "unsafe-inline" not in response.headers["Content-Security-Policy"]
                        assert response.headers["X-Content-Type-Options"] == "nosniff"
                        used = response.headers.get("Content-Encoding", "identity")
                        plain = {"identity": bytes, "gzip": gzip.decompress, "br": brotli.decompress}[used](
                            body
                        )
                        if name in names:
                            assert plain == (root / name).read_bytes()
                            if name.endswith((".js", ".wasm", ".css")):
                                assert used == encoding
                            assert "max-age" in response.headers["Cache-Control"]


async def test_types_are_those_that_browsers_insist_on(tmp_path: Path) -> None:
    async with (
        running_server(config_for(tmp_path, short_scenario())) as server,
        aiohttp.ClientSession() as session,
    ):
        static = server.assets.static_path
        for path, kind in (
            ("/", "text/html"),
            (f"{static}/main.js", "text/javascript"),
            (f"{server.assets.python_path}/pyodide.mjs", "text/javascript"),
            (f"{server.assets.python_path}/pyodide.asm.wasm", "application/wasm"),
            (f"{static}/style.css", "text/css"),
        ):
            async with session.get(server.url + path) as response:
                assert response.content_type.replace("application/javascript", "text/javascript") == kind


async def test_the_page_names_only_files_that_are_there(tmp_path: Path) -> None:
    async with (
        running_server(config_for(tmp_path, short_scenario())) as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(server.url) as response:
            page = await response.text()
        assert "{{" not in page
        for part in page.split('"'):
            if part.startswith("/static/"):
                async with session.get(server.url + part) as response:
                    assert response.status == 200


# Two participants.


async def test_two_are_paired_and_their_signals_datagrams_and_chunks_arrive(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id):
            assert await is_untouched(left, right, match_id)
            match = server.hall.matches[match_id]
            assert (match.relayed_datagrams, match.relayed_bytes) == (1, 8)


async def test_a_lost_socket_goes_on_with_its_token(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id):
            token = left.token
            await left.socket.close()
            assert (await right.next("partner"))["is_here"] is False
            async with client(server) as again:
                assert (await again.hello(token))["type"] == "welcome"
                assert (await right.next("partner"))["is_here"] is True
                assert await is_untouched(again, right, match_id)


async def test_a_second_tab_is_refused_while_the_first_answers(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server, client(server) as first:
        await first.hello()

        async def answer() -> None:
            ping = await first.next("ping")
            await first.tell(type="pong", t=ping["t"])

        answering = asyncio.create_task(answer())
        async with client(server) as second:
            refused = await second.hello(first.token)
            assert (refused["type"], refused["code"]) == ("refused", "SECOND-TAB")
        await answering
        # And one whose first tab is dead (it does not answer) gets in.
        async with client(server) as third:
            assert (await third.hello(first.token))["type"] == "welcome"


async def test_who_is_too_slow_is_told_the_numbers(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server, client(server) as slow:
        await slow.hello()
        await slow.tell(type="loaded", step_cost_us=20_000)
        refused = await slow.next("refused")
        assert refused["code"] == "TOO-SLOW"
        assert "20.0 ms" in refused["reason"]


async def test_the_slower_machine_sets_the_window(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with client(server) as left, client(server) as right:
            for each, cost_us in ((left, 1), (right, 2_000)):
                await each.hello()
                await each.tell(type="loaded", step_cost_us=cost_us)
            windows = [
                (await each.next("match"))["terms"]["prediction_window_frames"] for each in (left, right)
            ]
        # 60 % of 16.7 ms are four steps of 2 ms and some: the new frame and three to play again.
        assert windows == [3, 3] or windows == [4, 4]
        assert windows[0] == 16_667 * 60 // 100 // 2_000 - 1


# Hostile clients.


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_a_page_of_another_origin_gets_no_socket(tmp_path: Path, headers: dict[str, str]) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            async with client(server, **headers):
                pass
        async with client(server, Origin=server.url) as own:
            assert (await own.hello())["type"] == "welcome"


FORGED = "f" * 16
BAD_MESSAGES = {
    "garbage": "\x00\xff{",
    "another type": json.dumps({"type": "sudo"}),
    "a second hello": json.dumps({"type": "hello", "v": 1, "build_id": "x", "token": None, "label": {}}),
    "a forged match": json.dumps(
        {"type": "chunk", "match_id": FORGED, "table": "log", "serial": 0, "data": ""}
    ),
    "a signal into a forged match": json.dumps(
        {"type": "signal", "match_id": FORGED, "to": 0, "items": [], "ack": 0}
    ),
    "a path for an id": json.dumps(
        {"type": "chunk", "match_id": "../../x", "table": "log", "serial": 0, "data": ""}
    ),
    "deep nesting": '{"type":"loaded","step_cost_us":' + "[" * 20_000 + "]" * 20_000 + "}",
}


@pytest.mark.parametrize("text", BAD_MESSAGES.values(), ids=BAD_MESSAGES)
async def test_a_bad_message_ends_its_sender_and_nobody_else(tmp_path: Path, text: str) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id), client(server) as bad:
            await bad.hello()
            await bad.socket.send_str(text)
            assert await bad.ended() == 1008
            assert await is_untouched(left, right, match_id)


async def test_nobody_speaks_in_a_match_of_others(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id), client(server) as intruder:
            await intruder.hello()
            body = {"kind": "offer", "attempt": 9, "sdp": "evil"}
            await intruder.tell(
                type="signal", match_id=match_id, to=1, items=[{"serial": 0, "body": body}], ack=0
            )
            assert await intruder.ended() == 1008
            assert await is_untouched(left, right, match_id)


async def test_bytes_that_are_no_datagrams_end_their_sender(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, _, _), pair(server) as (others, partner, match_id):
            await left.socket.send_bytes(b"\xff" * 100)
            assert await left.ended() == 1008
            assert await is_untouched(others, partner, match_id)


async def test_a_flood_of_texts_ends_its_sender(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id), client(server) as flood:
            await flood.hello()
            with contextlib.suppress(ConnectionError):
                for number in range(3_000):
                    await flood.tell(type="pong", t=number)
            assert await flood.ended() == 1008
            assert await is_untouched(left, right, match_id)


async def test_a_flood_of_datagrams_is_cut_down_to_what_play_can_need(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, _, match_id), pair(server) as (others, partner, other_id):
            frame = relay_frames.encode([Entry(1, 0, b"x" * 100)] * 20)[0]
            for _ in range(500):
                await left.socket.send_bytes(frame)
            assert await is_untouched(others, partner, other_id)
            allowed = 60 * 4 * 2  # frames a second, datagrams a frame, seconds saved up
            assert 0 < server.hall.matches[match_id].relayed_datagrams < 2 * allowed


async def test_a_message_over_the_limit_ends_its_sender(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario())) as server:
        async with pair(server) as (left, right, match_id), client(server) as bad:
            await bad.hello()
            with contextlib.suppress(ConnectionError):  # it may be thrown out before it has said all
                await bad.socket.send_str("x" * (MAX_REPORT_BYTES + 1))
            assert await bad.ended() in (1006, 1008, 1009)
            assert await is_untouched(left, right, match_id)


async def test_who_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.server.app.HELLO_S", 0.05)
    async with running_server(config_for(tmp_path, short_scenario())) as server, client(server) as silent:
        assert await silent.ended() == 1008


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/sametick.sqlite",
        "/py/..%2f..%2fsametick.sqlite",
        "/api/matches/%2e%2e/result.json",
        "/api/matches/0123456789abcdef/..%2fsametick.sqlite",
        "/api/matches/0123456789abcdef/player-0.csv",
        "/nothing",
    ],
)
async def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    from yarl import URL

    async with (
        running_server(config_for(tmp_path, short_scenario())) as server,
        aiohttp.ClientSession() as session,
    ):
        headers = {"Authorization": "Bearer operator"}
        async with session.get(URL(server.url + path, encoded=True), headers=headers) as response:
            assert response.status == 404
            assert path not in await response.text()


async def test_what_is_not_there_is_not_kept(tmp_path: Path) -> None:
    async with (
        running_server(config_for(tmp_path, short_scenario())) as server,
        aiohttp.ClientSession() as session,
    ):
        for path in ("/static/none.js", "/py/none.zip", "/py/none/pyodide.mjs", "/nothing"):
            async with session.get(server.url + path) as response:
                assert (response.status, response.headers["Cache-Control"]) == (404, "no-store")


@pytest.mark.parametrize("path", ["/", "/ws", "/api/matches", "/health"])
async def test_a_name_that_was_made_to_point_here_is_none_of_ours(tmp_path: Path, path: str) -> None:
    config = config_for(tmp_path, short_scenario(), origins=("https://games.example",))
    async with running_server(config) as server, aiohttp.ClientSession() as session:
        key = {"Authorization": "Bearer operator"}
        for host, is_ours in (
            ("evil.example", False),
            ("evil.example:80", False),
            ("games.example", True),
            ("localhost:8000", True),
            ("[::1]:8000", True),
            ("", False),
        ):
            async with session.get(server.url + path, headers={**key, "Host": host}) as response:
                assert (response.status != 421) == is_ours, host


async def test_a_page_of_another_origin_reads_no_results(tmp_path: Path) -> None:
    async with (
        running_server(config_for(tmp_path, short_scenario())) as server,
        aiohttp.ClientSession() as session,
    ):
        key = {"Authorization": "Bearer operator"}
        for more, status in (
            ({"Origin": "https://evil.example"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Origin": server.url}, 200),
        ):
            async with session.get(server.url + "/api/matches", headers={**key, **more}) as response:
                assert response.status == status


@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer wrong", "operator", "Bearer operator x"])
async def test_results_are_the_operators(tmp_path: Path, key: str) -> None:
    async with (
        running_server(config_for(tmp_path, short_scenario())) as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(server.url + "/api/matches", headers={"Authorization": key}) as response:
            assert response.status == 403
        async with session.get(
            server.url + "/api/matches", headers={"Authorization": "Bearer operator"}
        ) as response:
            assert await response.json() == {"matches": []}

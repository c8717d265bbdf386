"""The drivers of the browsers themselves do what the tests rely on."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from firefox import firefox

PAGE = """<!doctype html><title>x</title><body><script src="/held.js"></script>"""
HELD = """
globalThis.held = [];
addEventListener("keydown", (event) => globalThis.held.push(event.key));
addEventListener("keyup", (event) => globalThis.held.push("-" + event.key));
"""


@pytest.mark.slow
@pytest.mark.asyncio
async def test_firefox_opens_a_page_presses_keys_and_lists_its_requests(tmp_path: Path) -> None:
    async def page_file(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def script_file(_: web.Request) -> web.Response:
        return web.Response(text=HELD, content_type="text/javascript")

    app = web.Application()
    app.add_routes([web.get("/", page_file), web.get("/held.js", script_file)])
    async with TestServer(app) as server, firefox(tmp_path) as browser:
        page = await browser.open(str(server.make_url("/")))
        await page.key("a", is_down=True)
        await page.key("a", is_down=False)
        assert await page.evaluate("globalThis.held") == ["a", "-a"]
        assert {url.rsplit("/", 1)[1] for url in page.requests} >= {"", "held.js"}
        assert await page.evaluate("new Promise((done) => setTimeout(() => done([1, {a: null}]), 1))") == [
            1,
            {"a": None},
        ]
        await page.close()

"""The drivers of the browsers themselves do what the tests rely on."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from chromium import chromium
from firefox import firefox

PAGE = """<!doctype html><title>x</title><body><script src="/held.js"></script>"""
HELD = """
globalThis.held = [];
addEventListener("keydown", (event) => globalThis.held.push(event.key));
addEventListener("keyup", (event) => globalThis.held.push("-" + event.key));
globalThis.seen = [document.visibilityState];
document.addEventListener("visibilitychange", () => globalThis.seen.push(document.visibilityState));
document.addEventListener("freeze", () => globalThis.seen.push("frozen"));
document.addEventListener("resume", () => globalThis.seen.push("resumed"));
"""


def becomes(condition: str) -> str:
    """A promise of true, kept when the condition holds."""
    wait = f"(function wait() {{ {condition} ? done(true) : setTimeout(wait, 5) }})()"
    return f"new Promise((done) => {{ {wait} }})"


@contextlib.asynccontextmanager
async def page_server() -> AsyncIterator[str]:
    async def page_file(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def script_file(_: web.Request) -> web.Response:
        return web.Response(text=HELD, content_type="text/javascript")

    app = web.Application()
    app.add_routes([web.get("/", page_file), web.get("/held.js", script_file)])
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@pytest.mark.slow
@pytest.mark.asyncio
async def test_firefox_opens_a_page_presses_keys_and_lists_its_requests(tmp_path: Path) -> None:
    async with page_server() as address, firefox(tmp_path) as browser:
        page = await browser.open(address)
        await page.key("a", is_down=True)
        await page.key("a", is_down=False)
        assert await page.evaluate("globalThis.held") == ["a", "-a"]
        assert {url.rsplit("/", 1)[1] for url in page.requests} >= {"", "held.js"}
        assert await page.evaluate("new Promise((done) => setTimeout(() => done([1, {a: null}]), 1))") == [
            1,
            {"a": None},
        ]
        await page.close()


@pytest.mark.slow
@pytest.mark.asyncio
async def test_chromium_hides_and_freezes_a_page_for_real(tmp_path: Path) -> None:
    async with page_server() as address, chromium(tmp_path) as browser:
        page = await browser.open(address)
        await page.key("a", is_down=True)
        await page.key("a", is_down=False)
        assert await page.evaluate("globalThis.held") == ["a", "-a"]
        await browser.open_beside("about:blank")
        assert await page.evaluate(becomes("document.hidden"))
        await page.freeze()
        await page.thaw()
        await page.bring_to_front()
        assert await page.evaluate(becomes("!document.hidden"))
        assert await page.evaluate("globalThis.seen") == ["visible", "hidden", "frozen", "resumed", "visible"]
        assert {url.rsplit("/", 1)[1] for url in page.requests} >= {"", "held.js"}

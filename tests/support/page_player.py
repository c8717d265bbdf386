"""A participant in a browser page of either engine, as a person would be one: it waits, reads, presses keys.

Everything it does happens in the page, through its own keys and button; what it saw is kept for the test.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final, Protocol

from live.page_robot import robot

DIGITS: Final = ("Digit1", "Digit2", "Digit3")  # the keys of a game whose actions have no names
DEADLINE_S = 60  # of one thing that must come about; the longest are a cold Pyodide and a whole short game


class Page(Protocol):
    """What both browsers' pages can do."""

    requests: list[str]

    async def evaluate(self, expression: str) -> Any: ...
    async def close(self) -> None: ...


class PagePlayer:
    """The person at one page."""

    def __init__(self, page: Any) -> None:  # a Page; tests of one engine use more of it
        self.page = page

    async def sit_down(self, *, is_active: bool, codes: tuple[str, ...], seed: int = 1) -> None:
        """Begin to take part; with any page of ours, at any stage."""
        await self.page.evaluate(robot(codes if is_active else (), seed))

    async def until(self, condition: str) -> None:
        """Wait until a JavaScript condition about the page holds."""
        wait = f"(function wait() {{ ({condition}) ? done(true) : setTimeout(wait, 10) }})()"
        async with asyncio.timeout(DEADLINE_S):
            await self.page.evaluate(f"new Promise((done) => {{ {wait} }})")

    async def until_screen(self, *names: str) -> None:
        await self.until(f"{json.dumps(names)}.includes(document.body.dataset.screen)")

    async def until_frame(self, frame: int) -> None:
        """A picture of this frame or a later one is shown."""
        await self.until(f"Number(document.body.dataset.frame ?? 0) >= {frame}")

    async def until_path(self, path: str) -> None:
        await self.until(f"document.body.dataset.path === {json.dumps(path)}")

    async def until_title(self, title: str) -> None:
        """The overlay says so."""
        shown = "document.getElementById('overlay')"
        text = "document.getElementById('overlay-title').textContent"
        await self.until(f"{shown}.open && {text} === {json.dumps(title)}")

    async def seen(self) -> dict[str, Any]:
        """Screens, paths and overlay titles, in the order in which they came; the highest frame; presses."""
        found: dict[str, Any] = await self.page.evaluate("globalThis.seen")
        return found


class Browser(Protocol):
    """What both browsers can do."""

    async def open(self, url: str) -> Any: ...


async def page_player(
    browser: Browser, url: str, *, is_active: bool = True, codes: tuple[str, ...] = DIGITS, seed: int = 1
) -> PagePlayer:
    """A player at a page of its own, in a window of its own."""
    player = PagePlayer(await browser.open(url))
    await player.sit_down(is_active=is_active, codes=codes, seed=seed)
    return player


async def two_pages(
    browser: Browser, url: str, *, is_active: bool = True, codes: tuple[str, ...] = DIGITS
) -> list[PagePlayer]:
    """The first of them is peer 0."""
    first = await page_player(browser, url, is_active=is_active, codes=codes, seed=1)
    await first.until_screen("waiting")
    return [first, await page_player(browser, url, is_active=is_active, codes=codes, seed=2)]


async def closed(players: Iterable[PagePlayer]) -> None:
    """Close their pages."""
    await asyncio.gather(*(player.page.close() for player in players))

"""Pages of a real browser as participants of a live run: Chromium without a window, a robot at each."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import Error, Page, async_playwright

from live.client.keys import Buttons
from live.page_robot import robot
from rollback_core.errors import UsageError
from scenarios.registry import create_game
from scenarios.scenario import Scenario

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
# Candidates with loopback addresses instead of mDNS names: everything happens on this machine.
FLAGS: Final = (
    "--no-sandbox",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
)
LOOK_MS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What somebody at a page does."""

    codes: tuple[str, ...]
    seed: int
    hold_ms: int


def visit_of(scenario: Scenario, peer: int) -> Visit:
    """As the scenario's player: idle, or pressing keys for as long as its bot holds an action."""
    player = next(player for player in scenario.players if player.peer == peer)
    game = scenario.game
    buttons = Buttons(create_game(game.id, game.params).spec).buttons
    return Visit(
        codes=() if player.bot == "idle" else tuple(button.codes[0] for button in buttons),
        seed=scenario.seed * 31 + peer + 1,
        hold_ms=max(1, player.hold_frames * 1_000 // scenario.session.frame_rate_hz),
    )


@contextlib.asynccontextmanager
async def open_pages(url: str, visits: Sequence[Visit], deadline_s: float) -> AsyncIterator[list[Page]]:
    """One page each, at the lobby in this order. UsageError without a Chromium, or if a page fails."""
    executable = next((found for name in NAMES if (found := shutil.which(name))), None)
    if executable is None:
        raise UsageError(f"no browser: install Chromium (looked for {', '.join(NAMES)})")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            pages = []
            for visit in visits:
                page = await (await browser.new_context()).new_page()
                await page.goto(url)
                await page.evaluate(robot(visit.codes, visit.seed, visit.hold_ms))
                await _until_screen(page, ("waiting", "playing"), deadline_s)
                pages.append(page)
            yield pages
        finally:
            await browser.close()


async def until_ended(pages: Sequence[Page], deadline_s: float) -> None:
    """Until every page says that the game is over. UsageError if one fails or takes too long."""
    await asyncio.gather(*(_until_screen(page, ("ended",), deadline_s) for page in pages))


async def _until_screen(page: Page, names: tuple[str, ...], deadline_s: float) -> None:
    condition = "(names) => names.includes(document.body.dataset.screen)"
    options: dict[str, Any] = {"timeout": deadline_s * 1_000, "polling": LOOK_MS}
    try:
        await page.wait_for_function(condition, arg=[*names, "error"], **options)
    except Error as error:
        raise UsageError(f"a page did not come to {' or '.join(names)}: {error.message}") from None
    if await page.evaluate("document.body.dataset.screen") == "error":
        raise UsageError(f"a page failed: {await page.inner_text('#overlay')}")

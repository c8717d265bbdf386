"""Debian's Chromium, driven over the raw DevTools protocol: pages can really be hidden and frozen.

Playwright emulates focus, so its pages are never hidden; here a tab is hidden because another is in front.
`async with chromium(folder) as browser: page = await browser.open(url)`, as in `firefox`.
"""

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

START_S = 60  # a cold profile on a busy machine takes some seconds
ANSWER_S = 60  # of one command
READY_LINE = "DevTools listening on "
EXECUTABLE = "/usr/bin/chromium"

# Loopback candidates, no mDNS names; and silence: nothing is fetched but what the page asks for.
QUIET_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
)
WEBRTC_FLAGS = ("--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection")


class ChromiumError(Exception):
    """A command failed, or Chromium is gone."""


class ChromiumPage:
    """One tab. `requests` are the addresses of everything it has asked for."""

    def __init__(self, browser: "Chromium", target: str, session: str) -> None:
        self._browser = browser
        self._session = session
        self.target = target
        self.requests: list[str] = []
        self.has_loaded = asyncio.Event()

    async def command(self, method: str, **params: Any) -> Any:
        return await self._browser.command(method, params, self._session)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise; it must be plain JSON."""
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        answer = await self.command(
            "Runtime.evaluate", expression=wrapped, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise ChromiumError(str(answer["exceptionDetails"]))
        return json.loads(answer["result"]["value"])

    async def key(self, key: str, *, is_down: bool) -> None:
        """Press a key down or let it go; `key` as in KeyboardEvent.key."""
        await self.command(
            "Input.dispatchKeyEvent", type="keyDown" if is_down else "keyUp", key=key, code=_code(key)
        )

    async def bring_to_front(self) -> None:
        """Show this tab; the one shown before is then really hidden."""
        await self._browser.command("Target.activateTarget", {"targetId": self.target})

    async def freeze(self) -> None:
        """Stop the page and its workers, as a browser does with pages long hidden."""
        await self.command("Page.setWebLifecycleState", state="frozen")

    async def thaw(self) -> None:
        await self.command("Page.setWebLifecycleState", state="active")

    async def reload(self) -> None:
        await self.command("Page.reload")

    async def close(self) -> None:
        await self._browser.command("Target.closeTarget", {"targetId": self.target})


class Chromium:
    """A running Chromium. Commands may be given by several tasks at once."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, ChromiumPage] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reader = asyncio.create_task(self._read())

    async def open(self, url: str) -> ChromiumPage:
        """A new tab in a window of its own at this address, as soon as it has begun to load."""
        created = await self.command("Target.createTarget", {"url": "about:blank", "newWindow": True})
        return await self._attach(created["targetId"], url)

    async def open_beside(self, url: str) -> ChromiumPage:
        """A new tab in the window used last, in front of it: that one is hidden from now on."""
        created = await self.command("Target.createTarget", {"url": "about:blank"})
        page = await self._attach(created["targetId"], url)
        await page.bring_to_front()
        return page

    async def _attach(self, target: str, url: str) -> ChromiumPage:
        attached = await self.command("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = self._pages[attached["sessionId"]] = ChromiumPage(self, target, attached["sessionId"])
        await page.command("Page.enable")
        await page.command("Network.enable")
        # What its workers ask for is told by sessions of their own.
        await page.command("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        await page.command("Page.navigate", url=url)
        await asyncio.wait_for(page.has_loaded.wait(), ANSWER_S)
        return page

    async def command(self, method: str, params: dict[str, Any], session: str | None = None) -> Any:
        """Send one command and wait for its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        await self._socket.send_json(message)
        return await asyncio.wait_for(answer, ANSWER_S)

    async def _read(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame.data)
            if "id" not in message:
                self._note(message)
                continue
            answer = self._answers.pop(message["id"], None)
            if answer is None or answer.done():
                continue
            if "error" in message:
                answer.set_exception(ChromiumError(message["error"]["message"]))
            else:
                answer.set_result(message["result"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ChromiumError("Chromium has closed the connection"))

    def _note(self, message: dict[str, Any]) -> None:
        page = self._pages.get(message.get("sessionId") or "")
        if page is None:
            return
        if message["method"] == "Network.requestWillBeSent":
            page.requests.append(message["params"]["request"]["url"])
        elif message["method"] == "Page.domContentEventFired":
            page.has_loaded.set()
        elif message["method"] == "Target.attachedToTarget":
            self._watch_worker(page, message["params"]["sessionId"])

    def _watch_worker(self, page: ChromiumPage, session: str) -> None:
        """Note what the page's worker asks for too, from its very first request on."""
        self._pages[session] = page
        for method in ("Network.enable", "Runtime.runIfWaitingForDebugger"):
            task = asyncio.create_task(self.command(method, {}, session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        await self._socket.close()
        await self._reader


def _code(key: str) -> str:
    """KeyboardEvent.code of a key: "KeyA", "Space"; named keys are their own code."""
    if key == " ":
        return "Space"
    return f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else key


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Chromium]:
    """A Chromium of its own with an empty profile in `folder`."""
    process = await asyncio.create_subprocess_exec(
        EXECUTABLE,
        "--headless",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder / 'profile'}",
        *QUIET_FLAGS,
        *WEBRTC_FLAGS,
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(folder)},
        start_new_session=True,  # the wrapper script and all of Chromium's processes end together
    )
    drain: asyncio.Task[None] | None = None
    try:
        address = await asyncio.wait_for(_address(process), START_S)
        drain = asyncio.create_task(_drain(process))  # a full pipe would stop it
        async with aiohttp.ClientSession() as client, client.ws_connect(address, max_msg_size=0) as socket:
            browser = Chromium(socket)
            try:
                yield browser
            finally:
                await browser.end()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
        if drain is not None:
            await drain


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    seen = []
    while line := (await process.stderr.readline()).decode(errors="replace"):
        seen.append(line)
        if READY_LINE in line:
            return line.split(READY_LINE, 1)[1].strip()
    raise ChromiumError("it ended before it listened: " + "".join(seen)[-500:])


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.readline():
        pass

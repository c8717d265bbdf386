"""Debian's Firefox, driven over WebDriver BiDi: one WebSocket, JSON commands, no driver in between.

`async with firefox(folder) as browser: page = await browser.open(url)`. Everything Firefox writes goes into
`folder`; it makes no connection of its own and is ended by its pid.
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
ANSWER_S = 60  # of one command; a page that loads Pyodide answers within a few seconds
READY_LINE = "WebDriver BiDi listening on "

# Loopback candidates, no mDNS names, and silence: nothing is fetched but what the page asks for.
PREFERENCES: dict[str, bool | int | str] = {
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.startup.page": 0,
    "captivedetect.canonicalURL": "",
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


class FirefoxError(Exception):
    """A command failed, or Firefox is gone."""


class FirefoxPage:
    """One tab. `requests` are the addresses of everything it has asked for."""

    def __init__(self, browser: "Firefox", context: str) -> None:
        self._browser = browser
        self._context = context
        self.requests: list[str] = []

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise; it must be plain JSON."""
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        target = {"context": self._context}
        answer = await self._browser.command(
            "script.evaluate", {"expression": wrapped, "target": target, "awaitPromise": True}
        )
        if answer["type"] != "success":
            raise FirefoxError(str(answer.get("exceptionDetails", answer)))
        return json.loads(answer["result"]["value"])

    async def key(self, key: str, *, is_down: bool) -> None:
        """Press a key down or let it go; `key` is a character, or a WebDriver code such as "\\ue012"."""
        action = {"type": "keyDown" if is_down else "keyUp", "value": key}
        source = {"type": "key", "id": "keyboard", "actions": [action]}
        await self._browser.command("input.performActions", {"context": self._context, "actions": [source]})

    async def reload(self) -> None:
        await self._browser.command("browsingContext.reload", {"context": self._context, "wait": "none"})

    async def close(self) -> None:
        await self._browser.command("browsingContext.close", {"context": self._context})


class Firefox:
    """A running Firefox. Commands may be given by several tasks at once."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, FirefoxPage] = {}
        self._reader = asyncio.create_task(self._read())

    async def open(self, url: str) -> FirefoxPage:
        """A new tab at this address, as soon as it has begun to load."""
        created = await self.command("browsingContext.create", {"type": "tab"})
        page = self._pages[created["context"]] = FirefoxPage(self, created["context"])
        await self.command(
            "browsingContext.navigate", {"context": created["context"], "url": url, "wait": "interactive"}
        )
        return page

    async def command(self, method: str, params: dict[str, Any]) -> Any:
        """Send one command and wait for its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(answer, ANSWER_S)

    async def _read(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame.data)
            if message["type"] == "event":
                self._note(message["method"], message["params"])
                continue
            answer = self._answers.pop(message["id"], None)
            if answer is None or answer.done():
                continue
            if message["type"] == "success":
                answer.set_result(message["result"])
            else:
                answer.set_exception(FirefoxError(f"{message['error']}: {message['message']}"))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(FirefoxError("Firefox has closed the connection"))

    def _note(self, method: str, params: dict[str, Any]) -> None:
        page = self._pages.get(params.get("context") or "")
        if method == "network.beforeRequestSent" and page is not None:
            page.requests.append(params["request"]["url"])

    async def begin(self) -> None:
        await self.command("session.new", {"capabilities": {}})
        await self.command("session.subscribe", {"events": ["network.beforeRequestSent"]})

    async def end(self) -> None:
        await self._socket.close()
        await self._reader


@contextlib.asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[Firefox]:
    """A Firefox of its own with an empty profile in `folder`."""
    profile = folder / "profile"
    profile.mkdir(parents=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    process = await asyncio.create_subprocess_exec(
        "firefox-esr",
        "--headless",
        "--no-remote",
        "--remote-debugging-port=0",
        "--profile",
        str(profile),
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
    )
    drain: asyncio.Task[None] | None = None
    try:
        address = await asyncio.wait_for(_address(process), START_S)
        drain = asyncio.create_task(_drain(process))  # a full pipe would stop it
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(address + "/session", max_msg_size=0) as socket,
        ):
            browser = Firefox(socket)
            await browser.begin()
            try:
                yield browser
            finally:
                await browser.end()
    finally:
        if process.returncode is None:
            process.kill()
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
    raise FirefoxError("it ended before it listened: " + "".join(seen)[-500:])


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.readline():
        pass

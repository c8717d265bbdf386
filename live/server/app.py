"""The aiohttp application: routes, headers, the WebSocket's handler. Composes everything else."""

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from socket import gethostname
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from live.server import protocol
from live.server.assets import Assets
from live.server.config import ServerConfig
from live.server.hall import LOG, Hall, Person, Refusal, SignalFilter
from live.server.limits import (
    CHARS_BURST,
    CHARS_PER_S,
    DATAGRAMS_BURST_S,
    DATAGRAMS_PER_FRAME,
    MAX_SOCKETS,
    TEXTS_BURST,
    TEXTS_PER_S,
    Bucket,
    now_us,
)
from live.server.line import CLOSE_GONE, CLOSE_POLICY, CLOSE_S, Line
from live.server.matches import Life
from live.server.store import open_store

HELLO_S: Final = 10  # to say who one is
IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"
RESULT_FILE: Final = re.compile(
    r"^(?:player-\d(?:\.local)?\.csv|player-\d\.log\.json|inputs\.json|result\.json)$"
)
MATCH_ID: Final = re.compile(r"^[0-9a-f]{16}$")

# Scripts, styles and workers of our own only; WebAssembly for Pyodide; nothing inline, no other machine.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

HALL: Final = web.AppKey("hall", Hall)
CONFIG: Final = web.AppKey("config", ServerConfig)
ASSETS: Final = web.AppKey("assets", Assets)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(
    config: ServerConfig, assets: Assets, signal_filter: SignalFilter | None = None
) -> web.Application:
    """The whole server. `signal_filter` is for the impairment relay; see docs/live.md."""
    app = web.Application(middlewares=[_errors, _own_pages_only])
    app[CONFIG] = config
    app[ASSETS] = assets

    async def hall(app: web.Application) -> AsyncIterator[None]:
        store = await open_store(config.data_dir)
        app[HALL] = Hall(config, store, assets.build_id, signal_filter)
        await app[HALL].open()
        yield
        await app[HALL].close()
        await store.close()

    app.cleanup_ctx.append(hall)
    app.on_shutdown.append(_close_lines)
    app.on_response_prepare.append(_add_headers)
    for folder in ("static", "py"):
        (assets.root / folder).mkdir(parents=True, exist_ok=True)
        app.router.add_static(f"/{folder}", assets.root / folder)
    app.add_routes(
        [
            web.get("/", _page),
            web.get("/health", _health),
            web.get("/ws", _socket),
            web.get("/api/matches", _matches),
            web.get("/api/matches/{match_id}/{file}", _match_file),
        ]
    )
    return app


async def _close_lines(app: web.Application) -> None:
    await app[HALL].close_lines()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    path = request.path
    if response.status >= 400:
        response.headers["Cache-Control"] = "no-store"
    elif path.startswith(("/static/", "/py/")):
        response.headers["Cache-Control"] = IMMUTABLE
    else:
        response.headers.setdefault("Cache-Control", REVALIDATE)


@web.middleware
async def _own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No page of another origin gets in, neither by asking nor by a name that it made point to us."""
    config = request.app[CONFIG]
    if not is_own_host(request.host, config):
        # Said in full: who set up a server behind a name meets this first.
        return web.Response(
            status=421,
            text="421 This server does not go by that name. Its operator can allow it: --origin ADDRESS\n",
        )
    if request.path.startswith(("/ws", "/api/")) and not _is_own_origin(request):
        raise web.HTTPForbidden
    return await handler(request)


def is_own_host(host: str, config: ServerConfig) -> bool:
    """Addresses, this machine's own names and those that the operator named; else DNS could be rebound."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        ip_address(name)
    except ValueError:
        own = {"localhost", config.host.lower(), gethostname().lower()}
        return name in own | {urlsplit(origin).hostname for origin in config.origins}
    return True


def _is_own_origin(request: web.Request) -> bool:
    """Browsers always say where a page is from; a program that says nothing is no page."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") in (None, "same-origin", "none")
    return origin in request.app[CONFIG].origins or urlsplit(origin).netloc == request.host


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is not there is said in a line, without echoing what was asked for."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return web.Response(status=error.status, text=f"{error.status} {error.reason}\n")


async def _page(request: web.Request) -> web.Response:
    return web.Response(text=request.app[ASSETS].page, content_type="text/html")


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "build_id": request.app[ASSETS].build_id})


# Results, for the operator.


def _check_operator(request: web.Request) -> None:
    key = request.app[CONFIG].operator_key
    given = request.headers.get("Authorization", "")
    if not key or not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
        raise web.HTTPForbidden


async def _matches(request: web.Request) -> web.Response:
    _check_operator(request)
    hall = request.app[HALL]
    found = []
    for match_id in await hall.store.match_ids():
        live = hall.matches.get(match_id)
        found.append(
            {
                "match_id": match_id,
                "life": Life.OVER.value if live is None else live.life.value,
                "verdict": await hall.store.verdict(match_id),
            }
        )
    return web.json_response({"matches": found})


async def _match_file(request: web.Request) -> web.StreamResponse:
    _check_operator(request)
    match_id, name = request.match_info["match_id"], request.match_info["file"]
    if not MATCH_ID.match(match_id) or not RESULT_FILE.match(name):
        raise web.HTTPNotFound
    path = request.app[CONFIG].result_folder(match_id) / name
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path)


# Participants.


async def _socket(request: web.Request) -> web.StreamResponse:
    hall, config = request.app[HALL], request.app[CONFIG]
    if len(hall.lines) >= MAX_SOCKETS:
        raise web.HTTPServiceUnavailable
    socket = web.WebSocketResponse(timeout=CLOSE_S, max_msg_size=protocol.MAX_REPORT_BYTES, compress=False)
    await socket.prepare(request)
    now = now_us()
    rate = config.scenario.session.frame_rate_hz * max(1, config.players - 1) * DATAGRAMS_PER_FRAME
    line = Line(
        socket,
        lambda: None if request.transport is None else request.transport.abort(),
        texts=Bucket(TEXTS_PER_S, TEXTS_BURST, now),
        chars=Bucket(CHARS_PER_S, CHARS_BURST, now),
        datagrams=Bucket(rate, rate * DATAGRAMS_BURST_S, now),
        now_us=now,
    )
    hall.lines.add(line)
    person: Person | None = None
    try:
        person = await _introduced(hall, socket, line)
        await _converse(hall, person, socket, line)
    except Refusal as refusal:
        line.tell(refusal.message)
        await line.close(CLOSE_POLICY, refusal.message["code"])
    except (protocol.ProtocolError, TimeoutError) as error:
        code = getattr(error, "code", "NO-HELLO")
        LOG.warning("bad-message", participant=person.person_id if person else None, error=str(error))
        await line.close(CLOSE_POLICY, code)
    finally:
        hall.lines.discard(line)
        await line.abandon()
        if person is not None:
            hall.gone(person, line, for_good=socket.close_code == CLOSE_GONE)
    return socket


async def _introduced(hall: Hall, socket: web.WebSocketResponse, line: Line) -> Person:
    """The first message says who it is."""
    frame = await asyncio.wait_for(socket.receive(), HELLO_S)
    if frame.type is not WSMsgType.TEXT:
        raise protocol.ProtocolError("NO-HELLO", "the first frame is no text")
    hello = protocol.parse(frame.data)
    if not isinstance(hello, protocol.Hello):
        raise protocol.ProtocolError("NO-HELLO", f"the first message is {hello.type}")
    return await hall.join(hello, line)


async def _converse(hall: Hall, person: Person, socket: web.WebSocketResponse, line: Line) -> None:
    async for frame in socket:
        if person.line is not line:
            return  # another has taken its place: what still arrives here is nobody's
        now = line.heard_at_us = now_us()
        if frame.type is WSMsgType.BINARY:
            hall.relay(person, frame.data)
        elif frame.type is WSMsgType.TEXT:
            if not line.texts.take(1, now) or not line.chars.take(len(frame.data), now):
                raise protocol.ProtocolError("TOO-MANY", "more messages than play can need")
            await hall.receive(person, protocol.parse(frame.data))

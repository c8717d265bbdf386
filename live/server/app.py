"""The aiohttp application: routes, headers, the WebSocket's handler. Composes everything else."""

import asyncio
import hmac
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from live.server import protocol
from live.server.assets import Assets
from live.server.config import ServerConfig
from live.server.hall import LOG, Hall, Person, Refusal, SignalFilter
from live.server.limits import DATAGRAMS_BURST_S, DATAGRAMS_PER_FRAME, TEXTS_BURST, TEXTS_PER_S, Bucket
from live.server.line import CLOSE_POLICY, Line
from live.server.store import open_store

HELLO_S: Final = 10  # to say who one is
IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"
DAY: Final = "public, max-age=86400"
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
    app = web.Application(middlewares=[_errors])
    app[CONFIG] = config
    app[ASSETS] = assets

    async def hall(app: web.Application) -> AsyncIterator[None]:
        store = await open_store(config.data_dir)
        app[HALL] = Hall(config, store, assets.build_id, signal_filter)
        yield
        await app[HALL].close()
        await store.close()

    app.cleanup_ctx.append(hall)
    app.on_shutdown.append(_close_sockets)
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


async def _close_sockets(app: web.Application) -> None:
    for socket in list(app[HALL].sockets):
        await socket.close(code=1001, message=b"the server stops")


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    path = request.path
    if path.startswith("/py/pyodide/"):
        response.headers["Cache-Control"] = DAY
    elif path.startswith(("/static/", "/py/")):
        response.headers["Cache-Control"] = IMMUTABLE
    else:
        response.headers.setdefault("Cache-Control", REVALIDATE)


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
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not key or not hmac.compare_digest(given.encode(), key.encode()):
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
                "life": "over" if live is None else live.life.value,
                "verdict": await hall.store.verdict(match_id),
            }
        )
    return web.json_response({"matches": found})


async def _match_file(request: web.Request) -> web.StreamResponse:
    _check_operator(request)
    match_id, name = request.match_info["match_id"], request.match_info["file"]
    if not MATCH_ID.match(match_id) or not RESULT_FILE.match(name):
        raise web.HTTPNotFound
    path = request.app[HALL].result_folder(match_id) / name
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path)


# Participants.


def _is_own_origin(request: web.Request) -> bool:
    """Browsers always say where a page is from; a program that says nothing is no page."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") in (None, "same-origin")
    return origin in request.app[CONFIG].origins or urlsplit(origin).netloc == request.host


async def _socket(request: web.Request) -> web.StreamResponse:
    if not _is_own_origin(request):
        raise web.HTTPForbidden
    socket = web.WebSocketResponse(max_msg_size=protocol.MAX_REPORT_BYTES, compress=False)
    await socket.prepare(request)
    hall = request.app[HALL]
    hall.sockets.add(socket)
    config = request.app[CONFIG]
    now_us = _now_us()
    rate = config.scenario.session.frame_rate_hz * max(1, config.players - 1) * DATAGRAMS_PER_FRAME
    line = Line(
        socket,
        Bucket(TEXTS_PER_S, TEXTS_BURST, now_us),
        Bucket(rate, rate * DATAGRAMS_BURST_S, now_us),
        now_us,
    )
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
        hall.sockets.discard(socket)
        await line.abandon()
        if person is not None:
            hall.gone(person, line)
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
        now_us = line.heard_at_us = _now_us()
        if frame.type is WSMsgType.BINARY:
            hall.relay(person, frame.data)
        elif frame.type is WSMsgType.TEXT:
            if not line.texts.take(1, now_us):
                raise protocol.ProtocolError("TOO-MANY", "more messages than play can need")
            await hall.receive(person, protocol.parse(frame.data))


def _now_us() -> int:
    return time.monotonic_ns() // 1_000

"""A headless participant: an asyncio loop around `Participant`, as short as any host's.

It owns the clock, the WebSocket and the peer connections. No polling: the loop sleeps until the
participant's next wake, or until something arrives.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from live.client.participant import Participant
from live.client.step_cost import measure_step_us
from live.client.terms import Params
from live.headless.rtc import Connections
from rollback_core.episodes import PLAYING
from rollback_core.errors import UsageError
from rollback_core.peer import Peer
from rollback_core.timers import NEVER
from scenarios.registry import create_game

FIRST_RETRY_S: Final = 0.25
LAST_RETRY_S: Final = 4.0
GONE_S: Final = 60.0  # a server away for so long has forgotten us, as docs/live.md says
HEARTBEAT_S: Final = 10.0  # a socket whose other end vanished without a word is found dead
LAST_WORDS_S: Final = 2.0  # for what is still in the queue at the end
MAX_QUEUED: Final = 512  # messages on a socket that does not move; datagrams beyond it are dropped
MAX_TEXT_BYTES: Final = 4 * 1024 * 1024  # the server's own limit on the largest message
MAX_SLEEP_S: Final = 60.0

Act = Callable[[Peer], Sequence[int]]
"""The local players' actions, asked for at a tick."""


Measure = Callable[[str, Params], int]
"""The cost of one step of a game in microseconds; it holds the loop up for as long as that takes."""


def measure_game(game_id: str, params: Params) -> int:
    return measure_step_us(create_game(game_id, params), lambda: time.monotonic_ns() // 1_000)


@dataclass(slots=True)
class LoopLag:
    """How late wakes came, in microseconds: a run on an overloaded machine says little."""

    wakes: int = 0
    total_us: int = 0
    worst_us: int = 0
    late: int = 0  # by more than a quarter of a frame at 60 Hz
    _late_us: int = field(default=4_000, repr=False)

    def note(self, late_us: int) -> None:
        self.wakes += 1
        self.total_us += late_us
        self.worst_us = max(self.worst_us, late_us)
        self.late += late_us > self._late_us


class HeadlessHost:
    """One participant. `run` returns when it has ended.

    ConnectionError: there is no such server, or it has been away for `gone_s`. UsageError: it plays
    another game than `game`.
    """

    def __init__(
        self,
        url: str,
        incarnation: int,
        build_id: str,
        act: Act,
        *,
        game: str | None = None,
        measure: Measure | None = None,
        gone_s: float = GONE_S,
    ) -> None:
        self.participant = Participant(incarnation, build_id, {"browser": "headless", "platform": "aiortc"})
        self.lag = LoopLag()
        self.rows: list[Any] = []
        self._url = url.rstrip("/") + "/ws"
        self._act = act
        self._game = game
        self._measure = measure or measure_game
        self._gone_s = gone_s
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.connections = Connections(self)
        self._alarm = asyncio.Event()
        self._out: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._began_ns = time.monotonic_ns()
        self._is_loaded = False

    def now_us(self) -> int:
        return (time.monotonic_ns() - self._began_ns) // 1_000

    async def run(self) -> Participant:
        """Take part from the welcome to the end."""
        socket = asyncio.create_task(self._keep_socket())
        socket.add_done_callback(lambda _: self._alarm.set())
        try:
            await self._drive(socket)
        finally:
            socket.cancel()
            await asyncio.gather(socket, return_exceptions=True)
            await self.connections.close()
        return self.participant

    def set_focus(self, is_focused: bool) -> None:
        self.participant.focus_changed(is_focused, self.now_us())
        self._carry_out()

    def leave(self, reason: str) -> None:
        self.participant.leave(reason, self.now_us())
        self._carry_out()

    # The loop.

    async def _drive(self, socket: "asyncio.Task[None]") -> None:
        participant = self.participant
        while not participant.is_done:
            if socket.done():
                socket.result()  # raises what ended it
            due_us = participant.next_wake_us()
            wait_s = MAX_SLEEP_S if due_us == NEVER else min(MAX_SLEEP_S, (due_us - self.now_us()) / 1e6)
            if wait_s > 0:
                self._alarm.clear()
                await self._sleep(wait_s)
                continue
            now_us = self.now_us()
            self.lag.note(now_us - due_us)
            participant.ready(now_us)  # a bot always is; it may have a person as its partner
            participant.wake(now_us, self._actions())
            self._carry_out()
            await asyncio.sleep(0)  # whatever has arrived comes before the next wake
        self._carry_out()
        if self._socket is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._out.join(), LAST_WORDS_S)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until something has changed what is due."""
        handle = asyncio.get_running_loop().call_later(seconds, self._alarm.set)
        await self._alarm.wait()
        handle.cancel()

    def _actions(self) -> Sequence[int]:
        peer = self.participant.peer
        if peer is None:
            return ()
        if peer.game.phase != PLAYING:
            return (peer.game.game.spec.neutral_action,) * len(peer.session.local_players)
        return self._act(peer)

    def _carry_out(self) -> None:
        connections = self.connections
        for effect in self.participant.drain_effects():
            match effect:
                case ("direct", peer, attempt, data):
                    connection = connections.get(peer, attempt)
                    if connection is not None:
                        connection.send(data)
                case ("text", text):
                    self._out.put_nowait(text)
                case ("relay", data):
                    if self._out.qsize() < MAX_QUEUED:
                        self._out.put_nowait(data)
                case ("connect", peer, attempt, is_offerer, ice):
                    connections.connect(peer, attempt, is_offerer, ice)
                case ("remote-description", peer, attempt, kind, sdp):
                    if (connection := connections.get(peer, attempt)) is not None:
                        connection.describe(kind, sdp)
                case ("remote-candidate", peer, attempt, candidate):
                    if (connection := connections.get(peer, attempt)) is not None:
                        connection.add_candidate(candidate)
                case ("disconnect", peer, attempt):
                    connections.disconnect(peer, attempt)
        self._alarm.set()

    # What connections tell.

    def channel_opened(self, peer: int, attempt: int) -> None:
        self.participant.channel_opened(peer, attempt, self.now_us())
        self._carry_out()

    def channel_closed(self, peer: int, attempt: int) -> None:
        self.participant.channel_closed(peer, attempt, self.now_us())
        self._carry_out()

    def receive_direct(self, peer: int, attempt: int, data: bytes) -> None:
        self.participant.receive_direct(peer, attempt, data, self.now_us())
        self._carry_out()

    def local_description(self, peer: int, attempt: int, kind: str, sdp: str) -> None:
        self.participant.local_description(peer, attempt, kind, sdp, self.now_us())
        self._carry_out()

    def connection_info(self, peer: int, attempt: int, info: dict[str, Any]) -> None:
        self.participant.connection_info(peer, attempt, info, self.now_us())

    # The server.

    async def _keep_socket(self) -> None:
        """Open the WebSocket, and again when it breaks."""
        loop = asyncio.get_running_loop()
        wait_s = FIRST_RETRY_S
        has_opened = False
        lost_s = loop.time()
        async with aiohttp.ClientSession() as client:
            while True:
                try:
                    async with client.ws_connect(
                        self._url, max_msg_size=MAX_TEXT_BYTES, heartbeat=HEARTBEAT_S
                    ) as socket:
                        has_opened = True
                        wait_s = FIRST_RETRY_S
                        try:
                            await self._talk(socket)
                        finally:
                            lost_s = loop.time()
                except (aiohttp.ClientError, OSError) as error:
                    if not has_opened or loop.time() - lost_s >= self._gone_s:
                        raise ConnectionError(f"{self._url}: {error}") from None
                await asyncio.sleep(wait_s)
                wait_s = min(LAST_RETRY_S, 2 * wait_s)

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._out = asyncio.Queue()
        self._socket = socket
        self.participant.server_opened(self.now_us())
        self._carry_out()
        sender = asyncio.create_task(self._send(socket))
        try:
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    self.participant.receive_text(frame.data, self.now_us())
                    self._load_if_welcomed()
                elif frame.type is aiohttp.WSMsgType.BINARY:
                    self.participant.receive_relayed(frame.data, self.now_us())
                self._carry_out()
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            self._socket = None
            self.participant.server_closed(self.now_us())

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            item = await self._out.get()
            if isinstance(item, str):
                await socket.send_str(item)
            else:
                await socket.send_bytes(item)
            self._out.task_done()

    def _load_if_welcomed(self) -> None:
        participant = self.participant
        if participant.game is not None and not self._is_loaded:
            self._is_loaded = True
            if self._game not in (None, participant.game[0]):
                raise UsageError(f"{self._url} plays {participant.game[0]}, not {self._game}")
            participant.loaded(self._measure(*participant.game), self.now_us())

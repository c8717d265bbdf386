"""The relay itself: sockets between the peers of each match, put in by rewriting their candidates.

One *front* socket stands for each candidate as one partner sees it. Whoever sends there is given a *back*
socket, as a NAT would, from which its datagrams go on to the candidate and to which the answers come. So
no peer ever learns the other's address, and everything between them passes here: STUN, DTLS, SCTP.
Each datagram is handed to the scenario's network, which says when it arrives.

Before arming all passes at once. A match arms by itself when a data channel must be open between every
two peers: so many DTLS records with data have gone by in both directions.
"""

import asyncio
import heapq
import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from live.impairment import candidates
from live.impairment.candidates import Address
from live.impairment.check import mismatches
from live.impairment.network import ImpairedNetwork, Pair
from live.impairment.record import Record
from scenarios.scenario import Event, NetworkSetup

ARMING_RECORDS: Final = 12  # each way: SCTP needs four and the channel's own handshake two, some twice
MAX_DATAGRAM_BYTES: Final = 65_535
MAX_SOCKETS: Final = 256  # per match; two peers make about ten, and every source that sends costs one
_RECEIVES_AT_ONCE: Final = 64  # of one socket, before the others have their turn
_DTLS_APPLICATION_DATA: Final = 23  # RFC 6347
_DTLS_13_RECORDS: Final = range(32, 64)  # the unified header of RFC 9147: all that is encrypted


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What is done to every match. `is_armed_at_once`: set-up itself is impaired too."""

    network: NetworkSetup
    events: tuple[Event, ...] = ()
    seed: int = 1
    is_armed_at_once: bool = False


class _Match:
    """The paths between the peers of one match. Times in its records count from the arming."""

    def __init__(self, impairment: Impairment, loop: asyncio.AbstractEventLoop) -> None:
        self.records: dict[Pair, Record]
        self.armed_at_us: int | None = None
        self.sockets: list[socket.socket] = []
        self.fronts: dict[tuple[Pair, Address], Address | None] = {}
        self.unsendable = 0
        self._loop = loop
        self._network = ImpairedNetwork(impairment.network, impairment.events, impairment.seed)
        self.records = {pair: Record() for pair in self._network.pairs}
        self._data_records: Counter[Pair] = Counter()
        self._under_way: list[tuple[int, int, Pair, int | None, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        if impairment.is_armed_at_once:
            self.armed_at_us = now_us()

    def front_of(self, owner: int, viewer: int, address: Address) -> Address | None:
        """Where `viewer` finds this candidate of `owner`; always the same for the same one."""
        key = ((owner, viewer), address)
        if key not in self.fronts:
            self.fronts[key] = self._open_front(owner, viewer, address)
        return self.fronts[key]

    def _open_front(self, owner: int, viewer: int, address: Address) -> Address | None:
        front = self._open(address[0])
        if front is None:
            return None
        backs: dict[Address, socket.socket] = {}

        def from_viewer(data: bytes, source: Address) -> None:
            back = backs.get(source)
            if back is None:
                back = self._open(address[0])
                if back is None:
                    return
                backs[source] = back
                self._listen(back, lambda data, _: self._pass((owner, viewer), data, front, source))
            self._pass((viewer, owner), data, back, address)

        self._listen(front, from_viewer)
        host, port = front.getsockname()
        return host, port

    def _open(self, host: str) -> socket.socket | None:
        """A socket at the candidate's own host; None if that is not on this machine, or they are too many."""
        if len(self.sockets) >= MAX_SOCKETS:
            return None
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        try:
            opened.bind((host, 0))
        except OSError:
            opened.close()
            return None
        self.sockets.append(opened)
        return opened

    def _listen(self, opened: socket.socket, take: Callable[[bytes, Address], None]) -> None:
        def readable() -> None:
            for _ in range(_RECEIVES_AT_ONCE):
                try:
                    data, source = opened.recvfrom(MAX_DATAGRAM_BYTES)
                except OSError:  # nothing more, or the echo of a port that is closed by now
                    return
                take(data, source)

        self._loop.add_reader(opened, readable)

    def _pass(self, pair: Pair, data: bytes, out: socket.socket, target: Address) -> None:
        def hand_on() -> None:
            try:
                out.sendto(data, target)
            except OSError:
                self.unsendable += 1

        at_us = now_us()
        if self.armed_at_us is None:
            hand_on()
            self._watch(pair, data, at_us)
            return
        since_us = at_us - self.armed_at_us
        due_us = self._network.send(pair, since_us, len(data))
        number = self.records[pair].sent(since_us, len(data), due_us)
        for each_us in due_us:
            heapq.heappush(self._under_way, (each_us, next(self._numbers), pair, number, hand_on))
        if due_us:
            self._hand_on_due()

    def _watch(self, pair: Pair, data: bytes, at_us: int) -> None:
        """Arm once data flows between all."""
        if data[:1] and (data[0] == _DTLS_APPLICATION_DATA or data[0] in _DTLS_13_RECORDS):
            self._data_records[pair] += 1
            if all(self._data_records[each] >= ARMING_RECORDS for each in self.records):
                self.armed_at_us = at_us

    def _hand_on_due(self) -> None:
        """Deliver what is due, in order, and set the timer for the next."""
        assert self.armed_at_us is not None
        while self._under_way and self._under_way[0][0] <= now_us() - self.armed_at_us:
            due_us, _, pair, number, hand_on = heapq.heappop(self._under_way)
            hand_on()
            if number is not None:
                self.records[pair].delivered(number, due_us, now_us() - self.armed_at_us)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._under_way:
            wait_us = self._under_way[0][0] - (now_us() - self.armed_at_us)
            self._timer = self._loop.call_later(max(0, wait_us) / 1_000_000, self._hand_on_due)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for opened in self.sockets:
            self._loop.remove_reader(opened)
            opened.close()


class ImpairmentRelay:
    """The relays of all matches of a server: `rewrite` is given to it as the filter of its signals."""

    def __init__(self, impairment: Impairment) -> None:
        self._impairment = impairment
        self._matches: dict[str, _Match] = {}

    def rewrite(self, match_id: str, source: int, target: int, body: dict[str, Any]) -> dict[str, Any]:
        """A signal of `source` as `target` is to get it. To be called in the event loop."""
        match = self._match(match_id)
        return candidates.rewritten(body, lambda address: match.front_of(source, target, address))

    def _match(self, match_id: str) -> _Match:
        if match_id not in self._matches:
            self._matches[match_id] = _Match(self._impairment, asyncio.get_running_loop())
        return self._matches[match_id]

    @property
    def match_ids(self) -> tuple[str, ...]:
        return tuple(self._matches)

    def is_armed(self, match_id: str) -> bool:
        return self._match(match_id).armed_at_us is not None

    def records(self, match_id: str) -> dict[Pair, Record]:
        """What was done, by direction."""
        return self._match(match_id).records

    def problems(self, match_id: str) -> list[str]:
        """Why this match does not show what its settings say; empty if it does."""
        if not self.is_armed(match_id):
            return ["the relay was never armed: no data channel opened through it"]
        setup = self._impairment
        return mismatches(setup.network, setup.events, setup.seed, self.records(match_id))

    def close(self) -> None:
        for match in self._matches.values():
            match.close()


def now_us() -> int:
    return time.monotonic_ns() // 1_000

"""The simulated network: one link model per directed path, datagrams in flight as calls of the clock.

A delivered datagram is one call; a dropped one makes no event. Faults block a path on top of its own
setup, counted, so that overlapping faults end one by one.
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable
from zlib import crc32

from netsim.clock import Clock
from netsim.link_model import LinkModel
from netsim.stream_transport import StreamPath
from scenarios.scenario import LinkSetup, NetworkSetup

Deliver = Callable[[int, bytes], None]
"""Called with (source, datagram) at the target."""

Watch = Callable[[int, int, bytes, Deliver], None]
"""Called with (source, target, datagram, deliver) instead of `deliver`, which it calls itself."""


class Path:
    """One direction between two peers, and what it has done."""

    __slots__ = (
        "blocks",
        "bytes",
        "delays_us",
        "delivered",
        "direct",
        "is_odd",
        "is_relayed",
        "is_stream",
        "last_sent_us",
        "link",
        "lost",
        "overtaken",
        "relay",
        "sent",
        "source",
        "target",
        "unmapped",
        "waiting",
    )

    def __init__(self, source: int, target: int, link: LinkModel | StreamPath) -> None:
        self.source = source
        self.target = target
        self.link = link
        self.direct = link
        self.relay: LinkModel | StreamPath | None = None
        self.is_relayed = False
        self.is_stream = isinstance(link, StreamPath)
        self.blocks = 0  # faults that block it now
        self.is_odd = self.is_stream  # a stream, blocked or unmapped: not just for the link to decide
        self.unmapped = False  # the target's address is unknown until it sends something
        self.sent = 0
        self.delivered = 0
        self.lost = 0
        self.bytes = 0
        self.overtaken = 0
        self.last_sent_us = -1  # of the datagrams delivered
        self.delays_us: list[int] = []  # of what arrived since last taken
        self.waiting: deque[tuple[int, bytes]] = deque()  # handed to a stream that is down

    def note_odd(self) -> None:
        self.is_odd = self.is_stream or self.blocks > 0 or self.unmapped


class Network:
    """Paths by (source, target). Set `deliver[target]` before anything is sent."""

    __slots__ = (
        "_arrive_call",
        "_has_unmapped",
        "arrivals_crc",
        "deliver",
        "env",
        "largest_datagram",
        "on_flight",
        "on_send",
        "paths",
    )

    def __init__(self, env: Clock, setup: NetworkSetup, seed: int) -> None:
        self.env = env
        self.deliver: dict[int, Deliver] = {}
        self.paths: dict[tuple[int, int], Path] = {}
        self.largest_datagram = 0
        self._has_unmapped = False
        self._arrive_call = self._arrive  # bound once
        self.arrivals_crc = 0  # of every datagram that arrived, in order, with its time
        self.on_flight: Callable[[Path, int, int, int], None] | None = None  # path, sent, arrived, size
        self.on_send: list[Callable[[int, int, bytes], None]] = []  # source, target, datagram
        reverse = {(p.source, p.target): p.link.delay_us for p in setup.paths}

        def make(link: LinkSetup, source: int, target: int, purpose: str) -> LinkModel | StreamPath:
            model = LinkModel(link, seed=seed, source=source, target=target, purpose=purpose)
            if setup.transport == "datagram":
                return model
            return StreamPath(model, reverse.get((target, source), link.delay_us))

        for item in setup.paths:
            link = make(item.link, item.source, item.target, "direct")
            self.paths[item.source, item.target] = Path(item.source, item.target, link)
        for item in setup.relay:
            path = self.paths[item.source, item.target]
            path.relay = make(item.link, item.source, item.target, "relay")

    def send(self, source: int, target: int, data: bytes) -> None:
        """Hand one datagram to the path."""
        path = self.paths[source, target]
        size = len(data)
        path.sent += 1
        path.bytes += size
        if size > self.largest_datagram:
            self.largest_datagram = size
        for note in self.on_send:
            note(source, target, data)
        env = self.env
        now_us = env._now  # the property would cost a call per datagram
        if path.is_odd:
            if path.is_stream:
                path.waiting.append((now_us, data))
                self._release(path, path.link.send(now_us, size))
            else:
                path.lost += 1
            return
        arrivals = path.link.send(now_us, size)
        if not arrivals:
            path.lost += 1
        for arrival_us in arrivals:
            env.call_at(arrival_us, self._arrive_call, (path, now_us, data))

    def _release(self, path: Path, arrivals: Iterable[int]) -> None:
        for arrival_us in arrivals:
            self.env.call_at(arrival_us, self._arrive_call, (path, *path.waiting.popleft()))

    def _arrive(self, flight: tuple[Path, int, bytes]) -> None:
        path, sent_us, data = flight
        if path.unmapped:
            path.lost += 1
            return
        path.delivered += 1
        if sent_us < path.last_sent_us:
            path.overtaken += 1
        else:
            path.last_sent_us = sent_us
        now_us = self.env._now
        path.delays_us.append(now_us - sent_us)
        self.arrivals_crc = crc32(data, self.arrivals_crc ^ now_us & 0xFFFF_FFFF)
        if self.on_flight is not None:
            self.on_flight(path, sent_us, now_us, len(data))
        if self._has_unmapped:
            self._map(path)
        self.deliver[path.target](path.source, data)

    def _map(self, path: Path) -> None:
        """Whoever is heard from can be answered."""
        back = self.paths[path.target, path.source]
        back.unmapped = False
        back.note_odd()
        self._has_unmapped = any(other.unmapped for other in self.paths.values())

    def watch_delivery(self, watch: Watch) -> None:
        """From now on every datagram is delivered by way of `watch`, and of those set before."""
        for target, deliver in self.deliver.items():
            self.deliver[target] = _by_way_of(watch, target, deliver)

    # Faults.

    def forge(self, source: int, target: int, data: bytes) -> None:
        """A datagram that comes at `target` as from `source`, who has not sent it now."""
        self.deliver[target](source, data)

    def block(self, pairs: Iterable[tuple[int, int]]) -> None:
        for pair in pairs:
            self.paths[pair].blocks += 1
            self._obey_blocks(self.paths[pair])

    def unblock(self, pairs: Iterable[tuple[int, int]]) -> None:
        for pair in pairs:
            self.paths[pair].blocks -= 1
            self._obey_blocks(self.paths[pair])

    def _obey_blocks(self, path: Path) -> None:
        """A stream must know that it is down: it keeps what it is given until the path is up."""
        path.note_odd()
        link = path.link
        if isinstance(link, StreamPath):
            setup = dataclasses.replace(link.setup, up=not path.blocks)
            self._release(path, link.reconfigure(self.env._now, setup))

    def reconfigure(self, pair: tuple[int, int], setup: LinkSetup) -> None:
        path = self.paths[pair]
        self._release(path, path.direct.reconfigure(self.env._now, setup))

    def setup(self, pair: tuple[int, int]) -> LinkSetup:
        return self.paths[pair].direct.setup

    def use_relay(self, pair: tuple[int, int], relayed: bool) -> None:
        """Datagrams sent from now on take the relay path, or the direct one again."""
        path = self.paths[pair]
        path.is_relayed = relayed and path.relay is not None
        path.link = path.relay if path.is_relayed and path.relay is not None else path.direct

    def forget_address(self, peer: int) -> None:
        """The peer's address has changed: nothing reaches it on a path until it has sent there."""
        for (_, target), path in self.paths.items():
            if target == peer:
                path.unmapped = True
                path.note_odd()
                self._has_unmapped = True


def _by_way_of(watch: Watch, target: int, deliver: Deliver) -> Deliver:
    return lambda source, data: watch(source, target, data, deliver)

"""The fault timeline: one readable SimPy process per event of the scenario."""

import dataclasses
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any

from netsim.clock import Clock
from netsim.host import Host
from netsim.lying_peer import LyingPeer
from netsim.network import Network
from netsim.randomness import generator
from netsim.wrong_game import WrongGame
from rollback_core.commands import Leave, SetDelay
from rollback_core.life import State
from rollback_core.timers import NEVER
from rollback_core.wire import HANDSHAKE_TAG, TAG_BYTES
from scenarios.scenario import Event

Process = Generator[Any, Any, None]
FOR_GOOD = 0
SECOND_US = 1_000_000
MOST_SEEN = 400  # some seconds of two peers
CUT = 1  # of the four kinds of forgery: noise, a cut one, and twice as often an old one whole


class Faults:
    """Plays the scenario's events on hosts and network; `exercised` counts what took effect."""

    def __init__(
        self,
        env: Clock,
        hosts: list[Host],
        network: Network,
        seed: int,
        seen_before: Sequence[bytes] = (),
    ) -> None:
        self.env = env
        self._seed = seed
        self._seen_before = seen_before  # in an older session
        self._seen: deque[bytes] = deque(maxlen=MOST_SEEN)  # datagrams of any pair that an attacker has seen
        self.hosts = hosts
        self.network = network
        self.exercised = {"blackouts": 0, "suspensions": 0}
        self.active = 0

    @property
    def seen(self) -> tuple[bytes, ...]:
        """What an attacker has of this session, for the next one."""
        return tuple(self._seen)

    def start(self, events: tuple[Event, ...]) -> None:
        if any(event.kind == "hostile" for event in events):
            self.network.on_send.append(self._see)
        for event in events:
            self.env.process(self._play(event))

    def _play(self, event: Event) -> Process:
        yield self.env.timeout(event.at_us)
        self.active += 1
        yield from self._on(event)
        self.active -= 1

    def _on(self, event: Event) -> Process:
        match event.kind:
            case "blackout":
                yield from self._blocked(event, _pairs(event.paths))
            case "partition":
                yield from self._blocked(event, self._across(event.groups))
            case "link":
                yield from self._patched(event)
            case "relay":
                yield from self._relayed(event)
            case "hostile":
                yield from self._forged(event)
            case "lie":
                yield from self._lying(event)
            case "hidden":
                for host in self._hosts(event):
                    host.set_hidden(True)
                yield from self._until_over(event)
                for host in self._hosts(event):
                    host.set_hidden(False)
            case "suspend" | "stall":
                for host in self._hosts(event):
                    # Who is gone, or has ended, loses nothing by it.
                    self.exercised["suspensions"] += host.is_running and host.peer.session.ended is None
                    host.pause()
                yield from self._until_over(event)
                for host in self._hosts(event):
                    host.resume()
            case "crash":
                for host in self._hosts(event):
                    host.crash(for_good=True)
            case "reload":
                for host in self._hosts(event):
                    host.crash(for_good=False)
                yield self.env.timeout(event.for_us)
                for host in self._hosts(event):
                    host.reload()
            case _:
                self._at_once(event)

    def _at_once(self, event: Event) -> None:
        for host in self._hosts(event):
            match event.kind:
                case "leave":
                    host.command(Leave("asked by the scenario"))
                case "diverge":
                    game = host.peer.game.game
                    assert isinstance(game, WrongGame)
                    game.diverge(event.value, _first_unsettled(host))
                case "clock-step":
                    host.step_clock(event.value)
                case "delay":
                    if host.peer.session.state is State.RUNNING:
                        host.command(SetDelay(event.value))
                case "address-change":
                    self.network.forget_address(host.index)
                    host.transport_changed()
                case _:
                    raise ValueError(f"unknown event {event.kind!r}")

    def _blocked(self, event: Event, pairs: list[tuple[int, int]]) -> Process:
        self.exercised["blackouts"] += 1
        self.network.block(pairs)
        yield from self._until_over(event)
        self.network.unblock(pairs)

    def _patched(self, event: Event) -> Process:
        pairs = _pairs(event.paths)
        before = {pair: self.network.setup(pair) for pair in pairs}
        for pair in pairs:
            self.network.reconfigure(pair, dataclasses.replace(before[pair], **event.patch))  # type: ignore[arg-type]
        yield from self._until_over(event)
        for pair in pairs:
            # Only what this event set goes back: another event may have changed the rest meanwhile.
            restored = {name: getattr(before[pair], name) for name in event.patch}
            self.network.reconfigure(pair, dataclasses.replace(self.network.setup(pair), **restored))

    def _relayed(self, event: Event) -> Process:
        pairs = _pairs(event.paths)
        for pair in pairs:
            self.network.use_relay(pair, True)
        yield from self._until_over(event)
        for pair in pairs:
            self.network.use_relay(pair, False)

    def _forged(self, event: Event) -> Process:
        """What an attacker on the path may do who has no keys: a datagram that is well made is an old one."""
        end_us = self.env.now + event.for_us if event.for_us else NEVER
        if event.for_us == FOR_GOOD:
            self.active -= 1
        chance = generator(self._seed, "hostile", event.at_us)
        while self.env.now < end_us:
            for source, target in _pairs(event.paths):
                kind = chance.randrange(4)
                data = chance.randbytes(chance.randrange(1, 60))
                seen: Sequence[bytes] = self._seen
                if self._seen_before and chance.randrange(2):
                    seen = self._seen_before
                if kind and seen:
                    data = seen[chance.randrange(len(seen))]
                    if kind == CUT:
                        data = data[: chance.randrange(1, len(data) + 1)]
                self.network.forge(source, target, data)
            yield self.env.timeout(SECOND_US // event.value)

    def _see(self, source: int, target: int, data: bytes) -> None:
        # Before there is a tag, only the transport can keep others out: hellos are not forged.
        if data[:TAG_BYTES] != HANDSHAKE_TAG:
            self._seen.append(data)

    def _lying(self, event: Event) -> Process:
        for host in self._hosts(event):
            chance = generator(self._seed, "lie", event.at_us, host.index)
            host.network = LyingPeer(self.network, chance, event.value)
        yield from self._until_over(event)
        for host in self._hosts(event):
            host.network = self.network

    def _until_over(self, event: Event) -> Process:
        if event.for_us == FOR_GOOD:
            self.active -= 1  # a lasting change is the new normal, not a fault to recover from
            yield self.env.event()
        yield self.env.timeout(event.for_us)

    def _hosts(self, event: Event) -> list[Host]:
        return [self.hosts[index] for index in event.peers]

    def _across(self, groups: tuple[tuple[int, ...], ...]) -> list[tuple[int, int]]:
        group_of = {peer: number for number, group in enumerate(groups) for peer in group}
        return [pair for pair in self.network.paths if group_of.get(pair[0]) != group_of.get(pair[1])]


def _first_unsettled(host: Host) -> int:
    """The first frame that the host may have its game step from now on: a new one, or one to be mended."""
    match = host.peer.session.match
    ends = [queue.end for queue in match.queues]
    return min(match.first_incorrect, match.timeline.current, *ends)


def _pairs(paths: tuple[str, ...]) -> list[tuple[int, int]]:
    """("0->1", …) as pairs of ints."""
    return [(int(source), int(target)) for source, _, target in (path.partition("->") for path in paths)]

"""One simulated machine: a clock of its own, a peer, bots for its players, and what can befall it.

The host's loop is the one every host has: feed datagrams, wake when it is time, send, arm one timer.
"""

from collections.abc import Callable, Generator
from random import Random
from typing import Any, Protocol, runtime_checkable

from simpy.events import NORMAL

from netsim.clock import Clock
from netsim.lying_peer import LyingPeer
from netsim.network import Network
from rollback_core.commands import Command, FocusChanged, Ready, TransportChanged
from rollback_core.episodes import WAITING
from rollback_core.events import Event
from rollback_core.peer import Peer
from rollback_core.timers import NEVER
from scenarios.policies import Policy
from scenarios.scenario import HostSetup

PPM = 1_000_000


class HostObserver(Protocol):
    """Sees a host after each tick, and before it if it is a BeforeTick; it must change nothing."""

    def after_tick(self, host: "Host", played: int) -> None: ...

    def events(self, host: "Host", events: list[Event]) -> None: ...


@runtime_checkable
class BeforeTick(Protocol):
    def before_tick(self, host: "Host", actions: tuple[int, ...]) -> None: ...


class Host:
    """Runs `peer` on simulated time. `make_peer(local_now_us)` builds it when the host opens."""

    __slots__ = (
        "_armed",
        "_armed_at",
        "_asked",
        "_chance",
        "_drift_ppm",
        "_has_opened",
        "_inbox",
        "_last_local_us",
        "_late_tick_ppm",
        "_late_tick_us",
        "_make_peer",
        "_offset_us",
        "_priority",
        "_seats",
        "_wake_call",
        "_watch_after",
        "_watch_before",
        "env",
        "incarnation",
        "index",
        "is_absent",
        "is_gone",
        "is_hidden",
        "is_running",
        "network",
        "observers",
        "opened_us",
        "peer",
        "policies",
        "was_reloaded",
    )

    def __init__(
        self,
        env: Clock,
        index: int,
        setup: HostSetup,
        network: Network,
        make_peer: Callable[[int, int], Peer],
        policies: tuple[Policy, ...],
        chance: Random,
        observers: tuple[HostObserver, ...],
    ) -> None:
        self.env = env
        self.index = index
        self.network: Network | LyingPeer = network
        self.policies = policies
        self.observers = observers
        self.is_running = not setup.start_us
        self.is_hidden = False
        self.is_absent = bool(setup.start_us)  # no process: nobody receives
        self.is_gone = False  # absent, and not coming back
        self._has_opened = not setup.start_us
        self.was_reloaded = False
        self.incarnation = 1
        self._make_peer = make_peer
        self._chance = chance
        self._late_tick_ppm = setup.late_tick_ppm
        self._late_tick_us = setup.late_tick_us
        self._priority = NORMAL + setup.poll_order
        self._offset_us = setup.clock_offset_us
        self._drift_ppm = setup.clock_drift_ppm
        self._last_local_us = 0
        self._inbox: list[tuple[int, bytes]] = []  # that have come, and
        self._asked: list[Command] = []  # what was asked, while it did not run
        self._armed = 0  # number of the wake that counts; those armed before it are stale
        self._wake_call = self._wake  # bound once
        self._armed_at = NEVER
        self._watch_before = [
            observer.before_tick for observer in observers if isinstance(observer, BeforeTick)
        ]
        self._watch_after = [observer.after_tick for observer in observers]
        self.opened_us = self.local_now_us()  # by its own clock
        self.peer = make_peer(self.opened_us, self.incarnation)
        self._seats = list(zip(self.peer.session.local_players, policies, strict=True))
        network.deliver[index] = self._receive
        if setup.start_us:
            env.process(self._open_late(setup.start_us))
        else:
            self._rearm()

    def _open_late(self, start_us: int) -> Generator[Any, Any, None]:
        yield self.env.timeout(start_us)
        self._has_opened = True
        if self.is_gone:
            return
        self.is_absent = False
        self.is_running = True
        self._open()

    def _open(self) -> None:
        """A fresh peer, which is told at once if the page is hidden; what waited was for another."""
        self._inbox = []
        self._asked = []
        self.opened_us = self.local_now_us()
        self.peer = self._make_peer(self.opened_us, self.incarnation)
        if self.is_hidden:
            self.command(FocusChanged(False))
        self._rearm()

    # Clock.

    def local_now_us(self) -> int:
        """The host's monotonic clock now."""
        now_us = self.env._now
        local_us = now_us + self._offset_us
        if not self._drift_ppm:
            return local_us
        local_us += now_us * self._drift_ppm // PPM
        if local_us < self._last_local_us:
            local_us = self._last_local_us
        self._last_local_us = local_us
        return local_us

    def _true_us(self, local_us: int) -> int:
        """The first true instant at which the host's clock shows at least this."""
        true_us = local_us - self._offset_us
        if self._drift_ppm:
            true_us = -(-true_us * PPM // (PPM + self._drift_ppm))
        return true_us

    def step_clock(self, by_us: int) -> None:
        """The machine's clock is set; a monotonic clock shows a step forward only."""
        self._offset_us += max(0, by_us)
        self._rearm()

    # The loop.

    def _receive(self, source: int, data: bytes) -> None:
        if not self.is_running:
            if not self.is_absent:
                self._inbox.append((source, data))
            return
        local_us = self.local_now_us() if self._drift_ppm else self.env._now + self._offset_us
        peer = self.peer
        had_no_tick = peer.next_tick_us == NEVER
        peer.receive_datagram(source, data, local_us)
        if peer.session.mailbox.outbox:
            for target, out in peer.datagrams_to_send(local_us):
                self.network.send(self.index, target, out)
        if had_no_tick and peer.next_wake_us() < self._armed_at:
            self._rearm()  # the datagram may have been what the first tick waited for
        if peer.events:
            self._pass_events()

    def _wake(self, armed: int) -> None:
        if armed != self._armed or not self.is_running:
            return
        local_us = self.local_now_us() if self._drift_ppm else self.env._now + self._offset_us
        peer = self.peer
        is_tick = local_us >= peer.next_tick_us
        if is_tick:
            session = peer.session
            actions: tuple[int, ...] = ()
            if session.life.is_running:
                match = peer.game
                if match.phase == WAITING and not session.is_ready:
                    session.command(Ready(), local_us)
                frame = session.play.own_queue.end
                game = match.game
                chosen = []
                for player, policy in self._seats:
                    chosen.append(policy.act(game, player, frame))
                actions = tuple(chosen)
            for watch_before in self._watch_before:
                watch_before(self, actions)
            played = peer.wake(local_us, actions)
        else:
            peer.wake(local_us, ())
        outbox = peer.datagrams_to_send(local_us)
        if outbox:
            send = self.network.send
            for target, out in outbox:
                send(self.index, target, out)
        if is_tick:
            for watch_after in self._watch_after:
                watch_after(self, played)
        if peer.events:
            self._pass_events()
        self._rearm()

    def _rearm(self) -> None:
        """Arm one wake; one armed before is stale from now on."""
        peer = self.peer
        at = peer.next_tick_us
        if at == NEVER:
            at = peer.next_wake_us()
        self._armed_at = at
        self._armed += 1
        if at == NEVER or not self.is_running:
            return
        now_us = self.env._now
        wake_us = at - self._offset_us if not self._drift_ppm else self._true_us(at)
        if wake_us < now_us:
            wake_us = now_us
        if self._late_tick_ppm and self._chance.getrandbits(20) * PPM < self._late_tick_ppm << 20:
            wake_us += self._chance.getrandbits(30) * (self._late_tick_us + 1) >> 30
        self.env.call_at(wake_us, self._wake_call, self._armed, self._priority)

    def _pass_events(self) -> None:
        events = self.peer.drain_events()
        for observer in self.observers:
            observer.events(self, events)

    def command(self, command: Command) -> None:
        """What a person or the page would ask of the session; if it does not run, once it runs again."""
        if self.is_absent:
            return
        if not self.is_running:
            self._asked.append(command)
            return
        local_us = self.local_now_us()
        self.peer.session.command(command, local_us)
        for target, out in self.peer.datagrams_to_send(local_us):
            self.network.send(self.index, target, out)
        self.peer.absorb(local_us)
        self._pass_events()
        self._rearm()

    # What can befall it.

    def set_hidden(self, hidden: bool) -> None:
        """The page is hidden but its worker ticks on."""
        self.is_hidden = hidden
        self.command(FocusChanged(not hidden))

    def pause(self) -> None:
        """The process does not run: a suspended tab, a stalled CPU. Datagrams wait in the socket."""
        self.is_running = False
        self._armed += 1

    def resume(self) -> None:
        """It runs again: what has waited comes first, then whatever is due."""
        if self.is_absent:
            return
        self.is_running = True
        inbox, self._inbox = self._inbox, []
        for source, data in inbox:
            self._receive(source, data)
        asked, self._asked = self._asked, []
        for command in asked:
            self.command(command)
        self._rearm()

    def crash(self, *, for_good: bool) -> None:
        """The process is gone, and all that it knew."""
        self.is_running = False
        self.is_absent = True
        self.is_gone = for_good
        self._armed += 1

    def reload(self) -> None:
        """The page comes back as a new incarnation; the old peer's memory is gone."""
        if not self._has_opened:
            return
        self.is_absent = False
        self.was_reloaded = True
        self.is_running = True
        self.incarnation += 1
        self._open()

    def transport_changed(self) -> None:
        for other in self.peer.session.links:
            self.command(TransportChanged(other))

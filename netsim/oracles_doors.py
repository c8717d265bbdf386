"""What goes through a peer's doors: datagrams, events, steps of the game."""

from typing import Any, Final

from netsim.host import Host
from netsim.network import Deliver
from netsim.oracle import Oracle
from netsim.watched_game import WatchedEpisodes
from netsim.world import World, has_liars, peer_config
from rollback_core.control import RESEND_US
from rollback_core.events import (
    Closed,
    Committed,
    Ended,
    EndReason,
    Event,
    Interrupted,
    Resumed,
    RolledBack,
    Started,
)
from rollback_core.life import State
from rollback_core.link import NO_HEAD, Link
from rollback_core.messages import Control
from rollback_core.session import Session
from rollback_core.wire import (
    CONTROL_HEADER_BYTES,
    HANDSHAKE_TAG,
    KIND_CONTROL,
    TAG_BYTES,
    decode,
)

AWAKE_US: Final = 250_000  # less than the shortest silence that means an interruption


class TickPlan(Oracle):
    """A tick loads one state per rollback, that of the first wrong frame, and steps each frame once."""

    id = "O7"
    name = "tick plan"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        self._before = (0, 0, 0, 0, 0)

    def before_tick(self, host: Host) -> None:
        match = host.peer.session.match
        game = host.peer.game
        assert isinstance(game, WatchedEpisodes)
        self._before = (game.loads, game.steps, match.rollbacks, match.resimulated, match.timeline.current)

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        if not session.life.is_running:
            return  # an end is played up to in its own way
        match = session.match
        game = host.peer.game
        assert isinstance(game, WatchedEpisodes)
        loads, steps, rollbacks, resimulated, current = self._before
        self.checks += 1
        if game.loads - loads != match.rollbacks - rollbacks:
            self.fail(
                f"{game.loads - loads} loads in a tick with {match.rollbacks - rollbacks} rollbacks",
                frame=current,
                peer=host.index,
            )
        again = match.resimulated - resimulated
        if game.steps - steps != again + played:
            self.fail(
                f"{game.steps - steps} steps in a tick of {again} frames again and {played} new ones",
                frame=current,
                peer=host.index,
            )
        if game.loads != loads:
            timeline = match.timeline
            first = current - again
            if first >= timeline.base and timeline.states[first - timeline.base] is not game.loaded:
                self.fail(f"what was loaded is not the state of frame {first}", frame=first, peer=host.index)


class ReliableItems(Oracle):
    """What must arrive is sent again in time until it is acknowledged, and every copy is acknowledged."""

    id = "O23"
    name = "reliable items"
    unit = "us"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._hosts = world.hosts
        # By path and incarnation: the local time at which each item that is on its way was last sent.
        self._sent: dict[tuple[int, int, int], dict[int, int]] = {}
        self._answers: dict[tuple[int, int], int] = {}  # control datagrams on the path
        if not has_liars(world.scenario):  # what they send may not even be a message
            world.network.on_send.append(self._note)
            world.network.watch_delivery(self._deliver)

    def _note(self, source: int, target: int, data: bytes) -> None:
        if data[TAG_BYTES] != KIND_CONTROL:
            return
        path = (source, target)
        self._answers[path] = self._answers.get(path, 0) + 1
        if len(data) > CONTROL_HEADER_BYTES:
            host = self._hosts[source]
            message = decode(data, 1, 1, 1)
            assert isinstance(message, Control)
            sent = self._sent.setdefault((source, target, host.incarnation), {})
            now_us = host.local_now_us()
            sent |= dict.fromkeys(range(message.first, message.first + len(message.items)), now_us)

    def _deliver(self, source: int, target: int, data: bytes, deliver: Deliver) -> None:
        if len(data) <= CONTROL_HEADER_BYTES or data[TAG_BYTES] != KIND_CONTROL:
            deliver(source, data)
            return
        host = self._hosts[target]
        session = host.peer.session
        link = session.links[source]
        is_due = host.is_running and link.is_member and session.state in (State.RUNNING, State.LINGERING)
        received = link.received
        answers = self._answers.get((target, source), 0)
        deliver(source, data)
        if is_due and link.received > received and session.state is not State.CLOSED:
            self.checks += 1
            if self._answers.get((target, source), 0) == answers:
                self.fail(f"items of peer {source} came and were not acknowledged", peer=target)

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        if session.life.is_closed:
            return
        for link in session.links.values():
            if link.is_member and link.control.pending:
                self.checks += 1
                sent = self._sent.get((host.index, link.peer, host.incarnation), {})
                first = link.control.first_pending
                silent_us = host.local_now_us() - sent.get(first, 0)
                self.note_room(RESEND_US - 1 - silent_us)
                if silent_us >= RESEND_US:
                    self.fail(
                        f"item {first} for peer {link.peer} is not acknowledged and was not sent again"
                        f" for {silent_us // 1000} ms",
                        peer=host.index,
                    )
                for item in [item for item in sent if item < first]:
                    del sent[item]


class HostileBytes(Oracle):
    """A datagram that is not of this session changes nothing in the core but a count of the rejected."""

    id = "O18"
    name = "hostile bytes"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._hosts = world.hosts
        self._ticked_us: dict[int, int] = {}  # by its own clock, which may step
        if any(event.kind == "hostile" for event in world.scenario.events):
            world.network.watch_delivery(self._deliver)
        else:
            self.applies = False

    def _deliver(self, source: int, target: int, data: bytes, deliver: Deliver) -> None:
        host = self._hosts[target]
        session = host.peer.session
        link = session.links[source]
        is_foreign = data[:TAG_BYTES] not in (link.their_tag, link.expected_head[:TAG_BYTES], HANDSHAKE_TAG)
        # A peer that was away learns of it by the first door, whatever comes in.
        is_awake = host.is_running and host.local_now_us() - self._ticked_us.get(target, 0) < AWAKE_US
        if not is_foreign or not is_awake:
            deliver(source, data)
            return
        before = core_state(session)
        deliver(source, data)
        self.checks += 1
        if core_state(session) != before:
            changed = [name for name, value in before.items() if core_state(session)[name] != value]
            self.fail(f"a foreign datagram of {len(data)} bytes changed {', '.join(changed)}", peer=target)

    def after_tick(self, host: Host, played: int) -> None:
        self._ticked_us[host.index] = host.local_now_us()


def core_state(session: Session) -> dict[str, Any]:
    """What a session is, as far as a datagram may change it, except the count of those rejected."""
    match = session.match
    timeline = match.timeline
    state: dict[str, Any] = {
        "state": session.state,
        "frontiers": (timeline.current, match.confirmed, match.committed, match.first_incorrect),
        "inputs": [(queue.base, queue.end, queue.last_action) for queue in match.queues],
        "epoch": session.epoch,
        "timers": session.timers.next_us,
        "events": len(session.events),
        "outbox": len(session.mailbox.outbox),
    }
    for link in session.links.values():
        state |= {f"link {link.peer} {name}": getattr(link, name) for name in _LINK_FIELDS}
        control = link.control
        state[f"link {link.peer} control"] = (control.received, control.pending, control.is_ack_owed)
    return state


_LINK_FIELDS: Final = tuple(name for name in Link.__slots__ if name not in ("rejected", "queue", "control"))


class EventOrder(Oracle):
    """Interrupted and Resumed alternate, Started comes once and first, Ended is final."""

    id = "O16"
    name = "events"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        self._interrupted: dict[tuple[int, int, int], bool] = {}
        self._started: set[tuple[int, int]] = set()
        self._ended: set[tuple[int, int]] = set()

    def event(self, host: Host, event: Event) -> None:
        self.checks += 1
        key = (host.index, host.incarnation)
        if key in self._ended and isinstance(event, (Committed, Started, Ended, Interrupted, RolledBack)):
            self.fail(f"{type(event).__name__} after Ended", peer=host.index)
        if isinstance(event, Started):
            if key in self._started:
                self.fail("Started twice", peer=host.index)
            self._started.add(key)
        elif isinstance(event, (Committed, RolledBack, Interrupted)) and key not in self._started:
            self.fail(f"{type(event).__name__} before Started", peer=host.index)
        if isinstance(event, (Interrupted, Resumed)):
            link = (*key, event.peer)
            is_interrupted = isinstance(event, Interrupted)
            if self._interrupted.get(link, False) is is_interrupted:
                self.fail(f"{type(event).__name__} of peer {event.peer} twice in a row", peer=host.index)
            self._interrupted[link] = is_interrupted
        if isinstance(event, Ended):
            self._ended.add(key)


class _Ears:
    """What one peer has heard, and when it listened."""

    __slots__ = ("awake_us", "away_us", "counts", "heard", "interrupted", "looked_us", "now_us", "ticked_us")

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.looked_us = now_us  # the time before that, but not before an absence
        self.away_us = 0  # in all
        self.awake_us = now_us  # since when it has run, without having been away
        self.ticked_us = now_us
        self.counts: dict[int, int] = {}  # datagrams by partner
        self.heard: dict[int, tuple[int, int, int]] = {}  # the last: between which times, away till then
        self.interrupted: set[int] = set()  # the partners of which that was told last

    def listen(self, link: Link) -> None:
        """Note what has come since the last look: just now, or at the end of an absence."""
        peer = link.peer
        if self.counts.get(peer, -1) != link.received:
            self.counts[peer] = link.received
            self.heard[peer] = (self.looked_us, self.now_us, self.away_us)


class Silence(Oracle):
    """A partner is told silent, and given up, at the first tick after the limit of hearing nothing from it.

    Only time counts in which this peer ran itself. Of more than two, a partner that is given up is voted
    against: its inputs count no more from then on. One that has said that it is done is not waited for.
    """

    id = "O16-silence"
    name = "silence"
    unit = "us"

    def __init__(self, world: World) -> None:
        super().__init__()
        terms = world.terms
        self._hosts = world.hosts
        world.network.watch_delivery(self._deliver)
        self._limits = {Interrupted: terms.interrupt_us, Ended: terms.reconnect_limit_us}
        self._interrupt_us = terms.interrupt_us
        self._reconnect_limit_us = terms.reconnect_limit_us
        # A peer that was away counts that to a tick.
        self._grain_us = 2 * terms.period_us
        self._away_from_us = terms.interrupt_us + self._grain_us
        self._ears: dict[tuple[int, int], _Ears] = {}  # by peer and incarnation

    def _deliver(self, source: int, target: int, data: bytes, deliver: Deliver) -> None:
        deliver(source, data)
        host = self._hosts[target]
        if host.is_running:
            self._look(host).listen(host.peer.session.links[source])

    def after_tick(self, host: Host, played: int) -> None:
        ears = self._look(host)
        # What was due at the tick before has been told by now.
        due_us = ears.ticked_us - self._interrupt_us
        for link in host.peer.session.links.values():
            ears.listen(link)
            if ears.heard[link.peer][1] <= due_us and ears.awake_us <= due_us:
                self._look_for_news(host, link, ears)
        ears.ticked_us = ears.now_us

    def _look_for_news(self, host: Host, link: Link, ears: _Ears) -> None:
        is_waited_for = link.is_member and not link.is_done and link.expected_head != NO_HEAD
        if not is_waited_for or not host.peer.session.life.is_running:
            return
        self.checks += 1
        silent_us = ears.ticked_us - max(ears.heard[link.peer][1], ears.awake_us)
        if link.peer not in ears.interrupted or silent_us >= self._reconnect_limit_us:
            what = "given up" if link.peer in ears.interrupted else "told silent"
            self.fail(
                f"peer {link.peer} has been silent for {silent_us // 1000} ms and was not {what}",
                peer=host.index,
            )

    def _look(self, host: Host) -> _Ears:
        key = (host.index, host.incarnation)
        now_us = host.local_now_us()
        ears = self._ears.get(key)
        if ears is None:
            ears = self._ears[key] = _Ears(now_us)
        gap_us = now_us - ears.now_us
        if gap_us > self._interrupt_us:
            ears.awake_us = now_us
            if gap_us > self._away_from_us:
                ears.away_us += gap_us
        if gap_us:
            ears.looked_us = now_us if gap_us > self._away_from_us else ears.now_us
        ears.now_us = now_us
        return ears

    def event(self, host: Host, event: Event) -> None:
        if isinstance(event, Started):
            self.after_tick(host, 0)  # silence counts from here
            ears = self._look(host)
            ears.awake_us = ears.now_us
        elif isinstance(event, Interrupted):
            self._look(host).interrupted.add(event.peer)
        elif isinstance(event, Resumed):
            self._look(host).interrupted.discard(event.peer)
        if not isinstance(event, (Interrupted, Ended)) or event.peer is None:
            return
        if isinstance(event, Ended) and event.reason is not EndReason.DISCONNECTED:
            return
        ears = self._look(host)
        ears.listen(host.peer.session.links[event.peer])
        heard_us, _, away_before_us = ears.heard[event.peer]
        silent_us = ears.now_us - heard_us - (ears.away_us - away_before_us) + self._grain_us
        limit_us = self._limits[type(event)]
        self.checks += 1
        self.note_room(silent_us - limit_us)
        if silent_us < limit_us:
            self.fail(
                f"peer {event.peer} was silent for {silent_us // 1000} ms at most, limit"
                f" {limit_us // 1000} ms",
                peer=host.index,
            )


class Deadlines(Oracle):
    """Who does not come to an agreement gives up when the time for it is up, and who lingers closes in time.

    A process that does not run, or whose clock is set, may be late; others by a poll.
    """

    id = "O16-deadline"
    name = "deadlines"
    unit = "us"
    stands_lies = True

    def __init__(self, world: World) -> None:
        super().__init__()
        scenario = world.scenario
        self._world = world
        config = peer_config(scenario, 0, 1)
        self._agree_us = config.handshake_timeout_us
        self._linger_us = config.linger_us
        self._excused = {
            peer
            for event in scenario.events
            if event.kind in ("suspend", "stall", "clock-step")
            for peer in event.peers
        }
        # Timers are polled at ticks, which time sync and the machine may put off.
        self._grain_us = [2 * world.terms.period_us + host.late_tick_us for host in scenario.hosts]
        self._ended_us: dict[tuple[int, int], int] = {}  # not of those in a session that is not watched

    def event(self, host: Host, event: Event) -> None:
        key = (host.index, host.incarnation)
        now_us = host.local_now_us()
        if isinstance(event, Started):
            self._compare(host, "agreed", now_us - host.opened_us, self._agree_us)
        elif isinstance(event, Ended):
            self._ended_us[key] = now_us
            if event.reason is EndReason.HANDSHAKE_TIMEOUT:
                took_us = now_us - host.opened_us
                self._compare(host, "given up", took_us, self._agree_us, least_us=self._agree_us)
        elif isinstance(event, Closed) and key in self._ended_us:
            self._compare(host, "closed", now_us - self._ended_us[key], self._linger_us)

    def finish(self) -> None:
        for host in self._world.hosts:
            if host.is_absent or not host.is_running:
                continue
            key = (host.index, host.incarnation)
            now_us = host.local_now_us()
            state = host.peer.session.state
            if state is State.HANDSHAKE:
                self._compare(host, "not given up", now_us - host.opened_us, self._agree_us)
            elif state is State.LINGERING and key in self._ended_us:
                self._compare(host, "not closed", now_us - self._ended_us[key], self._linger_us)

    def _compare(self, host: Host, what: str, took_us: int, limit_us: int, *, least_us: int = 0) -> None:
        if host.index in self._excused:
            return
        self.checks += 1
        room_us = limit_us + self._grain_us[host.index] - took_us
        self.note_room(room_us)
        if room_us < 0 or took_us < least_us:
            self.fail(f"{what} after {took_us // 1000} ms, limit {limit_us // 1000} ms", peer=host.index)

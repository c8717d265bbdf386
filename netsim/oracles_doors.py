"""What goes through a peer's doors: datagrams, events, steps of the game; and how much is kept inside."""

from collections import deque
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from netsim.host import Host
from netsim.network import Deliver
from netsim.oracle import Oracle
from netsim.watched_game import WatchedEpisodes
from netsim.world import World, has_liars
from rollback_core.checksum import MAX_KEPT
from rollback_core.control import RESEND_US
from rollback_core.events import (
    Committed,
    Ended,
    EndReason,
    Event,
    Interrupted,
    Resumed,
    RolledBack,
    Started,
)
from rollback_core.handshake import HELLO_INTERVAL_US
from rollback_core.life import State
from rollback_core.link import NO_HEAD, Link
from rollback_core.match import FILL_AHEAD, MAX_AHEAD_FRAMES
from rollback_core.messages import Control
from rollback_core.peer import Peer
from rollback_core.session import Session
from rollback_core.simulation import MAX_PLAYERS
from rollback_core.time_sync import GGPO_WINDOW, GGRS_WINDOW, SPEED_WINDOW
from rollback_core.timeline import PRUNE_CHUNK
from rollback_core.timers import Timer
from rollback_core.wire import (
    CONTROL_HEADER_BYTES,
    HANDSHAKE_TAG,
    INPUTS_HEADER_BYTES,
    ITEM_HEADER_BYTES,
    KIND_CONTROL,
    MAX_DATAGRAM_BYTES,
    MAX_DUMP_PARTS,
    TAG_BYTES,
    decode,
)

LOOK_EVERY: Final = 64  # ticks; for what grows slowly
AWAKE_US: Final = 250_000  # less than the shortest silence that means an interruption
ACKED_WITHIN_S: Final = 5  # as for confirmation: no burst of loss lasts longer
MAX_RUN_BYTES: Final = 3  # head and action: no input takes more
CONTAINERS: Final = (list, dict, set, deque, bytearray)
OF_CONTAINERS: Final = frozenset({"ChecksumExchange._theirs", "ChecksumExchange._dumps"})
TAKEN_BY_THE_HOST: Final = frozenset(
    {
        "Peer.events",
        "Recorder._shared",
        "Recorder._local",
        "Recorder._presented",
        "Recorder._marks",
        "Recorder.pending_rollbacks",  # looked at every tick
    }
)
"""These grow as long as the host lets them, and the simulator takes tables at the end only."""


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
        self._env = world.env
        self._ticked_us: dict[int, int] = {}
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
        is_awake = host.is_running and self._env.now - self._ticked_us.get(target, 0) < AWAKE_US
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
        self._ticked_us[host.index] = self._env.now


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


class _Kept:
    """Everything in one peer that may grow: the containers of the core's objects, wherever they hang."""

    __slots__ = ("places", "sent", "started_us", "ticks")

    def __init__(self, peer: Peer, now_us: int, ticks: int) -> None:
        self.places: list[tuple[str, Any, str]] = []  # name, owner, slot
        self._find(peer, set())
        # Since when, at which tick, and up to how many datagrams and bytes the partners have been sent to.
        self.started_us = now_us
        self.ticks = ticks
        links = peer.session.links.values()
        self.sent = {link.peer: (link.sent_datagrams, link.sent_bytes) for link in links}

    def _find(self, owner: Any, seen: set[int]) -> None:
        for slot in type(owner).__slots__:
            value = getattr(owner, slot)
            if id(value) in seen:
                continue
            if isinstance(value, CONTAINERS):
                seen.add(id(value))
                self.places.append((f"{type(owner).__name__}.{slot}", owner, slot))
            parts = list(value.values()) if type(value) is dict else value if type(value) is list else [value]
            # What is in a container is of one kind.
            kind: Any = type(parts[0]) if parts else None
            for part in parts if _is_object_of_core(kind) else ():
                if id(part) not in seen:
                    seen.add(id(part))
                    self._find(part, seen)


@cache
def _is_object_of_core(kind: Any) -> bool:
    """One that has slots of its own and changes; what the core is told and tells are values."""
    if kind is None or not kind.__module__.startswith("rollback_core.") or not hasattr(kind, "__slots__"):
        return False
    is_frozen = is_dataclass(kind) and kind.__hash__ is not None
    return not is_frozen and not issubclass(kind, (tuple, Enum))


class Bounds(Oracle):
    """Datagrams and every container stay within their bounds at every tick; what is done with is gone.

    With W the window and D the longest delay: states are kept for two intervals of checksums, a chunk, and
    what is not committed yet. A partner says in one datagram how far it has our inputs and queues its own, so
    no more than 2 (W + D + 1) of ours wait for it, whatever is lost; that bounds a datagram of inputs. One of
    them leaves a tick; all else is pings, hellos and items, each once an interval or until acknowledged, and
    answers to those of the partner, of which a network may make two.
    """

    id = "O14"
    name = "bounds"
    stands_lies = True

    def __init__(self, world: World) -> None:
        super().__init__()
        scenario = world.scenario
        self._network = world.network
        self._terms = world.terms
        self._interval = interval = scenario.session.checksum_interval_frames
        self._paces_us = (scenario.session.quality_interval_us, HELLO_INTERVAL_US, RESEND_US)
        self._has_liars = has_liars(scenario)
        # What an attacker sends again is answered, and a state that differs is sent whole.
        self._is_paced = not any(event.kind in ("hostile", "diverge", "lie") for event in scenario.events)
        self._past = 2 * interval + 2 * PRUNE_CHUNK + FILL_AHEAD  # frames, and two windows
        self._ticks = [0] * len(world.hosts)
        self._kept: dict[tuple[int, int], _Kept] = {}  # by peer and incarnation

    def after_tick(self, host: Host, played: int) -> None:
        self.checks += 1
        match = host.peer.session.match
        timeline = match.timeline
        past = self._past + 2 * match.window
        ahead = past + MAX_AHEAD_FRAMES
        is_larger = (
            len(timeline.states) > past + 2
            or len(timeline.used) > past + 1
            or len(timeline.outcomes) > past + 1
            or self._network.largest_datagram > MAX_DATAGRAM_BYTES
        )
        for queue in match.queues:
            if len(queue.actions) > ahead:
                is_larger = True
        pending = host.peer.recorder.pending_rollbacks
        if pending and next(iter(pending)) <= match.committed:
            self.fail("a rollback is still noted", frame=next(iter(pending)), peer=host.index)
        self._ticks[host.index] = ticks = self._ticks[host.index] + 1
        if is_larger or not ticks % LOOK_EVERY:
            self._look(host, past)

    def _look(self, host: Host, past: int) -> None:
        """Look at everything that is kept, and say what is too large."""
        session = host.peer.session
        current = session.match.timeline.current
        if self._network.largest_datagram > MAX_DATAGRAM_BYTES:
            self.fail(f"datagram of {self._network.largest_datagram} bytes", peer=host.index)
        if self._interval and not self._has_liars:  # who may keep theirs back
            exchange = session.desync.exchange
            if exchange.oldest is not None and exchange.oldest <= exchange.agreed:
                self.fail(
                    "a checksum that was compared is still kept", frame=exchange.oldest, peer=host.index
                )
        kept = self._kept.get((host.index, host.incarnation))
        if kept is None:
            kept = _Kept(host.peer, host.local_now_us(), self._ticks[host.index])
            self._kept[host.index, host.incarnation] = kept
        limits = self._limits(session, past)
        for name, owner, slot in kept.places:
            value = getattr(owner, slot)
            size = len(value)
            if name in OF_CONTAINERS:
                size = sum(map(len, value.values()))
            limit = limits.get(name, -1)
            if size > limit >= 0:
                self.fail(f"{name}: {size} entries, bound {limit}", frame=current, peer=host.index)
            elif limit < 0 and name not in TAKEN_BY_THE_HOST:
                self.fail(f"{name}: no bound is known for it", peer=host.index)
        if not session.epoch and session.life.is_running and not self._has_liars:
            unacked = self._most_unacked(session)
            for link in session.links.values():
                size = session.input_end - link.acked
                if size > unacked:
                    self.fail(
                        f"{size} inputs unacknowledged, bound {unacked}", frame=current, peer=host.index
                    )
        if self._is_paced:
            self._look_at_rates(host, kept)

    def _limits(self, session: Session, past: int) -> dict[str, int]:
        """How many entries a container of the core may have, by its class and slot."""
        match = session.match
        members = self._terms.peer_count
        players = len(self._terms.seats)
        ahead = past + MAX_AHEAD_FRAMES
        # Checksums wait for the partners', items for an acknowledgement: while that is lost, inputs may come.
        waiting = lost = 0
        if self._interval:
            waiting = 2 * players * (past // self._interval + 1)
            lost = ACKED_WITHIN_S * self._terms.frame_rate_hz // self._interval
        if self._has_liars:  # who may keep theirs back, and acknowledgements
            waiting = lost = players * MAX_KEPT
        return {
            "Timeline.states": past + 2,
            "Timeline.used": past + 1,
            "Timeline.outcomes": past + 1,
            "Timeline.speculative": past + 1 + match.window,  # what is stepped again keeps its note
            "Match.queues": players,
            "Match._sources": players,
            "Match._unfocused": players,
            "Match._left": players,
            "Match._kept": match.committed + 1 - match.timeline.base,
            "InputQueue.actions": ahead,
            "InputQueue.changes": ahead,
            "InputQueue.focus": ahead,
            "DesyncWatch._unchained": self._interval,
            "DesyncWatch._own": members,
            "DesyncWatch.outbox": 0,
            "DesyncWatch.events": 0,
            "ChecksumExchange._mine": waiting,
            "ChecksumExchange._theirs": waiting,
            "ChecksumExchange._verdicts": members,
            "ChecksumExchange._mismatch": members,
            "ChecksumExchange._ranges": members,
            "ChecksumExchange._found": members,
            "ChecksumExchange._located": members,
            "ChecksumExchange._dumps": members * MAX_DUMP_PARTS,
            "ControlStream._pending": waiting + lost + MAX_DUMP_PARTS + (members + players) * members,
            "Membership.votes": members,
            "Departure._asked": members,
            "Departure.outbox": 0,
            "Departure.events": 0,
            "Mailbox._links": members,
            "Mailbox.members": members,
            "Mailbox.outbox": 0,
            "Hellos._links": members,
            "Timers._at": len(Timer) * MAX_PLAYERS,
            "SkipTimeSync._window": max(GGPO_WINDOW, GGRS_WINDOW),
            "SpeedTimeSync._window": SPEED_WINDOW,
            "Publication._events": 0,
        }

    def _most_unacked(self, session: Session) -> int:
        return 2 * (session.match.window + self._terms.max_input_delay_frames + 1)

    def _look_at_rates(self, host: Host, kept: _Kept) -> None:
        """How much has gone to each partner since the first look, at so many ticks."""
        session = host.peer.session
        passed_us = host.local_now_us() - kept.started_us
        ticks = self._ticks[host.index] - kept.ticks
        paced = sum(2 + passed_us // pace_us for pace_us in self._paces_us)
        runs_bytes = ITEM_HEADER_BYTES + self._most_unacked(session) * MAX_RUN_BYTES
        inputs_bytes = INPUTS_HEADER_BYTES + len(session.local_players) * runs_bytes
        for link in session.links.values():
            control = link.control
            # Of its own; and answers, to what may have come twice.
            others = 3 * (paced + control.first_pending + control.pending + control.received)
            datagrams = link.sent_datagrams - kept.sent[link.peer][0]
            if datagrams > ticks + others:
                self.fail(f"{datagrams} datagrams at {ticks} ticks, bound {ticks + others}", peer=host.index)
            size = link.sent_bytes - kept.sent[link.peer][1]
            most = ticks * inputs_bytes + others * MAX_DATAGRAM_BYTES
            if size > most and not session.epoch:
                self.fail(f"{size} bytes at {ticks} ticks, bound {most}", peer=host.index)


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

    __slots__ = ("awake_us", "away_us", "counts", "heard", "interrupted", "now_us", "ticked_us")

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.away_us = 0  # in all
        self.awake_us = now_us  # since when it has run, without having been away
        self.ticked_us = now_us
        self.counts: dict[int, int] = {}  # datagrams by partner
        self.heard: dict[int, tuple[int, int]] = {}  # at which time was the last, away for how long till then
        self.interrupted: set[int] = set()  # the partners of which that was told last

    def listen(self, link: Link) -> None:
        peer = link.peer
        if self.counts.get(peer, -1) != link.received:
            self.counts[peer] = link.received
            self.heard[peer] = (self.now_us, self.away_us)


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
        # Looked at every tick; what waited for a peer that was away is heard a tick before it is noted.
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
            if ears.heard[link.peer][0] <= due_us and ears.awake_us <= due_us:
                self._look_for_news(host, link, ears)
        ears.ticked_us = ears.now_us

    def _look_for_news(self, host: Host, link: Link, ears: _Ears) -> None:
        is_waited_for = link.is_member and not link.is_done and link.expected_head != NO_HEAD
        if not is_waited_for or not host.peer.session.life.is_running:
            return
        self.checks += 1
        silent_us = ears.ticked_us - max(ears.heard[link.peer][0], ears.awake_us)
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
        heard_us, away_before_us = ears.heard[event.peer]
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

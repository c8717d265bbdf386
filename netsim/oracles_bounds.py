"""How much a peer keeps and sends: every container of the core has a bound, and so has each datagram."""

from collections import deque
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.world import World, has_liars
from rollback_core.checksum import MAX_KEPT
from rollback_core.control import RESEND_US
from rollback_core.handshake import HELLO_INTERVAL_US
from rollback_core.match import FILL_AHEAD, MAX_AHEAD_FRAMES
from rollback_core.peer import Peer
from rollback_core.session import Session
from rollback_core.simulation import MAX_PLAYERS
from rollback_core.time_sync import GGPO_WINDOW, GGRS_WINDOW, SPEED_WINDOW
from rollback_core.timeline import PRUNE_CHUNK
from rollback_core.timers import Timer
from rollback_core.wire import (
    INPUTS_HEADER_BYTES,
    ITEM_HEADER_BYTES,
    MAX_DATAGRAM_BYTES,
    MAX_DUMP_PARTS,
)

LOOK_EVERY: Final = 64  # ticks; for what grows slowly
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

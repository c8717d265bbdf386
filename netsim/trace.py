"""A timeline of a run in Chrome's trace format, for any viewer of that format (ui.perfetto.dev reads it).

A process per peer, with a lane of frames, one for each direction of each link, and counters; arrows from
sending to arrival; the faults are a process of their own. Times are microseconds of true simulated time.
Viewers drop slices that overlap without nesting, and arrows that have no slice at an end; of several
slices that begin at once each viewer takes another. So what one path carries in one instant is one slice.
Source: "Trace Event Format", and how Perfetto's trace processor imports it.
"""

from collections.abc import Sequence
from typing import Any, Final

from netsim.host import Host
from netsim.network import Network, Path
from rollback_core.events import Committed, Event, RolledBack
from scenarios.scenario import Event as Fault
from scenarios.scenario import Scenario

SLICE_US: Final = 1_000  # at most: what takes no simulated time is drawn this long, to be seen
_FAULTS_PROCESS: Final = 1
_PEERS_FROM: Final = 2  # and not 0, which viewers take for the idle process
_LANES: Final = 1_000  # numbers of lanes per process, more than any peer needs: viewers want them unique
_AT_ONCE: Final = frozenset({"leave", "diverge", "clock-step", "delay", "address-change"})


class TraceWatch:
    """A HostObserver that writes trace events; let it `watch` the network, too."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._lanes: dict[tuple[int, int], str] = {}  # name of each, by process and lane
        self._bundles: dict[tuple[int, int, int], dict[str, Any]] = {}  # args of a slice of datagrams
        self._counted: dict[tuple[int, str], int] = {}
        self._resimulated: dict[tuple[int, int], int] = {}  # by peer and incarnation, up to its last tick
        self._flights = 0

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        match = session.match
        now_us = host.env.now
        name = f"frame {session.current_frame - 1}" if played else "stall"
        self._add("X", name, now_us, self._frames(host.index))
        lag = session.current_frame - 1 - session.confirmed_frame
        life = (host.index, host.incarnation)
        depth = match.resimulated - self._resimulated.get(life, 0)
        self._resimulated[life] = match.resimulated
        self._count("unconfirmed", "frames", max(0, lag), host)
        self._count("rollback depth", "frames", depth, host)
        self._count("input delay", "frames", session.delay_frames, host)
        self._count("stalled ticks", "ticks", session.play.stalled_ticks, host)
        self._count("skips owed", "ticks", session.play.time_sync.owed, host)

    def events(self, host: Host, events: list[Event]) -> None:
        now_us = host.env.now
        lane = self._frames(host.index)
        for event in events:
            if isinstance(event, RolledBack):
                self._add("X", f"rollback {event.depth}", now_us, lane, args=event._asdict())
            elif not isinstance(event, Committed):
                self._add("i", type(event).__name__, now_us, lane, s="p", args={"what": repr(event)})

    def watch(self, network: Network) -> None:
        """Be told of every datagram; what is sent may be lost."""
        network.on_flight = self._flight
        network.on_send.append(lambda source, target, data: self._sent(source, target, data, network.env.now))

    def _sent(self, source: int, target: int, data: bytes, now_us: int) -> None:
        self._bundle("sent", now_us, self._path_lane(source, target, "to"), bytes=len(data))

    def _flight(self, path: Path, sent_us: int, now_us: int, size: int) -> None:
        self._flights += 1
        name = f"{path.source}→{path.target}"
        start = self._path_lane(path.source, path.target, "to")
        end = self._path_lane(path.target, path.source, "from")
        self._bundle("received", now_us, end, bytes=size, delay_us=now_us - sent_us)
        self._add("s", name, sent_us, start, id=self._flights, cat="datagram")
        self._add("f", name, now_us, end, id=self._flights, cat="datagram", bp="e")

    def table(self, scenario: Scenario, end_us: int) -> dict[str, Any]:
        """The whole trace of a run that ended at `end_us`, ready to be written as JSON."""
        for peer in range(scenario.peer_count):
            self._frames(peer)  # a peer that never ran has a name, too: it may have been sent something
        for number, fault in enumerate(scenario.events, 1):
            if fault.at_us < end_us:
                self._add_fault(number, fault, end_us)
        self._events.sort(key=lambda event: int(event["ts"]))  # stable: a slice stays before its arrow
        set_durations(self._events)
        return {"displayTimeUnit": "ms", "traceEvents": self._head() + self._events}

    def _add_fault(self, number: int, fault: Fault, end_us: int) -> None:
        """Asynchronous events, because faults overlap as they like."""
        lane = self._lane(_FAULTS_PROCESS, 0, "faults")
        details = {
            "paths": list(fault.paths),
            "peers": list(fault.peers),
            "groups": [list(group) for group in fault.groups],
            "value": fault.value,
            "patch": fault.patch,
        }
        args = {name: value for name, value in details.items() if value}
        self._add("b", fault.kind, fault.at_us, lane, id=number, cat="fault", args=args)
        self._add("e", fault.kind, _over_us(fault, end_us), lane, id=number, cat="fault")

    def _head(self) -> list[dict[str, Any]]:
        """The names of processes and lanes, and their order: by number."""
        head = []
        for (process, thread), name in sorted(self._lanes.items()):
            if thread == process * _LANES:
                owner = "faults" if process == _FAULTS_PROCESS else f"peer {process - _PEERS_FROM}"
                head += _described("process", process, thread, owner, process)
            head += _described("thread", process, thread, name, thread)
        return head

    # Lanes are (process, thread), as the format calls them.

    def _frames(self, peer: int) -> tuple[int, int]:
        return self._lane(_PEERS_FROM + peer, 0, "frames")

    def _path_lane(self, peer: int, other: int, preposition: str) -> tuple[int, int]:
        number = 1 + 2 * other + (preposition == "from")
        return self._lane(_PEERS_FROM + peer, number, f"{preposition} peer {other}")

    def _lane(self, process: int, number: int, name: str) -> tuple[int, int]:
        lane = (process, process * _LANES + number)
        self._lanes[lane] = name
        return lane

    # Events.

    def _bundle(self, name: str, now_us: int, lane: tuple[int, int], **figures: int) -> None:
        """One more datagram of this lane and instant."""
        args = self._bundles.get((*lane, now_us))
        if args is None:
            args = self._bundles[*lane, now_us] = {key: [] for key in figures}
            self._add("X", name, now_us, lane, args=args)
        for key, value in figures.items():
            args[key].append(value)

    def _count(self, name: str, unit: str, value: int, host: Host) -> None:
        """A counter's new value, if it is one."""
        lane = self._frames(host.index)
        if self._counted.get((host.index, name)) != value:
            self._counted[host.index, name] = value
            self._add("C", name, host.env.now, lane, args={unit: value})

    def _add(self, phase: str, name: str, at_us: int, lane: tuple[int, int], **more: Any) -> None:
        process, thread = lane
        self._events.append({"ph": phase, "name": name, "ts": at_us, "pid": process, "tid": thread, **more})


def _described(level: str, process: int, thread: int, name: str, rank: int) -> list[dict[str, Any]]:
    where = {"ph": "M", "pid": process, "tid": thread}
    return [
        {**where, "name": f"{level}_name", "args": {"name": name}},
        {**where, "name": f"{level}_sort_index", "args": {"sort_index": rank}},
    ]


def _over_us(fault: Fault, end_us: int) -> int:
    """When a fault is over: a lasting one at the end of the run, one that takes no time once it is seen."""
    if fault.kind in _AT_ONCE or (fault.kind == "reload" and not fault.for_us):
        return min(end_us, fault.at_us + SLICE_US)
    return min(end_us, fault.at_us + fault.for_us) if fault.for_us else end_us


def set_durations(events: Sequence[dict[str, Any]]) -> None:
    """Slices of equal beginning nest; what begins later on a lane ends what was drawn there before.

    `events` are in order of time.
    """
    later: dict[int, dict[str, Any]] = {}  # the next slice of each lane
    for event in reversed(events):
        if event["ph"] == "X":
            follower = later.get(event["tid"])
            if follower is None:
                event["dur"] = SLICE_US
            elif follower["ts"] == event["ts"]:
                event["dur"] = follower["dur"]
            else:
                event["dur"] = min(SLICE_US, follower["ts"] - event["ts"])
            later[event["tid"]] = event

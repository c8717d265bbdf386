"""A timeline of a run in Chrome's trace format, for any viewer of that format (ui.perfetto.dev reads it).

A lane per peer with rollbacks and stalls, counters of lag, arrows from sending to arrival, and a lane
of faults. Times are microseconds of true simulated time.
"""

from typing import Any

from netsim.host import Host
from netsim.network import Path
from rollback_core.events import Committed, Event, RolledBack
from scenarios.scenario import Scenario

FAULT_LANE = 99


class TraceWatch:
    """A HostObserver that writes trace events; `flight` is called for each arriving datagram."""

    def __init__(self) -> None:
        self.events_json: list[dict[str, Any]] = []
        self._flights = 0

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        now_us = host.env.now
        name = f"frame {session.current_frame - 1}" if played else "stall"
        self._add("X", name, now_us, host.index, dur=1_000)
        lag = session.current_frame - 1 - session.confirmed_frame
        self._add("C", f"unconfirmed {host.index}", now_us, host.index, args={"frames": max(0, lag)})

    def events(self, host: Host, events: list[Event]) -> None:
        now_us = host.env.now
        for event in events:
            if isinstance(event, RolledBack):
                args = event._asdict()
                self._add("X", f"rollback {event.depth}", now_us, host.index, dur=1_000, args=args)
            elif not isinstance(event, Committed):
                self._add("i", type(event).__name__, now_us, host.index, s="p", args={"what": repr(event)})

    def flight(self, path: Path, sent_us: int, now_us: int, size: int) -> None:
        self._flights += 1
        name = f"{path.source}→{path.target}"
        self._add("s", name, sent_us, path.source, id=self._flights, cat="datagram", args={"bytes": size})
        self._add("f", name, now_us, path.target, id=self._flights, cat="datagram", bp="e")

    def table(self, scenario: Scenario) -> dict[str, Any]:
        """The whole trace, ready to be written as JSON."""
        names = {index: f"peer {index}" for index in range(scenario.peer_count)} | {FAULT_LANE: "faults"}
        head = [
            {"ph": "M", "name": "thread_name", "pid": 0, "tid": lane, "args": {"name": name}}
            for lane, name in names.items()
        ]
        for event in scenario.events:
            self._add("X", event.kind, event.at_us, FAULT_LANE, dur=max(1_000, event.for_us))
        return {"displayTimeUnit": "ms", "traceEvents": head + self.events_json}

    def _add(self, phase: str, name: str, at_us: int, lane: int, **more: Any) -> None:
        self.events_json.append({"ph": phase, "name": name, "ts": at_us, "pid": 0, "tid": lane, **more})

"""The network of a scenario as a function of what passes: no clock, no sockets, no timers.

The same link models as in the simulator, one per directed pair, and the same meaning of the events that
concern paths. Times count from the arming. An event takes effect when the first datagram after it comes:
nothing else could see it. What was sent before arrives as was said.
"""

import dataclasses
from collections.abc import Iterable
from typing import Final

from netsim.link_model import LinkModel
from rollback_core.errors import UsageError
from scenarios.scenario import Event, LinkSetup, NetworkSetup

PATH_EVENTS: Final = frozenset({"blackout", "partition", "link", "relay"})

Pair = tuple[int, int]
"""(source, target): one direction between two peers."""


class _Path:
    """One direction. `blocks` counts the events that block it now."""

    __slots__ = ("blocks", "direct", "is_relayed", "relay")

    def __init__(self, direct: LinkModel) -> None:
        self.direct = direct
        self.relay: LinkModel | None = None
        self.is_relayed = False
        self.blocks = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Change:
    """The beginning or the end of an event, on its pairs."""

    at_us: int
    event: int
    is_end: bool


class ImpairedNetwork:
    """What the network does to each datagram. `now_us` never decreases over the calls."""

    def __init__(self, setup: NetworkSetup, events: Iterable[Event], seed: int) -> None:
        if setup.transport != "datagram":
            raise UsageError(
                "network: a live run has datagrams only; a stream cannot be impaired from outside"
            )
        self._paths = {
            (item.source, item.target): _Path(
                LinkModel(item.link, seed=seed, source=item.source, target=item.target)
            )
            for item in setup.paths
        }
        for item in setup.relay:
            self._paths[item.source, item.target].relay = LinkModel(
                item.link, seed=seed, source=item.source, target=item.target, purpose="relay"
            )
        self._events = tuple(event for event in events if event.kind in PATH_EVENTS)
        self._changes = _changes(self._events)
        self._next_change = 0
        self._before: dict[tuple[int, Pair], LinkSetup] = {}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(self._paths)

    def send(self, pair: Pair, now_us: int, size_bytes: int) -> tuple[int, ...]:
        """Times at which a datagram sent now arrives: () where it does not."""
        while self._next_change < len(self._changes) and self._changes[self._next_change].at_us <= now_us:
            self._take(self._changes[self._next_change])
            self._next_change += 1
        path = self._paths[pair]
        if path.blocks:
            return ()
        link = path.relay if path.is_relayed and path.relay is not None else path.direct
        return link.send(now_us, size_bytes)

    def _take(self, change: _Change) -> None:
        event = self._events[change.event]
        for pair in self._pairs_of(event):
            path = self._paths[pair]
            match event.kind:
                case "blackout" | "partition":
                    path.blocks += -1 if change.is_end else 1
                case "relay":
                    path.is_relayed = not change.is_end
                case "link":
                    self._patch(path.direct, pair, change, event)

    def _patch(self, link: LinkModel, pair: Pair, change: _Change, event: Event) -> None:
        patch = dict(event.patch)
        if change.is_end:
            # Only what this event set goes back: another event may have changed the rest meanwhile.
            before = self._before.pop((change.event, pair))
            patch = {name: getattr(before, name) for name in patch}
        else:
            self._before[change.event, pair] = link.setup
        link.reconfigure(change.at_us, dataclasses.replace(link.setup, **patch))  # type: ignore[arg-type]

    def _pairs_of(self, event: Event) -> list[Pair]:
        if event.kind == "partition":
            group_of = {peer: number for number, group in enumerate(event.groups) for peer in group}
            return [pair for pair in self._paths if group_of.get(pair[0]) != group_of.get(pair[1])]
        ends = (path.partition("->") for path in event.paths)
        return [(int(source), int(target)) for source, _, target in ends]


def _changes(events: tuple[Event, ...]) -> tuple[_Change, ...]:
    """Beginnings and ends by time; an event without a length has no end."""
    found = [_Change(event.at_us, number, False) for number, event in enumerate(events)]
    found += [
        _Change(event.at_us + event.for_us, number, True)
        for number, event in enumerate(events)
        if event.for_us
    ]
    return tuple(sorted(found, key=lambda change: change.at_us))

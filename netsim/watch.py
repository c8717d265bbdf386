"""All oracles of one session, fed incrementally, and the tables that every peer's recorder gives."""

from typing import Any

from netsim.host import Host
from netsim.ledger import Ledger
from netsim.oracle import Oracle
from netsim.oracles_bounds import Bounds
from netsim.oracles_desync import Attribution, DesyncDetection
from netsim.oracles_doors import Deadlines, EventOrder, HostileBytes, ReliableItems, Silence, TickPlan
from netsim.oracles_quality import (
    ConfirmationLag,
    FullRate,
    Progress,
    Responsiveness,
    SameEnd,
)
from netsim.oracles_safety import (
    DropAgreement,
    Immutability,
    PrefixAgreement,
    Provenance,
    Reference,
)
from netsim.oracles_sizes import SizedToTheNetwork
from netsim.oracles_speculation import Mispredictions, SpeculationNotes
from netsim.oracles_time_sync import FrameGap, OwedSkips, TimeSyncTruce
from netsim.shared_data import SessionData, TablesTold
from netsim.world import World, diverging_peers, has_liars, make_match
from rollback_core.events import Committed, Event

# By what is called, the methods of which an oracle overrides one if it wants to know.
_HOOKS = {
    "before_tick": ("before_tick",),
    "after_tick": ("after_tick",),
    "committed_all": ("committed", "committed_all"),
    "event": ("event",),
}


class OracleWatch:
    """Passes what happens to the oracles that want to know; a HostObserver.

    Once every host has been reloaded, what they play is another session: it is not watched.
    """

    def __init__(self) -> None:
        self.oracles: list[Oracle] = []
        self.responsiveness = Responsiveness()
        self.rollbacks = Mispredictions()
        self._tables = TablesTold()
        self._ledger: Ledger | None = None
        self._world: World | None = None
        self._wants: dict[str, list[Any]] = {}

    def begin(self, world: World) -> None:
        """Set up for a world that has just been built; nothing has been played yet."""
        scenario = world.scenario
        self._world = world
        spec = world.spec
        self._ledger = Ledger(
            len(spec.agents), neutral_action=spec.neutral_action, ready_action=spec.action_count
        )
        reference = Reference(make_match(scenario), diverging_peers(scenario))
        desyncs = DesyncDetection(world, reference)
        self.oracles = [
            PrefixAgreement(),
            Provenance(self._ledger),
            reference,
            Immutability(),
            self.rollbacks,
            TickPlan(),
            desyncs,
            Attribution(desyncs),
            Progress(world),
            FullRate(world),
            ConfirmationLag(world),
            SizedToTheNetwork(world),
            SpeculationNotes(),
            SameEnd(world),
            DropAgreement(),
            Bounds(world),
            TimeSyncTruce(world),
            FrameGap(world),
            OwedSkips(),
            EventOrder(),
            Silence(world),
            Deadlines(world),
            HostileBytes(world),
            ReliableItems(world),
            self.responsiveness,
            self._tables,
        ]
        if has_liars(scenario):
            self.oracles = [oracle for oracle in self.oracles if oracle.stands_lies]
        for hook, names in _HOOKS.items():
            self._wants[hook] = [
                getattr(oracle, hook)
                for oracle in self.oracles
                if oracle.applies
                and any(getattr(type(oracle), name) is not getattr(Oracle, name) for name in names)
            ]

    def _is_watched(self, host: Host) -> bool:
        # Asked every tick, so what is cheap comes first.
        return not host.was_reloaded or self._world is None or not self._world.is_another_session

    def before_tick(self, host: Host, actions: tuple[int, ...]) -> None:
        if self._ledger is not None and self._is_watched(host):
            self._ledger.before_tick(host, actions)
            for watch in self._wants["before_tick"]:
                watch(host)

    def after_tick(self, host: Host, played: int) -> None:
        if self._ledger is not None and self._is_watched(host):
            self._ledger.after_tick(host, played)
            for watch in self._wants["after_tick"]:
                watch(host, played)

    def events(self, host: Host, events: list[Event]) -> None:
        for event in events if self._is_watched(host) else ():
            if type(event) is Committed:
                for watch in self._wants["committed_all"]:
                    watch(host, event.frames)
            for watch in self._wants["event"]:
                watch(host, event)

    def finish(self) -> None:
        for oracle in self.oracles:
            oracle.finish()

    def compare(self, data: SessionData) -> None:
        """What the run left: the peers' tables."""
        if self._world is not None:
            self._tables.compare(self._world, data)

    @property
    def violated(self) -> list[Oracle]:
        return [oracle for oracle in self.oracles if oracle.violation is not None]

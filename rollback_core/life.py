"""The life of a session: it agrees, runs, lingers and closes; and how it comes to its end.

An end is told to the others, then the peer lingers for a bounded time: it answers those who still
need something, and closes once nobody does.
"""

from enum import Enum

from rollback_core.config import MatchTerms, PeerConfig
from rollback_core.errors import SimulationError
from rollback_core.events import Closed, Ended, EndReason, Event
from rollback_core.mailbox import Mailbox
from rollback_core.match import NOTHING_WRONG, Match
from rollback_core.messages import DoneItem, Item, LeaveItem
from rollback_core.publication import Publication
from rollback_core.timers import Timer, Timers


class State(Enum):
    HANDSHAKE = "handshake"
    RUNNING = "running"
    LINGERING = "lingering"  # over for us; others may still need our answers
    CLOSED = "closed"


TRANSITIONS: dict[State, dict[str, State]] = {
    State.HANDSHAKE: {"agreed": State.RUNNING, "ended": State.LINGERING, "closed": State.CLOSED},
    State.RUNNING: {"ended": State.LINGERING},
    State.LINGERING: {"closed": State.CLOSED},
    State.CLOSED: {},
}


class Life:
    """`state`, and `ended` once it has. `is_running` and `is_closed` are what is asked for every time."""

    __slots__ = (
        "_config",
        "_events",
        "_mailbox",
        "_match",
        "_own_player",
        "_publication",
        "_terms",
        "_timers",
        "ended",
        "is_closed",
        "is_running",
        "state",
    )

    def __init__(
        self,
        terms: MatchTerms,
        config: PeerConfig,
        match: Match,
        mailbox: Mailbox,
        publication: Publication,
        timers: Timers,
        events: list[Event],
    ) -> None:
        self._terms = terms
        self._config = config
        self._match = match
        self._own_player = terms.players_at(config.peer)[0]
        self._mailbox = mailbox
        self._publication = publication
        self._timers = timers
        self._events = events
        self.state = State.HANDSHAKE
        self.is_running = False
        self.is_closed = False
        self.ended: Ended | None = None

    def start(self) -> None:
        self._step("agreed")
        self._timers.stop(Timer.HELLO)
        self._timers.stop(Timer.HANDSHAKE)

    def end_if_decided(self, now_us: int) -> None:
        """The match is over once a committed frame has said so."""
        reason = self._match.end_reason
        if reason is not None:
            self.end(reason, self._ender, "", now_us)

    def end(self, reason: EndReason, peer: int | None, detail: str, now_us: int) -> None:
        """End for this reason, unless it has ended already."""
        if self.ended is not None:
            return
        is_decided = reason in (EndReason.COMPLETED, EndReason.FOCUS_TIMEOUT, EndReason.GAME_FAILED)
        if self._terms.peer_count == 2 and self.state is State.RUNNING and not is_decided:
            reason, peer, detail = self._flush_confirmed(reason, peer, detail, now_us)
        self._step("ended")
        last = self._match.committed
        self.ended = Ended(reason, last, peer, detail)
        self._events.append(self.ended)
        end = self._match.queues[self._own_player].end
        farewell: Item = LeaveItem(end, f"{reason.value}: {detail}" if detail else reason.value)
        if reason in (EndReason.COMPLETED, EndReason.FOCUS_TIMEOUT):
            farewell = DoneItem(last)
        self._timers.stop(Timer.HELLO)
        self._timers.stop(Timer.HANDSHAKE)
        self._timers.set(Timer.LINGER, now_us + self._config.linger_us)
        self._mailbox.tell_all(farewell, now_us)
        self.close_when_all_done()

    def close_when_all_done(self) -> None:
        """Close if we linger and nobody needs an answer of ours any more."""
        if self.state is not State.LINGERING or self._publication.desync.is_locating:
            return
        if all(link.is_done and not link.control.pending for link in self._mailbox.members):
            self.close()

    def close(self) -> None:
        self._step("closed")
        self._timers.stop_all()
        self._events.append(Closed())

    @property
    def _ender(self) -> int | None:
        player = self._match.end_player
        return None if player is None else self._terms.seats[player]

    def _flush_confirmed(
        self, reason: EndReason, peer: int | None, detail: str, now_us: int
    ) -> tuple[EndReason, int | None, str]:
        """With two players what is confirmed is final: play up to it, and hand it out."""
        match = self._match
        confirmed = match.update_confirmed()
        try:
            if match.first_incorrect != NOTHING_WRONG:
                self._events.append(match.correct())
            while match.timeline.current <= confirmed and match.advance():
                pass
            if self._publication.publish(confirmed, now_us):
                self._publication.drain_desync(now_us)
        except SimulationError as error:
            return EndReason.GAME_FAILED, None, str(error)
        if match.end_reason is not None:
            # The partner is gone, but nothing was left to wait for.
            return match.end_reason, self._ender, ""
        return reason, peer, detail

    def _step(self, event: str) -> None:
        self.state = TRANSITIONS[self.state][event]
        self.is_running = self.state is State.RUNNING
        self.is_closed = self.state is State.CLOSED

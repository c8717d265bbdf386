"""A peer as every host drives it: session, game, recorder and pacing in one, still without I/O.

The host's loop: feed datagrams, `wake` when `next_wake_us` is reached, send what there is to send,
sleep. An accumulator turns the host's clock into frames due: a late host plays several frames in one
wake, up to what the prediction window lets it catch up; time beyond that is dropped, since the
partners have waited.
"""

from collections.abc import Sequence

from rollback_core.config import MatchTerms, PeerConfig
from rollback_core.episodes import Episodes
from rollback_core.events import Committed, DesyncDetected, Event, RolledBack, Started
from rollback_core.life import State
from rollback_core.recorder import Recorder
from rollback_core.session import Session
from rollback_core.timers import NEVER


class Peer:
    """`session` for the doors not repeated here, `recorder` for the tables.

    `next_tick_us` is when the next wake will sample the local players' actions.
    """

    __slots__ = ("events", "game", "next_tick_us", "presented_frames", "recorder", "session")

    def __init__(self, terms: MatchTerms, config: PeerConfig, game: Episodes, now_us: int) -> None:
        self.game = game
        self.session = Session(terms, config, game, now_us)
        self.recorder = Recorder(game.game.spec)
        self.events: list[Event] = []
        self.presented_frames = 0
        self.next_tick_us = NEVER
        self.absorb(now_us)

    def receive_datagram(self, peer: int, data: bytes, now_us: int) -> None:
        session = self.session
        session.receive_datagram(peer, data, now_us)
        if session.events:
            self.absorb(now_us)

    def next_wake_us(self) -> int:
        """When `wake` has something to do: the next tick, or a timer while there are no ticks."""
        if self.next_tick_us != NEVER:
            return self.next_tick_us
        return self.session.timers.next_us

    def wake(self, now_us: int, actions: Sequence[int]) -> int:
        """Do everything that is due, with the local players' present actions; gives frames played."""
        session = self.session
        if now_us >= session.timers.next_us:
            session.handle_timer(now_us)
        played = 0
        due_us = self.next_tick_us
        if now_us >= due_us:
            period_us = session.play.time_sync.period_us
            frames = 1
            if now_us - due_us >= period_us:
                frames += (now_us - due_us) // period_us
                limit = session.match.window + session.play.delay_frames + 1
                if frames > limit:
                    # What cannot be caught up is not owed: the partners were stalled meanwhile.
                    frames = limit
                    due_us = now_us - (limit - 1) * period_us
            self.next_tick_us = due_us + frames * period_us
            try:
                played = session.tick(now_us, actions, frames)
            finally:
                if session.events or not session.life.is_running:
                    self.absorb(now_us)
            if played:
                self.presented_frames += played
                self.recorder.presented(session.match.timeline.current - 1, now_us)
        else:
            self.absorb(now_us)
        return played

    def drain_events(self) -> list[Event]:
        """What happened, in order, after the recorder has seen it."""
        events = self.events
        if events:
            self.events = []
        return events

    def datagrams_to_send(self, now_us: int) -> list[tuple[int, bytes]]:
        mailbox = self.session.mailbox
        outbox = mailbox.outbox
        if outbox:
            mailbox.outbox = []
        return outbox

    def absorb(self, now_us: int) -> None:
        """Take over what the session has to tell; needed after a command, done by all else here."""
        for event in self.session.drain_events():
            self.events.append(event)
            kind = type(event)
            if kind is Committed:
                self.recorder.committed(event.frames)  # type: ignore[union-attr]
            elif kind is RolledBack:
                self.recorder.rolled_back(event)  # type: ignore[arg-type]
            elif kind is DesyncDetected:
                self._mark_desync(event)  # type: ignore[arg-type]
            elif kind is Started:
                self.next_tick_us = now_us
        if self.session.state is State.CLOSED:
            self.next_tick_us = NEVER

    def _mark_desync(self, event: DesyncDetected) -> None:
        self.recorder.mark_invalid(event.first_frame, f"desync with peer {event.peer}")

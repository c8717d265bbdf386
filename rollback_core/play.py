"""One tick after another: past mended, inputs queued, frames stepped, commits made, inputs sent.

Nearly all ticks are one frame of a round in a session that goes well, so `tick` is just that, in as
few calls as can be; whatever is exceptional leaves by one test for `tick_in_full`, which does any tick.
"""

from collections.abc import Sequence

from rollback_core.config import MatchTerms, PeerConfig
from rollback_core.episodes import PLAYING, WAITING
from rollback_core.errors import SimulationError
from rollback_core.events import DelayChanged, EndReason, Event
from rollback_core.life import Life, State
from rollback_core.mailbox import Mailbox
from rollback_core.match import NOTHING_WRONG, Match
from rollback_core.publication import Publication
from rollback_core.time_sync import TICKS_PER_SAMPLE, TimeSync, time_sync

COMMIT_BATCH = 4  # frames; rows leave the core a few at a time while nothing waits for them


class Play:
    """The ticks of one session. After a change of an `is_` of its own, `note_plain` is to be called."""

    __slots__ = (
        "_events",
        "_game",
        "_is_plain",
        "_life",
        "_mailbox",
        "_match",
        "_period_us",
        "_publication",
        "_ticks",
        "_told_at",
        "delay_frames",
        "dropped_inputs",
        "is_focused",
        "is_paused",
        "is_ready",
        "is_someone_done",
        "is_stalled",
        "own_queue",
        "skipped_ticks",
        "stalled_ticks",
        "time_sync",
    )

    def __init__(
        self,
        terms: MatchTerms,
        config: PeerConfig,
        match: Match,
        life: Life,
        mailbox: Mailbox,
        publication: Publication,
        events: list[Event],
    ) -> None:
        self._match = match
        self._game = match.timeline.game
        self.own_queue = match.queues[terms.players_at(config.peer)[0]]
        self._life = life
        self._mailbox = mailbox
        self._publication = publication
        self._events = events
        self._period_us = terms.period_us
        self._ticks = 0
        self._told_at = -1  # who has acknowledged this input has told what the last tick without a frame did
        self._is_plain = False
        self.time_sync: TimeSync = time_sync(config.time_sync, terms.period_us)
        self.delay_frames = config.input_delay_frames
        self.is_focused = True
        self.is_ready = False
        self.is_paused = False
        self.is_someone_done = False
        self.is_stalled = False
        self.dropped_inputs = 0  # by a decrease of the delay
        self.stalled_ticks = 0
        self.skipped_ticks = 0

    def note_plain(self) -> None:
        """See whether the session goes well, so that a tick has nothing to look for but the frame."""
        self._is_plain = (
            self._life.is_running
            and self.is_focused
            and not self.is_paused
            and not self.is_someone_done
            and not self.is_ready
            and not self._match.left
        )

    def set_delay(self, delay: int) -> None:
        if delay != self.delay_frames:
            self.delay_frames = delay
            self._events.append(DelayChanged(delay))

    def tick(self, now_us: int, actions: Sequence[int], frames: int) -> int:
        """Mend the past, then play up to `frames` new frames; gives how many, 0 at a stall or a skip.

        If the game raises SimulationError, the session ends and the error goes on to the caller.
        """
        match = self._match
        if (
            not self._is_plain
            or frames != 1
            or match.first_incorrect != NOTHING_WRONG
            or self._game.phase != PLAYING
            or not 0 <= self.own_queue.end - match.timeline.current - self.delay_frames <= 1
        ):
            return self.tick_in_full(now_us, actions, frames)
        self._ticks += 1
        if not self._ticks % TICKS_PER_SAMPLE:
            self._observe_advantage(now_us)
        sync = self.time_sync
        try:
            if sync.owed and sync.should_skip():
                self._note_skip()
                self.is_stalled = False
                match.update_confirmed()
                self._finish_tick(now_us, is_playing=False)
                return 0
            if match.play(actions, self.delay_frames):
                self.is_stalled = False
                self._finish_tick(now_us, is_playing=self._game.phase == PLAYING)
                return 1
            self.is_stalled = True
            self._note_no_frame()
            self.stalled_ticks += 1
            self._finish_tick(now_us, is_playing=False)
        except SimulationError as error:
            self._fail(error, now_us)
            raise
        return 0

    def tick_in_full(self, now_us: int, actions: Sequence[int], frames: int) -> int:
        """`tick`, whatever the state of the session."""
        state = self._life.state
        if state is not State.RUNNING:
            if state is State.LINGERING:
                self._mailbox.send_inputs(self._match)
            return 0
        match = self._match
        played = 0
        try:
            if match.left:
                match.fill_left()
            if match.first_incorrect != NOTHING_WRONG:
                self._events.append(match.correct())
            if self.is_paused:
                match.update_confirmed()
            else:
                self._ticks += 1
                if not self._ticks % TICKS_PER_SAMPLE:
                    self._observe_advantage(now_us)
                if self._game.phase != PLAYING:
                    self.time_sync.forget()
                elif frames and self.time_sync.should_skip():
                    self._note_skip()
                    frames = 0
                    match.update_confirmed()
                while played < frames:
                    self._queue_local(actions)
                    if not match.advance():
                        break
                    played += 1
                if played < frames:
                    self._note_no_frame()
            is_round = self._game.phase == PLAYING
            self.is_stalled = not played and frames > 0 and is_round
            if self.is_stalled:
                self.stalled_ticks += 1
            is_playing = played > 0 and is_round and not self.is_someone_done
            self._finish_tick(now_us, is_playing=is_playing)
        except SimulationError as error:
            self._fail(error, now_us)
            raise
        return played

    def _queue_local(self, actions: Sequence[int]) -> None:
        game = self._game
        match = self._match
        focused = self.is_focused
        if game.phase == PLAYING:
            self.is_ready = False
            self.note_plain()
            if not focused:
                actions = (game.game.spec.neutral_action,) * len(actions)
        else:
            ready = self.is_ready and focused and game.phase == WAITING
            action = game.ready_action if ready else game.game.spec.neutral_action
            actions = (action,) * len(actions)
        is_queued = match.add_local(actions, focused, self.delay_frames)
        if not is_queued and self.own_queue.end > match.timeline.current + self.delay_frames + 1:
            self.dropped_inputs += 1  # a decrease of the delay; at a stall the frame has its input already
        match.update_confirmed()

    def _finish_tick(self, now_us: int, *, is_playing: bool) -> None:
        """Commit what every member holds, and send the inputs.

        In full play a few frames at a time: handing rows out costs the same for one as for four.
        """
        match = self._match
        known = match.confirmed
        for link in self._mailbox.members:
            if link.reported_confirmed < known:
                known = link.reported_confirmed
        if known >= match.committed + (COMMIT_BATCH if is_playing else 1):
            self._publication.publish(known, now_us)
            if match.end_reason is not None:
                self._life.end_if_decided(now_us)
                self.note_plain()
        self._mailbox.send_inputs(match)

    def _note_skip(self) -> None:
        self.skipped_ticks += 1
        self._note_no_frame()

    def _note_no_frame(self) -> None:
        # A partner estimates its lead once in so many ticks.
        self._told_at = self.own_queue.end + TICKS_PER_SAMPLE

    def _observe_advantage(self, now_us: int) -> None:
        """Estimate the lead over each member, for time sync and to tell it.

        Between rounds all wait for each other, and nobody leads.

        Who has left out a tick, or waited, hears of what that has changed a round trip later. Until then time
        sync observes nothing: partners tell of a lead that is no more. It would do too much, and the other
        would wait next.
        """
        period_us = self._period_us
        current = self._match.timeline.current
        is_round = self._game.phase == PLAYING
        worst_us = None
        remote_us = 0
        is_told = True
        for link in self._mailbox.members:
            is_told = is_told and link.acked > self._told_at
            ahead_us = link.local_advantage_us(current, now_us, period_us) if is_round else 0
            link.advantage = 4 * ahead_us // period_us
            if worst_us is None or ahead_us > worst_us:
                worst_us = ahead_us
                remote_us = link.remote_advantage * period_us // 4 if is_round else 0
        if worst_us is not None and is_told:
            self.time_sync.observe(worst_us, remote_us)

    def _fail(self, error: SimulationError, now_us: int) -> None:
        self._life.end(EndReason.GAME_FAILED, None, str(error), now_us)
        self.note_plain()

"""A peer's session: a few doors in, a few doors out; no clock, no socket, no callback, no chance.

Doors in, each taking effect whole or not at all; time is an int of microseconds that never decreases:
  receive_datagram(peer, data, now_us)   only fills queues; a rollback waits for the next tick
  tick(now_us, actions, frames)          mends the past, then plays up to `frames` new frames
  handle_timer(now_us)                   call when next_timer_us() is reached; early calls are harmless
  command(command, now_us)               delay, focus, readiness, transport, leave
Doors out, to be drained after every door in, in this order:
  drain_events()                         what happened, once and in order
  datagrams_to_send(now_us)              (peer, bytes) pairs to hand to the transport
  next_timer_us()                        when handle_timer wants to be called; NEVER if at no time
All else is a pure getter. The contract follows quinn-proto's Connection.
"""

from collections.abc import Sequence
from enum import Enum

from rollback_core import wire
from rollback_core.commands import Command, FocusChanged, Leave, Ready, SetDelay, TransportChanged
from rollback_core.config import DelayPolicy, MatchTerms, PeerConfig
from rollback_core.control import RESEND_US
from rollback_core.delay_policy import AdaptiveDelay
from rollback_core.departure import Departure
from rollback_core.desync import DesyncWatch
from rollback_core.episodes import PLAYING, WAITING, Episodes
from rollback_core.errors import SimulationError, UsageError, WireError
from rollback_core.events import (
    EPISODE_GOES_ON,
    MATCH_ENDS,
    Closed,
    Committed,
    CommittedFrame,
    DelayChanged,
    Ended,
    EndReason,
    EpisodeEnded,
    Event,
    Interrupted,
    Resumed,
    Started,
)
from rollback_core.handshake import HELLO_INTERVAL_US, Handshake, Mismatch, Refused
from rollback_core.link import Link
from rollback_core.mailbox import Mailbox
from rollback_core.match import NOTHING_WRONG, Match
from rollback_core.messages import (
    BackfillItem,
    ChecksumItem,
    ChecksumRangeItem,
    Control,
    DecisionItem,
    DoneItem,
    DumpItem,
    FocusItem,
    Hello,
    Item,
    LeaveItem,
    Message,
    Ping,
    Pong,
    VoteItem,
)
from rollback_core.predictor import predictor
from rollback_core.time_sync import TICKS_PER_SAMPLE, TimeSync, time_sync
from rollback_core.timers import Timer, Timers

ONE_BYTE_ACTIONS = 256
INPUTS_HEAD_BYTES = wire.TAG_BYTES + 1
COMMIT_BATCH = 4  # frames; rows leave the core a few at a time while nothing waits for them


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


class Session:
    """One peer of one match. `now_us` of the first call sets where its clock begins."""

    def __init__(self, terms: MatchTerms, config: PeerConfig, game: Episodes, now_us: int) -> None:
        _check(terms, config, game)
        self.terms = terms
        self.config = config
        self.me = config.peer
        self.state = State.HANDSHAKE
        self.local_players = terms.players_at(config.peer)
        self.links = {
            peer: Link(peer, terms.players_at(peer))
            for peer in range(terms.peer_count)
            if peer != config.peer
        }
        self.delay_frames = config.input_delay_frames
        self.dropped_inputs = 0  # by a decrease of the delay
        self.stalled_ticks = 0
        self.skipped_ticks = 0
        self.is_stalled = False
        self.ended: Ended | None = None
        self.time_sync: TimeSync = time_sync(config.time_sync, terms.period_us)
        self.timers = Timers()
        self.match = Match(
            game,
            players=len(terms.seats),
            local=self.local_players,
            window=terms.prediction_window_frames,
            focus_timeout_frames=terms.focus_timeout_frames,
            predict=predictor(
                config.predictor,
                neutral_action=game.game.spec.neutral_action,
                ready_action=game.ready_action,
            ),
        )
        self._game = game
        self._action_count = game.ready_action + 1
        self._action_bytes = 1 if self._action_count <= ONE_BYTE_ACTIONS else 2
        self._handshake = Handshake(terms, config)
        self._departure = Departure(self.match, config.peer, terms.seats)
        self.desync = DesyncWatch(self.match, config.peer, tuple(self.links), terms.checksum_interval_frames)
        self._adaptive = (
            AdaptiveDelay(self.delay_frames, terms.max_input_delay_frames, terms.period_us)
            if config.delay_policy is DelayPolicy.ADAPTIVE
            else None
        )
        self._is_focused = True
        self._is_paused = False
        self._is_someone_done = False
        self._voted_against = 0  # the peers of our vote for which the deadline runs
        self._ticks = 0
        self._period_us = terms.period_us
        self.is_ready = False
        self._now_us = now_us
        self._events: list[Event] = []
        self._mailbox = Mailbox(self.links, self.timers, self.local_players, self._action_bytes)
        self.timers.set(Timer.HELLO, now_us)
        self.timers.set(Timer.HANDSHAKE, now_us + config.handshake_timeout_us)
        if not self.links:
            self._start(now_us)

    # Doors in.

    def receive_datagram(self, peer: int, data: bytes, now_us: int) -> None:
        """Take in what the transport delivered from `peer`. Bad bytes change nothing but a counter."""
        link = self.links.get(peer)
        if link is None:
            raise UsageError(f"there is no peer {peer}")
        self._advance_clock(now_us)
        if self.state is State.CLOSED:
            return
        try:
            if data[:INPUTS_HEAD_BYTES] == link.inputs_head:
                self._receive_inputs(link, data, now_us)
            else:
                self._receive_by_tag(link, data, now_us)
        except WireError:
            link.rejected += 1

    def tick(self, now_us: int, actions: Sequence[int], frames: int = 1) -> int:
        """Mend the past, then play up to `frames` new frames with the local players' actions.

        Gives the number of frames played; 0 is a stall or a skip. Raises SimulationError if the
        game does; the session has then ended.
        """
        if self.state is State.RUNNING:
            self._check_actions(actions, frames)
        self._advance_clock(now_us)
        if self.state is not State.RUNNING:
            if self.state is State.LINGERING:
                self._mailbox.send_inputs(self.match)
            return 0
        match = self.match
        played = 0
        try:
            if match.left:
                match.fill_left()
            if match.first_incorrect != NOTHING_WRONG:
                self._events.append(match.correct())
            if self._is_paused:
                match.update_confirmed()
            else:
                self._ticks += 1
                if not self._ticks % TICKS_PER_SAMPLE:
                    self._observe_advantage(now_us)
                if frames and self.time_sync.should_skip():
                    self.skipped_ticks += 1
                    frames = 0
                    match.update_confirmed()
                while played < frames:
                    self._queue_local(actions)
                    if not match.advance():
                        break
                    played += 1
            self.is_stalled = not played and frames > 0 and self._game.phase == PLAYING
            if self.is_stalled:
                self.stalled_ticks += 1
            self._commit(now_us, is_playing=played > 0)
        except SimulationError as error:
            self._end(EndReason.GAME_FAILED, None, str(error), now_us)
            raise
        self._mailbox.send_inputs(self.match)
        return played

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""
        self._advance_clock(now_us)
        while self.state is not State.CLOSED:
            due = self.timers.pop_due(now_us)
            if due is None:
                return
            timer, peer = due
            match timer:
                case Timer.HELLO:
                    self._send_hellos(now_us)
                case Timer.HANDSHAKE:
                    self._end(EndReason.HANDSHAKE_TIMEOUT, None, "not all peers answered", now_us)
                case Timer.QUALITY:
                    self._mailbox.send_pings(now_us)
                    self.timers.set(Timer.QUALITY, now_us + self.config.quality_interval_us)
                case Timer.LINGER:
                    self._close()
                case Timer.SILENCE:
                    self._handle_silence(self.links[peer], now_us)
                case Timer.AGREEMENT:
                    # A vote that can never arrive (a path cut in one direction) must not hold all for ever.
                    self._departure.lose(self._departure.membership.not_agreeing)
                    self._drain_departure(self.me, now_us)
                case Timer.CONTROL:
                    self.links[peer].control.rewind()
                    self._mailbox.send_control(self.links[peer], now_us)

    def command(self, command: Command, now_us: int) -> None:
        """Carry out a host's wish."""
        match command:
            case SetDelay(delay) if not 0 <= delay <= self.terms.max_input_delay_frames:
                raise UsageError(f"delay: 0 to {self.terms.max_input_delay_frames} frames, not {delay}")
            case TransportChanged(peer) if peer not in self.links:
                raise UsageError(f"there is no peer {peer}")
        self._advance_clock(now_us)
        match command:
            case SetDelay(delay):
                self._adaptive = None
                self._set_delay(delay)
            case FocusChanged(focused):
                self._is_focused = focused
                self._update_pause()
                if self.terms.pause_on_hidden and self.state is State.RUNNING:
                    self._mailbox.tell_all(FocusItem(focused), now_us)
            case Ready():
                self.is_ready = True
            case TransportChanged(peer):
                self.links[peer].forget_rtt()
            case Leave(reason):
                if self.state in (State.HANDSHAKE, State.RUNNING):
                    self._end(EndReason.LEFT, self.me, reason, now_us)

    # Doors out.

    def drain_events(self) -> list[Event]:
        """What happened since the last call, in order."""
        events = self._events
        if events:
            self._events = []
        return events

    def datagrams_to_send(self, now_us: int) -> list[tuple[int, bytes]]:
        """(peer, datagram) pairs for the transport, in order; they may be lost, doubled, reordered."""
        return self._mailbox.drain()

    def next_timer_us(self) -> int:
        return self.timers.next_us

    # Getters.

    @property
    def has_events(self) -> bool:
        return bool(self._events)

    @property
    def has_datagrams(self) -> bool:
        return bool(self._mailbox.outbox)

    @property
    def current_frame(self) -> int:
        return self.match.timeline.current

    @property
    def confirmed_frame(self) -> int:
        return self.match.confirmed

    @property
    def committed_frame(self) -> int:
        return self.match.committed

    @property
    def input_end(self) -> int:
        """First frame for which the local players' inputs are not queued yet."""
        return self.match.queues[self.local_players[0]].end

    @property
    def is_paused(self) -> bool:
        """A member is interrupted, or someone is hidden where the study pauses for that."""
        return self._is_paused

    @property
    def epoch(self) -> int:
        """Number of the view: how often the membership has shrunk."""
        return self._departure.membership.epoch

    def frame_advantage(self, now_us: int) -> float:
        """Frames by which this peer is ahead of its slowest partner, as it estimates."""
        current = self.match.timeline.current
        period_us = self.terms.period_us
        worst = [link.local_advantage_us(current, now_us, period_us) for link in self._mailbox.members]
        return max(worst) / period_us if worst else 0.0

    # Hellos and start.

    def _receive_hello(self, link: Link, hello: Hello, now_us: int) -> None:
        if hello.incarnation < link.incarnation:
            raise WireError("a hello of an earlier incarnation")
        if self.state is not State.HANDSHAKE:
            self._receive_late_hello(link, hello, now_us)
            return
        try:
            answer_now = self._handshake.receive(link, hello, now_us)
        except Mismatch as mismatch:
            self._mailbox.send(link, self._handshake.hello(link, now_us))
            self._end(EndReason.HANDSHAKE_MISMATCH, link.peer, str(mismatch), now_us)
            return
        except Refused as refused:
            self._end(EndReason.EXCLUDED, link.peer, str(refused), now_us)
            return
        link.heard_at_us = now_us
        links = self.links.values()
        self._handshake.propose(links)
        if answer_now:
            self._mailbox.send(link, self._handshake.hello(link, now_us))
        if self._handshake.is_complete(links):
            self._start(now_us)

    def _receive_late_hello(self, link: Link, hello: Hello, now_us: int) -> None:
        """A hello while we play or linger: a partner not yet done, a restarted one, or a stranger."""
        is_mismatch = self.ended is not None and self.ended.reason is EndReason.HANDSHAKE_MISMATCH
        if not is_mismatch and not self._handshake.is_ours(hello):
            raise WireError("a hello of another session")
        is_known = hello.incarnation == link.incarnation
        if is_known:
            self._hear(link, now_us)
        # Answers are paced: two that linger unsatisfied would chatter, and duplicates would multiply.
        if not hello.is_refusal and now_us - link.told_us >= HELLO_INTERVAL_US:
            link.told_us = now_us
            if is_mismatch or (is_known and not hello.is_satisfied):
                self._mailbox.send(link, self._handshake.hello(link, now_us))
            elif not is_known:
                self._mailbox.send(link, self._handshake.refusal(hello.incarnation, now_us))
        if not is_known and self.state is State.RUNNING and link.is_member:
            self._lose(link, EndReason.PEER_RESTARTED, "it came back as a new incarnation", now_us)

    def _send_hellos(self, now_us: int) -> None:
        for link in self.links.values():
            self._mailbox.send(link, self._handshake.hello(link, now_us))
        self.timers.set(Timer.HELLO, now_us + HELLO_INTERVAL_US)

    def _start(self, now_us: int) -> None:
        self._step("agreed")
        self.match.window = self._handshake.agreed_window(self.links.values())
        self.timers.stop(Timer.HELLO)
        self.timers.stop(Timer.HANDSHAKE)
        for link in self.links.values():
            self._mailbox.send(link, self._handshake.hello(link, now_us))
            link.set_input_tag(link.tag)
            link.heard_at_us = now_us
            link.remote_current_at_us = now_us
            self.timers.set(Timer.SILENCE, now_us + self.terms.interrupt_us, link.peer)
        if self.links:
            self.timers.set(Timer.QUALITY, now_us)
        self._events.append(Started(self.match.window))
        if self.terms.pause_on_hidden and not self._is_focused:
            self._mailbox.tell_all(FocusItem(False), now_us)

    # Play.

    def _receive_inputs(self, link: Link, data: bytes, now_us: int) -> None:
        if self._departure.refuses(link.peer):
            raise WireError("inputs of a peer that is out")
        players = link.players
        first, length, ack, confirmed, advantage, current, streams = wire.decode_inputs_fields(
            data, len(players), self._action_bytes, self._action_count
        )
        match = self.match
        if ack > link.acked:
            if ack > self.input_end:
                raise WireError(f"acknowledges frame {ack}, ours end at {self.input_end}")
        if first + length > match.queues[players[0]].end:
            match.check_range(players[0], first, length)
            for player, runs in zip(players, streams):  # noqa: B905  decoding made them equal in number
                match.add_remote(player, first, runs)
        self._hear(link, now_us)
        if ack > link.acked:
            link.acked = ack
        if confirmed > link.reported_confirmed:
            link.reported_confirmed = confirmed
        if current > link.remote_current:
            link.remote_current = current
            link.remote_current_at_us = now_us
            link.remote_advantage_us = advantage * self._period_us // 4

    def _receive_by_tag(self, link: Link, data: bytes, now_us: int) -> None:
        """Everything but inputs of this view."""
        tag = data[: wire.TAG_BYTES]
        if tag == link.tag and tag:
            if self.state is State.HANDSHAKE:
                return  # this partner has begun; what it sends comes again, once we have begun too
            self._receive_other(link, data, now_us)
        elif tag == wire.HANDSHAKE_TAG:
            message = wire.decode(data, len(link.players), self._action_bytes, self._action_count)
            if not isinstance(message, Hello):
                raise WireError("only a hello may carry the handshake tag")
            self._receive_hello(link, message, now_us)
        else:
            raise WireError("foreign tag")

    def _queue_local(self, actions: Sequence[int]) -> None:
        game = self._game
        focused = self._is_focused
        if game.phase == PLAYING:
            self.is_ready = False
            if not focused:
                actions = (game.game.spec.neutral_action,) * len(actions)
        else:
            ready = self.is_ready and focused and game.phase == WAITING
            action = game.ready_action if ready else game.game.spec.neutral_action
            actions = (action,) * len(actions)
        is_queued = self.match.add_local(actions, focused, self.delay_frames)
        if not is_queued and self.input_end > self.current_frame + self.delay_frames + 1:
            self.dropped_inputs += 1  # a decrease of the delay; at a stall the frame has its input already
        self.match.update_confirmed()

    def _update_pause(self) -> None:
        hidden = self.terms.pause_on_hidden and not self._is_focused
        silent = any(link.is_interrupted or not link.is_focused for link in self._mailbox.members)
        self._is_paused = hidden or silent

    def _set_delay(self, delay: int) -> None:
        if delay != self.delay_frames:
            self.delay_frames = delay
            self._events.append(DelayChanged(delay))

    def _observe_advantage(self, now_us: int) -> None:
        period_us = self._period_us
        current = self.match.timeline.current
        slowest = None
        worst_us = 0
        for link in self._mailbox.members:
            ahead_us = link.local_advantage_us(current, now_us, period_us)
            link.advantage = 4 * ahead_us // period_us
            if slowest is None or ahead_us > worst_us:
                slowest = link
                worst_us = ahead_us
        if slowest is not None:
            self.time_sync.observe(worst_us, slowest.remote_advantage_us)

    def _commit(self, now_us: int, *, is_playing: bool) -> None:
        match = self.match
        known = match.confirmed
        for link in self._mailbox.members:
            if link.reported_confirmed < known:
                known = link.reported_confirmed
        # In full play a few frames at a time: handing rows out costs the same for one as for four.
        is_hasty = not is_playing or self._game.phase != PLAYING or self._is_someone_done
        if known < match.committed + (1 if is_hasty else COMMIT_BATCH):
            return
        frames = match.commit(known)
        if not frames:
            return
        self._announce(frames)
        self.desync.committed(frames)
        if self.desync.outbox or self.desync.events:
            self._drain_desync(now_us)
        acked = [link.acked for link in self._mailbox.members]
        match.forget(
            inputs_before=min(acked, default=match.committed),
            states_before=self.desync.states_needed_from,
        )
        if match.end_reason is not None and self.ended is None:
            peer = None if match.end_player is None else self.terms.seats[match.end_player]
            self._end(match.end_reason, peer, "", now_us)

    def _announce(self, frames: list[CommittedFrame]) -> None:
        self._events.append(Committed(tuple(frames)))
        for frame in frames:
            outcome = frame.outcome
            if outcome is not None and outcome.ends != EPISODE_GOES_ON:
                is_last = outcome.ends == MATCH_ENDS
                self._events.append(EpisodeEnded(outcome.episode, frame.frame, is_last))

    def _drain_desync(self, now_us: int) -> None:
        self._events.extend(self.desync.events)
        self.desync.events = []
        outbox, self.desync.outbox = self.desync.outbox, []
        self._mailbox.tell(outbox, now_us)

    # Everything that is not inputs.

    def _receive_other(self, link: Link, data: bytes, now_us: int) -> None:
        message = wire.decode(data, len(link.players), self._action_bytes, self._action_count)
        items = []
        if isinstance(message, Control):
            players = len(self.terms.seats)
            for fresh in link.control.fresh(message):
                items.append(wire.decode_item(fresh, players, self._action_bytes, self._action_count))
        elif not isinstance(message, (Ping, Pong)):
            raise WireError("inputs of another view")
        if not link.is_member:
            self._tell_outsider(link, message, now_us)
            return
        self._hear(link, now_us)
        match message:
            case Ping(sent_us):
                self._mailbox.send(link, wire.encode_ping(link.tag, sent_us, is_pong=True))
            case Pong(sent_us):
                link.add_rtt((now_us - sent_us) & wire.MAX_FRAME)
                self._adapt_delay()
            case Control():
                link.control.receive(message)
                for item in items:
                    if self.state is State.CLOSED:
                        return
                    try:
                        self._receive_item(link, item, now_us)
                    except WireError:  # one bad item must not take the rest with it: they are acknowledged
                        link.rejected += 1
                if self.state is not State.CLOSED:
                    self._mailbox.send_control(link, now_us)

    def _tell_outsider(self, link: Link, message: Message, now_us: int) -> None:
        """It may not know yet that the others went on without it: its pings are answered with that."""
        if isinstance(message, Control):
            link.control.receive(message)
        elif link.control.pending and now_us - link.told_us >= RESEND_US:
            link.told_us = now_us
            link.control.rewind()
            self._mailbox.send_control(link, now_us)

    def _receive_item(self, link: Link, item: Item, now_us: int) -> None:
        match item:
            case ChecksumItem() | ChecksumRangeItem() | DumpItem():
                self.desync.receive(link.peer, item)
                self._drain_desync(now_us)
            case LeaveItem(_, reason):
                if self.state is State.RUNNING:
                    self._lose(link, EndReason.PEER_LEFT, reason, now_us)
            case DoneItem(frame):
                # It has committed the frame, so every member of its view holds it.
                link.is_done = True
                self._is_someone_done = True
                for other in self._mailbox.members:
                    other.reported_confirmed = max(other.reported_confirmed, frame)
                self._close_when_all_done()
            case FocusItem(focused):
                link.is_focused = focused or not self.terms.pause_on_hidden
                self._update_pause()
            case VoteItem() | DecisionItem() | BackfillItem():
                self._departure.receive(link.peer, item)
                self._drain_departure(link.peer, now_us)

    def _adapt_delay(self) -> None:
        if self._adaptive is None or self.state is not State.RUNNING:
            return
        slowest = max(self._mailbox.members, key=lambda link: link.rtt_us + 2 * link.rtt_var_us)
        self._set_delay(self._adaptive.observe(slowest.rtt_us, slowest.rtt_var_us))

    def _hear(self, link: Link, now_us: int) -> None:
        if link.is_interrupted:
            link.is_interrupted = False
            self._update_pause()
            self._events.append(Resumed(link.peer, now_us - link.heard_at_us))
            self.timers.set(Timer.SILENCE, now_us + self.terms.interrupt_us, link.peer)
        link.heard_at_us = now_us
        link.received += 1

    def _handle_silence(self, link: Link, now_us: int) -> None:
        """The timer is set for the earliest moment at which silence can mean something."""
        if self.state is not State.RUNNING or not link.is_member or link.is_done:
            return
        silent_us = now_us - link.heard_at_us
        if silent_us < self.terms.interrupt_us:
            self.timers.set(Timer.SILENCE, link.heard_at_us + self.terms.interrupt_us, link.peer)
        elif silent_us < self.terms.reconnect_limit_us:
            if not link.is_interrupted:
                link.is_interrupted = True
                self._update_pause()
                self._events.append(Interrupted(link.peer))
            self.timers.set(Timer.SILENCE, link.heard_at_us + self.terms.reconnect_limit_us, link.peer)
        else:
            self._lose(link, EndReason.DISCONNECTED, f"silent for {silent_us // 1000} ms", now_us)

    # Leaving and ending.

    def _lose(self, link: Link, reason: EndReason, detail: str, now_us: int) -> None:
        if len(self.links) == 1:
            self._end(reason, link.peer, detail, now_us)
            return
        self._departure.lose(1 << link.peer)
        self._drain_departure(link.peer, now_us)

    def _drain_departure(self, cause: int, now_us: int) -> None:
        departure = self._departure
        self._events.extend(departure.events)
        departure.events = []
        outbox, departure.outbox = departure.outbox, []
        if departure.has_new_view:
            departure.has_new_view = False
            self._enter_view()
        self._mailbox.tell(outbox, now_us)
        suspects = departure.membership.suspects
        if suspects != self._voted_against:
            # Each vote gets the whole time: it may have grown because of another loss just now.
            self._voted_against = suspects
            self.timers.stop(Timer.AGREEMENT)
            if suspects:
                self.timers.set(Timer.AGREEMENT, now_us + self.terms.reconnect_limit_us)
        if departure.end_reason is not None and self.ended is None:
            self._end(departure.end_reason, cause, "", now_us)

    def _enter_view(self) -> None:
        """Only what members of this view report in this view counts from now on."""
        membership = self._departure.membership
        for link in self.links.values():
            if membership.members >> link.peer & 1:
                link.set_input_tag(
                    wire.view_tag(link.tag, membership.epoch, membership.members, membership.cuts)
                )
                link.reported_confirmed = min(link.reported_confirmed, self.match.committed)
            elif link.is_member:
                link.is_member = False
                link.is_interrupted = False
                self.timers.stop(Timer.SILENCE, link.peer)
                self.timers.stop(Timer.CONTROL, link.peer)
                self.desync.drop_partner(link.peer)
        self._mailbox.members = [link for link in self.links.values() if link.is_member]
        self._update_pause()

    def _end(self, reason: EndReason, peer: int | None, detail: str, now_us: int) -> None:
        if self.ended is not None:
            return
        is_decided = reason in (EndReason.COMPLETED, EndReason.FOCUS_TIMEOUT, EndReason.GAME_FAILED)
        if len(self.links) == 1 and self.state is State.RUNNING and not is_decided:
            reason, peer, detail = self._flush_confirmed(reason, peer, detail, now_us)
        self._step("ended")
        last = self.match.committed
        self.ended = Ended(reason, last, peer, detail)
        self._events.append(self.ended)
        farewell: Item = LeaveItem(self.input_end, f"{reason.value}: {detail}" if detail else reason.value)
        if reason in (EndReason.COMPLETED, EndReason.FOCUS_TIMEOUT):
            farewell = DoneItem(last)
        self.timers.stop(Timer.HELLO)
        self.timers.stop(Timer.HANDSHAKE)
        self.timers.set(Timer.LINGER, now_us + self.config.linger_us)
        self._mailbox.tell_all(farewell, now_us)
        self._close_when_all_done()

    def _flush_confirmed(
        self, reason: EndReason, peer: int | None, detail: str, now_us: int
    ) -> tuple[EndReason, int | None, str]:
        """With two players what is confirmed is final: play up to it, and hand it out."""
        match = self.match
        confirmed = match.update_confirmed()
        try:
            if match.first_incorrect != NOTHING_WRONG:
                self._events.append(match.correct())
            while match.timeline.current <= confirmed and match.advance():
                pass
        except SimulationError as error:
            return EndReason.GAME_FAILED, None, str(error)
        frames = match.commit(confirmed)
        if frames:
            self._announce(frames)
            self.desync.committed(frames)
            self._drain_desync(now_us)
        if match.end_reason is not None:
            # The partner is gone, but nothing was left to wait for.
            ended_by = None if match.end_player is None else self.terms.seats[match.end_player]
            return match.end_reason, ended_by, ""
        return reason, peer, detail

    def _close_when_all_done(self) -> None:
        """Nobody needs an answer of ours any more."""
        if self.state is not State.LINGERING or self.desync.is_locating:
            return
        if all(link.is_done and not link.control.pending for link in self._mailbox.members):
            self._close()

    def _close(self) -> None:
        self._step("closed")
        self.timers.stop_all()
        self._events.append(Closed())

    def _step(self, event: str) -> None:
        self.state = TRANSITIONS[self.state][event]

    def _check_actions(self, actions: Sequence[int], frames: int) -> None:
        if len(actions) != len(self.local_players):
            raise UsageError(f"{len(self.local_players)} local actions, not {len(actions)}")
        for action in actions:
            if type(action) is not int or not 0 <= action < self.terms.action_count:
                raise UsageError(f"action {action!r} is not an int from 0 to {self.terms.action_count - 1}")
        if frames < 0:
            raise UsageError(f"{frames} frames")

    def _advance_clock(self, now_us: int) -> None:
        if now_us < self._now_us:
            raise UsageError(f"time went back from {self._now_us} to {now_us} us")
        if now_us - self._now_us > self.terms.interrupt_us:
            # We were away ourselves (suspended, stalled): our absence is not the partners' silence.
            for link in self.links.values():
                link.heard_at_us += now_us - self._now_us
        self._now_us = now_us


def _check(terms: MatchTerms, config: PeerConfig, game: Episodes) -> None:
    spec = game.game.spec
    if not 0 <= config.peer < terms.peer_count:
        raise UsageError(f"peer {config.peer} has no seat in {terms.seats}")
    if len(spec.agents) != len(terms.seats):
        raise UsageError(f"{spec.id} is for {len(spec.agents)} players, the seats are for {len(terms.seats)}")
    if spec.action_count != terms.action_count:
        raise UsageError(f"{spec.id} has {spec.action_count} actions, the terms say {terms.action_count}")
    if game.seed != terms.seed or game.count != terms.episodes:
        raise UsageError("the match's seed and number of episodes differ from the terms'")
    if config.input_delay_frames > terms.max_input_delay_frames:
        raise UsageError(
            f"input delay {config.input_delay_frames} is above the agreed {terms.max_input_delay_frames}"
        )

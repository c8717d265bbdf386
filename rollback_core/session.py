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
from typing import NoReturn

from rollback_core import wire
from rollback_core.arrivals import Arrivals
from rollback_core.commands import (
    Command,
    FocusChanged,
    Leave,
    PeerGone,
    Ready,
    SetDelay,
    TransportChanged,
)
from rollback_core.config import DelayPolicy, MatchTerms, PeerConfig
from rollback_core.control import RESEND_US
from rollback_core.delay_policy import AdaptiveDelay
from rollback_core.desync import DesyncWatch
from rollback_core.episodes import Episodes
from rollback_core.errors import UsageError, WireError
from rollback_core.events import Ended, EndReason, Event, Interrupted, Resumed, Started
from rollback_core.handshake import HELLO_INTERVAL_US, Handshake, Hellos, Mismatch, Refused
from rollback_core.life import Life, State
from rollback_core.link import Link
from rollback_core.mailbox import Mailbox
from rollback_core.match import Match
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
from rollback_core.play import Play
from rollback_core.predictor import predictor
from rollback_core.publication import Publication
from rollback_core.timers import Timer, Timers
from rollback_core.views import Views

INPUTS_HEAD_BYTES = wire.TAG_BYTES + 1
GONE = "it is gone for good"


class Session:
    """One peer of one match. `now_us` of the first call sets where its clock begins."""

    __slots__ = (
        "_action_bytes",
        "_action_count",
        "_adaptive",
        "_arrivals",
        "_hellos",
        "_interrupt_us",
        "_now_us",
        "_publication",
        "_views",
        "config",
        "desync",
        "events",
        "life",
        "links",
        "local_players",
        "mailbox",
        "match",
        "me",
        "play",
        "terms",
        "timers",
    )

    def __init__(self, terms: MatchTerms, config: PeerConfig, game: Episodes, now_us: int) -> None:
        _check(terms, config, game)
        self.terms = terms
        self.config = config
        self.me = config.peer
        self.local_players = terms.players_at(config.peer)
        self.links = {
            peer: Link(peer, terms.players_at(peer))
            for peer in range(terms.peer_count)
            if peer != config.peer
        }
        self.timers = Timers()
        self.match = Match(
            game,
            players=len(terms.seats),
            local=self.local_players,
            window=terms.prediction_window_frames,
            focus_timeout_frames=terms.focus_timeout_frames,
            guesses=predictor(config.predictor, game.game),
        )
        self.desync = DesyncWatch(self.match, config.peer, tuple(self.links), terms.checksum_interval_frames)
        self._action_count = game.ready_action + 1
        self.events: list[Event] = []  # until they are drained
        self._arrivals = Arrivals(self.match, self.links.values(), self.local_players[0], self._action_count)
        self._action_bytes = self._arrivals.action_bytes
        self.mailbox = Mailbox(self.links, self.timers, self.local_players, self._action_bytes)
        self._hellos = Hellos(Handshake(terms, config), self.links, self.mailbox)
        self._publication = Publication(self.match, self.desync, self.mailbox, self.events)
        self.life = Life(terms, config, self.match, self.mailbox, self._publication, self.timers, self.events)
        self._views = Views(
            terms, self.me, self.match, self.links, self.mailbox, self._publication, self.timers, self.events
        )
        self.play = Play(terms, config, self.match, self.life, self.mailbox, self._publication, self.events)
        self._adaptive = (
            AdaptiveDelay(config.input_delay_frames, terms.max_input_delay_frames, terms.period_us)
            if config.delay_policy is DelayPolicy.ADAPTIVE
            else None
        )
        self._interrupt_us = terms.interrupt_us
        self._now_us = now_us
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
        if 0 <= now_us - self._now_us <= self._interrupt_us:
            self._now_us = now_us
        else:
            self._advance_clock(now_us)
        try:
            if self.life.is_closed:
                return
            if data[:INPUTS_HEAD_BYTES] != link.expected_head:
                self._receive_by_tag(link, data, now_us)
                return
            self._arrivals.take(link, data, now_us)
        except WireError:
            link.rejected += 1
            return
        if link.is_interrupted:
            self._resume(link, now_us)
        link.heard_at_us = now_us
        link.received += 1

    def tick(self, now_us: int, actions: Sequence[int], frames: int = 1) -> int:
        """Mend the past, then play up to `frames` new frames with the local players' actions.

        Gives the number of frames played; 0 is a stall or a skip. Raises SimulationError if the
        game does; the session has then ended.
        """
        if self.life.is_running:
            # Misuse is found before anything has changed; written out here, as it is looked for every tick.
            if len(actions) != len(self.local_players) or frames < 0:
                self._refuse(actions, frames)
            for action in actions:
                if type(action) is not int or not 0 <= action < self._action_count - 1:
                    self._refuse(actions, frames)
        if 0 <= now_us - self._now_us <= self._interrupt_us:
            self._now_us = now_us
        else:
            self._advance_clock(now_us)
        return self.play.tick(now_us, actions, frames)

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""
        self._advance_clock(now_us)
        while self.life.state is not State.CLOSED:
            due = self.timers.pop_due(now_us)
            if due is None:
                return
            timer, peer = due
            match timer:
                case Timer.HELLO:
                    self._hellos.send_all(now_us)
                    self.timers.set(Timer.HELLO, now_us + HELLO_INTERVAL_US)
                case Timer.HANDSHAKE:
                    self._end(EndReason.HANDSHAKE_TIMEOUT, None, "not all peers answered", now_us)
                case Timer.QUALITY:
                    self.mailbox.send_pings(now_us)
                    self.timers.set(Timer.QUALITY, now_us + self.config.quality_interval_us)
                case Timer.LINGER:
                    self.life.close()
                case Timer.SILENCE:
                    self._handle_silence(self.links[peer], now_us)
                case Timer.AGREEMENT:
                    self._obey_view(self._views.handle_timeout(now_us), self.me, now_us)
                case Timer.CONTROL:
                    self.links[peer].control.rewind()
                    self.mailbox.send_control(self.links[peer], now_us)

    def command(self, command: Command, now_us: int) -> None:
        """Carry out a host's wish."""
        match command:
            case SetDelay(delay) if not 0 <= delay <= self.terms.max_input_delay_frames:
                raise UsageError(f"delay: 0 to {self.terms.max_input_delay_frames} frames, not {delay}")
            case TransportChanged(peer) | PeerGone(peer) if peer not in self.links:
                raise UsageError(f"there is no peer {peer}")
        self._advance_clock(now_us)
        match command:
            case SetDelay(delay):
                self._adaptive = None
                self.play.set_delay(delay)
            case FocusChanged(focused):
                self.play.is_focused = focused
                self._update_pause()
                if self.terms.pause_on_hidden and self.state is State.RUNNING:
                    self.mailbox.tell_all(FocusItem(focused), now_us)
            case Ready():
                self.play.is_ready = True
                self.play.note_plain()
            case TransportChanged(peer):
                self.links[peer].forget_rtt()
            case Leave(reason):
                if self.state in (State.HANDSHAKE, State.RUNNING):
                    self._end(EndReason.LEFT, self.me, reason, now_us)
            case PeerGone(peer):
                self._let_go(self.links[peer], now_us)

    # Doors out.

    def drain_events(self) -> list[Event]:
        """What happened since the last call, in order."""
        events = self.events[:]
        self.events.clear()
        return events

    def datagrams_to_send(self, now_us: int) -> list[tuple[int, bytes]]:
        """(peer, datagram) pairs for the transport, in order; they may be lost, doubled, reordered."""
        return self.mailbox.drain()

    def next_timer_us(self) -> int:
        return self.timers.next_us

    # Getters.

    @property
    def state(self) -> State:
        return self.life.state

    @property
    def ended(self) -> Ended | None:
        return self.life.ended

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
        return self.play.own_queue.end

    @property
    def delay_frames(self) -> int:
        return self.play.delay_frames

    @property
    def is_ready(self) -> bool:
        """The local players have said so, for the next round."""
        return self.play.is_ready

    @property
    def is_paused(self) -> bool:
        """A member is interrupted, or someone is hidden where the study pauses for that."""
        return self.play.is_paused

    @property
    def epoch(self) -> int:
        """Number of the view: how often the membership has shrunk."""
        return self._views.epoch

    def frame_advantage(self, now_us: int) -> float:
        """Frames by which this peer is ahead of its slowest partner, as it estimates."""
        current = self.match.timeline.current
        period_us = self.terms.period_us
        worst = [link.local_advantage_us(current, now_us, period_us) for link in self.mailbox.members]
        return max(worst) / period_us if worst else 0.0

    # Everything that is not inputs.

    def _receive_by_tag(self, link: Link, data: bytes, now_us: int) -> None:
        tag = data[: wire.TAG_BYTES]
        if tag == link.their_tag and tag:
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

    def _receive_hello(self, link: Link, hello: Hello, now_us: int) -> None:
        if self.state is State.HANDSHAKE:
            try:
                if self._hellos.receive(link, hello, now_us):
                    self._start(now_us)
            except Mismatch as mismatch:
                self._end(EndReason.HANDSHAKE_MISMATCH, link.peer, str(mismatch), now_us)
            except Refused as refused:
                self._end(EndReason.EXCLUDED, link.peer, str(refused), now_us)
            return
        is_mismatch = self.ended is not None and self.ended.reason is EndReason.HANDSHAKE_MISMATCH
        is_partner = self._hellos.is_of_partner(link, hello, is_mismatch=is_mismatch)
        if is_partner:
            self._hear(link, now_us)
        self._hellos.answer_late(link, hello, now_us, is_mismatch=is_mismatch)
        if not is_partner and self.state is State.RUNNING and link.is_member:
            self._lose(link, EndReason.PEER_RESTARTED, "it came back as a new incarnation", now_us)

    def _start(self, now_us: int) -> None:
        self.life.start()
        self.match.window = self._hellos.agreed_window
        self._hellos.send_all(now_us)
        for link in self.links.values():
            link.set_input_tags(link.tag, link.their_tag)
            link.heard_at_us = now_us
            link.remote_current_at_us = now_us
            self.timers.set(Timer.SILENCE, now_us + self._interrupt_us, link.peer)
        if self.links:
            self.timers.set(Timer.QUALITY, now_us)
        self.events.append(Started(self.match.window))
        if self.terms.pause_on_hidden and not self.play.is_focused:
            self.mailbox.tell_all(FocusItem(False), now_us)
        self.play.note_plain()

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
                self.mailbox.send(link, wire.encode_ping(link.tag, sent_us, is_pong=True))
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
                    self.mailbox.send_control(link, now_us)

    def _tell_outsider(self, link: Link, message: Message, now_us: int) -> None:
        """It may not know yet that the others went on without it: its pings are answered with that."""
        if isinstance(message, Control):
            link.control.receive(message)
        elif link.control.pending and now_us - link.told_us >= RESEND_US:
            link.told_us = now_us
            link.control.rewind()
            self.mailbox.send_control(link, now_us)

    def _receive_item(self, link: Link, item: Item, now_us: int) -> None:
        match item:
            case ChecksumItem() | ChecksumRangeItem() | DumpItem():
                self.desync.receive(link.peer, item)
                self._publication.drain_desync(now_us)
            case LeaveItem(_, reason):
                if self.state is State.RUNNING:
                    self._lose(link, EndReason.PEER_LEFT, reason, now_us)
            case DoneItem(frame):
                # It has committed the frame, so every member of its view holds it.
                link.is_done = True
                self.play.is_someone_done = True
                self._update_pause()
                for other in self.mailbox.members:
                    other.reported_confirmed = max(other.reported_confirmed, frame)
                self.life.close_when_all_done()
            case FocusItem(focused):
                link.is_focused = focused or not self.terms.pause_on_hidden
                self._update_pause()
            case VoteItem() | DecisionItem() | BackfillItem():
                self._obey_view(self._views.receive(link.peer, item, now_us), link.peer, now_us)

    def _adapt_delay(self) -> None:
        if self._adaptive is None or self.state is not State.RUNNING:
            return
        slowest = max(self.mailbox.members, key=lambda link: link.rtt_us + 2 * link.rtt_var_us)
        self.play.set_delay(self._adaptive.observe(slowest.rtt_us, slowest.rtt_var_us))

    # Silence, loss, end.

    def _update_pause(self) -> None:
        play = self.play
        hidden = self.terms.pause_on_hidden and not play.is_focused
        # Who has played to the end is waited for no more: that it is back in focus it would not tell.
        partners = [link for link in self.mailbox.members if not link.is_done]
        play.is_paused = hidden or any(link.is_interrupted or not link.is_focused for link in partners)
        play.note_plain()

    def _hear(self, link: Link, now_us: int) -> None:
        if link.is_interrupted:
            self._resume(link, now_us)
        link.heard_at_us = now_us
        link.received += 1

    def _resume(self, link: Link, now_us: int) -> None:
        link.is_interrupted = False
        self._update_pause()
        self.events.append(Resumed(link.peer, now_us - link.heard_at_us))
        self.timers.set(Timer.SILENCE, now_us + self._interrupt_us, link.peer)

    def _handle_silence(self, link: Link, now_us: int) -> None:
        """The timer is set for the earliest moment at which silence can mean something."""
        if self.state is not State.RUNNING or not link.is_member or link.is_done:
            return
        silent_us = now_us - link.heard_at_us
        if silent_us < self._interrupt_us:
            self.timers.set(Timer.SILENCE, link.heard_at_us + self._interrupt_us, link.peer)
        elif silent_us < self.terms.reconnect_limit_us:
            if not link.is_interrupted:
                link.is_interrupted = True
                self._update_pause()
                self.events.append(Interrupted(link.peer))
            self.timers.set(Timer.SILENCE, link.heard_at_us + self.terms.reconnect_limit_us, link.peer)
        else:
            self._lose(link, EndReason.DISCONNECTED, f"silent for {silent_us // 1000} ms", now_us)

    def _let_go(self, link: Link, now_us: int) -> None:
        """This peer is gone without a word to us; one that has said its farewell is done already."""
        if self.state is State.HANDSHAKE:
            self._end(EndReason.PEER_LEFT, link.peer, GONE, now_us)
        elif self.state is State.RUNNING and link.is_member and not link.is_done:
            self._lose(link, EndReason.PEER_LEFT, GONE, now_us)

    def _lose(self, link: Link, reason: EndReason, detail: str, now_us: int) -> None:
        if len(self.links) == 1:
            self._end(reason, link.peer, detail, now_us)
        else:
            self._obey_view(self._views.lose(link.peer, now_us), link.peer, now_us)

    def _obey_view(self, reason: EndReason | None, cause: int, now_us: int) -> None:
        """After news of the membership: `reason` says why we must end, if we must."""
        self._update_pause()
        if reason is not None:
            self._end(reason, cause, "", now_us)

    def _end(self, reason: EndReason, peer: int | None, detail: str, now_us: int) -> None:
        self.life.end(reason, peer, detail, now_us)
        self.play.note_plain()

    def _refuse(self, actions: Sequence[int], frames: int) -> NoReturn:
        if frames < 0:
            raise UsageError(f"{frames} frames")
        if len(actions) != len(self.local_players):
            raise UsageError(f"{len(self.local_players)} local actions, not {len(actions)}")
        raise UsageError(f"actions {tuple(actions)!r} are not ints from 0 to {self.terms.action_count - 1}")

    def _advance_clock(self, now_us: int) -> None:
        away_us = now_us - self._now_us
        if away_us < 0:
            raise UsageError(f"time went back from {self._now_us} to {now_us} us")
        if away_us > self._interrupt_us:
            # We were away ourselves (suspended, stalled): our absence is not the partners' silence.
            for link in self.links.values():
                link.heard_at_us += away_us
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

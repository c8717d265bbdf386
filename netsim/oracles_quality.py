"""Liveness and quality: that play goes on, at the rate and with the lag that the network allows."""

from collections import deque

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.world import World
from rollback_core.episodes import PLAYING
from rollback_core.events import Ended, EndReason, Event, PlayersLeft, Started
from rollback_core.life import State
from rollback_core.play import COMMIT_BATCH
from rollback_core.time_sync import SPEED_MAX_PERMILLE

STILL_US = 1_000_000  # not worth a look before
PROGRESS_US = 5_000_000  # far longer than any burst of loss among the shipped networks lasts
CALM_US = 3_000_000  # after a fault: time to hear of it, catch up and settle
SETTLE_US = 5_000_000  # after the start: time sync has levelled the peers


def is_lossless(world: World, *, from_the_start: bool = True) -> bool:
    """No stage drops, queues or hurries a datagram, no fault acts, hosts tick on time and are there at once.

    Without `from_the_start`, a host may come late: its partners then lead by what they played too early.
    """
    scenario = world.scenario
    if any(event.kind != "diverge" for event in scenario.events):  # which is nothing to the network
        return False
    if scenario.network.transport != "datagram" or scenario.session.pause_on_hidden:
        return False
    plain = all(
        path.link.loss == "none"
        and not path.link.corrupt_ppm
        and not path.link.rate_bps
        and not path.link.rate_trace
        and not path.link.mtu_bytes
        and not (path.link.order == "reorder" and path.link.reorder_ppm)
        and path.link.jitter in ("none", "uniform")
        for path in scenario.network.paths
    )
    hosts = scenario.hosts
    is_late = any(host.late_tick_ppm or (from_the_start and host.start_us) for host in hosts)
    return plain and not is_late


class Progress(Oracle):
    """Whoever plays confirms and commits on: while nothing disturbs, and after a loss once it is decided.

    Peers that nothing disturbs agree to play, however many datagrams are lost. With R the reconnect limit: a
    member that is gone, or whose path is cut for good in whatever direction, has been silent for R after R.
    Then there is a vote, and each time R has passed without agreement, those who did not agree are voted
    against as well; so the vote grows fewer times than it takes to leave no majority, which ends it. Of two,
    one alone does not vote, but ends.
    """

    id = "O10"
    name = "progress"
    unit = "us"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        scenario = world.scenario
        # By host: how far it had confirmed and committed, and when; both have to go on.
        self._since: dict[int, tuple[int, int, int]] = {}
        self._changed_us = 0  # somebody has entered another view or ended: the others have to hear of it
        self._apart_us: dict[int, int] = {}  # by host: when its view was last found not to be whole
        votes = 1 + (scenario.peer_count - 1) // 2
        self._decision_us = PROGRESS_US + votes * scenario.session.reconnect_limit_us
        self._opened_us = max(host.start_us for host in scenario.hosts)
        self._late_us = -CALM_US  # when news last stood in a long queue: on a thin path old hellos come first

    def event(self, host: Host, event: Event) -> None:
        if isinstance(event, (Started, PlayersLeft, Ended)):
            self._changed_us = self._world.env.now
            if isinstance(event, Started):
                self._since.pop(host.index, None)

    def after_tick(self, host: Host, played: int) -> None:
        now_us = self._world.env.now
        match = host.peer.session.match
        known = self._since.get(host.index)
        if known is None or (match.committed > known[1] and match.confirmed > known[0]):
            self._since[host.index] = (match.confirmed, match.committed, now_us)
            self.checks += 1
        elif now_us - known[2] > STILL_US:
            self._look(host, known[0], known[2])

    def _look(self, host: Host, frame: int, since_us: int) -> None:
        now_us = self._world.env.now
        disturbed_us = self._last_disturbed_us(now_us)
        if not host.peer.session.life.is_running or disturbed_us == now_us or self._is_someone_agreeing(host):
            return
        still_us = now_us - max(since_us, self._changed_us, self._opened_us, disturbed_us + CALM_US)
        limit_us = self._decision_us
        if self._is_whole(host):
            limit_us = PROGRESS_US
            # It may have been apart until just now.
            still_us = min(still_us, now_us - self._apart_us.get(host.index, 0))
        else:
            self._apart_us[host.index] = now_us
            if self._is_fooled(host):
                return
        self.note_room(limit_us - still_us)
        if still_us > limit_us:
            after_s = limit_us // 1_000_000
            self.fail(f"no input confirmed and committed for {after_s} s", frame=frame, peer=host.index)

    def _last_disturbed_us(self, now_us: int) -> int:
        """When a fault last began, ended or acted; a lasting one is the new normal once it has begun."""
        world = self._world
        if world.scenario.session.pause_on_hidden and any(host.is_hidden for host in world.hosts):
            return now_us
        if any(path.link.queued_until_us - now_us > CALM_US for path in world.network.paths.values()):
            self._late_us = now_us
        last_us = self._late_us
        for event in world.scenario.events:
            if event.at_us <= now_us:
                last_us = max(last_us, min(now_us, event.at_us + event.for_us))
        return last_us

    def _is_someone_agreeing(self, host: Host) -> bool:
        """A member that has not begun is heard by its hellos, until its handshake times out: its own end."""
        links = host.peer.session.links.values()
        others = [self._world.hosts[link.peer] for link in links if link.is_member]
        return any(other.is_running and other.peer.session.state is State.HANDSHAKE for other in others)

    def _is_fooled(self, host: Host) -> bool:
        """Whose old datagrams an attacker sends again, for good, is heard, though it may be gone."""
        forged = [event for event in self._world.scenario.events if event.kind == "hostile"]
        return any(
            not event.for_us and any(path.endswith(f">{host.index}") for path in event.paths)
            for event in forged
        )

    def _is_whole(self, host: Host) -> bool:
        """All members of this peer's view play, in the same view, and reach each other.

        On a stream, what is lost holds up all that follows: at high loss until silence ends it.
        """
        if self._world.scenario.network.transport != "datagram":
            return False
        links = host.peer.session.links
        members = {host.index, *(peer for peer, link in links.items() if link.is_member)}
        for peer in members:
            other = self._world.hosts[peer]
            session = other.peer.session
            if not other.is_running or session.state is not State.RUNNING:
                return False
            if session.epoch != host.peer.session.epoch:
                return False
            if any(link.is_interrupted for link in session.links.values()):
                return False
        return not any(
            path.blocks or not path.link.setup.up
            for (source, target), path in self._world.network.paths.items()
            if source in members and target in members
        )

    def finish(self) -> None:
        scenario = self._world.scenario
        # On a stream, what is lost holds up all that follows: at high loss for longer than anyone waits.
        is_undisturbed = not scenario.events and scenario.network.transport == "datagram"
        is_undisturbed = is_undisturbed and not any(host.start_us for host in scenario.hosts)
        for host in self._world.hosts:
            ended = host.peer.session.ended
            if is_undisturbed and ended is not None and ended.reason is EndReason.HANDSHAKE_TIMEOUT:
                self.fail("nothing disturbs the peers, and they did not agree to play", peer=host.index)
            # Old datagrams that the attacker carries across a cut let a match crawl on for hours.
            may_crawl = self._is_fooled(host) and not self._is_whole(host)
            if not host.is_gone and host.peer.session.ended is None and not may_crawl:
                self.fail(
                    f"not ended after {self._world.env.now // 1_000_000} s",
                    peer=host.index,
                    frame=host.peer.session.current_frame,
                )


class FullRate(Oracle):
    """On a constant delay nobody stalls if window and input delay cover it, and else as often as predicted.

    Frame f needs the partner's input of frame f - window, which left at the tick after the partner had
    stepped frame f - window - delay - 1. So window + delay + 1 frames take the one-way time and one
    tick, and up to one tick more, as the peers' ticks lie.
    """

    id = "O10-rate"
    name = "full rate"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        scenario = world.scenario
        session = scenario.session
        links = [path.link for path in scenario.network.paths]
        self.applies = (
            is_lossless(world)
            and len(world.hosts) == 2
            and scenario.game.episodes == 1
            and session.input_delay_policy == "fixed"
            and session.window_policy == "fixed"
            and len({link.delay_us for link in links}) == 1
            and not any(link.jitter_us or link.slot_us for link in links)
            and not any(host.clock_drift_ppm for host in scenario.hosts)
        )
        self._delay_us = links[0].delay_us
        self._frames = session.prediction_window_frames + session.input_delay_frames + 1
        self._begun: dict[int, tuple[int, int, int]] = {}
        self._last: dict[int, tuple[int, int, int]] = {}

    def after_tick(self, host: Host, played: int) -> None:
        world = self._world
        if world.env.now < SETTLE_US or any(not h.peer.session.life.is_running for h in world.hosts):
            return
        if host.peer.game.phase != PLAYING:
            return  # a tick that waits with all for the round is no stall
        play = host.peer.session.play
        now = (host.peer.session.current_frame, play.stalled_ticks, play.skipped_ticks)
        self._begun.setdefault(host.index, now)
        self._last[host.index] = now

    def finish(self) -> None:
        period_us = self._world.terms.period_us
        room_us = self._frames * period_us
        passed = {
            peer: [after - before for before, after in zip(self._begun[peer], last, strict=True)]
            for peer, last in self._last.items()
        }
        is_level = not any(skips for _, _, skips in passed.values())
        for peer, (frames, stalls, _) in passed.items():
            ticks_us = (frames + stalls) * period_us
            soonest_us = period_us + self._delay_us
            latest_us = soonest_us + period_us
            if latest_us <= room_us:
                self.checks += frames
                if stalls:
                    self.fail(f"{stalls} stalls, though window and delay cover the network", peer=peer)
            elif soonest_us > room_us and is_level:
                self.checks += frames
                least = ticks_us * self._frames // latest_us - self._frames
                most = ticks_us * self._frames // soonest_us + self._frames
                if not least <= frames <= most:
                    ticks = frames + stalls
                    self.fail(f"{frames} frames in {ticks} ticks, predicted {least} to {most}", peer=peer)


class ConfirmationLag(Oracle):
    """Without loss, confirmation lags by no more than the one-way time, the frame gap and a tick.

    Committed is what every member has reported, so that takes one more trip, the tick at which the report
    leaves, and what a peer in full play holds back to hand out at once. With T the one-way time, inputs that
    had been queued by all at t - 2T - tick are committed at t, and since then everyone has queued one a tick.

    Under any loss, the commit lag is bounded by what an input brings along. Who queues inputs up to frame f
    has confirmed f - delay - 1 - window at the least and says so in the same datagram; so whoever has
    confirmed f knows as much of every member, and is itself at frame f + window + 1 at the most.
    """

    id = "O11"
    name = "confirmation lag"
    unit = "frames"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        scenario = world.scenario
        self._is_lossless = is_lossless(world)
        self._most = world.terms.max_input_delay_frames + COMMIT_BATCH  # uncommitted, and two windows
        links = [path.link for path in scenario.network.paths]
        one_way_us = max((link.delay_us + link.jitter_us + link.slot_us for link in links), default=0)
        period_us = world.terms.period_us
        # The shortest and the longest tick there is: a clock may be fast, and time sync may change it.
        permille = SPEED_MAX_PERMILLE if scenario.session.time_sync == "speed" else 0
        drifts = [host.clock_drift_ppm for host in scenario.hosts]
        short_us = period_us * (1000 - permille) * 1000 // (1_000_000 + max(drifts))
        long_us = period_us * (1000 + permille) * 1000 // (1_000_000 + min(drifts))
        self._trip_ticks = -(-one_way_us // period_us)
        self._round_ticks = -(-(2 * one_way_us + long_us) // short_us)
        self._news_us = 2 * (one_way_us + long_us)
        self._delays = [scenario.session.input_delay_frames] * len(world.hosts)
        self._quiet_from_us = SETTLE_US

    def after_tick(self, host: Host, played: int) -> None:
        if not played:
            return
        session = host.peer.session
        match = session.match
        last = match.timeline.current - 1
        uncommitted = last - match.committed
        self.checks += 1
        most = 2 * match.window + self._most
        if uncommitted > most and not session.epoch:  # what was reported in another view does not count
            self._fail(host, uncommitted, "uncommitted", most)
        if not self._is_lossless:
            return
        # The slowest partner's frame, and its delay, decide what can be known here.
        behind = 1 << 62
        now_us = self._world.env.now
        for other in self._world.hosts:
            partner = other.peer.session
            delay = partner.play.delay_frames
            if delay != self._delays[other.index]:
                # What the change queued, or did not, is on its way.
                self._delays[other.index] = delay
                self._quiet_from_us = max(SETTLE_US, now_us + self._news_us)
            queued = partner.match.timeline.current + delay
            if other is not host and queued < behind:
                behind = queued
        if now_us < self._quiet_from_us:
            return
        gap = last + 1 - behind
        unconfirmed = last - match.confirmed
        bound = max(0, self._trip_ticks + gap + 1)
        self.note_room(bound - unconfirmed)
        if unconfirmed > bound:
            self._fail(host, unconfirmed, "unconfirmed", bound)
        # One's own inputs must have come to all as well.
        bound = max(0, max(gap, -session.play.delay_frames) + self._round_ticks + COMMIT_BATCH)
        self.note_room(bound - uncommitted)
        if uncommitted > bound:
            self._fail(host, uncommitted, "uncommitted", bound)

    def _fail(self, host: Host, lag: int, what: str, bound: int) -> None:
        frame = host.peer.session.current_frame
        self.fail(f"{lag} frames {what}, bound {bound}", frame=frame, peer=host.index)


class Responsiveness(Oracle):
    """A local press is in the frame presented exactly the input delay later, at any RTT.

    So inputs are queued as far ahead as the delay says; after a lower delay, fewer ahead by each frame.
    """

    id = "A19"
    name = "local response"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        self.worst_frames: dict[int, int] = {}
        self._before = (0, 0, 0)
        self._waiting: dict[tuple[int, int], deque[tuple[int, int, int, list[int]]]] = {}

    def before_tick(self, host: Host) -> None:
        session = host.peer.session
        self._before = (session.input_end, session.delay_frames, host.peer.presented_frames)

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        if session.state is not State.RUNNING or not played:
            return
        end, delay, presented = self._before
        self._check_ahead(host, end, delay, played)
        key = (host.index, host.incarnation)
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = deque()
        match = session.match
        timeline = match.timeline
        current = timeline.current
        if played == 1 and session.input_end == end + 1 == current + delay and session.delay_frames == delay:
            # Submitted at this tick for frame `end`; this tick presents one frame. (An input taken at a
            # stall is shown that much later: there was nothing to present.)
            queues = match.queues
            waiting.append(
                (end, presented, delay, [queues[player].last_action for player in session.local_players])
            )
        while waiting and waiting[0][0] < current:
            frame, submitted_at, expected, pressed = waiting.popleft()
            shown_after = presented + frame - current + played - submitted_at
            self.checks += 1
            if shown_after > self.worst_frames.get(host.index, 0):
                self.worst_frames[host.index] = shown_after
            if shown_after != expected:
                self.fail(
                    f"shown after {shown_after} presented frames, delay {expected}",
                    frame=frame,
                    peer=host.index,
                )
            if frame >= timeline.base:
                used = timeline.used[frame - timeline.base]
                if [used[player] for player in session.local_players] != pressed:
                    self.fail(f"shown {used}, pressed {tuple(pressed)}", frame=frame, peer=host.index)

    def _check_ahead(self, host: Host, end: int, delay: int, played: int) -> None:
        session = host.peer.session
        current = session.match.timeline.current
        surplus = end - (current - played + delay)
        expected = surplus - played if surplus > played else 0
        ahead = session.input_end - current - delay
        # One more where the window ended a tick that had frames to catch up on: the input was taken.
        if session.delay_frames == delay and played and not expected <= ahead <= max(expected, 1):
            self.fail(
                f"inputs are queued {session.input_end - current} frames ahead, delay {delay}",
                frame=current,
                peer=host.index,
            )


class SameEnd(Oracle):
    """Peers that end by a committed decision end at the same frame and for the same reason."""

    id = "A12"
    name = "same end"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def finish(self) -> None:
        decided = {}
        for host in self._world.hosts:
            ended = host.peer.session.ended
            if ended is None or host.is_gone:
                continue
            if ended.reason in (EndReason.COMPLETED, EndReason.FOCUS_TIMEOUT):
                decided[host.index] = (ended.reason.value, ended.frame)
        if len(decided) > 1:
            self.checks += len(decided)
        if len(set(decided.values())) > 1:
            self.fail(f"ends differ: {decided}")

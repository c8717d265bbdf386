"""Liveness and quality: that play goes on, at the rate and with the lag that the network allows."""

from collections import deque

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.world import World
from rollback_core.episodes import PLAYING
from rollback_core.events import Ended, EndReason, Event, PlayersLeft, Started
from rollback_core.life import State
from rollback_core.play import COMMIT_BATCH
from rollback_core.time_sync import (
    GGPO_INTERVAL,
    GGPO_MAX_FRAMES,
    GGPO_MIN_FRAMES,
    GGPO_WINDOW,
    GGRS_INTERVAL,
    GGRS_MAX_FRAMES,
    GGRS_MIN_FRAMES,
    GGRS_WINDOW,
    SPEED_GAIN_PERMILLE,
    SPEED_MAX_PERMILLE,
    TICKS_PER_SAMPLE,
)

STILL_US = 1_000_000  # not worth a look before
PROGRESS_US = 5_000_000  # far longer than any burst of loss among the shipped networks lasts
CALM_US = 3_000_000  # after a fault: time to hear of it, catch up and settle
SETTLE_US = 5_000_000  # after the start: time sync has levelled the peers
SPREAD_TICKS = 3  # every second tick at most is left out; one more for the tick that asks for it
SYNC_WINDOW_US = 1_000_000  # two peers that wait within one second are working against each other
# Rules that skip ticks: samples in a mean, least and most frames at once, samples between two actions.
GGPO_RULE = (GGPO_WINDOW, GGPO_MIN_FRAMES, GGPO_MAX_FRAMES, GGPO_INTERVAL)
GGRS_RULE = (GGRS_WINDOW, GGRS_MIN_FRAMES, GGRS_MAX_FRAMES, GGRS_INTERVAL)


def is_lossless(world: World) -> bool:
    """No stage drops or queues a datagram, no fault acts, and every host ticks on time."""
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
        and path.link.jitter in ("none", "uniform")
        for path in scenario.network.paths
    )
    return plain and not any(host.late_tick_ppm or host.start_us for host in scenario.hosts)


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
            still_us = min(
                still_us, now_us - self._apart_us.get(host.index, 0)
            )  # whole again only since then
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
            if not host.is_gone and host.peer.session.ended is None:
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
            and not any(link.jitter_us or link.slot_us or link.reorder_ppm for link in links)
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
        if not self._is_lossless or self._world.env.now < SETTLE_US:
            return
        # The slowest partner's frame, and its delay, decide what can be known here.
        behind = 1 << 62
        for other in self._world.hosts:
            partner = other.peer.session
            queued = partner.match.timeline.current + partner.play.delay_frames
            if other is not host and queued < behind:
                behind = queued
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


class TimeSyncTruce(Oracle):
    """On symmetric links no two peers are told to wait within one second."""

    id = "O15"
    name = "time sync"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        links = {path.link for path in world.scenario.network.paths}
        # Loss and queues stall peers by turns, and each then rightly waits for the other.
        self.applies = (
            len(world.hosts) == 2 and len(links) == 1 and not world.scenario.events and is_lossless(world)
        )
        self._skips: dict[int, int] = {}
        self._last_us: dict[int, int] = {}

    def after_tick(self, host: Host, played: int) -> None:
        skips = host.peer.session.play.skipped_ticks
        if skips == self._skips.get(host.index, 0):
            return
        self._skips[host.index] = skips
        now_us = self._world.env.now
        self._last_us[host.index] = now_us
        if now_us <= SETTLE_US:
            return
        self.checks += 1
        for other, at_us in self._last_us.items():
            if other != host.index and now_us - at_us < SYNC_WINDOW_US:
                self.fail("both peers waited within one second", peer=host.index)


class FrameGap(Oracle):
    """Once settled, time sync keeps a peer as little ahead as its rule, the asymmetry and drift allow.

    Half the difference of the two advantages is the frame gap, less half of what this peer's way to the other
    is longer than the way back; delay that varies is mistaken for asymmetry. A rule that skips ticks acts
    once a mean of that reaches its minimum, and then not for an interval, in which clocks drift on. The rule
    of speed has no minimum: it stands where the correction, by both, is what the clocks differ by. One frame
    more, as the peers' ticks lie. While nobody stalls, frames are ticks less skips: a gap that stays bounded
    means as many skips as the clocks drift.
    """

    id = "O15-gap"
    name = "frame gap"
    unit = "us"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._hosts = world.hosts
        scenario = world.scenario
        kind = scenario.session.time_sync
        self.applies = (
            len(world.hosts) == 2 and kind != "none" and scenario.game.episodes == 1 and is_lossless(world)
        )
        links = {(path.source, path.target): path.link for path in scenario.network.paths}
        if not self.applies:
            return
        self._period_us = period_us = world.terms.period_us
        there, back = links[0, 1], links[1, 0]
        longer_us = there.delay_us - back.delay_us
        varies_us = sum(2 * link.jitter_us + link.slot_us for link in (there, back)) // 2
        drift_ppm = abs(scenario.hosts[0].clock_drift_ppm - scenario.hosts[1].clock_drift_ppm)
        stands_us, levelling_ticks = self._of_rule(
            kind, drift_ppm, (abs(longer_us) + varies_us) // period_us + 1
        )
        ahead_us = stands_us + varies_us + period_us
        self._bounds_us = (ahead_us + longer_us // 2, ahead_us - longer_us // 2)
        self._levelling_frames = levelling_ticks
        self._settled_at = levelling_ticks
        self._stalls = 0

    def _of_rule(self, kind: str, drift_ppm: int, frames: int) -> tuple[int, int]:
        """The gap that the rule lets stand, and ticks in which it levels so many frames."""
        if kind == "speed":
            # Each of the two corrects by so much per frame of gap, in whole permille; advantages travel in
            # quarter frames. A fifth of a frame is more than both can hide.
            gain_ppm = 2 * 1000 * SPEED_GAIN_PERMILLE
            stands_us = self._period_us * (drift_ppm + 4_000) // gain_ppm
            # At full speed for the most of it, then by a factor of e in every 50 ticks.
            return stands_us, frames * 500 // SPEED_MAX_PERMILLE + 4 * 500 // SPEED_GAIN_PERMILLE
        is_ggpo = kind == "skip"
        window, minimum, most, interval = GGPO_RULE if is_ggpo else GGRS_RULE
        ticks = TICKS_PER_SAMPLE * (window + interval)
        stands_us = self._period_us * minimum + self._period_us * ticks * drift_ppm // 1_000_000
        return stands_us, (1 + frames // most) * ticks + 2 * frames

    def after_tick(self, host: Host, played: int) -> None:
        one, two = (other.peer.session for other in self._hosts)
        current = host.peer.session.match.timeline.current
        if current < self._settled_at or not one.life.is_running or not two.life.is_running:
            return
        other = two if host.index == 0 else one
        if other.match.timeline.game.phase != PLAYING:
            return  # it has come to the end, and waits there
        stalls = one.play.stalled_ticks + two.play.stalled_ticks
        if stalls != self._stalls:  # which level the peers in their own way
            self._stalls = stalls
            self._settled_at = current + self._levelling_frames
            return
        room_us = self._bounds_us[host.index] - (current - other.match.timeline.current) * self._period_us
        self.checks += 1
        self.note_room(room_us)
        if room_us < 0:
            gap = current - other.match.timeline.current
            most = self._bounds_us[host.index] / self._period_us
            self.fail(f"{gap} frames ahead, bound {most:.1f}", frame=current, peer=host.index)


class OwedSkips(Oracle):
    """A tick that time sync says is to be left out is left out within three ticks of play."""

    id = "O15-skip"
    name = "owed skips"
    stands_lies = True
    unit = "ticks"

    def __init__(self) -> None:
        super().__init__()
        self._owed: dict[int, tuple[int, int]] = {}  # by host: ticks owed, and for how long no fewer

    def after_tick(self, host: Host, played: int) -> None:
        play = host.peer.session.play
        owed = play.time_sync.owed
        before, ticks = self._owed.get(host.index, (0, 0))
        if not owed or owed < before or play.is_paused or not host.peer.session.life.is_running:
            self._owed[host.index] = (owed, 0)
            return
        self.checks += 1
        self._owed[host.index] = (owed, ticks + 1)
        self.note_room(SPREAD_TICKS - 1 - ticks)
        if ticks >= SPREAD_TICKS:
            self.fail(f"{owed} ticks are owed, and none was left out for {ticks}", peer=host.index)


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

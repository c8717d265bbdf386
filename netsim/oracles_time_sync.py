"""Keeping peers level: who waits, how far ahead one may be, and that a wait that is owed is taken."""

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.oracles_quality import is_lossless
from netsim.world import World
from rollback_core.episodes import PLAYING
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

SPREAD_TICKS = 3  # every second tick at most is left out; one more for the tick that asks for it
SYNC_WINDOW_US = 1_000_000  # two peers that wait within one second work against each other
# Rules that skip ticks: samples in a mean, least and most frames at once, samples between two actions.
GGPO_RULE = (GGPO_WINDOW, GGPO_MIN_FRAMES, GGPO_MAX_FRAMES, GGPO_INTERVAL)
GGRS_RULE = (GGRS_WINDOW, GGRS_MIN_FRAMES, GGRS_MAX_FRAMES, GGRS_INTERVAL)


class TimeSyncTruce(Oracle):
    """On symmetric links no two peers are told to wait for each other, in one round.

    Where clocks run alike, whoever is ahead at first is the only one who ever waits in that round. Drift may
    turn the lead; then no two wait within one second.
    """

    id = "O15"
    name = "time sync"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        links = {path.link for path in world.scenario.network.paths}
        # Loss and queues stall peers by turns, and each then rightly waits for the other.
        self.applies = (
            len(world.hosts) == 2
            and len(links) == 1
            and not world.scenario.events
            and is_lossless(world, from_the_start=False)
        )
        self._are_alike = len({setup.clock_drift_ppm for setup in world.scenario.hosts}) == 1
        self._skips: dict[int, int] = {}
        self._last: dict[int, tuple[int, int]] = {}  # by host: the round in which it last waited, and when

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        skips = session.play.skipped_ticks
        if skips == self._skips.get(host.index, 0):
            return
        self._skips[host.index] = skips
        now_us = self._world.env.now
        episode = session.match.timeline.game.episode
        self._last[host.index] = (episode, now_us)
        self.checks += 1
        for other, (round_of_other, at_us) in self._last.items():
            if other == host.index or round_of_other != episode:
                continue
            apart_us = now_us - at_us
            if self._are_alike or apart_us < SYNC_WINDOW_US:
                self.fail(f"both peers waited, {apart_us / 1e6:.2f} s apart", peer=host.index)


class FrameGap(Oracle):
    """Once settled, time sync keeps a peer as little ahead as its rule, the asymmetry and drift allow.

    Half the difference of the two advantages is the frame gap, less half of what this peer's way to the other
    is longer than the way back; delay that varies is mistaken for asymmetry. A rule that skips ticks acts
    once a mean of that reaches its minimum, and then not for an interval, nor before it has heard what its
    skips did; meanwhile clocks drift on. The rule of speed has no minimum: it stands where the correction,
    by both, is what the clocks differ by. One frame more, as the peers' ticks lie. While nobody stalls,
    frames are ticks less skips: a gap that stays bounded means as many skips as the clocks drift.
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
        # What a peer knows of its lead, or of what its skips did, is as old as the way there and back.
        news_ticks = (there.delay_us + back.delay_us) // period_us + 1
        frames = (abs(longer_us) + varies_us) // period_us + 1
        stands_us, levelling_ticks = self._of_rule(kind, drift_ppm, frames, news_ticks)
        ahead_us = stands_us + varies_us + period_us
        self._bounds_us = (ahead_us + longer_us // 2, ahead_us - longer_us // 2)
        levelling_ticks += news_ticks
        self._levelling_frames = levelling_ticks
        self._settled_at = levelling_ticks
        self._stalls = 0

    def _of_rule(self, kind: str, drift_ppm: int, frames: int, news_ticks: int) -> tuple[int, int]:
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
        ticks = TICKS_PER_SAMPLE * (window + interval + 1) + 2 * minimum + news_ticks
        stands_us = self._period_us * minimum + self._period_us * ticks * drift_ppm // 1_000_000
        return stands_us, (1 + frames // most) * ticks + 2 * frames

    def after_tick(self, host: Host, played: int) -> None:
        one, two = (other.peer.session for other in self._hosts)
        current = host.peer.session.match.timeline.current
        if current < self._settled_at or not one.life.is_running or not two.life.is_running:
            return
        other = two if host.index == 0 else one
        stalls = one.play.stalled_ticks + two.play.stalled_ticks
        is_ending = one.match.timeline.game.phase != PLAYING or two.match.timeline.game.phase != PLAYING
        # Stalls level the peers in their own way, as do waits at an end; which may have been a wrong guess.
        if is_ending or stalls != self._stalls:
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

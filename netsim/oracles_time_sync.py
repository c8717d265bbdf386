"""Keeping peers level: who waits, how far ahead one may be, and that a wait that is owed is taken."""

from typing import Final

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

    It is settled when the rule has levelled, against the drift, what lay between the peers when they began to
    play or last waited. A rule that can take off no more than clocks drift meanwhile is held to nothing.
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
            len(world.hosts) == 2
            and kind != "none"
            and scenario.game.episodes == 1
            and is_lossless(world, from_the_start=False)
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
        self._news_ticks = (there.delay_us + back.delay_us) // period_us + 1
        self._frames = (abs(longer_us) + varies_us) // period_us + 1
        self._rule = _Speed() if kind == "speed" else _Skips(kind, self._news_ticks)
        self._drift_ppm = drift_ppm
        self.applies = self._rule.keeps_up(drift_ppm)
        ahead_us = self._rule.stands_us(period_us, drift_ppm) + varies_us + period_us
        self._bounds_us = (ahead_us + longer_us // 2, ahead_us - longer_us // 2)
        self._settled_at: int | None = None  # None while something else levels
        self._stalls = 0

    def after_tick(self, host: Host, played: int) -> None:
        one, two = (other.peer.session for other in self._hosts)
        if not one.life.is_running or not two.life.is_running:
            return
        other = two if host.index == 0 else one
        current = host.peer.session.match.timeline.current
        gap = current - other.match.timeline.current
        stalls = one.play.stalled_ticks + two.play.stalled_ticks
        is_ending = one.match.timeline.game.phase != PLAYING or two.match.timeline.game.phase != PLAYING
        # Stalls level the peers in their own way, as do waits at an end; which may have been a wrong guess.
        if is_ending or stalls != self._stalls:
            self._stalls = stalls
            self._settled_at = None
            return
        if self._settled_at is None:
            frames = self._frames + abs(gap)
            levelling_ticks = self._rule.ticks_to_level(frames, self._drift_ppm) + self._news_ticks
            self._settled_at = current + levelling_ticks
        if current < self._settled_at:
            return
        room_us = self._bounds_us[host.index] - gap * self._period_us
        self.checks += 1
        self.note_room(room_us)
        if room_us < 0:
            most = self._bounds_us[host.index] / self._period_us
            self.fail(f"{gap} frames ahead, bound {most:.1f}", frame=current, peer=host.index)


class _Speed:
    """What the rule of speed lets stand, and how long it takes to level."""

    FASTEST_PPM: Final = 2 * 1000 * SPEED_MAX_PERMILLE  # by both

    def keeps_up(self, drift_ppm: int) -> bool:
        return drift_ppm < self.FASTEST_PPM

    def stands_us(self, period_us: int, drift_ppm: int) -> int:
        # Each of the two corrects by so much per frame of gap, in whole permille; advantages travel in
        # quarter frames. A fifth of a frame is more than both can hide.
        return period_us * (drift_ppm + 4_000) // (2 * 1000 * SPEED_GAIN_PERMILLE)

    def ticks_to_level(self, frames: int, drift_ppm: int) -> int:
        # At full speed for the most of it, then by a factor of e in every 50 ticks.
        return frames * 1_000_000 // (self.FASTEST_PPM - drift_ppm) + 4 * 500 // SPEED_GAIN_PERMILLE


class _Skips:
    """What a rule that skips ticks lets stand, and how long it takes to level."""

    def __init__(self, kind: str, news_ticks: int) -> None:
        window, self._minimum, self._most, interval = GGPO_RULE if kind == "skip" else GGRS_RULE
        # From one action to the next, at most.
        self._cycle_ticks = TICKS_PER_SAMPLE * (window + interval + 1) + 2 * self._minimum + news_ticks

    def keeps_up(self, drift_ppm: int) -> bool:
        return self._takes_off(drift_ppm) > 0

    def stands_us(self, period_us: int, drift_ppm: int) -> int:
        return period_us * self._minimum + period_us * self._cycle_ticks * drift_ppm // 1_000_000

    def ticks_to_level(self, frames: int, drift_ppm: int) -> int:
        return (1 + frames // self._takes_off(drift_ppm)) * self._cycle_ticks + 2 * frames

    def _takes_off(self, drift_ppm: int) -> int:
        """Whole frames in a cycle, less what clocks drift meanwhile."""
        return self._most - -(-self._cycle_ticks * drift_ppm // 1_000_000)


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

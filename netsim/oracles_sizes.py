"""What is sized to the network: the input delay that follows it, and the window agreed on for it."""

from dataclasses import dataclass

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.oracles_quality import is_lossless
from netsim.world import World
from rollback_core.config import MAX_WINDOW_FRAMES
from rollback_core.delay_policy import DOWN_AFTER
from rollback_core.handshake import WINDOW_MARGIN_FRAMES
from rollback_core.link import RTT_SAMPLES_TO_SIZE
from scenarios.scenario import LinkSetup

ROUNDING_US = 8  # the smoothed round trip rests up to 7 us below one that does not change


@dataclass(slots=True)
class _Trips:
    """The round trips of one peer: how short the longest way's may be, how long any, how much one varies."""

    least_us: int = 0
    most_us: int = 0
    varies_us: int = 0

    def add(self, there: LinkSetup, back: LinkSetup) -> None:
        shortest_us = longest_us = 0
        for link in (there, back):
            jitter_us = link.jitter_us if link.jitter != "none" else 0
            shortest_us += max(0, link.delay_us - jitter_us)
            longest_us += link.delay_us + jitter_us + link.slot_us
        self.least_us = max(self.least_us, shortest_us)
        self.most_us = max(self.most_us, longest_us)
        self.varies_us = max(self.varies_us, longest_us - shortest_us)

    def covers(self, period_us: int) -> int:
        """Frames of half the round trip."""
        return max(0, -(-(self.least_us // 2 - ROUNDING_US) // period_us))

    def asks(self, period_us: int, deviations: int, samples: int) -> int:
        """Frames, at the most, of half the round trip and so many deviations, after so many samples."""
        others = max(0, samples - 1)
        deviation_us: int = self.most_us * 3**others // (2 * 4**others) + self.varies_us
        return -(-(self.most_us // 2 + deviations * deviation_us + ROUNDING_US) // period_us)


@dataclass(slots=True)
class _Followed:
    """What a peer's delay was at its last tick, and how many round trips were measured by then."""

    delay: int
    samples: int  # of the link with the fewest
    first: int  # as `samples`, at the first tick
    low_since: int  # of all links together, when the delay was last no longer than asked for


class SizedToTheNetwork(Oracle):
    """A delay or window that follows the network covers the one-way time and rises no further than needed.

    Both are sized by half the smoothed round trip, and once or twice its smoothed deviation. That begins at
    half of the first sample (RFC 6298), falls by a quarter with each that is alike, and is never more than
    that and what samples differ by. A delay that is longer than asked for falls after so many samples.
    """

    id = "A6"
    name = "sized to the network"
    unit = "frames"

    def __init__(self, world: World) -> None:
        super().__init__()
        scenario = world.scenario
        session = scenario.session
        self._is_adaptive = session.input_delay_policy == "adaptive"
        self._is_sized = session.window_policy == "rtt"
        self.applies = (
            (self._is_adaptive or self._is_sized)
            and is_lossless(world)
            # A round trip is measured by one clock, and how long the other kept the question by the other's.
            and not any(host.clock_drift_ppm for host in scenario.hosts)
        )
        self._trips = {host.index: _Trips() for host in world.hosts}  # each measures its own ways
        links = {(path.source, path.target): path.link for path in scenario.network.paths}
        for (source, target), there in links.items():
            self._trips[source].add(there, links[target, source])
        self._period_us = period_us = world.terms.period_us
        self._longest = world.terms.max_input_delay_frames
        self._followed: dict[int, _Followed] = {}
        least = session.prediction_window_frames
        room = WINDOW_MARGIN_FRAMES - session.input_delay_frames
        covers = max(each.covers(period_us) for each in self._trips.values())
        asks = max(each.asks(period_us, 2, RTT_SAMPLES_TO_SIZE) for each in self._trips.values())
        self._windows = [max(least, min(frames + room, MAX_WINDOW_FRAMES)) for frames in (covers, asks)]

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        if not session.life.is_running:
            return
        if self._is_sized:
            self.checks += 1
            window = session.match.window
            least, most = self._windows
            self.note_room(most - window)
            if not least <= window <= most:
                self._fail(host, "a window", window, f"{least} to {most}")
        if self._is_adaptive:
            self._look_at_delay(host, session.delay_frames)

    def _look_at_delay(self, host: Host, delay: int) -> None:
        counts = [link.rtt_samples for link in host.peer.session.links.values()]
        samples, everything = min(counts), sum(counts)
        followed = self._followed.get(host.index)
        if followed is None:
            self._followed[host.index] = _Followed(delay, samples, samples, everything)
            return
        trips = self._trips[host.index]
        self.checks += 1
        if delay > followed.delay:
            # It rose at some sample since the last tick.
            most = trips.asks(self._period_us, 1, followed.samples)
            self.note_room(most - delay)
            if delay > most:
                self._fail(host, "a delay", delay, f"{most} at the most")
        if samples > followed.first + 1:
            least = min(trips.covers(self._period_us), self._longest)
            if delay < least:
                self._fail(host, "a delay", delay, f"{least} at the least")
        if delay < followed.delay or delay <= trips.asks(self._period_us, 1, followed.samples):
            followed.low_since = everything
        elif everything - followed.low_since > DOWN_AFTER + len(counts):
            self._fail(host, "a delay that does not fall", delay, f"less for {DOWN_AFTER} samples")
        followed.delay, followed.samples = delay, samples

    def _fail(self, host: Host, what: str, frames: int, asked: str) -> None:
        self.fail(f"{what} of {frames} frames, {asked} asked for", peer=host.index)

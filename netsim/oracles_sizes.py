"""What is sized to the network: the input delay that follows it, and the window agreed on for it."""

from dataclasses import dataclass

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.oracles_quality import SETTLE_US, is_lossless
from netsim.world import World
from rollback_core.config import MAX_WINDOW_FRAMES
from rollback_core.handshake import WINDOW_MARGIN_FRAMES
from rollback_core.link import RTT_SAMPLES_TO_SIZE
from scenarios.scenario import LinkSetup

ROUNDING_US = RTT_SAMPLES_TO_SIZE  # means and halves are taken in whole microseconds
SINCE = 2  # samples that may have come since the one by which a delay rose


@dataclass(slots=True)
class _Trips:
    """The round trips of one peer: how short the longest way's may be, how long any, how much one varies."""

    least_us: int = 0
    most_us: int = 0
    varies_us: int = 0

    def add(self, there: LinkSetup, back: LinkSetup) -> None:
        shortest_us = sum(max(0, link.delay_us - link.jitter_us) for link in (there, back))
        longest_us = sum(link.delay_us + link.jitter_us + link.slot_us for link in (there, back))
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


class SizedToTheNetwork(Oracle):
    """A delay or window that follows the network covers the one-way time, and is no longer than that asks.

    Both are sized by half the smoothed round trip, and once or twice its smoothed deviation. That begins at
    half of the first sample (RFC 6298), falls by a quarter with each that is alike, and is never more than
    that and what samples differ by.
    """

    id = "A6"
    name = "sized to the network"
    unit = "frames"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        scenario = world.scenario
        session = scenario.session
        self._is_adaptive = session.input_delay_policy == "adaptive"
        is_sized = session.window_policy == "rtt"
        self.applies = (
            (self._is_adaptive or is_sized)
            and is_lossless(world)
            # A round trip is measured by one clock, and how long the other kept the question by the other's.
            and not any(host.clock_drift_ppm for host in scenario.hosts)
        )
        self._trips = {host.index: _Trips() for host in world.hosts}  # each measures its own ways
        links = {(path.source, path.target): path.link for path in scenario.network.paths}
        for (source, target), there in links.items():
            self._trips[source].add(there, links[target, source])
        self._period_us = period_us = world.terms.period_us
        self._delays = {host.index: session.input_delay_frames for host in world.hosts}
        least = most = session.prediction_window_frames
        if is_sized:
            room = WINDOW_MARGIN_FRAMES - session.input_delay_frames
            covers = max(each.covers(period_us) for each in self._trips.values())
            asks = max(each.asks(period_us, 2, RTT_SAMPLES_TO_SIZE) for each in self._trips.values())
            least, most = (max(least, min(frames + room, MAX_WINDOW_FRAMES)) for frames in (covers, asks))
        self._window = (least, most)

    def after_tick(self, host: Host, played: int) -> None:
        session = host.peer.session
        if not session.life.is_running:
            return
        self.checks += 1
        self._compare(host, "window", session.match.window, *self._window)
        if not self._is_adaptive:
            return
        trips = self._trips[host.index]
        delay, before = session.delay_frames, self._delays[host.index]
        most = before  # it falls one by one
        if delay > before:
            samples = min(link.rtt_samples for link in session.links.values())
            most = trips.asks(self._period_us, 1, samples - SINCE)
        least = trips.covers(self._period_us) if self._world.env.now > SETTLE_US else 0
        self._compare(host, "delay", delay, min(least, self._world.terms.max_input_delay_frames), most)
        self._delays[host.index] = delay

    def _compare(self, host: Host, what: str, frames: int, least: int, most: int) -> None:
        self.note_room(min(frames - least, most - frames))
        if not least <= frames <= most:
            self.fail(f"a {what} of {frames} frames, {least} to {most} asked for", peer=host.index)

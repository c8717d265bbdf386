"""Figures of a run, per peer and per path, gathered while it goes; all integers, all deterministic."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from netsim.host import Host
from netsim.network import Path
from rollback_core.episodes import PLAYING
from rollback_core.events import DelayChanged, Event, Interrupted, RolledBack

SAMPLE_US: Final = 100_000  # one point of a plotted series
SERIES: Final = (
    "t_us",
    "rollback_depth",
    "frame_advantage",
    "confirmation_lag",
    "commit_lag",
    "stalled",
    "rtt_us",
)


def percentile(counts: Counter[int], share: int) -> int:
    """The smallest value such that `share` percent of all are not above it; 0 when there are none."""
    rank = -(-sum(counts.values()) * share // 100)
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return 0


class PeerMetrics:
    """What one peer did."""

    def __init__(self) -> None:
        self.depths: Counter[int] = Counter()
        self.confirmation_lags: list[int] = []  # one per frame; counted at the end
        self.commit_lags: list[int] = []
        self.rtts_us: list[int] = []
        self.stall_run = 0
        self.longest_stall = 0
        self.interruptions = 0
        self.delay_changes = 0
        self.started_us = -1
        self.ended_us = -1
        self.sample_at_us = 0
        self.sample_depth = 0
        self.sample_stalls = 0
        self.samples: list[tuple[Any, ...]] = []  # a row of SERIES each

    @property
    def series(self) -> dict[str, list[Any]]:
        columns = zip(*self.samples, strict=True) if self.samples else [()] * len(SERIES)
        return {name: list(column) for name, column in zip(SERIES, columns, strict=True)}


class MetricsWatch:
    """A HostObserver that counts. Metrics of a reloaded peer go on where the old one's stopped."""

    def __init__(self) -> None:
        self.peers: dict[int, PeerMetrics] = {}

    def of(self, index: int) -> PeerMetrics:
        metrics = self.peers.get(index)
        if metrics is None:
            metrics = self.peers[index] = PeerMetrics()
        return metrics

    def after_tick(self, host: Host, played: int) -> None:
        peer = host.peer
        session = peer.session
        if not session.life.is_running:
            return
        metrics = self.peers.get(host.index)
        if metrics is None:
            metrics = self.of(host.index)
        match = session.match
        last = match.timeline.current - 1
        lag = last - match.confirmed
        if lag < 0:
            lag = 0
        if session.play.is_stalled:
            metrics.stall_run += 1
            metrics.sample_stalls += 1
            metrics.longest_stall = max(metrics.longest_stall, metrics.stall_run)
        elif played:
            metrics.stall_run = 0
            if peer.game.phase == PLAYING:
                metrics.confirmation_lags.append(lag)
                metrics.commit_lags.append(last - match.committed)
        now_us = host.env._now
        if now_us >= metrics.sample_at_us:
            self._sample(host, metrics, lag, last - match.committed, now_us)

    def _sample(self, host: Host, metrics: PeerMetrics, lag: int, commit_lag: int, now_us: int) -> None:
        session = host.peer.session
        rtts = [link.rtt_us for link in session.links.values() if link.is_member and link.rtt_samples]
        if metrics.started_us < 0:
            metrics.started_us = now_us
        metrics.ended_us = now_us
        metrics.sample_at_us = now_us - now_us % SAMPLE_US + SAMPLE_US
        metrics.samples.append(
            (
                now_us,
                metrics.sample_depth,
                round(session.frame_advantage(host.local_now_us()), 3),
                lag,
                commit_lag,
                metrics.sample_stalls,
                max(rtts) if rtts else None,
            )
        )
        metrics.rtts_us += rtts
        metrics.sample_depth = 0
        metrics.sample_stalls = 0

    def events(self, host: Host, events: list[Event]) -> None:
        metrics = self.of(host.index)
        for event in events:
            kind = type(event)
            if kind is RolledBack:
                depth = event.depth  # type: ignore[union-attr]
                metrics.depths[depth] += 1
                if depth > metrics.sample_depth:
                    metrics.sample_depth = depth
            elif kind is Interrupted:
                metrics.interruptions += 1
            elif kind is DelayChanged:
                metrics.delay_changes += 1

    def table(
        self, host: Host, minimum: int | None, worst_response: int | None, speculative: int
    ) -> dict[str, Any]:
        """The `metrics` of one peer's entry in result.json."""
        metrics = self.of(host.index)
        confirmation_lags = Counter(metrics.confirmation_lags)
        commit_lags = Counter(metrics.commit_lags)
        rtts = Counter(metrics.rtts_us)
        session = host.peer.session
        links = session.links.values()
        seconds_us = max(1, metrics.ended_us - metrics.started_us)
        sent_bytes = sum(link.sent_bytes for link in links)
        return {
            "frames": session.current_frame,
            "rollbacks": session.match.rollbacks,
            "rollback_depth_p50_frames": percentile(metrics.depths, 50),
            "rollback_depth_p95_frames": percentile(metrics.depths, 95),
            "rollback_depth_max_frames": max(metrics.depths, default=0),
            "resimulated_frames": session.match.resimulated,
            "resimulated_minimum_frames": minimum,
            "stalled_ticks": session.play.stalled_ticks,
            "longest_stall_ticks": metrics.longest_stall,
            "skipped_ticks": session.play.skipped_ticks,
            "confirmation_lag_p50_frames": percentile(confirmation_lags, 50),
            "confirmation_lag_p95_frames": percentile(confirmation_lags, 95),
            "confirmation_lag_max_frames": max(confirmation_lags, default=0),
            "commit_lag_p50_frames": percentile(commit_lags, 50),
            "commit_lag_p95_frames": percentile(commit_lags, 95),
            "commit_lag_max_frames": max(commit_lags, default=0),
            "input_to_present_max_frames": worst_response,
            "input_delay_frames": session.delay_frames,
            "dropped_inputs": session.play.dropped_inputs,
            "rtt_p50_us": percentile(rtts, 50),
            "rtt_max_us": max(rtts, default=0),
            "sent_bytes_per_s": sent_bytes * 1_000_000 // seconds_us,
            "sent_datagrams": sum(link.sent_datagrams for link in links),
            "received_datagrams": sum(link.received for link in links),
            "rejected_datagrams": sum(link.rejected for link in links),
            "checksum_comparisons": session.desync.exchange.comparisons,
            "desyncs": session.desync.exchange.desyncs,
            "interruptions": metrics.interruptions,
            "speculative_frames": speculative,
        }


class PathSeries:
    """Delay and loss of one path over time, sampled while the run goes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.delays_us: Counter[int] = Counter()
        self.series: dict[str, list[Any]] = {"t_us": [], "delay_us": [], "lost": []}
        self._lost_before = 0

    def sample(self, now_us: int) -> None:
        path = self.path
        delays = sorted(path.delays_us)
        path.delays_us = []
        self.delays_us.update(delays)
        lost = path.lost
        self.series["t_us"].append(now_us)
        self.series["delay_us"].append(delays[len(delays) // 2] if delays else None)
        self.series["lost"].append(lost - self._lost_before)
        self._lost_before = lost

    def table(self) -> dict[str, Any]:
        """The path's entry in result.json."""
        path = self.path
        counters = path.direct.counters()
        return {
            "source": path.source,
            "target": path.target,
            "sent": path.sent,
            "delivered": path.delivered,
            "lost": path.lost,
            "duplicated": counters.get("duplicated", 0),
            "reordered": path.overtaken,
            "bytes": path.bytes,
            "delay_p50_us": percentile(self.delays_us, 50),
            "delay_p95_us": percentile(self.delays_us, 95),
            "delay_max_us": max(self.delays_us, default=0),
            "series": self.series,
        }


def exercised(peers: Iterable[PeerMetrics], hosts: list[Host], faults: dict[str, int]) -> dict[str, int]:
    """What a run put to the test, so that a vacuous pass is visible."""
    peers = list(peers)
    sessions = [host.peer.session for host in hosts]
    return {
        "rollbacks": sum(session.match.rollbacks for session in sessions),
        "stalls": sum(session.play.stalled_ticks for session in sessions),
        "checksum_comparisons": sum(session.desync.exchange.comparisons for session in sessions),
        "drops": max(len(session.match.left) for session in sessions),
        "suspensions": faults["suspensions"],
        "interruptions": sum(peer.interruptions for peer in peers),
        "delay_changes": sum(peer.delay_changes for peer in peers),
        "blackouts": faults["blackouts"],
    }

"""Figures of a run: the peers' own, what only a simulator knows beside them, and those of the paths."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from netsim.host import Host
from netsim.network import Path
from rollback_core.events import Event
from rollback_core.metrics import PeerMetrics, percentile


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
        metrics = self.peers.get(host.index) or self.of(host.index)
        now_us = host.env._now
        if metrics.ticked(host.peer, played, now_us):
            metrics.sample(host.peer, now_us, host.local_now_us())

    def events(self, host: Host, events: list[Event]) -> None:
        self.of(host.index).saw(events)

    def table(
        self, host: Host, minimum: int | None, worst_response: int | None, speculative: int
    ) -> dict[str, Any]:
        """The `metrics` of one peer's entry in result.json."""
        return {
            **self.of(host.index).table(host.peer),
            "resimulated_minimum_frames": minimum,
            "input_to_present_max_frames": worst_response,
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

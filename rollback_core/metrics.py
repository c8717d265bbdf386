"""Figures of one peer, gathered while it plays; the same in every host, all integers but the advantage.

Counters cover every tick; the series, for plots, have a point every SAMPLE_US.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from rollback_core.episodes import PLAYING
from rollback_core.events import DelayChanged, Event, Interrupted, RolledBack
from rollback_core.peer import Peer
from rollback_core.session import State

SAMPLE_US: Final = 100_000  # one point of a plotted series

_SERIES: Final = (
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
    """What one peer did. `now_us` is the time of the plots; the peer's own clock may differ from it."""

    def __init__(self) -> None:
        self.depths: Counter[int] = Counter()
        self.series: dict[str, list[Any]] = {name: [] for name in _SERIES}
        self.interruptions = 0
        self.delay_changes = 0
        self._confirmation_lag: Counter[int] = Counter()
        self._commit_lag: Counter[int] = Counter()
        self._rtts_us: Counter[int] = Counter()
        self._stall_run = 0
        self._longest_stall = 0
        self._started_us = -1
        self._ended_us = -1
        self._sample_at_us = 0
        self._sample_depth = 0
        self._sample_stalls = 0

    def ticked(self, peer: Peer, played: int, now_us: int, local_now_us: int) -> None:
        """A tick of the peer has returned, having played so many new frames."""
        session = peer.session
        if session.state is not State.RUNNING:
            return
        match = session.match
        last = match.timeline.current - 1
        lag = max(0, last - match.confirmed)
        commit_lag = last - match.committed
        if played and peer.game.phase == PLAYING:
            self._confirmation_lag[lag] += 1
            self._commit_lag[commit_lag] += 1
        if session.is_stalled:
            self._stall_run += 1
            self._sample_stalls += 1
            self._longest_stall = max(self._longest_stall, self._stall_run)
        elif played:
            self._stall_run = 0
        if now_us >= self._sample_at_us:
            self._sample(peer, lag, commit_lag, now_us, local_now_us)

    def saw(self, events: Iterable[Event]) -> None:
        """The peer has told these."""
        for event in events:
            if type(event) is RolledBack:
                self.depths[event.depth] += 1
                self._sample_depth = max(self._sample_depth, event.depth)
            elif type(event) is Interrupted:
                self.interruptions += 1
            elif type(event) is DelayChanged:
                self.delay_changes += 1

    def _sample(self, peer: Peer, lag: int, commit_lag: int, now_us: int, local_now_us: int) -> None:
        session = peer.session
        rtts = [link.rtt_us for link in session.links.values() if link.is_member and link.rtt_samples]
        if self._started_us < 0:
            self._started_us = now_us
        self._ended_us = now_us
        self._sample_at_us = now_us - now_us % SAMPLE_US + SAMPLE_US
        point = (
            now_us,
            self._sample_depth,
            round(session.frame_advantage(local_now_us), 3),
            lag,
            commit_lag,
            self._sample_stalls,
            max(rtts) if rtts else None,
        )
        for name, value in zip(_SERIES, point, strict=True):
            self.series[name].append(value)
        self._rtts_us.update(rtts)
        self._sample_depth = 0
        self._sample_stalls = 0

    @property
    def depth_histogram(self) -> list[list[int]]:
        """[depth, rollbacks of that depth], by depth."""
        return sorted([depth, count] for depth, count in self.depths.items())

    def table(self, peer: Peer) -> dict[str, Any]:
        """The `metrics` of one peer's entry in result.json, as far as the peer itself knows them."""
        session = peer.session
        links = session.links.values()
        seconds_us = max(1, self._ended_us - self._started_us)
        sent_bytes = sum(link.sent_bytes for link in links)
        return {
            "frames": session.current_frame,
            "rollbacks": session.match.rollbacks,
            "rollback_depth_p50_frames": percentile(self.depths, 50),
            "rollback_depth_p95_frames": percentile(self.depths, 95),
            "rollback_depth_max_frames": max(self.depths, default=0),
            "resimulated_frames": session.match.resimulated,
            "stalled_ticks": session.stalled_ticks,
            "longest_stall_ticks": self._longest_stall,
            "skipped_ticks": session.skipped_ticks,
            "confirmation_lag_p50_frames": percentile(self._confirmation_lag, 50),
            "confirmation_lag_p95_frames": percentile(self._confirmation_lag, 95),
            "confirmation_lag_max_frames": max(self._confirmation_lag, default=0),
            "commit_lag_p50_frames": percentile(self._commit_lag, 50),
            "commit_lag_p95_frames": percentile(self._commit_lag, 95),
            "commit_lag_max_frames": max(self._commit_lag, default=0),
            "input_delay_frames": session.delay_frames,
            "dropped_inputs": session.dropped_inputs,
            "rtt_p50_us": percentile(self._rtts_us, 50),
            "rtt_max_us": max(self._rtts_us, default=0),
            "sent_bytes_per_s": sent_bytes * 1_000_000 // seconds_us,
            "sent_datagrams": sum(link.sent_datagrams for link in links),
            "received_datagrams": sum(link.received for link in links),
            "rejected_datagrams": sum(link.rejected for link in links),
            "checksum_comparisons": session.desync.exchange.comparisons,
            "desyncs": session.desync.exchange.desyncs,
            "interruptions": self.interruptions,
        }

"""Figures of one peer, gathered while it plays; the same in every host, all integers but the advantage.

Counters cover every tick; the series, for plots, have a point every SAMPLE_US.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from rollback_core.episodes import PLAYING
from rollback_core.events import DelayChanged, Event, Interrupted, RolledBack
from rollback_core.peer import Peer

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
    """What one peer did. `now_us` is the time of the plots; the peer's own clock may differ from it."""

    __slots__ = (
        "_bytes_before",
        "_commit_lags",
        "_confirmation_lags",
        "_ended_us",
        "_longest_stall",
        "_rtts_us",
        "_sample_at_us",
        "_sample_depth",
        "_sample_stalls",
        "_samples",
        "_stall_run",
        "_started_us",
        "delay_changes",
        "depths",
        "interruptions",
    )

    def __init__(self) -> None:
        self.depths: Counter[int] = Counter()
        self.interruptions = 0
        self.delay_changes = 0
        self._confirmation_lags: list[int] = []  # one per frame; counted at the end
        self._commit_lags: list[int] = []
        self._rtts_us: list[int] = []
        self._stall_run = 0
        self._longest_stall = 0
        self._started_us = -1
        self._bytes_before = 0  # of the handshake, which takes as long as the network's set-up does
        self._ended_us = -1
        self._sample_at_us = 0
        self._sample_depth = 0
        self._sample_stalls = 0
        self._samples: list[tuple[Any, ...]] = []  # a row of SERIES each

    def ticked(self, peer: Peer, played: int, now_us: int) -> bool:
        """A tick of the peer has returned, having played so many new frames; True if `sample` is due."""
        session = peer.session
        if not session.life.is_running:
            return False
        if session.play.is_stalled:
            self._stall_run += 1
            self._sample_stalls += 1
            self._longest_stall = max(self._longest_stall, self._stall_run)
        elif played:
            self._stall_run = 0
            if peer.game.phase == PLAYING:
                match = session.match
                last = match.timeline.current - 1
                lag = last - match.confirmed
                self._confirmation_lags.append(lag if lag > 0 else 0)
                self._commit_lags.append(last - match.committed)
        return now_us >= self._sample_at_us

    def sample(self, peer: Peer, now_us: int, local_now_us: int) -> None:
        """One point of every series; `local_now_us` is the peer's own clock."""
        session = peer.session
        match = session.match
        last = match.timeline.current - 1
        rtts = [link.rtt_us for link in session.links.values() if link.is_member and link.rtt_samples]
        if self._started_us < 0:
            self._started_us = now_us
            self._bytes_before = sum(link.sent_bytes for link in session.links.values())
        self._ended_us = now_us
        self._sample_at_us = now_us - now_us % SAMPLE_US + SAMPLE_US
        self._samples.append(
            (
                now_us,
                self._sample_depth,
                round(session.frame_advantage(local_now_us), 3),
                max(0, last - match.confirmed),
                last - match.committed,
                self._sample_stalls,
                max(rtts) if rtts else None,
            )
        )
        self._rtts_us += rtts
        self._sample_depth = 0
        self._sample_stalls = 0

    def saw(self, events: Iterable[Event]) -> None:
        """The peer has told these."""
        for event in events:
            kind = type(event)
            if kind is RolledBack:
                depth = event.depth  # type: ignore[union-attr]
                self.depths[depth] += 1
                if depth > self._sample_depth:
                    self._sample_depth = depth
            elif kind is Interrupted:
                self.interruptions += 1
            elif kind is DelayChanged:
                self.delay_changes += 1

    @property
    def series(self) -> dict[str, list[Any]]:
        """Columns by name, for plots."""
        columns = zip(*self._samples, strict=True) if self._samples else [()] * len(SERIES)
        return {name: list(column) for name, column in zip(SERIES, columns, strict=True)}

    @property
    def depth_histogram(self) -> list[list[int]]:
        """[depth, rollbacks of that depth], by depth."""
        return sorted([depth, count] for depth, count in self.depths.items())

    def table(self, peer: Peer) -> dict[str, Any]:
        """The `metrics` of one peer's entry in result.json, as far as the peer itself knows them."""
        session = peer.session
        play = session.play
        confirmation_lags = Counter(self._confirmation_lags)
        commit_lags = Counter(self._commit_lags)
        rtts = Counter(self._rtts_us)
        links = session.links.values()
        seconds_us = max(1, self._ended_us - self._started_us)
        sent_bytes = sum(link.sent_bytes for link in links) - self._bytes_before
        return {
            "frames": session.current_frame,
            "rollbacks": session.match.rollbacks,
            "rollback_depth_p50_frames": percentile(self.depths, 50),
            "rollback_depth_p95_frames": percentile(self.depths, 95),
            "rollback_depth_max_frames": max(self.depths, default=0),
            "resimulated_frames": session.match.resimulated,
            "stalled_ticks": play.stalled_ticks,
            "longest_stall_ticks": self._longest_stall,
            "skipped_ticks": play.skipped_ticks,
            "confirmation_lag_p50_frames": percentile(confirmation_lags, 50),
            "confirmation_lag_p95_frames": percentile(confirmation_lags, 95),
            "confirmation_lag_max_frames": max(confirmation_lags, default=0),
            "commit_lag_p50_frames": percentile(commit_lags, 50),
            "commit_lag_p95_frames": percentile(commit_lags, 95),
            "commit_lag_max_frames": max(commit_lags, default=0),
            "input_delay_frames": session.delay_frames,
            "dropped_inputs": play.dropped_inputs,
            "rtt_min_us": min(rtts, default=0),
            "rtt_p50_us": percentile(rtts, 50),
            "rtt_mean_us": sum(self._rtts_us) // len(self._rtts_us) if self._rtts_us else 0,
            "rtt_max_us": max(rtts, default=0),
            "sent_bytes_per_s": sent_bytes * 1_000_000 // seconds_us,
            "sent_datagrams": sum(link.sent_datagrams for link in links),
            "received_datagrams": sum(link.received for link in links),
            "rejected_datagrams": sum(link.rejected for link in links),
            "checksum_comparisons": session.desync.exchange.comparisons,
            "desyncs": session.desync.exchange.desyncs,
            "interruptions": self.interruptions,
        }

"""A peer's figures: each is recomputed from plain lists of what happened, for any run of ticks."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollback_core.episodes import COUNTDOWN, PLAYING
from rollback_core.events import DelayChanged, Interrupted, RolledBack
from rollback_core.metrics import SAMPLE_US, SERIES, PeerMetrics, percentile

SMALL = st.integers(0, 9)
TICKS = st.lists(
    st.fixed_dictionaries(
        {
            "after_us": st.sampled_from([1, 16_667, SAMPLE_US // 2, SAMPLE_US, 3 * SAMPLE_US]),
            "played": st.integers(0, 2),
            "is_stalled": st.booleans(),
            "phase": st.sampled_from([PLAYING, PLAYING, COUNTDOWN]),
            "unconfirmed": st.integers(-1, 12),
            "uncommitted": st.integers(0, 20),
            "rtt_us": st.none() | st.integers(1, 400_000),
            "sent_bytes": st.integers(0, 2_000),
            "depths": st.lists(st.integers(1, 9), max_size=2),
        }
    ),
    min_size=1,
    max_size=60,
)


def lowest(values: list[int], share: int) -> int:
    """By the definition: the smallest value that `share` percent of all do not exceed."""
    for value in sorted(values):
        if sum(each <= value for each in values) * 100 >= share * len(values):
            return value
    return 0


@given(st.lists(st.integers(0, 30), max_size=120), st.integers(1, 100))
def test_percentile_is_what_its_definition_says(values: list[int], share: int) -> None:
    assert percentile(Counter(values), share) == lowest(values, share)


def link(**known: Any) -> SimpleNamespace:
    return SimpleNamespace(is_member=True, rtt_samples=0, rtt_us=0, sent_bytes=700, **known)


def a_peer() -> Any:
    """What the figures read of a peer, and nothing else."""
    links = {
        1: link(sent_datagrams=5, received=11, rejected=2),
        2: link(sent_datagrams=8, received=13, rejected=1),
    }
    links[2].is_member = False  # its round trips are past
    links[2].rtt_samples, links[2].rtt_us = 9, 999_999
    return SimpleNamespace(
        game=SimpleNamespace(phase=PLAYING),
        session=SimpleNamespace(
            life=SimpleNamespace(is_running=True),
            play=SimpleNamespace(is_stalled=False, stalled_ticks=3, skipped_ticks=4, dropped_inputs=6),
            match=SimpleNamespace(
                timeline=SimpleNamespace(current=0), confirmed=0, committed=0, rollbacks=21, resimulated=34
            ),
            links=links,
            desync=SimpleNamespace(exchange=SimpleNamespace(comparisons=55, desyncs=89)),
            frame_advantage=lambda local_us: local_us / 3,
            current_frame=144,
            delay_frames=7,
        ),
    )


@given(TICKS, SMALL, SMALL)
def test_every_figure_is_what_the_ticks_say(
    ticks: list[dict[str, Any]], interruptions: int, changes: int
) -> None:
    peer, metrics, now_us = a_peer(), PeerMetrics(), 1_000_000
    session, near = peer.session, peer.session.links[1]
    lags: list[int] = []
    commit_lags: list[int] = []
    rtts: list[int] = []
    depths: list[int] = []
    rows: list[tuple[Any, ...]] = []
    stalls = longest = since_stalls = since_depth = started_us = bytes_before = sample_at_us = 0
    for frame, tick in enumerate(ticks, 100):
        now_us += tick["after_us"]
        near.sent_bytes += tick["sent_bytes"]
        near.rtt_samples, near.rtt_us = (0, 0) if tick["rtt_us"] is None else (1, tick["rtt_us"])
        session.play.is_stalled = tick["is_stalled"]
        peer.game.phase = tick["phase"]
        match = session.match
        match.timeline.current = frame + 1
        match.confirmed, match.committed = frame - tick["unconfirmed"], frame - tick["uncommitted"]
        metrics.saw(RolledBack(frame - depth, depth, 0, 1, 1) for depth in tick["depths"])
        depths += tick["depths"]
        since_depth = max([since_depth, *tick["depths"]])
        if tick["is_stalled"]:
            stalls, since_stalls = stalls + 1, since_stalls + 1
            longest = max(longest, stalls)
        elif tick["played"]:
            stalls = 0
            if tick["phase"] == PLAYING:
                lags.append(max(0, tick["unconfirmed"]))
                commit_lags.append(tick["uncommitted"])
        is_due = now_us >= sample_at_us
        assert metrics.ticked(peer, tick["played"], now_us) == is_due
        if is_due:
            if not rows:
                started_us, bytes_before = now_us, near.sent_bytes
            sample_at_us = (now_us // SAMPLE_US + 1) * SAMPLE_US
            advantage, lag = round((now_us + 5) / 3, 3), max(0, tick["unconfirmed"])
            rows.append(
                (now_us, since_depth, advantage, lag, tick["uncommitted"], since_stalls, tick["rtt_us"])
            )
            rtts += [] if tick["rtt_us"] is None else [tick["rtt_us"]]
            since_depth = since_stalls = 0
            metrics.sample(peer, now_us, now_us + 5)
    metrics.saw([Interrupted(1)] * interruptions + [DelayChanged(2)] * changes)
    assert metrics.delay_changes == changes
    assert metrics.series == {name: [row[at] for row in rows] for at, name in enumerate(SERIES)}
    assert metrics.depth_histogram == sorted([depth, depths.count(depth)] for depth in set(depths))
    played_us = max(1, rows[-1][0] - started_us)
    assert metrics.table(peer) == {
        "frames": 144,
        "rollbacks": 21,
        "rollback_depth_p50_frames": lowest(depths, 50),
        "rollback_depth_p95_frames": lowest(depths, 95),
        "rollback_depth_max_frames": max(depths, default=0),
        "resimulated_frames": 34,
        "stalled_ticks": 3,
        "longest_stall_ticks": longest,
        "skipped_ticks": 4,
        "confirmation_lag_p50_frames": lowest(lags, 50),
        "confirmation_lag_p95_frames": lowest(lags, 95),
        "confirmation_lag_max_frames": max(lags, default=0),
        "commit_lag_p50_frames": lowest(commit_lags, 50),
        "commit_lag_p95_frames": lowest(commit_lags, 95),
        "commit_lag_max_frames": max(commit_lags, default=0),
        "input_delay_frames": 7,
        "dropped_inputs": 6,
        "rtt_min_us": min(rtts, default=0),
        "rtt_p50_us": lowest(rtts, 50),
        "rtt_mean_us": sum(rtts) // max(1, len(rtts)),
        "rtt_max_us": max(rtts, default=0),
        "sent_bytes_per_s": (near.sent_bytes - bytes_before) * 1_000_000 // played_us,
        "sent_datagrams": 13,
        "received_datagrams": 24,
        "rejected_datagrams": 3,
        "checksum_comparisons": 55,
        "desyncs": 89,
        "interruptions": interruptions,
    }


def test_of_a_hundred_values_the_95th_is_told() -> None:
    peer, metrics = a_peer(), PeerMetrics()
    near = peer.session.links[1]
    near.rtt_samples = 1
    for number in range(1, 101):
        match = peer.session.match
        match.timeline.current, match.confirmed, match.committed = 1_000, 999 - number, 899 - number
        near.rtt_us = 300 + number
        metrics.saw([RolledBack(5, 400 + number, 0, 1, 1)])
        metrics.ticked(peer, 1, number * SAMPLE_US)
        metrics.sample(peer, number * SAMPLE_US, number * SAMPLE_US)
    table = metrics.table(peer)
    lags = [
        table[f"{name}_p{share}_frames"] for name in ("confirmation_lag", "commit_lag") for share in (50, 95)
    ]
    assert lags == [50, 95, 150, 195]
    assert (table["rollback_depth_p50_frames"], table["rollback_depth_p95_frames"]) == (450, 495)
    assert (table["rtt_min_us"], table["rtt_p50_us"], table["rtt_mean_us"], table["rtt_max_us"]) == (
        301,
        350,
        350,
        400,
    )


def test_nothing_is_counted_before_a_session_runs_or_after() -> None:
    peer, metrics = a_peer(), PeerMetrics()
    peer.session.life.is_running = False
    peer.session.play.is_stalled = True
    assert not metrics.ticked(peer, 1, 1_000_000)
    table = metrics.table(peer)
    assert table["longest_stall_ticks"] == 0
    assert table["sent_bytes_per_s"] == 1_400 * 1_000_000, "over the least time there is"
    assert metrics.series == {name: [] for name in SERIES}

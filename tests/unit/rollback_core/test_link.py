"""Estimates about one partner: the round trip by RFC 6298, the lead, and a changed transport."""

from hypothesis import given
from hypothesis import strategies as st

from rollback_core.link import MAX_AGE_US, MAX_RTT_US, Link

SAMPLES = st.lists(st.integers(0, 2_000_000), min_size=1, max_size=60)


@given(SAMPLES)
def test_the_estimate_lies_among_its_samples(samples: list[int]) -> None:
    link = Link(1, (1,))
    for sample in samples:
        link.add_rtt(sample)
        assert 0 <= link.rtt_var_us
    assert min(samples) - 1 <= link.rtt_us <= max(samples)
    assert link.rtt_min_us == min(samples)
    assert link.rtt_samples == len(samples)


@given(SAMPLES)
def test_the_estimate_follows_the_rfc(samples: list[int]) -> None:
    link = Link(1, (1,))
    smoothed = float(samples[0])
    variance = samples[0] / 2
    for index, sample in enumerate(samples):
        link.add_rtt(sample)
        if index:
            variance = 0.75 * variance + 0.25 * abs(smoothed - sample)
            smoothed = 0.875 * smoothed + 0.125 * sample
        # Whole microseconds: each rounding is off by at most one, and the errors die out by 1/8 and 1/4.
        assert abs(link.rtt_us - smoothed) <= 8
        assert abs(link.rtt_var_us - variance) <= 8


def test_samples_that_cannot_be_are_dropped() -> None:
    link = Link(1, (1,))
    for sample in (-1, MAX_RTT_US + 1, 2**31):
        link.add_rtt(sample)
    assert link.rtt_samples == 0


def test_a_changed_transport_starts_anew() -> None:
    link = Link(1, (1,))
    for _ in range(9):
        link.add_rtt(500_000)
    link.forget_rtt()
    link.add_rtt(20_000)
    assert (link.rtt_us, link.rtt_var_us, link.rtt_min_us, link.rtt_samples) == (20_000, 10_000, 20_000, 1)


@given(st.integers(0, 1_000), st.integers(1, 1_000), st.integers(0, 10**9), st.integers(0, 400_000))
def test_the_lead_is_what_is_left_after_age_and_way(
    mine: int, theirs: int, heard_us: int, rtt_us: int
) -> None:
    period = 10_000
    link = Link(1, (1,))
    link.rtt_us = rtt_us
    link.remote_current = theirs
    link.remote_current_at_us = heard_us
    base = link.local_advantage_us(mine, heard_us, period)
    assert base == (mine - theirs) * period - rtt_us // 2
    assert link.local_advantage_us(mine + 1, heard_us + period, period) == base, "level peers stay level"
    late = link.local_advantage_us(mine, heard_us + MAX_AGE_US, period)
    assert late == base - MAX_AGE_US
    assert link.local_advantage_us(mine, heard_us + 10 * MAX_AGE_US, period) == late, "silence is not play"


def test_there_is_no_lead_over_a_partner_that_was_not_heard_to_play() -> None:
    """Whatever is known of the way to it, and however late it is."""
    link = Link(1, (1,))
    link.rtt_us = 100_000
    assert [link.local_advantage_us(20, now_us, 10_000) for now_us in (0, 150_000, 5 * 10**9)] == [0, 0, 0]

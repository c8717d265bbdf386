"""Estimates about one partner: the round trip by RFC 6298, the lead, and a changed transport."""

from hypothesis import given
from hypothesis import strategies as st

from rollback_core.link import MAX_AGE_US, MAX_OBSERVED, MAX_RTT_US, Link

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


@given(st.integers(0, 1_000), st.integers(0, 1_000), st.integers(0, 10**9), st.integers(0, 400_000))
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


@given(
    st.lists(st.tuples(st.integers(1, 100_000), st.integers(-300, 300)), min_size=1, max_size=60),
    st.data(),
)
def test_an_estimate_is_held_against_the_one_of_the_same_moment(
    steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    """The latest of ours that is no later than the partner's, whose age is what it took to be heard."""
    link = Link(1, (1,))
    link.rtt_us = data.draw(st.integers(0, 800_000))
    now_us = 0
    ours = [(0, 0)]
    for passed_us, estimate in steps:
        now_us += passed_us
        heard_us = data.draw(st.integers(link.remote_current_at_us, now_us))
        link.remote_current_at_us = heard_us
        ours.append((now_us, max(-128, min(127, estimate))))
        before = [quarters for at_us, quarters in ours if at_us <= heard_us - link.rtt_us // 2]
        assert link.observe_advantage(estimate, now_us) == (before[-1] if before else 0)
        assert link.advantage == ours[-1][1], "what is told is what is held against what is told"


def test_a_partner_that_is_never_heard_costs_a_bounded_number_of_estimates() -> None:
    link = Link(1, (1,))
    for now_us in range(0, 1_000 * MAX_OBSERVED, 1_000):
        link.observe_advantage(0, now_us)
    assert len(link.observed) == MAX_OBSERVED

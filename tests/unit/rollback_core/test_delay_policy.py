"""The adaptive delay: up at once, down slowly, and still while a link trembles around a value."""

from hypothesis import given
from hypothesis import strategies as st

from rollback_core.delay_policy import DOWN_AFTER, AdaptiveDelay

PERIOD = 16_667
RTTS = st.tuples(st.integers(0, 500_000), st.integers(0, 100_000))


def wanted(rtt_us: int, var_us: int, maximum: int) -> int:
    return min(-(-(rtt_us // 2 + var_us) // PERIOD), maximum)


@given(st.integers(0, 12), st.integers(12, 20), st.lists(RTTS, max_size=80))
def test_steps_keep_the_rules(start: int, maximum: int, samples: list[tuple[int, int]]) -> None:
    policy = AdaptiveDelay(start, maximum, PERIOD)
    delay = start
    low_for = 0
    for rtt_us, var_us in samples:
        enough = wanted(rtt_us, var_us, maximum)
        low_for = low_for + 1 if enough < delay else 0
        after = policy.observe(rtt_us, var_us)
        if enough > delay:
            assert after == enough
        elif low_for == DOWN_AFTER:
            assert after == delay - 1
            low_for = 0
        else:
            assert after == delay
        assert 0 <= after <= maximum
        delay = after
        assert policy.delay_frames == delay


@given(st.integers(0, 5), st.lists(st.booleans(), min_size=1, max_size=200))
def test_a_link_that_trembles_between_two_values_gets_one_change(low: int, slower: list[bool]) -> None:
    """As long as the slower value comes at least once in fifteen looks."""
    policy = AdaptiveDelay(low, 12, PERIOD)
    values = []
    quiet = 0
    for is_slower in slower:
        quiet = 0 if is_slower else quiet + 1
        if quiet >= DOWN_AFTER:
            is_slower, quiet = True, 0
        values.append(policy.observe(2 * PERIOD * (low + is_slower), 0))
    changes = sum(1 for a, b in zip([low, *values], values, strict=False) if a != b)
    assert changes <= 1


def test_one_look_that_asks_for_the_present_delay_starts_the_count_anew() -> None:
    policy = AdaptiveDelay(3, 12, PERIOD)
    for _ in range(3):
        assert [policy.observe(0, 0) for _ in range(DOWN_AFTER - 1)] == [3] * (DOWN_AFTER - 1)
        assert policy.observe(2 * PERIOD * 3, 0) == 3


def test_a_better_link_is_believed_in_time() -> None:
    policy = AdaptiveDelay(6, 12, PERIOD)
    seen = [policy.observe(2 * PERIOD * 2, 0) for _ in range(5 * DOWN_AFTER)]
    assert seen[-1] == 2
    assert seen == sorted(seen, reverse=True)
    assert seen.index(5) == DOWN_AFTER - 1

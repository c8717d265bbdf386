"""What the fuzzer draws is spread out: a range that is never visited proves nothing."""

from collections import Counter

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from netsim.fuzz import BACKEND
from netsim.generated import ANY_DELAY_US, scenarios
from scenarios.scenario import Scenario

CASES = 400


@pytest.fixture(scope="module")
def drawn() -> list[Scenario]:
    found: list[Scenario] = []

    @hypothesis.seed(1)
    @settings(
        max_examples=CASES,
        backend=BACKEND,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios(8))
    def draw(scenario: Scenario) -> None:
        found.append(scenario)

    draw()
    return found


def test_no_part_of_a_range_is_left_out() -> None:
    """Half of the numbers are drawn evenly, so every tenth of the range has a twentieth of them."""
    found: Counter[int] = Counter()

    @hypothesis.seed(1)
    @settings(max_examples=CASES, backend=BACKEND, database=None, phases=(Phase.generate,))
    @given(ANY_DELAY_US)
    def draw(delay_us: int) -> None:
        found[min(9, delay_us // 40_000)] += 1

    draw()
    assert min(found[tenth] for tenth in range(10)) >= CASES // 40, found


def test_delays_are_short_and_long(drawn: list[Scenario]) -> None:
    longest_us = [max(path.link.delay_us for path in each.network.paths) for each in drawn]
    for least_us, most_us in ((0, 20_000), (20_000, 60_000), (60_000, 200_000), (200_000, 400_001)):
        count = sum(least_us <= delay_us < most_us for delay_us in longest_us)
        assert count >= len(drawn) // 20, (least_us, most_us)


def test_every_number_of_peers_and_many_events_at_once(drawn: list[Scenario]) -> None:
    assert {len(each.hosts) for each in drawn} == set(range(2, 9))
    assert sum(len(each.events) >= 4 for each in drawn) >= len(drawn) // 20


def test_some_matches_are_of_two_whom_nothing_disturbs(drawn: list[Scenario]) -> None:
    """Few laws speak of these alone, and of no others."""
    calm = [
        each
        for each in drawn
        if len(each.hosts) == 2
        and not each.events
        and all(path.link.loss == "none" and not path.link.jitter_us for path in each.network.paths)
    ]
    assert len(calm) >= len(drawn) // 40
    assert {each.session.frame_rate_hz for each in calm} == {30, 60}

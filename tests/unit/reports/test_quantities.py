"""One way to write each unit."""

import pytest

from reports.quantities import count, data_rate, milliseconds, no_failure_in, number, plural, seconds, share
from reports.scenario_text import scenario_text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (count(1234), "1,234"),
        (milliseconds(96_300), "96 ms"),
        (milliseconds(1_534_000), "1.5 s"),
        (milliseconds(4_200), "4.2 ms"),
        (milliseconds(0), "0 ms"),
        (seconds(1_500_000), "1.5 s"),
        (seconds(60_000_000), "60 s"),
        (data_rate(1_044), "1.0 kB/s"),
        (share(5, 100), "5.0 %"),
        (share(0, 0), "–"),
        (plural(1, "frame"), "1 frame"),
        (plural(1200, "frame"), "1,200 frames"),
        (number(1.25, 1), "1.2"),
        (number(float("nan"), 1), "–"),
        (no_failure_in(3, "run"), ""),
        (no_failure_in(4, "run")[:54], "With no failure in 4 runs, fewer than 75 % of such run"),
    ],
)
def test_written(written: str, expected: str) -> None:
    assert written == expected


def test_a_link_that_several_paths_share_is_told_once() -> None:
    link = {"up": True, "loss": "none", "loss_ppm": 0, "delay_us": 40_000}
    paths = [{"source": a, "target": b, "link": link} for a, b in ((0, 1), (1, 0))]
    expect = [{"key": "desyncs", "minimum": 0, "maximum": None, "text": None}]
    scenario = {
        "name": "x",
        "seed": 3,
        "network": {"transport": "datagram", "paths": paths, "relay": []},
        "expect": expect,
    }
    text = scenario_text(scenario)
    assert text.count("delay_us = 40_000") == 1
    assert "[network.paths]  # 0->1, 1->0" in text
    assert "loss_ppm" not in text
    assert 'key = "desyncs"\nminimum = 0' in text

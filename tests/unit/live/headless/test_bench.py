"""The benchmark of headless peers counts every datagram."""

import pytest

from live.headless.bench import Counts, bare, play_apart, span_of

ENDPOINTS = 4


def test_a_span_is_what_happened_between_two_counts() -> None:
    span = span_of(Counts(100, 90, 1.0, 0.5), Counts(300, 280, 3.0, 1.5), Counts(310, 305, 4.0, 1.6), 0.25)
    assert (span.sent_per_s, span.received_per_s, span.missing) == (100, 95, 5)
    assert (span.cpu_share, span.late) == (0.5, 0.25)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_few_endpoints_lose_nothing() -> None:
    channels = await bare(ENDPOINTS, 0.5)
    players = await play_apart(ENDPOINTS, 0.5)
    for span in (channels, players):
        assert span.missing == 0
        assert span.sent_per_s > 0
    assert players.late is not None

import math
from statistics import NormalDist

from netsim.link_model import LinkModel
from netsim.stream_transport import StreamPath
from scenarios.scenario import LinkSetup

GAP_US = 20_000


def stream_of(seed: int = 1, **fields: object) -> StreamPath:
    setup = LinkSetup(**{"delay_us": 40_000, **fields})  # type: ignore[arg-type]
    return StreamPath(LinkModel(setup, seed=seed, source=0, target=1), 40_000)


def test_a_lost_datagram_comes_after_a_fast_retransmit_and_holds_back_the_rest() -> None:
    stream = stream_of(loss="trace", loss_trace="0" * 50 + "1" + "0" * 50)
    waits = [stream.send(index * GAP_US, 60)[0] - index * GAP_US for index in range(100)]
    repeat_us = 80_000 + 3 * GAP_US  # an RTT and three later datagrams
    assert waits[:50] == [40_000] * 50
    assert waits[50] == 40_000 + repeat_us
    held_back = [max(40_000, 40_000 + repeat_us - later * GAP_US) for later in range(50)]
    assert waits[50:] == held_back
    assert stream.counters() == {"sent": 100, "delivered": 100, "retransmitted": 1, "waiting": 0}


def test_a_repeat_that_is_lost_waits_for_the_timeout_and_then_twice_as_long() -> None:
    stream = stream_of(loss="trace", loss_trace="0" * 50 + "111" + "0" * 50)
    times = [stream.send(index * GAP_US, 60)[0] for index in range(51)]
    timeout_us = 200_000  # the least: nothing has ever varied
    fast_us = 80_000 + 3 * GAP_US
    assert times[50] - 50 * GAP_US == fast_us + timeout_us + 2 * timeout_us + 40_000


def test_losses_that_overlap_heal_side_by_side() -> None:
    stream = stream_of(loss="trace", loss_trace="0" * 50 + "10101" + "0" * 45)
    waits = [stream.send(index * GAP_US, 60)[0] - index * GAP_US for index in range(53)]
    assert waits[52] < 2 * waits[50]


def test_tries_beyond_the_first_have_the_share_of_the_loss() -> None:
    count, share = 20_000, 0.1
    stream = stream_of(loss="bernoulli", loss_ppm=100_000)
    for index in range(count):
        assert len(stream.send(index * GAP_US, 60)) == 1
    expected = count * share / (1 - share)  # tries are geometric
    bound = NormalDist().inv_cdf(1 - 5e-7) * math.sqrt(count * share) / (1 - share)
    assert abs(stream.retransmitted - expected) <= bound
    assert not abs(stream.retransmitted - count * 0.12 / 0.88) <= bound


def test_while_the_path_is_down_all_wait_and_then_come_in_order_by_the_doubled_timer() -> None:
    stream = stream_of()
    for index in range(50):
        stream.send(index * GAP_US, 60)
    down_us = 50 * GAP_US
    assert stream.reconfigure(down_us, LinkSetup(delay_us=40_000, up=False)) == ()
    assert [stream.send(down_us + index * GAP_US, 60) for index in range(50)] == [()] * 50
    assert stream.counters()["retransmitted"] == 0, "nothing is tried on a path that is known to be down"
    freed = stream.reconfigure(down_us + 1_000_000, LinkSetup(delay_us=40_000))
    # Timer expiries 0.2, 0.6, 1.4 s after the first that waited: the third finds the path up.
    assert freed == (down_us + 1_400_000 + 40_000,) * 50
    after = stream.send(down_us + 1_000_001, 60)
    assert after == freed[-1:], "what is sent before the timer rings cannot pass it"
    assert stream.send(down_us + 5_000_000, 60) == (down_us + 5_040_000,)


def test_a_path_that_loses_everything_keeps_what_it_was_given_until_it_is_mended() -> None:
    stream = stream_of(loss="bernoulli", loss_ppm=1_000_000)
    assert [stream.send(index * GAP_US, 60) for index in range(3)] == [(), (), ()]
    assert stream.counters()["waiting"] == 3
    assert len(stream.reconfigure(GAP_US * 3, LinkSetup(delay_us=1))) == 3


def test_a_datagram_in_pieces_is_there_with_the_last_of_them() -> None:
    jitter = {"delay_us": 400_000, "jitter": "uniform", "jitter_us": 300_000}
    stream = stream_of(**jitter, mtu_bytes=500)
    link = LinkModel(LinkSetup(**jitter), seed=1, source=0, target=1)  # type: ignore[arg-type]
    latest = 0
    for index in range(50):
        latest = max(latest, *(link.send(index * GAP_US, 500)[0] for _ in range(3)))
        assert stream.send(index * GAP_US, 1_500) == (latest,)


def test_a_long_datagram_travels_in_pieces_and_needs_them_all() -> None:
    loss = {"loss": "trace", "loss_trace": "0" * 40 + "01" + "0" * 58}
    whole, pieces = stream_of(**loss), stream_of(**loss, mtu_bytes=1_000)
    for stream in (whole, pieces):
        for index in range(40):
            stream.send(index * GAP_US, 60)
    assert whole.send(40 * GAP_US, 1_500)[0] == 40 * GAP_US + 40_000
    assert pieces.send(40 * GAP_US, 1_500)[0] == 40 * GAP_US + 40_000 + 80_000 + 3 * GAP_US

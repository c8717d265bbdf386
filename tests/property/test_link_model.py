"""What holds for every link setup and every pattern of sending."""

from dataclasses import replace
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from netsim.link_model import LinkModel
from netsim.stream_transport import StreamPath
from scenarios.scenario import JITTER_SHAPES, LOSS_MODELS, ORDERS, LinkSetup

PPM = st.one_of(st.just(0), st.integers(0, 1_000_000))
HALF_PPM = st.integers(0, 500_000)
SMALL_US = st.one_of(st.just(0), st.integers(0, 300_000))


@st.composite
def setups(draw: st.DrawFn, **fixed: Any) -> LinkSetup:
    rate = draw(st.sampled_from(["none", "bps", "trace"]))
    fields: dict[str, Any] = {
        "up": draw(st.integers(0, 9)) > 0,
        "mtu_bytes": draw(st.sampled_from([0, 0, 200, 1_200])),
        "loss": draw(st.sampled_from(LOSS_MODELS)),
        "loss_ppm": draw(PPM),
        "ge_good_to_bad_ppm": draw(PPM),
        "ge_bad_to_good_ppm": draw(PPM),
        "ge_loss_good_ppm": draw(PPM),
        "ge_loss_bad_ppm": draw(PPM),
        "four_state_ppm": draw(st.tuples(HALF_PPM, HALF_PPM, HALF_PPM, PPM, HALF_PPM)),
        "loss_trace": draw(st.text("01", min_size=1, max_size=12)),
        "corrupt_ppm": draw(PPM),
        "duplicate_ppm": draw(PPM),
        "rate_bps": draw(st.integers(8_000, 10**9)) if rate == "bps" else 0,
        "rate_trace": "5g-handover" if rate == "trace" else "",
        "queue_bytes": draw(st.sampled_from([0, 1_500, 20_000])),
        "slot_us": draw(SMALL_US),
        "delay_us": draw(SMALL_US),
        "jitter": draw(st.sampled_from(JITTER_SHAPES)),
        "jitter_us": draw(SMALL_US),
        "jitter_correlation_ppm": draw(PPM),
        "order": draw(st.sampled_from(ORDERS)),
        "reorder_ppm": draw(PPM),
    }
    return LinkSetup(**{**fields, **fixed})


SENDS = st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 1_500)), max_size=60)
SEEDS = st.integers(0, 2**31 - 1)


def link_of(setup: LinkSetup, seed: int = 1) -> LinkModel:
    return LinkModel(setup, seed=seed, source=0, target=1)


def play(
    link: LinkModel | StreamPath, sends: list[tuple[int, int]], start_us: int = 0
) -> list[tuple[int, ...]]:
    now, results = start_us, []
    for gap, size in sends:
        now += gap
        results.append(link.send(now, size))
    return results


def send_times(sends: list[tuple[int, int]]) -> list[int]:
    now, times = 0, []
    for gap, _ in sends:
        now += gap
        times.append(now)
    return times


@given(setups(), SENDS, SEEDS)
def test_nothing_arrives_before_it_can_and_the_counters_add_up(
    setup: LinkSetup, sends: list[tuple[int, int]], seed: int
) -> None:
    link = link_of(setup, seed)
    results = play(link, sends)
    for now, times in zip(send_times(sends), results, strict=True):
        assert len(times) <= 2
        assert all(type(time) is int and time >= now + link.minimum_delay_us for time in times)
    counters = link.counters()
    assert counters["sent"] == len(sends)
    assert counters["delivered"] == sum(len(times) for times in results)
    assert all(count >= 0 for count in counters.values())
    drops = ("blocked", "oversize", "lost", "corrupted", "queue_dropped")
    assert counters["sent"] + counters["duplicated"] - counters["delivered"] == sum(
        counters[name] for name in drops
    )
    for name, count in counters.items():
        event(f"{name}: {'some' if count else 'none'}")


@given(setups(), setups(), SENDS, SENDS, SEEDS)
def test_equal_seeds_give_equal_arrivals_also_over_a_change(
    before: LinkSetup,
    after: LinkSetup,
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
    seed: int,
) -> None:
    runs = []
    for _ in range(2):
        link = link_of(before, seed)
        results = play(link, first)
        now = (send_times(first) or [0])[-1]
        assert link.reconfigure(now, after) == ()
        runs.append((results, play(link, second, now), link.counters()))
    assert runs[0] == runs[1]


@given(setups(order="free"), setups(order="fifo"), SENDS, SENDS)
def test_fifo_never_reorders_not_even_behind_what_was_sent_before_it(
    before: LinkSetup, after: LinkSetup, first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    link = link_of(before)
    earlier = play(link, first)
    now = (send_times(first) or [0])[-1]
    link.reconfigure(now, after)
    latest = max((time for times in earlier for time in times), default=0)
    for times in play(link, second, now):
        for time in times:
            assert time >= latest
            latest = time


@given(setups(up=True), setups(up=True), SENDS, SEEDS)
def test_the_stages_that_drop_meet_the_same_draws_whatever_comes_after_them(
    setup: LinkSetup, other: LinkSetup, sends: list[tuple[int, int]], seed: int
) -> None:
    """Which datagrams are lost, damaged or doubled depends on the parameters of those stages alone."""
    later = ("rate_bps", "rate_trace", "slot_us", "delay_us", "jitter", "jitter_us", "order", "reorder_ppm")
    left = replace(setup, queue_bytes=0)
    right = replace(left, **{name: getattr(other, name) for name in later})
    results = [play(link_of(item, seed), sends) for item in (left, right)]
    assert [len(times) for times in results[0]] == [len(times) for times in results[1]]


@given(setups(up=True), setups(up=True), SENDS, SEEDS)
def test_the_stages_that_delay_meet_the_same_draws_whatever_comes_before_them(
    setup: LinkSetup, other: LinkSetup, sends: list[tuple[int, int]], seed: int
) -> None:
    """Without memory between datagrams, what is delivered under two laws of loss arrives at one time."""
    earlier = (
        "mtu_bytes",
        "loss",
        "loss_ppm",
        "four_state_ppm",
        "loss_trace",
        "corrupt_ppm",
        "duplicate_ppm",
    )
    left = replace(setup, rate_bps=0, rate_trace="", order="free", jitter_correlation_ppm=0)
    right = replace(left, **{name: getattr(other, name) for name in earlier})
    one, two = (play(link_of(item, seed), sends) for item in (left, right))
    both = [(a[0], b[0]) for a, b in zip(one, two, strict=True) if a and b]
    event(f"delivered by both: {'some' if both else 'none'}")
    assert all(a == b for a, b in both)


@given(setups(), setups(), SENDS, SENDS, SEEDS)
def test_a_change_uses_up_no_draws(
    setup: LinkSetup, other: LinkSetup, first: list[tuple[int, int]], second: list[tuple[int, int]], seed: int
) -> None:
    """Datagram k meets row k, whatever the setups were before it."""
    plain = LinkSetup(delay_us=400_000, jitter="uniform", jitter_us=300_000)
    now = (send_times(first) or [0])[-1]
    changed = link_of(setup, seed)
    play(changed, first)
    changed.reconfigure(now, other)
    changed.reconfigure(now, plain)
    steady = link_of(plain, seed)
    play(steady, first)
    assert play(changed, second, now) == play(steady, second, now)


@given(setups(), SEEDS, st.sampled_from(["source", "target", "seed", "purpose"]))
@settings(max_examples=20)
def test_each_direction_purpose_and_seed_has_draws_of_its_own(setup: LinkSetup, seed: int, name: str) -> None:
    jittery = LinkSetup(delay_us=500_000, jitter="uniform", jitter_us=500_000)
    names: dict[str, Any] = {"seed": seed, "source": 0, "target": 1, "purpose": "direct"}
    others = {**names, name: "relay" if name == "purpose" else names[name] + 5}
    sends = [(1, 60)] * 10
    assert play(LinkModel(jittery, **names), sends) != play(LinkModel(jittery, **others), sends)


@given(setups(up=True), SENDS, SEEDS)
def test_a_queue_with_a_limit_never_holds_more(
    setup: LinkSetup, sends: list[tuple[int, int]], seed: int
) -> None:
    """Bytes handed in and not yet arrived, on a link that is nothing but a rate and a queue."""
    link = link_of(LinkSetup(rate_bps=setup.rate_bps or 80_000, queue_bytes=3_000), seed)
    held: list[tuple[int, int]] = []
    for now, (_, size), times in zip(send_times(sends), sends, play(link, sends), strict=True):
        held = [(time, held_size) for time, held_size in held if time > now]
        backlog = sum(held_size for _, held_size in held)
        assert bool(times) == (backlog + size <= 3_000)
        held += [(times[0], size)] if times else []


@given(setups(), setups(), SENDS, SENDS, SEEDS)
def test_a_stream_gives_every_datagram_one_arrival_in_order_once_the_path_is_sound(
    before: LinkSetup,
    after: LinkSetup,
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
    seed: int,
) -> None:
    stream = StreamPath(link_of(before, seed), 50_000)
    arrivals = [time for times in play(stream, first) for time in times]
    now = (send_times(first) or [0])[-1]
    arrivals += stream.reconfigure(now, after)
    arrivals += [time for times in play(stream, second, now) for time in times]
    counters = stream.counters()
    assert counters["delivered"] == len(arrivals)
    assert counters["sent"] == counters["delivered"] + counters["waiting"] == len(first) + len(second)
    now += sum(gap for gap, _ in second)
    arrivals += stream.reconfigure(now, LinkSetup(delay_us=10))
    assert arrivals == sorted(arrivals)
    sent = send_times([*first, *second])
    assert len(arrivals) == len(sent)
    assert all(time >= at for time, at in zip(arrivals, sent, strict=True))
    event(f"waited: {'some' if counters['waiting'] else 'none'}")


@given(SENDS, st.integers(0, 200_000), SEEDS)
def test_on_a_path_without_loss_a_stream_is_the_fifo_path(
    sends: list[tuple[int, int]], delay_us: int, seed: int
) -> None:
    fifo = LinkSetup(delay_us=delay_us, jitter="uniform", jitter_us=30_000, order="fifo", rate_bps=10**6)
    assert play(StreamPath(link_of(fifo, seed), 50_000), sends) == play(link_of(fifo, seed), sends)


class Staged(LinkModel):
    """Sends every datagram through the stages, one by one."""

    __slots__ = ()

    def _foresee(self) -> None:
        self._fates = []


PLAIN = {
    "up": True,
    "mtu_bytes": 0,
    "corrupt_ppm": 0,
    "duplicate_ppm": 0,
    "rate_bps": 0,
    "rate_trace": "",
    "slot_us": 0,
    "jitter_correlation_ppm": 0,
}


@given(
    st.lists(
        st.one_of(
            setups(**PLAIN, loss="bernoulli", reorder_ppm=0),
            setups(**PLAIN, loss="none", order="free"),
            setups(),
        ),
        min_size=1,
        max_size=4,
    ),
    SEEDS,
    st.integers(1, 200),
    st.integers(0, 40_000),
)
def test_fates_of_a_block_are_those_of_the_stages(
    steps: list[LinkSetup], seed: int, count: int, gap_us: int
) -> None:
    """Also over changes in the middle of a block, to and from setups without foreseen fates."""
    quick = LinkModel(steps[0], seed=seed, source=0, target=1)
    slow = Staged(steps[0], seed=seed, source=0, target=1)
    now_us = 0
    foreseen = 0
    for setup in steps:
        for link in (quick, slow):
            link.reconfigure(now_us, setup)
        for _ in range(count):
            now_us += gap_us
            assert quick.send(now_us, 60) == slow.send(now_us, 60)
            foreseen += bool(quick._fates)
        assert quick.counters() == slow.counters()
    event(f"foreseen: {foreseen > 0}")

"""Each stage against its law, at a stated level, and each check against a wrong parameter.

Every `fits_*` is a check that can say no: a test asserts that it holds for the parameter that the
link was given, and that it fails for one that it was not given. Seeds are fixed, so a test that
passes once passes always; ALPHA says how little the choice of the seed can have helped.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist, fmean, stdev

import numpy as np
import pytest

from netsim.link_model import LinkModel
from netsim.network_data import QUANTILES, TABLE_ENTRIES
from netsim.randomness import generator
from scenarios.network import load_trace
from scenarios.scenario import LinkSetup

ALPHA = 1e-6
Z = NormalDist().inv_cdf(1 - ALPHA / 2)
KOLMOGOROV = math.sqrt(-math.log(ALPHA / 2) / 2)  # bound of sqrt(n) times the largest gap
COUNT = 50_000
MANY = 400_000  # where neighbours depend on each other, so that a sample says less
GAP_US = 16_667
DELAY_US = 1_000_000  # long, so that no jitter here reaches back to the sending


def link_of(seed: int = 1, **fields: object) -> LinkModel:
    return LinkModel(LinkSetup(**fields), seed=seed, source=0, target=1)  # type: ignore[arg-type]


def fates(link: LinkModel, count: int = COUNT) -> list[bool]:
    """True where a datagram was lost."""
    return [not link.send(index * GAP_US, 60) for index in range(count)]


def delays(link: LinkModel, count: int = COUNT) -> list[int]:
    return [link.send(index * GAP_US, 60)[0] - index * GAP_US for index in range(count)]


def fits_share(hits: int, count: int, share: float) -> bool:
    return abs(hits - count * share) <= Z * math.sqrt(count * share * (1 - share))


def fits_mean(values: Sequence[float], mean: float, batches: int = 40) -> bool:
    """Batch means, so that values may depend on their neighbours (not on those a batch away)."""
    size = len(values) // batches
    means = [fmean(values[at * size : (at + 1) * size]) for at in range(batches)]
    quantile = 6.0  # Student's t with 39 degrees of freedom at ALPHA is 5.77
    return abs(fmean(means) - mean) <= quantile * stdev(means) / math.sqrt(batches)


def fits_uniform(values: Sequence[float], low: float, high: float) -> bool:
    ordered = (np.sort(np.array(values)) - low) / (high - low)
    if ordered[0] < 0 or ordered[-1] > 1:
        return False
    steps = np.arange(len(values) + 1) / len(values)
    gap = max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1]))
    return bool(gap * math.sqrt(len(values)) <= KOLMOGOROV)


def fits_quantiles(values: Sequence[int], quantile: Callable[[float], float], sigma_us: int) -> bool:
    """Shares below seven quantiles; a table is coarse by one entry."""
    array = np.array(values) - DELAY_US
    for share in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99):
        below = float(np.mean(array <= quantile(share) * sigma_us))
        if abs(below - share) > Z * math.sqrt(share * (1 - share) / len(values)) + 1 / TABLE_ENTRIES:
            return False
    return True


def run_lengths(lost: Sequence[bool]) -> list[float]:
    lengths: list[float] = []
    before = False
    for fate in lost:
        if fate and before:
            lengths[-1] += 1
        elif fate:
            lengths.append(1)
        before = fate
    return lengths


def test_bernoulli_loses_its_share_each_on_its_own() -> None:
    lost = fates(link_of(loss="bernoulli", loss_ppm=50_000))
    pairs = sum(a and b for a, b in zip(lost[::2], lost[1::2], strict=True))
    assert fits_share(sum(lost), COUNT, 0.05)
    assert not fits_share(sum(lost), COUNT, 0.056)
    assert fits_share(pairs, COUNT // 2, 0.05**2)
    bursty = fates(link_of(loss="gilbert-elliott", ge_good_to_bad_ppm=26_316, ge_bad_to_good_ppm=500_000))
    bursty_pairs = sum(a and b for a, b in zip(bursty[::2], bursty[1::2], strict=True))
    assert not fits_share(bursty_pairs, COUNT // 2, 0.05**2)


@pytest.mark.parametrize(("ppm", "expected"), [(0, 0), (1_000_000, COUNT)])
def test_bernoulli_at_its_ends_is_exact(ppm: int, expected: int) -> None:
    assert sum(fates(link_of(loss="bernoulli", loss_ppm=ppm))) == expected


def test_gilbert_elliott_has_its_stationary_loss_and_burst_length() -> None:
    lost = fates(link_of(loss="gilbert-elliott", ge_good_to_bad_ppm=10_000, ge_bad_to_good_ppm=250_000), MANY)
    assert fits_mean(lost, 0.01 / (0.01 + 0.25))
    assert not fits_mean(lost, 0.01 / (0.01 + 0.40))
    assert fits_mean(run_lengths(lost), 1 / 0.25)
    assert not fits_mean(run_lengths(lost), 1 / 0.20)
    alone = fates(link_of(loss="bernoulli", loss_ppm=38_462), MANY)
    assert fits_mean(alone, 0.01 / (0.01 + 0.25))
    assert not fits_mean(run_lengths(alone), 1 / 0.25)


def test_gilbert_elliott_loses_at_the_rate_of_each_state() -> None:
    lost = fates(
        link_of(
            loss="gilbert-elliott",
            ge_good_to_bad_ppm=100_000,
            ge_bad_to_good_ppm=300_000,
            ge_loss_good_ppm=20_000,
            ge_loss_bad_ppm=600_000,
        ),
        MANY,
    )
    bad = 0.1 / 0.4
    assert fits_mean(lost, (1 - bad) * 0.02 + bad * 0.6)
    assert not fits_mean(lost, (1 - bad) * 0.02 + bad * 1.0)
    assert not fits_mean(lost, bad * 0.6)


def four_state_law(p13: float, p31: float, p32: float, p23: float, p14: float) -> tuple[float, float]:
    """Share of lost datagrams and mean length of a run of them, from the stationary law."""
    moves = np.zeros((4, 4))  # states 1 to 4: arrives, arrives in a burst, lost in a burst, lost alone
    moves[0, 2], moves[0, 3], moves[2, 0], moves[2, 1], moves[1, 2], moves[3, 0] = p13, p14, p31, p32, p23, 1
    moves += np.diag(1 - moves.sum(axis=1))
    system = np.vstack([moves.T - np.eye(4), np.ones(4)])
    law = np.linalg.lstsq(system, np.array([0.0, 0, 0, 0, 1]), rcond=None)[0]
    lost = law[2] + law[3]
    return float(lost), float(lost / (law[0] * (p13 + p14) + law[1] * p23))


def test_four_state_chain_has_its_stationary_loss_and_run_length() -> None:
    lost = fates(link_of(loss="four-state", four_state_ppm=(20_000, 200_000, 100_000, 600_000, 10_000)), MANY)
    share, length = four_state_law(0.02, 0.2, 0.1, 0.6, 0.01)
    assert fits_mean(lost, share)
    assert fits_mean(run_lengths(lost), length)
    for wrong in ((0.02, 0.1, 0.2, 0.6, 0.01), (0.02, 0.2, 0.1, 0.6, 0.0), (0.01, 0.2, 0.1, 0.6, 0.02)):
        wrong_share, wrong_length = four_state_law(*wrong)
        assert not fits_mean(lost, wrong_share)
        assert not fits_mean(run_lengths(lost), wrong_length)


def test_loss_trace_is_followed_to_the_letter_and_repeated() -> None:
    lost = "".join(str(int(fate)) for fate in fates(link_of(loss="trace", loss_trace="0001100"), 17))
    assert lost == "00011000001100000"


@pytest.mark.parametrize(
    ("field", "counter"), [("corrupt_ppm", "corrupted"), ("duplicate_ppm", "duplicated")]
)
def test_corruption_and_duplication_hit_their_share(field: str, counter: str) -> None:
    link = link_of(**{field: 30_000})
    arrivals = sum(len(link.send(index * GAP_US, 60)) for index in range(COUNT))
    hits = link.counters()[counter]
    assert arrivals - COUNT == (hits if field == "duplicate_ppm" else -hits)
    assert fits_share(hits, COUNT, 0.03)
    assert not fits_share(hits, COUNT, 0.035)


def test_the_decisions_on_one_datagram_are_independent() -> None:
    """One word for two decisions would tie them: none of those not lost would be damaged, say."""
    link = link_of(
        loss="gilbert-elliott",
        ge_good_to_bad_ppm=300_000,
        ge_bad_to_good_ppm=700_000,
        ge_loss_good_ppm=300_000,
        ge_loss_bad_ppm=300_000,
        corrupt_ppm=300_000,
        duplicate_ppm=300_000,
        delay_us=DELAY_US,
        jitter="uniform",
        jitter_us=20_000,
        jitter_correlation_ppm=300_000,
        order="reorder",
        reorder_ppm=300_000,
    )
    gap_us, first_copies = 3 * DELAY_US, []  # so far apart that no order needs to be kept
    for index in range(COUNT):
        times = link.send(index * gap_us, 60)
        first_copies += [times[0] - index * gap_us] if times else []
    intact = COUNT - link.lost
    assert fits_share(link.lost, COUNT, 0.3)
    assert fits_share(link.corrupted, intact, 0.3)
    assert fits_share(link.duplicated, intact - link.corrupted, 0.3)
    assert fits_share(link.overtook, intact - link.corrupted + link.duplicated, 0.3)
    delayed = [delay for delay in first_copies if delay]
    fresh = [after for before, after in pairwise(delayed) if before != after]
    assert fits_uniform(fresh, DELAY_US - 20_000.5, DELAY_US + 20_000.5)
    assert len(fresh) < len(delayed) * 0.85, "a part is held, overtakers between them or not"
    assert not fits_share(link.corrupted, COUNT, 0.3)
    assert not fits_uniform(delayed + [DELAY_US - 20_000] * 1_000, DELAY_US - 20_000.5, DELAY_US + 20_000.5)


def test_a_narrow_uniform_law_has_both_its_ends() -> None:
    sample = delays(link_of(delay_us=DELAY_US, jitter="uniform", jitter_us=1))
    for value in (DELAY_US - 1, DELAY_US, DELAY_US + 1):
        assert fits_share(sample.count(value), COUNT, 1 / 3)
        assert not fits_share(sample.count(value), COUNT, 1 / 2)


def test_the_copies_of_a_duplicate_travel_on_their_own() -> None:
    link = link_of(duplicate_ppm=1_000_000, delay_us=DELAY_US, jitter="uniform", jitter_us=20_000)
    pairs = [link.send(index * GAP_US, 60) for index in range(COUNT)]
    first, second = (np.array([pair[at] for pair in pairs]) - GAP_US * np.arange(COUNT) for at in (0, 1))
    assert fits_uniform(list(second), DELAY_US - 20_000.5, DELAY_US + 20_000.5)
    assert abs(np.corrcoef(first, second)[0, 1]) < Z / math.sqrt(COUNT)
    assert not abs(np.corrcoef(first, first + second)[0, 1]) < Z / math.sqrt(COUNT)


def test_uniform_jitter_is_uniform_over_its_width() -> None:
    sample = delays(link_of(delay_us=DELAY_US, jitter="uniform", jitter_us=20_000))
    assert fits_uniform(sample, DELAY_US - 20_000.5, DELAY_US + 20_000.5)
    assert not fits_uniform(sample, DELAY_US - 21_000.5, DELAY_US + 21_000.5)
    assert not fits_uniform(sample, DELAY_US - 19_000.5, DELAY_US + 21_000.5)
    normal = delays(link_of(delay_us=DELAY_US, jitter="normal", jitter_us=5_000))
    assert not fits_uniform(normal, DELAY_US - 20_000.5, DELAY_US + 20_000.5)


@pytest.mark.parametrize("shape", sorted(QUANTILES))
def test_table_jitter_has_the_quantiles_of_its_law(shape: str) -> None:
    sample = delays(link_of(delay_us=DELAY_US, jitter=shape, jitter_us=10_000))
    assert fits_quantiles(sample, QUANTILES[shape], 10_000)
    assert not fits_quantiles(sample, QUANTILES[shape], 11_000)
    for other in set(QUANTILES) - {shape}:
        assert not fits_quantiles(sample, QUANTILES[other], 10_000)


def test_a_table_file_gives_each_entry_its_share(tmp_path: Path) -> None:
    file = tmp_path / "three.dist"
    file.write_text("# three entries\n-8192 0\n24576\n")
    sample = delays(link_of(delay_us=DELAY_US, jitter=f"table:{file}", jitter_us=1_000))
    assert set(sample) == {DELAY_US - 1_000, DELAY_US, DELAY_US + 3_000}
    for value in set(sample):
        assert fits_share(sample.count(value), COUNT, 1 / 3)
    assert not fits_share(sample.count(DELAY_US), COUNT, 1 / 4)


def test_jitter_never_reaches_back_before_the_sending() -> None:
    for shape in ("uniform", *QUANTILES):
        sample = delays(link_of(delay_us=5_000, jitter=shape, jitter_us=20_000))
        assert min(sample) == 0
        assert sample.count(0) > COUNT // 100


def test_correlated_jitter_keeps_its_law_and_forgets_by_powers() -> None:
    rho = 0.6
    sample = delays(
        link_of(delay_us=DELAY_US, jitter="uniform", jitter_us=500_000, jitter_correlation_ppm=600_000)
    )
    fresh = [b for a, b in pairwise(sample) if a != b]
    assert fits_share(COUNT - 1 - len(fresh), COUNT - 1, rho)
    assert not fits_share(COUNT - 1 - len(fresh), COUNT - 1, rho + 0.02)
    assert fits_uniform(fresh, DELAY_US - 500_000.5, DELAY_US + 500_000.5)
    scaled = (np.array(sample) - DELAY_US) / (1_000_001 / math.sqrt(12))
    for lag in (1, 2, 3):
        products = list(scaled[lag:] * scaled[:-lag])
        assert fits_mean(products, rho**lag)
        assert not fits_mean(products, (rho + 0.08) ** lag)


def test_correlation_zero_holds_nothing_and_one_holds_all() -> None:
    setup = {"delay_us": DELAY_US, "jitter": "uniform", "jitter_us": 500_000}
    assert len(set(delays(link_of(**setup), 1_000))) > 950
    assert len(set(delays(link_of(**setup, jitter_correlation_ppm=1_000_000), 1_000))) == 1


def fits_steady_queue(arrivals: Sequence[int], gap_us: int, service_us: int) -> bool:
    """Datagrams that come faster than they leave: the n-th leaves after n + 1 services."""
    return (
        list(arrivals) == [(index + 1) * service_us for index in range(len(arrivals))] and gap_us < service_us
    )


def test_a_full_link_serves_at_its_rate_exactly() -> None:
    link = link_of(rate_bps=1_000_000)  # 125 bytes take 1 ms
    arrivals = [link.send(index * 400, 125)[0] for index in range(1_000)]
    assert fits_steady_queue(arrivals, 400, 1_000)
    assert not fits_steady_queue(arrivals, 400, 1_001)


def test_the_rate_is_kept_where_a_datagram_takes_less_than_a_microsecond() -> None:
    link = link_of(rate_bps=3_000_000_000)
    last = max(link.send(0, 1_200)[0] for _ in range(10_000))  # 3.2 us each
    assert last == 32_000


def test_poisson_arrivals_wait_as_in_a_queue_with_fixed_service() -> None:
    rng = generator(5, "poisson")
    link, now, waits = link_of(rate_bps=1_000_000), 0.0, []
    for _ in range(COUNT):
        now += rng.expovariate(1 / 2_000)
        waits.append(link.send(int(now), 125)[0] - int(now) - 1_000)
    load = 0.5
    mean_wait = load * 1_000 / (2 * (1 - load))  # Pollaczek and Khinchine for M/D/1
    assert fits_mean(waits, mean_wait)
    assert not fits_mean(waits, mean_wait * 1.1)
    assert not fits_mean(waits, load * 1_000 / (1 - load))  # M/M/1


def fits_drop_tail(sizes: Sequence[int], fate: Sequence[bool], limit_bytes: int) -> bool:
    """A burst at one instant: each datagram is dropped exactly if it does not fit in what is left."""
    held = 0
    for size, is_dropped in zip(sizes, fate, strict=True):
        if is_dropped == (held + size <= limit_bytes):
            return False
        held += 0 if is_dropped else size
    return True


def test_a_full_queue_drops_the_newest_and_only_then() -> None:
    rng = generator(3, "sizes")
    sizes = [1 + rng.getrandbits(10) for _ in range(200)]
    link = link_of(rate_bps=8_000, queue_bytes=20_000)
    fate = [not link.send(0, size) for size in sizes]
    assert link.queue_dropped == sum(fate) > 0
    assert fits_drop_tail(sizes, fate, 20_000)
    assert not fits_drop_tail(sizes, fate, 21_000)
    assert not fits_drop_tail(sizes, fate, 19_000)
    assert link.send(1_000 * 20_000, 20_000), "a thousand bytes a second: empty again after 20 s"


def test_overload_of_a_short_queue_loses_the_excess_and_bounds_the_wait() -> None:
    link = link_of(rate_bps=1_000_000, queue_bytes=1_250)
    arrivals = [(link.send(index * 500, 125), index * 500) for index in range(20_000)]
    waits = [times[0] - now for times, now in arrivals if times]
    assert max(waits) == 10_000, "ten datagrams of 1 ms each"
    assert abs(len(waits) - 10_000) <= 10
    assert not abs(len(waits) - 10_500) <= 10


def fits_slot(sent: Sequence[int], arrivals: Sequence[int], slot_us: int, delay_us: int) -> bool:
    departures = [time - delay_us for time in arrivals]
    waits = [after - before for before, after in zip(sent, departures, strict=True)]
    on_grid = all(time % slot_us == 0 for time in departures)
    return on_grid and fits_uniform([wait + 0.5 for wait in waits], 0, slot_us)


def test_slots_release_at_multiples_after_a_uniform_wait() -> None:
    rng = generator(9, "sends")
    sent = sorted(rng.randrange(10**10) for _ in range(COUNT))
    link = link_of(slot_us=5_000, delay_us=7_000)
    arrivals = [link.send(now, 60)[0] for now in sent]
    assert fits_slot(sent, arrivals, 5_000, 7_000)
    assert not fits_slot(sent, arrivals, 10_000, 7_000)
    assert not fits_slot(sent, arrivals, 2_500, 7_000)
    assert not fits_slot(sent, arrivals, 5_000, 6_000)


def overtakers(link: LinkModel) -> int:
    """How many arrive before one that was sent earlier."""
    latest, count = 0, 0
    for index in range(COUNT):
        (time,) = link.send(index * GAP_US, 60)
        count += time < latest
        latest = max(latest, time)
    return count


def test_reorder_lets_its_share_overtake_and_keeps_the_others_in_order() -> None:
    jitter = {"delay_us": 200_000, "jitter": "uniform", "jitter_us": 50_000}
    link = link_of(order="reorder", reorder_ppm=80_000, **jitter)
    count = overtakers(link)
    # Those sent before the first delayed one has made them early overtake nobody: a handful at most.
    assert link.overtook - 5 <= count <= link.overtook
    assert fits_share(link.overtook, COUNT, 0.08)
    assert not fits_share(link.overtook, COUNT, 0.09)
    assert overtakers(link_of(order="fifo", **jitter)) == 0
    assert overtakers(link_of(order="free", **jitter)) > COUNT // 4


def mahimahi_departures(times_ms: Sequence[int], sends: Sequence[tuple[int, int]]) -> list[int]:
    """The trace played line by line against a list of waiting bytes: slow, and written the other way."""
    waiting: list[list[int]] = []  # [index, bytes still to go]
    out = [0] * len(sends)
    upcoming, base, line = 0, 0, 0
    while upcoming < len(sends) or waiting:
        at_us = (base + times_ms[line]) * 1_000
        while upcoming < len(sends) and sends[upcoming][0] <= at_us:
            waiting.append([upcoming, sends[upcoming][1]])
            upcoming += 1
        budget = 1_500
        while waiting and budget:
            used = min(budget, waiting[0][1])
            budget -= used
            waiting[0][1] -= used
            if waiting[0][1] == 0:
                out[waiting.pop(0)[0]] = at_us
        line += 1
        if line == len(times_ms):
            base, line = base + times_ms[-1], 0
    return out


def test_a_rate_trace_lets_bytes_go_line_by_line(tmp_path: Path) -> None:
    times = [0, 3, 3, 4, 10, 10, 17, 40]
    file = tmp_path / "odd.trace"
    file.write_text("".join(f"{time}\n" for time in times))
    rng = generator(2, "sends")
    now, sends = 0, []
    for _ in range(3_000):
        now += rng.randrange(6_000) if rng.getrandbits(3) else 0
        sends.append((now, 1 + rng.randrange(4_000) if rng.getrandbits(2) == 0 else 60))
    link = link_of(rate_trace=str(file))
    found = [link.send(at_us, size)[0] for at_us, size in sends]
    assert found == mahimahi_departures(times, sends)
    assert found != mahimahi_departures([0, 3, 3, 5, 10, 10, 17, 40], sends)


def test_the_end_of_a_trace_and_the_start_of_its_next_round_are_one_instant(tmp_path: Path) -> None:
    file = tmp_path / "loop.trace"
    file.write_text("0\n40\n")
    link = link_of(rate_trace=str(file))
    assert [link.send(40_000, 1_500) for _ in range(3)] == [(40_000,), (40_000,), (80_000,)]


def test_a_trace_that_takes_over_from_a_rate_lets_the_old_bytes_go_first() -> None:
    link = link_of(rate_bps=8_000)
    assert link.send(0, 1_000) == (1_000_000,)
    link.reconfigure(0, LinkSetup(rate_trace="5g-handover"))
    (time,) = link.send(0, 60)
    assert 1_000_000 <= time <= 1_010_000
    link.reconfigure(0, LinkSetup(rate_bps=8_000))
    assert link.send(0, 1_000) == (time + 1_000_000,)


def test_a_law_of_loss_that_is_chosen_anew_starts_from_its_good_state() -> None:
    stuck_bad = LinkSetup(loss="gilbert-elliott", ge_good_to_bad_ppm=1_000_000)
    frozen = LinkSetup(loss="gilbert-elliott")
    link = link_of(loss="four-state", four_state_ppm=(1_000_000, 0, 0, 0, 0))
    assert link.send(0, 60) == (), "lost in a burst, for ever"
    link.reconfigure(0, frozen)
    assert link.send(0, 60) == (0,)
    link.reconfigure(0, stuck_bad)
    assert link.send(0, 60) == ()
    link.reconfigure(0, frozen)
    assert link.send(0, 60) == (), "the same law with other numbers keeps its state"


def fits_trace_rate(link: LinkModel, bytes_per_s: float, seconds: int = 60) -> bool:
    """Bytes that leave a saturated link in whole seconds, to within two datagrams."""
    sent, last_us = 0, 0
    while True:
        last_us = link.send(0, 1_500)[0]
        if last_us > seconds * 1_000_000:
            return abs(sent - bytes_per_s * seconds) <= 2 * 1_500
        sent += 1_500


def test_a_saturated_trace_gives_its_mean_rate() -> None:
    times = load_trace("lte-drive")
    rate = len(times) * 1_500 / (times[-1] / 1_000)
    assert fits_trace_rate(link_of(rate_trace="lte-drive"), rate)
    assert not fits_trace_rate(link_of(rate_trace="lte-drive"), rate * 1.01)
    assert not fits_trace_rate(link_of(rate_trace="5g-handover"), rate)


def test_a_gap_of_the_trace_holds_datagrams_back() -> None:
    link = link_of(rate_trace="leo-satellite")
    waits = [link.send(index * GAP_US, 60)[0] - index * GAP_US for index in range(60 * 45)]
    assert 75_000 - GAP_US <= max(waits) <= 140_000
    assert sorted(waits)[len(waits) * 9 // 10] <= 8_000


def test_mtu_and_a_path_that_is_down() -> None:
    link = link_of(mtu_bytes=100)
    assert [bool(link.send(0, size)) for size in (99, 100, 101)] == [True, True, False]
    down = link_of(up=False, delay_us=5)
    assert down.send(0, 60) == ()
    down.reconfigure(10, LinkSetup(delay_us=5))
    assert down.send(10, 60) == (15,)
    assert (link.oversize, down.blocked, down.sent) == (1, 1, 2)


def test_known_values_pin_the_draws() -> None:
    """A change of these is a change of every stored trace: raise the scenario format with it."""
    setup = LinkSetup(
        loss="bernoulli",
        loss_ppm=300_000,
        delay_us=50_000,
        jitter="normal",
        jitter_us=9_000,
        duplicate_ppm=100_000,
    )
    link = LinkModel(setup, seed=7, source=0, target=1)
    assert [link.send(index * 1_000_000, 60) for index in range(6)] == [
        (29107,),
        (),
        (2039088,),
        (3054583,),
        (4052519,),
        (5042957, 5040869),
    ]

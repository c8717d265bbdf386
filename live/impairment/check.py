"""Did the relay do what its settings say? A run in which it did not is invalid.

Idea: hand the very datagrams that came (times and sizes) to the same network under other seeds; what was
really done must look like one of those. This asks no law for a formula, so it holds for every stage of the
link model, for queues, traces and faults on the way. A relay that applies nothing, or the settings of
another run, is far outside.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev
from typing import Final

from live.impairment.network import ImpairedNetwork, Pair
from live.impairment.record import Fate, Figures, Record, figures, quantile
from scenarios.scenario import Event, NetworkSetup

REPLICAS: Final = 24  # enough to know a standard deviation to about 15 %
DEVIATIONS: Final = 6.0  # beyond them lies one in 500 million of a normal law: no false alarm in all our runs
GRAIN_COUNT: Final = 2.0  # a law that draws nothing has no deviation
GRAIN_US: Final = 1_500.0  # a timer of the event loop counts milliseconds
MAX_LATENESS_P50_US: Final = 5_000  # half of all later than this: the machine is too busy to be a network
MIN_DATAGRAMS: Final = 20  # fewer show nothing


def mismatches(
    setup: NetworkSetup, events: Sequence[Event], seed: int, records: Mapping[Pair, Record]
) -> list[str]:
    """What is not as the settings say, one line each; empty if all is well."""
    problems = []
    replicas: dict[Pair, list[Figures]] = {pair: [] for pair in records}
    for number in range(REPLICAS):
        network = ImpairedNetwork(setup, events, seed + 1 + number)
        for pair, fates in _replayed(network, records).items():
            replicas[pair].append(figures(records[pair].sent_us, fates))
    for pair, record in sorted(records.items()):
        way = f"{pair[0]}->{pair[1]}"
        observed = figures(record.sent_us, record.fates())
        if observed.sent < MIN_DATAGRAMS:
            problems.append(f"{way}: only {observed.sent} datagrams passed: nothing is shown")
            continue
        lateness_us = quantile(record.lateness_us, 50)
        if lateness_us > MAX_LATENESS_P50_US:
            problems.append(f"{way}: half of the datagrams were over {lateness_us} us later than they should")
        problems += [f"{way}: {text}" for text in _outside(observed, replicas[pair], record.lateness_us)]
    return problems


def _replayed(network: ImpairedNetwork, records: Mapping[Pair, Record]) -> dict[Pair, list[Fate]]:
    """The fates that this network gives the recorded datagrams, all directions in order of time."""
    fates: dict[Pair, list[Fate]] = {pair: [] for pair in records}
    datagrams = sorted(
        (record.sent_us[number], pair, record.sizes[number])
        for pair, record in records.items()
        for number in range(record.settled)
    )
    for now_us, pair, size in datagrams:
        fates[pair].append(tuple(at_us - now_us for at_us in network.send(pair, now_us, size)))
    return fates


def _outside(observed: Figures, replicas: Sequence[Figures], lateness_us: Sequence[int]) -> list[str]:
    """Deliveries are late, never early; each quantile of delay may be so by the same quantile of lateness."""
    problems = []
    for name in ("lost", "duplicated", "reordered", "delay_p50_us", "delay_p95_us"):
        values = [float(getattr(replica, name)) for replica in replicas]
        actual = getattr(observed, name)
        middle, spread = fmean(values), DEVIATIONS * pstdev(values)
        low, high = middle - spread - GRAIN_COUNT, middle + spread + GRAIN_COUNT
        if name.endswith("_us"):
            percent = 50 if name == "delay_p50_us" else 98  # the late ones gather at the upper end
            late_us = max(0, quantile(lateness_us, percent))
            low, high = middle - spread - GRAIN_US, middle + spread + GRAIN_US + late_us
        if not low <= actual <= high:
            problems.append(f"{name} is {actual}; the settings give {low:.0f} to {high:.0f}")
    return problems

"""Makes the jitter tables and rate traces that ship in `scenarios/`, from formulas and a seed.

`python -m netsim.network_data scenarios` writes them again; a test compares the files with this.
A table holds the quantiles of a law with mean 0 and standard deviation 1 at the middles of
TABLE_ENTRIES equal steps of probability, times TABLE_SCALE, cut to 16 bits as the format has them.
The traces are synthetic: their figures are assumptions, said with each.
"""

import math
import random
import sys
from pathlib import Path
from statistics import NormalDist

from netsim.randomness import generator
from scenarios.network import TABLE_SCALE, TRACE_BYTES

TABLE_ENTRIES = 4096  # as in the tables that tc brings along
_CUT = 32_767  # the largest 16-bit entry: four standard deviations
_PARETO_SHAPE = 3  # the smallest whole shape whose variance is finite
_NORMAL_SHARE = 0.25  # of paretonormal; the rest is Pareto, as in the law known by this name
_TRACE_SEED = 20_240_501  # any number; it is part of what the shipped traces are


def normal_quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)


def pareto_quantile(share: float) -> float:
    """Of a Pareto law of shape 3, moved and scaled to mean 0 and standard deviation 1."""
    shape = _PARETO_SHAPE
    mean = shape / (shape - 1)
    deviation = math.sqrt(shape / (shape - 2)) / (shape - 1)
    return (math.pow(1 - share, -1 / shape) - mean) / deviation


def paretonormal_quantile(share: float) -> float:
    """A quarter normal and three quarters Pareto, quantile by quantile: a soft start, a heavy tail.

    Its standard deviation is a little below 1, because the two are not fully alike.
    """
    return _NORMAL_SHARE * normal_quantile(share) + (1 - _NORMAL_SHARE) * pareto_quantile(share)


QUANTILES = {
    "normal": normal_quantile,
    "pareto": pareto_quantile,
    "paretonormal": paretonormal_quantile,
}


def table_entries(name: str) -> tuple[int, ...]:
    """The entries of the shipped table of this name."""
    quantile = QUANTILES[name]
    shares = [(index + 0.5) / TABLE_ENTRIES for index in range(TABLE_ENTRIES)]
    return tuple(max(-_CUT, min(_CUT, round(quantile(share) * TABLE_SCALE))) for share in shares)


def table_text(name: str) -> str:
    """The file: comments, then eight entries a line."""
    entries = table_entries(name)
    rows = [" ".join(f"{entry:6d}" for entry in entries[at : at + 8]) for at in range(0, len(entries), 8)]
    head = f"# {name}: {TABLE_ENTRIES} quantiles, {TABLE_SCALE} per standard deviation"
    return "\n".join([head, "# made by python -m netsim.network_data", *rows, ""])


def lte_drive_times_ms(rng: random.Random) -> list[int]:
    """30 s of a busy mobile cell from a moving car: the rate wanders, and handovers stop it.

    Assumed: 0.3 to 3 Mbit/s as a random walk in steps of 100 ms, and every 5 to 15 s a handover that
    lets nothing by for 50 to 90 ms.
    """
    rate_kbps, credit_bits, next_handover_ms, silent_until_ms = 1_000, 0, 7_000, 0
    times: list[int] = []
    for now_ms in range(1, 30_001):
        if now_ms % 100 == 0:
            step_percent = 80 + rng.getrandbits(16) * 46 // 65_536
            rate_kbps = max(300, min(3_000, rate_kbps * step_percent // 100))
        if now_ms == next_handover_ms:
            silent_until_ms = now_ms + 50 + rng.getrandbits(16) * 41 // 65_536
            next_handover_ms += 5_000 + rng.getrandbits(16) * 10_001 // 65_536
        if now_ms < silent_until_ms:
            continue
        credit_bits += rate_kbps
        if credit_bits >= TRACE_BYTES * 8:
            credit_bits -= TRACE_BYTES * 8
            times.append(now_ms)
    return _ending_at(times, 30_000)


def gap_times_ms(
    rng: random.Random, *, period_ms: int, step_ms: int, cycle_ms: int, least_ms: int, most_ms: int
) -> list[int]:
    """An opportunity every `step_ms`, but for one gap of `least_ms` to `most_ms` in each cycle."""
    times: list[int] = []
    for cycle_start in range(0, period_ms, cycle_ms):
        gap_ms = least_ms + rng.getrandbits(16) * (most_ms - least_ms + 1) // 65_536
        times += range(cycle_start + gap_ms, cycle_start + cycle_ms, step_ms)
    return _ending_at(times, period_ms)


def _ending_at(times: list[int], period_ms: int) -> list[int]:
    return [*(time_ms for time_ms in times if time_ms < period_ms), period_ms]


def trace_texts() -> dict[str, str]:
    """Name and text of each shipped trace."""
    traces = {
        "lte-drive": lte_drive_times_ms(generator(_TRACE_SEED, "lte-drive")),
        # A gap of 50 to 90 ms at each handover, every 4 s as in a street with small cells (assumed).
        "5g-handover": gap_times_ms(
            generator(_TRACE_SEED, "5g-handover"),
            period_ms=20_000,
            step_ms=4,
            cycle_ms=4_000,
            least_ms=50,
            most_ms=90,
        ),
        # A new satellite every 15 s; packets wait 75 to 140 ms at the change.
        "leo-satellite": gap_times_ms(
            generator(_TRACE_SEED, "leo-satellite"),
            period_ms=45_000,
            step_ms=8,
            cycle_ms=15_000,
            least_ms=75,
            most_ms=140,
        ),
    }
    # mahimahi knows no comments: lines hold numbers only, so that its tools can read the file too.
    return {name: "".join(f"{time_ms}\n" for time_ms in times) for name, times in traces.items()}


def write_all(folder: Path) -> None:
    """Write every shipped table and trace below `folder`."""
    for name in QUANTILES:
        (folder / "tables").mkdir(exist_ok=True)
        (folder / "tables" / f"{name}.dist").write_text(table_text(name))
    for name, text in trace_texts().items():
        (folder / "traces").mkdir(exist_ok=True)
        (folder / "traces" / f"{name}.trace").write_text(text)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))

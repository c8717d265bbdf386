"""The figures of a result that [expect] can bound, and what kind of value each has."""

from decimal import Decimal
from typing import Final

from rollback_core.events import EndReason
from scenarios.problems import did_you_mean
from scenarios.quantities import Quantity, lowered, shown
from scenarios.scenario import Expectation

PEER_FIGURES: Final = (
    "frames",
    "rollbacks",
    "rollback_depth_p50_frames",
    "rollback_depth_p95_frames",
    "rollback_depth_max_frames",
    "resimulated_frames",
    "resimulated_minimum_frames",
    "stalled_ticks",
    "longest_stall_ticks",
    "skipped_ticks",
    "confirmation_lag_p50_frames",
    "confirmation_lag_p95_frames",
    "confirmation_lag_max_frames",
    "commit_lag_p50_frames",
    "commit_lag_p95_frames",
    "commit_lag_max_frames",
    "input_to_present_max_frames",
    "input_delay_frames",
    "dropped_inputs",
    "rtt_min_us",
    "rtt_p50_us",
    "rtt_mean_us",
    "rtt_max_us",
    "sent_bytes_per_s",
    "sent_datagrams",
    "received_datagrams",
    "rejected_datagrams",
    "checksum_comparisons",
    "desyncs",
    "interruptions",
    "speculative_frames",
)
"""One value per peer; a bound holds for every peer."""

RUN_FIGURES: Final = ("rows", "simulated_us")
"""One value per run: rows of the shared table, and the simulated time."""

EXERCISED: Final = (
    "rollbacks",
    "stalls",
    "checksum_comparisons",
    "drops",
    "suspensions",
    "interruptions",
    "delay_changes",
    "blackouts",
)
"""Summed over a run, as `exercised_NAME`: a lower bound makes a vacuous pass visible."""

WORDS: Final = {"end_reason": tuple(reason.value for reason in EndReason)}
"""Figures that are words; one per peer."""

_FIGURES: Final = (*PEER_FIGURES, *RUN_FIGURES, *(f"exercised_{name}" for name in EXERCISED))
_LARGEST: Final = 10**15


def figure_names() -> tuple[str, ...]:
    """Every key that [expect] knows, as people write it: times in ms."""
    numbers = (name.removesuffix("_us") + "_ms" if name.endswith("_us") else name for name in _FIGURES)
    return (*WORDS, *numbers)


def lowered_expectation(key: str, value: object) -> tuple[Expectation | None, list[tuple[str, str]]]:
    """The bound that `key = value` states, or what is wrong, by the part of the value ("" for all of it).

    `value` is a word, a number or a table with `min` and `max`.
    """
    if key in WORDS:
        if isinstance(value, str) and value in WORDS[key]:
            return Expectation(key=key, text=value), []
        return None, [("", f"must be one of {', '.join(WORDS[key])}, not {shown(value)}")]
    figure = key.removesuffix("_ms") + "_us" if key.endswith("_ms") else key
    if figure not in _FIGURES:
        return None, [("", "unknown figure" + did_you_mean(key, figure_names()))]
    scale = 1_000 if figure != key else 1
    if isinstance(value, dict):
        return _bounds(figure, value, scale)
    number, fault = _number(value, scale)
    if number is None:
        return None, [("", fault)]
    return Expectation(key=figure, minimum=number, maximum=number), []


def _bounds(
    figure: str, table: dict[str, object], scale: int
) -> tuple[Expectation | None, list[tuple[str, str]]]:
    unknown = [part for part in table if part not in ("min", "max")]
    faults = [(part, "unknown key" + did_you_mean(part, ("min", "max"))) for part in unknown]
    limits: dict[str, int | None] = {"min": None, "max": None}
    for part in limits:
        if part in table:
            limits[part], fault = _number(table[part], scale)
            if fault:
                faults.append((part, fault))
    low, high = limits["min"], limits["max"]
    if not table:
        faults.append(("", "must have a min or a max"))
    if low is not None and high is not None and low > high:
        faults.append(("min", f"is above max ({shown(table['max'])})"))
    if faults:
        return None, faults
    return Expectation(key=figure, minimum=low, maximum=high), []


def _number(value: object, scale: int) -> tuple[int | None, str]:
    try:
        number = Quantity(0, _LARGEST).read(value, scale, "us" if scale != 1 else "")
    except ValueError as error:
        return None, str(error)
    return lowered(Decimal(number), scale), ""

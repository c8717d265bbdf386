"""The figures of a peer: what each is called, how it is written, what it means in one line."""

from dataclasses import dataclass
from typing import Any, Final

from reports.quantities import count, data_rate, milliseconds

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of a table. `keys` are joined by " / " (median, 95th percentile, maximum, mostly)."""

    label: str
    keys: tuple[str, ...] = ()
    unit: str = "count"  # count | us | bytes-per-s
    meaning: str = ""
    is_incoming_loss: bool = False  # comes from the paths, not from the peer


def _quantiles(stem: str) -> tuple[str, ...]:
    return tuple(f"{stem}_{quantile}_frames" for quantile in ("p50", "p95", "max"))


METRIC_GROUPS: Final[tuple[tuple[str, tuple[Metric, ...]], ...]] = (
    (
        "Rollback",
        (
            Metric(label="frames played", keys=("frames",), meaning="those between episodes have no row"),
            Metric(label="rollbacks", keys=("rollbacks",), meaning="a guess at a partner's input was wrong"),
            Metric(
                label="depth p50 / p95 / max",
                keys=_quantiles("rollback_depth"),
                meaning="frames taken back at once",
            ),
            Metric(
                label="resimulated (least possible)",
                keys=("resimulated_frames", "resimulated_minimum_frames"),
                meaning="frames played again; equal when no work was wasted",
            ),
            Metric(
                label="speculative frames",
                keys=("speculative_frames",),
                meaning="first shown with a guessed input",
            ),
        ),
    ),
    (
        "Waiting",
        (
            Metric(
                label="stalled ticks", keys=("stalled_ticks",), meaning="the window was full, play waited"
            ),
            Metric(
                label="longest stall (ticks)", keys=("longest_stall_ticks",), meaning="without a new frame"
            ),
            Metric(
                label="skipped ticks",
                keys=("skipped_ticks",),
                meaning="given up to let a slower partner come up",
            ),
            Metric(label="interruptions", keys=("interruptions",), meaning="nothing heard for too long"),
        ),
    ),
    (
        "Lag of the data",
        (
            Metric(
                label="confirmation p50 / p95 / max",
                keys=_quantiles("confirmation_lag"),
                meaning="frames until all inputs are known here",
            ),
            Metric(
                label="commit p50 / p95 / max",
                keys=_quantiles("commit_lag"),
                meaning="frames until everyone is known to have them",
            ),
        ),
    ),
    (
        "Input",
        (
            Metric(
                label="press to screen, worst (frames)",
                keys=("input_to_present_max_frames",),
                meaning="equals the input delay when response is right",
            ),
            Metric(
                label="input delay (frames)", keys=("input_delay_frames",), meaning="at the end of the run"
            ),
            Metric(
                label="dropped inputs",
                keys=("dropped_inputs",),
                meaning="given up when the delay was made shorter",
            ),
        ),
    ),
    (
        "Network",
        (
            Metric(label="RTT median", keys=("rtt_p50_us",), unit="us", meaning="there and back"),
            Metric(label="RTT longest", keys=("rtt_max_us",), unit="us"),
            Metric(label="incoming loss", is_incoming_loss=True, meaning="sent to this peer and never came"),
            Metric(label="sent", keys=("sent_bytes_per_s",), unit="bytes-per-s", meaning="payload"),
            Metric(label="datagrams sent", keys=("sent_datagrams",)),
            Metric(label="datagrams received", keys=("received_datagrams",)),
            Metric(
                label="datagrams rejected",
                keys=("rejected_datagrams",),
                meaning="not one of ours, or damaged",
            ),
        ),
    ),
    (
        "Trust",
        (
            Metric(
                label="checksum comparisons",
                keys=("checksum_comparisons",),
                meaning="a detector that never compares finds nothing",
            ),
            Metric(label="desyncs", keys=("desyncs",), meaning="comparisons that failed"),
        ),
    ),
)

_FORMATS: Final = {"count": count, "us": milliseconds, "bytes-per-s": data_rate}


def formatted(metric: Metric, values: Table) -> str | None:
    """The cell for a peer's metrics; None where the run did not record any of it."""
    if not any(values.get(key) is not None for key in metric.keys):
        return None
    write = _FORMATS[metric.unit]
    return " / ".join("–" if values.get(key) is None else write(values[key]) for key in metric.keys)

"""Two campaigns of one plan: what differs between them by more than chance explains."""

import math
from typing import TYPE_CHECKING, Any

from reports.errors import ResultError
from reports.quantities import count, number, plural
from reports.read_campaign import MEASURES, MOST_ROWS, CampaignFolder, Measure

if TYPE_CHECKING:
    import pandas

Table = dict[str, Any]


def changes(before: CampaignFolder, after: CampaignFolder) -> Table:
    """What differs by more than chance explains, failures first, and of how many cells that can be known."""
    if before.axes != after.axes:
        named = ", ".join(before.names.values())
        raise ResultError(f"has other axes ({named})", str(before.path), "compare two campaigns of one plan")
    # Random draws may hit the same values twice: the first is compared with the first.
    first, second = (
        each.cells.assign(nth=each.cells.groupby(each.axes).cumcount()) for each in (before, after)
    )
    both = first.merge(second, on=[*before.axes, "nth"], suffixes=(" before", " after"))
    failures, means, known = [], [], 0
    for row in both.to_dict("records"):
        labels = [str(row[axis]) for axis in after.axes]
        failures += _failures(labels, row)
        found = [_change(labels, row, measure) for measure in MEASURES]
        known += any(change is not None for change in found)
        means += [change for change in found if change is not None and change[0] > 0]
    rows = [change for part in (failures, means) for _, change in sorted(part, key=lambda item: -item[0])]
    return {"rows": rows[:MOST_ROWS], "left_out": len(rows[MOST_ROWS:]), **_known(first, second, both, known)}


def _failures(labels: list[str], row: Any) -> list[tuple[float, Table]]:
    """The row of a share of failures that has changed, and how large: above 1 if chance does not explain it.

    The interval of the difference is made of the two shares' own, as they stand in the tables (where none
    failed, the bound by the rule of three): Newcombe, Statist. Med. 17 (1998), 873-890, method 10.
    """
    shares, lows, highs, told = [], [], [], []
    for when in ("before", "after"):
        failed, trials = int(row[f"failed {when}"]), int(row[f"runs {when}"])
        low, high = row[f"failed_low {when}"], row[f"failed_high {when}"]
        shares.append(failed / trials)
        lows.append(low)
        highs.append(high)
        told.append(f"{count(failed)} of {count(trials)} ({100 * low:.0f} to {100 * high:.0f} %)")
    change = shares[1] - shares[0]
    if not change:
        return []
    least = change - math.hypot(shares[1] - lows[1], highs[0] - shares[0])
    most = change + math.hypot(highs[1] - shares[1], shares[0] - lows[0])
    is_more = least > 0 or most < 0
    words = "more than chance" if is_more else "may be chance"
    changed = f"{100 * change:+.0f} % ({100 * least:+.0f} to {100 * most:+.0f}): {words}"
    texts = {"before": told[0], "after": told[1], "change": changed}
    return [(abs(change) + is_more, {"labels": labels, "measure": "failed runs", **texts})]


def _change(labels: list[str], row: Any, measure: Measure) -> tuple[float, Table] | None:
    """How large the change is, 0 for one that chance explains, and its row; None where nothing is known."""
    half = math.hypot(row[f"{measure.column} ± before"], row[f"{measure.column} ± after"])
    if not math.isfinite(half):
        return None
    change = row[f"{measure.column} after"] - row[f"{measure.column} before"]
    told = {
        "labels": labels,
        "measure": f"{measure.title} ({measure.unit})",
        "before": number(row[f"{measure.column} before"], 2),
        "after": number(row[f"{measure.column} after"], 2),
        "change": f"{change:+.2f} ± {half:.2f}",
    }
    return (abs(change) if abs(change) > half else 0.0), told


def _known(
    before: "pandas.DataFrame", after: "pandas.DataFrame", both: "pandas.DataFrame", known: int
) -> Table:
    """How much was compared, and why not all of it."""
    told = [f"{plural(len(both), 'cell')} in both campaigns."]
    for cells, whose in ((before, "the earlier one"), (after, "this one")):
        if len(cells) > len(both):
            told.append(f"{count(len(cells) - len(both))} in {whose} only.")
    if known < len(both):
        told.append(
            f"In {count(len(both) - known)} of them means could not be compared: a campaign has fewer than"
            " two runs to take one of, and a run alone says nothing of chance."
        )
    nothing = "In each the same share of runs fails, and no mean differs by more than chance explains."
    if not known:
        nothing = "In each the same share of runs fails. Of the means nothing is known."
    return {"known": " ".join(told), "nothing": nothing if len(both) else "Nothing can be compared."}

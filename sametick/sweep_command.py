"""`sametick sweep`: a plan's cells played by any number of workers, and what came of them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.campaign import SUMMARY_FILE
from sametick.closing import Closing, close
from sametick.failure import Mistake
from sametick.progress import LongRun

if TYPE_CHECKING:
    import pandas

    from netsim.sweep import Campaign

SHOWN_CELLS = 40  # all are in the page and in cells.csv

Table = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """`shard` (k, n) is the k-th of n parts, from 1; `address` is a Dask scheduler's, None: this machine."""

    plan: str
    jobs: int
    shard: tuple[int, int]
    address: str | None
    out: Path


def parse_shard(text: str) -> tuple[int, int]:
    """ "2/8" is the second of eight parts."""
    part, slash, parts = text.partition("/")
    if slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) <= 100_000:
        return int(part), int(parts)
    raise Mistake(f'"{text}" is no part of a whole', "--shard", "write it like 1/4")


def sweep(request: SweepRequest, *, is_json: bool) -> int:
    """Exit 1 if a run broke a law or an expectation of the plan."""
    from netsim.build import build_id
    from netsim.sweep import SweepError, open_campaign, play_here, play_on_dask
    from scenarios.plan import load_plan

    plan = load_plan(request.plan)
    part, parts = request.shard
    numbers = range(part - 1, len(plan.cells), parts)
    try:
        campaign = open_campaign(plan, build_id(), request.out)
        todo = campaign.missing(numbers)
        there = len(numbers) - len(todo)
        with LongRun(plan.name, len(numbers), "cells", done=there, is_silent=is_json) as progress:

            def done(_: int) -> None:
                nonlocal there
                there += 1
                progress.tell(there)

            if request.address is None:
                play_here(campaign, todo, request.jobs, done)
            else:
                play_on_dask(campaign, todo, request.address, done)
    except SweepError as error:
        raise Mistake(str(error), request.plan, error.remedy) from None
    except ModuleNotFoundError as error:
        raise Mistake(
            f"{error.name} is not installed", "--engine dask", 'pip install "sametick[cluster]"'
        ) from None
    return _close(campaign, is_json=is_json)


def _close(campaign: "Campaign", *, is_json: bool) -> int:
    """Write the campaign's tables, and say what is in them."""
    from netsim.sweep import cells, content_hash, runs

    table = runs(campaign)
    folder = campaign.folder
    by_cell = cells(table)
    table.to_parquet(folder / "runs.parquet", index=False)
    by_cell.to_parquet(folder / "cells.parquet", index=False)
    by_cell.to_csv(folder / "cells.csv", index=False)
    missing = len(campaign.missing(range(len(campaign.plan.cells))))
    failed = table[~table["ok"]]
    told: Table = {
        "ok": failed.empty,
        "plan": campaign.plan.name,
        "cells": len(by_cell),
        "missing_cells": missing,
        "runs": len(table),
        "failed_runs": len(failed),
        "content_hash": content_hash(table),
        "folder": str(folder),
    }
    return close(
        told,
        folder / SUMMARY_FILE,
        lambda closing: _tell(by_cell, told, failed.to_dict("records"), closing),
        is_json=is_json,
    )


def _tell(by_cell: "pandas.DataFrame", told: Table, failed: Sequence[Any], closing: Closing) -> None:
    from netsim.sweep import AXIS

    axes = [column for column in by_cell.columns if column.startswith(AXIS)]
    names = [axis.removeprefix(AXIS).rpartition(".")[2].replace("_", "\n") for axis in axes]
    titles = [*names, "runs", "failed", "stalled\n%", "depth\np95", "confirm\nlag p95", "press to\nscreen"]
    worst = by_cell.sort_values(["failed", "stalled_percent"], ascending=False).head(SHOWN_CELLS)
    rows = []
    for row in worst.sort_values("cell").to_dict("records"):
        means = (
            f"{row['stalled_percent']:.1f}",
            *(f"{row[name]:.1f}" for name in ("rollback_depth_p95_frames", "confirmation_lag_p95_frames")),
            f"{row['input_to_present_max_frames']:.0f}",
        )
        labels = (str(row[axis]) for axis in axes)
        rows.append(((*labels, str(row["runs"]), str(row["failed"]), *means), bool(row["failed"])))
    closing.rows(titles, rows, words="n" * len(titles))
    if len(by_cell) > SHOWN_CELLS:
        closing.note(f"the {SHOWN_CELLS} that stall most; {len(by_cell) - SHOWN_CELLS} more in cells.csv")
    for run in failed[:3]:
        closing.wrong(f"cell {run['cell']}, repeat {run['repeat']}: {run['broken'] or run['ends']}")
    if told["missing_cells"]:
        closing.plain(f"{told['missing_cells']} cells are still to be played: the same command plays them")
    among = f"in {told['runs']:,} runs of {told['cells']:,} cells"
    if told["ok"]:
        closing.right(f"every law held {among}")
    else:
        closing.wrong(f"{told['failed_runs']} runs failed {among}")
    closing.note(f"content {told['content_hash'][:16]}")

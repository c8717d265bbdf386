"""`sametick sweep`: a plan's cells played by any number of workers, and what came of them."""

import contextlib
import dataclasses
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.quantities import number, plural
from reports.read_campaign import AXIS, SUMMARY_FILE, axis_names, listed_runs
from sametick.closing import Closing, close
from sametick.failure import Mistake
from sametick.progress import LongRun

if TYPE_CHECKING:
    import pandas

    from netsim.sweep import Campaign

SHOWN_CELLS = 40  # all are in the page and in cells.csv
SHOWN_FAILURES = 3  # all are in failures/
MEANS = ("stalled_percent", "rollback_depth_p95_frames", "confirmation_lag_p95_frames")

Table = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """`shard` (k, n) is the k-th of n parts, from 1; `address` is a Dask scheduler's, None: this machine."""

    plan: str
    jobs: int
    shard: tuple[int, int]
    address: str | None
    out: Path

    def numbers(self, cells: int) -> range:
        """The cells of its part; none if there are more parts than cells."""
        part, parts = self.shard
        return range(part - 1, cells, parts)


def parse_shard(text: str) -> tuple[int, int]:
    """ "2/8" is the second of eight parts."""
    part, slash, parts = text.partition("/")
    if slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) <= 100_000:
        return int(part), int(parts)
    raise Mistake(f'"{text}" is no part of a whole', "--shard", "write it like 1/4")


def sweep(request: SweepRequest, *, is_json: bool) -> int:
    """Exit 1 if a run broke a law or an expectation of the plan, or a cell could not be played."""
    from netsim.build import build_id
    from netsim.sweep import SweepError, open_campaign, play_here, play_on_dask
    from scenarios.plan import load_plan

    plan = load_plan(request.plan)
    numbers = request.numbers(len(plan.cells))
    lost: Sequence[object] = ()
    try:
        campaign = open_campaign(plan, build_id(), request.out)
        todo = campaign.missing(numbers)
        there = len(numbers) - len(todo)
        with LongRun(plan.name, len(numbers), "cells", done=there, is_silent=is_json) as progress:

            def done(_: int) -> None:
                nonlocal there
                there += 1
                progress.tell(there)

            # Ctrl-C ends it with what has been played: the tables say what is still missing.
            with contextlib.suppress(KeyboardInterrupt):
                if request.address is None:
                    lost = play_here(campaign, todo, request.jobs, done)
                else:
                    lost = play_on_dask(campaign, todo, request.address, done)
    except SweepError as error:
        raise Mistake(str(error), request.plan, error.remedy) from None
    except ModuleNotFoundError as error:
        raise Mistake(
            f"{error.name} is not installed", "--engine dask", 'pip install "sametick[cluster]"'
        ) from None
    return _close(request, campaign, [str(each) for each in lost], is_json=is_json)


def _close(request: SweepRequest, campaign: "Campaign", lost: list[str], *, is_json: bool) -> int:
    """Write the campaign's tables, and say what is in them."""
    from netsim.sweep import cells, content_hash, runs, write_scenarios

    table = runs(campaign)
    folder = campaign.folder
    by_cell = cells(table)
    if len(table):
        for name, each in (("runs", table), ("cells", by_cell)):
            each.to_parquet(folder / f"{name}.parquet", index=False)
            each.to_csv(folder / f"{name}.csv", index=False)
        write_scenarios(campaign, listed_runs(by_cell))
    missing = campaign.missing(range(len(campaign.plan.cells)))
    failed = table[table["ok"] != True]  # noqa: E712 (a column's comparison, also of an empty one)
    told: Table = {
        "ok": failed.empty and not lost,
        "plan": campaign.plan.name,
        "summary": campaign.plan.table.summary,
        "command": shlex.join(["sametick", "sweep", request.plan, "--out", str(request.out)]),
        "cells": len(by_cell),
        "missing_cells": len(missing),
        "others_cells": len(set(missing) - set(request.numbers(len(campaign.plan.cells)))),
        "not_played": lost,
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
    if told["runs"]:
        _tell_cells(by_cell, closing)
    for run in failed[:SHOWN_FAILURES]:
        closing.wrong(f"cell {run['cell']} ({_labels(run)}), repeat {run['repeat']}: {run['sentence']}")
    for each in told["not_played"]:
        closing.wrong(f"not played: {each}")
    mine = told["missing_cells"] - told["others_cells"]
    if mine:
        closing.plain(f"{plural(mine, 'cell')} still to be played: the same command goes on from here")
    if told["others_cells"]:
        closing.plain(f"{plural(told['others_cells'], 'cell')} of other parts still to be played")
    among = f"in {plural(told['runs'], 'run')} of {plural(told['cells'], 'cell')}"
    if told["failed_runs"]:
        closing.wrong(f"{plural(told['failed_runs'], 'run')} failed {among}")
    elif told["ok"] and told["runs"]:
        closing.right(f"every law held {among}")
    if told["runs"]:
        closing.note(f"content {told['content_hash'][:16]}")


def _labels(run: Any) -> str:
    axes = [column for column in run if column.startswith(AXIS)]
    return ", ".join(f"{axis.removeprefix(AXIS)} = {run[axis]}" for axis in axes)


def _tell_cells(by_cell: "pandas.DataFrame", closing: Closing) -> None:
    axes = [column for column in by_cell.columns if column.startswith(AXIS)]
    names = [re.sub("[_ ]", "\n", name).replace(".", ".\n") for name in axis_names(axes).values()]
    titles = [*names, "runs", "failed", "stalled\n%", "depth\np95", "confirm\nlag p95", "press to\nscreen"]
    worst = by_cell.sort_values(["failed", "stalled_percent"], ascending=False).head(SHOWN_CELLS)
    rows = []
    for row in worst.sort_values("cell").to_dict("records"):
        means = (
            *(number(row[name], 1) for name in MEANS),
            number(row["input_to_present_max_frames"], 0),
        )
        labels = (str(row[axis]) for axis in axes)
        rows.append(((*labels, str(row["runs"]), str(row["failed"]), *means), bool(row["failed"])))
    closing.rows(titles, rows, words="n" * len(titles))
    if len(by_cell) > SHOWN_CELLS:
        left = len(by_cell) - SHOWN_CELLS
        closing.note(f"the {SHOWN_CELLS} that fail or stall most; {left:,} more in cells.csv")

"""`sametick sweep`: a plan's cells played by any number of workers, and what came of them."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid
from rich.text import Text

from sametick.failure import EXIT_FAILED, EXIT_OK, Mistake
from sametick.run_tables import typed

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
        side = Console(stderr=True, highlight=False)
        with _bar(side, is_shown=not is_json) as progress:
            task = progress.add_task(plan.name, total=len(numbers), completed=len(numbers) - len(todo))

            def done(_: int) -> None:
                progress.advance(task)

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
    return _tell(campaign, is_json=is_json)


def _bar(side: Console, *, is_shown: bool) -> Progress:
    columns = (TextColumn(" {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_silent = not (is_shown and side.is_terminal)
    return Progress(*columns, console=side, transient=True, disable=is_silent)


def _tell(campaign: "Campaign", *, is_json: bool) -> int:
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
    (folder / "summary.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if is_json:
        print(json.dumps(told))
    else:
        _print(by_cell, told, failed.to_dict("records"))
    return EXIT_OK if failed.empty else EXIT_FAILED


def _print(by_cell: "pandas.DataFrame", told: Table, failed: Sequence[Any]) -> None:
    from netsim.sweep import AXIS

    screen = Console(highlight=False)
    axes = [column for column in by_cell.columns if column.startswith(AXIS)]
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for axis in axes:
        grid.add_column(axis.removeprefix(AXIS).rpartition(".")[2].replace("_", "\n"), justify="right")
    for title in ("runs", "failed", "stalled\n%", "depth\np95", "confirm\nlag p95", "press to\nscreen"):
        grid.add_column(title, justify="right")
    worst = by_cell.sort_values(["failed", "stalled_percent"], ascending=False).head(SHOWN_CELLS)
    for row in worst.sort_values("cell").to_dict("records"):
        means = (
            f"{row['stalled_percent']:.1f}",
            *(f"{row[name]:.1f}" for name in ("rollback_depth_p95_frames", "confirmation_lag_p95_frames")),
            f"{row['input_to_present_max_frames']:.0f}",
        )
        style = "bold red" if row["failed"] else None
        cells = (*(str(row[axis]) for axis in axes), str(row["runs"]), str(row["failed"]), *means)
        grid.add_row(*cells, style=style)
    screen.print(grid)
    if len(by_cell) > SHOWN_CELLS:
        left = len(by_cell) - SHOWN_CELLS
        screen.print(Text(f" the {SHOWN_CELLS} that stall most; {left} more in cells.csv", style="dim"))
    for run in failed[:3]:
        what = run["broken"] or run["ends"]
        screen.print(Text(f" ✗ cell {run['cell']}, repeat {run['repeat']}: {what}", style="bold red"))
    if told["missing_cells"]:
        text = f" {told['missing_cells']} cells are still to be played: the same command plays them"
        screen.print(Text(text, style="bold"))
    mark = "✓ every law held" if told["ok"] else f"✗ {told['failed_runs']} runs failed"
    screen.print(Text(f" {mark} in {told['runs']:,} runs of {told['cells']:,} cells", style="bold"))
    page = f"{typed('sametick report')} {told['folder']}"
    screen.print(Text(f" content {told['content_hash'][:16]}   page: {page}", style="dim"), soft_wrap=True)

"""Campaigns: every cell of a plan played, one Parquet file each, by any number of workers.

A cell's file is a pure function of plan, build and cell. It is written under another name and renamed, so it
is whole or not there; a campaign that is begun again plays what is missing. What a worker's death costs is
the cell it was playing, which another plays anew. Caps on a run are virtual; no clock decides a verdict.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsim.intervals import mean_interval, rule_of_three, wilson
from netsim.result_files import write_result
from netsim.run import run_scenario
from netsim.workers import HOUR_S, Lost, Task, played
from scenarios.plan import Cell, Plan
from scenarios.scenario import scenario_hash, to_json

if TYPE_CHECKING:
    import pandas

CAMPAIGN_FILE: Final = "campaign.json"
SAMPLE_EVERY: Final = 50  # cells; of these the first run is kept whole
AXIS: Final = "axis: "  # begins the name of a column that holds an axis' labels

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A plan played by one build into one folder."""

    plan: Plan
    build: str
    folder: Path

    def file(self, cell: int) -> Path:
        return self.folder / "cells" / f"cell-{cell:05}.parquet"

    def missing(self, cells: Sequence[int]) -> list[int]:
        return [cell for cell in cells if not self.file(cell).exists()]


class SweepError(Exception):
    """A campaign cannot go on, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def open_campaign(plan: Plan, build: str, folder: Path) -> Campaign:
    """Begin the campaign in this folder, or go on with it. SweepError if another one is in there."""
    head = {"plan": plan.name, "digest": plan.digest, "build": build, "cells": len(plan.cells)}
    file = folder / CAMPAIGN_FILE
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        for key in ("digest", "build"):
            if found.get(key) != head[key]:
                what = "plan" if key == "digest" else "build"
                raise SweepError(f"{folder} holds a campaign of another {what}", "give another --out")
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    _write(file, json.dumps({**head, "summary": plan.table.summary}, indent=1).encode() + b"\n")
    return Campaign(plan, build, folder)


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(file)


# One cell.


def play_cell(campaign: Campaign, number: int) -> int:
    """Play the repeats of a cell and write its file; gives how many there were."""
    import pyarrow
    from pyarrow import parquet

    rows = list(_rows(campaign, campaign.plan.cells[number]))
    table = pyarrow.Table.from_pylist(rows)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    _write(campaign.file(number), sink.getvalue().to_pybytes())
    return len(rows)


def _rows(campaign: Campaign, cell: Cell) -> Iterator[Row]:
    plan = campaign.plan
    settle = plan.table.settle
    stalled: list[float] = []
    for repeat in range(plan.table.repeats):
        if settle is not None and len(stalled) >= settle.least_repeats:
            # By what this cell's own repeats say: which worker plays what makes no difference.
            if mean_interval(stalled)[1] <= settle.half_width_percent:
                return
        scenario = plan.scenario(cell, repeat)
        is_sample = repeat == 0 and cell.number % SAMPLE_EVERY == 0
        result = run_scenario(scenario, build=campaign.build)
        if is_sample or not result.ok:
            kind = "samples" if result.ok else "failures"
            folder = campaign.folder / kind / f"cell-{cell.number:05}-repeat-{repeat}"
            folder.mkdir(parents=True, exist_ok=True)
            write_result(run_scenario(scenario, build=campaign.build, record_trace=True), folder)
            (folder / "scenario.json").write_text(to_json(scenario) + "\n", encoding="utf-8")
        row = {
            "cell": cell.number,
            "repeat": repeat,
            "seed": scenario.seed,
            **{f"{AXIS}{name}": label for name, label in cell.labels.items()},
            **figures(result.table),
            "scenario_hash": scenario_hash(scenario),
            "trace_hash": result.table["trace_hash"],
        }
        stalled.append(row["stalled_percent"])
        yield row


def figures(table: dict[str, Any]) -> Row:
    """What a campaign keeps of one run: of several peers the worst, or the sum where that is said."""
    peers = [peer["metrics"] for peer in table["peers"]]
    frames = sum(peer["frames"] for peer in peers)
    stalled = sum(peer["stalled_ticks"] for peer in peers)
    skipped = sum(peer["skipped_ticks"] for peer in peers)
    depths: Counter[int] = Counter()
    for peer in table["peers"]:
        depths.update({int(depth): count for depth, count in peer["depth_histogram"]})
    ticks = max(1, frames + stalled + skipped)

    def worst(name: str) -> int:
        return max(peer[name] or 0 for peer in peers)

    return {
        "ok": bool(table["verdict"]["ok"]),
        "broken": " ".join(oracle["id"] for oracle in table["oracles"] if not oracle["ok"]),
        "ends": " ".join(sorted({peer["end"]["reason"] for peer in table["peers"]})),
        "data_rows": table["data"]["rows"],
        "frames_sum": frames,
        "rollbacks_sum": sum(peer["rollbacks"] for peer in peers),
        "resimulated_sum": sum(peer["resimulated_frames"] for peer in peers),
        "rollback_depth_p95_frames": worst("rollback_depth_p95_frames"),
        "rollback_depth_max_frames": worst("rollback_depth_max_frames"),
        "stalled_percent": 100 * stalled / ticks,
        "skipped_percent": 100 * skipped / ticks,
        "confirmation_lag_p95_frames": worst("confirmation_lag_p95_frames"),
        "commit_lag_p95_frames": worst("commit_lag_p95_frames"),
        "input_to_present_max_frames": worst("input_to_present_max_frames"),
        "sent_bytes_per_s": worst("sent_bytes_per_s"),
        "interruptions_sum": sum(peer["interruptions"] for peer in peers),
        "desyncs_sum": sum(peer["desyncs"] for peer in peers),
        "simulated_us": table["simulated_us"],
        "depths": json.dumps(sorted(depths.items())),  # a sketch: how often each depth, of all peers
    }


# All cells.

Progress = Callable[[int], None]
"""Called with the number of a cell that is done."""


def play_here(campaign: Campaign, cells: Sequence[int], jobs: int, on_done: Progress) -> None:
    """Play these cells in so many processes of this machine.

    SweepError names those that no process came through, when all others are played.
    """
    tasks = (Task(f"cell {cell}", (campaign, cell)) for cell in cells)
    limit_s = HOUR_S * campaign.plan.table.repeats
    lost: list[Lost] = []
    for task, result in played(play_cell, tasks, jobs, limit_s=limit_s):
        if isinstance(result, Lost):
            lost.append(result)
        else:
            on_done(task.arguments[1])
    if lost:
        told = "; ".join(map(str, lost))
        raise SweepError(told, "is there memory enough? the same command goes on from here")


def play_on_dask(campaign: Campaign, cells: Sequence[int], address: str, on_done: Progress) -> None:
    """Play these cells on a Dask cluster whose workers see the campaign's folder."""
    from distributed import Client, as_completed

    with Client(address) as client:  # type: ignore[no-untyped-call]
        waiting = {client.submit(play_cell, campaign, cell, pure=False, retries=1): cell for cell in cells}
        for future in as_completed(waiting):  # type: ignore[no-untyped-call]
            future.result()
            on_done(waiting[future])


# What came of it.


def runs(campaign: Campaign) -> "pandas.DataFrame":
    """All runs that have been played, by cell and repeat."""
    import pandas

    files = sorted((campaign.folder / "cells").glob("cell-*.parquet"))
    if not files:
        raise SweepError(f"no cell has been played in {campaign.folder}", "play some first")
    table = pandas.concat([pandas.read_parquet(file) for file in files], ignore_index=True)
    return table.sort_values(["cell", "repeat"], ignore_index=True)


def content_hash(table: "pandas.DataFrame") -> str:
    """Of everything in the runs, whoever has played them, in which order, on how many machines."""
    total = hashlib.sha256()
    for row in table.sort_values(["cell", "repeat"]).to_dict("records"):
        total.update(json.dumps(row, sort_keys=True, default=str).encode())
    return total.hexdigest()


MEANS: Final = (
    "stalled_percent",
    "rollback_depth_p95_frames",
    "confirmation_lag_p95_frames",
    "commit_lag_p95_frames",
    "input_to_present_max_frames",
    "skipped_percent",
    "sent_bytes_per_s",
)


def cells(table: "pandas.DataFrame") -> "pandas.DataFrame":
    """A row per cell: means with the half width of their 95 % interval; how many runs failed, at most."""
    import pandas

    found = []
    axes = [column for column in table.columns if column.startswith(AXIS)]
    for number, group in table.groupby("cell", sort=True):
        trials = len(group)
        failed = int((~group["ok"]).sum())
        low, high = wilson(failed, trials)
        row: Row = {"cell": number, **{axis: group[axis].iloc[0] for axis in axes}}
        row |= {"runs": trials, "failed": failed, "failed_low": low}
        row["failed_high"] = rule_of_three(trials) if not failed else high
        for name in MEANS:
            mean, half = mean_interval([float(value) for value in group[name]])
            row[name] = mean
            row[f"{name} ±"] = half
        found.append(row)
    return pandas.DataFrame(found)

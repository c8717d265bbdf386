"""Campaigns: every cell of a plan played, one Parquet file each, by any number of workers.

A cell's file is a pure function of plan, build and cell. It is written under another name and renamed, so it
is whole or not there; a campaign that is begun again plays what is missing. What a worker's death costs is
the cell it was playing, which another plays anew. Caps on a run are virtual; no clock decides a verdict.
"""

import asyncio
import functools
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsim.intervals import mean_interval, rule_of_three, wilson
from netsim.result_files import write_result
from netsim.run import run_scenario
from netsim.workers import HOUR_S, TRIES, Lost, Task, played
from scenarios.plan import Cell, Plan
from scenarios.scenario import Scenario, scenario_hash, to_json

if TYPE_CHECKING:
    import pandas

CAMPAIGN_FILE: Final = "campaign.json"
SAMPLE_EVERY: Final = 50  # cells; of these the first run is kept whole
AXIS: Final = "axis: "  # begins the name of a column that holds an axis' labels

FIGURES: Final = (
    "data_rows",
    "frames_sum",
    "rollbacks_sum",
    "resimulated_sum",
    "rollback_depth_p95_frames",
    "rollback_depth_max_frames",
    "stalled_percent",
    "skipped_percent",
    "confirmation_lag_p95_frames",
    "commit_lag_p95_frames",
    "input_to_present_max_frames",
    "sent_bytes_per_s",
    "interruptions_sum",
    "desyncs_sum",
    "simulated_us",
    "steps_per_s",
    "frame_advantage_p95_frames",
)
"""Columns of numbers; a run that an error has stopped has none of them."""

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
    """A campaign cannot be played, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def open_campaign(plan: Plan, build: str, folder: Path) -> Campaign:
    """Begin the campaign in this folder, or go on with it. SweepError if another one is in there."""
    head = {"plan": plan.name, "digest": plan.digest, "build": build, "cells": len(plan.cells)}
    file = folder / CAMPAIGN_FILE
    if file.exists():
        found = _head(file)
        if found.get("build") != head["build"]:
            raise SweepError(f"{folder} holds a campaign of another build", "give another --out")
        if found.get("digest") != head["digest"]:
            what = "another plan, or of scenarios, games or bots that have changed since"
            raise SweepError(f"{folder} holds a campaign of {what}", "give another --out")
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    _write(file, json.dumps({**head, "summary": plan.table.summary}, indent=1).encode() + b"\n")
    return Campaign(plan, build, folder)


def _head(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SweepError(f"{file} does not say which campaign this is", "give another --out")
    return found


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all. Machines and containers that share the folder may have equal process ids."""
    part = file.with_name(f"{file.name}.{platform.node()}.{os.getpid()}.part")
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
        row: Row = {"cell": cell.number, "repeat": repeat, "seed": scenario.seed}
        row |= {f"{AXIS}{name}": label for name, label in cell.labels.items()}
        row |= _played(campaign, cell, repeat, scenario)
        row["scenario_hash"] = scenario_hash(scenario)
        if not math.isnan(row["stalled_percent"]):
            stalled.append(row["stalled_percent"])
        yield row


def _played(campaign: Campaign, cell: Cell, repeat: int, scenario: Scenario) -> Row:
    """What one run came to. One that fails is kept whole, or as a scenario where an error has stopped it."""
    result = None
    try:
        result = run_scenario(scenario, build=campaign.build)
    except Exception as error:  # of the core or of somebody's game: a finding, not the campaign's end
        row = stopped(error)
    else:
        row = figures([each.table for each in (result, *result.more)], result.table["verdict"])
    is_sample = repeat == 0 and cell.number % SAMPLE_EVERY == 0
    if is_sample or not row["ok"]:
        kind = "samples" if row["ok"] else "failures"
        folder = campaign.folder / kind / f"cell-{cell.number:05}-repeat-{repeat}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scenario.json").write_text(to_json(scenario) + "\n", encoding="utf-8")
        if result is not None:
            write_result(run_scenario(scenario, build=campaign.build, record_trace=True), folder)
    return row


def figures(tables: Sequence[dict[str, Any]], verdict: dict[str, Any]) -> Row:
    """What a campaign keeps of one run: of all peers of its sessions the worst, or the sum if said so."""
    everyone = [peer for table in tables for peer in table["peers"]]
    peers = [peer["metrics"] for peer in everyone]
    frames = sum(peer["frames"] for peer in peers)
    stalled = sum(peer["stalled_ticks"] for peer in peers)
    skipped = sum(peer["skipped_ticks"] for peer in peers)
    depths: Counter[int] = Counter()
    for peer in everyone:
        depths.update({int(depth): count for depth, count in peer["depth_histogram"]})
    ticks = max(1, frames + stalled + skipped)
    times_us = [table["simulated_us"] for table in tables]
    resimulated = sum(peer["resimulated_frames"] for peer in peers)
    broken = [oracle["id"] for table in tables for oracle in table["oracles"] if not oracle["ok"]]

    def worst(name: str) -> int:
        return max(peer[name] or 0 for peer in peers)

    return {
        "ok": bool(verdict["ok"]),
        "sentence": str(verdict["sentence"]),
        "broken": " ".join(dict.fromkeys(broken)),
        "ends": " ".join(sorted({peer["end"]["reason"] for peer in everyone})),
        "data_rows": sum(table["data"]["rows"] for table in tables),
        "frames_sum": frames,
        "rollbacks_sum": sum(peer["rollbacks"] for peer in peers),
        "resimulated_sum": resimulated,
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
        "simulated_us": max(times_us),
        # What the run costs on any machine: no wall time may get into the content.
        "steps_per_s": 1_000_000
        * (frames + resimulated)
        / max(1, sum(each["simulated_us"] for each in tables)),
        "frame_advantage_p95_frames": max(_lead_p95(peer["series"]["frame_advantage"]) for peer in everyone),
        "depths": json.dumps(sorted(depths.items())),  # a sketch: how often each depth, of all peers
        "trace_hash": " ".join(table["trace_hash"] for table in tables),
    }


def _lead_p95(advantages: list[float]) -> float:
    """How far ahead or behind a peer took itself to be, at all but 5 % of the samples."""
    leads = sorted(abs(each) for each in advantages)
    return leads[-(-95 * len(leads) // 100) - 1] if leads else 0.0


def stopped(error: Exception) -> Row:
    """The row of a run that this error has stopped: it failed, and has no figures."""
    told = {"sentence": f"{type(error).__name__}: {error}", "broken": type(error).__name__, "ends": ""}
    return {"ok": False, **told, **dict.fromkeys(FIGURES, math.nan), "depths": "[]", "trace_hash": ""}


# All cells.

Progress = Callable[[int], None]
"""Called with the number of a cell that is done."""


def play_here(campaign: Campaign, cells: Sequence[int], jobs: int, on_done: Progress) -> list[Lost]:
    """Play these cells in so many processes of this machine; gives those that no process came through."""
    tasks = (Task(named(campaign, cell), (campaign, cell)) for cell in cells)
    limit_s = HOUR_S * campaign.plan.table.repeats
    lost: list[Lost] = []
    for task, result in played(play_cell, tasks, jobs, limit_s=limit_s):
        if isinstance(result, Lost):
            lost.append(result)
        else:
            on_done(task.arguments[1])
    return lost


def named(campaign: Campaign, cell: int) -> str:
    return f"cell {cell} ({campaign.plan.cells[cell].told})"


def play_on_dask(campaign: Campaign, cells: Sequence[int], address: str, on_done: Progress) -> list[Lost]:
    """Play these cells on a Dask cluster whose workers see the campaign's folder; gives those it lost."""
    return asyncio.run(_played_on_dask(campaign, cells, address, on_done))


async def _played_on_dask(
    campaign: Campaign, cells: Sequence[int], address: str, on_done: Progress
) -> list[Lost]:
    from distributed import Client, as_completed

    # On our own loop: a client with a thread of its own that reached nobody is closed by the garbage
    # collector, under a lock that whoever makes the next client waits for.
    client = Client(address, asynchronous=True)  # type: ignore[no-untyped-call]
    try:
        await client
    except (OSError, ValueError) as error:
        await client.close()  # type: ignore[no-untyped-call]
        remedy = "is the scheduler running? its address is like tcp://HOST:8786"
        raise SweepError(f"no Dask scheduler at {address}: {error}", remedy) from None
    limit_s = HOUR_S * campaign.plan.table.repeats
    lost: list[Lost] = []
    async with client:
        waiting = {
            client.submit(
                _played_apart, play_cell, campaign, cell, limit_s, pure=False, retries=TRIES - 1
            ): cell
            for cell in cells
        }
        async for future in as_completed(waiting):  # type: ignore[no-untyped-call]
            cell = waiting[future]
            try:
                await future.result()
            except ChildProcessError as error:
                lost.append(Lost(named(campaign, cell), f"{error}, {TRIES} times"))
            except Exception as error:  # the cluster's own
                lost.append(Lost(named(campaign, cell), f"{type(error).__name__}: {error}"))
            else:
                on_done(cell)
    return lost


_APART: Final = "import pickle, sys; pickle.load(sys.stdin.buffer)()"


def _played_apart(
    play: Callable[[Campaign, int], int], campaign: Campaign, cell: int, limit_s: float
) -> None:
    """On a Dask worker: play in a process of its own, for a thread of the worker cannot be ended.

    Not by `workers`: what a nanny looks after is a daemon, and may have no children of multiprocessing's.
    """
    from distributed.protocol.pickle import dumps

    task = dumps(functools.partial(play, campaign, cell))  # type: ignore[no-untyped-call]
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _APART], input=task, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise ChildProcessError("its process did not answer any more") from None
    if ended.returncode < 0:
        raise ChildProcessError("its process died")
    if ended.returncode:
        told = ended.stderr.decode(errors="replace").strip()
        raise ChildProcessError(told.rpartition("\n")[2] or f"its process ended with {ended.returncode}")


# What came of it.


def runs(campaign: Campaign) -> "pandas.DataFrame":
    """All runs that have been played, by cell and repeat; empty if there are none."""
    import pandas

    files = sorted((campaign.folder / "cells").glob("cell-*.parquet"))
    if not files:
        return pandas.DataFrame({"cell": [], "repeat": [], "ok": []})
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
    "steps_per_s",
    "frame_advantage_p95_frames",
)


def cells(table: "pandas.DataFrame") -> "pandas.DataFrame":
    """A row per cell: means with the half width of their 95 % interval; how many runs failed, at most.

    Runs that an error has stopped count as failed, and not in the means; with no other run these are NaN.
    `worst_repeat` is the run that fails or else stalls most, `busiest_repeat` that with most steps a second.
    """
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
        worst = group.sort_values(["ok", "stalled_percent"], ascending=[True, False])
        busiest = group.sort_values(["steps_per_s", "repeat"], ascending=[False, True])
        row |= {"worst_repeat": worst["repeat"].iloc[0], "busiest_repeat": busiest["repeat"].iloc[0]}
        for name in MEANS:
            values = [float(value) for value in group[name] if not math.isnan(value)]
            row[name], row[f"{name} ±"] = mean_interval(values) if values else (math.nan, math.nan)
        found.append(row)
    return pandas.DataFrame(found)


def write_scenarios(campaign: Campaign, chosen: Iterable[tuple[int, int]]) -> None:
    """What these repeats of these cells play, each as a file to play again."""
    folder = campaign.folder / "scenarios"
    folder.mkdir(exist_ok=True)
    for cell, repeat in chosen:
        text = to_json(campaign.plan.scenario(campaign.plan.cells[cell], repeat))
        _write(folder / f"cell-{cell:05}-repeat-{repeat}.json", text.encode() + b"\n")

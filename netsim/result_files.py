"""A run's files: shared and local tables, the input log, the result, the timeline."""

import json
from pathlib import Path
from typing import Any

from netsim.replay import inputs_table
from netsim.run import RunResult
from scenarios.scenario import from_table


def write_result(result: RunResult, out_dir: Path) -> None:
    """Write everything into `out_dir`; further sessions go into `session-1`, `session-2`, …"""
    out_dir.mkdir(parents=True, exist_ok=True)
    for index, (shared, local) in enumerate(zip(result.data.shared_csv, result.data.local_csv, strict=True)):
        _write(out_dir / f"player-{index}.csv", shared)
        _write(out_dir / f"player-{index}.local.csv", local)
    scenario = from_table(result.table["scenario"])
    _write_json(out_dir / "inputs.json", inputs_table(scenario, result.data.longest))
    _write_json(out_dir / "result.json", result.table)
    if result.trace is not None:
        _write_json(out_dir / "trace.json", result.trace)
    for number, other in enumerate(result.more, 1):
        write_result(other, out_dir / f"session-{number}")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _write_json(path: Path, table: dict[str, Any]) -> None:
    _write(path, json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n")

"""The way in for result folders: `result.json` and the tables beside it, checked before use."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reports.errors import ResultError

FORMAT: Final = 1
MAX_RESULT_BYTES: Final = 256 * 1024 * 1024  # hours of play with eight peers stay far below
RESULT_FILE: Final = "result.json"

Table = dict[str, Any]

_SHAPE: Final[dict[str, Any]] = {
    "kind": str,
    "scenario": {"name": str, "seed": int, "game": {"id": str}, "session": {"frame_rate_hz": int}},
    "scenario_hash": str,
    "build_id": str,
    "versions": dict,
    "command": str,
    "trace_hash": str,
    "simulated_us": int,
    "wall_us": int,
    "verdict": {"ok": bool, "sentence": str},
    "data": {"rows": int, "sha256": str, "equal": bool, "true": bool},
    "peers": [
        {
            "peer": int,
            "players": list,
            "end": {"reason": str},
            "metrics": dict,
            "depth_histogram": list,
            "series": {
                "t_us": list,
                "rollback_depth": list,
                "frame_advantage": list,
                "confirmation_lag": list,
                "commit_lag": list,
                "stalled": list,
            },
        }
    ],
    "paths": [
        {
            "source": int,
            "target": int,
            "sent": int,
            "delivered": int,
            "lost": int,
            "series": {"t_us": list, "delay_us": list, "lost": list},
        }
    ],
    "events": [{"at_us": int, "for_us": int, "kind": str, "label": str, "peers": list, "paths": list}],
    "oracles": [{"id": str, "name": str, "law": str, "ok": bool, "checks": int}],
    "expectations": [{"key": str, "bound": str, "actual": str, "ok": bool}],
    "exercised": dict,
}


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """A run as it was written. `shared` and `local` hold the tables that are there, by peer."""

    path: Path
    table: Table
    shared: dict[int, Path]
    local: dict[int, Path]


def read_result(folder: Path) -> ResultFolder:
    """The result in `folder`, or ResultError saying what is wrong with it."""
    if not folder.is_dir():
        raise ResultError("not a result folder", str(folder), "give the folder that --out named")
    file = folder / RESULT_FILE
    if not file.is_file():
        raise ResultError(f"no {RESULT_FILE} in the folder", str(folder), _what_to_do(folder))
    table = read_table(file)
    peers = [peer["peer"] for peer in table["peers"]]
    return ResultFolder(
        path=folder,
        table=table,
        shared=_present(folder, peers, "player-{}.csv"),
        local=_present(folder, peers, "player-{}.local.csv"),
    )


def _what_to_do(folder: Path) -> str:
    """By what is in the folder instead of a run."""
    if (folder / "campaign.json").is_file():
        return "this campaign has not come to its tables; go on with: sametick sweep PLAN --out DIR"
    seeds = sorted(folder.glob("seed-*/"), key=lambda seed: (len(seed.name), seed.name))
    if seeds:
        return f"give the folder of one seed, as {seeds[0]}"
    return "make one with: sametick sim NAME --out DIR"


def read_table(file: Path) -> Table:
    """A checked `result.json`."""
    table = _read_json(file, "run the scenario again with --out")
    check_table(table, str(file))
    return dict(table)


def read_shaped(file: Path, shape: Table, remedy: str) -> Table:
    """A JSON object that has at least the keys of `shape`. Raises ResultError, with this remedy."""
    table = _read_json(file, remedy)
    problem = first_problem(table, shape)
    if problem is not None:
        path, what = problem
        raise ResultError(what, f"{file}: {path}" if path else str(file), remedy)
    return dict(table)


def _read_json(file: Path, remedy: str) -> Any:
    size = file.stat().st_size
    if size > MAX_RESULT_BYTES:
        raise ResultError(f"{size:,} bytes are too many", str(file), "is this a result of sametick?")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultError(f"not JSON: {error}", str(file), remedy) from error


def check_table(table: Any, where: str) -> None:
    """Raise ResultError unless `table` has the shape of a result; names the first key that has not."""
    if not isinstance(table, dict):
        raise ResultError("not a result: a JSON object is expected", where, "give a result.json")
    if table.get("format") != FORMAT:
        raise ResultError(
            f"format {table.get('format')!r}; this build reads format {FORMAT}",
            f"{where}: format",
            "run the scenario again with this build",
        )
    problem = first_problem(table, _SHAPE)
    if problem is None:
        problem = _ragged_series(table)
    if problem is not None:
        path, what = problem
        raise ResultError(what, f"{where}: {path}", "run the scenario again with this build")


def first_problem(value: Any, shape: Any, path: str = "") -> tuple[str, str] | None:
    """The path of the first value that has not the shape, and what is wrong with it."""
    if isinstance(shape, type):
        is_number = shape is float and type(value) is int  # JSON has one kind of number
        if (type(value) is bool and shape is int) or not (is_number or isinstance(value, shape)):
            return path, f"expected {shape.__name__}, found {type(value).__name__}"
        return None
    if isinstance(shape, list):
        if not isinstance(value, list):
            return path, f"expected list, found {type(value).__name__}"
        found = (first_problem(item, shape[0], f"{path}[{index}]") for index, item in enumerate(value))
        return next((problem for problem in found if problem), None)
    if not isinstance(value, dict):
        return path, f"expected object, found {type(value).__name__}"
    for key, inner in shape.items():
        inner_path = f"{path}.{key}" if path else key
        if key not in value:
            return inner_path, "missing"
        problem = first_problem(value[key], inner, inner_path)
        if problem:
            return problem
    return None


def _ragged_series(table: Table) -> tuple[str, str] | None:
    for kind in ("peers", "paths"):
        for index, item in enumerate(table[kind]):
            length = len(item["series"]["t_us"])
            for key, values in item["series"].items():
                if len(values) != length:
                    return f"{kind}[{index}].series.{key}", f"{len(values)} values for {length} times"
    return None


def _present(folder: Path, peers: list[int], pattern: str) -> dict[int, Path]:
    files = {peer: folder / pattern.format(peer) for peer in peers}
    return {peer: file for peer, file in files.items() if file.is_file()}

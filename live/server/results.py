"""A match's result folder: the same files as a simulated run writes, so that the same tools read them."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from live.server.certify import Verdict, inputs_table, longest_of
from live.server.matches import Match
from live.server.uploads import LogLine, Upload
from rollback_core import __version__
from rollback_core.metrics import SERIES
from rollback_core.recorder import csv_text, local_header, shared_header
from scenarios.registry import create_game
from scenarios.scenario import scenario_hash, to_json

RESULT_FORMAT: Final = 1


def write_result(folder: Path, match: Match, uploads: Sequence[Upload], verdict: Verdict) -> dict[str, Any]:
    """Write everything into `folder`; gives what went into result.json."""
    folder.mkdir(parents=True, exist_ok=True)
    game = match.scenario.game
    spec = create_game(game.id, game.params).spec
    shared = csv_text([shared_header(spec)])
    local = csv_text([local_header(spec)])
    for peer, upload in enumerate(uploads):
        _write(folder / f"player-{peer}.csv", shared + upload.rows)
        _write(folder / f"player-{peer}.local.csv", local + upload.local)
        _write_json(folder / f"player-{peer}.log.json", upload.log)
    _write_json(folder / "inputs.json", inputs_table(match.offers[0], longest_of(uploads).frames))
    table = result_table(match, uploads, verdict)
    _write_json(folder / "result.json", table)
    return table


def result_table(match: Match, uploads: Sequence[Upload], verdict: Verdict) -> dict[str, Any]:
    """result.json. Paths and oracles that only a simulator can know are empty or absent."""
    scenario = match.scenario
    terms = match.offers[0]["terms"]
    peers = [_peer(match, peer) for peer in range(len(match.people))]
    duration_us = max((_duration_us(upload.log) for upload in uploads), default=0)
    is_true = verdict.replay == "equal"
    laws = [
        _law(
            "D1",
            "data equal",
            "All peers' shared tables are equal, byte for byte.",
            verdict,
            verdict.is_equal,
        ),
        _law("D2", "data true", "The shared table equals a replay without a network.", verdict, is_true),
    ]
    return {
        "format": RESULT_FORMAT,
        "kind": "live",
        "match_id": match.match_id,
        "scenario": json.loads(to_json(scenario)),
        "scenario_hash": scenario_hash(scenario),
        "seed": match.seed,
        "build_id": terms["build_id"],
        "versions": {"sametick": __version__, "python": platform.python_version()},
        "command": f"sametick serve --scenario {scenario.name}",
        "simulated_us": duration_us,
        "wall_us": duration_us,
        "data": {
            "rows": verdict.rows,
            "sha256": verdict.sha256,
            "equal": verdict.is_equal,
            "true": is_true,
            "first_difference": verdict.difference,
        },
        "peers": peers,
        "paths": [],
        "events": [],
        "relay": {"datagrams": match.relayed_datagrams, "bytes": match.relayed_bytes},
        "oracles": laws,
        "expectations": [],
        "exercised": _exercised(peers),
        "trace_hash": verdict.sha256,
        "verdict": {"ok": verdict.is_equal and is_true, "sentence": _sentence(verdict)},
    }


def _peer(match: Match, peer: int) -> dict[str, Any]:
    seats = match.offers[0]["terms"]["seats"]
    players = [player for player, seat in enumerate(seats) if seat == peer]
    report = match.reports.get(peer)
    if report is None:
        end = {"reason": "vanished", "frame": -1, "peer": None, "detail": "it never reported"}
        blank: dict[str, Any] = {"frames": 0, "stalled_ticks": 0, "sent_bytes_per_s": 0}
        return {
            "peer": peer,
            "players": players,
            "label": match.labels[peer],
            "end": end,
            "crashed": True,
            "invalid_from": None,
            "metrics": blank,
            "depth_histogram": [],
            "series": {name: [] for name in SERIES},
        }
    return {
        "peer": peer,
        "players": players,
        "label": match.labels[peer],
        "end": {key: report[key] for key in ("reason", "frame", "peer", "detail")},
        "crashed": False,
        "invalid_from": report["invalid_from"],
        "metrics": report["metrics"],
        "depth_histogram": report["depth_histogram"],
        "series": _from_zero({name: report["series"].get(name, []) for name in SERIES}),
    }


def _from_zero(series: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Peers' clocks share no origin: each series begins at its own first point."""
    times = series["t_us"]
    return {**series, "t_us": [at - times[0] for at in times]} if times else series


def _duration_us(log: Sequence[LogLine]) -> int:
    times = [entry[0] for entry in log if entry[1] in ("started", "ended")]
    return max(times) - min(times) if times else 0


def _exercised(peers: Sequence[dict[str, Any]]) -> dict[str, int]:
    def total(key: str) -> int:
        return sum(peer["metrics"].get(key, 0) for peer in peers)

    return {
        "rollbacks": total("rollbacks"),
        "stalls": total("stalled_ticks"),
        "checksum_comparisons": total("checksum_comparisons"),
        "interruptions": total("interruptions"),
    }


def _law(name: str, title: str, law: str, verdict: Verdict, ok: bool) -> dict[str, Any]:
    message = verdict.difference or "not shown"
    violation = None if ok else {"frame": None, "player": None, "peer": None, "message": message}
    return {"id": name, "name": title, "law": law, "ok": ok, "checks": verdict.rows, "violation": violation}


def _sentence(verdict: Verdict) -> str:
    if not verdict.is_equal:
        return f"The peers' data differ: {verdict.difference}."
    if verdict.replay == "differs":
        return f"The data are equal but not what the inputs give: {verdict.difference}."
    if verdict.replay == "not-replayable":
        return f"The peers' data are equal; they could not be replayed: {verdict.difference}."
    return "All peers' data are equal and true."


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _write_json(path: Path, table: Any) -> None:
    _write(path, json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n")

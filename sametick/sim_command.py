"""`sametick sim`: one run told in full, or many seeds told in a row each."""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from reports.quantities import count
from sametick.failure import EXIT_FAILED, EXIT_OK, Finding, Mistake
from sametick.run_tables import print_run, typed
from sametick.simulation_run import RunRequest, moving_line, run, write

MAX_SEEDS: Final = 100_000  # more is a campaign, with its own command
MAX_SEED: Final = 2**31 - 1  # games take seeds up to this
_SHOWN: Final = ("rows", "rollbacks", "rollback_depth_max_frames", "stalled_ticks", "commit_lag_max_frames")

Table = dict[str, Any]


def parse_seeds(text: str) -> range:
    """ "3..7" is 3 to 7, both included; "5" is 5 alone."""
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last if dots else first) + 1)
    except ValueError:
        raise Mistake(f'"{text}" names no seeds', "--seeds", "write it like 1..20") from None
    if not seeds or seeds[0] < 0 or seeds[-1] > MAX_SEED:
        raise Mistake(
            f'"{text}" names no seeds', "--seeds", f"the first at least 0, the last from it to {MAX_SEED}"
        )
    if len(seeds) > MAX_SEEDS:
        raise Mistake(f"{len(seeds):,} seeds at once", "--seeds", f"at most {MAX_SEEDS:,}")
    return seeds


def simulate_one(request: RunRequest, *, seed: int | None, out: Path | None, is_json: bool) -> int:
    """Run once, print everything, and write the files if asked to."""
    screen, side = Console(highlight=False), Console(stderr=True, highlight=False)
    with moving_line(side, request.source, is_shown=not is_json) as move:
        result = run(request, seed=seed, on_progress=move)
    if out is not None:
        write(result, out)
    if is_json:
        print(json.dumps(result.table, ensure_ascii=False))
    else:
        print_run(result.table, screen)
        screen.print(Text(_where_it_is(out), style="dim"), soft_wrap=True)
    return EXIT_OK if result.ok else EXIT_FAILED


def _where_it_is(out: Path | None) -> str:
    if out is None:
        return " keep it: add --out DIR"
    return f" written to {out}   page: {typed('sametick report')} {shlex.quote(str(out))}"


def simulate_many(request: RunRequest, *, seeds: Sequence[int], out: Path | None, is_json: bool) -> int:
    """Run each seed, a row each; the command of the first failure stands last."""
    screen, side = Console(highlight=False), Console(stderr=True, highlight=False)
    rows = []
    with moving_line(side, request.source, is_shown=not is_json) as move:
        for index, seed in enumerate(seeds):
            try:
                result = run(request, seed=seed, on_progress=_share(move, index, len(seeds)))
            except Finding as error:
                rows.append(_stopped(seed, f"{error} ({error.where})", request.command(seed)))
                continue
            if out is not None:
                write(result, out / f"seed-{seed}")
            rows.append(_summary(result.table, is_ok=result.ok))
    failed = [row for row in rows if not row["ok"]]
    if is_json:
        first = failed[0]["command"] if failed else None
        table = {"ok": not failed, "runs": rows, "first_failure": first}
        print(json.dumps(table, ensure_ascii=False))
    else:
        _print_rows(rows, failed, screen)
    return EXIT_FAILED if failed else EXIT_OK


def _share(move: Callable[[float], None], index: int, total: int) -> Callable[[float], None]:
    """Moves the line of all runs by the progress of one."""
    return lambda fraction: move((index + fraction) / total)


def _summary(table: Table, *, is_ok: bool) -> Table:
    metrics = [peer["metrics"] for peer in table["peers"]]
    return {
        "seed": table["scenario"]["seed"],
        "ok": is_ok,
        "sentence": table["verdict"]["sentence"],
        "rows": table["data"]["rows"],
        "rollbacks": sum(m.get("rollbacks", 0) for m in metrics),
        "rollback_depth_max_frames": max(m.get("rollback_depth_max_frames", 0) for m in metrics),
        "stalled_ticks": sum(m.get("stalled_ticks", 0) for m in metrics),
        "commit_lag_max_frames": max(m.get("commit_lag_max_frames", 0) for m in metrics),
        "checksum_comparisons": sum(m.get("checksum_comparisons", 0) for m in metrics),
        "trace_hash": table["trace_hash"],
        "command": table["command"],
    }


def _stopped(seed: int, sentence: str, command: str) -> Table:
    """The row of a run that an error has stopped: without figures."""
    figures = dict.fromkeys((*_SHOWN, "checksum_comparisons", "trace_hash"))
    return {"seed": seed, "ok": False, "sentence": sentence, **figures, "command": command}


def _print_rows(rows: Sequence[Table], failed: Sequence[Table], screen: Console) -> None:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("seed", "", "rows", "rollbacks", "deepest", "stalls", "commit lag max"):
        grid.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for row in rows:
        mark = Text("✓", style="green") if row["ok"] else Text("✗", style="bold red")
        figures = ["–" if row[key] is None else count(row[key]) for key in _SHOWN]
        grid.add_row(str(row["seed"]), mark, *figures)
    screen.print(grid)
    for row in failed:
        screen.print(Text(f" ✗ seed {row['seed']}: {row['sentence']}"), soft_wrap=True)
    if not failed:
        screen.print(Text(f" ✓ all {len(rows):,} seeds hold", style="bold"))
        return
    screen.print(Text(f" ✗ {len(failed):,} of {len(rows):,} seeds fail", style="bold red"))
    screen.print(Text(f" the first again: {typed(failed[0]['command'])}"), soft_wrap=True)

"""`sametick bots`: headless peers that play on a server, with each other or with people."""

import asyncio
import json
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from reports.quantities import count, milliseconds
from rollback_core.errors import UsageError
from sametick.failure import EXIT_FAILED, EXIT_OK, Mistake

Table = dict[str, Any]


def play_bots(
    url: str,
    *,
    groups: int,
    seats: int | None,
    policy: str,
    hold_frames: int,
    seed: int,
    game: str | None,
    scenario: str | None,
    seconds: float,
    is_json: bool,
) -> int:
    """Play to the end; 1 if any match's data are not equal and true. Raises ScenarioError or Mistake."""
    from scenarios.load import load_scenario

    try:
        from live.headless.bots import BotPlan, run_bots
    except ModuleNotFoundError as error:
        raise Mistake(
            f"{error.name} is not installed", "sametick bots", 'pip install "sametick[live]"'
        ) from None
    if not url.startswith(("http://", "https://")):
        raise Mistake(f'"{url}" is no address of a server', "URL", "write it like http://127.0.0.1:8000/")
    played = None if scenario is None else load_scenario(scenario)
    plan = BotPlan(
        url=url,
        seats=seats or groups * (2 if played is None else played.peer_count),
        policy=policy,
        hold_frames=hold_frames,
        seed=seed,
        leave_after_s=seconds,
        game=game if played is None else played.game.id,
        scenario=played,
    )
    side = Console(stderr=True, highlight=False)
    columns = (TextColumn(" bots that are through"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(
            *columns, console=side, transient=True, disable=is_json or not side.is_terminal
        ) as progress:
            task = progress.add_task("", total=plan.seats)
            outcomes = asyncio.run(run_bots(plan, lambda done, total: progress.update(task, completed=done)))
    except* ConnectionError as group:
        raise Mistake(f"no server there: {group.exceptions[0]}", url, "start one: sametick serve") from None
    except* UsageError as group:
        raise Mistake(str(group.exceptions[0]), url, "see: sametick bots --help") from None
    rows = [outcome.table() for outcome in outcomes]
    is_sound = all(outcome.is_sound for outcome in outcomes)
    if is_json:
        print(json.dumps({"ok": is_sound, "bots": rows}, ensure_ascii=False))
    else:
        _print(rows, is_sound=is_sound)
    return EXIT_OK if is_sound else EXIT_FAILED


def _print(rows: list[Table], *, is_sound: bool) -> None:
    screen = Console(highlight=False)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    titles = (
        "bot",
        "match",
        "end",
        "path",
        "frames",
        "rollbacks",
        "deepest",
        "stalls",
        "RTT",
        "late",
        "data",
    )
    for title in titles:
        grid.add_column(title, justify="left" if title in ("match", "end", "path", "data") else "right")
    for row in rows:
        grid.add_row(*_cells(row))
    screen.print(grid)
    matches = len({row["match_id"] for row in rows if row["match_id"]})
    sentence = (
        f" ✓ {matches} matches, all data equal and true" if is_sound else " ✗ not all data are equal and true"
    )
    screen.print(Text(sentence, style="bold" if is_sound else "bold red"))
    wakes, late = sum(row["wakes"] for row in rows), sum(row["late_wakes"] for row in rows)
    worst = max((row["worst_lag_us"] for row in rows), default=0)
    share = 100 * late / wakes if wakes else 0.0
    screen.print(
        Text(f" this machine: {share:.1f} % of wakes late, the worst by {milliseconds(worst)}", style="dim")
    )


def _cells(row: Table) -> list[str]:
    verdict = row["verdict"]
    if row["refusal"] is not None:
        return [str(row["bot"]), "–", row["refusal"]["code"], *["–"] * 7, "–"]
    if "end" not in row:
        return [str(row["bot"]), "–", row["stage"], *["–"] * 7, "–"]
    return [
        str(row["bot"]),
        str(row["match_id"])[:8],
        str(row["end"]),
        row["path"],
        count(row["frames"]),
        count(row["rollbacks"]),
        count(row["rollback_depth_max_frames"]),
        count(row["stalled_ticks"]),
        milliseconds(row["rtt_p50_us"]),
        count(row["late_wakes"]),
        _data(verdict),
    ]


def _data(verdict: Table | None) -> str:
    """The server's verdict in a word or two; a table of forty bots must fit on a screen."""
    if verdict is None:
        return "no verdict"
    if not verdict["is_equal"]:
        return "DIFFER"
    return {"equal": "true", "differs": "NOT TRUE"}.get(verdict["replay"], "equal")

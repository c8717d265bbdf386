"""Long evidence runs: whole families of scenarios over many seeds, with a dated summary.

`python -m netsim.soak [scenarios|reference|drops|all] [--seeds N] [--jobs J] [--out DIR]`; exit 1 with
the command of the first violation. Every run is a process's own: spawned, so that nothing is shared.
"""

import argparse
import multiprocessing
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from netsim.build import build_id
from netsim.run import run_scenario
from netsim.workers import Lost, Task, played
from scenarios.load import load_scenario, shipped

ALL = "all"
MUST_REACH = (
    "rollbacks",
    "stalls",
    "checksum_comparisons",
    "drops",
    "suspensions",
    "interruptions",
    "delay_changes",
    "blackouts",
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """Scenarios, each with `seeds` seeds; `must_reach` are counters that may not stay 0."""

    name: str
    title: str
    scenarios: tuple[str, ...]
    seeds: int
    must_reach: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What one run came to; `problem` is "" when every law held."""

    command: str
    problem: str
    frames: int
    rows: int
    checks: int
    exercised: dict[str, int]


@dataclass(slots=True)
class Tally:
    """All cases of a campaign, summed."""

    runs: int = 0
    frames: int = 0
    rows: int = 0
    checks: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    failures: list[Case] = field(default_factory=list)

    def add(self, case: Case) -> None:
        self.runs += 1
        self.frames += case.frames
        self.rows += case.rows
        self.checks += case.checks
        self.reached.update(case.exercised)
        if case.problem:
            self.failures.append(case)


def campaigns() -> dict[str, Campaign]:
    """By name."""
    names = tuple(name for name, _, _ in shipped())
    found = (
        Campaign(
            "scenarios",
            "every shipped scenario",
            names,
            20,
            MUST_REACH,
        ),
        Campaign(
            "reference",
            "60 s at 60 Hz, 100 ms RTT, 20 ms jitter, 5 % loss",
            ("reference",),
            1_000,
            ("rollbacks", "checksum_comparisons"),
        ),
        Campaign(
            "drops",
            "four players, bursts of loss, suspensions, delay changes and a lost player",
            ("soak-four-players",),
            1_000,
            ("rollbacks", "stalls", "drops", "suspensions", "interruptions", "delay_changes", "blackouts"),
        ),
    )
    return {campaign.name: campaign for campaign in found}


def _command(case: tuple[str, int]) -> str:
    return "sametick sim {} --seed {}".format(*case)


def play_case(case: tuple[str, int]) -> Case:
    """Run one scenario with one seed; whatever goes wrong is the case's problem."""
    name, seed = case
    command = _command(case)
    try:
        result = run_scenario(load_scenario(name, seed=seed))
    except Exception as error:  # a case that raises is a finding, not the end of the campaign
        return Case(command, f"{type(error).__name__}: {error}", 0, 0, 0, {})
    table = result.table
    return Case(
        command,
        "" if result.ok else str(table["verdict"]["sentence"]),
        sum(peer["metrics"]["frames"] for peer in table["peers"]),
        table["data"]["rows"],
        sum(oracle["checks"] for oracle in table["oracles"]),
        table["exercised"],
    )


def run_campaign(cases: list[tuple[str, int]], jobs: int, label: str, console: Console) -> Tally:
    """All cases, in order of their completion; the order of failures is that of the cases."""
    tally = Tally()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks = [Task(_command(case), (case,)) for case in cases]
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(label, total=len(tasks))
        for task, case in played(play_case, tasks, jobs):
            tally.add(Case(task.name, case.reason, 0, 0, 0, {}) if isinstance(case, Lost) else case)
            progress.update(bar, advance=1, description=f"{label}: {len(tally.failures)} violations")
    order = [task.name for task in tasks]
    tally.failures.sort(key=lambda case: order.index(case.command))
    return tally


def summary(campaign: Campaign, seeds: int, tally: Tally, *, wall_s: int, today: str) -> str:
    """The page of docs/evidence."""
    unreached = [name for name in campaign.must_reach if not tally.reached[name]]
    command = f"python -m netsim.soak {campaign.name} --seeds {seeds}"
    rows = [
        ("runs", f"{tally.runs:,} ({len(campaign.scenarios)} scenarios × {seeds} seeds)"),
        ("violations", str(len(tally.failures))),
        ("frames played, all peers", f"{tally.frames:,}"),
        ("rows compared between peers and with a replay", f"{tally.rows:,}"),
        ("comparisons made by the laws", f"{tally.checks:,}"),
        *((name.replace("_", " "), f"{count:,}") for name, count in sorted(tally.reached.items())),
        ("not reached though it must be", ", ".join(unreached) or "nothing"),
        ("build id", f"`{build_id()}`"),
        ("Python", platform.python_version()),
        ("wall time", f"{wall_s} s"),
    ]
    lines = [f"# Soak: {campaign.title}", "", f"{today}, by `{command}`.", "", "| figure | value |"]
    lines += ["| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""]
    lines += [f"- `{case.command}`: {case.problem}" for case in tally.failures[:20]]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: Iterable[str] | None = None) -> int:
    """Run what is asked for; 1 if anything broke a law, or a counter that must be reached was not."""
    known = campaigns()
    parser = argparse.ArgumentParser(prog="netsim.soak", description="Long evidence runs.")
    parser.add_argument("campaign", nargs="?", default=ALL, choices=(*known, ALL))
    parser.add_argument("--seeds", type=int, default=0, help="seeds per scenario; 0: the campaign's own")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"))
    asked = parser.parse_args(None if arguments is None else list(arguments))
    console = Console(stderr=True)
    is_sound = True
    for campaign in known.values() if asked.campaign == ALL else (known[asked.campaign],):
        seeds = asked.seeds or campaign.seeds
        cases = [(name, seed) for seed in range(1, seeds + 1) for name in campaign.scenarios]
        begun = time.monotonic()
        tally = run_campaign(cases, max(1, asked.jobs), campaign.name, console)
        today = datetime.now(UTC).date().isoformat()
        text = summary(campaign, seeds, tally, wall_s=int(time.monotonic() - begun), today=today)
        asked.out.mkdir(parents=True, exist_ok=True)
        path = asked.out / f"{today}-{campaign.name}.md"
        path.write_text(text, encoding="utf-8")
        unreached = [name for name in campaign.must_reach if not tally.reached[name]]
        is_sound &= not tally.failures and not unreached
        verdict = "every law held" if not tally.failures else tally.failures[0].problem
        sys.stdout.write(f"{campaign.name}: {tally.runs} runs, {verdict}; {path}\n")
        if tally.failures:
            sys.stdout.write(f"  {tally.failures[0].command}\n")
        if unreached:
            sys.stdout.write(f"  never reached: {', '.join(unreached)}\n")
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())

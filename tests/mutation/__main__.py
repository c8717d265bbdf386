"""Generic mutation testing of the core: `./dev soak mutmut`.

Exit 1 if less than 95 % of the sample die, or if a survivor has no reason in survivors.toml.
"""

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue

from evidence import Reason, page, problems
from judgement import ROOT, Selection, Verdict, copy_tree, judge, select
from mutants import Mutant, mutants_of, sample
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG = ROOT / "out/mutmut.jsonl"  # verdicts, as they come
MEMORY_BYTES = 4 << 30  # a process: a mutant that appends for ever dies of it, the tests need a tenth


def main() -> int:
    """Judge the sample and write the page."""
    parser = argparse.ArgumentParser(prog="./dev soak mutmut", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="only these mutants of the sample, as in 'timers.*'; no page"
    )
    parser.add_argument("--keep", action="store_true", help="what the last run killed is not tried again")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/evidence")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    begun = time.monotonic()
    core = sorted((ROOT / "rollback_core").glob("*.py"))
    mutants = {each.name: each for path in core for each in mutants_of(path)}
    chosen = {name: mutants[name] for name in sample(mutants) if _is_asked(name, asked.names or ["*"])}
    table = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text("utf-8"))
    reasons = {name: Reason(**entry) for name, entry in table.items()}
    verdicts = killed_before(chosen) if asked.keep else {}
    kept = len(verdicts)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a" if asked.keep else "w", encoding="utf-8") as log, courts(asked.jobs) as trees:
        tree = trees.get()
        selection = select(tree)
        trees.put(tree)
        # A survivor that nobody has explained is tried again, with five times as many examples.
        for profile, explained in (("quick", set[str]()), ("default", reasons.keys())):
            open_cases = [
                mutant
                for name, mutant in chosen.items()
                if name not in explained and not (name in verdicts and verdicts[name].killed_by)
            ]
            for name, verdict in judge_all(open_cases, trees, selection, profile):
                verdicts[name] = verdict
                log.write(json.dumps({"name": name, **asdict(verdict)}, ensure_ascii=False) + "\n")
                log.flush()
    wrong = problems(verdicts, reasons, is_partial=bool(asked.names))
    if not asked.names:
        today = datetime.now(UTC).date().isoformat()
        made_by = f"{today}, by `./dev soak mutmut{' --keep' * asked.keep}`"
        facts = {
            "killed in an earlier run and kept": str(kept),
            "Python": platform.python_version(),
            "mutmut": version("mutmut"),
            "wall time": f"{int(time.monotonic() - begun)} s",
        }
        asked.out.mkdir(parents=True, exist_ok=True)
        path = asked.out / f"{today}-mutmut.md"
        path.write_text(
            page(list(mutants), verdicts, reasons, made_by=made_by, facts=facts), encoding="utf-8"
        )
        sys.stdout.write(f"{path}\n")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    return 1 if wrong else 0


def _is_asked(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def killed_before(chosen: dict[str, Mutant]) -> dict[str, Verdict]:
    """By the log, if the change is still the same."""
    found = {}
    for line in LOG.read_text("utf-8").splitlines():
        entry = json.loads(line)
        name, verdict = entry.pop("name"), Verdict(**entry)
        if name in chosen and verdict.killed_by and verdict.is_of(chosen[name]):
            found[name] = verdict
    return found


@contextmanager
def courts(jobs: int) -> Iterator[SimpleQueue[Path]]:
    """A copy of the tree for each worker, as long as the run lasts."""
    trees: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        for job in range(jobs):
            trees.put(copy_tree(Path(folder) / str(job)))
        yield trees


def judge_all(
    mutants: list[Mutant], trees: SimpleQueue[Path], selection: Selection, profile: str
) -> Iterator[tuple[str, Verdict]]:
    """In order of their completion."""

    def judged(mutant: Mutant) -> Verdict:
        tree = trees.get()
        try:
            return judge(mutant, tree, selection, profile)
        finally:
            trees.put(tree)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        ThreadPoolExecutor(trees.qsize()) as pool,
    ):
        task = progress.add_task(profile, total=len(mutants))
        names = {pool.submit(judged, mutant): mutant.name for mutant in mutants}
        survivors = 0
        for future in as_completed(names):
            verdict = future.result()
            survivors += not verdict.killed_by
            progress.update(task, advance=1, description=f"{profile}: {survivors} survive")
            yield names[future], verdict


if __name__ == "__main__":
    sys.exit(main())

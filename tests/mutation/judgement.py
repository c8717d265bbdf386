"""A mutant's life: planted in a copy of the tree, and the tests that run its line put to it.

A change that makes a test hang is killed by pytest's timeout, one that makes Python eat memory by the
limit that the whole run has.
"""

import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant, first_difference, statement_lines

ROOT = Path(__file__).parents[2]
# Those of the core. Not: what reads or patches its source (planted bugs, source rules), what runs it
# elsewhere (wheels, Pyodide, pages), and what takes many seconds of other code (shipped scenarios, fuzzer).
JUDGES = (
    "tests/unit/rollback_core",
    *sorted(
        str(path.relative_to(ROOT))
        for pattern in (
            "test_core_*.py",
            "test_sessions_*.py",
            "test_snapshots.py",
            "test_generated_scenarios.py",
        )
        for path in ROOT.glob(f"tests/property/{pattern}")
    ),
    "tests/property/test_action_codec.py",
    "tests/unit/netsim/test_corpus.py",
)
LEFT_OUT = (  # these play in other interpreters what another test of the same file plays here
    "tests/property/test_sessions_doors.py::test_traces_are_the_same_in_other_processes_with_other_hash_seeds",
    "tests/property/test_sessions_doors.py::test_traces_are_the_same_on_every_python_at_hand",
)
HANGS_S = 60  # a test: the slowest takes five where nothing is wrong
ALWAYS = ("-q", "--no-header", "-p", "no:cacheprovider", "-o", f"timeout={HANGS_S}")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tests run which line of the core, and how long each takes."""

    seconds: dict[str, float]
    lines: dict[str, dict[str, list[str]]]

    def of(self, module: str, lines: Iterable[int]) -> list[str]:
        """The tests that run any of the lines, fastest first."""
        known = self.lines.get(module, {})
        tests = {test for line in lines for test in known.get(str(line), ())}
        return sorted(tests, key=lambda test: (self.seconds[test], test))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: `killed_by` is a test, or "" if none noticed."""

    line: int
    before: str
    after: str
    tests: int
    killed_by: str = ""
    has_hung: bool = False

    def is_of(self, mutant: Mutant) -> bool:
        """Whether the mutant is still the one that was judged."""
        change = first_difference(mutant.path.read_text("utf-8"), mutant.source())
        return change == (self.line, self.before, self.after)


def copy_tree(to: Path) -> Path:
    """What git tracks or would take, as it is now."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def _environment(tree: Path, profile: str) -> dict[str, str]:
    # The path also reaches interpreters that tests start.
    return {**os.environ, "PYTHONPATH": str(tree), "HYPOTHESIS_PROFILE": profile}


def select(tree: Path) -> Selection:
    """Run all tests once, unharmed and watched; SystemExit if one fails."""
    out = tree / "covering-tests.json"
    deselected = [word for test in LEFT_OUT for word in ("--deselect", test)]
    command = [sys.executable, str(Path(__file__).with_name("covering_tests.py")), str(out)]
    done = subprocess.run(
        [*command, *ALWAYS, *deselected, *JUDGES],
        cwd=tree,
        env=_environment(tree, "quick"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the tests fail without any mutant:\n{done.stdout[-4_000:]}{done.stderr[-2_000:]}")
    return Selection(**json.loads(out.read_text("utf-8")))


def judge(mutant: Mutant, tree: Path, selection: Selection, profile: str) -> Verdict:
    """Put the mutant's tests to it, with as many examples as the profile says."""
    whole, source = mutant.path.read_text("utf-8"), mutant.source()
    line, before, after = first_difference(whole, source)
    tests = selection.of(mutant.path.stem, statement_lines(whole, line))
    planted = tree / mutant.path.relative_to(ROOT)
    _write(planted, source)
    try:
        killed_by, has_hung = _killer(tree, profile, tests) if tests else ("", False)
        if has_hung:  # a busy machine is no verdict: it has to hang twice
            killed_by, has_hung = _killer(tree, profile, tests)
    finally:
        _write(planted, whole)
    return Verdict(line, before, after, len(tests), killed_by, has_hung)


def _write(module: Path, source: str) -> None:
    """With bytecode that is its own: two sources of one second and one size look the same to Python."""
    module.write_text(source, encoding="utf-8")
    py_compile.compile(
        str(module), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
    )


def _killer(tree: Path, profile: str, tests: list[str]) -> tuple[str, bool]:
    """The first test that fails, "" if all pass, and whether it hung."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "--tb=line", *ALWAYS, *tests],
        cwd=tree,
        env=_environment(tree, profile),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return "", False
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if failed is None:  # no test judged: the mutant is not to blame
        raise RuntimeError(
            f"pytest ended with {done.returncode}:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}"
        )
    return failed[1], "from pytest-timeout" in done.stdout

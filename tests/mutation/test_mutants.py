"""The soak of mutants: one sample for all, each mutant judged alone, reasons that do not go stale."""

from collections import Counter
from pathlib import Path

import pytest
from evidence import Reason, page, problems
from hypothesis import given
from hypothesis import strategies as st
from judgement import ROOT, Selection, Verdict, copy_tree, judge
from mutants import FEWEST, SAMPLE, first_difference, mutants_of, sample, statement_lines
from mutmut.mutation.file_mutation import mutate_file_contents

TIMERS = ROOT / "rollback_core/timers.py"
SIZES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 2_000), min_size=1)


@given(sizes=SIZES, random=st.randoms(use_true_random=False))
def test_anyone_gets_the_same_sample_with_some_of_every_module(sizes: dict[str, int], random: object) -> None:
    names = [f"{module}.f#{number}" for module, size in sizes.items() for number in range(size)]
    chosen = sample(names)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert sample(names) == chosen
    assert len(set(chosen)) == len(chosen)
    for module, count in Counter(name.partition(".")[0] for name in chosen).items():
        share = SAMPLE * sizes[module] / sum(sizes.values())
        assert min(sizes[module], FEWEST) <= count <= max(FEWEST, share + 1)
        assert count >= min(sizes[module], share - 1)
    assert {name.partition(".")[0] for name in chosen} == set(sizes)


def test_mutants_are_those_of_mutmut_and_each_changes_one_place() -> None:
    whole = TIMERS.read_text("utf-8")
    mutants = list(mutants_of(TIMERS))
    assert len(mutants) == len(mutate_file_contents(str(TIMERS), whole).mutant_names)
    assert (
        len({mutant.name for mutant in mutants})
        == len({mutant.source() for mutant in mutants})
        == len(mutants)
    )
    for mutant in mutants:
        line, before, after = first_difference(whole, mutant.source())
        assert before == whole.splitlines()[line - 1].strip() != after


NESTED = """\
def f(
    x=1,
):
    if x and (
        x > 1
    ):
        return g(
            x,
        )
    return 0
"""


@pytest.mark.parametrize(
    ("line", "first", "stop"),
    [(1, 1, 11), (2, 1, 11), (4, 4, 7), (5, 4, 7), (7, 7, 10), (8, 7, 10), (10, 10, 11)],
)
def test_who_runs_the_statement_judges_the_line(line: int, first: int, stop: int) -> None:
    assert statement_lines(NESTED, line) == range(first, stop)


@pytest.mark.slow
def test_a_mutant_is_planted_judged_and_gone(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    test = "tests/unit/rollback_core/test_timers.py::TestTimersAgainstTable::runTest"
    whole = TIMERS.read_text("utf-8")
    selection = Selection({test: 0.1}, {"timers": {str(n): [test] for n in range(len(whole.splitlines()))}})
    mutants = {mutant.name: mutant for mutant in mutants_of(TIMERS)}
    forgotten = judge(mutants["timers.Timers.set#2"], tree, selection, "quick")
    assert forgotten.killed_by == test
    assert (tree / TIMERS.relative_to(ROOT)).read_text("utf-8") == whole
    unjudged = judge(mutants["timers.Timers.set#2"], tree, Selection({}, {}), "quick")
    assert (unjudged.killed_by, unjudged.tests) == ("", 0)


KILLED = Verdict(1, "a < b", "a <= b", 5, killed_by="test_a")
ALIVE = Verdict(2, "a + b", "a - b", 5)
WHY = Reason("a - b", is_equivalent=True, reason="b is 0")


def test_every_survivor_needs_a_reason_that_is_its_own() -> None:
    many = {f"m.f#{number}": KILLED for number in range(40)}
    assert problems({**many, "m.g#1": ALIVE}, {"m.g#1": WHY}, is_partial=False) == []
    (bare,) = problems({**many, "m.g#1": ALIVE}, {}, is_partial=False)
    assert "m.g#1 survives without a reason: a + b" in bare
    (moved,) = problems({**many, "m.g#1": ALIVE}, {"m.g#1": Reason("a * b", True, "")}, is_partial=False)
    assert "without a reason" in moved
    (absent,) = problems(many, {"m.g#1": WHY}, is_partial=False)
    assert "not in the sample" in absent
    (dead,) = problems({"m.g#1": Verdict(2, "a + b", "a - b", 5, "test_b")}, {"m.g#1": WHY}, is_partial=True)
    assert "test_b kills it" in dead


def test_too_many_survivors_are_a_failure_whatever_the_reasons() -> None:
    alive = {f"m.g#{number}": ALIVE for number in range(2)}
    killed = {f"m.f#{number}": KILLED for number in range(37)}
    reasons = dict.fromkeys(alive, WHY)
    assert problems({**killed, **alive}, reasons, is_partial=False) == ["only 94.9% are killed"]
    assert problems({**killed, **alive}, reasons, is_partial=True) == []


def test_the_page_counts_and_lists() -> None:
    verdicts = {"m.f#1": KILLED, "m.g#1": ALIVE, "n.f#1": Verdict(1, "x", "y", 5, "test_c", has_hung=True)}
    text = page(
        [*verdicts, "n.f#2"], verdicts, {"m.g#1": WHY}, made_by="2026-01-01, by hand", facts={"Python": "3"}
    )
    assert "2026-01-01, by hand." in text
    assert "| m | 2 | 2 | 1 | 0 | 1 | 1 |" in text
    assert "| n | 2 | 1 | 1 | 1 | 0 | 0 |" in text
    assert "| all | 4 | 3 | 2 | 1 | 1 | 1 |" in text
    assert "- m.g#1, line 2, `a + b` → `a - b`: b is 0" in text

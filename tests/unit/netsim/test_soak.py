"""The soak: its summary tells what was done, a violation fails it, and so does a counter never reached."""

import os
import signal
from pathlib import Path

import pytest

from netsim import soak


def test_campaigns_name_scenarios_that_exist() -> None:
    known = soak.campaigns()
    assert set(known) == {"scenarios", "reference", "drops"}
    assert len(known["scenarios"].scenarios) >= 70


@pytest.mark.slow
def test_a_short_soak_in_two_processes_writes_its_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soak.main(["drops", "--seeds", "3", "--jobs", "2", "--out", str(tmp_path)]) == 0
    (page,) = tmp_path.glob("*-drops.md")
    text = page.read_text("utf-8")
    assert "| runs | 3 (1 scenarios × 3 seeds) |" in text
    assert "| violations | 0 |" in text
    assert "| drops | 3 |" in text
    assert "every law held" in capsys.readouterr().out


def play_badly(case: tuple[str, int]) -> soak.Case:
    """A stand-in for `soak.play_case`: seed 2 breaks a law, seed 3 kills whoever plays it."""
    if case[1] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    problem = "a law is broken" if case[1] == 2 else ""
    return soak.Case(f"sametick sim {case[0]} --seed {case[1]}", problem, 1, 1, 1, {})


def test_violations_and_cases_that_nobody_could_play_fail_the_soak_and_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "play_case", play_badly)
    assert soak.main(["reference", "--seeds", "4", "--jobs", "2", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "4 runs, a law is broken" in told
    assert "sametick sim reference --seed 2" in told
    assert "never reached: rollbacks, checksum_comparisons" in told
    (page,) = tmp_path.glob("*-reference.md")
    text = page.read_text("utf-8")
    assert "`sametick sim reference --seed 2`: a law is broken" in text
    assert "`sametick sim reference --seed 3`: its process died, 2 times" in text


def test_a_case_that_raises_is_a_finding() -> None:
    case = soak.play_case(("no-such-scenario", 1))
    assert "ScenarioError" in case.problem

"""The soak: its summary tells what was done, a violation fails it, and so does a counter never reached."""

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


def test_a_violation_fails_the_soak_and_names_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play_case(case: tuple[str, int]) -> soak.Case:
        problem = "a law is broken" if case[1] == 2 else ""
        return soak.Case(f"sametick sim {case[0]} --seed {case[1]}", problem, 1, 1, 1, {})

    monkeypatch.setattr(soak, "play_case", play_case)
    assert soak.main(["reference", "--seeds", "3", "--jobs", "1", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "sametick sim reference --seed 2" in told
    assert "never reached: rollbacks, checksum_comparisons" in told
    (page,) = tmp_path.glob("*-reference.md")
    assert "`sametick sim reference --seed 2`: a law is broken" in page.read_text("utf-8")


def test_a_case_that_raises_is_a_finding() -> None:
    case = soak.play_case(("no-such-scenario", 1))
    assert "ScenarioError" in case.problem

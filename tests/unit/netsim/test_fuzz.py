"""The fuzzer gives the same cases again, whoever plays them, and what it finds is small and fails again."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.coverage import CONDITIONS
from netsim.fuzz import BATCH_CASES, PROFILES, Batch, Verdict, fuzz, judge, run_batch
from netsim.laws import laws
from sametick.cli import app
from scenarios.load import load_scenario
from scenarios.scenario import Scenario

ROOT = Path(__file__).parents[3]
CASES = 12


def figures(batch: Batch) -> tuple[object, ...]:
    return batch.cases, batch.frames, batch.checks, batch.reached, batch.laws, batch.failure


def test_a_batch_is_a_function_of_seed_and_number() -> None:
    first = run_batch(3, 5, CASES, 3)
    assert first.cases == CASES
    assert figures(first) == figures(run_batch(3, 5, CASES, 3))
    assert figures(first) != figures(run_batch(4, 5, CASES, 3))
    assert figures(first) != figures(run_batch(3, 6, CASES, 3))


def test_a_seed_says_the_same_in_every_process() -> None:
    """Whatever else is imported there: Hypothesis would draw constants of loaded modules."""
    code = (
        "import pandas, reports.page; from netsim.fuzz import run_batch; print(run_batch(3, 5, 12, 3).checks)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == run_batch(3, 5, CASES, 3).checks


@pytest.mark.slow
def test_any_number_of_processes_plays_the_same_cases() -> None:
    cases = BATCH_CASES + 20
    alone, together = (fuzz(seed=2, cases=cases, max_players=2, jobs=jobs) for jobs in (1, 2))
    assert alone.cases == cases
    assert (alone.cases, alone.frames, alone.checks) == (together.cases, together.frames, together.checks)
    assert alone.reached == together.reached


def test_only_known_conditions_must_be_reached() -> None:
    for profile in PROFILES.values():
        assert set(profile.must_reach) <= set(CONDITIONS)


@pytest.mark.slow
def test_the_quick_profile_holds_and_reaches_what_it_must() -> None:
    profile = PROFILES["quick"]
    tally = fuzz(seed=1, cases=profile.cases, max_players=profile.max_players, jobs=1)
    assert tally.failure is None
    assert tally.cases == profile.cases
    assert tally.missed(profile) == []


def test_conditions_that_were_not_reached_are_named() -> None:
    tally = fuzz(seed=1, cases=1, max_players=2, jobs=1)
    for profile in PROFILES.values():
        assert tally.missed(profile) == [], "too few cases to have met anything"
    tally.cases = PROFILES["quick"].cases
    assert tally.missed(PROFILES["nightly"]) == tally.missed(PROFILES["quick"]) != []
    tally.cases = PROFILES["nightly"].cases
    missed = tally.missed(PROFILES["nightly"])
    assert missed
    assert not set(missed) & set(tally.reached)
    tally.laws["O15"] = 0
    assert "a comparison by O15" in tally.missed(PROFILES["nightly"])
    assert "a comparison by O15" in tally.missed(PROFILES["soak"])
    assert "a comparison by O15" not in tally.missed(PROFILES["quick"])
    tally.laws.clear()  # as of a law that no case has been put to
    assert "a comparison by D1" in tally.missed(PROFILES["nightly"])


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_profile_can_be_played_far_enough_to_be_held_to_what_it_must_reach(name: str) -> None:
    profile = PROFILES[name]
    assert profile.reaches_by <= profile.cases
    assert profile.reaches_by <= PROFILES["nightly"].cases


def test_the_laws_of_every_session_count() -> None:
    """The bug shows in the second one only."""
    case = load_scenario(str(ROOT / "tests" / "corpus" / "planted" / "agreed-leaks-into-the-next.json"))
    assert case.sessions == 2
    first = judge(dataclasses.replace(case, sessions=1), "agreed-leaks-into-the-next")
    assert (first.kind, len(first.tables)) == ("", 1)
    both = judge(case, "agreed-leaks-into-the-next")
    assert both.laws[0] == both.kind
    assert both.kind in laws()
    assert len(both.tables) == 2


def test_a_case_that_fails_without_the_bug_as_well_is_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(scenario: Scenario, patch: str | None = None) -> Verdict:
        return Verdict("O1", "", ("O1",), ())

    monkeypatch.setattr("netsim.fuzz.judge", broken)
    assert run_batch(3, 5, 3, 2, "always-speculative").failure is None
    assert run_batch(3, 5, 3, 2, is_shrunk=False).failure is not None


def test_a_bug_that_no_single_process_shows_is_not_fuzzed_for() -> None:
    answer = CliRunner().invoke(app, ["fuzz", "--cases", "1", "--patch", "hash-of-the-process"])
    assert answer.exit_code == 2
    assert "sametick mutants hash-of-the-process" in answer.output


def test_what_is_found_is_made_small_written_and_fails_again(tmp_path: Path) -> None:
    bug = "predicted-frame-exported"
    words = ["fuzz", "--cases", "200", "--patch", bug, "--out", str(tmp_path), "--json"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 1, answer.output
    told = json.loads(answer.stdout)
    assert not told["ok"]
    [file] = tmp_path.glob(f"{bug}-*.json")
    assert told["failure"]["file"] == str(file)
    scenario = load_scenario(str(file))
    assert scenario.peer_count == 2
    assert scenario.events == ()
    assert scenario.game.max_steps <= 10
    _, command, path, *patch = told["failure"]["command"].rsplit(" ", 4)
    assert [command, path, *patch] == ["sim", str(file), "--patch", bug]
    assert CliRunner().invoke(app, [command, path, *patch]).exit_code == 1
    assert CliRunner().invoke(app, [command, path]).exit_code == 0

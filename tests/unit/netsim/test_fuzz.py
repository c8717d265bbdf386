"""The fuzzer gives the same cases again, whoever plays them, and what it finds is small and fails again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.coverage import CONDITIONS
from netsim.fuzz import BATCH_CASES, PROFILES, Batch, fuzz, run_batch
from sametick.cli import app
from scenarios.load import load_scenario

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
    missed = tally.missed(PROFILES["nightly"])
    assert missed
    assert not set(missed) & set(tally.reached)
    tally.laws["O15"] = 0
    assert "a comparison by O15" in tally.missed(PROFILES["nightly"])
    assert "a comparison by O15" not in tally.missed(PROFILES["quick"])


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

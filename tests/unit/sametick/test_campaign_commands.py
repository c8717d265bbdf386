"""Fuzzing, hunting and sweeping from the command line: what is printed, written and returned."""

import json
import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner, Result

from netsim.coverage import CONDITIONS
from sametick.cli import app

PLAN = """
scenario = "latency-100ms"
[set]
"game.max_steps" = 60
[axes]
"network.delay_ms" = [20, 250]
"session.prediction_window_frames" = [2, 8]
"""


def sametick(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "small.toml"
    file.write_text(PLAN)
    return file


def test_a_hunt_is_told_and_its_case_and_page_are_written(tmp_path: Path) -> None:
    files = ("--page", tmp_path / "page.md", "--corpus", tmp_path / "small", "--out", tmp_path / "out")
    answer = sametick("mutants", "resumed-at-every-datagram", "--hunts", "2", "--jobs", "1", "--json", *files)
    assert answer.exit_code == 0, answer.output
    [bug] = json.loads(answer.stdout)["bugs"]
    assert bug["is_dead"]
    assert bug["laws"] == {"O16": 2}
    assert json.loads((tmp_path / "out" / "mutants.json").read_text()) == json.loads(answer.stdout)
    assert sametick("report", tmp_path / "out").exit_code == 0
    assert "1 bug planted, each noticed" in (tmp_path / "out" / "report.html").read_text("utf-8")
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "| `resumed-at-every-datagram` | the end of an interruption is told" in page
    assert "O16 alone notices `resumed-at-every-datagram`" in page
    case = tmp_path / "small" / "resumed-at-every-datagram.json"
    assert sametick("sim", case).exit_code == 0
    assert sametick("sim", case, "--patch", "resumed-at-every-datagram").exit_code == 1


def test_a_bug_that_survives_is_a_failure(tmp_path: Path) -> None:
    words = ("mutants", "cut-is-minimum", "--hunts", "1", "--cases", "1", "--jobs", "1", "--out", tmp_path)
    answer = sametick(*words)
    assert answer.exit_code == 1
    assert "✗ not always noticed: cut-is-minimum" in answer.output
    told = json.loads((tmp_path / "mutants.json").read_text())
    assert (told["ok"], told["survivors"]) == (False, ["cut-is-minimum"])


def die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("survived")


def test_cases_that_no_worker_came_through_are_a_failure_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsim.fuzz.run_batch", die)
    words = ("fuzz", "--cases", "5", "--jobs", "2", "--out", tmp_path)
    answer = sametick(*words, "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert told["not_played"] == ["batch 0 of seed 1, 5 cases: its process died, 2 times"]
    assert not told["ok"]
    assert "✗ not played: batch 0 of seed 1" in sametick(*words).output
    assert sametick("report", tmp_path).exit_code == 0
    assert "But 1 batch could not be played." in (tmp_path / "report.html").read_text("utf-8")


def test_a_bug_whose_hunters_die_is_a_failure_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsim.hunt.hunt_all", die)
    words = ("mutants", "cut-is-minimum", "--jobs", "1", "--out", tmp_path)
    answer = sametick(*words, "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["not_hunted"] == ["cut-is-minimum: its process died, 2 times"]
    assert "✗ not hunted: cut-is-minimum" in sametick(*words).output
    assert sametick("report", tmp_path).exit_code == 0
    assert "1 could not be hunted" in (tmp_path / "report.html").read_text("utf-8")


def test_fuzzing_writes_its_result_and_a_dated_summary(tmp_path: Path) -> None:
    page, out = tmp_path / "fuzz.md", tmp_path / "out"
    answer = sametick("fuzz", "--cases", "5", "--jobs", "1", "--page", page, "--out", out)
    assert answer.exit_code == 0, answer.output
    assert "✓ every law held in every case" in answer.output
    assert "fuzzing: 5/5 cases" in answer.stderr
    told = json.loads((out / "fuzz.json").read_text())
    assert list(told["reached"]) == list(CONDITIONS)
    assert set(told["comparisons"]) == set(told["laws"])
    assert sametick("report", out).exit_code == 0
    assert "5 scenarios that nobody thought of" in (out / "report.html").read_text("utf-8")
    text = page.read_text("utf-8")
    assert text.startswith("# 5 generated scenarios, seed 1\n")
    assert "Every law held in every case." in text
    assert "--cases 5" in text


def test_a_sweep_goes_on_where_it_stood_and_its_page_is_written(tmp_path: Path, plan: Path) -> None:
    out = tmp_path / "campaign"
    first = sametick("sweep", plan, "--shard", "1/2", "--jobs", "1", "--out", out, "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["missing_cells"] == 2
    second = sametick("sweep", plan, "--jobs", "1", "--out", out)
    assert second.exit_code == 0, second.output
    assert "every law held in 4 runs of 4 cells" in second.output
    told = json.loads((out / "summary.json").read_text())
    assert (told["missing_cells"], told["runs"]) == (0, 4)
    assert {"runs.parquet", "cells.parquet", "cells.csv"} <= {file.name for file in out.iterdir()}
    assert sametick("report", out, "--against", out).exit_code == 0
    assert "4 runs of 4 cells: every law held." in (out / "report.html").read_text("utf-8")


def test_a_run_that_fails_is_a_failure(tmp_path: Path, plan: Path) -> None:
    plan.write_text(f"{PLAN}[expect]\nstalled_ticks = 0\n")
    answer = sametick("sweep", plan, "--jobs", "1", "--out", tmp_path / "campaign")
    assert answer.exit_code == 1
    assert "✗ 1 runs failed" in answer.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("mutants", "nothing"), 'there is no planted bug "nothing"'),
        (("fuzz", "--patch", "nothing"), 'there is no planted bug "nothing"'),
        (("sweep", "nothing"), "there is no such plan"),
        (("sweep", "bursts", "--shard", "3/2"), '"3/2" is no part of a whole'),
        (("sweep", "bursts", "--engine", "dask"), "give both or neither"),
        (("sweep", "bursts", "--address", "tcp://x"), "give both or neither"),
    ],
)
def test_a_mistake_is_named(words: tuple[str, ...], told: str) -> None:
    answer = sametick(*words)
    assert answer.exit_code == 2
    assert told in " ".join(answer.output.split())


def test_a_folder_of_another_plan_is_left_alone(tmp_path: Path, plan: Path) -> None:
    out = tmp_path / "campaign"
    assert sametick("sweep", plan, "--shard", "1/4", "--jobs", "1", "--out", out, "--json").exit_code == 0
    plan.write_text(PLAN.replace("60", "61"))
    answer = sametick("sweep", plan, "--jobs", "1", "--out", out)
    assert answer.exit_code == 2
    assert "another plan" in answer.output


def test_a_timeline_is_converted(tmp_path: Path) -> None:
    words = ("--set", "game.max_steps=60", "--trace", "--out", tmp_path / "run")
    assert sametick("sim", "latency-lan", *words).exit_code == 0
    assert sametick("timeline", tmp_path / "run").exit_code == 0
    assert (tmp_path / "run" / "trace.pftrace").stat().st_size > 1_000
    assert sametick("timeline", tmp_path).exit_code == 2

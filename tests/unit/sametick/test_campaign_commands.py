"""Fuzzing, hunting and sweeping from the command line: what is printed, written and returned."""

import dataclasses
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pandas
import pytest
from typer.testing import CliRunner, Result

from netsim import fuzz, hunt
from netsim.coverage import CONDITIONS
from rollback_core.errors import UsageError
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


def interrupted(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


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
    for name, rows in (("runs", 4), ("cells", 4)):
        written = pandas.read_csv(out / f"{name}.csv", keep_default_na=False)
        assert len(written) == rows
        assert list(written) == list(pandas.read_parquet(out / f"{name}.parquet"))
    assert sametick("report", out, "--against", out).exit_code == 0
    page = (out / "report.html").read_text("utf-8")
    assert "4 runs of 4 cells: every law held." in page
    linked = re.findall(r'href="(scenarios/[^"]+)"', page)
    assert len(linked) == 2 * 4, "as one of the worst and as one with most work"
    assert all((out / file).is_file() for file in linked)
    assert sametick("sim", out / linked[0]).exit_code == 0


def test_a_run_that_fails_is_a_failure(tmp_path: Path, plan: Path) -> None:
    plan.write_text(f"{PLAN}[expect]\nstalled_ticks = 0\n")
    answer = sametick("sweep", plan, "--jobs", "1", "--out", tmp_path / "campaign")
    assert answer.exit_code == 1
    labels = "network.delay_ms = 250, session.prediction_window_frames = 2"
    assert f"✗ cell 2 ({labels}), repeat 0: Expected stalled_ticks = 0, it was" in answer.output
    assert "✗ 1 run failed in 4 runs of 4 cells" in answer.output


def test_an_expectation_on_a_time_is_put_to_the_test(tmp_path: Path, plan: Path) -> None:
    plan.write_text(f"{PLAN}[expect]\nrtt_p50_ms = {{ max = 100 }}\n")
    answer = sametick("sweep", plan, "--jobs", "1", "--out", tmp_path / "campaign")
    assert answer.exit_code == 1
    assert "Expected rtt_p50_us <= 100000, it was" in answer.output


def test_a_part_without_cells_and_the_cells_of_other_parts(tmp_path: Path, plan: Path) -> None:
    words = ("sweep", plan, "--jobs", "1", "--out", tmp_path / "campaign")
    nothing = sametick(*words, "--shard", "16/16")
    assert nothing.exit_code == 0, nothing.output
    assert "4 cells of other parts still to be played" in nothing.output
    assert sametick("report", tmp_path / "campaign").exit_code == 2
    some = sametick(*words, "--shard", "1/4")
    assert "3 cells of other parts still to be played" in some.output
    assert "the same command" not in some.output
    assert sametick(*words, "--json").exit_code == 0


def test_a_cell_that_no_worker_came_through_is_a_failure_and_the_tables_are_written(
    tmp_path: Path, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "campaign"
    assert sametick("sweep", plan, "--shard", "1/2", "--jobs", "1", "--out", out, "--json").exit_code == 0
    monkeypatch.setattr("netsim.sweep.play_cell", die)
    answer = sametick("sweep", plan, "--shard", "2/4", "--jobs", "1", "--out", out)
    assert answer.exit_code == 1
    assert "✗ not played: cell 1 (network.delay_ms = 20, session" in answer.output
    assert "1 cell still to be played: the same command goes on from here" in answer.output
    assert "every law held" not in answer.output
    told = json.loads((out / "summary.json").read_text())
    assert (told["ok"], told["runs"], len(told["not_played"])) == (False, 2, 1)
    assert sametick("report", out).exit_code == 0
    assert "Not played: cell 1" in (out / "report.html").read_text("utf-8")


def test_a_sweep_that_is_stopped_writes_its_tables_and_goes_on_later(
    tmp_path: Path, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "campaign"
    words = ("sweep", plan, "--jobs", "1", "--out", out)
    assert sametick(*words, "--shard", "1/4").exit_code == 0
    (out / "cells.csv").unlink()
    with monkeypatch.context() as patched:
        patched.setattr("netsim.sweep.play_here", interrupted)
        answer = sametick(*words)
    assert answer.exit_code == 0, answer.output
    assert "3 cells still to be played: the same command goes on from here" in answer.output
    assert len((out / "cells.csv").read_text().splitlines()) == 2
    assert sametick("report", out).exit_code == 0
    assert "still to be played" not in sametick(*words).output


def test_what_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for work in ("netsim.fuzz.fuzz", "sametick.mutants_command._records"):
        monkeypatch.setattr(work, interrupted)
    file = tmp_path / "file"
    file.write_text("")
    for command in ("fuzz", "mutants"):
        for words in (("--out", file), ("--page", tmp_path), ("--page", file / "page.md")):
            answer = sametick(command, *words)
            assert answer.exit_code == 2, answer.output
            assert f"where: {file if file in words[1].parents else words[1]}\n" in answer.output


def test_a_page_gets_the_folder_that_it_names(tmp_path: Path) -> None:
    page = tmp_path / "new" / "fuzz.md"
    answer = sametick("fuzz", "--cases", "2", "--jobs", "1", "--page", page, "--out", tmp_path / "out")
    assert answer.exit_code == 0, answer.output
    assert page.is_file()


def test_fuzzing_that_is_stopped_tells_what_it_has_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = iter((fuzz.run_batch, interrupted))
    monkeypatch.setattr(fuzz, "BATCH_CASES", 5)
    monkeypatch.setattr(fuzz, "run_batch", lambda *words: next(batches)(*words))
    words = ("fuzz", "--profile", "soak", "--jobs", "1", "--out", tmp_path, "--page", tmp_path / "a.md")
    answer = sametick(*words)
    assert answer.exit_code == 0, answer.output
    assert "stopped; the rest was not played" in answer.output
    assert json.loads((tmp_path / "fuzz.json").read_text())["cases"] == 5
    assert "Then it was stopped." in (tmp_path / "a.md").read_text("utf-8")
    assert sametick("report", tmp_path).exit_code == 0
    monkeypatch.setattr(fuzz, "run_batch", interrupted)
    empty = sametick(*words)
    assert empty.exit_code == 1
    assert "✗ nothing was played" in empty.output


def test_who_waits_no_longer_gets_the_failure_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsim.fuzz.smallest", interrupted)
    words = ("--patch", "always-speculative", "--cases", "20", "--jobs", "1", "--out", tmp_path, "--json")
    answer = sametick("fuzz", *words)
    assert answer.exit_code == 1
    assert Path(json.loads(answer.stdout)["failure"]["file"]).is_file()


def test_hunting_that_is_stopped_tells_which_bugs_were_hunted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = hunt.Record("cut-is-minimum", (), None)
    kill = hunt.Kill("cut-is-minimum", 1, 3, 0.1, "O1", ("O1",), None)

    def records(_: object) -> Iterator[hunt.Record]:
        yield dataclasses.replace(record, kills=(kill,))
        raise KeyboardInterrupt

    monkeypatch.setattr("sametick.mutants_command._records", records)
    words = ("mutants", "cut-is-minimum", "always-speculative", "--out", tmp_path)
    answer = sametick(*words)
    assert answer.exit_code == 0, answer.output
    assert "stopped; the other bugs were not hunted" in answer.output
    assert json.loads((tmp_path / "mutants.json").read_text())["stopped"]
    monkeypatch.setattr("sametick.mutants_command._records", interrupted)
    assert sametick(*words).exit_code == 1


@pytest.mark.parametrize("name", ["cut-is-minimum", "out-of-order-asserted", "confirmed-by-anyone"])
def test_a_planted_bug_that_stops_the_core_is_shown_again(name: str) -> None:
    case = Path(__file__).parents[2] / "corpus" / "planted" / f"{name}.json"
    answer = sametick("sim", case, "--patch", name)
    assert answer.exit_code == 1, answer.output
    assert "an error stopped the run: " in answer.output
    assert "where: rollback_core/" in answer.output or "where: netsim/" in answer.output
    assert f"this is the planted bug; again: sametick sim {case}" in answer.output
    seeds = sametick("sim", case, "--patch", name, "--seeds", f"{json.loads(case.read_text())['seed']}")
    assert seeds.exit_code == 1
    assert "1 of 1 seeds fail" in seeds.output


def test_an_error_of_the_core_is_a_finding_and_one_of_ones_own_bot_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = tmp_path / "own.py"
    bot.write_text("def bot(game, player, frame):\n    return {}[frame]\n")
    own = sametick("sim", "latency-lan", "--set", f"player[0].bot={bot}:bot")
    assert own.exit_code == 2
    assert "change it in the file" in own.output

    def fail(*_: object, **__: object) -> NoReturn:
        raise UsageError("given twice")

    monkeypatch.setattr("netsim.run.run_scenario", fail)
    core = sametick("sim", "latency-lan", "--json")
    assert core.exit_code == 1
    assert json.loads(core.stdout)["error"]["what"] == "an error stopped the run: UsageError: given twice"


def test_a_folder_that_holds_something_else_is_told_what_to_do(tmp_path: Path) -> None:
    seeds = (
        "sim",
        "latency-lan",
        "--set",
        "game.max_steps=30",
        "--seeds",
        "9..10",
        "--out",
        tmp_path / "many",
    )
    assert sametick(*seeds).exit_code == 0
    assert "give the folder of one seed, as" in sametick("report", tmp_path / "many").output
    (tmp_path / "campaign.json").write_text("{}")
    assert "go on with: sametick sweep" in sametick("report", tmp_path).output


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

"""A campaign comes to the same whoever plays it, in whatever order, and however often it is cut short."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client

from netsim import sweep
from netsim.build import sources
from netsim.run import RunResult, run_scenario
from netsim.sweep import (
    AXIS,
    FIGURES,
    Campaign,
    SweepError,
    cells,
    content_hash,
    figures,
    open_campaign,
    play_cell,
    play_here,
    play_on_dask,
    runs,
    stopped,
    write_scenarios,
)
from scenarios.load import load_scenario
from scenarios.plan import load_plan
from scenarios.scenario import scenario_hash

PLAN = """
scenario = "latency-100ms"
repeats = 3
[set]
"game.max_steps" = 60
[axes]
"network.delay_ms" = [20, 250]
"session.prediction_window_frames" = [2, 8]
"""


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    file = tmp_path / "small.toml"
    file.write_text(PLAN)
    return file


def campaign(plan_file: Path, folder: str) -> Campaign:
    return open_campaign(load_plan(str(plan_file)), "build", plan_file.parent / folder)


def nothing(_: int) -> None:
    pass


def test_any_number_of_workers_in_any_order_gives_the_same_content(plan_file: Path) -> None:
    one, two = campaign(plan_file, "one"), campaign(plan_file, "two")
    for cell in (2, 0, 3, 1):
        assert play_cell(one, cell) == 3
    done: list[int] = []
    play_here(two, range(4), 2, done.append)
    assert sorted(done) == [0, 1, 2, 3]
    assert content_hash(runs(one)) == content_hash(runs(two))
    assert content_hash(runs(one)) == content_hash(runs(one).sample(frac=1, random_state=1))


def test_what_is_there_is_not_played_again(plan_file: Path) -> None:
    mine = campaign(plan_file, "mine")
    play_here(mine, [0, 2], 1, nothing)
    before = {cell: mine.file(cell).stat().st_mtime_ns for cell in (0, 2)}
    again = campaign(plan_file, "mine")
    assert again.missing(range(4)) == [1, 3]
    play_here(again, again.missing(range(4)), 1, nothing)
    assert again.missing(range(4)) == []
    assert {cell: mine.file(cell).stat().st_mtime_ns for cell in (0, 2)} == before
    assert not list(mine.folder.rglob("*.part"))


def test_another_plan_does_not_get_into_a_folder(plan_file: Path) -> None:
    campaign(plan_file, "mine")
    plan_file.write_text(PLAN.replace("repeats = 3", "repeats = 4"))
    with pytest.raises(SweepError, match="another plan"):
        campaign(plan_file, "mine")


def test_a_scenario_that_has_changed_does_not_get_into_a_folder(plan_file: Path) -> None:
    scenario = plan_file.parent / "own.toml"
    scenario.write_text('[game]\nid = "counter-v1"\nmax_steps = 90\n[[player]]\n[[player]]\n')
    plan_file.write_text(PLAN.replace("latency-100ms", str(scenario)))
    campaign(plan_file, "mine")
    scenario.write_text(scenario.read_text() + 'bot = "idle"\n')
    with pytest.raises(SweepError, match="scenarios, games or bots that have changed"):
        campaign(plan_file, "mine")


def test_a_build_is_all_that_a_simulated_run_rests_on() -> None:
    names = {name for name, _ in sources()}
    assert {"rollback_core/session.py", "netsim/link_model.py", "scenarios/games/slime.py"} <= names
    assert {"scenarios/traces/lte-drive.trace", "scenarios/tables/pareto.dist"} <= names
    assert not any("__pycache__" in name for name in names)


def test_cells_have_means_with_intervals_and_a_bound_on_failures(plan_file: Path) -> None:
    mine = campaign(plan_file, "mine")
    play_here(mine, range(4), 1, nothing)
    table = cells(runs(mine))
    assert list(table["runs"]) == [3] * 4
    assert list(table["failed"]) == [0] * 4
    assert set(table["failed_high"]) == {1.0}  # three runs are too few to say anything
    by_label = table.set_index([f"{AXIS}network.delay_ms", f"{AXIS}session.prediction_window_frames"])
    assert by_label.loc[("250", "2"), "stalled_percent"] > by_label.loc[("250", "8"), "stalled_percent"]
    assert by_label.loc[("20", "2"), "stalled_percent"] == 0
    assert by_label.loc[("20", "2"), "stalled_percent ±"] == 0


def test_a_cell_names_its_worst_and_its_busiest_run(plan_file: Path) -> None:
    mine = campaign(plan_file, "mine")
    play_cell(mine, 2)
    table = runs(mine)
    [found] = cells(table).to_dict("records")
    by_repeat = table.set_index("repeat")
    assert found["worst_repeat"] == by_repeat["stalled_percent"].idxmax()
    steps_per_s = 1e6 * (by_repeat["frames_sum"] + by_repeat["resimulated_sum"]) / by_repeat["simulated_us"]
    assert list(by_repeat["steps_per_s"]) == pytest.approx(list(steps_per_s))
    assert found["busiest_repeat"] == steps_per_s.idxmax()
    table.loc[1, "ok"] = False
    assert cells(table)["worst_repeat"][0] == 1, "what fails is worse than what stalls"
    write_scenarios(mine, [(2, 1)])
    kept = load_scenario(str(mine.folder / "scenarios" / "cell-00002-repeat-1.json"))
    assert scenario_hash(kept) == table["scenario_hash"][1]


def test_a_cell_that_is_known_well_enough_is_repeated_no_more(plan_file: Path) -> None:
    settle = "[settle]\nhalf_width_percent = 0.5\nleast_repeats = 2\n"
    plan_file.write_text(PLAN.replace("repeats = 3", "repeats = 9") + settle)
    mine = campaign(plan_file, "mine")
    play_here(mine, range(4), 1, nothing)
    counts = runs(mine).groupby("cell").size()
    assert counts[0] == 2, "nothing stalls, twice: settled"
    assert counts.max() <= 9


def test_a_failure_is_kept_whole_with_its_scenario(plan_file: Path) -> None:
    plan_file.write_text(f"{PLAN}[expect]\nstalled_ticks = 0\n")
    mine = campaign(plan_file, "mine")
    play_here(mine, range(4), 1, nothing)
    failed = runs(mine)[lambda table: ~table["ok"]]
    assert set(failed["cell"]) == {2}
    assert failed["sentence"].str.startswith("Expected stalled_ticks = 0, it was ").all()
    kept = {folder.name for folder in (mine.folder / "failures").iterdir()}
    assert kept == {f"cell-{row.cell:05}-repeat-{row.repeat}" for row in failed.itertuples()}
    for folder in (mine.folder / "failures").iterdir():
        assert {"result.json", "trace.json", "scenario.json"} <= {file.name for file in folder.iterdir()}


def die_once(mine: Campaign, cell: int) -> int:
    """As play_cell, but the first worker to play cell 1 is killed in the middle of it."""
    mark = mine.folder / "died"
    if cell == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return play_cell(mine, cell)


def die_at_one(mine: Campaign, cell: int) -> int:
    if cell == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return play_cell(mine, cell)


def test_a_worker_that_is_killed_costs_its_cell_only_once(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, mine = campaign(plan_file, "whole"), campaign(plan_file, "mine")
    play_here(whole, range(4), 1, nothing)
    monkeypatch.setattr(sweep, "play_cell", die_once)
    play_here(mine, range(4), 2, nothing)
    assert (mine.folder / "died").exists()
    assert content_hash(runs(mine)) == content_hash(runs(whole))


def test_a_cell_that_kills_every_worker_is_named_when_all_others_are_played(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "play_cell", die_at_one)
    mine = campaign(plan_file, "mine")
    [lost] = play_here(mine, range(4), 1, nothing)
    labels = "network.delay_ms = 20, session.prediction_window_frames = 8"
    assert str(lost) == f"cell 1 ({labels}): its process died, 2 times"
    assert mine.missing(range(4)) == [1]


def with_a_bot_that_fails(plan_file: Path) -> Campaign:
    """A campaign in which a bot of somebody's own fails in the middle of each run."""
    own = plan_file.parent / "own.py"
    own.write_text("def bot(game, player, frame):\n    return {0: 0}[frame // 40]\n")
    plan_file.write_text(f"{PLAN}[axes.bot]\nown = {{ 'player[0].bot' = '{own}:bot' }}\n")
    return campaign(plan_file, "mine")


def test_an_error_in_a_run_is_a_failure_of_it_and_its_scenario_is_kept(plan_file: Path) -> None:
    mine = with_a_bot_that_fails(plan_file)
    assert play_here(mine, range(2), 1, nothing) == []
    assert mine.missing(range(2)) == [], "it is not met again"
    table = runs(mine)
    assert list(table["ok"]) == [False] * 6
    assert "raised KeyError: 1" in table["sentence"][0]
    assert table["stalled_percent"].isna().all()
    assert (mine.folder / "failures" / "cell-00001-repeat-2" / "scenario.json").is_file()
    found = cells(table)
    assert list(found["failed"]) == [3, 3]
    assert found["stalled_percent"].isna().all()


def test_a_run_that_an_error_has_stopped_does_not_take_part_in_means(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = sweep.run_scenario, iter(range(9))

    def fails_once(*arguments: Any, **options: Any) -> RunResult:
        if next(calls) == 2:
            raise KeyError("frame 3")
        return original(*arguments, **options)

    monkeypatch.setattr(sweep, "run_scenario", fails_once)
    mine = campaign(plan_file, "mine")
    assert play_cell(mine, 1) == 3
    [row] = cells(runs(mine)).to_dict("records")
    assert (row["runs"], row["failed"]) == (3, 1)
    assert (row["stalled_percent"], row["stalled_percent ±"]) == (0, 0)
    assert list(runs(mine)["broken"]) == ["", "", "KeyError"]


def test_all_sessions_of_a_run_count(plan_file: Path) -> None:
    plan_file.write_text(PLAN.replace("[set]", "[set]\nsessions = 2").replace("repeats = 3", "repeats = 1"))
    mine = campaign(plan_file, "mine")
    play_cell(mine, 2)
    [row] = runs(mine).to_dict("records")
    result = run_scenario(mine.plan.scenario(mine.plan.cells[2], 0), build="build")
    assert len(result.more) == 1
    peers = [peer for each in (result, *result.more) for peer in each.table["peers"]]
    assert row["frames_sum"] == sum(peer["metrics"]["frames"] for peer in peers)
    assert row["trace_hash"].split() == [each["trace_hash"] for each in result.table["sessions"]]


def test_the_frame_advantage_tells_controllers_apart() -> None:
    """A clock that is half a percent fast gains nine frames in half a minute, if nobody holds it back."""
    plan = load_plan("time-sync")
    found = {}
    for cell in plan.cells:
        if (cell.labels["asymmetry"], cell.labels["drift"]) == ("40 + 40 ms", "5000 ppm"):
            result = run_scenario(plan.scenario(cell, 0), build="build")
            row = figures([result.table], result.table["verdict"])
            found[cell.labels["session.time_sync"]] = row["frame_advantage_p95_frames"]
    assert found["none"] > 8
    assert 2 < found["skip"] < 4
    assert 2 < found["window"] < 4
    assert found["speed"] < 0.5


def test_a_run_without_figures_has_the_columns_of_any_other() -> None:
    result = run_scenario(load_scenario("latency-100ms", overrides=["game.max_steps=30"]), build="build")
    assert set(stopped(ValueError())) == set(figures([result.table], result.table["verdict"]))
    assert set(FIGURES) < set(stopped(ValueError()))


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_campaign_file_that_says_nothing(plan_file: Path, text: str) -> None:
    campaign(plan_file, "mine")
    (plan_file.parent / "mine" / "campaign.json").write_text(text)
    with pytest.raises(SweepError, match="does not say which campaign"):
        campaign(plan_file, "mine")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nothing://x", "http://"])
def test_a_cluster_that_is_not_there(plan_file: Path, address: str) -> None:
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}):
        with pytest.raises(SweepError, match=f"no Dask scheduler at {address}"):
            play_on_dask(campaign(plan_file, "mine"), range(4), address, nothing)
    assert "IO loop" not in {thread.name for thread in threading.enumerate()}  # Dask's, for the collector


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[str]:
    """A scheduler and so many workers, each a process of its own; gives the scheduler's address."""
    told = folder / "scheduler.json"
    common = ["--scheduler-file", str(told), "--no-dashboard"]
    commands = [
        ["dask", "scheduler", *common, "--host", "127.0.0.1", "--port", "0"],
        *(["dask", "worker", *common, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1"],) * workers,
    ]
    log = (folder / "dask.log").open("w")
    running = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        for command in commands
    ]
    try:
        with Client(scheduler_file=str(told), timeout=60) as client:
            client.wait_for_workers(workers, timeout=60)
            yield str(json.loads(told.read_text())["address"])
            client.shutdown()
        for process in running:
            process.wait(60)
    finally:
        for process in running:
            process.kill()
            process.wait()
        log.close()


@pytest.mark.slow
def test_a_dask_cluster_of_two_workers_gives_the_same_content_and_names_what_it_lost(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = campaign(plan_file, "here"), campaign(plan_file, "there")

    def fails_at_three(mine: Campaign, cell: int) -> int:
        if cell == 3:
            raise OSError("disk full")
        return play_cell(mine, cell)

    def is_killed_once_with_its_worker(mine: Campaign, cell: int) -> int:
        if not (mine.folder / "killed").exists():
            (mine.folder / "killed").touch()
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return play_cell(mine, cell)

    play_here(here, range(4), 1, nothing)
    done: list[int] = []
    with dask_cluster(plan_file.parent, workers=2) as address:
        with monkeypatch.context() as patch:
            patch.setattr(sweep, "play_cell", fails_at_three)
            [lost] = play_on_dask(there, [2, 3], address, done.append)
        assert str(lost).startswith("cell 3 (network.delay_ms = 250, session.prediction_window_frames = 8): ")
        assert lost.reason == "OSError: disk full, 2 times"
        with monkeypatch.context() as patch:
            patch.setattr(sweep, "play_cell", is_killed_once_with_its_worker)
            assert play_on_dask(there, there.missing(range(4)), address, done.append) == []
        assert (there.folder / "killed").exists()
    assert sorted(done) == [0, 1, 2, 3]
    assert content_hash(runs(here)) == content_hash(runs(there))


@pytest.mark.slow
def test_a_cell_that_hangs_on_a_dask_cluster_is_named_and_its_worker_plays_on(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(mine: Campaign, cell: int) -> int:
        with (mine.folder / "tries").open("a") as tries:
            tries.write(f"{os.getpid()}\n")
        signal.pause()
        return cell

    mine = campaign(plan_file, "mine")
    with dask_cluster(plan_file.parent, workers=1) as address:
        with monkeypatch.context() as patch:
            patch.setattr(sweep, "play_cell", hangs)
            patch.setattr(sweep, "HOUR_S", 10.0 / 3)  # a repeat: ten seconds until it has begun to hang
            [lost] = play_on_dask(mine, [1], address, nothing)
        assert lost.reason == "its process did not answer any more, 2 times"
        assert len(set((mine.folder / "tries").read_text().split())) == 2
        assert play_on_dask(mine, [0], address, nothing) == []
    assert mine.missing(range(2)) == [1]

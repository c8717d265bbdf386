"""A scenario, a seed and a build give one trace: again, in another process, with or without the laws."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from netsim.run import run_scenario
from scenarios.load import load_scenario

GOLDEN = Path(__file__).parents[2] / "golden" / "make_trace_hashes.py"


@pytest.fixture(scope="module")
def golden() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_trace_hashes", GOLDEN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_trace_hashes_are_the_golden_ones(golden: ModuleType) -> None:
    """Run by every Python that runs the tests; `make_trace_hashes.py` says what to do when one changes."""
    assert golden.trace_hashes() == json.loads(golden.PATH.read_text("utf-8"))


@pytest.mark.parametrize("name", ["drop-split-view", "jitter-reorder-duplicate"])
def test_twice_in_a_process_and_with_or_without_oracles(name: str) -> None:
    scenario = load_scenario(name)
    first = run_scenario(scenario)
    again = run_scenario(scenario)
    bare = run_scenario(scenario, oracles=False)
    traced = run_scenario(scenario, record_trace=True)
    assert first.table["sessions"] == again.table["sessions"]
    assert first.data.local_csv == again.data.local_csv
    assert {run.table["trace_hash"] for run in (again, bare, traced)} == {first.table["trace_hash"]}


@pytest.mark.slow
def test_in_a_fresh_process_with_another_hash_seed(golden: ModuleType) -> None:
    outcomes = []
    for hash_seed in ("1", "4242"):
        run = subprocess.run(
            [sys.executable, str(GOLDEN), "--print"],
            cwd=GOLDEN.parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.stderr == ""
        outcomes.append(json.loads(run.stdout))
    assert outcomes == [golden.trace_hashes()] * 2


def ask_every_python(folder: Path, uv: str, *pythons: str) -> subprocess.CompletedProcess[str]:
    """Run `every_python.sh` with this script for uv, in a home where there is no other Python."""
    (folder / "uv").write_text(f"#!/bin/sh\n{uv}\n")
    (folder / "uv").chmod(0o755)
    return subprocess.run(
        ["bash", str(GOLDEN.with_name("every_python.sh")), *pythons],
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_python_found_is_no_pass(tmp_path: Path) -> None:
    done = ask_every_python(tmp_path, "echo '[]'")
    assert done.returncode == 2
    assert "no Python" in done.stderr


def test_one_python_that_differs_fails_all_and_the_others_are_asked(tmp_path: Path) -> None:
    uv = 'echo "$*"; case "$*" in *"--python two "*) exit 1 ;; esac'
    done = ask_every_python(tmp_path, uv, "one", "two", "three")
    assert done.returncode == 1
    asked = done.stdout.splitlines()
    assert ["one" in asked[0], "two" in asked[1], "three" in asked[2]] == [True] * 3
    assert all(line.endswith("make_trace_hashes.py --check") for line in asked)


def test_a_name_makes_no_difference() -> None:
    scenario = load_scenario("asymmetric-dsl")  # where a datagram's length is time
    renamed = dataclasses.replace(scenario, name="the same by another and much longer name")
    assert run_scenario(renamed).table["trace_hash"] == run_scenario(scenario).table["trace_hash"]


def test_seed_and_build_and_scenario_each_make_a_difference() -> None:
    scenario = load_scenario("latency-100ms")
    hashes = [
        run_scenario(scenario, build="a").table["trace_hash"],
        run_scenario(scenario, build="b").table["trace_hash"],
        run_scenario(load_scenario("latency-100ms", seed=2), build="a").table["trace_hash"],
        run_scenario(load_scenario("latency-100ms", overrides=["network.delay_ms=51"]), build="a").table[
            "trace_hash"
        ],
    ]
    assert len(set(hashes)) == len(hashes)
    assert run_scenario(scenario, build="a").table["build_id"] == "a"

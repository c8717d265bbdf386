"""The wheel, installed into an environment of its own, works in an empty folder with no repository near."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of a fresh environment with the wheel; its dependencies are those that the tests run with."""
    folder = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (wheel,) = folder.glob("*.whl")
    place = folder / "venv"
    uv = [sys.executable, "-m", "uv"]
    run([*uv, "venv", "--quiet", "--python", sys.executable, str(place)], folder)
    python = place / "bin" / "python"
    install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", "--no-index"]
    run([*install, str(wheel)], folder)
    # Dependencies from here, but not the editable install of this repository.
    ours = Path(pytest.__file__).parents[1]
    site = next(place.glob("lib/python*/site-packages"))
    for package in ours.iterdir():
        if "sametick" not in package.name and package.suffix not in (".pth", ".virtualenv"):
            target = site / package.name
            if not target.exists():
                target.symlink_to(package)
    return place / "bin"


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=clean)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def test_installed_wheel_simulates_replays_compares_and_reports(installed: Path, tmp_path: Path) -> None:
    sametick = str(installed / "sametick")
    where = run([str(installed / "python"), "-c", "import netsim; print(netsim.__file__)"], tmp_path).stdout
    assert where.startswith(str(installed.parent)), "the wheel's own sources, not the repository's"

    assert "latency-100ms" in run([sametick, "scenarios"], tmp_path).stdout
    run([sametick, "sim", "latency-100ms", "--out", "d"], tmp_path)
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert names >= {"result.json", "inputs.json", "player-0.csv", "player-1.csv", "player-0.local.csv"}
    result = json.loads((tmp_path / "d" / "result.json").read_text("utf-8"))
    assert result["verdict"]["ok"]

    run([sametick, "replay", "d"], tmp_path)
    run([sametick, "compare", "d/player-0.csv", "d/player-1.csv"], tmp_path)
    run([sametick, "report", "d"], tmp_path)
    assert (tmp_path / "d" / "report.html").read_text("utf-8").lstrip().lower().startswith("<!doctype html")
    schema = json.loads(run([sametick, "schema"], tmp_path).stdout)
    assert "properties" in schema


def test_a_difference_is_exit_1_and_a_wrong_name_exit_2(installed: Path, tmp_path: Path) -> None:
    sametick = str(installed / "sametick")
    run([sametick, "sim", "latency-lan", "--out", "d"], tmp_path)
    table = tmp_path / "d" / "player-1.csv"
    table.write_text(table.read_text("utf-8").replace("true", "false", 1), "utf-8")
    compare = subprocess.run(
        [sametick, "compare", "d/player-0.csv", "d/player-1.csv"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert compare.returncode == 1
    unknown = subprocess.run([sametick, "sim", "no-such"], cwd=tmp_path, capture_output=True, check=False)
    assert unknown.returncode == 2

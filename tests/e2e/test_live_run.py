"""`sametick live-run` with pages among the peers: the files are those of a simulated run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def sametick(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sametick", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=150)


@pytest.mark.parametrize(
    ("peers", "hosts"),
    [("browser", {"Linux"}), ("mixed", {"Linux", "aiortc"})],
)
def test_pages_play_a_scenario(tmp_path: Path, peers: str, hosts: set[str]) -> None:
    short = ("--set", "game.max_steps=150")
    played = sametick("live-run", "latency-100ms", *short, "--peers", peers, "--out", tmp_path, "--json")
    assert played.returncode == 0, played.stdout + played.stderr
    table = json.loads(played.stdout)
    assert table == json.loads((tmp_path / "result.json").read_text())
    assert table["verdict"] == {"ok": True, "sentence": "All peers' data are equal and true."}
    assert table["impairment"] == {"problems": []}
    assert table["exercised"]["rollbacks"] > 0
    assert {peer["label"]["platform"] for peer in table["peers"]} == hosts
    assert f"--peers {peers}" in table["command"]
    [page, *_] = table["peers"]
    assert page["label"]["platform"] == "Linux"
    assert page["metrics"]["presses"] > 0
    delay = page["metrics"]["input_delay_frames"]
    assert 0 < page["metrics"]["input_to_present_max_frames"] <= delay + 1
    assert page["metrics"]["press_to_tick_p50_us"] <= page["metrics"]["press_to_paint_p50_us"]

    compared = sametick("compare", tmp_path / "player-0.csv", tmp_path / "player-1.csv")
    assert compared.returncode == 0, compared.stderr
    replayed = sametick("replay", tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    report = sametick("report", tmp_path, "--out", tmp_path / "report.html")
    assert report.returncode == 0, report.stderr

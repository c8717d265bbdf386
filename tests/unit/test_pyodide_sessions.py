"""Whole sessions of the core give the same bytes under Pyodide as natively: the golden traces."""

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from sametick.other_hosts import find_node, find_pyodide, pack_sources

ROOT = Path(__file__).parents[2]
DEADLINE_S = 300  # two seconds to start and a few to play; a hang must not take the suite with it


@pytest.mark.slow
def test_sessions_under_pyodide_send_and_commit_the_golden_bytes(tmp_path: Path) -> None:
    node, pyodide = find_node(), find_pyodide(os.environ)
    assert node is not None, "Node is missing: ./dev setup installs it"
    assert pyodide is not None, "the npm package pyodide is missing: ./dev setup installs it"
    archive = tmp_path / "sources.zip"
    pack_sources(archive, [])
    with zipfile.ZipFile(archive, "a") as packed:
        for name in ("mesh.py", "session_trace.py"):
            packed.write(ROOT / "tests" / "support" / name, name)
    done = subprocess.run(
        [str(node), str(ROOT / "tests" / "web" / "session_trace.mjs"), str(pyodide), str(archive)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    golden = json.loads((ROOT / "tests" / "golden" / "session-trace.json").read_text())
    assert json.loads(done.stdout.splitlines()[-1]) == golden

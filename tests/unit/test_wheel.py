"""The wheel holds what the folders hold, and works where no repository is."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ["rollback_core", "scenarios", "netsim", "live", "reports", "sametick"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def test_wheel_holds_every_file_of_the_parts(wheel: Path) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *PARTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    ours = {each for each in listing.stdout.split("\0") if each and (ROOT / each).exists()}
    packed = {each for each in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in each}
    assert packed == ours
    assert {Path(each).suffix for each in packed} >= {".py", ".dist", ".trace", ".toml"}


def test_unpacked_wheel_answers_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(place)
    empty = tmp_path / "empty"
    empty.mkdir()
    code = (
        f"import sys; sys.path.insert(0, {str(place)!r})\n"
        "import rollback_core; print(rollback_core.__file__)\n"
        "from sametick.cli import main; sys.argv = ['sametick', 'scenarios']; main()\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=empty, capture_output=True, text=True, check=False
    )
    assert answer.stderr == ""
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[0].startswith(str(place))
    assert "slime" in answer.stdout

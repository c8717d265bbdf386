"""One game's trajectory in other hosts: a process with another hash seed, and Pyodide under Node.

Each answers with a digest per frame; where two differ, both are asked for the canonical bytes of
the first frame that does, so that the field can be named.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from rollback_core import canonical
from rollback_core.trajectory import state_difference

Request: TypeAlias = dict[str, Any]
Answer: TypeAlias = dict[str, Any]
Host: TypeAlias = Callable[[Request], Answer]

_DEADLINE_S: Final = 600  # a game may hang; the longest sane check takes minutes
_MAX_SOURCES_BYTES: Final = 20_000_000  # of a game's own package: more is no pure-Python game
_OWN_PARTS: Final = ("rollback_core", "scenarios")
_UNPACKED: Final = "/sametick"  # where pyodide_check.mjs unpacks them


class HostError(Exception):
    """The host itself failed; the text says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first frame at which two hosts differ."""

    frame: int
    field: str
    first: Any
    second: Any


def process_host(hash_seed: int) -> Host:
    """A child process of this Python with its own hash seed."""

    def ask(request: Request) -> Answer:
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(hash_seed),
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        }
        done = _run([sys.executable, "-m", "scenarios.probe"], json.dumps(request), environment)
        lines = done.stdout.splitlines()
        if done.returncode != 0 or not lines:
            raise HostError(_last_line(done.stderr) or f"it ended with code {done.returncode}")
        answer: Answer = json.loads(lines[-1])
        return answer

    return ask


def pyodide_host(node: Path, pyodide: Path) -> Host:
    """Pyodide under Node, with the sources of the core, the scenarios and the game itself."""

    def ask(request: Request) -> Answer:
        return ask_pyodide(node, pyodide, [request])[0]

    return ask


def ask_pyodide(node: Path, pyodide: Path, requests: list[Request]) -> list[Answer]:
    """Several requests to one Pyodide, which takes two seconds to start."""
    with tempfile.TemporaryDirectory(prefix="sametick-") as name:
        folder = Path(name)
        games = pack_sources(folder / "sources.zip", [request["game"] for request in requests])
        asked = [{**request, "game": game} for request, game in zip(requests, games, strict=True)]
        (folder / "request.json").write_text(json.dumps(asked))
        files = [str(folder / each) for each in ("sources.zip", "request.json", "answer.json")]
        script = Path(__file__).with_name("pyodide_check.mjs")
        done = _run([str(node), str(script), str(pyodide), *files], "", dict(os.environ))
        if done.returncode != 0:
            raise HostError(_last_line(done.stderr) or f"it ended with code {done.returncode}")
        answers: list[Answer] = json.loads((folder / "answer.json").read_text())
        return answers


def find_node() -> Path | None:
    beside = Path(sys.executable).with_name("node")  # where the wheel of Node puts it
    found = shutil.which("node")
    return Path(found) if found else beside if beside.exists() else None


def find_pyodide(environment: Mapping[str, str]) -> Path | None:
    """The npm package: named by SAMETICK_PYODIDE, or in node_modules at or above here or our sources."""
    named = environment.get("SAMETICK_PYODIDE")
    if named:
        return Path(named).resolve()
    here = [Path.cwd(), Path(__file__).resolve().parent]
    for folder in [each for start in here for each in (start, *start.parents)]:
        package = folder / "node_modules" / "pyodide"
        if (package / "pyodide.mjs").exists():
            return package
    return None


def pack_sources(archive: Path, games: list[str]) -> list[str]:
    """Write the sources that the games need into a zip; the ids under which they are found there."""
    found = []
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packages = dict.fromkeys(_OWN_PARTS)
        for game in games:
            place, _, attribute = game.rpartition(":")
            if place.endswith(".py"):
                packed.write(place, f"game/{Path(place).name}")
                game = f"{_UNPACKED}/game/{Path(place).name}:{attribute}"
            elif place:
                packages[place.partition(".")[0]] = None
            found.append(game)
        for package in packages:
            _pack_package(packed, package)
    return found


def _pack_package(packed: zipfile.ZipFile, name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return
    if not spec.submodule_search_locations:
        if spec.origin.endswith(".py"):
            packed.write(spec.origin, Path(spec.origin).name)
        return
    size = 0
    for root in map(Path, spec.submodule_search_locations):
        for path in sorted(root.rglob("*.py")):
            size += path.stat().st_size
            if size > _MAX_SOURCES_BYTES:
                raise HostError(f"{name} is too large to be a pure-Python game")
            packed.write(path, str(Path(name) / path.relative_to(root)))


def first_divergence(
    request: Request, hosts: tuple[Host, Host], answers: tuple[Answer, Answer]
) -> Divergence | None:
    """Where the digests of two answers part; both hosts are then asked for that frame."""
    left, right = (answer["digests"] for answer in answers)
    frame = next((at for at, (a, b) in enumerate(zip(left, right, strict=True)) if a != b), None)
    if frame is None:
        return None
    details = [host({**request, "frame": frame}) for host in hosts]
    states = [bytes.fromhex(detail["state"]) for detail in details]
    found = state_difference(states[0], states[1])
    if found is None:
        outcomes = [canonical.decode(bytes.fromhex(detail["outcome"])) for detail in details]
        found = canonical.first_difference(outcomes[0], outcomes[1], "outcome")
    field, first, second = found or ("(gone when looked at again)", left[frame], right[frame])
    return Divergence(frame=frame, field=field, first=first, second=second)


def _run(command: list[str], text: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            input=text,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE_S,
        )
    except subprocess.TimeoutExpired:
        raise HostError(f"no answer within {_DEADLINE_S} s") from None
    except OSError as error:
        raise HostError(str(error)) from None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""

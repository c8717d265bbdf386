"""What the server serves besides the page it fills in: modules, Python sources, Pyodide.

Everything is written once into a cache folder, beside it compressed copies, and served by aiohttp's static
routes, which pick `.br` and `.gz` siblings by themselves. Paths carry a hash of the content, so that a
browser may keep them for ever.
"""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import brotli

from live.sources import sources_zip
from rollback_core.errors import UsageError

PYODIDE_FILES: Final = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)
BROTLI_QUALITY: Final = 6  # a second for Pyodide's 13 MB, and within a tenth of what the best one saves
_INCOMPRESSIBLE: Final = (".zip", ".png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """`root` is served as it is: `static/<hash>/…`, `py/<build id>/sources.zip`, `py/<hash>/…`."""

    root: Path
    build_id: str
    static_path: str
    python_path: str  # of Pyodide
    page: str


def prepare(cache: Path, pyodide: Path | None) -> Assets:
    """Fill the cache folder; what is there already is kept. UsageError if Pyodide is not to be found."""
    if pyodide is None or not all((pyodide / name).is_file() for name in PYODIDE_FILES):
        raise UsageError(
            "Pyodide is missing: install the npm package pyodide here, or name its folder with --pyodide"
        )
    sources = sources_zip()
    build_id = hashlib.sha256(sources).hexdigest()
    modules = _web_files()
    python = [(name, (pyodide / name).read_bytes()) for name in PYODIDE_FILES]
    static_path = f"/static/{_hash_of(modules)}"
    python_path = f"/py/{_hash_of(python)}"
    page = ""
    for name, data in modules:
        if name == "index.html":
            page = data.decode()
        else:
            _place(cache / static_path[1:] / name, data)
    for name, data in python:
        _place(cache / python_path[1:] / name, data)
    _place(cache / "py" / build_id / "sources.zip", sources)
    for place, value in (
        ("{{static}}", static_path),
        ("{{python}}", python_path),
        ("{{build_id}}", build_id),
        ("{{python_bytes}}", str(sum(len(data) for _, data in python))),
    ):
        page = page.replace(place, value)
    return Assets(root=cache, build_id=build_id, static_path=static_path, python_path=python_path, page=page)


def _hash_of(named: Sequence[tuple[str, bytes]]) -> str:
    return hashlib.sha256(b"".join(name.encode() + data for name, data in named)).hexdigest()[:16]


def _web_files() -> list[tuple[str, bytes]]:
    folder = files("live").joinpath("web")
    return sorted((item.name, item.read_bytes()) for item in folder.iterdir() if item.is_file())


def _place(target: Path, data: bytes) -> None:
    """The file and its compressed copies; written whole or not at all. Its path names its content."""
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix not in _INCOMPRESSIBLE:
        _write(target.with_name(target.name + ".br"), brotli.compress(data, quality=BROTLI_QUALITY))
        _write(target.with_name(target.name + ".gz"), gzip.compress(data, 6, mtime=0))
    _write(target, data)


def _write(target: Path, data: bytes) -> None:
    # Under a name of our own: another server may be filling the same folder.
    with NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as partial:
        partial.write(data)
    Path(partial.name).replace(target)

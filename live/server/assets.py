"""What the server serves besides the page it fills in: modules, Python sources, Pyodide.

Everything is written once into a cache folder, beside it compressed copies, and served by aiohttp's static
routes, which pick `.br` and `.gz` siblings by themselves. Paths carry a hash of the content, so that a
browser may keep them for ever.
"""

import gzip
import hashlib
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
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
    """`root` is served as it is: `static/<hash>/…`, `py/<build id>/sources.zip`, `py/pyodide/…`."""

    root: Path
    build_id: str
    static_path: str
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
    web_hash = hashlib.sha256(b"".join(name.encode() + data for name, data in modules)).hexdigest()[:16]
    for name, data in modules:
        if name != "index.html":
            _place(cache / "static" / web_hash / name, data)
    _place(cache / "py" / build_id / "sources.zip", sources)
    size = 0
    for name in PYODIDE_FILES:
        size += _copy(pyodide / name, cache / "py" / "pyodide" / name)
    page = dict(modules)["index.html"].decode()
    static_path = f"/static/{web_hash}"
    for place, value in (
        ("{{static}}", static_path),
        ("{{build_id}}", build_id),
        ("{{python_bytes}}", str(size)),
    ):
        page = page.replace(place, value)
    return Assets(root=cache, build_id=build_id, static_path=static_path, page=page)


def _web_files() -> list[tuple[str, bytes]]:
    folder = files("live").joinpath("web")
    return sorted((item.name, item.read_bytes()) for item in folder.iterdir() if item.is_file())


def _place(target: Path, data: bytes) -> None:
    """The file and its compressed copies; written whole or not at all."""
    if target.is_file() and target.read_bytes() == data:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix not in _INCOMPRESSIBLE:
        _write(target.with_name(target.name + ".br"), brotli.compress(data, quality=BROTLI_QUALITY))
        _write(target.with_name(target.name + ".gz"), gzip.compress(data, 6, mtime=0))
    _write(target, data)


def _write(target: Path, data: bytes) -> None:
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(data)
    partial.replace(target)


def _copy(source: Path, target: Path) -> int:
    size = source.stat().st_size
    if not target.is_file() or target.stat().st_size != size:
        _place(target, source.read_bytes())
        shutil.copystat(source, target)
    return size

"""The Python that every participant of a live match runs, as one zip; its sha256 is the build id."""

import hashlib
import zipfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Final

_SHIPPED: Final = ("rollback_core", "scenarios", "live/__init__.py", "live/client")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest date of a zip: the same sources give the same bytes


def build_id() -> str:
    """Names the sources as installed here."""
    return hashlib.sha256(sources_zip()).hexdigest()


def sources_zip() -> bytes:
    """The Python that browsers run, as installed here: fixed dates, sorted names, no compiled files."""
    found: list[tuple[str, bytes]] = []
    for path in _SHIPPED:
        package, _, rest = path.partition("/")
        item: Traversable = files(package)
        if rest:
            item = item.joinpath(rest)
        found += _python_files(item, path)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(found):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _python_files(item: Traversable, name: str) -> list[tuple[str, bytes]]:
    if item.is_file():
        return [(name, item.read_bytes())] if name.endswith(".py") else []
    found = []
    for child in item.iterdir():
        if child.name != "__pycache__":
            found += _python_files(child, f"{name}/{child.name}")
    return found

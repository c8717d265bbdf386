"""The build id: which sources made a result."""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_PACKAGES = ("rollback_core", "scenarios", "netsim")
_COUNTED = (".py", ".trace", ".dist")  # a scenario's or profile's text is in the canonical scenario


@cache
def build_id() -> str:
    """sha256 over the names and bytes of the sources."""
    total = hashlib.sha256()
    for name, data in sources():
        total.update(f"{name}\0{len(data)}\0".encode())
        total.update(data)
    return total.hexdigest()


def sources() -> list[tuple[str, bytes]]:
    """Names and bytes of all that a simulated run rests on: core, games, simulator, tables and traces."""
    return [source for package in _PACKAGES for source in sorted(_sources(files(package), package))]


def _sources(folder: Traversable, path: str) -> list[tuple[str, bytes]]:
    found = []
    for item in folder.iterdir():
        name = f"{path}/{item.name}"
        if item.is_dir() and item.name != "__pycache__":
            found += _sources(item, name)
        elif item.name.endswith(_COUNTED):
            found.append((name, item.read_bytes()))
    return found

"""The build id: which sources made a result."""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_PACKAGES = ("rollback_core", "scenarios")


@cache
def build_id() -> str:
    """sha256 over the names and bytes of the sources that peers run: the core and the games."""
    total = hashlib.sha256()
    for package in _PACKAGES:
        for name, data in sorted(_sources(files(package), package)):
            total.update(f"{name}\0{len(data)}\0".encode())
            total.update(data)
    return total.hexdigest()


def _sources(folder: Traversable, path: str) -> list[tuple[str, bytes]]:
    found = []
    for item in folder.iterdir():
        name = f"{path}/{item.name}"
        if item.is_dir() and item.name != "__pycache__":
            found += _sources(item, name)
        elif item.name.endswith(".py"):
            found.append((name, item.read_bytes()))
    return found

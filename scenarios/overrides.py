"""Single values of a scenario table set anew, as `--set` and the axes of plans name them.

"PATH=VALUE" has a path as messages print it (`network.path."0->1".delay_ms=80`) and a TOML value, or a bare
word for a string. A step `*` sets the value for all: each entry of a list (`player[*].hold_frames=6`, or
`player.*`), or each path of a network. There it goes into the network's own table, which holds for every
path that has none, and into the table of each that has one.
"""

import re
import tomllib
from decimal import Decimal
from typing import Any, Final

from scenarios.problems import Location, path_text

_STEP: Final = re.compile(r'\.?(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_<>*-]+))|\[(\d{1,4}|\*)\]')
EACH: Final = "*"
_LISTS: Final = ("player", "host", "event")  # of a scenario; one that is left out has no entries


def override(table: dict[str, Any], text: str) -> list[str]:
    """Set what the text says in place; what is wrong with it, if anything."""
    path, equals, value = _split(text)
    if not path or not equals:
        return [f"--set {text}: must be PATH=VALUE"]
    try:
        for place in _places(table, path):
            _set(table, place, _value(value))
    except ValueError as error:
        return [f"--set {text}: {error}"]
    return []


def path_of(name: str) -> Location:
    """The steps of a path without a value; () if it is none."""
    return _split(f"{name}=0")[0]


def _places(table: dict[str, Any], path: Location) -> list[Location]:
    """The path, or all that it stands for."""
    if path[-1] == EACH:
        raise ValueError("ends in *; name what is set for all, as in network.path.*.delay_ms")
    places: list[Location] = [()]
    for step in path:
        if step == EACH:
            places = [place for before in places for place in _each(table, before)]
        else:
            places = [(*before, step) for before in places]
    return places


def _each(table: dict[str, Any], path: Location) -> list[Location]:
    here: Any = table
    for step in path:
        is_there = (
            step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))
        )
        here = here[step] if is_there else None
    name = path[-1] if path else ""
    if name == "path" and (here is None or isinstance(here, dict)):
        return [path[:-1], *((*path, each) for each in here or ())]
    if isinstance(here, list) and here:
        return [(*path, index) for index in range(len(here))]
    if here == [] or (here is None and name in _LISTS):
        raise ValueError(f"{path_text(path)} has 0 entries; write one, or name it: {path_text((*path, 0))}")
    known = ", ".join(f"{each}[*]" for each in _LISTS)
    raise ValueError(f"{path_text(path)}.* stands for nothing; there are network.path.*, {known}")


def _set(table: dict[str, Any], path: Location, value: Any) -> None:
    here: Any = table
    for depth, part in enumerate(path):
        is_last = depth == len(path) - 1
        if isinstance(part, int):
            if not isinstance(here, list) or part > len(here):
                count = len(here) if isinstance(here, list) else 0
                raise ValueError(f"{path_text(path[:depth])} has {count} entries")
            if part == len(here):
                here.append({})
        elif not isinstance(here, dict):
            raise ValueError(f"{path_text(path[:depth])} is no table")
        if is_last:
            here[part] = value
        elif isinstance(here, dict):
            here = here.setdefault(part, [] if isinstance(path[depth + 1], int) else {})
        else:
            here = here[part]


def _split(text: str) -> tuple[Location, str, str]:
    """The steps of the path, the "=" if it is there, and the rest."""
    steps: list[str | int] = []
    at = 0
    while match := _STEP.match(text, at):
        quoted, bare, index = match.groups()
        if index is not None:
            steps.append(EACH if index == EACH else int(index))
        else:
            steps.append(bare or quoted.replace('\\"', '"'))
        at = match.end()
    rest = text[at:].lstrip()
    return (tuple(steps), "=", rest[1:].strip()) if rest[:1] == "=" else ((), "", "")


def _value(text: str) -> Any:
    """A TOML value; what is none is a string, so that `--set player[0].bot=idle` needs no quotes."""
    try:
        table = tomllib.loads(f"value = {text}", parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text

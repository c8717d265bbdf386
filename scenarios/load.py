"""From a name or a path to a Scenario: the only way in for scenario files.

Reads TOML, or the canonical JSON that results and the corpus hold. Whatever is wrong with a file is
one ScenarioError that lists every problem.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from rollback_core.errors import UsageError
from scenarios.lowering import SoundTable, expand, lower
from scenarios.overrides import override
from scenarios.problems import Location, ScenarioError, describe, did_you_mean, path_text, problem
from scenarios.quantities import shown
from scenarios.scenario import FORMAT, Scenario, from_table
from scenarios.schema import ScenarioTable, json_schema

__all__ = ["ScenarioError", "json_schema", "load_scenario", "scenario_from_table", "shipped"]

_MAX_FILE_BYTES: Final = 4_000_000  # a fuzz case with every event there may be is far smaller


def load_scenario(name_or_path: str, *, seed: int | None = None, overrides: Sequence[str] = ()) -> Scenario:
    """The shipped scenario of that name, or the one in a TOML or canonical JSON file.

    `overrides` are "PATH=VALUE", see `scenarios.overrides`; `seed` replaces the file's. Raises ScenarioError.
    """
    file, stem = _find(name_or_path)
    table = _read(file, name_or_path)
    problems = [fault for text in overrides for fault in override(table, text)]
    if problems:
        raise ScenarioError(problems, name_or_path)
    if seed is not None:
        table["seed"] = seed
    if "format" in table:
        return _canonical(table, name_or_path)
    folder = Path(name_or_path).parent if isinstance(file, Path) else Path()
    return scenario_from_table({"name": stem, **table}, source=name_or_path, folder=folder)


def shipped() -> list[tuple[str, str, str]]:
    """(name, group, summary) of every scenario that ships with the package, by group and name."""
    found = []
    for name in _shipped_names():
        table = _read(_library().joinpath(f"{name}.toml"), name)
        found.append((name, str(table.get("group", "")), str(table.get("summary", ""))))
    return sorted(found, key=lambda item: (item[1], item[0]))


def scenario_from_table(table: dict[str, Any], *, source: str = "", folder: Path = Path()) -> Scenario:
    """The scenario that a decoded TOML table means. Raises ScenarioError with every problem."""
    problems: list[str] = []
    try:
        ScenarioTable.model_validate(table)
    except ValidationError as error:
        faults = describe(error, ScenarioTable)
        problems = [problem(place, message) for place, message in faults]
        table = _without(table, [place for place, _ in faults])
    scenario, more = lower(SoundTable.model_validate(table), folder)
    problems += more
    if problems or scenario is None:
        raise ScenarioError(problems, source)
    return scenario


def _without(table: dict[str, Any], places: list[Location]) -> dict[str, Any]:
    """The table without the parts in which the schema found a fault; None keeps an entry's number."""
    sound = dict(table)
    for place in places:
        match place:
            case ("player" | "host" | "event" as name, int(index), *_):
                sound[name] = [None if at == index else item for at, item in enumerate(sound[name])]
            case ("expect", str(key), *_):
                sound["expect"] = {k: v for k, v in sound["expect"].items() if k != key}
            case ("network", *inner) if len(inner) > 0:
                sound["network"] = _sound_paths(sound["network"], inner)
            case ("session", *_):
                sound["session"] = None
            case (str(name), *_):
                sound.pop(name, None)
            case _:
                pass
    return sound


def _sound_paths(paths: dict[str, Any], place: list[Any]) -> dict[str, Any]:
    """[network] or its relay without the table in which the fault is; tables below that one stay."""
    if place[0] in ("path", "relay") and isinstance(paths.get(place[0]), dict) and len(place) > 1:
        inner = paths[place[0]]
        if place[0] == "path":
            return {**paths, "path": {k: v for k, v in inner.items() if k != place[1]}}
        return {**paths, "relay": _sound_paths(inner, place[1:])}
    kept = {"path", "relay"} - {place[0]}
    return {key: value for key, value in paths.items() if key in kept}


def _library() -> Traversable:
    return resources.files("scenarios").joinpath("library")


def _shipped_names() -> list[str]:
    names = [item.name for item in _library().iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _find(name_or_path: str) -> tuple[Traversable, str]:
    names = _shipped_names()
    if name_or_path in names:
        return _library().joinpath(f"{name_or_path}.toml"), name_or_path
    path = Path(name_or_path)
    if path.suffix in (".toml", ".json") or len(path.parts) > 1:
        return path, path.stem
    hint = did_you_mean(name_or_path, names) or "; `sametick scenarios` lists those that ship"
    raise ScenarioError([f'there is no scenario "{name_or_path}"{hint}'])


def _read(file: Traversable, source: str) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ScenarioError([f"cannot be read: {reason}"], source) from error
    if len(data) > _MAX_FILE_BYTES:
        raise ScenarioError([f"is larger than {_MAX_FILE_BYTES} bytes"], source)
    try:
        if file.name.endswith(".json"):
            table = json.loads(data.decode(), parse_float=Decimal)
        else:
            table = tomllib.loads(data.decode(), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise ScenarioError(["is not UTF-8 text"], source) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ScenarioError([f"cannot be parsed: {error}"], source) from error
    if not isinstance(table, dict):
        raise ScenarioError([f"must be a table, not {shown(table)}"], source)
    return table


def _canonical(table: dict[str, Any], source: str) -> Scenario:
    """The scenario of a canonical table, checked as far as a run relies on it."""
    if table["format"] != FORMAT:
        raise ScenarioError([f"format: {shown(table['format'])}; this build reads format {FORMAT}"], source)
    # Types first, of JSON again because only there a list may stand for a tuple. Whatever an override has
    # brought that JSON lacks becomes a float, which no field takes.
    text = json.dumps({key: value for key, value in table.items() if key != "format"}, default=lambda _: 0.5)
    fields = json.loads(text)
    try:
        typed = TypeAdapter(Scenario).validate_json(text, strict=True)
        problems = [f"{path}: unknown key" for path in _unknown(fields, asdict(typed))]
        if problems:
            raise ScenarioError(problems, source)
        scenario = from_table({"format": FORMAT, **fields})
    except ValidationError as error:
        raise ScenarioError(
            [problem(item["loc"], item["msg"]) for item in error.errors(include_url=False)], source
        ) from error
    except ScenarioError:
        raise
    except (UsageError, ValueError, TypeError, KeyError) as error:
        raise ScenarioError([str(error)], source) from error
    problems = _canonical_faults(scenario)
    if problems:
        raise ScenarioError(problems, source)
    return scenario


def _unknown(table: Any, known: Any, path: Location = ()) -> list[str]:
    if isinstance(table, dict) and isinstance(known, dict):
        extra = [path_text((*path, key)) for key in table if key not in known]
        return extra + [
            text for key in table if key in known for text in _unknown(table[key], known[key], (*path, key))
        ]
    if isinstance(table, (list, tuple)) and isinstance(known, (list, tuple)):
        pairs = enumerate(zip(table, known, strict=False))
        return [text for index, (a, b) in pairs for text in _unknown(a, b, (*path, index))]
    return []


def _canonical_faults(scenario: Scenario) -> list[str]:
    count = scenario.peer_count
    faults = []
    wanted = [(a, b) for a in range(count) for b in range(count) if a != b]
    for name, paths in (("paths", scenario.network.paths), ("relay", scenario.network.relay)):
        pairs = [(path.source, path.target) for path in paths]
        if pairs != wanted and (pairs or name == "paths"):
            faults.append(f"network.{name}: must be every ordered pair of the {count} peers, sorted")
    if sorted({player.peer for player in scenario.players}) != list(range(count)):
        faults.append(f"players: must sit at every one of the {count} peers")
    for index, event in enumerate(scenario.events):
        peers = {*event.peers, *(peer for group in event.groups for peer in group)}
        faults += [f"events[{index}]: there is no peer {peer}" for peer in sorted(peers) if peer >= count]
        for name in event.paths:
            try:
                expand(name, count)
            except ValueError as error:
                faults.append(f"events[{index}].paths: {name} {error}")
    return faults

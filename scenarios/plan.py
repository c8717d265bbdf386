"""Plans of campaigns: one scenario, what is varied, and how often each combination is played.

An axis names a setting by its path, as `--set` does (`network.path.*.delay_ms`: of all paths), and lists
its values; or it lists labels, each with the settings that go with it. A cell is one value of each axis:
every combination (`grid`), the first of all axes, the second of all … (`zip`), or so many drawn at random
(`random`). Runs are held to every law, and to the plan's own `[expect]`; seeds come from the plan's.
"""

import dataclasses
import hashlib
import itertools
import json
import random
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenarios.expectations import lowered_expectation
from scenarios.load import load_scenario
from scenarios.overrides import EACH, path_of
from scenarios.problems import Location, ScenarioError, describe, did_you_mean, path_text, problem
from scenarios.quantities import Quantity
from scenarios.scenario import Expectation, Scenario, scenario_hash, to_json

MAX_CELLS: Final = 100_000
MAX_PLAN_BYTES: Final = 1_000_000
_SUFFIX: Final = ".toml"
_REMEDY: Final = "what a plan holds: docs/campaigns.md"
_QUOTED: Final = 'a path is quoted, as in "network.delay_ms" = {}'
_SHAPES: Final = {
    "axes": "needs a list of values, or labels with settings; " + _QUOTED.format("[20, 40]"),
    "set": "needs one value; " + _QUOTED.format("40"),
    "expect": "needs a value, or a table with min and max",
}
_FILE: Final = re.compile(r'"(?:table:)?([^":]*[./][^":]*)(?::[^"]*)?"')  # in canonical JSON, or a game in it

Value = bool | int | Decimal | str
Words = Annotated[str, Field(min_length=1, max_length=200)]


class Settle(BaseModel):
    """Stop repeating a cell once it is known well enough: the interval of its stalled share is so narrow."""

    model_config = ConfigDict(extra="forbid", strict=True)

    half_width_percent: Annotated[Decimal, Quantity(Decimal("0.0001"), 50)]
    least_repeats: Annotated[int, Field(ge=2, le=10_000)] = 5


class PlanTable(BaseModel):
    """A plan as its file says it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    summary: Words = ""
    scenario: Words
    combine: Literal["grid", "zip", "random"] = "grid"
    samples: Annotated[int, Field(ge=1, le=MAX_CELLS)] | None = None
    repeats: Annotated[int, Field(ge=1, le=10_000)] = 1
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    set: dict[Words, Value] = Field(default_factory=dict)
    axes: Annotated[
        dict[
            Words,
            Annotated[list[Value], Field(min_length=1)]
            | Annotated[dict[Words, dict[Words, Value]], Field(min_length=1)],
        ],
        Field(min_length=1, max_length=8),
    ]
    settle: Settle | None = None
    expect: dict[Words, Value | dict[Words, Value]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: `labels` says it axis by axis, `overrides` are for `load_scenario`."""

    number: int
    labels: dict[str, str]
    overrides: tuple[str, ...]

    @property
    def told(self) -> str:
        """The labels, for people."""
        return ", ".join(f"{axis} = {label}" for axis, label in self.labels.items())


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that has been found sound: every cell is a scenario. `digest` names all that is played."""

    name: str
    table: PlanTable
    cells: tuple[Cell, ...]
    expect: tuple[Expectation, ...]
    digest: str = ""

    def scenario(self, cell: Cell, repeat: int) -> Scenario:
        """What one repeat of a cell plays."""
        text = f"{self.table.seed} {cell.number} {repeat}"
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
        scenario = load_scenario(self.table.scenario, seed=seed, overrides=cell.overrides)
        # What the scenario expects of itself is not meant for all that a plan makes of it.
        return dataclasses.replace(scenario, expect=self.expect)


def load_plan(name_or_path: str) -> Plan:
    """The shipped plan of that name, or the one in a TOML file. Raises ScenarioError with every fault."""
    source = name_or_path
    file = Path(name_or_path)
    is_path = file.suffix == _SUFFIX or file.is_file()
    found = file if is_path else resources.files("scenarios") / "plans" / f"{name_or_path}{_SUFFIX}"
    if not found.is_file():
        names = shipped_plans()
        hint = "" if is_path else did_you_mean(name_or_path, names) or f"; known: {', '.join(names)}"
        raise _wrong([f"there is no such {'file' if is_path else 'plan'}{hint}"], source)
    data = found.read_bytes()
    if len(data) > MAX_PLAN_BYTES:
        raise _wrong([f"{len(data):,} bytes, at most {MAX_PLAN_BYTES:,}"], source)
    try:
        table = PlanTable.model_validate(tomllib.loads(data.decode("utf-8"), parse_float=Decimal))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong([str(error)], source) from error
    except ValidationError as error:
        raise _wrong(_faults(error), source) from error
    expect, faults = _expectations(table)
    faults += _settings_faults(table)
    if faults:
        raise _wrong(faults, source)
    name = file.stem if is_path else name_or_path
    plan = Plan(name, table, tuple(_cells(table, source)), expect)
    hashes: list[str] = []
    files: set[str] = set()
    for cell in plan.cells:
        try:
            scenario = plan.scenario(cell, 0)
        except ScenarioError as error:
            raise ScenarioError(error.problems, f"{source}, cell {cell.number} ({cell.told})") from error
        hashes.append(scenario_hash(scenario))
        files.update(_FILE.findall(to_json(scenario)))
    return dataclasses.replace(plan, digest=_digest(table, hashes, files))


def shipped_plans() -> list[str]:
    folder = resources.files("scenarios") / "plans"
    return sorted(file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX))


def _wrong(problems: list[str], source: str) -> ScenarioError:
    """Of the plan itself, not of a scenario that it makes."""
    return ScenarioError(problems, source, remedy=_REMEDY)


def _digest(table: PlanTable, hashes: Iterable[str], files: Iterable[str]) -> str:
    """Of the plan, of each cell's scenario, and of the files that those name: a game, a bot, a trace."""
    total = hashlib.sha256(json.dumps(table.model_dump(), sort_keys=True, default=str).encode())
    for cell in hashes:
        total.update(cell.encode())
    for file in sorted(files):
        if Path(file).is_file():
            total.update(hashlib.sha256(Path(file).read_bytes()).digest())
    return total.hexdigest()


def _faults(error: ValidationError) -> list[str]:
    found = []
    for place, message in describe(error, PlanTable):
        match place:
            case ("axes" | "set" | "expect" as section, str(name), *_):
                found.append(problem((section, name), _SHAPES[section]))
            case _:
                found.append(problem(place, message))
    return list(dict.fromkeys(found))  # once, of all shapes it might have


def _expectations(table: PlanTable) -> tuple[tuple[Expectation, ...], list[str]]:
    """By key, as a scenario has them, and what is wrong."""
    found: dict[str, Expectation] = {}
    faults: list[str] = []
    for key, value in table.expect.items():
        expectation, wrong = lowered_expectation(key, value)
        faults += [problem(("expect", key, part) if part else ("expect", key), told) for part, told in wrong]
        if expectation is not None:
            found[expectation.key] = expectation
    return tuple(found[key] for key in sorted(found)), faults


def _settings_faults(table: PlanTable) -> list[str]:
    """Settings that would be dropped without a word, so that the cells' labels were not true."""
    faults = []
    by_axis = {name: _paths(name, values) for name, values in table.axes.items()}
    for place, paths in ((("set",), set(table.set)), *((("axes", name), by_axis[name]) for name in by_axis)):
        for path in sorted(paths):
            match path_of(path):
                case ("seed",):
                    faults.append(problem(place, 'seed: runs take theirs from the plan\'s own "seed"'))
                case ("expect", *_):
                    faults.append(problem(place, f"{path}: what runs are held to stands in [expect]"))
    for (one, its), (other, others) in itertools.combinations(by_axis.items(), 2):
        both = [path for path in sorted(others) if any(_covers(path, before) for before in its)]
        faults += [
            f"axes: {path_text((other,))} sets {path} again, which {path_text((one,))} has set"
            for path in both
        ]
    return faults


def _paths(name: str, values: list[Value] | dict[str, dict[str, Value]]) -> set[str]:
    """All that an axis sets."""
    return {name} if isinstance(values, list) else {path for each in values.values() for path in each}


def _covers(later: str, earlier: str) -> bool:
    """The later path sets all that the earlier has set: it is the same, or of all paths or players."""
    a, b = path_of(later), path_of(earlier)
    return _matches(a, b) or _matches(_own(a), _own(b))


def _matches(a: Location, b: Location) -> bool:
    return len(a) == len(b) > 0 and all(x in (y, EACH) for x, y in zip(a, b, strict=True))


def _own(path: Location) -> Location:
    """What is set for all paths goes into the network's own table as well."""
    return ("network", *path[3:]) if path[:3] == ("network", "path", EACH) else path


def _cells(table: PlanTable, source: str) -> Iterator[Cell]:
    fixed = [f"{path}={_toml(value)}" for path, value in table.set.items()]
    axes = {name: _points(name, values) for name, values in table.axes.items()}
    for number, points in enumerate(_combined(table, axes, source)):
        labels = {name: label for name, (label, _) in zip(axes, points, strict=True)}
        overrides = [text for _, settings in points for text in settings]
        yield Cell(number, labels, (*fixed, *overrides))


Point = tuple[str, list[str]]
"""A label and the overrides that go with it."""


def _points(name: str, values: list[Value] | dict[str, dict[str, Value]]) -> list[Point]:
    if isinstance(values, list):
        return [(_label(value), [f"{name}={_toml(value)}"]) for value in values]
    return [
        (label, [f"{path}={_toml(value)}" for path, value in settings.items()])
        for label, settings in values.items()
    ]


def _combined(table: PlanTable, axes: dict[str, list[Point]], source: str) -> Iterator[tuple[Point, ...]]:
    lengths = {name: len(points) for name, points in axes.items()}
    if (table.samples is not None) != (table.combine == "random"):
        raise _wrong(['samples: needed with combine = "random", and only there'], source)
    if table.combine == "zip":
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise _wrong([f'combine = "zip" needs axes of one length: {told}'], source)
        yield from zip(*axes.values(), strict=True)
    elif table.combine == "random":
        chance = random.Random(table.seed)
        for _ in range(table.samples or 0):
            yield tuple(chance.choice(points) for points in axes.values())
    else:
        count = 1
        for length in lengths.values():
            count *= length
        if count > MAX_CELLS:
            raise _wrong([f"axes: {count:,} cells, at most {MAX_CELLS:,}"], source)
        yield from itertools.product(*axes.values())


def _label(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _toml(value: Value) -> str:
    return json.dumps(value) if isinstance(value, str) else _label(value)

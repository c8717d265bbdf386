"""Plans of campaigns: one scenario, what is varied, and how often each combination is played.

An axis names a setting by its path, as `--set` does (`network.path.*.delay_ms`: of all paths), and lists
its values; or it lists labels, each with the settings that go with it. A cell is one value of each axis:
every combination (`grid`), the first of all axes, the second of all … (`zip`), or so many drawn at random
(`random`). Runs are held to every law, and to the plan's own `[expect]`.
"""

import dataclasses
import hashlib
import itertools
import json
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenarios.load import load_scenario
from scenarios.problems import ScenarioError
from scenarios.scenario import Scenario

MAX_CELLS: Final = 100_000
MAX_PLAN_BYTES: Final = 1_000_000
_SUFFIX: Final = ".toml"

Value = bool | int | Decimal | str
Words = Annotated[str, Field(min_length=1, max_length=200)]


class Settle(BaseModel):
    """Stop repeating a cell once it is known well enough: the interval of its stalled share is so narrow."""

    model_config = ConfigDict(extra="forbid", strict=True)

    half_width_percent: Annotated[Decimal, Field(gt=0, le=50)]
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


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that has been found sound: every cell is a scenario. `digest` names it."""

    name: str
    table: PlanTable
    cells: tuple[Cell, ...]
    digest: str

    def scenario(self, cell: Cell, repeat: int) -> Scenario:
        """What one repeat of a cell plays."""
        text = f"{self.table.seed} {cell.number} {repeat}"
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
        scenario = load_scenario(self.table.scenario, seed=seed, overrides=cell.overrides)
        # What the scenario expects of itself is not meant for all that a plan makes of it.
        kept = tuple(item for item in scenario.expect if item.key in self.table.expect)
        return dataclasses.replace(scenario, expect=kept)


def load_plan(name_or_path: str) -> Plan:
    """The shipped plan of that name, or the one in a TOML file. Raises ScenarioError with every fault."""
    source = name_or_path
    file = Path(name_or_path)
    is_path = file.suffix == _SUFFIX or file.exists()
    found = file if is_path else resources.files("scenarios") / "plans" / f"{name_or_path}{_SUFFIX}"
    if not found.is_file():
        raise ScenarioError([f"there is no such plan; shipped are: {', '.join(shipped_plans())}"], source)
    data = found.read_bytes()
    if len(data) > MAX_PLAN_BYTES:
        raise ScenarioError([f"{len(data):,} bytes, at most {MAX_PLAN_BYTES:,}"], source)
    try:
        table = PlanTable.model_validate(tomllib.loads(data.decode("utf-8"), parse_float=Decimal))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError([str(error)], source) from error
    except ValidationError as error:
        faults = dict.fromkeys(_fault(item) for item in error.errors())  # once, of all shapes it might have
        raise ScenarioError(list(faults), source) from error
    cells = tuple(_cells(table, source))
    canonical = json.dumps(table.model_dump(), sort_keys=True, default=str)
    plan = Plan(file.stem if is_path else name_or_path, table, cells, _digest(canonical))
    for cell in cells:
        try:
            plan.scenario(cell, 0)
        except ScenarioError as error:
            raise ScenarioError(error.problems, f"{source}, cell {cell.number} ({_told(cell)})") from error
    return plan


def shipped_plans() -> list[str]:
    folder = resources.files("scenarios") / "plans"
    return sorted(file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _told(cell: Cell) -> str:
    return ", ".join(f"{axis} = {label}" for axis, label in cell.labels.items())


def _fault(item: Any) -> str:
    match item["loc"]:
        case ("axes", str(axis), *_):
            quoted = 'a path is quoted, as in "network.delay_ms" = [20, 40]'
            return f"axes.{axis}: needs a list of values, or labels with settings; {quoted}"
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}: {item['msg']}" if place else str(item["msg"])


def _cells(table: PlanTable, source: str) -> Iterator[Cell]:
    fixed = [f"{path}={_toml(value)}" for path, value in table.set.items()]
    fixed += [f"expect.{key}={_bound(value)}" for key, value in table.expect.items()]
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
        raise ScenarioError(['samples: needed with combine = "random", and only there'], source)
    if table.combine == "zip":
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise ScenarioError([f'combine = "zip" needs axes of one length: {told}'], source)
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
            raise ScenarioError([f"axes: {count:,} cells, at most {MAX_CELLS:,}"], source)
        yield from itertools.product(*axes.values())


def _bound(value: Value | dict[str, Value]) -> str:
    if not isinstance(value, dict):
        return _toml(value)
    return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"


def _label(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _toml(value: Value) -> str:
    return json.dumps(value) if isinstance(value, str) else _label(value)

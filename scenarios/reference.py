"""What the schema says, written for editors (JSON Schema) and for people (Markdown)."""

import dataclasses
import types
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from scenarios import expectations
from scenarios.problems import kind_of
from scenarios.quantities import canonical_key, decimal_text

_INTRO: Final = """\
# Scenario reference

Made from the schema (`scenarios.schema.reference_markdown()`); do not edit.

A scenario is a TOML file. Units stand in the keys (`delay_ms`, `at_s`, `loss_percent`, `rate_mbps`);
a value finer than the unit of the simulator (1 us, 1 ppm, 1 bit/s) is an error, and so is a key that is
not listed here. `sametick sim FILE` runs one, `sametick scenarios` lists those that ship,
`--set PATH=VALUE` replaces a value, with paths as the messages print them
(`--set 'network.path."0->1".delay_ms=80'`, `--set event[0].at_s=3`, `--set player[1].bot=idle`).
`sametick schema` writes the JSON Schema for editors.

Players sit at peers, one each unless `peer` says otherwise. A path is one direction between two peers,
`"0->1"`; `"0<->1"` means both directions and `*` every peer. A path's link starts from its `profile`, or
else from the table above it, and the keys given replace single values. A key of one loss law, `jitter_ms` and
`reorder_percent` choose their law by themselves.
"""

_TABLES: Final = (
    ("ScenarioTable", "Top level"),
    ("GameTable", "`[game]`"),
    ("SessionTable", "`[session]`"),
    ("PlayerTable", "`[[player]]`"),
    ("HostTable", "`[[host]]`"),
    ("NetworkTable", "`[network]`"),
    ("PathTable", '`[network.path."0->1"]`, `[network.relay]`'),
    ("LinkTable", "Keys of a link"),
)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model, with the defaults of the canonical form."""
    schema = model.model_json_schema()
    tables = {item.__name__: item for item in _tables_of(model)}
    for name, definition in ((model.__name__, schema), *schema.get("$defs", {}).items()):
        table = tables.get(name)
        for key, entry in definition.get("properties", {}).items():
            entry.pop("title", None)
            if entry.get("default", 0) is None:
                del entry["default"]
            default = _default(table, key) if table else None
            if default is not None:
                entry["default"] = default
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "sametick scenario"}


def markdown(model: type[BaseModel]) -> str:
    """The reference page: a table of keys for each table of the file, then the events and figures."""
    tables = {item.__name__: item for item in _tables_of(model)}
    parts = [_INTRO]
    for name, title in _TABLES:
        parts.append(_section(tables[name], title, _inherited(tables, name)))
    parts.append("## `[[event]]`\n\nEach has a `kind`, which decides what other keys it has.\n")
    for table in tables.values():
        if "kind" in table.model_fields:
            leave_out = {"kind", *tables["PathTable"].model_fields}
            parts.append(_section(table, f'`kind = "{kind_of(table)}"`', leave_out, level=3))
    parts.append(_figures())
    return "\n".join(parts)


def _inherited(tables: dict[str, type[BaseModel]], name: str) -> set[str]:
    """Keys that have a section of their own."""
    return set() if name == "LinkTable" else set(tables["LinkTable"].model_fields)


def _section(table: type[BaseModel], title: str, leave_out: set[str], level: int = 2) -> str:
    lines = [f"{'#' * level} {title}", "", " ".join((table.__doc__ or "").split()), ""]
    rows = [
        f"| `{key}` | {_values(table, key)} | {_default_text(table, key)} | {_cell(field.description)} |"
        for key, field in table.model_fields.items()
        if key not in leave_out
    ]
    if rows:
        lines += ["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _values(table: type[BaseModel], key: str) -> str:
    schema = table.model_json_schema()
    entry = _resolved(schema, schema["properties"][key])
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    kind = entry.get("type")
    if kind in ("integer", "number"):
        return f"{entry['minimum']} … {entry['maximum']}"
    if kind == "array":
        item = _resolved(schema, entry.get("items", {}))
        return "tables" if item.get("type") == "object" or "oneOf" in item else "list"
    return {"object": "table", "boolean": "`true`, `false`", "string": "string"}.get(str(kind), "")


def _resolved(schema: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    reference = entry.get("$ref", "")
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else entry
    return found


def _default_text(table: type[BaseModel], key: str) -> str:
    if table.model_fields[key].is_required():
        return "required"
    default = _default(table, key)
    if default is None or default in ("", []):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _default(table: type[BaseModel], key: str) -> Any:
    """The default of the canonical form in the key's own unit, or None if it has none."""
    if key == "peer":  # seats are given out as they are needed
        return None
    name, scale = canonical_key(key)
    for canonical in (vars(base).get("canonical") for base in table.__mro__):
        for item in dataclasses.fields(canonical) if canonical else ():
            if item.name == name and isinstance(item.default, int) and scale != 1:
                return _number(Fraction(item.default, scale))
            if item.name == name and isinstance(item.default, (int, str)):
                return item.default
    return None


def _number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(decimal_text(value))


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def _figures() -> str:
    names = expectations.figure_names()
    words = ", ".join(f"`{word}`" for word in expectations.WORDS["end_reason"])
    peer = {name.replace("_us", "_ms") for name in expectations.PEER_FIGURES}
    listed = ", ".join(f"`{name}`" for name in names if name in peer)
    run = ", ".join(f"`{name}`" for name in names if name not in peer and name not in expectations.WORDS)
    return f"""\
## `[expect]`

Each key is a figure of the result: a value for exactly this, or `{{ min = 1, max = 4 }}` with one or both.

- of every peer, a word: `end_reason` ({words})
- of every peer, a number: {listed}
- of the run: {run}
"""


def _tables_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and every model in its fields, and their bases, each once, in order of mention."""
    seen: dict[type[BaseModel], None] = {}
    waiting: list[Any] = [model]
    while waiting:
        annotation = waiting.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in seen and annotation is not BaseModel:
                seen[annotation] = None
                waiting += [field.annotation for field in annotation.model_fields.values()]
                waiting += annotation.__bases__
        elif get_origin(annotation) is not None:
            inner = getattr(annotation, "__origin__", None)
            is_union = get_origin(annotation) in (Union, types.UnionType, list, dict)
            waiting += get_args(annotation) if is_union else [inner]
    return iter(seen)

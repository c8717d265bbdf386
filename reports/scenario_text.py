"""A scenario's canonical table as text to read: TOML in the units of the table, empty fields left out."""

import json
from collections.abc import Iterator
from typing import Any

Table = dict[str, Any]


def scenario_text(scenario: Table) -> str:
    """Sections in the scenario's own order. Paths with the same link are told once, without idle stages."""
    scalars = {key: value for key, value in scenario.items() if not isinstance(value, (dict, list))}
    blocks = [_block("", scalars)]
    for key, value in scenario.items():
        if key == "network":
            blocks += _network(value)
        elif isinstance(value, dict):
            blocks.append(_block(f"[{key}]", value))
        elif isinstance(value, list):
            blocks += [_block(f"[[{key}]]", item) for item in value if isinstance(item, dict)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _network(network: Table) -> Iterator[str]:
    yield _block("[network]", {key: v for key, v in network.items() if not isinstance(v, list)})
    for kind in ("paths", "relay"):
        by_link: dict[str, list[str]] = {}
        links: dict[str, Table] = {}
        for path in network.get(kind, []):
            key = json.dumps(path["link"], sort_keys=True)
            links[key] = path["link"]
            by_link.setdefault(key, []).append(f"{path['source']}->{path['target']}")
        for key, names in by_link.items():
            stages = {name: value for name, value in links[key].items() if value != 0}
            yield _block(f"[network.{kind}]  # {', '.join(names)}", stages)


def _block(heading: str, fields: Table) -> str:
    lines = [heading] if heading else []
    lines += [f"{key} = {_literal(value)}" for key, value in fields.items() if not _is_empty(value)]
    return "\n".join(lines)


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", "none") or value == [] or value == {}


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_literal(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(inner) for inner in value) + "]"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:_}"
    return json.dumps(value, ensure_ascii=False)

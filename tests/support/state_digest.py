"""One digest of everything that an object holds: two are equal only if nothing has changed."""

import hashlib
from enum import Enum
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

PLAIN = (int, float, str, bytes, bool, type(None))
COUNTERS = frozenset({"rejected"})  # the one thing that a bad datagram may change


def state_digest(root: object, without: frozenset[str] = COUNTERS) -> str:
    """Walks attributes, slots and containers; attributes named in `without` are left out."""
    return hashlib.sha256(describe(root, without).encode()).hexdigest()


def describe(root: object, without: frozenset[str] = COUNTERS) -> str:
    parts: list[str] = []
    _walk(root, "", without, {}, [], parts)
    return "\n".join(parts)


def _walk(
    value: Any, path: str, without: frozenset[str], seen: dict[int, str], kept: list[Any], parts: list[str]
) -> None:
    if isinstance(value, Enum) or type(value) in PLAIN:
        parts.append(f"{path}={value!r}")
        return
    if id(value) in seen:
        parts.append(f"{path}->{seen[id(value)]}")
        return
    seen[id(value)] = path
    kept.append(value)  # an id may be given anew once its object has died
    if isinstance(value, (FunctionType, type, BuiltinMethodType)):
        parts.append(f"{path}={value.__qualname__}")
        return
    if isinstance(value, MethodType):
        parts.append(f"{path}={value.__func__.__qualname__}")
        children = [("__self__", value.__self__)]
    elif isinstance(value, dict):
        children = [(repr(key), item) for key, item in value.items()]
    elif isinstance(value, (set, frozenset)):
        children = list(enumerate(sorted(value)))  # type: ignore[arg-type]
    elif isinstance(value, (list, tuple)):
        children = list(enumerate(value))  # type: ignore[arg-type]
    else:
        children = _attributes(value, without)
    parts.append(f"{path}:{type(value).__name__}[{len(children)}]")
    for name, child in children:
        _walk(child, f"{path}.{name}", without, seen, kept, parts)


def _attributes(value: Any, without: frozenset[str]) -> list[tuple[str, Any]]:
    names: dict[str, None] = {}
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names.update(dict.fromkeys([slots] if isinstance(slots, str) else slots))
    names.update(dict.fromkeys(getattr(value, "__dict__", ())))
    names.pop("__weakref__", None)
    names.pop("__dict__", None)
    return [(name, getattr(value, name)) for name in names if name not in without and hasattr(value, name)]

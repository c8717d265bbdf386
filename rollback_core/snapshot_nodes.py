"""The kinds of things that a snapshot writes down, each with how it is taken, made again and shown.

A node holds *cells*: a shared constant itself, or a `Ref` to another node by its number. `shell`
gives an empty mutable value that others may link to, `build` makes a value that must be whole when
made, `fill` completes it, `show` tells it as plain data, `links` lists its cells with path suffixes.
`Any` throughout: these are other people's objects.
"""

import functools
import types
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from rollback_core import canonical

Cell: TypeAlias = Any
Get: TypeAlias = Callable[[Cell], Any]
Links: TypeAlias = list[tuple[str, Cell]]

_POINTER_BYTES: Final = tuple.__itemsize__  # a tuple grows by one pointer per item
_HEAP_TYPE: Final = 1 << 9  # CPython's Py_TPFLAGS_HEAPTYPE: made at run time


_BY_REPR: Final = ("builtins", "datetime", "decimal", "fractions", "pathlib", "uuid")


def named(thing: Any) -> str:
    """The full name of a class or function."""
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", None) or type(thing).__name__
    return f"{module}.{name}" if module else str(name)


def short_name(thing: Any) -> str:
    """The name without the module's: what runs from a file has another module name in each folder."""
    return str(getattr(thing, "__qualname__", None) or type(thing).__name__)


def show_constant(value: Any) -> Any:
    """A shared value as plain data: exact where it is a value, by name where it is code or a resource."""
    cls = type(value)
    if value is None or cls in (bool, int, float, str, bytes):
        return value
    if cls in (tuple, frozenset):
        items = [show_constant(item) for item in value]
        return items if cls is tuple else sorted(items, key=canonical.encode)
    if isinstance(value, types.ModuleType):
        return f"<module {value.__name__}>"
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return f"<{short_name(value)}>"
    if hasattr(value, "dtype") and hasattr(value, "item"):
        item = value.item()
        return [value.dtype.str, item if type(item) in (bool, int, float, str, bytes) else repr(item)]
    if getattr(cls, "__module__", "") in _BY_REPR:
        return repr(value)
    name = getattr(value, "_name_", None)  # of an enum's member
    return f"<{short_name(cls)}.{name}>" if type(name) is str else f"<a shared {short_name(cls)}>"


class Ref:
    """A link to the node with this number."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class Node:
    """Base of the kinds below; by itself a value with neither parts nor state."""

    __slots__ = ()
    fill_turn = 0  # 1: filling calls hash() of the parts; 2: it calls foreign code with the parts
    is_unordered = False  # links come in no particular order

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        raise NotImplementedError

    def shell(self) -> Any:
        return None

    def build(self, get: Get) -> Any:
        raise NotImplementedError

    def fill(self, value: Any, get: Get) -> None:
        return None

    def show(self, show: Get) -> Any:
        raise NotImplementedError

    def links(self) -> Links:
        return []


class Layout(NamedTuple):
    """Where instances of a class keep their state."""

    base: Any  # the C class that it is built on: object, list, dict, set, …
    has_dict: bool
    slots: tuple[tuple[str, Any], ...]  # name and descriptor


@functools.lru_cache(maxsize=1024)
def layout_of(cls: Any) -> Layout:
    slots = [each for owner in cls.__mro__ for each in _own_slots(owner)]
    return Layout(_solid_base(cls), cls.__dictoffset__ != 0, tuple(slots))


def _own_slots(owner: Any) -> list[tuple[str, Any]]:
    """Name and descriptor of the slots that the class itself adds."""
    slots = []
    names = owner.__dict__.get("__slots__", ())
    for name in (names,) if isinstance(names, str) else tuple(names):
        if name.startswith("__") and not name.endswith("__"):
            name = f"_{owner.__name__.lstrip('_')}{name}"
        descriptor = owner.__dict__.get(name)
        if isinstance(descriptor, types.MemberDescriptorType):
            slots.append((name, descriptor))
    return slots


def _solid_base(cls: Any) -> Any:
    """The nearest class, itself included, that is written in C.

    It is not always flagged as such: it makes its own instances, or they are larger than what a
    Python class adds to its base (slots, a dict, a list of weak references) can explain.
    """
    base = cls
    while base.__base__ is not None:
        above = base.__base__
        new = base.__dict__.get("__new__")
        if isinstance(new, types.BuiltinFunctionType) or not base.__flags__ & _HEAP_TYPE:
            return base
        adds_dict = above.__dictoffset__ == 0 and (base.__dictoffset__ > 0 or base.__dictoffset__ < -1)
        adds_references = above.__weakrefoffset__ == 0 and base.__weakrefoffset__ > 0
        pointers = len(_own_slots(base)) + adds_dict + adds_references
        if base.__basicsize__ > above.__basicsize__ + pointers * _POINTER_BYTES:
            return base
        base = above
    return base


def _class(value: Any) -> Any:
    return type(value)


class _Attributes:
    """The attributes of one object, from its `__dict__` and its slots, around any `__getattr__`."""

    __slots__ = ("named", "slotted")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        layout = layout_of(_class(value))
        self.named: list[tuple[str, Cell]] = []
        self.slotted: dict[str, Cell] = {}
        if layout.has_dict:
            table = object.__getattribute__(value, "__dict__")
            if table is value:
                raise TypeError("its attributes are itself")
            self.named = [(name, cell(item)) for name, item in table.items()]
        for name, descriptor in layout.slots:
            try:
                self.slotted[name] = cell(descriptor.__get__(value))
            except AttributeError:  # a slot that was never set
                continue

    def fill(self, value: Any, get: Get) -> None:
        layout = layout_of(_class(value))
        if layout.has_dict:
            table = object.__getattribute__(value, "__dict__")
            table.clear()
            for name, cell in self.named:
                table[name] = get(cell)
        for name, descriptor in layout.slots:
            if name in self.slotted:
                descriptor.__set__(value, get(self.slotted[name]))
            elif hasattr(value, name):
                descriptor.__delete__(value)

    def pairs(self) -> Links:
        return [*self.named, *self.slotted.items()]


class ObjectNode(Node):
    """An instance of a Python class, or of list, dict or set, or of a class derived from these."""

    __slots__ = ("attributes", "base", "cls", "items", "pairs")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        self.cls = cls = _class(value)
        self.base = base = layout_of(cls).base
        plain = self.cls is base and base is not object
        self.attributes = None if plain else _Attributes(value, cell)
        self.items: list[Cell] = []
        self.pairs: list[tuple[Cell, Cell]] = []
        if base is dict:
            self.pairs = [(cell(key), cell(item)) for key, item in dict.items(value)]
        elif base is not object:
            self.items = [cell(item) for item in base.__iter__(value)]

    @property
    def fill_turn(self) -> int:  # type: ignore[override]
        return 1 if self.base is dict or self.base is set else 0

    @property
    def is_unordered(self) -> bool:  # type: ignore[override]
        return self.base is set

    def shell(self) -> Any:
        return self.base.__new__(self.cls)

    def fill(self, value: Any, get: Get) -> None:
        if self.attributes is not None:
            self.attributes.fill(value, get)
        if self.base is dict:
            dict.clear(value)
            for key, cell in self.pairs:
                dict.__setitem__(value, get(key), get(cell))
        elif self.base is list:
            list.__setitem__(value, slice(None), [get(cell) for cell in self.items])
        elif self.base is set:
            set.clear(value)
            set.update(value, [get(cell) for cell in self.items])

    def show(self, show: Get) -> Any:
        content: Any
        if self.base is dict:
            labels = _labels(self.pairs)
            if all(type(key) is str and not key.startswith("[") for key, _ in self.pairs):
                content = {key: show(item) for key, item in self.pairs}
            elif labels is not None:
                content = {
                    f"[{each}]": show(item) for each, (_, item) in zip(labels, self.pairs, strict=True)
                }
            else:
                content = [(show(key), show(item)) for key, item in self.pairs]
        elif self.base is set:
            content = sorted((show(cell) for cell in self.items), key=canonical.encode)
        else:
            content = [show(cell) for cell in self.items]
        if self.attributes is None:
            return content
        table = {name: show(cell) for name, cell in self.attributes.pairs()}
        table["(class)"] = short_name(self.cls)
        if self.base is not object:
            table["(content)"] = content
        return table

    def links(self) -> Links:
        links = [] if self.attributes is None else [(f".{n}", c) for n, c in self.attributes.pairs()]
        links += [(f"[{index}]", cell) for index, cell in enumerate(self.items)]
        labels = _labels(self.pairs)
        for index, (key, cell) in enumerate(self.pairs):
            links.append((f".keys[{index}]", key))
            links.append((f"[{labels[index] if labels else index}]", cell))
        return links


def _labels(pairs: list[tuple[Cell, Cell]]) -> list[str] | None:
    """A text per key of a dict, or None where the keys are objects or look alike."""
    if any(type(key) is Ref for key, _ in pairs):
        return None
    labels = [repr(key) if type(key) in (str, int) else repr(show_constant(key)) for key, _ in pairs]
    return labels if len(set(labels)) == len(labels) else None


class TupleNode(Node):
    """A tuple or frozenset, or an instance of a class derived from these (a named tuple)."""

    __slots__ = ("attributes", "base", "cls", "items")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        self.cls = cls = _class(value)
        self.base: Any = layout_of(cls).base
        self.attributes = None if self.cls is self.base else _Attributes(value, cell)
        self.items = [cell(item) for item in self.base.__iter__(value)]

    @property
    def is_unordered(self) -> bool:  # type: ignore[override]
        return self.base is frozenset

    def build(self, get: Get) -> Any:
        return self.base.__new__(self.cls, [get(cell) for cell in self.items])

    def fill(self, value: Any, get: Get) -> None:
        if self.attributes is not None:
            self.attributes.fill(value, get)

    def show(self, show: Get) -> Any:
        items = [show(cell) for cell in self.items]
        if self.base is frozenset:
            items.sort(key=canonical.encode)
        if self.attributes is None:
            return items
        table = {name: show(cell) for name, cell in self.attributes.pairs()}
        return {**table, "(class)": short_name(self.cls), "(content)": items}

    def links(self) -> Links:
        links = [] if self.attributes is None else [(f".{n}", c) for n, c in self.attributes.pairs()]
        return links + [(f"[{index}]", cell) for index, cell in enumerate(self.items)]


class ReducedNode(Node):
    """An instance of a C class, by the class's own exact pickling (deque, Rect, partial).

    Of a Python class over a C class the attributes are kept apart: some C classes forget them.
    """

    __slots__ = ("args", "attributes", "cls", "function", "items", "pairs", "state")
    fill_turn = 2

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        self.cls = cls = _class(value)
        self.attributes = None if layout_of(cls).base is cls else _Attributes(value, cell)
        parts = value.__reduce_ex__(4)
        if type(parts) is not tuple or (len(parts) > 5 and parts[5] is not None):
            raise TypeError("its class pickles in an unusual way")
        function, args, state, items, pairs = (list(parts) + [None] * 3)[:5]
        self.function = function  # a class or a module's own function: code
        self.args = [cell(item) for item in args]
        self.state = cell(state)
        self.items = [cell(item) for item in items or ()]
        self.pairs = [(cell(key), cell(item)) for key, item in pairs or ()]

    def build(self, get: Get) -> Any:
        return self.function(*[get(cell) for cell in self.args])

    def fill(self, value: Any, get: Get) -> None:
        for cell in self.items:
            value.append(get(cell))
        for key, cell in self.pairs:
            value[get(key)] = get(cell)
        state = get(self.state)
        if state is not None and hasattr(value, "__setstate__"):
            value.__setstate__(state)
        elif state is not None and self.attributes is None:
            named_part, slotted = state if type(state) is tuple and len(state) == 2 else (state, None)
            if named_part:
                value.__dict__.update(named_part)
            for name, item in (slotted or {}).items():
                setattr(value, name, item)
        if self.attributes is not None:
            self.attributes.fill(value, get)

    def _own(self) -> Links:
        return [] if self.attributes is None else self.attributes.pairs()

    def show(self, show: Get) -> Any:
        return {
            "(class)": short_name(self.cls),
            "attributes": {name: show(cell) for name, cell in self._own()},
            "args": [show(cell) for cell in self.args],
            "state": show(self.state),
            "items": [show(cell) for cell in self.items],
            "pairs": [[show(key), show(item)] for key, item in self.pairs],
        }

    def links(self) -> Links:
        links = [(f".{name}", cell) for name, cell in self._own()]
        links.append((".state", self.state))
        links += [(f".args[{index}]", cell) for index, cell in enumerate(self.args)]
        links += [(f"[{index}]", cell) for index, cell in enumerate(self.items)]
        for index, (key, cell) in enumerate(self.pairs):
            links += [(f".keys[{index}]", key), (f".values[{index}]", cell)]
        return links

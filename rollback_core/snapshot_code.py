"""Code with variables in a snapshot: inner functions, what they close over, and bound methods.

An env may keep a function that it made itself; copied without its variables, it would go on
changing the old ones.
"""

import types
from collections.abc import Callable
from typing import Any

from rollback_core.snapshot_nodes import Cell, Get, Links, Node, short_name


class CellNode(Node):
    """The variable that an inner function shares with the function around it."""

    __slots__ = ("content",)

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        try:
            self.content = [cell(value.cell_contents)]
        except ValueError:  # not set yet
            self.content = []

    def shell(self) -> Any:
        return types.CellType()

    def fill(self, value: Any, get: Get) -> None:
        for cell in self.content:
            value.cell_contents = get(cell)

    def show(self, show: Get) -> Any:
        return [show(cell) for cell in self.content]

    def links(self) -> Links:
        return [(".content", cell) for cell in self.content]


class FunctionNode(Node):
    """A function made at run time, with the variables that it closes over."""

    __slots__ = ("attributes", "code", "defaults", "function", "keyword_defaults", "variables")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        self.function = value  # for its code, globals and name, which do not change
        self.code = value.__code__
        self.defaults = None if value.__defaults__ is None else [cell(item) for item in value.__defaults__]
        self.keyword_defaults = [(name, cell(item)) for name, item in (value.__kwdefaults__ or {}).items()]
        self.variables = [cell(item) for item in value.__closure__ or ()]
        self.attributes = [(name, cell(item)) for name, item in value.__dict__.items()]

    def build(self, get: Get) -> Any:
        closure = tuple(get(cell) for cell in self.variables)
        return types.FunctionType(self.code, self.function.__globals__, self.function.__name__, None, closure)

    def fill(self, value: Any, get: Get) -> None:
        value.__qualname__ = self.function.__qualname__
        if self.defaults is not None:
            value.__defaults__ = tuple(get(cell) for cell in self.defaults)
        if self.keyword_defaults:
            value.__kwdefaults__ = {name: get(cell) for name, cell in self.keyword_defaults}
        value.__dict__.update((name, get(cell)) for name, cell in self.attributes)

    def show(self, show: Get) -> Any:
        return {
            "function": short_name(self.function),
            **{suffix[1:]: show(cell) for suffix, cell in self.links()},
        }

    def links(self) -> Links:
        names = self.code.co_freevars
        return [
            *((f".{name}", cell) for name, cell in zip(names, self.variables, strict=True)),
            *((f".defaults[{index}]", cell) for index, cell in enumerate(self.defaults or ())),
            *((f".defaults.{name}", cell) for name, cell in self.keyword_defaults),
            *((f".attributes.{name}", cell) for name, cell in self.attributes),
        ]


class MethodNode(Node):
    """A method bound to an object: bound again to the object's copy."""

    __slots__ = ("function", "owner")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        function, owner = value.__func__, value.__self__
        name = getattr(function, "__name__", "")
        from_class = any(base.__dict__.get(name) is function for base in type(owner).__mro__)
        self.function = function if from_class else cell(function)
        self.owner = cell(owner)

    def build(self, get: Get) -> Any:
        return types.MethodType(get(self.function), get(self.owner))

    def show(self, show: Get) -> Any:
        return {"method": show(self.function), "of": show(self.owner)}

    def links(self) -> Links:
        return [(".function", self.function), (".self", self.owner)]

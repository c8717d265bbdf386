"""NumPy arrays in a snapshot, by duck typing: the ones that own their numbers, and views of these.

`Any` throughout: the core does not know NumPy.
"""

from collections.abc import Callable
from typing import Any, Final

from rollback_core.snapshot_nodes import Cell, Get, Links, Node

_SHOWN_ITEMS: Final = 256  # a larger array is shown as one byte string per row: still exact, and quick


class ArrayNode(Node):
    """A NumPy array that owns its numbers."""

    __slots__ = ("data", "is_writeable")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        self.data = value.copy(order="K")
        self.is_writeable = value.flags.writeable

    def build(self, get: Get) -> Any:
        return self.data.copy(order="K")

    def fill(self, value: Any, get: Get) -> None:
        if not self.is_writeable:
            value.flags.writeable = False

    def show(self, show: Get) -> Any:
        return {
            "dtype": self.data.dtype.str,
            "shape": list(self.data.shape),
            "values": _show_numbers(self.data),
        }


def _show_numbers(data: Any) -> Any:
    kind = data.dtype.kind
    if kind == "c":
        data = data.view(f"f{data.dtype.itemsize // 2}")
    elif kind in "mM":
        data = data.view("i8")
    elif kind not in "biufSU":
        return [repr(item) for item in data.ravel().tolist()]
    if data.size <= _SHOWN_ITEMS:
        return data.ravel().tolist()
    return [row.tobytes() for row in data] if data.ndim > 1 else data.tobytes()


class ViewNode(Node):
    """A NumPy array that looks at another one's numbers: a change through either shows in both."""

    __slots__ = ("base", "dtype", "is_writeable", "offset", "shape", "strides")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        base = value.base
        if not base.flags.forc:
            raise TypeError("it is a view of an array that is not contiguous")
        self.base = cell(base)
        self.offset = value.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        self.shape, self.strides, self.dtype = value.shape, value.strides, value.dtype
        self.is_writeable = value.flags.writeable

    def build(self, get: Get) -> Any:
        base = get(self.base)
        return type(base)(self.shape, self.dtype, base.ravel(order="K"), self.offset, self.strides)

    def fill(self, value: Any, get: Get) -> None:
        if not self.is_writeable:
            value.flags.writeable = False

    def show(self, show: Get) -> Any:
        place = [self.offset, list(self.shape), list(self.strides), self.dtype.str]
        return {"view of": show(self.base), "place": place}

    def links(self) -> Links:
        return [(".base", self.base)]


class BitGeneratorNode(Node):
    """A source of random bits: its numbers, and the seed sequence that `spawn` counts on."""

    __slots__ = ("cls", "seeds", "state")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        self.cls = type(value)
        self.state = value.state  # a new dict each time
        self.seeds = cell(value.seed_seq)

    def build(self, get: Get) -> Any:
        value = self.cls(get(self.seeds))
        value.state = self.state
        return value

    def show(self, show: Get) -> Any:
        return {"state": _show_state(self.state), "seeds": show(self.seeds)}

    def links(self) -> Links:
        return [(".seeds", self.seeds)]


def _show_state(state: Any) -> Any:
    if isinstance(state, dict):
        return {name: _show_state(item) for name, item in state.items()}
    return state.tolist() if hasattr(state, "tolist") else state


class SeedSequenceNode(Node):
    """Where generators take their seeds from, with the count of those already spawned."""

    __slots__ = ("cls", "state")

    def __init__(self, value: Any, cell: Callable[[Any], Cell]) -> None:
        self.cls = type(value)
        self.state = value.state

    def build(self, get: Get) -> Any:
        return self.cls(**self.state)

    def show(self, show: Get) -> Any:
        return {name: _show_state(item) for name, item in self.state.items()}

"""Snapshots of foreign object graphs: an environment's whole state as a value, exactly.

Idea: walk everything that the root reaches, breadth first, and write each mutable thing down as a
node whose links are numbers; build it anew from the nodes on load. Attributes are read and set
directly, never through the class's own pickling or copying: those of envs that inherit EzPickle
call the constructor again and lose the state. Immutable and heavy constants (spaces, surfaces,
modules, classes) are shared. What cannot be written down exactly is refused by name and path.

Invariant: two links to one thing stay two links to one thing; a snapshot never changes.
NumPy is met by duck typing only: nothing but the standard library is imported.
"""

import collections
import enum
import functools
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from rollback_core.errors import UsageError
from rollback_core.snapshot_arrays import ArrayNode, BitGeneratorNode, SeedSequenceNode, ViewNode
from rollback_core.snapshot_code import CellNode, FunctionNode, MethodNode
from rollback_core.snapshot_nodes import (
    Node,
    ObjectNode,
    ReducedNode,
    Ref,
    TupleNode,
    layout_of,
    named,
    show_constant,
)

Choice: TypeAlias = Callable[[Any], type[Node] | None]
"""Which kind of node writes a value down; None: the value is shared."""

_ATOMS: Final = frozenset((type(None), bool, int, float, str, bytes, complex))

# Never state: code, types, values that cannot change, and things that an env draws with.
SHARED_TYPES: Final = frozenset(
    (
        "builtins.ellipsis",
        "builtins.getset_descriptor",
        "builtins.member_descriptor",
        "builtins.method_descriptor",
        "builtins.module",
        "builtins.NotImplementedType",
        "builtins.property",
        "builtins.range",
        "builtins.type",
        "builtins.wrapper_descriptor",
        "datetime.date",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "functools._lru_cache_wrapper",
        "gymnasium.envs.registration.EnvSpec",
        "logging.Logger",
        "numpy.dtype",
        "numpy.ufunc",
        "pathlib.PurePath",
        "pygame.font.Font",
        "pygame.freetype.Font",
        "pygame.mixer.Sound",
        "pygame.surface.Surface",
        "pygame.time.Clock",
        "pygame.window.Window",
        "re.Pattern",
        "uuid.UUID",
    )
)

# Python classes over a C class, whose own pickling is known to be exact.
_TRUSTED_CLASSES: Final = ("random.Random",)

_MAX_NODES: Final = 200_000  # no state of more objects can be rolled back many times a second


class Snapshot:
    """A frozen object graph: its nodes, breadth first, and the link to its root."""

    __slots__ = ("nodes", "root")

    def __init__(self, nodes: list[Node], root: Any) -> None:
        self.nodes = nodes
        self.root = root


class Constant:
    """A link to a thing that every instance has and none changes; each instance keeps its own."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Snapshotter:
    """Freezes and thaws graphs.

    `share` names further classes ("module.Class") whose instances never change; `constants` gives
    things by name that are large, never change, and are left out (a table of transitions, say).
    """

    def __init__(self, share: Iterable[str] = (), constants: Mapping[str, Any] | None = None) -> None:
        self._shared = SHARED_TYPES.union(share)
        self._constants = dict(constants or {})
        self._constant_links = {id(value): Constant(name) for name, value in self._constants.items()}
        self._choices: dict[type, Choice] = {}

    def freeze(self, root: Any) -> Snapshot:
        """The state of everything that `root` reaches. UsageError names what cannot be kept."""
        seen: dict[int, Ref] = {}
        found: list[tuple[Any, type[Node]]] = []  # holds temporaries too, so that an id stays one thing's
        nodes: list[Node] = []
        constant_links = self._constant_links

        def cell(value: Any) -> Any:
            cls = type(value)
            if cls in _ATOMS:
                return value
            ref = seen.get(id(value))
            if ref is not None:
                return ref
            constant = constant_links.get(id(value))
            if constant is not None:
                return constant
            try:
                kind = self._kind(value)
            except TypeError as error:
                raise TypeError(f"it holds a {named(cls)}, and {error}") from None
            if kind is None:
                return value
            ref = seen[id(value)] = Ref(len(found))
            found.append((value, kind))
            return ref

        root_cell = self._guard(nodes, root, lambda: cell(root))
        for value, kind in found:  # grows while it is walked
            nodes.append(self._guard(nodes, value, functools.partial(kind, value, cell)))
            if len(nodes) > _MAX_NODES:
                raise UsageError(f"cannot save a state of more than {_MAX_NODES} objects")
        return Snapshot(nodes, root_cell)

    def thaw(self, snapshot: Snapshot, into: Any = None) -> Any:
        """A new graph equal to the frozen one; `into` is an object that shall become its root."""
        nodes = snapshot.nodes
        if type(snapshot.root) is not Ref:
            return snapshot.root
        made = [node.shell() for node in nodes]
        if into is not None:
            first = nodes[0]
            if not isinstance(first, ObjectNode) or first.cls is not type(into):
                raise UsageError(f"this is not the state of a {named(type(into))}")
            made[0] = into
        building: set[int] = set()

        def get(cell: Any) -> Any:
            if type(cell) is not Ref:
                return self._constants[cell.name] if type(cell) is Constant else cell
            index = cell.index
            if made[index] is None:
                if index in building:
                    raise UsageError("cannot load a state in which an immutable value contains itself")
                building.add(index)
                made[index] = nodes[index].build(get)
            return made[index]

        for index in range(len(nodes) - 1, -1, -1):  # parts come last: then build seldom recurses
            get(Ref(index))
        for turn in range(3):
            for index in range(len(nodes) - 1, -1, -1):
                if nodes[index].fill_turn == turn:
                    nodes[index].fill(made[index], get)
        return made[0]

    def table(self, snapshot: Snapshot, name: str) -> dict[str, Any]:
        """The state as plain data for `canonical.encode`: an entry per object, under its shortest path.

        Links read "-> path". Equal graphs give equal tables on every run.
        """
        if type(snapshot.root) is not Ref:
            return {name: show_constant(snapshot.root)}
        paths = _paths(snapshot.nodes, name)
        if len(paths) < len(snapshot.nodes):
            raise UsageError("a set of objects that nothing else holds has no order to compare by")

        def show(cell: Any) -> Any:
            if type(cell) is Ref:
                return f"-> {paths[cell.index]}"
            return f"<constant {cell.name}>" if type(cell) is Constant else show_constant(cell)

        return {paths[index]: node.show(show) for index, node in enumerate(snapshot.nodes)}

    def _guard(self, nodes: list[Node], value: Any, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except (TypeError, ValueError) as error:
            where = _paths(nodes, "env").get(len(nodes), "env")
            raise UsageError(f"cannot save {where}, a {named(type(value))}: {error}") from None

    def _kind(self, value: Any) -> type[Node] | None:
        cls = type(value)
        choice = self._choices.get(cls)
        if choice is None:
            choice = self._choices[cls] = self._choice(cls)
        return choice(value)

    def _choice(self, cls: type) -> Choice:
        if issubclass(cls, (type, enum.Enum)) or getattr(cls, "__module__", "") in ("typing", "numpy.dtypes"):
            return _share
        for base in cls.__mro__:
            name = named(base)
            if name in self._shared or (name == "numpy.generic" and cls.__name__ != "void"):
                return _share
            if name.startswith("gymnasium.spaces."):
                return _kind_of_space
        if cls is types.FunctionType:
            return self._kind_of_function
        if cls in (tuple, frozenset):
            return self._kind_of_tuple
        if cls is types.BuiltinFunctionType:
            return _kind_of_builtin
        if named(cls) == "numpy.ndarray":
            return _kind_of_array
        if named(cls) == "numpy.random.bit_generator.SeedSequence":
            return lambda value: SeedSequenceNode
        if any(named(base) == "numpy.random.bit_generator.BitGenerator" for base in cls.__mro__):
            return lambda value: BitGeneratorNode
        if cls is types.MethodType:
            return lambda value: MethodNode
        if cls is types.CellType:
            return lambda value: CellNode
        return lambda value: _kind_of_object(cls)

    def _kind_of_tuple(self, value: Any) -> type[Node] | None:
        return TupleNode if any(self._is_state(item) for item in value) else None

    def _kind_of_function(self, value: Any) -> type[Node] | None:
        """A module's own functions are code; one made at run time may hold variables."""
        if "<locals>" not in value.__qualname__:
            return None
        closes_over = value.__code__.co_freevars not in ((), ("__class__",))
        defaults = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        if closes_over or value.__dict__ or any(self._is_state(item) for item in defaults):
            return FunctionNode
        return None

    def _is_state(self, value: Any) -> bool:
        return type(value) not in _ATOMS and self._kind(value) is not None


def _share(value: Any) -> type[Node] | None:
    return None


def _kind_of_space(value: Any) -> type[Node] | None:
    """A space is a constant until someone samples from it: then its generator is state."""
    parts = getattr(value, "spaces", ())
    inner = parts.values() if hasattr(parts, "values") else parts
    is_sampled = value._np_random is not None or any(_kind_of_space(part) for part in inner)
    return ObjectNode if is_sampled else None


def _kind_of_builtin(value: Any) -> type[Node] | None:
    """A builtin method bound to an object (`queue.append`) is bound again; a function is shared."""
    owner = value.__self__
    is_function = owner is None or isinstance(owner, (types.ModuleType, type))
    return None if is_function else ReducedNode


def _kind_of_array(value: Any) -> type[Node] | None:
    base = value.base
    is_view = base is not None and type(base) is type(value)
    if value.dtype.hasobject:
        if is_view:
            raise TypeError("it is a view of an array of objects")
        return ReducedNode
    if is_view:
        return ViewNode
    if isinstance(base, (bytearray, memoryview)) and value.flags.writeable:
        raise TypeError("its numbers are in a buffer that others may write to")
    return ArrayNode


def _kind_of_object(cls: type) -> type[Node]:
    base = layout_of(cls).base
    if base in (object, list, dict, set):
        return ObjectNode
    if base in (tuple, frozenset):
        return TupleNode
    if base is not cls and named(cls) not in _TRUSTED_CLASSES:
        above = cls.__mro__[: cls.__mro__.index(base)]
        hooks = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__")
        if any(hook in owner.__dict__ for owner in above for hook in hooks):
            raise TypeError("it has its own way of pickling, over a C class")
    return ReducedNode


def _paths(nodes: list[Node], name: str) -> dict[int, str]:
    """The shortest path to each node. Members of sets are named only where something else holds them."""
    paths = {0: name}
    queue = collections.deque([0])
    while queue:
        index = queue.popleft()
        if index >= len(nodes) or nodes[index].is_unordered:
            continue
        for suffix, cell in nodes[index].links():
            if type(cell) is Ref and cell.index not in paths:
                paths[cell.index] = paths[index] + suffix
                queue.append(cell.index)
    return paths

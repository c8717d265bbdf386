"""Snapshots keep what deepcopy and pickle lose, keep links as they are, and refuse the rest by name."""

import copy
import enum
import functools
import random
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from gymnasium.spaces import Discrete, Tuple
from gymnasium.utils import EzPickle

from rollback_core import canonical, snapshot
from rollback_core.errors import UsageError
from rollback_core.snapshot import Snapshotter


class Colour(enum.Enum):
    RED = "red"


class Tagged(tuple[Any, ...]):
    """A tuple with attributes."""


class Defaults(defaultdict[str, list[int]]):
    """A Python class over a C class, with an attribute of its own."""


class Row(list[int]):
    """A list with an attribute."""


class Pair(NamedTuple):
    left: Any
    right: Any


class Slotted:
    __slots__ = ("__hidden", "empty", "x")

    def __init__(self) -> None:
        self.x = [1]
        self.__hidden = [2]

    def hidden(self) -> list[int]:
        return self.__hidden


class Rebuilt(EzPickle):
    """As third-party envs do it: pickling and copying call the constructor again."""

    def __init__(self) -> None:
        super().__init__()
        self.score = 0


class Forwarding:
    """A wrapper that answers for what it wraps."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class World:
    items: Any = field(default_factory=list)


def round_trip(value: Any) -> Any:
    """Freeze, and thaw once the original has been spoilt by nobody: the state must be complete."""
    snapshotter = Snapshotter()
    return snapshotter.thaw(snapshotter.freeze(value))


def encoded(value: Any) -> bytes:
    snapshotter = Snapshotter()
    return canonical.encode(snapshotter.table(snapshotter.freeze(value), "env"))


def test_what_ezpickle_loses_is_kept() -> None:
    env = Rebuilt()
    env.score = 7
    assert copy.deepcopy(env).score == 0  # the trap
    assert round_trip(env).score == 7


def test_thaw_into_makes_the_root_what_it_was() -> None:
    env: Any = World(items=[1, {"a": [2]}])
    snapshotter = Snapshotter()
    frozen = snapshotter.freeze(env)
    env.items[1]["a"].append(3)
    env.extra = "new"
    snapshotter.thaw(frozen, env)
    assert vars(env) == {"items": [1, {"a": [2]}]}
    env.items.append(4)
    snapshotter.thaw(frozen, env)
    assert env.items == [1, {"a": [2]}]


def test_another_class_is_no_root_for_it() -> None:
    snapshotter = Snapshotter()
    with pytest.raises(UsageError, match="not the state of a"):
        snapshotter.thaw(snapshotter.freeze(World()), Rebuilt())


def test_links_stay_links_and_cycles_close() -> None:
    shared = [1]
    world = World(items=[shared, shared, (shared, {"deep": shared})])
    world.items.append(world)
    other = round_trip(world)
    first = other.items[0]
    assert first is not shared
    assert other.items[1] is first
    assert other.items[2][0] is first
    assert other.items[2][1]["deep"] is first
    assert other.items[3] is other


def test_wrapper_that_forwards_attributes_keeps_its_own() -> None:
    wrapper = Forwarding(World(items=[3]))
    wrapper.count = 5
    other = round_trip(wrapper)
    assert (other.count, other.inner.items) == (5, [3])


def test_slots_are_kept_private_and_unset_ones_too() -> None:
    value = Slotted()
    frozen = Snapshotter().freeze(value)
    value.x.append(9)
    value.hidden().append(9)
    value.empty = 1
    Snapshotter().thaw(frozen, value)
    assert (value.x, value.hidden(), hasattr(value, "empty")) == ([1], [2], False)


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, 2: [3], (4, 5): {6}},
        OrderedDict(b=1, a=[2]),
        deque([1, [2]], maxlen=3),
        Pair([1], {"x": 2}),
        frozenset([1, (2, 3)]),
        bytearray(b"ab"),
        {1, 2, 3},
        [Colour.RED, World, len, range(3), 1j, b"x", None, True, 0.1],
    ],
    ids=lambda value: type(value).__name__,
)
def test_containers_come_back_equal_and_detached(value: Any) -> None:
    other = round_trip([value])[0]
    assert other == value
    assert type(other) is type(value)


def test_default_dict_and_maximum_length_still_work() -> None:
    table, queue = round_trip((defaultdict(list, {"a": [1]}), deque([1, 2, 3], maxlen=3)))
    table["b"].append(2)
    queue.append(4)
    assert (dict(table), list(queue)) == ({"a": [1], "b": [2]}, [2, 3, 4])


def test_subclasses_keep_attributes_and_what_their_c_base_hides() -> None:
    tagged, table = Tagged([[1], 2]), Defaults(list, {"a": [1]})
    tagged.tag, table.tag = ["t"], ["d"]  # type: ignore[attr-defined]
    other, others = round_trip((tagged, table))
    others["new"].append(5)
    assert (other, other.tag, type(other)) == (([1], 2), ["t"], Tagged)
    assert (others, others.tag) == ({"a": [1], "new": [5]}, ["d"])
    assert other[0] is not tagged[0]
    assert table == {"a": [1]}


def test_slots_over_a_c_class_are_kept() -> None:
    class Line(deque[int]):
        __slots__ = ("held",)

    line = Line([1], maxlen=3)
    line.held = [2]
    copied = round_trip(line)
    assert (copied, copied.held, copied.maxlen) == (deque([1]), [2], 3)
    assert copied.held is not line.held


def test_objects_are_keys_and_members() -> None:
    one, two = World(items=[1]), World(items=[2])
    one.__class__.__hash__ = object.__hash__  # type: ignore[assignment]
    other = round_trip([one, two, {one: "one"}, {two}])
    assert other[2][other[0]] == "one"
    assert next(iter(other[3])) is other[1]


def test_a_method_of_python_is_bound_to_the_copy() -> None:
    slotted = Slotted()
    copied, hidden = round_trip([slotted, slotted.hidden])
    assert hidden() is copied.hidden()
    assert hidden() is not slotted.hidden()
    snapshotter = Snapshotter()
    table = snapshotter.table(snapshotter.freeze([slotted, slotted.hidden]), "env")
    assert table["env[1]"] == {"method": "<Slotted.hidden>", "of": "-> env[0]"}


def test_defaults_variables_and_attributes_of_a_function_go_with_the_copy() -> None:
    closed_over = [0]

    def add(value: int, held: list[int] = [], *, also: list[int] = []) -> list[list[int]]:  # noqa: B006
        for each in (held, also, closed_over):
            each.append(value)
        return [held, also, closed_over]

    add.calls = [0]  # type: ignore[attr-defined]
    add(1)
    copied = round_trip(add)
    assert copied(2) == [[1, 2], [1, 2], [0, 1, 2]]
    copied.calls.append(1)
    assert add(3) == [[1, 3], [1, 3], [0, 1, 3]]
    assert add.calls == [0]  # type: ignore[attr-defined]
    snapshotter = Snapshotter()
    table = snapshotter.table(snapshotter.freeze(add), "env")
    assert set(table) >= {"env", "env.defaults[0]", "env.defaults.also", "env.attributes.calls"}
    assert table["env.closed_over.content"] == [0, 1, 3]


def test_rows_of_a_large_array_are_shown_apart() -> None:
    def shown(value: Any) -> Any:
        snapshotter = Snapshotter()
        return snapshotter.table(snapshotter.freeze(value), "env")["env"]["values"]

    board = np.arange(600, dtype="u2").reshape(2, 300).copy()
    assert shown(board[0].copy()) == board[0].tobytes()
    assert shown(board) == [board[0].tobytes(), board[1].tobytes()]
    assert shown(np.arange(4).reshape(2, 2).copy()) == [0, 1, 2, 3]


def test_bound_methods_closures_and_partials_act_on_the_copy() -> None:
    def counter() -> tuple[Callable[[], int], Callable[[], int]]:
        count = 0

        def add() -> int:
            nonlocal count
            count += 1
            return count

        return add, lambda: count

    def recursive() -> Callable[[int], int]:
        def down(n: int) -> int:
            return n if n == 0 else down(n - 1)

        return down

    world = World()
    world.items = [[], None, None, *counter(), recursive()]
    world.items[1] = world.items[0].append
    world.items[2] = functools.partial(world.items[0].append, "partial")
    other = round_trip(world)
    kept, append, partial, add, read, down = other.items
    append("method")
    partial()
    assert (add(), add(), read(), down(3)) == (1, 2, 2, 0)
    assert kept == ["method", "partial"]
    assert world.items[0] == []
    assert world.items[4]() == 0


@pytest.mark.parametrize("make", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_generators_of_numpy_go_on_where_they_were(make: Any) -> None:
    generator = np.random.Generator(make(5))
    generator.integers(10, size=7)
    holder = World(items=[generator, generator.bit_generator])
    other = round_trip(holder)
    assert encoded(holder) == encoded(other)
    expected = generator.integers(1 << 40, size=20).tolist()
    assert other.items[0].integers(1 << 40, size=20).tolist() == expected
    assert other.items[0].bit_generator is other.items[1]


def test_spawned_generators_are_counted() -> None:
    generator = np.random.default_rng(5)
    generator.spawn(2)
    other = round_trip([generator])[0]
    assert other.spawn(1)[0].random() == generator.spawn(1)[0].random()


def test_old_generators_go_on_too() -> None:
    holder = World(items=[random.Random(3), np.random.RandomState(3)])
    other = round_trip(holder)
    assert other.items[0].random() == holder.items[0].random()
    assert other.items[1].rand() == holder.items[1].rand()


def test_array_changed_in_place_does_not_reach_the_snapshot() -> None:
    snapshotter, value = Snapshotter(), np.arange(4)
    frozen = snapshotter.freeze([value])
    value[0] = 50
    once = snapshotter.thaw(frozen)[0]
    once[1] = 60
    assert snapshotter.thaw(frozen)[0].tolist() == [0, 1, 2, 3]


def test_views_of_arrays_stay_views() -> None:
    base = np.arange(12.0).reshape(3, 4)
    other = round_trip(World(items=[base, base[1], base[::-1, ::2], base.T, base.view("i8")]))
    copied, row, strided, turned, bits = other.items
    copied[1, 2] = 99.0
    assert row[2] == strided[1, 1] == turned[2, 1] == 99.0
    assert bits[1, 2] == np.float64(99.0).view("i8")
    row[0] = -1.0
    assert copied[1, 0] == -1.0
    assert base[1, 0] == 4.0


def test_views_of_fortran_ordered_arrays_stay_views() -> None:
    base = np.asfortranarray(np.arange(6).reshape(2, 3))
    copied, column = round_trip((base, base[:, 1]))
    copied[0, 1] = 50
    assert column.tolist() == [50, 4]
    assert copied.flags.f_contiguous


def test_arrays_keep_type_and_write_protection() -> None:
    value = np.array([1, 2], dtype="<u2")
    value.flags.writeable = False
    boxes = np.array([[1], None], dtype=object)
    other, objects = round_trip((value, boxes))
    assert (other.dtype, other.flags.writeable) == (np.dtype("<u2"), False)
    objects[0].append(2)
    assert boxes[0] == [1]


def test_spaces_are_shared_until_sampled() -> None:
    inner = Discrete(5, seed=4)
    whole = Tuple((Discrete(2), inner))
    assert round_trip([Tuple((Discrete(2),)), whole])[1][1].sample() == inner.sample()
    quiet, sampled = Discrete(5), Discrete(5, seed=3)
    other = round_trip([quiet, sampled])
    assert other[0] is quiet
    assert [other[1].sample() for _ in range(5)] == [sampled.sample() for _ in range(5)]


def test_constants_are_each_instances_own_and_shared_classes_are_not_copied() -> None:
    ours, theirs = {"big": [1]}, {"big": [1]}
    here, there = Snapshotter(constants={"table": ours}), Snapshotter(constants={"table": theirs})
    other = there.thaw(here.freeze([ours, [2]]))
    assert other[0] is theirs
    assert other[1] == [2]
    world = World()
    shared = Snapshotter(share=[f"{World.__module__}.World"])
    assert shared.thaw(shared.freeze([world]))[0] is world


class RectLike(bytearray):
    """A Python class over a C class, with pickling of its own: it may lie."""

    def __reduce__(self) -> Any:
        return RectLike, ()


def borg() -> Any:
    table: Any = type("Borg", (dict,), {})()
    table.__dict__ = table
    return table


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (World(items=[0, (x for x in ())]), r"env\.items\[1\], a builtins\.generator"),
        (World(items={"lock": threading.Lock()}), r"env\.items\['lock'\], a _thread\.lock"),
        (World(items=RectLike(b"x")), "own way of pickling"),
        (World(items=borg()), "its attributes are itself"),
        (World(items=np.frombuffer(bytearray(8))), "in a buffer that others may write to"),
        (World(items=np.array([[1], [2], None], dtype=object)[:2]), "view of an array of objects"),
    ],
    ids=["generator", "lock", "own pickling", "borg", "foreign buffer", "view of objects"],
)
def test_what_cannot_be_kept_is_refused_by_path(value: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Snapshotter().freeze(value)


@pytest.mark.parametrize(
    "hook", ["__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__"]
)
def test_any_way_of_pickling_over_a_c_class_is_refused(hook: str) -> None:
    cls = type("Own", (deque,), {hook: lambda self, *_: ()})
    with pytest.raises(UsageError, match="its own way of pickling"):
        Snapshotter().freeze([cls()])


@pytest.mark.parametrize("parts", ["name", (deque, (), None, None, None, print)])
def test_what_pickles_by_name_or_with_code_of_its_own_is_refused(parts: Any) -> None:
    class Own(deque[int]):
        """Over a C class, with an attribute."""

    own = Own()
    own.__reduce_ex__ = lambda protocol: parts  # type: ignore[method-assign]
    with pytest.raises(UsageError, match="pickles in an unusual way"):
        Snapshotter().freeze([own])


def test_a_state_too_large_to_roll_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_MAX_NODES", 3)
    assert Snapshotter().freeze([[], []])
    with pytest.raises(UsageError, match="more than 3 objects"):
        Snapshotter().freeze([[], [], []])


def test_encoding_names_the_field_that_changed() -> None:
    world = World(items=[{"hero": World(items=np.zeros(3))}])
    before = encoded(world)
    world.items[0]["hero"].items[1] = 2.5
    found = canonical.first_difference(canonical.decode(before), canonical.decode(encoded(world)))
    assert found == ("env.items[0]['hero'].items.values[1]", 0.0, 2.5)


def test_encoding_sees_a_moved_link_and_another_class() -> None:
    one, two = [1], [1]
    assert encoded([one, two, one]) != encoded([one, two, two])
    assert encoded(World()) != encoded(Forwarding(None))
    assert len({encoded({key: "a"}) for key in (1, "1", "[1]", "['1']")}) == 4
    assert encoded([0.0]) != encoded([-0.0])
    assert encoded(np.zeros(300)) != encoded(np.zeros(300, dtype="f4"))


def test_order_of_sets_and_of_attributes_does_not_show() -> None:
    one, two = World(), World()
    one.a, one.b = 1, 2
    two.b, two.a = 2, 1
    assert encoded(one) == encoded(two)
    assert encoded({"x", "y", "z"}) == encoded({"z", "y", "x"})
    assert encoded({1, "x", None}) == encoded({None, "x", 1})


def test_set_of_objects_held_by_nothing_else_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="has no order"):
        encoded({Slotted()})


def test_the_table_reads_as_the_state_does() -> None:
    row = Row([5])
    row.name = "last"  # type: ignore[attr-defined]
    snapshotter = Snapshotter()
    assert snapshotter.table(snapshotter.freeze({"a": [1, {2}], 3: row}), "env") == {
        "env": {"['a']": "-> env['a']", "[3]": "-> env[3]"},
        "env['a']": [1, "-> env['a'][1]"],
        "env['a'][1]": [2],
        "env[3]": {"name": "last", "(class)": "Row", "(content)": [5]},
    }


def test_constants_and_views_read_as_what_they_are() -> None:
    numbers = np.arange(4)
    snapshotter = Snapshotter()
    state = [Fraction(1, 3), Colour.RED, len, np.int16(7), numbers, numbers[1:]]
    table = snapshotter.table(snapshotter.freeze(state), "env")
    assert table["env"][:4] == ["Fraction(1, 3)", "<Colour.RED>", "<len>", ["<i2", 7]]
    assert table["env[5]"] == {"view of": "-> env[4]", "place": [8, [3], [8], "<i8"]}

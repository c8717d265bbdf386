"""Snapshots of generated object graphs: shape, links and values survive, and nothing is shared.

A graph is drawn as a list of containers and of links between them, cycles and double links
included; two graphs are compared by walking them side by side.
"""

from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollback_core import canonical
from rollback_core.snapshot import Snapshotter


class Thing:
    """An object with attributes."""


class Bag(list[Any]):
    """A list with attributes."""


KINDS: list[Any] = [Thing, Bag, list, dict, deque]
atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)


@st.composite
def graphs(draw: st.DrawFn) -> Any:
    """Containers linked at random; the first is the root."""
    made = [draw(st.sampled_from(KINDS))() for _ in range(draw(st.integers(1, 8)))]
    for value in made:
        for index in range(draw(st.integers(0, 4))):
            target = draw(st.sampled_from(made))
            part = draw(st.one_of(atoms, st.just(target), st.just((target, 1)), st.just(((target,), target))))
            add(value, f"part-{index}", part)
    return made[0]


def add(value: Any, name: str, part: Any) -> None:
    if isinstance(value, dict):
        value[name] = part
    elif isinstance(value, Bag) and name == "part-0":
        value.part = part
    elif isinstance(value, Thing):
        setattr(value, name, part)
    else:
        value.append(part)


def parts(value: Any) -> list[Any]:
    named = list(getattr(value, "__dict__", {}).items())
    if isinstance(value, dict):
        return [*named, *value.items()]
    return [*named, *enumerate(value)] if isinstance(value, (list, tuple, deque)) else named


def assert_same_graph(left: Any, right: Any) -> int:
    """Walk both; equal kinds, values and links, and no container in common. The number of containers."""
    partners: dict[int, Any] = {}
    kept: list[Any] = []
    waiting = [(left, right)]
    while waiting:
        one, two = waiting.pop()
        assert type(one) is type(two)
        if not isinstance(one, (Thing, list, dict, deque, tuple)):
            assert one == two
            continue
        if id(one) in partners:
            assert partners[id(one)] is two
            continue
        assert one is not two or isinstance(one, tuple)
        partners[id(one)] = two
        kept.append(one)
        ours, theirs = parts(one), parts(two)
        assert [name for name, _ in ours] == [name for name, _ in theirs]
        waiting += [(a, b) for (_, a), (_, b) in zip(ours, theirs, strict=True)]
    return len(kept)


def encoded(snapshotter: Snapshotter, value: Any) -> bytes:
    return canonical.encode(snapshotter.table(snapshotter.freeze(value), "env"))


@given(graphs())
def test_thawed_graph_is_the_same_and_shares_nothing(root: Any) -> None:
    snapshotter = Snapshotter()
    other = snapshotter.thaw(snapshotter.freeze(root))
    assert_same_graph(root, other)
    assert encoded(snapshotter, root) == encoded(snapshotter, other)


@given(graphs(), atoms)
def test_snapshot_outlives_any_change(root: Any, part: Any) -> None:
    snapshotter = Snapshotter()
    frozen = snapshotter.freeze(root)
    before = snapshotter.thaw(frozen)
    told = snapshotter.table(frozen, "env")
    spoil(root, part)
    spoil(snapshotter.thaw(frozen), part)
    assert_same_graph(before, snapshotter.thaw(frozen))
    assert snapshotter.table(frozen, "env") == told


def spoil(root: Any, part: Any) -> None:
    """Change every container that the root reaches."""
    seen: list[Any] = []
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if any(value is each for each in seen):
            continue
        seen.append(value)
        waiting += [item for _, item in parts(value) if isinstance(item, (Thing, list, dict, deque, tuple))]
    for value in seen:
        if not isinstance(value, tuple):
            add(value, "part-9", part)


@given(graphs(), st.integers())
def test_any_change_shows_in_the_encoding(root: Any, number: int) -> None:
    snapshotter = Snapshotter()
    before = encoded(snapshotter, root)
    add(root, "part-9", number)
    assert encoded(snapshotter, root) != before


@given(graphs())
def test_canonical_bytes_can_be_read_back(root: Any) -> None:
    snapshotter = Snapshotter()
    table = canonical.decode(encoded(snapshotter, root))
    assert canonical.first_difference(table, canonical.decode(encoded(snapshotter, root))) is None
    assert "env" in table

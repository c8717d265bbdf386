"""The input queue by example; the property is in tests/property/test_core_input_queue.py."""

import pytest

from rollback_core.errors import UsageError
from rollback_core.input_queue import PRUNE_CHUNK, InputQueue


def queue(*inputs: tuple[int, bool]) -> InputQueue:
    result = InputQueue(0)
    for action, focused in inputs:
        result.append(action, focused)
    return result


def test_runs_of_equal_inputs() -> None:
    filled = queue((0, True), (0, True), (3, True), (3, False), (3, False))
    assert filled.runs(0, 5) == [(2, 0, True), (1, 3, True), (2, 3, False)]
    assert filled.runs(1, 4) == [(1, 0, True), (1, 3, True), (1, 3, False)]
    assert filled.runs(3, 3) == []


@pytest.mark.parametrize(("first", "stop"), [(-1, 2), (2, 1), (0, 4)])
def test_runs_outside_of_what_is_known_are_refused(first: int, stop: int) -> None:
    with pytest.raises(UsageError, match="outside"):
        queue((0, True), (1, True), (2, True)).runs(first, stop)


def test_the_unknown_cannot_be_forgotten() -> None:
    filled = queue(*[(1, True)] * PRUNE_CHUNK)
    with pytest.raises(UsageError, match="forget"):
        filled.forget_before(PRUNE_CHUNK + 1)
    filled.forget_before(PRUNE_CHUNK)
    assert (filled.base, filled.end) == (PRUNE_CHUNK, PRUNE_CHUNK)
    filled.append(1, True)
    assert filled.runs(PRUNE_CHUNK, PRUNE_CHUNK + 1) == [(1, 1, True)]

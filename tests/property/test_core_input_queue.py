"""The input queue against a plain list of everything that was ever appended."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rollback_core.errors import UsageError
from rollback_core.input_queue import PRUNE_CHUNK, InputQueue

NEUTRAL = 2
Input = tuple[int, bool]
# Few values, so that equal neighbours are common and runs are long.
INPUTS = st.tuples(st.integers(0, 3), st.booleans())


def expand(runs: list[tuple[int, int, bool]]) -> list[Input]:
    return [(action, focused) for length, action, focused in runs for _ in range(length)]


class QueueAgainstList(RuleBasedStateMachine):
    """Appends, forgets and reads in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = InputQueue(NEUTRAL)
        self.history: list[Input] = []

    @rule(inputs=st.lists(INPUTS, min_size=1, max_size=8), repeat=st.integers(1, 40))
    def append(self, inputs: list[Input], repeat: int) -> None:
        for action, focused in inputs:
            for _ in range(repeat):
                self.queue.append(action, focused)
                self.history.append((action, focused))

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        before = self.queue.base
        frame = data.draw(st.integers(0, len(self.history)))
        self.queue.forget_before(frame)
        expected = frame if frame - before >= PRUNE_CHUNK else before
        assert self.queue.base == expected

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def read_runs(self, data: st.DataObject) -> None:
        first = data.draw(st.integers(self.queue.base, len(self.history)))
        stop = data.draw(st.integers(first, len(self.history)))
        runs = self.queue.runs(first, stop)
        assert expand(runs) == self.history[first:stop]
        assert all(length > 0 for length, _, _ in runs)
        assert all(left[1:] != right[1:] for left, right in itertools.pairwise(runs)), "not maximal"

    @rule(frame=st.integers(-2, 400))
    def read_one(self, frame: int) -> None:
        if self.queue.base <= frame < len(self.history):
            assert (self.queue.action(frame), self.queue.is_focused(frame)) == self.history[frame]
        else:
            for read in (self.queue.action, self.queue.is_focused):
                with pytest.raises(UsageError, match=str(frame)):
                    read(frame)

    @invariant()
    def knows_its_ends(self) -> None:
        assert self.queue.end == len(self.history)
        assert len(self.queue.actions) == self.queue.end - self.queue.base
        assert len(self.queue.changes) == len(self.queue.focus)
        last = self.history[-1] if self.history else (NEUTRAL, True)
        assert (self.queue.last_action, self.queue.last_focused) == last


TestQueueAgainstList = QueueAgainstList.TestCase


@given(st.lists(INPUTS, max_size=300), st.integers(0, 300))
def test_forgetting_keeps_memory_near_what_is_needed(inputs: list[Input], kept: int) -> None:
    queue = InputQueue(NEUTRAL)
    for action, focused in inputs:
        queue.append(action, focused)
        queue.forget_before(max(0, queue.end - kept))
        assert len(queue.actions) <= kept + PRUNE_CHUNK
        assert len(queue.changes) <= len(queue.actions) + 1

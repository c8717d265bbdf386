"""Timers against a plain table of deadlines."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rollback_core.simulation import MAX_PLAYERS
from rollback_core.timers import NEVER, Timer, Timers

KEYS = st.tuples(st.sampled_from(list(Timer)), st.integers(0, MAX_PLAYERS - 1))


class TimersAgainstTable(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timers = Timers()
        self.table: dict[tuple[Timer, int], int] = {}

    @rule(key=KEYS, at_us=st.integers(0, 50))
    def set(self, key: tuple[Timer, int], at_us: int) -> None:
        self.timers.set(key[0], at_us, key[1])
        self.table[key] = at_us

    @rule(key=KEYS)
    def stop(self, key: tuple[Timer, int]) -> None:
        self.timers.stop(*key)
        self.table.pop(key, None)

    @rule(now_us=st.integers(0, 60))
    def pop_all_due(self, now_us: int) -> None:
        popped = []
        while (due := self.timers.pop_due(now_us)) is not None:
            popped.append(due)
        assert [self.table[key] for key in popped] == sorted(at for at in self.table.values() if at <= now_us)
        for key in popped:
            del self.table[key]

    @invariant()
    def earliest_is_at_hand(self) -> None:
        assert self.timers.next_us == min(self.table.values(), default=NEVER)

    @rule(key=KEYS)
    def each_is_known(self, key: tuple[Timer, int]) -> None:
        assert self.timers.at(*key) == self.table.get(key, NEVER)


TestTimersAgainstTable = TimersAgainstTable.TestCase

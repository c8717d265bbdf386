"""Deciding (`plan`) and doing (`Timeline.execute`), against straight play."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from rollback_core.episodes import Episodes
from rollback_core.frame import NO_FRAME
from rollback_core.timeline import PRUNE_CHUNK, Timeline, plan
from scenarios.games.counter import Counter


def test_plan_keeps_its_laws_for_every_small_case() -> None:
    """Exhaustive: grammar, window, no new frame unasked, no step that is not needed."""
    rollbacks = stalls = 0
    for current, confirmed, window, wanted in product(range(7), range(-1, 9), range(6), range(4)):
        for first_incorrect in (*range(current), current, current + 1, 1 << 62):
            load, first, stop = plan(current, confirmed, window, first_incorrect, wanted)
            # Grammar: either nothing is loaded and the present goes on, or a past frame is.
            if load == NO_FRAME:
                assert first == current
                assert first_incorrect >= current
            else:
                assert load == first == first_incorrect < current
                rollbacks += 1
            # The present is never lost, and play goes no further than asked.
            assert current <= stop <= current + wanted
            # A new frame is stepped exactly while at most `window` frames are speculative.
            assert stop == current or stop - 1 <= confirmed + window
            if stop < current + wanted:
                assert stop > confirmed + window
                stalls += 1
    assert rollbacks > 1_000
    assert stalls > 1_000


def game(length: int = 9) -> Episodes:
    return Episodes(Counter(2, length), seed=5, count=40, countdown_frames=2)


READY = game().ready_action
ACTIONS = st.tuples(st.sampled_from([0, 1, READY, READY]), st.sampled_from([0, 3, READY]))


class CountingEpisodes(Episodes):
    """Notes what is asked of the game."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls: list[str] = []
        super().__init__(Counter(2, 9), seed=5, count=40, countdown_frames=2)

    def run(self, rows, outcomes, states):  # type: ignore[no-untyped-def]
        def counted():  # type: ignore[no-untyped-def]
            for row in rows:
                self.calls.append("step")
                yield row

        super().run(counted(), outcomes, states)

    def load_state(self, state):  # type: ignore[no-untyped-def]
        self.calls.append("load")
        super().load_state(state)


@given(st.data())
def test_any_history_of_rollbacks_ends_like_straight_play(data: st.DataObject) -> None:
    counted = CountingEpisodes()
    timeline = Timeline(counted)
    history: list[tuple[int, int]] = []
    marks: list[int] = []
    for turn in range(data.draw(st.integers(1, 12))):
        first = data.draw(st.integers(max(timeline.base, len(history) - 12), len(history)))
        fresh = data.draw(st.lists(ACTIONS, min_size=len(history) - first, max_size=len(history) - first + 9))
        before = len(history)
        history[first:] = fresh
        load = first if first < before else NO_FRAME
        counted.calls.clear()
        timeline.execute(load, iter(fresh), turn)
        assert counted.calls == ["load"] * (load != NO_FRAME) + ["step"] * len(fresh)
        marks.extend([turn] * (len(history) - before))

        alone = game()
        outcomes = [alone.step(actions) for actions in history]
        assert timeline.current == len(history)
        base = timeline.base
        assert timeline.used == history[base:]
        assert timeline.outcomes == outcomes[base:]
        assert timeline.speculative == marks[base:], "noted at the first time only"
        assert counted.save_state() == alone.save_state() == timeline.state(len(history))

        oldest = data.draw(st.integers(0, len(history)))
        timeline.forget_before(oldest)
        assert timeline.base == (oldest if oldest - base >= PRUNE_CHUNK else base)


@given(st.lists(ACTIONS, min_size=1, max_size=200), st.integers(0, 40))
def test_each_kept_state_is_the_state_before_its_frame(history: list[tuple[int, int]], keep: int) -> None:
    timeline, alone = Timeline(game()), game()
    states = [alone.save_state()]
    for frame, actions in enumerate(history):
        timeline.step(actions, 0)
        timeline.forget_before(frame - keep)
        alone.step(actions)
        states.append(alone.save_state())
        assert [timeline.state(each) for each in range(timeline.base, frame + 2)] == states[timeline.base :]
        assert len(timeline.states) <= keep + PRUNE_CHUNK + 2

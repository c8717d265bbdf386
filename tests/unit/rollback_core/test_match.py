"""Inputs at the edges of a match: gaps of the delay, limits of what a partner may send, players who left."""

from typing import Any

import pytest

from rollback_core.episodes import Episodes
from rollback_core.errors import UsageError, WireError
from rollback_core.events import EndReason
from rollback_core.match import FILL_AHEAD, MAX_AHEAD_FRAMES, MAX_UNCOMMITTED, NOTHING_WRONG, Match
from rollback_core.predictor import predictor
from scenarios.games.counter import Counter

READY = 4


def match(*, players: int = 2, window: int = 8, **options: Any) -> Match:
    episodes = Episodes(Counter(players, 0), seed=3, max_steps=options.pop("max_steps", 0))
    return Match(
        episodes,
        players=players,
        local=(0,),
        window=window,
        focus_timeout_frames=0,
        guesses=predictor("repeat-last", episodes.game),
    )


def started(**options: Any) -> Match:
    """Frame 0 is the READY of everyone; frame 1 is next."""
    result = match(**options)
    for queue in result.queues:
        queue.append(READY, True)
    result.update_confirmed()
    assert result.advance()
    return result


def test_a_longer_delay_fills_the_gap_with_the_last_input() -> None:
    play = started()
    assert play.add_local([2], True, 1)
    assert play.add_local([3], False, 4)
    assert play.queues[0].actions == [READY, READY, 2, 2, 2, 3]
    assert play.queues[0].runs(0, 6)[-1][2] is False
    assert all(play.queues[0].is_focused(frame) for frame in range(5))


def test_a_shorter_delay_never_rewrites() -> None:
    play = started()
    assert play.add_local([2], True, 3)
    before = list(play.queues[0].actions)
    assert not play.add_local([1], True, 2)
    assert play.queues[0].actions == before


def test_the_window_is_the_limit_of_speculation() -> None:
    play = started(window=3)
    for frame in range(1, 9):
        play.add_local([1], True, 0)
        play.update_confirmed()
        assert play.advance() == (frame <= 3)
    assert play.timeline.current == 4
    play.add_remote(1, 1, [(1, 0, True)])
    play.update_confirmed()
    assert play.first_incorrect == NOTHING_WRONG, "the prediction was right"
    play.add_local([1], True, 0)
    assert play.advance()


@pytest.mark.parametrize("window", [0, 8])
@pytest.mark.parametrize("is_short", [False, True], ids=["in full", "in one piece"])
def test_a_partner_that_never_confirms_stalls_play(window: int, is_short: bool) -> None:
    """Its inputs come, what it has confirmed does not: nothing can be committed, and all would be kept."""
    play = started(window=window)
    play.add_remote(1, 1, [(MAX_AHEAD_FRAMES - 2, 0, True)])
    for _ in range(MAX_AHEAD_FRAMES - 2):
        if is_short:
            play.play([1], 0)
        else:
            play.add_local([1], True, 0)
            play.update_confirmed()
            play.advance()
    assert play.timeline.current == 2 * window + MAX_UNCOMMITTED
    play.commit(0)
    assert play.play([1], 0)


def test_a_right_prediction_costs_nothing_and_a_wrong_one_the_least() -> None:
    play = started()
    for _ in range(6):
        play.add_local([1], True, 0)
        play.update_confirmed()
        play.advance()
    play.add_remote(1, 1, [(3, 0, True), (1, 2, True), (1, 3, True)])
    assert play.first_incorrect == 4
    play.update_confirmed()
    rollback = play.correct()
    assert tuple(rollback) == (4, 3, 1, 0, 2)
    assert (play.rollbacks, play.resimulated) == (1, 3)
    assert [used[1] for used in play.timeline.used] == [READY, 0, 0, 0, 2, 3, 3]


@pytest.mark.parametrize(
    ("first", "count", "what"), [(3, 1, "known only up to 1"), (1, MAX_AHEAD_FRAMES + 1, "up to")]
)
def test_inputs_that_cannot_follow_are_refused(first: int, count: int, what: str) -> None:
    play = started()
    with pytest.raises(WireError, match=what):
        play.check_range(1, first, count)
    play.check_range(1, 1, MAX_AHEAD_FRAMES)


def test_a_player_who_left_idles_unfocused_from_the_cut_on() -> None:
    play = started(players=3)
    play.add_remote(1, 1, [(4, 2, True)])
    with pytest.raises(UsageError, match="held up to 5"):
        play.cut(1, 4)
    play.cut(1, 7)
    assert play.held(1) == 5, "two inputs are still to be filled in"
    assert play.queues[1].end == 5
    play.add_remote(1, 5, [(2, 3, True)])
    play.fill_left()
    assert play.held(1) == 7
    assert play.queues[1].actions[:8] == [READY, 2, 2, 2, 2, 3, 3, READY]
    assert play.queues[1].end == play.timeline.current + FILL_AHEAD
    assert not any(map(play.queues[1].is_focused, range(7, play.queues[1].end)))
    play.add_remote(2, 1, [(9, 1, True)])
    for _ in range(9):
        play.add_local([1], True, 0)
        play.update_confirmed()
        play.advance()
    committed = play.commit(99)
    # READY, so that nobody waits for them before a round; in play it is the neutral action.
    assert [frame.outcome.actions[1] for frame in committed if frame.outcome] == [2, 2, 2, 2, 3, 3, 0, 0, 0]
    left = {frame.frame: frame.left_mask for frame in committed}
    assert left == {frame: (0b010 if frame >= 7 else 0) for frame in range(10)}


def test_the_last_frame_is_the_last_that_is_committed() -> None:
    play = started(max_steps=3)
    play.add_remote(1, 1, [(6, 0, True)])
    for _ in range(6):
        play.add_local([1], True, 0)
        play.update_confirmed()
        play.advance()
    assert play.timeline.current == 4, "nothing is played past the end"
    assert [frame.frame for frame in play.commit(99)] == [0, 1, 2, 3]
    assert play.end_reason is EndReason.COMPLETED
    assert play.commit(99) == []


def test_what_is_kept_can_be_asked_for_until_it_is_forgotten() -> None:
    play = started()
    play.add_remote(1, 1, [(200, 0, True)])
    for _ in range(200):
        play.add_local([1], True, 0)
        play.update_confirmed()
        play.advance()
    committed = play.commit(150)
    for frame in committed:
        assert play.kept(frame.frame) == frame
    assert play.kept(151) is None
    play.forget(inputs_before=99, states_before=130)
    assert play.timeline.base == 130
    assert play.kept(129) is None
    assert play.kept(130) == committed[130]
    assert play.queues[1].base == 99
    play.forget(inputs_before=10_000, states_before=10_000)
    assert play.queues[1].base <= 151
    assert play.timeline.base <= 151, "what is not committed is never forgotten"

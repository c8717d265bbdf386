"""Replays from a log of inputs: of any part of a match, and of what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh import acting, new_match, straight_play, terms_for

from rollback_core.errors import UsageError
from rollback_core.recorder import shared_header, shared_row
from rollback_core.replay import replay_through

TERMS = terms_for(episodes=2, max_steps=12)
PLAYED = straight_play(TERMS, (2, 2), acting(3))


@given(st.integers(0, len(PLAYED) + 3))
def test_a_part_of_a_match_replays_to_where_it_stopped(count: int) -> None:
    match = new_match(TERMS)
    after_the_end = [PLAYED[-1]._replace(frame=len(PLAYED) + extra) for extra in range(3)]
    found = replay_through(match, [*PLAYED, *after_the_end][:count])
    known = PLAYED[:count]
    assert found.final_frame == len(known) - 1
    assert found.header == shared_header(match.game.spec)
    assert found.rows == [row for row in map(shared_row, known) if row is not None]


@pytest.mark.parametrize("actions", [(), (0,), (0, 0, 0), (0, -1), (0, 5), (0, 1.0), (0, None)])
def test_actions_that_are_none_are_refused_with_their_frame(actions: tuple[int, ...]) -> None:
    log = [*PLAYED[:4], PLAYED[4]._replace(actions=actions)]
    with pytest.raises(UsageError, match="frame 4 has actions"):
        replay_through(new_match(TERMS), log)

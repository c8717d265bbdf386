"""Inputs that arrive, read the short way and the long one: the same is taken in, the same is refused."""

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from state_digest import describe

from rollback_core import wire
from rollback_core.arrivals import Arrivals
from rollback_core.episodes import Episodes
from rollback_core.errors import WireError
from rollback_core.link import Link
from rollback_core.match import MAX_AHEAD_FRAMES, Match
from rollback_core.predictor import predictor
from scenarios.games.counter import Counter

READY = 4
KNOWN = 30  # inputs of the partner that are held
OWN = 40
PLAYED = 34


def side(known: int) -> tuple[Match, Link, Arrivals]:
    game = Counter(2)
    match = Match(
        Episodes(game, seed=1),
        players=2,
        local=(0,),
        window=8,
        focus_timeout_frames=0,
        guesses=predictor("repeat-last", game),
    )
    for frame in range(OWN):
        match.queues[0].append(READY if not frame else frame % 4, True)
    for frame in range(known):
        match.queues[1].append(READY if not frame else frame // 9 % 4, True)
    match.update_confirmed()
    for _ in range(PLAYED):
        assert match.advance()
    link = Link(1, (1,))
    link.acked = 25
    return match, link, Arrivals(match, [link], 0, READY + 1)


# Mostly what a partner would send, and now and then one thing about it that it would not.
RUNS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, READY), st.booleans()), min_size=1, max_size=5)
SPOILS = st.sampled_from(["", "", "", "empty run", "unknown action", "far", "odd", "none"])


def outcome(way: Any, link: Link, data: bytes) -> str:
    try:
        way(link, data, 5_000)
    except WireError:
        return "refused"
    return "taken"


@settings(max_examples=300)
@given(
    known=st.sampled_from([KNOWN, KNOWN, PLAYED + MAX_AHEAD_FRAMES - 1]),
    back=st.sampled_from([-1, 0, 0]) | st.integers(0, 12),
    ack=st.integers(-3, OWN + 3),
    numbers=st.tuples(st.integers(0, 255), st.integers(-128, 127), st.integers(-128, 127)),
    runs=RUNS,
    spoil=SPOILS,
    at=st.integers(0, 4),
    stands_still=st.booleans(),
)
def test_the_short_way_is_the_long_way(
    known: int,
    back: int,
    ack: int,
    numbers: tuple[int, int, int],
    runs: list[Any],
    spoil: str,
    at: int,
    stands_still: bool,
) -> None:
    first = known - back
    at = min(at, len(runs) - 1)
    if spoil == "empty run":
        runs[at] = (0, *runs[at][1:])
    elif spoil == "unknown action":
        runs[at] = (runs[at][0], READY + 1, True)
    elif spoil == "far":
        runs += [(127, 1, True)] * 5
    elif spoil == "none":
        runs = []
    head = wire._pack_inputs(b"abcd", wire.KIND_INPUTS, first, ack - first, *numbers)
    body = b"".join(bytes([length | 128 * focused, action]) for length, action, focused in runs)
    data = head + body + (b"x" if spoil == "odd" else b"")
    sides = [side(known), side(known)]
    if stands_still:  # the partner is at the frame that it was at: nothing new about its place
        for _, link, _ in sides:
            link.remote_current = first + numbers[2]
    before = describe(sides[0][:2])
    results = [
        outcome(way, link, data)
        for way, link in ((sides[0][2].take, sides[0][1]), (sides[1][2]._take_apart, sides[1][1]))
    ]
    event(results[0])
    event(f"rollback due: {sides[0][0].first_incorrect < PLAYED}")
    assert results[0] == results[1]
    after = [describe(each[:2]) for each in sides]
    assert after[0] == after[1]
    if results[0] == "refused":
        assert after[0] == before

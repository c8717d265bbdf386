"""N episodes as one machine: saved and loaded anywhere, rolled back across a reset, as straight play."""

from random import Random
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from rollback_core import canonical
from rollback_core.episodes import COUNTDOWN, FINISHED, PLAYING, WAITING, Episodes, episode_seed
from rollback_core.events import EPISODE_ENDS, EPISODE_GOES_ON, MATCH_ENDS, FrameOutcome
from scenarios.games.counter import Counter

NEXT_PHASES = {
    PLAYING: {PLAYING, WAITING, FINISHED},
    WAITING: {WAITING, COUNTDOWN, PLAYING},
    COUNTDOWN: {COUNTDOWN, PLAYING},
    FINISHED: {FINISHED},
}

SHAPES = st.fixed_dictionaries(
    {
        "players": st.integers(2, 4),
        "length": st.sampled_from([0, 1, 3, 8]),
        "max_steps": st.sampled_from([1, 4, 11]),
        "count": st.integers(1, 4),
        "countdown": st.integers(0, 3),
        "seed": st.integers(0, 2**31 - 1),
    }
)


def new(shape: dict[str, int]) -> Episodes:
    return Episodes(
        Counter(shape["players"], shape["length"]),
        seed=shape["seed"],
        count=shape["count"],
        max_steps=shape["max_steps"],
        countdown_frames=shape["countdown"],
    )


def history_of(shape: dict[str, int], seed: int, frames: int = 90) -> list[tuple[int, ...]]:
    random = Random(seed)
    ready = Counter().spec.action_count
    return [
        tuple(random.choice([0, 1, 2, 3, ready, ready]) for _ in range(shape["players"]))
        for _ in range(frames)
    ]


@given(SHAPES, st.integers(0, 2**32))
def test_a_match_goes_by_its_rules(shape: dict[str, int], seed: int) -> None:
    match = new(shape)
    ready_action = match.ready_action
    length = min(shape["length"] or 1_000, shape["max_steps"])
    ready: set[int] = set()
    countdown = -1
    expected_t = episode = 0
    assert (match.phase, match.is_lockstep) == (WAITING, True)
    for actions in history_of(shape, seed):
        before = match.phase
        outcome = match.step(actions)
        assert match.phase in NEXT_PHASES[before]
        assert match.is_lockstep == (match.phase != PLAYING)
        assert match.is_finished == (match.phase == FINISHED)
        if before != PLAYING:
            assert outcome is None, "a freeze frame has no row"
        if before == WAITING:
            ready |= {player for player, action in enumerate(actions) if action == ready_action}
            if len(ready) < shape["players"]:
                assert match.phase == WAITING, "nobody starts before everyone is ready"
            else:
                countdown = shape["countdown"]
                assert match.phase == (COUNTDOWN if countdown else PLAYING)
        elif before == COUNTDOWN:
            countdown -= 1
            assert match.phase == (COUNTDOWN if countdown else PLAYING)
        elif before == PLAYING:
            assert isinstance(outcome, FrameOutcome)
            assert (outcome.episode, outcome.t) == (episode, expected_t)
            assert ready_action not in outcome.actions, "READY means nothing in play"
            taken = tuple(0 if action == ready_action else action for action in actions)
            assert outcome.actions == taken
            expected_t += 1
            if expected_t < length:
                assert outcome.ends == EPISODE_GOES_ON
                assert match.phase == PLAYING
            else:
                is_last = episode + 1 == shape["count"]
                assert outcome.ends == (MATCH_ENDS if is_last else EPISODE_ENDS)
                assert match.phase == (FINISHED if is_last else WAITING)
                assert outcome.truncateds == (True,) * shape["players"]
                episode, expected_t, ready = episode + (not is_last), 0, set()
        if match.phase == COUNTDOWN:
            assert match.countdown == countdown
    event(f"ends in {match.phase_name}")


@given(SHAPES, st.integers(0, 2**32), st.integers(0, 89))
def test_saved_and_loaded_at_any_frame_it_goes_on_the_same(shape: dict[str, int], seed: int, at: int) -> None:
    history = history_of(shape, seed)
    alone = new(shape)
    states = []
    outcomes = []
    for actions in history:
        states.append(alone.save_state())
        outcomes.append(alone.step(actions))
    for match in (new(shape), alone):
        match.load_state(states[at])
        event(f"loaded in phase {match.phase_name}")
        assert match.save_state() == states[at]
        for frame in range(at, len(history)):
            assert match.save_state() == states[frame]
            assert match.step(history[frame]) == outcomes[frame]


@given(SHAPES, st.integers(0, 2**32))
def test_rollbacks_across_resets_end_like_straight_play(shape: dict[str, int], seed: int) -> None:
    random = Random(seed)
    history = history_of(shape, seed)
    match, alone = new(shape), new(shape)
    states: list[Any] = []
    played: list[tuple[int, ...]] = []
    crossed = 0
    for frame, actions in enumerate(history):
        states.append(match.save_state())
        # What was assumed is sometimes wrong, and mended now and then.
        ready = (match.ready_action,) * shape["players"]
        played.append(random.choice([actions, actions, (1,) * shape["players"], ready]))
        match.step(played[-1])
        wrong = [each for each in range(len(played)) if played[each] != history[each]]
        if wrong and (random.random() < 0.3 or frame == len(history) - 1):
            episode = match.episode
            match.load_state(states[wrong[0]])
            crossed += match.episode != episode
            for again in range(wrong[0], len(states)):
                states[again] = match.save_state()
                played[again] = history[again]
                match.step(history[again])
    for actions, state in zip(history, states, strict=True):
        assert state == alone.save_state()
        alone.step(actions)
    assert match.save_state() == alone.save_state()
    event(f"resets crossed: {min(crossed, 3)}")


@given(st.integers(0, 2**31 - 1))
def test_seeds_of_episodes_are_their_own(seed: int) -> None:
    seeds = [episode_seed(seed, episode) for episode in range(300)]
    assert len(set(seeds)) >= 299  # 31 bits: two in 300 meet once in 50,000 matches
    assert all(0 <= each < 2**31 for each in seeds)
    assert seeds[:50] != [episode_seed(seed ^ 1, episode) for episode in range(50)]


def test_episodes_begin_from_their_own_seeds() -> None:
    match = Episodes(Counter(2, 1), seed=9, count=3)
    ready = (match.ready_action,) * 2
    starts = []
    for _ in range(3):
        match.step(ready)
        assert match.phase == PLAYING
        starts.append(match.save_state()[-1])
        match.step((0, 0))
    expected = []
    for episode in range(3):
        game = Counter(2, 1)
        game.reset(episode_seed(9, episode))
        expected.append(game.save_state())
    assert starts == expected


@given(SHAPES, st.integers(0, 2**32), st.integers(0, 89))
def test_the_state_is_told_in_names_and_canonical_bytes(
    shape: dict[str, int], seed: int, frames: int
) -> None:
    match = new(shape)
    for actions in history_of(shape, seed)[:frames]:
        match.step(actions)
    state = match.save_state()
    told = canonical.decode(match.encode_state(state))
    assert told["phase"] == match.phase_name
    assert (told["episode"], told["t"]) == (match.episode, match.t)
    game = canonical.decode(told["game"])
    assert (game["frame"], game["mix"], game["total"]) == match.game.save_state()

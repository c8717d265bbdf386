"""What every built-in game promises to the rollback, over generated seeds, actions and cuts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback_core import canonical
from rollback_core.simulation import Simulation, StepOutcome
from scenarios.games import drawing
from scenarios.registry import create_game, registered_games, scripted_bot

GAMES = [*((game_id, {}) for game_id in registered_games()), ("counter-v1", {"players": 8, "length": 50})]

seeds = st.integers(0, 2**31 - 1)
# Choices of 0 … 999 become actions of whatever game; held for some frames, so that the games get somewhere.
inputs = st.lists(
    st.tuples(st.lists(st.integers(0, 999), min_size=8, max_size=8), st.integers(1, 25)),
    min_size=1,
    max_size=6,
)
every_game = pytest.mark.parametrize(("game_id", "params"), GAMES, ids=str)

Actions = list[tuple[int, ...]]


def as_actions(game: Simulation, choices: list[tuple[list[int], int]]) -> Actions:
    players = range(len(game.spec.agents))
    return [
        tuple(held[player] % game.spec.action_count for player in players)
        for held, frames in choices
        for _ in range(frames)
    ]


def play(game: Simulation, actions: Actions) -> list[tuple[StepOutcome, bytes]]:
    """Outcome and state of each frame; a finished episode is followed by another."""
    trail = []
    for frame, each in enumerate(actions):
        outcome = game.step(each)
        trail.append((outcome, game.encode_state(game.save_state())))
        if outcome.is_over:
            game.reset(frame)
    return trail


def is_plain(value: Any) -> bool:
    return type(value) is int or (type(value) is tuple and all(is_plain(item) for item in value))


@every_game
@given(seed=seeds, before=inputs, after=inputs, detour=inputs)
def test_a_saved_state_can_be_played_on_from_any_number_of_times(
    game_id: str, params: dict[str, Any], seed: int, before: Any, after: Any, detour: Any
) -> None:
    game = create_game(game_id, params)
    game.reset(seed)
    play(game, as_actions(game, before))
    saved = game.save_state()
    assert is_plain(saved)
    first_bytes = game.encode_state(saved)
    expected = play(game, as_actions(game, after))

    game.load_state(saved)
    play(game, as_actions(game, detour))
    assert game.encode_state(saved) == first_bytes, "the snapshot changed under play"
    game.load_state(saved)
    assert play(game, as_actions(game, after)) == expected

    other = create_game(game_id, params)
    other.load_state(saved)
    assert play(other, as_actions(other, after)) == expected


@every_game
@given(seed=seeds, other_seed=seeds, before=inputs, after=inputs)
def test_an_episode_is_a_function_of_seed_and_actions(
    game_id: str, params: dict[str, Any], seed: int, other_seed: int, before: Any, after: Any
) -> None:
    used, fresh = create_game(game_id, params), create_game(game_id, params)
    used.reset(other_seed)
    play(used, as_actions(used, before))
    used.reset(seed)
    fresh.reset(seed)
    assert used.save_state() == fresh.save_state()
    assert play(used, as_actions(used, after)) == play(fresh, as_actions(fresh, after))


@every_game
@given(seed=seeds, choices=inputs)
def test_outcomes_and_display_lists_are_well_formed(
    game_id: str, params: dict[str, Any], seed: int, choices: Any
) -> None:
    game = create_game(game_id, params)
    game.reset(seed)
    players = len(game.spec.agents)
    for actions in as_actions(game, choices):
        outcome = game.step(actions)
        assert type(outcome) is StepOutcome
        assert {len(column) for column in outcome[:4]} == {players}
        assert all(type(reward) is float for reward in outcome.rewards)
        assert all(len(info) == len(game.spec.info_keys) for info in outcome.infos)
        assert outcome.is_over == all(a or b for a, b in zip(*outcome[1:3], strict=True))
        if outcome.is_over:
            break
    state = game.save_state()
    items = game.render()
    assert game.save_state() == state
    assert items[0][:3] == (drawing.RECT, 0, 0)
    ids = [item[-1] for item in items if len(item) > drawing.ITEM_LENGTHS[item[0]]]
    assert len(ids) == len(set(ids))
    for item in items:
        length = drawing.ITEM_LENGTHS[item[0]]
        words = 2 if item[0] == drawing.TEXT else 1
        assert len(item) in (length, length + 1)
        assert all(type(value) is int for value in item[1 : length - words]), item
        assert all(type(value) is str for value in item[length - words :]), item


@pytest.mark.parametrize("game_id", ["counter-v1", "slime-v1", "duel-v1"])
@given(seed=seeds, choices=inputs, data=st.data())
def test_each_int_of_a_flat_state_shows_in_its_bytes(
    game_id: str, seed: int, choices: Any, data: st.DataObject
) -> None:
    game = create_game(game_id)
    game.reset(seed)
    play(game, as_actions(game, choices))
    state = game.save_state()
    at = data.draw(st.integers(0, len(state) - 1))
    changed = (*state[:at], state[at] + 1, *state[at + 1 :])
    named, named_changed = (canonical.decode(game.encode_state(each)) for each in (state, changed))
    assert list(named.values()) != list(named_changed.values())
    difference = canonical.first_difference(named, named_changed)
    assert difference is not None
    assert difference[1:] == (state[at], state[at] + 1)


@every_game
@given(seed=seeds, choices=inputs)
def test_the_scripted_bot_is_a_function_of_the_state(
    game_id: str, params: dict[str, Any], seed: int, choices: Any
) -> None:
    game, other = create_game(game_id, params), create_game(game_id, params)
    bot = scripted_bot(game_id)
    game.reset(seed)
    for actions in as_actions(game, choices):
        state = game.save_state()
        other.load_state(state)
        answers = [bot(game, player) for player in range(len(actions))]
        assert game.save_state() == state
        assert answers == [bot(other, player) for player in range(len(actions))]
        assert all(0 <= answer < game.spec.action_count for answer in answers)
        if game.step((*answers[:1], *actions[1:])).is_over:
            break

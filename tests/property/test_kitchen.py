"""What holds in every kitchen, whatever the cooks do."""

from itertools import permutations
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from rollback_core import canonical
from rollback_core.simulation import StepOutcome
from scenarios.games.kitchen import (
    ACTION_NAMES,
    COOK_FIELDS,
    DISH,
    FACING,
    FIRST_COOK,
    HOLDING,
    INTERACT,
    NOTHING,
    ONION,
    ONIONS,
    PRESSED,
    REST,
    SOUP,
    SOUPS,
    STAY,
    TILE,
    Kitchen,
)
from scenarios.games.kitchen_bot import plan
from scenarios.games.kitchen_layouts import CRATE, FLOOR, LAYOUTS, RACK, read_board

State = tuple[int, ...]


class Step(NamedTuple):
    before: State
    actions: list[int]
    outcome: StepOutcome
    after: State


@st.composite
def games(draw: st.DrawFn) -> Kitchen:
    layout = draw(st.sampled_from(list(LAYOUTS)))
    game = Kitchen(layout, draw(st.integers(2, len(read_board(layout).starts))))
    game.reset(draw(st.integers(0, 2**31 - 1)))
    return game


@st.composite
def scripts(draw: st.DrawFn, players: int) -> list[tuple[int, list[int | None]]]:
    """Spans of frames in which each cook holds an action, or (None) plays the script.

    Fingers alone hardly ever fill a pot; the script brings the game to where things happen.
    """
    hand = st.none() | st.integers(0, len(ACTION_NAMES) - 1)
    span = st.tuples(st.integers(1, 40), st.lists(hand, min_size=players, max_size=players))
    warm_up = draw(st.integers(1, 250))
    return [(warm_up, [None] * players), *draw(st.lists(span, max_size=8))]


def play(game: Kitchen, script: list[tuple[int, list[int | None]]]) -> list[Step]:
    steps = []
    for frames, hands in script:
        for _ in range(frames):
            actions = [move if hand is None else hand for move, hand in zip(plan(game), hands, strict=True)]
            before = game.save_state()
            outcome = game.step(actions)
            steps.append(Step(before, actions, outcome, game.save_state()))
    return steps


@given(st.data())
def test_a_saved_state_is_all_there_is(data: st.DataObject) -> None:
    game = data.draw(games())
    steps = play(game, data.draw(scripts(len(game.spec.agents))))
    other = Kitchen(game.board.name, len(game.spec.agents))
    for index, (before, actions, outcome, after) in enumerate(steps):
        if index % 5 == 0:  # now and then from a jump, else by walking on
            other.load_state(before)
        assert other.save_state() == before
        assert other.step(actions) == outcome
        assert other.save_state() == after
    jumped = steps[len(steps) // 2]
    game.load_state(jumped.before)
    assert game.step(jumped.actions) == jumped.outcome


@given(st.data())
def test_whatever_differs_in_a_state_shows_in_its_bytes(data: st.DataObject) -> None:
    game = data.draw(games())
    play(game, data.draw(scripts(len(game.spec.agents))))
    state = game.save_state()
    encoded = game.encode_state(state)
    assert canonical.encode(canonical.decode(encoded)) == encoded
    for slot, value in enumerate(state):
        assert game.encode_state((*state[:slot], value + 1, *state[slot + 1 :])) != encoded


def renumbered(state: State, order: tuple[int, ...]) -> State:
    cooks = [state[FIRST_COOK + COOK_FIELDS * index :][:COOK_FIELDS] for index in range(len(order))]
    moved = [value for index in order for value in cooks[index]]
    return (*state[:FIRST_COOK], *moved, *state[FIRST_COOK + len(moved) :])


@given(st.data())
def test_no_cook_comes_before_another(data: st.DataObject) -> None:
    game = data.draw(games())
    players = len(game.spec.agents)
    steps = play(game, data.draw(scripts(players)))
    order = data.draw(st.sampled_from(list(permutations(range(players)))))
    for before, actions, outcome, after in steps[-60:]:
        game.load_state(renumbered(before, order))
        other = game.step([actions[index] for index in order])
        assert game.save_state() == renumbered(after, order)
        assert other.rewards == outcome.rewards
        assert other.infos == tuple(outcome.infos[index] for index in order)


@given(st.data())
def test_a_cook_walks_just_when_its_tile_is_empty_and_unwanted(data: st.DataObject) -> None:
    game = data.draw(games())
    board, slots = game.board, game.slots.cooks
    steps = play(game, data.draw(scripts(len(slots))))
    ways = (0, -board.width, board.width, -1, 1)
    for before, actions, _, after in steps:
        wanted = [
            before[slot + TILE] + ways[action] if STAY < action < INTERACT and not before[slot + REST] else -1
            for slot, action in zip(slots, actions, strict=True)
        ]
        stood_on = [before[slot + TILE] for slot in slots]
        for slot, tile in zip(slots, wanted, strict=True):
            may = (
                tile >= 0 and board.tiles[tile] == FLOOR and tile not in stood_on and wanted.count(tile) == 1
            )
            assert after[slot + TILE] == (tile if may else before[slot + TILE])
        stand_on = [after[slot + TILE] for slot in slots]
        assert len(dict.fromkeys(stand_on)) == len(slots)
        assert all(board.tiles[tile] == FLOOR for tile in stand_on)


def stock(game: Kitchen, state: State) -> tuple[int, int]:
    """Onions and dishes that have left the crates and racks, wherever they are now."""
    things = [state[slot + HOLDING] for slot in game.slots.cooks] + list(state[game.slots.first_counter :])
    soups = things.count(SOUP) + state[SOUPS]
    in_pots = sum(state[slot + ONIONS] for slot in game.slots.pots)
    return things.count(ONION) + in_pots + 3 * soups, things.count(DISH) + soups


@given(st.data())
def test_nothing_is_lost_and_nothing_comes_from_nowhere(data: st.DataObject) -> None:
    game = data.draw(games())
    steps = play(game, data.draw(scripts(len(game.spec.agents))))
    ways = (0, -game.board.width, game.board.width, -1, 1)
    for before, actions, outcome, after in steps:
        taken = {CRATE: 0, RACK: 0}
        for slot, action in zip(game.slots.cooks, actions, strict=True):
            faced = game.board.tiles[before[slot + TILE] + ways[before[slot + FACING]]]
            if action == INTERACT and not before[slot + PRESSED] and faced in taken:
                goods = ONION if faced == CRATE else DISH
                taken[faced] += {NOTHING: 1, goods: -1}.get(before[slot + HOLDING], 0)
        onions, dishes = stock(game, before)
        assert stock(game, after) == (onions + taken[CRATE], dishes + taken[RACK])
        assert outcome.rewards == (20.0 * (after[SOUPS] - before[SOUPS]),) * len(game.spec.agents)

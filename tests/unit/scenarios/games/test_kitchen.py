"""The rules of the kitchen, one example each, in the cramped room:

#o#p#
#0..s      cook 0 begins at (1, 1), cook 1 at (3, 2)
d..1#
##o##
"""

from itertools import pairwise

import pytest

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.simulation import StepOutcome
from scenarios.games import drawing
from scenarios.games.kitchen import (
    COOK_FRAMES,
    DOWN,
    INTERACT,
    LEFT,
    RIGHT,
    STAY,
    STRIDE_FRAMES,
    UP,
    Kitchen,
)
from scenarios.games.kitchen_bot import plan
from scenarios.games.kitchen_layouts import LAYOUTS


def fields(game: Kitchen) -> dict[str, object]:
    decoded = canonical.decode(game.encode_state(game.save_state()))
    assert isinstance(decoded, dict)
    return decoded


def place(game: Kitchen, cook: int) -> tuple[object, object]:
    now = fields(game)
    return now[f"cook_{cook}.x"], now[f"cook_{cook}.y"]


def act(game: Kitchen, cook: int, *actions: int) -> StepOutcome:
    """Let one cook do this, each action followed by the rest of a stride."""
    for action in actions:
        outcome = game.step([action if index == cook else STAY for index in range(2)])
        for _ in range(STRIDE_FRAMES - 1):
            game.step([STAY, STAY])
    return outcome


def bring_onion(game: Kitchen) -> None:
    """Cook 0 from (1, 1) to the pot and back."""
    act(game, 0, UP, INTERACT, RIGHT, RIGHT, UP, INTERACT, LEFT, LEFT)


def test_three_onions_a_while_and_a_dish_make_a_soup_that_pays_everyone() -> None:
    game = Kitchen("cramped")
    for onions in (1, 2, 3):
        bring_onion(game)
        assert fields(game)["pot_0.onions"] == onions
    since_full = COOK_FRAMES - int(str(fields(game)["pot_0.frames_left"]))
    assert since_full == 3 * STRIDE_FRAMES - 1  # the rest of the press and two strides back
    act(game, 0, DOWN, LEFT, INTERACT, UP, RIGHT, RIGHT, UP)
    assert fields(game)["cook_0.holding"] == 2
    act(game, 0, INTERACT)
    assert fields(game)["cook_0.holding"] == 2, "taken out before it was done"
    while fields(game)["pot_0.frames_left"]:
        game.step([STAY, STAY])
    assert act(game, 0, INTERACT).infos[0] == (0, "soup")
    assert fields(game)["pot_0.onions"] == 0
    game.step([RIGHT, STAY])
    delivery = game.step([INTERACT, STAY])
    assert delivery.rewards == (20.0, 20.0)
    assert delivery.infos == ((1, "nothing"), (1, "nothing"))
    assert game.step([STAY, STAY]).rewards == (0.0, 0.0)
    assert not delivery.is_over


def test_a_full_pot_takes_no_fourth_onion_and_gives_no_soup_to_a_bare_hand() -> None:
    game = Kitchen("cramped")
    for _ in range(3):
        bring_onion(game)
    bring_onion(game)
    assert (fields(game)["pot_0.onions"], fields(game)["cook_0.holding"]) == (3, 1)
    act(game, 0, UP, INTERACT, RIGHT, RIGHT, UP, *[STAY] * COOK_FRAMES, INTERACT)
    assert (fields(game)["pot_0.onions"], fields(game)["cook_0.holding"]) == (3, 0)


@pytest.mark.parametrize(("way", "item"), [((UP,), 1), ((DOWN, LEFT), 2)])
def test_crate_and_rack_give_and_take_back(way: tuple[int, ...], item: int) -> None:
    game = Kitchen("cramped")
    act(game, 0, *way, INTERACT)
    assert fields(game)["cook_0.holding"] == item
    act(game, 0, INTERACT)
    assert fields(game)["cook_0.holding"] == 0


def test_a_counter_holds_one_thing_for_anyone() -> None:
    game = Kitchen("cramped")
    act(game, 0, UP, INTERACT, LEFT, INTERACT)
    counter = game.board.counters.index(game.board.width)  # (0, 1)
    now = fields(game)
    assert (now["cook_0.holding"], now["counters"][counter]) == (0, 1)  # type: ignore[index]
    act(game, 0, UP, INTERACT, LEFT, INTERACT)
    assert fields(game)["cook_0.holding"] == 1, "the counter is full"
    act(game, 0, RIGHT)
    act(game, 1, LEFT, LEFT, UP, LEFT, INTERACT)
    assert fields(game)["cook_1.holding"] == 1
    assert not any(fields(game)["counters"])  # type: ignore[call-overload]


def test_the_hatch_takes_nothing_but_soup() -> None:
    game = Kitchen("cramped")
    act(game, 0, UP, INTERACT, RIGHT, RIGHT, RIGHT)
    assert act(game, 0, INTERACT).rewards == (0.0, 0.0)
    assert fields(game)["cook_0.holding"] == 1


def test_a_step_takes_a_stride_and_a_turn_takes_no_time() -> None:
    game = Kitchen("cramped")
    places = []
    for _ in range(STRIDE_FRAMES + 1):
        game.step([RIGHT, STAY])
        places.append(place(game, 0))
    assert places == [(2, 1)] * STRIDE_FRAMES + [(3, 1)]
    game = Kitchen("cramped")
    game.step([UP, STAY])
    game.step([RIGHT, STAY])
    assert place(game, 0) == (2, 1)


def test_a_held_press_acts_once() -> None:
    game = Kitchen("cramped")
    game.step([UP, STAY])
    held = [game.step([INTERACT, STAY]).infos[0][1] for _ in range(3)]
    game.step([STAY, STAY])
    assert held == ["onion"] * 3
    assert game.step([INTERACT, STAY]).infos[0][1] == "nothing"


def test_two_who_want_one_tile_both_stay() -> None:
    game = Kitchen("cramped")
    act(game, 1, LEFT)  # (2, 2)
    act(game, 0, RIGHT)  # (2, 1)
    act(game, 0, RIGHT)  # (3, 1)
    game.step([DOWN, RIGHT])
    assert (place(game, 0), place(game, 1)) == ((3, 1), (2, 2))
    game.step([DOWN, STAY])
    assert (place(game, 0), place(game, 1)) == ((3, 2), (2, 2))


def test_two_cannot_change_places_nor_follow_in_the_same_step() -> None:
    game = Kitchen("cramped")
    act(game, 0, RIGHT)
    act(game, 1, LEFT)  # (2, 1) above (2, 2)
    game.step([DOWN, UP])
    assert (place(game, 0), place(game, 1)) == ((2, 1), (2, 2))
    game.step([DOWN, RIGHT])
    assert (place(game, 0), place(game, 1)) == ((2, 1), (3, 2))
    game.step([DOWN, STAY])
    assert place(game, 0) == (2, 2)


def test_two_presses_at_one_counter_in_one_step_serve_nobody() -> None:
    game = Kitchen("divided")
    # The middle counter at (3, 1) is between cook 0 at (2, 1) and cook 1 at (4, 1).
    game.step([RIGHT, LEFT])
    for _ in range(STRIDE_FRAMES - 1):
        game.step([STAY, STAY])
    act(game, 0, LEFT, LEFT, INTERACT, RIGHT, RIGHT, INTERACT)
    assert fields(game)["counters"].count(1) == 1  # type: ignore[attr-defined]
    act(game, 1, LEFT, LEFT)
    game.step([INTERACT, INTERACT])
    assert [info[1] for info in game.step([STAY, STAY]).infos] == ["nothing", "nothing"]
    assert game.step([STAY, INTERACT]).infos[1][1] == "onion"


def test_length_cuts_the_episode_off_and_otherwise_it_never_ends() -> None:
    game = Kitchen(length=3)
    outcomes = [game.step([STAY, STAY]) for _ in range(3)]
    assert [outcome.is_over for outcome in outcomes] == [False, False, True]
    assert outcomes[2].truncateds == (True, True)
    assert outcomes[2].terminateds == (False, False)
    assert game.spec.max_steps == 3
    endless = Kitchen()
    assert not any(endless.step([STAY, STAY]).is_over for _ in range(1000))


def test_the_seed_only_turns_who_begins_where() -> None:
    game = Kitchen("divided", players=3)
    starts = []
    for seed in range(6):
        game.reset(seed)
        starts.append([place(game, cook) for cook in range(3)])
    assert starts[:3] == starts[3:]
    assert starts[0] == [(1, 1), (5, 1), (1, 3)]
    assert starts[1] == [(5, 1), (1, 3), (1, 1)]


@pytest.mark.parametrize(
    ("layout", "players", "length", "named"),
    [
        ("attic", 2, 0, "attic"),
        ("cramped", 3, 0, "players"),
        ("ring", 5, 0, "players"),
        ("ring", 1, 0, "players"),
        ("ring", 2, -1, "length"),
    ],
)
def test_a_wrong_parameter_is_named(layout: str, players: int, length: int, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Kitchen(layout, players, length)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_keep_the_rules_of_drawing(layout: str) -> None:
    players = len(Kitchen(layout).board.starts)
    game = Kitchen(layout, players)
    kinds_seen: dict[str, int] = {}
    for frame in range(300):
        game.step(plan(game))
        if frame % 7:
            continue
        before = game.save_state()
        items = game.render()
        assert game.save_state() == before
        kind, x, y, width, height, _ = items[0]
        assert (kind, x, y) == (drawing.RECT, 0, 0)
        ids = []
        for item in items:
            kinds_seen[item[0]] = kinds_seen.get(item[0], 0) + 1
            length = drawing.ITEM_LENGTHS[item[0]]
            assert len(item) in (length, length + 1)
            ids += item[length:]
            assert all(type(value) is int for value in item[1:4])
            assert 0 <= item[1] <= width
            assert 0 <= item[2] <= height
        assert len(ids) == len(dict.fromkeys(ids))
        assert [f"cook-{index}" in ids for index in range(players)] == [True] * players
    assert sorted(kinds_seen) == [drawing.CIRCLE, drawing.RECT, drawing.TEXT]


def test_a_walking_cook_is_drawn_between_tiles() -> None:
    game = Kitchen("cramped")
    xs = []
    for _ in range(STRIDE_FRAMES + 1):
        xs.append(next(item[1] for item in game.render() if item[-1] == "cook-0"))
        game.step([RIGHT if len(xs) == 1 else STAY, STAY])
    steps = [after - before for before, after in pairwise(xs)]
    assert steps == [12] * STRIDE_FRAMES


def test_encoded_states_name_their_fields() -> None:
    game = Kitchen("cramped")
    before = game.save_state()
    game.step([RIGHT, STAY])
    found = canonical.first_difference(
        canonical.decode(game.encode_state(before)), canonical.decode(game.encode_state(game.save_state()))
    )
    assert found == ("cook_0.facing", DOWN, RIGHT)

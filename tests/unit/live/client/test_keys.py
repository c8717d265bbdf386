"""Held buttons become the action that a player means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.client.keys import Buttons
from rollback_core.simulation import GameSpec
from scenarios.registry import create_game, registered_games

GAMES = sorted(registered_games())


def spec_of(game_id: str) -> GameSpec:
    return create_game(game_id).spec


def played(game_id: str, *presses: str) -> str:
    """The name of the action after these buttons went down in this order; "-name" is a release."""
    spec = spec_of(game_id)
    buttons = Buttons(spec)
    index = {button.name: number for number, button in enumerate(buttons.buttons)}
    for press in presses:
        if press.startswith("-"):
            buttons.release(index[press[1:]])
        else:
            assert buttons.press(index[press])
    return spec.action_names[buttons.action()]


@pytest.mark.parametrize("game_id", GAMES)
@given(data=st.data())
def test_any_presses_give_an_action_and_none_held_gives_the_neutral_one(
    game_id: str, data: st.DataObject
) -> None:
    spec = spec_of(game_id)
    buttons = Buttons(spec)
    number = st.integers(-1, len(buttons.buttons))
    held = set()
    for button, is_down in data.draw(st.lists(st.tuples(number, st.booleans()))):
        if is_down:
            if buttons.press(button):
                held.add(button)
        else:
            buttons.release(button)
            held.discard(button)
        assert 0 <= buttons.action() < spec.action_count
    buttons.taken()
    assert (buttons.action() == spec.neutral_action) == (not held)


@pytest.mark.parametrize("game_id", GAMES)
def test_every_action_can_be_played(game_id: str) -> None:
    spec = spec_of(game_id)
    buttons = Buttons(spec)
    reached = {spec.neutral_action}
    count = len(buttons.buttons)
    for mask in range(1, 1 << count):
        buttons.release_all()
        for button in range(count):
            if mask >> button & 1:
                buttons.press(button)
        reached.add(buttons.action())
    assert reached == set(range(spec.action_count))


@pytest.mark.parametrize("game_id", GAMES)
def test_no_key_presses_two_buttons(game_id: str) -> None:
    codes = [code for button in Buttons(spec_of(game_id)).buttons for code in button.codes]
    assert len(codes) == len(set(codes))


def test_parts_of_a_name_are_held_together() -> None:
    assert played("slime-v1", "left", "jump") == "jump-left"
    assert played("slime-v1", "jump", "left", "-jump") == "jump-left", "the jump was tapped in this tick"


def test_of_two_directions_the_later_wins() -> None:
    assert played("slime-v1", "left", "right") == "right"
    assert played("slime-v1", "right", "left") == "left"
    assert played("slime-v1", "right", "left", "jump") == "jump-left"
    assert played("kitchen-v1", "left", "interact") == "interact"


def test_a_press_counts_for_a_tick_and_no_longer() -> None:
    buttons = Buttons(spec_of("duel-v1"))
    jab = next(number for number, button in enumerate(buttons.buttons) if button.name == "jab")
    buttons.press(jab)
    buttons.release(jab)
    assert buttons.action() != 0
    buttons.taken()
    assert buttons.action() == 0


def test_a_held_button_presses_once() -> None:
    buttons = Buttons(spec_of("duel-v1"))
    assert buttons.press(0)
    assert not buttons.press(0)


def test_a_game_of_unknown_names_is_played_with_digits() -> None:
    spec = GameSpec(id="own-v1", agents=("a",), action_count=3, action_names=("wait", "spin", "left"))
    buttons = Buttons(spec)
    assert [(button.name, button.codes) for button in buttons.buttons] == [
        ("spin", ("Digit1",)),
        ("left", ("Digit2",)),
    ]
    buttons.press(1)
    assert buttons.action() == 2

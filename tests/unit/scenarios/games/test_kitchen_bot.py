import pytest

from scenarios.games.kitchen import ACTION_NAMES, SOUPS, STAY, Kitchen
from scenarios.games.kitchen_bot import plan, scripted
from scenarios.games.kitchen_layouts import LAYOUTS, read_board

EPISODE_FRAMES = 900
TEAMS = [(name, players) for name in LAYOUTS for players in range(2, len(read_board(name).starts) + 1)]


def soups_of_a_team(layout: str, players: int, seed: int, delay_frames: int = 0) -> int:
    """Soups delivered when everyone plays the script and presses take effect so much later."""
    game = Kitchen(layout, players)
    game.reset(seed)
    queue = [[STAY] * players] * delay_frames
    for _ in range(EPISODE_FRAMES):
        queue.append(plan(game))
        game.step(queue.pop(0))
    return game.save_state()[SOUPS]


@pytest.mark.parametrize(("layout", "players"), TEAMS)
def test_a_scripted_team_delivers_on_every_layout(layout: str, players: int) -> None:
    for seed in range(players):  # every way to begin
        assert soups_of_a_team(layout, players, seed) >= 4


@pytest.mark.parametrize(("layout", "players"), TEAMS)
@pytest.mark.parametrize("delay_frames", [1, 3, 5, 7])
def test_a_scripted_team_gets_on_with_an_input_delay(layout: str, players: int, delay_frames: int) -> None:
    least = 3 if delay_frames <= 3 else 1
    assert soups_of_a_team(layout, players, 1, delay_frames) >= least


def test_the_script_hangs_on_the_state_alone() -> None:
    game = Kitchen("doorway", 4)
    for frame in range(300):
        other = Kitchen("doorway", 4)
        other.load_state(game.save_state())
        before = game.save_state()
        actions = [scripted(game, player) for player in range(4)]
        assert actions == plan(other)
        assert game.save_state() == before
        assert all(0 <= action < len(ACTION_NAMES) for action in actions)
        # A partner who does something else now and then must not upset it.
        actions[frame % 4] = frame // 7 % 6
        game.step(actions)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_script_plays_on_in_a_kitchen_full_of_clutter(layout: str) -> None:
    for item in (1, 2, 3):
        game = Kitchen(layout)
        state = list(game.save_state())
        state[game.slots.first_counter :] = [item] * len(game.board.counters)
        game.load_state(tuple(state))
        for _ in range(EPISODE_FRAMES):
            game.step(plan(game))
        assert game.save_state()[SOUPS] >= 1

"""Colours can be read on white, each player has their own, and none looks like the red of what is wrong."""

import pytest

from reports.palette import DARK, INK, PLAYER_HUES, QUIET, WRONG, player_hue
from rollback_core.simulation import MAX_PLAYERS


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [*PLAYER_HUES, INK, QUIET, WRONG])
def test_contrast_on_white(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize("name", ["ink", "quiet", "wrong", "bar"])
@pytest.mark.parametrize("ground", ["paper", "shade"])
def test_contrast_on_a_dark_screen(name: str, ground: str) -> None:
    assert (luminance(DARK[name]) + 0.05) / (luminance(DARK[ground]) + 0.05) >= 4.5


def test_a_hue_for_each_player_and_none_is_red() -> None:
    assert len(set(PLAYER_HUES)) == MAX_PLAYERS
    for hue in PLAYER_HUES:
        red, green, blue = (int(hue[at : at + 2], 16) for at in (1, 3, 5))
        assert red < 2.2 * max(green, blue)
    assert len({player_hue(player) for player in range(MAX_PLAYERS)}) == MAX_PLAYERS

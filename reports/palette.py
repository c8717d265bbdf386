"""Colours, each with one meaning: a hue per player, grey for the network's faults, red for wrong.

Each has a contrast of at least 4.5 to 1 on white. Nothing is told by hue alone: lanes and rows carry
their names, so that a grey print says the same.
"""

from typing import Final

PLAYER_HUES: Final = (
    "#1b62b5",  # blue
    "#b05a00",  # ochre
    "#00796b",  # teal
    "#7a3fb0",  # violet
    "#5d6b00",  # olive
    "#0b7c9e",  # cyan
    "#a33a83",  # plum
    "#6d4c33",  # umber
)
INK: Final = "#1c2128"
QUIET: Final = "#5b6470"
RULE: Final = "#d5d9df"
FAULT: Final = "#d8dee8"
FAULT_LIGHT: Final = "#eef0f5"
FAULT_EDGE: Final = "#98a2b0"
WRONG: Final = "#c3141f"

DARK: Final = {
    "paper": "#14181d",
    "ink": "#e4e8ed",
    "quiet": "#9aa5b1",
    "rule": "#363d46",
    "wrong": "#ff7b78",
    "bar": "#5b93d0",
    "shade": "#222830",
}
"""Pages without drawings follow the reader's screen; drawings have their colours in them, for white."""


def player_hue(player: int) -> str:
    """The hue of a player; there are as many as a session may have players."""
    return PLAYER_HUES[player % len(PLAYER_HUES)]

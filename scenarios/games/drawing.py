"""The few shapes of which every game's display list is made, and the rules of its coordinates.

A display list is painted in order. Its first item is always `rect` at (0, 0): the stage, whose
width and height are the virtual size of the picture (480 x 240 for slime and duel). x grows to
the right, y grows downward, coordinates are ints of virtual pixels, colours are "#rrggbb".

    ("rect", x, y, width, height, colour[, id])      x, y: upper left corner
    ("circle", x, y, radius, colour[, id])           x, y: centre
    ("half-circle", x, y, radius, colour[, id])      the upper half; x, y: middle of the flat side
    ("line", x1, y1, x2, y2, width, colour[, id])
    ("text", x, y, size, string, colour[, id])       x, y: middle of the text; size: its height

An item that moves carries an id, unique in the list and stable over frames: a renderer may move
the item smoothly from where it was to where it is, and only items with equal id, kind and colour.
"""

from typing import Final

from rollback_core.simulation import DrawItem

RECT: Final = "rect"
CIRCLE: Final = "circle"
HALF_CIRCLE: Final = "half-circle"
LINE: Final = "line"
TEXT: Final = "text"

ITEM_LENGTHS: Final = {RECT: 6, CIRCLE: 5, HALF_CIRCLE: 5, LINE: 7, TEXT: 6}
"""How many values an item of each kind has when it carries no id; with an id, one more."""

SKY: Final = "#eef3f8"
GROUND: Final = "#c9b99a"
INK: Final = "#2b2f36"
FAINT: Final = "#9aa4b1"
PLAYER_COLOURS: Final = ("#2f6fd0", "#d9822b", "#3a9d5d", "#8a56c2")
"""One hue per player index, told apart also by readers who see little colour."""


def rect(x: int, y: int, width: int, height: int, colour: str, item_id: str = "") -> DrawItem:
    return _with_id((RECT, x, y, width, height, colour), item_id)


def circle(x: int, y: int, radius: int, colour: str, item_id: str = "") -> DrawItem:
    return _with_id((CIRCLE, x, y, radius, colour), item_id)


def half_circle(x: int, y: int, radius: int, colour: str, item_id: str = "") -> DrawItem:
    return _with_id((HALF_CIRCLE, x, y, radius, colour), item_id)


def line(x1: int, y1: int, x2: int, y2: int, width: int, colour: str, item_id: str = "") -> DrawItem:
    return _with_id((LINE, x1, y1, x2, y2, width, colour), item_id)


def text(x: int, y: int, size: int, string: str, colour: str, item_id: str = "") -> DrawItem:
    return _with_id((TEXT, x, y, size, string, colour), item_id)


def _with_id(item: DrawItem, item_id: str) -> DrawItem:
    return (*item, item_id) if item_id else item

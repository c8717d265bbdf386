"""The floor plans of the kitchen, and everything that can be read off a plan once.

Legend: `#` counter, `.` floor, `1`-`4` floor on which a cook begins, `o` onion crate, `d` dish rack,
`p` pot, `s` serving hatch. The outermost tiles are never floor, so a step from a floor tile always
stays inside the plan. Tiles are numbered row by row: tile = y * width + x.
"""

from dataclasses import dataclass
from typing import Final

from rollback_core.errors import UsageError

FLOOR: Final = "."
COUNTER: Final = "#"
CRATE: Final = "o"
RACK: Final = "d"
POT: Final = "p"
HATCH: Final = "s"

FAR: Final = 1_000_000  # longer than any walk: "cannot be reached on foot"

LAYOUTS: Final[dict[str, tuple[str, ...]]] = {
    # One pot and six floor tiles: two cooks are always in each other's way.
    "cramped": (
        "#o#p#",
        "#1..s",
        "d..2#",
        "##o##",
    ),
    # Two rooms: onions and dishes left, pots and the hatch right. Everything goes over the counter.
    "divided": (
        "#######",
        "o1.#.2p",
        "o..#..p",
        "d3.#.4s",
        "#######",
    ),
    # Two rooms again, but the soup has to come back: onions one way, soup the other.
    "exchange": (
        "#######",
        "o1.#.2p",
        "o3.#.4#",
        "s..#..d",
        "#######",
    ),
    # A corridor one tile wide around a block of counters: walk in a circle, or pass over the block.
    "ring": (
        "###p#p###",
        "#1.....2#",
        "d.#####.s",
        "#3.....4#",
        "###o#o###",
    ),
    # Two complete rooms that share the pots: onions are near on the left, the hatch on the right.
    "asymmetric": (
        "####o#s####",
        "#3...p...4#",
        "s.1..#..2.o",
        "#....p....#",
        "###d###d###",
    ),
    # Two halves joined by one tile: nobody can pass anybody in the doorway.
    "doorway": (
        "#########",
        "o.1.#.2.p",
        "#.......#",
        "o.3.#.4.p",
        "##d###s##",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A floor plan with its tables. `starts` has one tile for each cook the plan has room for."""

    name: str
    width: int
    height: int
    tiles: str
    starts: tuple[int, ...]
    pots: tuple[int, ...]
    counters: tuple[int, ...]  # those that a cook can stand beside
    crates: tuple[int, ...]
    racks: tuple[int, ...]
    hatches: tuple[int, ...]
    neighbours: tuple[tuple[int, ...], ...]  # floor tiles beside each tile: above, below, left, right
    rooms: tuple[int, ...]  # number of the room of each floor tile, -1 elsewhere
    rooms_beside: tuple[tuple[int, ...], ...]  # rooms from which each tile can be used, each once
    shared: tuple[int, ...]  # counters between two rooms
    routes: tuple[tuple[int, ...], ...]  # routes[station][tile]: steps to a tile beside the station
    to_pot: tuple[int, ...]  # of each room: over how many counters a thing must go to reach a pot
    to_hatch: tuple[int, ...]


def read_board(name: str) -> Board:
    """The board of a layout of `LAYOUTS`; UsageError if there is none of that name."""
    if name not in LAYOUTS:
        raise UsageError(f"kitchen layout {name!r}: there are {', '.join(LAYOUTS)}")
    return draw_board(name, LAYOUTS[name])


def draw_board(name: str, rows: tuple[str, ...]) -> Board:
    """The board of a drawing."""
    width, height = len(rows[0]), len(rows)
    drawn = "".join(rows)
    tiles = "".join(FLOOR if mark in "1234" else mark for mark in drawn)
    beside = tuple(_beside(tiles, width, tile) for tile in range(len(tiles)))

    def places(mark: str) -> tuple[int, ...]:
        return tuple(tile for tile, here in enumerate(tiles) if here == mark and beside[tile])

    rooms = _rooms(tiles, beside)
    counters = places(COUNTER)
    # dict.fromkeys, not set: the order must be the same everywhere.
    rooms_beside = tuple(tuple(dict.fromkeys(rooms[tile] for tile in around)) for around in beside)
    return Board(
        name=name,
        width=width,
        height=height,
        tiles=tiles,
        starts=tuple(drawn.index(mark) for mark in "1234" if mark in drawn),
        pots=places(POT),
        counters=counters,
        crates=places(CRATE),
        racks=places(RACK),
        hatches=places(HATCH),
        neighbours=beside,
        rooms=rooms,
        rooms_beside=rooms_beside,
        shared=tuple(tile for tile in counters if len(rooms_beside[tile]) > 1),
        routes=tuple(
            () if here == FLOOR else _distances(beside, beside[tile]) for tile, here in enumerate(tiles)
        ),
        to_pot=_levels(rooms, beside, counters, places(POT)),
        to_hatch=_levels(rooms, beside, counters, places(HATCH)),
    )


def _beside(tiles: str, width: int, tile: int) -> tuple[int, ...]:
    x = tile % width
    around = []
    if tile >= width:
        around.append(tile - width)
    if tile + width < len(tiles):
        around.append(tile + width)
    if x > 0:
        around.append(tile - 1)
    if x < width - 1:
        around.append(tile + 1)
    return tuple(other for other in around if tiles[other] == FLOOR)


def _distances(beside: tuple[tuple[int, ...], ...], origins: tuple[int, ...]) -> tuple[int, ...]:
    """Steps from each floor tile to the nearest of `origins`, by breadth-first search."""
    steps = [FAR] * len(beside)
    queue = list(origins)
    for tile in origins:
        steps[tile] = 0
    for tile in queue:  # grows while it is read
        for other in beside[tile]:
            if steps[other] == FAR:
                steps[other] = steps[tile] + 1
                queue.append(other)
    return tuple(steps)


def _rooms(tiles: str, beside: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    rooms = [-1] * len(tiles)
    count = 0
    for tile, here in enumerate(tiles):
        if here == FLOOR and rooms[tile] < 0:
            for other, steps in enumerate(_distances(beside, (tile,))):
                if steps < FAR:
                    rooms[other] = count
            count += 1
    return tuple(rooms)


def _levels(
    rooms: tuple[int, ...],
    beside: tuple[tuple[int, ...], ...],
    counters: tuple[int, ...],
    stations: tuple[int, ...],
) -> tuple[int, ...]:
    """Of each room, the number of counters between it and the nearest of `stations`."""
    levels = [FAR] * (max(rooms) + 1)
    for station in stations:
        for tile in beside[station]:
            levels[rooms[tile]] = 0
    for _ in levels:  # no room is further than there are rooms
        for counter in counters:
            nearest = min(levels[rooms[tile]] for tile in beside[counter])
            for tile in beside[counter]:
                levels[rooms[tile]] = min(levels[rooms[tile]], nearest + 1)
    return tuple(levels)

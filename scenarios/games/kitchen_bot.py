"""A cook for each player that needs no memory: everything is worked out anew from the state.

`plan` decides for all cooks at once, and every bot plays its own part of that one plan, so bots
agree without a word. First each cook gets an errand: who carries something brings it on, the rest
fetch what the pots lack. Then the errands, by urgency, get the floor: the next tile of each cook is
chosen by priority inheritance (Okumura et al., "Priority Inheritance with Backtracking"): who is in
the way of a more urgent cook makes room, and may push others in turn. The most urgent cook thus
always gets on, and an errand done makes another the most urgent: nobody waits for ever.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from scenarios.games.kitchen import (
    DISH,
    FACING,
    FRAMES_LEFT,
    HOLDING,
    INTERACT,
    NOTHING,
    ONION,
    ONIONS,
    POT_SIZE,
    PRESSED,
    SOUP,
    STAY,
    STEP,
    TILE,
    Kitchen,
)
from scenarios.games.kitchen_layouts import FAR, FLOOR, Board

# How urgent an errand is; who can act at once goes before all others, for it takes one frame.
AT_ONCE, DELIVER, COLLECT, FILL, FETCH, WAIT, IDLE = range(7)

_COUNTERS_KEPT: Final = {ONION: 1, DISH: 0, SOUP: 0}
"""Onions may not take the last counter between two rooms: dishes and soup must get through."""

_TAP_FRAMES: Final = 8
"""With an input delay the bot sees its own steps late. So the last step of a walk is a single tap,
at most one per this many frames; held down, a delay longer than a stride would overshoot for ever."""

_DISH_AHEAD_FRAMES: Final = 30  # fetch a dish when the soup is that near to done: about one walk


class Cook(NamedTuple):
    tile: int
    facing: int
    holding: int
    is_pressed: bool


class Pot(NamedTuple):
    tile: int
    onions: int
    frames_left: int


class Errand(NamedTuple):
    """Go beside `station` (-1: nowhere) and, unless waiting, interact with it."""

    station: int
    urgency: int


NOWHERE: Final = Errand(-1, IDLE)


def scripted(game: Kitchen, player: int) -> int:
    """The action of one cook; a pure function of the game's state."""
    return plan(game)[player]


def plan(game: Kitchen) -> list[int]:
    """One action per cook."""
    state, board = game.save_state(), game.board
    cooks = [
        Cook(state[at + TILE], state[at + FACING], state[at + HOLDING], bool(state[at + PRESSED]))
        for at in game.slots.cooks
    ]
    pots = [
        Pot(tile, state[at + ONIONS], state[at + FRAMES_LEFT])
        for tile, at in zip(board.pots, game.slots.pots, strict=True)
    ]
    items = dict(zip(board.counters, state[game.slots.first_counter :], strict=True))
    errands = _Dispatch(board, cooks, pots, items).run()
    urgencies = [
        AT_ONCE if errand.urgency < WAIT and board.routes[errand.station][cook.tile] == 0 else errand.urgency
        for cook, errand in zip(cooks, errands, strict=True)
    ]
    order = sorted(range(len(cooks)), key=lambda index: (urgencies[index], index))
    tiles = _Floor(board, cooks, errands).next_tiles(order)
    claimed: list[int] = []  # a pot or counter serves nobody if two press at once
    is_pause = state[STEP] % _TAP_FRAMES != 0
    actions = [STAY] * len(cooks)
    for index in order:
        cook, errand, next_tile = cooks[index], errands[index], tiles[index]
        if is_pause and _could_overshoot(board, cook, errand, next_tile):
            continue
        actions[index] = _action(board, cook, errand, next_tile, claimed)
    return actions


def _could_overshoot(board: Board, cook: Cook, errand: Errand, next_tile: int) -> bool:
    """Would a cook who walks straight on from the next tile get further from the goal again?"""
    if next_tile == cook.tile or errand.station < 0:
        return False
    routes, beyond = board.routes[errand.station], 2 * next_tile - cook.tile
    return board.tiles[beyond] == FLOOR and routes[beyond] > routes[next_tile]


def _action(board: Board, cook: Cook, errand: Errand, next_tile: int, claimed: list[int]) -> int:
    if next_tile != cook.tile:
        return _direction(board, cook.tile, next_tile)
    if errand.station < 0 or board.routes[errand.station][cook.tile]:
        return STAY
    direction = _direction(board, cook.tile, errand.station)
    if cook.facing != direction:
        return direction
    if errand.urgency >= WAIT or cook.is_pressed or errand.station in claimed:
        return STAY
    claimed.append(errand.station)
    return INTERACT


def _direction(board: Board, tile: int, other: int) -> int:
    return 1 + (-board.width, board.width, -1, 1).index(other - tile)


class _Dispatch:
    """Gives every cook an errand; lives for one plan."""

    def __init__(self, board: Board, cooks: list[Cook], pots: list[Pot], items: dict[int, int]) -> None:
        self.board = board
        self.cooks = cooks
        self.items = items  # on each counter, by tile
        self.errands: list[Errand | None] = [None] * len(cooks)
        self.counters_taken: list[int] = []
        # One entry for each onion that the pots lack, the fullest pot first; one for each full pot.
        lacking = sorted(
            (pot for pot in pots if pot.onions < POT_SIZE), key=lambda pot: (-pot.onions, pot.tile)
        )
        self.spaces = [pot for pot in lacking for _ in range(POT_SIZE - pot.onions)]
        full = (pot for pot in pots if pot.onions == POT_SIZE)
        self.soups = sorted(full, key=lambda pot: (pot.frames_left, pot.tile))
        self.clutter = self._find_clutter()

    def _find_clutter(self) -> list[int]:
        """Things that nobody wants, where they leave no counters to pass anything from room to room."""
        shared = self.board.shared
        if len([tile for tile in shared if self.items[tile] == NOTHING]) > _COUNTERS_KEPT[ONION]:
            return []
        dishes = [tile for tile in shared if self.items[tile] == DISH]
        onions = [tile for tile in shared if self.items[tile] == ONION]
        return dishes[len(self.soups) :] + onions[len(self.spaces) :]

    def run(self) -> list[Errand]:
        for item in (SOUP, DISH, ONION):
            for index, cook in enumerate(self.cooks):
                if cook.holding == item:
                    self.errands[index] = self._carry(cook)
        for tile, item in self.items.items():
            if item == SOUP:
                self._send([tile], self._nearest_room(tile, self.board.to_hatch), DELIVER)
        self._clear()
        dishes_due = [pot for pot in self.soups if pot.frames_left <= _DISH_AHEAD_FRAMES]
        self._fetch(DISH, self.board.racks, len(dishes_due))
        self._fetch(ONION, self.board.crates, len(self.spaces))
        return [errand or NOWHERE for errand in self.errands]

    def _carry(self, cook: Cook) -> Errand:
        """Bring the thing held nearer to where it is used, or put it away if it is not."""
        room = self.board.rooms[cook.tile]
        if cook.holding == SOUP:
            if self.board.to_hatch[room]:
                return self._pass_on(cook, self.board.to_hatch, DELIVER)
            return Errand(self._nearest(cook, self.board.hatches), DELIVER)
        wanting = self.soups if cook.holding == DISH else self.spaces
        urgency = COLLECT if cook.holding == DISH else FILL
        if self.board.to_pot[room]:
            if not wanting or self.clutter:
                return self._put_away(cook)
            errand = self._pass_on(cook, self.board.to_pot, urgency)
            if errand.urgency != WAIT:  # who waits for a free counter keeps nobody else from fetching
                wanting.pop(0)
            return errand
        for pot in wanting:
            if self.board.routes[pot.tile][cook.tile] < FAR:
                wanting.remove(pot)
                return Errand(pot.tile, WAIT if pot.frames_left else urgency)
        return self._put_away(cook)

    def _pass_on(self, cook: Cook, levels: Sequence[int], urgency: int) -> Errand:
        """Lay the thing on a counter from which a room nearer to its use can take it."""
        room = self.board.rooms[cook.tile]
        shared = [
            tile
            for tile in self.board.counters
            if room in self.board.rooms_beside[tile]
            and levels[self._nearest_room(tile, levels)] < levels[room]
        ]
        free = [tile for tile in shared if self._is_free(tile)]
        if len(free) <= _COUNTERS_KEPT[cook.holding]:
            return Errand(self._nearest(cook, shared), WAIT)
        tile = self._nearest(cook, free)
        self.counters_taken.append(tile)
        return Errand(tile, urgency)

    def _put_away(self, cook: Cook) -> Errand:
        """Back to where it came from, or on a counter that no other room needs."""
        sources = self.board.racks if cook.holding == DISH else self.board.crates
        counters = [
            tile
            for tile in self.board.counters
            if len(self.board.rooms_beside[tile]) == 1 and self._is_free(tile)
        ]
        tile = self._nearest(cook, [*sources, *counters])
        if tile < 0:
            return NOWHERE
        self.counters_taken.append(tile)
        return Errand(tile, FETCH)

    def _fetch(self, item: int, sources: Sequence[int], count: int) -> None:
        """Send free cooks for `count` items: those that lie about first, then new ones."""
        levels = self.board.to_pot
        lying = [
            (levels[self._nearest_room(tile, levels)], tile)
            for tile in self.items
            if self.items[tile] == item
        ]
        for _, tile in sorted(lying):
            if count:
                room = self._nearest_room(tile, levels)
                if any(self.board.rooms[cook.tile] == room for cook in self.cooks):
                    self._send([tile], room, FETCH)
                    count -= 1  # also when everyone there is busy: it will be fetched in time
        for _ in range(count):
            self._send(sources, -1, FETCH)

    def _clear(self) -> None:
        """Have the clutter taken back by who can put it away."""
        for tile in self.clutter:
            sources = self.board.racks if self.items[tile] == DISH else self.board.crates
            for room in self.board.rooms_beside[tile]:
                if any(room in self.board.rooms_beside[source] for source in sources):
                    self._send([tile], room, FETCH)

    def _send(self, stations: Sequence[int], room: int, urgency: int) -> None:
        """Give the errand to the free cook (of the room, unless that is -1) who is nearest to a station."""
        best = (FAR, 0, 0)
        for index, cook in enumerate(self.cooks):
            if self.errands[index] or cook.holding or room not in (-1, self.board.rooms[cook.tile]):
                continue
            for station in stations:
                best = min(best, (self.board.routes[station][cook.tile], index, station))
        if best[0] < FAR:
            self.errands[best[1]] = Errand(best[2], urgency)

    def _nearest(self, cook: Cook, stations: Sequence[int]) -> int:
        """The station nearest to the cook, or -1."""
        steps, station = min(
            ((self.board.routes[tile][cook.tile], tile) for tile in stations), default=(FAR, -1)
        )
        return station if steps < FAR else -1

    def _nearest_room(self, counter: int, levels: Sequence[int]) -> int:
        """Of the rooms beside a counter, the one with the lowest level."""
        return min(self.board.rooms_beside[counter], key=lambda room: (levels[room], room))

    def _is_free(self, counter: int) -> bool:
        return self.items[counter] == NOTHING and counter not in self.counters_taken


class _Floor:
    """Chooses the next tile of every cook; lives for one plan."""

    def __init__(self, board: Board, cooks: list[Cook], errands: list[Errand]) -> None:
        self.board = board
        self.cooks = cooks
        self.errands = errands
        self.next: list[int] = [-1] * len(cooks)
        self.cook_on = {cook.tile: index for index, cook in enumerate(cooks)}
        self.taken: dict[int, int] = {}  # next tile -> cook

    def next_tiles(self, order: Sequence[int]) -> list[int]:
        for index in order:
            if self.next[index] < 0:
                self._place(index)
        return self.next

    def _place(self, index: int) -> bool:
        """Choose the cook's tile, pushing less urgent ones; False if it has to stay where it is."""
        here = self.cooks[index].tile
        for tile in self._preferences(index):
            if tile in self.taken or self._is_waiting_for(tile, index):
                continue
            other = self.cook_on.get(tile, index)
            self.next[index] = tile
            self.taken[tile] = index
            if other == index or self.next[other] >= 0 or self._place(other):
                return True
        self.next[index] = here
        self.taken[here] = index
        return False

    def _is_waiting_for(self, tile: int, index: int) -> bool:
        """Is who stands on the tile to leave it only after this cook has left its own?

        The game lets nobody enter a tile in the step in which it is left, so a ring of cooks,
        each going to the next one's tile, would stand for ever.
        """
        other = self.cook_on.get(tile, index)
        while other != index and self.next[other] >= 0:
            ahead = self.cook_on.get(self.next[other], other)
            if ahead == other:
                return False
            if ahead == index:
                return True
            other = ahead
        return False

    def _preferences(self, index: int) -> list[int]:
        """The tiles within one step, nearest to the goal first; among equals an empty one."""
        here = self.cooks[index].tile
        station = self.errands[index].station
        routes = self.board.routes[station] if station >= 0 else None
        ranked = [
            (routes[tile] if routes else 0, tile in self.cook_on and tile != here, tile != here, tile)
            for tile in (here, *self.board.neighbours[here])
        ]
        return [tile for *_, tile in sorted(ranked)]

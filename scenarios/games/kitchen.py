"""kitchen-v1: 2 to 4 cooks make onion soup together, on a grid, against the clock.

A cook carries one thing. Onions and dishes come from a crate and a rack, and may be put back there.
A pot with its third onion begins to cook; a dish takes the soup out of it when it is done; soup
carried to the hatch is delivered and gives everyone 20 points. A counter holds one thing.

A direction turns the cook, then walks one tile, which takes `STRIDE_FRAMES`. A cook may enter a
floor tile that was empty when the step began and that nobody else enters in this step; so two who
want one tile both stay, two cannot change places, and no player goes first. Interact acts once per
press, on the tile faced. Of several cooks who press at one pot or counter in one step none is served.
So a step is symmetric: cooks renumbered before it and cooks renumbered after it are the same.
"""

from collections.abc import Sequence
from typing import Any, Final

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.simulation import DrawItem, GameSpec, StepOutcome
from scenarios.games import drawing
from scenarios.games.kitchen_layouts import COUNTER, CRATE, FLOOR, HATCH, POT, RACK, Board, read_board

ACTION_NAMES: Final = ("stay", "up", "down", "left", "right", "interact")
STAY, UP, DOWN, LEFT, RIGHT, INTERACT = range(6)

NOTHING, ONION, DISH, SOUP = range(4)
ITEM_NAMES: Final = ("nothing", "onion", "dish", "soup")

STRIDE_FRAMES: Final = 4  # 7.5 tiles a second at 30 Hz; a short tap of a key is one tile
COOK_FRAMES: Final = 90  # 3 s: time for one walk to the rack, too short for a nap
POT_SIZE: Final = 3
SOUP_REWARD: Final = 20.0

MIN_PLAYERS: Final = 2

_TILE: Final = 48  # virtual pixels
_HEADER: Final = 32
_WOOD: Final = "#b98d5a"
_WOOD_TOP: Final = "#d3ab78"
_FLOORS: Final = ("#f3ead8", "#e9dec7")
_ONION: Final = "#e6b93e"
_ONION_SHADE: Final = "#a97f1c"
_PLATE: Final = "#ffffff"
_PLATE_EDGE: Final = "#8e99a8"
_SOUP: Final = "#b5482a"
_IRON: Final = "#3b414b"
_DONE: Final = "#3f9142"
_HAT: Final = "#fbfbfb"

# A state is a flat tuple of ints: two of the kitchen, then COOK_FIELDS of each cook, POT_FIELDS of
# each pot and one of each counter, in the order of the board.
STEP, SOUPS = 0, 1
FIRST_COOK: Final = 2
TILE, FACING, HOLDING, REST, PRESSED = range(5)
COOK_FIELDS: Final = 5
ONIONS, FRAMES_LEFT = range(2)
POT_FIELDS: Final = 2


class Kitchen:
    """`layout` is a key of `LAYOUTS`; `length` frames an episode, or no end of its own when that is 0.

    The seed decides who begins where: the cooks take the first `players` marked tiles in turn,
    beginning with tile `seed % players`. Nothing else is left to chance.
    """

    __slots__ = ("_length", "_outcome", "_outcome_of", "_state", "_steps", "board", "slots", "spec")

    def __init__(self, layout: str = "cramped", players: int = 2, length: int = 0) -> None:
        self.board = read_board(layout)
        room = len(self.board.starts)
        if not MIN_PLAYERS <= players <= room:
            raise UsageError(f"players: {MIN_PLAYERS} to {room} in layout {layout!r}, not {players}")
        if length < 0:
            raise UsageError(f"length: 0 or more frames, not {length}")
        self.spec = GameSpec(
            id="kitchen-v1",
            agents=tuple(f"cook-{index}" for index in range(players)),
            action_count=len(ACTION_NAMES),
            action_names=ACTION_NAMES,
            info_keys=("soups", "holding"),
            frame_rate_hz=30,
            max_steps=length or 900,
        )
        self._length = length
        width = self.board.width
        self._steps = (0, -width, width, -1, 1, 0)  # by action: from a tile to the one beside it
        self.slots = _Slots(self.board.pots, self.board.counters, players, len(self.board.tiles))
        self._outcome_of: tuple[int, ...] = ()
        self.reset(0)

    def reset(self, seed: int) -> None:
        players = len(self.spec.agents)
        state = [0] * self.slots.size
        for index, slot in enumerate(self.slots.cooks):
            state[slot + TILE] = self.board.starts[(index + seed) % players]
            state[slot + FACING] = DOWN
        self._state = tuple(state)

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        state = list(self._state)
        slots = self.slots
        state[STEP] += 1
        for slot in slots.pots:
            if state[slot + FRAMES_LEFT]:
                state[slot + FRAMES_LEFT] -= 1
        walking: list[int] = []
        acting: list[int] = []
        for slot, action in zip(slots.cooks, actions, strict=True):
            rest = state[slot + REST]
            if rest:
                state[slot + REST] = rest - 1
            if action == INTERACT:
                if not state[slot + PRESSED]:
                    state[slot + PRESSED] = 1
                    acting.append(slot)
                continue
            state[slot + PRESSED] = 0
            if action and not rest:
                state[slot + FACING] = action
                if self.board.tiles[state[slot] + self._steps[action]] == FLOOR:
                    walking.append(slot)
        served = self._interact(state, acting) if acting else 0
        if walking:
            self._walk(state, walking)
        self._state = tuple(state)
        if served or state[STEP] == self._length:
            return self._make_outcome(served)
        return self._quiet_outcome()

    def _walk(self, state: list[int], walking: list[int]) -> None:
        targets = [state[slot] + self._steps[state[slot + FACING]] for slot in walking]
        crowd = [state[slot] for slot in self.slots.cooks] + targets
        for slot, target in zip(walking, targets, strict=True):
            if crowd.count(target) == 1:
                state[slot] = target
                state[slot + REST] = STRIDE_FRAMES - 1

    def _interact(self, state: list[int], acting: list[int]) -> int:
        """Let each cook use what it faces; gives the number of soups delivered."""
        faced = [state[slot] + self._steps[state[slot + FACING]] for slot in acting]
        soups_before = state[SOUPS]
        for slot, tile in zip(acting, faced, strict=True):
            storage = self.slots.storage[tile]
            if storage < 0:
                _use_station(state, slot, self.board.tiles[tile])
            elif faced.count(tile) == 1:
                if self.board.tiles[tile] == POT:
                    _use_pot(state, slot, storage)
                else:
                    _use_counter(state, slot, storage)
        return state[SOUPS] - soups_before

    def _quiet_outcome(self) -> StepOutcome:
        """The outcome of a step without a delivery: made anew only when it would be another."""
        state = self._state
        outcome_of = (state[SOUPS], *[state[slot + HOLDING] for slot in self.slots.cooks])
        if outcome_of != self._outcome_of:
            self._outcome = self._make_outcome(0)
            self._outcome_of = outcome_of
        return self._outcome

    def _make_outcome(self, served: int) -> StepOutcome:
        state = self._state
        players = len(self.slots.cooks)
        is_over = state[STEP] == self._length
        return StepOutcome(
            rewards=(SOUP_REWARD * served,) * players,
            terminateds=(False,) * players,
            truncateds=(is_over,) * players,
            infos=tuple((state[SOUPS], ITEM_NAMES[state[slot + HOLDING]]) for slot in self.slots.cooks),
            is_over=is_over,
        )

    def save_state(self) -> tuple[int, ...]:
        return self._state

    def load_state(self, state: Any, /) -> None:
        self._state = state

    def encode_state(self, state: Any, /) -> bytes:
        width = self.board.width
        fields: dict[str, Any] = {"step": state[STEP], "soups": state[SOUPS]}
        for index, slot in enumerate(self.slots.cooks):
            y, x = divmod(state[slot + TILE], width)
            fields[f"cook_{index}.x"] = x
            fields[f"cook_{index}.y"] = y
            fields[f"cook_{index}.facing"] = state[slot + FACING]
            fields[f"cook_{index}.holding"] = state[slot + HOLDING]
            fields[f"cook_{index}.rest"] = state[slot + REST]
            fields[f"cook_{index}.pressed"] = state[slot + PRESSED]
        for index, slot in enumerate(self.slots.pots):
            fields[f"pot_{index}.onions"] = state[slot + ONIONS]
            fields[f"pot_{index}.frames_left"] = state[slot + FRAMES_LEFT]
        fields["counters"] = state[self.slots.first_counter :]
        return canonical.encode(fields)

    def render(self) -> list[DrawItem]:
        state, board = self._state, self.board
        width, height = board.width * _TILE, board.height * _TILE + _HEADER
        score = f"soups {state[SOUPS]}"
        items = [
            drawing.rect(0, 0, width, height, drawing.SKY),
            drawing.text(width // 2, _HEADER // 2, 18, score, drawing.INK),
        ]
        for tile, kind in enumerate(board.tiles):
            items += _paint_tile(board, tile, kind)
        for tile in board.counters:
            x, y = _middle(board, tile)
            items += _paint_item(x, y, state[self.slots.storage[tile]], "")
        for tile, slot in zip(board.pots, self.slots.pots, strict=True):
            x, y = _middle(board, tile)
            items += _paint_pot(x, y, state[slot + ONIONS], state[slot + FRAMES_LEFT])
        for index, slot in enumerate(self.slots.cooks):
            x, y = _middle(board, state[slot + TILE])
            items += _paint_cook(index, x, y, state[slot + FACING], state[slot + REST], state[slot + HOLDING])
        return items


class _Slots:
    """Where in a state each thing has its ints."""

    __slots__ = ("cooks", "first_counter", "pots", "size", "storage")

    def __init__(self, pots: tuple[int, ...], counters: tuple[int, ...], players: int, tiles: int) -> None:
        first_pot = FIRST_COOK + COOK_FIELDS * players
        self.first_counter = first_pot + POT_FIELDS * len(pots)
        self.size = self.first_counter + len(counters)
        self.cooks = tuple(range(FIRST_COOK, first_pot, COOK_FIELDS))
        self.pots = tuple(range(first_pot, self.first_counter, POT_FIELDS))
        storage = [-1] * tiles
        for tile, slot in zip(pots, self.pots, strict=True):
            storage[tile] = slot
        for tile, slot in zip(counters, range(self.first_counter, self.size), strict=True):
            storage[tile] = slot
        self.storage = tuple(storage)  # of each tile: the slot of the pot or counter, or -1


def _use_pot(state: list[int], cook: int, pot: int) -> None:
    held, onions = state[cook + HOLDING], state[pot + ONIONS]
    if held == ONION and onions < POT_SIZE:
        state[cook + HOLDING] = NOTHING
        state[pot + ONIONS] = onions + 1
        if onions + 1 == POT_SIZE:
            state[pot + FRAMES_LEFT] = COOK_FRAMES
    elif held == DISH and onions == POT_SIZE and not state[pot + FRAMES_LEFT]:
        state[cook + HOLDING] = SOUP
        state[pot + ONIONS] = 0


def _use_counter(state: list[int], cook: int, counter: int) -> None:
    if (state[cook + HOLDING] == NOTHING) != (state[counter] == NOTHING):
        state[cook + HOLDING], state[counter] = state[counter], state[cook + HOLDING]


def _use_station(state: list[int], cook: int, station: str) -> None:
    """Crates and racks give, and take back, without end; the hatch takes soup."""
    held = state[cook + HOLDING]
    goods = {CRATE: ONION, RACK: DISH}.get(station, NOTHING)
    if goods and held == NOTHING:
        state[cook + HOLDING] = goods
    elif goods and held == goods:
        state[cook + HOLDING] = NOTHING
    elif station == HATCH and held == SOUP:
        state[cook + HOLDING] = NOTHING
        state[SOUPS] += 1


def _middle(board: Board, tile: int) -> tuple[int, int]:
    y, x = divmod(tile, board.width)
    return x * _TILE + _TILE // 2, y * _TILE + _TILE // 2 + _HEADER


def _paint_tile(board: Board, tile: int, kind: str) -> list[DrawItem]:
    x, y = _middle(board, tile)
    left, top = x - _TILE // 2, y - _TILE // 2
    if kind == FLOOR:
        row, column = divmod(tile, board.width)
        return [drawing.rect(left, top, _TILE, _TILE, _FLOORS[(row + column) % 2])]
    items = [
        drawing.rect(left, top, _TILE, _TILE, _WOOD),
        drawing.rect(left + 2, top + 2, _TILE - 4, _TILE - 8, _WOOD_TOP),
    ]
    if kind == CRATE:
        items.append(drawing.rect(x - 17, y - 16, 34, 30, _WOOD))
        for dx, dy in ((-8, -7), (8, -7), (-8, 6), (8, 6), (0, 0)):
            items += _paint_item(x + dx, y + dy - 1, ONION, "")
    elif kind == RACK:
        for dx in (-9, 0, 9):
            items += _paint_item(x + dx, y - 2, DISH, "")
    elif kind == HATCH:
        items.append(drawing.rect(x - 19, y - 18, 38, 34, drawing.FAINT))
        items.append(drawing.rect(x - 16, y - 15, 32, 28, _DONE))
        items.append(drawing.text(x, y - 1, 22, "✓", _HAT))
    elif kind != COUNTER:
        items.append(drawing.circle(x, y - 2, 19, _IRON))
        items.append(drawing.circle(x, y - 2, 15, drawing.INK))
    return items


def _paint_item(x: int, y: int, item: int, item_id: str) -> list[DrawItem]:
    if item == NOTHING:
        return []
    inner_id = item_id and item_id + "-inner"
    if item == ONION:
        return [
            drawing.circle(x, y, 8, _ONION_SHADE, item_id),
            drawing.circle(x - 1, y - 1, 6, _ONION, inner_id),
        ]
    return [
        drawing.circle(x, y, 11, _PLATE_EDGE, item_id),
        drawing.circle(x, y, 10, _PLATE, item_id and item_id + "-plate"),
        drawing.circle(x, y, 7, _SOUP if item == SOUP else drawing.SKY, inner_id),
    ]


def _paint_pot(x: int, y: int, onions: int, frames_left: int) -> list[DrawItem]:
    """The contents, and under a full pot a bar that grows until the soup is done."""
    if onions < POT_SIZE:
        spots = ((-6, -6), (6, -6))[:onions]
        return [item for dx, dy in spots for item in _paint_item(x + dx, y + dy + 4, ONION, "")]
    done = (COOK_FRAMES - frames_left) * 36 // COOK_FRAMES
    return [
        drawing.circle(x, y - 2, 13, _SOUP),
        drawing.rect(x - 19, y + 14, 38, 8, drawing.INK),
        drawing.rect(x - 18, y + 15, done, 6, _ONION if frames_left else _DONE),
    ]


def _paint_cook(index: int, x: int, y: int, facing: int, rest: int, holding: int) -> list[DrawItem]:
    """A cook is drawn on the way to the tile it has entered, hands and load on the side it faces."""
    name = f"cook-{index}"
    dx, dy = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))[facing]
    x -= dx * rest * _TILE // STRIDE_FRAMES
    y -= dy * rest * _TILE // STRIDE_FRAMES
    body = [
        drawing.circle(x + 12 * dx + 10 * dy, y + 12 * dy + 10 * dx, 5, _ONION_SHADE, name + "-hand-a"),
        drawing.circle(x + 12 * dx - 10 * dy, y + 12 * dy - 10 * dx, 5, _ONION_SHADE, name + "-hand-b"),
        drawing.circle(x, y, 17, drawing.PLAYER_COLOURS[index], name),
        drawing.circle(x, y, 10, _HAT, name + "-hat"),
        drawing.text(x, y, 13, str(index + 1), drawing.INK, name + "-number"),
    ]
    load = _paint_item(x + 17 * dx, y + 17 * dy, holding, name + "-load")
    return load + body if facing == UP else body + load

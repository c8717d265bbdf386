"""From held buttons to a game's action, by nothing but the names of its actions.

An action is held down by the parts of its name: "jump-left" by the buttons jump and left. Of the
actions whose parts are all held the one with the most parts is meant, and among equals the one whose
buttons were pressed last: so of left and right the later wins, and a quick jab gets through while
walking. A press shorter than a tick still counts for one.
"""

from dataclasses import dataclass
from typing import Final

from rollback_core.simulation import GameSpec


@dataclass(frozen=True, slots=True)
class Button:
    """One thing to press. `codes` are `KeyboardEvent.code` names, `label` is what people read for them."""

    name: str
    label: str
    codes: tuple[str, ...]


# Positions, not letters: arrows for one hand, and the same keys under the other hand on every layout of
# a keyboard. Labels name only keys that carry the same sign everywhere.
_KNOWN: Final = {
    button.name: button
    for button in (
        Button("left", "←", ("ArrowLeft", "KeyA")),
        Button("right", "→", ("ArrowRight", "KeyD")),
        Button("up", "↑", ("ArrowUp", "KeyW")),
        Button("down", "↓", ("ArrowDown", "KeyS")),
        Button("jump", "↑ or space", ("ArrowUp", "KeyW", "Space")),
        Button("interact", "space", ("Space", "Enter")),
        Button("block", "↓", ("ArrowDown", "KeyS")),
        Button("jab", "J", ("KeyJ",)),
        Button("heavy", "K", ("KeyK",)),
    )
}

_MAX_DIGITS: Final = 9  # a game without known names is played with the keys 1 to 9


class Buttons:
    """The buttons of one game, which of them are held, and the action that this means."""

    __slots__ = ("_actions", "_clock", "_held_since", "_neutral", "_tapped", "buttons")

    def __init__(self, spec: GameSpec) -> None:
        self._neutral = spec.neutral_action
        self.buttons, self._actions = _bind(spec)
        self._held_since: dict[int, int] = {}  # button: number of its press
        self._tapped: dict[int, int] = {}  # pressed since the last tick, released or not
        self._clock = 0  # counts presses

    def press(self, button: int) -> bool:
        """True if the button was up. A number that is no button is nothing."""
        if not 0 <= button < len(self.buttons) or button in self._held_since:
            return False
        self._clock += 1
        self._held_since[button] = self._tapped[button] = self._clock
        return True

    def release(self, button: int) -> None:
        self._held_since.pop(button, None)

    def release_all(self) -> None:
        """Nothing is held or was tapped: the page lost sight of the keyboard."""
        self._held_since.clear()
        self._tapped.clear()

    def action(self) -> int:
        """What a tick now would take."""
        down = {**self._tapped, **self._held_since}
        best: tuple[int, tuple[int, ...]] = (0, ())
        meant = self._neutral
        for action, parts in self._actions:
            if all(part in down for part in parts):
                rank = (len(parts), tuple(sorted((down[part] for part in parts), reverse=True)))
                if rank > best:
                    best, meant = rank, action
        return meant

    def taken(self) -> None:
        """A tick has taken the action: a button that is up again does not count any more."""
        self._tapped.clear()


def _bind(spec: GameSpec) -> tuple[tuple[Button, ...], tuple[tuple[int, tuple[int, ...]], ...]]:
    """The buttons, and each action with the indices of the buttons that mean it."""
    names = [name.split("-") for name in spec.action_names]
    active = [action for action in range(spec.action_count) if action != spec.neutral_action]
    if not names or any(part not in _KNOWN for action in active for part in names[action]):
        active = active[:_MAX_DIGITS]
        buttons = tuple(
            Button(spec.action_names[action] if names else f"action {action}", str(digit), (f"Digit{digit}",))
            for digit, action in enumerate(active, start=1)
        )
        return buttons, tuple((action, (index,)) for index, action in enumerate(active))
    order = list(dict.fromkeys(part for action in active for part in names[action]))
    parts_of = tuple((action, tuple(order.index(part) for part in names[action])) for action in active)
    return tuple(_KNOWN[name] for name in order), parts_of

"""Who presses the buttons: idle, random, the game's scripted bot, or a function of your own.

A policy is asked by (game, player, frame), once per frame as a rule, sometimes sparsely, again or
out of order. The random policy's answer hangs on (seed, player, frame) alone: two runs in which a
player was asked at different times, or was suspended meanwhile, still mean the same by "the input
of frame f". Frames whose hash is small are those where it changes; the hash is splitmix64
(Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
"""

import operator
from collections.abc import Callable
from typing import Any, Final, Protocol

from rollback_core.errors import UsageError
from rollback_core.simulation import GameSpec, Simulation
from scenarios.registry import Bot, load_target, scripted_bot

NAMES: Final = ("idle", "random", "scripted")

_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_GAMMA: Final = 0x9E37_79B9_7F4A_7C15
_MIX_1: Final = 0xBF58_476D_1CE4_E5B9
_MIX_2: Final = 0x94D0_49BB_1331_11EB
_LOOK_AHEAD: Final = 32  # frames searched at once: a few usual holds, and little lost on a single question


class Policy(Protocol):
    def act(self, game: Simulation, player: int, frame: int) -> int:
        """The player's action for the frame. `game` is the game itself, not a match of episodes."""


def create_policy(
    name: str, *, seed: int, player: int, spec: GameSpec, game_id: str, hold_frames: int
) -> Policy:
    """A policy for one player. `name` is one of NAMES, "path.py:attr" or "module:attr".

    The attr is a function (game, player, frame) -> action. `seed` and `hold_frames` (mean frames
    between changes) matter to "random" only, `game_id` to "scripted" only. Raises UsageError.
    """
    if not 0 <= player < len(spec.agents):
        raise UsageError(f"player {player}: {spec.id} has {len(spec.agents)} players")
    match name:
        case "idle":
            return IdlePolicy(spec.neutral_action)
        case "random":
            return RandomPolicy(seed, player, spec.action_count, hold_frames)
        case "scripted":
            return ScriptedPolicy(scripted_bot(game_id))
    if ":" not in name:
        raise UsageError(f'unknown bot {name!r}; one of: {", ".join(NAMES)}, "path.py:attr"')
    function = load_target(name)
    if not callable(function):
        raise UsageError(f"bot {name!r} must be a function (game, player, frame) -> action")
    return FunctionPolicy(name, function, spec.action_count)


class IdlePolicy:
    __slots__ = ("_action",)

    def __init__(self, action: int) -> None:
        self._action = action

    def act(self, game: Simulation, player: int, frame: int) -> int:
        return self._action


class ScriptedPolicy:
    __slots__ = ("_bot",)

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    def act(self, game: Simulation, player: int, frame: int) -> int:
        return self._bot(game, player)


class FunctionPolicy:
    """Someone else's function: what it answers is checked, what it raises is told as a UsageError."""

    __slots__ = ("_action_count", "_function", "_name")

    def __init__(self, name: str, function: Callable[[Any, int, int], int], action_count: int) -> None:
        self._name = name
        self._function = function
        self._action_count = action_count

    def act(self, game: Simulation, player: int, frame: int) -> int:
        try:
            answer = self._function(game, player, frame)
        except Exception as error:  # foreign code: whatever it raises is its author's to mend
            raise UsageError(
                f"bot {self._name!r} raised {type(error).__name__}: {error}, frame {frame}, player {player}"
            ) from error
        try:
            action = operator.index(answer)  # numpy's ints are welcome
        except TypeError:
            action = -1
        if not 0 <= action < self._action_count:
            raise UsageError(
                f"bot {self._name!r} answered {answer!r} to frame {frame}, player {player};"
                f" actions are 0 to {self._action_count - 1}"
            )
        return action


class RandomPolicy:
    """Holds an action for `hold_frames` frames on average (geometric), then takes another.

    The player is the one it was made for, whatever player `act` is asked for.
    """

    __slots__ = ("_action", "_action_count", "_end", "_key", "_start", "_threshold")

    def __init__(self, seed: int, player: int, action_count: int, hold_frames: int) -> None:
        if hold_frames < 1:
            raise UsageError(f"hold_frames: 1 or more, not {hold_frames}")
        self._key = splitmix64(splitmix64(seed & _MASK) + player)
        self._action_count = action_count
        # One draw in action_count gives the action that was held: draw that much more often.
        others = max(1, action_count - 1)
        self._threshold = min(_MASK + 1, (_MASK + 1) * action_count // (others * hold_frames))
        self._start = -1
        self._end = 0
        self._action = 0

    def act(self, game: Simulation, player: int, frame: int) -> int:
        # The answer is known for _start <= frame < _end, so asking in order is mostly this line.
        if self._start <= frame < self._end:
            return self._action
        known = self._end if frame >= self._end else 0  # no hold begins in _start + 1 … _end - 1
        begins = (at for at in range(frame, known - 1, -1) if at == 0 or self._hold_end(at, 1) == at)
        start = next(begins, self._start)
        if start != self._start:
            self._start = start
            self._action = splitmix64(self._key - start) % self._action_count
        self._end = self._hold_end(frame + 1)
        return self._action

    def _hold_end(self, first: int, count: int = _LOOK_AHEAD) -> int:
        """The next frame that begins a hold, or the first one not looked at."""
        # One turn of the mixer is enough for the high bits of a Weyl sequence with a random origin.
        key, threshold = self._key, self._threshold
        for frame in range(first, first + count):
            mixed = (key + frame * _GAMMA) & _MASK
            if ((mixed ^ mixed >> 30) * _MIX_1) & _MASK < threshold:
                return frame
        return first + count


def splitmix64(number: int) -> int:
    """64 well mixed bits from an int of which the low 64 bits count."""
    mixed = (number + _GAMMA) & _MASK
    mixed = ((mixed ^ mixed >> 30) * _MIX_1) & _MASK
    mixed = ((mixed ^ mixed >> 27) * _MIX_2) & _MASK
    return mixed ^ mixed >> 31

"""counter-v1: three ints and a rule that forgets nothing, for fuzzing and benchmarks.

Every action of every player is mixed, in player order, into a 30-bit number by a map that is
one-to-one for fixed actions: two runs that differ once differ for ever, so a single input used
wrongly, late, twice or for the wrong player shows in every later checksum. Now and then (one
frame in 64) the number gives one player a point, so the rows show it too.
"""

from collections.abc import Sequence
from typing import Any, Final

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.simulation import DrawItem, GameSpec, StepOutcome
from scenarios.games import drawing

ACTION_COUNT: Final = 4
MIN_PLAYERS: Final = 2
MAX_PLAYERS: Final = 8
MAX_WORK: Final = 1_000_000  # tens of milliseconds: no game with such a step can be played

_MULTIPLIER: Final = 1_664_525  # odd, so multiplying modulo 2**30 loses nothing
_INCREMENT: Final = 12_345
_MASK: Final = 0x3FFF_FFFF  # 30 bits are one digit of CPython's ints: twice as fast as 31
_SEED_MULTIPLIER: Final = 1_640_531_527  # odd: neighbouring seeds begin far apart
_POINT_BELOW: Final = 1 << 24  # one value in 64 of 30 bits: about a point a second


class Counter:
    """2 to 8 players; `length` frames an episode, or no end of its own when that is 0.

    `work` more rounds of mixing make every step as slow as a real environment's: about 13,000 take a
    millisecond natively, and two to three times that in a browser.
    """

    __slots__ = ("_length", "_quiet", "_quiet_total", "_state", "_work", "spec")

    def __init__(self, players: int = 2, length: int = 0, work: int = 0) -> None:
        if not MIN_PLAYERS <= players <= MAX_PLAYERS:
            raise UsageError(f"players: {MIN_PLAYERS} to {MAX_PLAYERS}, not {players}")
        if length < 0:
            raise UsageError(f"length: 0 or more frames, not {length}")
        if not 0 <= work <= MAX_WORK:
            raise UsageError(f"work: 0 to {MAX_WORK} rounds, not {work}")
        self.spec = GameSpec(
            id="counter-v1",
            agents=tuple(f"player-{index}" for index in range(players)),
            action_count=ACTION_COUNT,
            info_keys=("total",),
            frame_rate_hz=60,
            max_steps=length,
        )
        self._length = length
        self._work = work
        self._quiet_total = -1  # the total for which _quiet holds
        self._quiet = _outcome(players, -1, 0, is_over=False)
        self.reset(0)

    def reset(self, seed: int) -> None:
        self._state = (0, (seed ^ seed >> 30) * _SEED_MULTIPLIER + 1 & _MASK, 0)

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        frame, mix, total = self._state
        for action in actions:
            mix = (mix * _MULTIPLIER + action + _INCREMENT) & _MASK
        if self._work:
            for _ in range(self._work):
                mix = (mix * _MULTIPLIER + _INCREMENT) & _MASK
        frame += 1
        if mix < _POINT_BELOW or frame == self._length:
            return self._loud_step(frame, mix, total)
        self._state = (frame, mix, total)
        if total != self._quiet_total:
            self._quiet = _outcome(len(self.spec.agents), -1, total, is_over=False)
            self._quiet_total = total
        return self._quiet

    def _loud_step(self, frame: int, mix: int, total: int) -> StepOutcome:
        players = len(self.spec.agents)
        scorer = -1
        if mix < _POINT_BELOW:
            scorer = (mix >> 12) % players
            total += 1
        self._state = (frame, mix, total)
        return _outcome(players, scorer, total, is_over=frame == self._length)

    def save_state(self) -> tuple[int, int, int]:
        return self._state

    def load_state(self, state: Any, /) -> None:
        self._state = state

    def encode_state(self, state: Any, /) -> bytes:
        frame, mix, total = state
        return canonical.encode({"frame": frame, "mix": mix, "total": total})

    def render(self) -> list[DrawItem]:
        frame, mix, total = self._state
        items = [
            drawing.rect(0, 0, 480, 240, drawing.SKY),
            drawing.text(240, 90, 36, f"{mix:08x}", drawing.INK, "mix"),
            drawing.text(240, 140, 20, f"frame {frame}", drawing.FAINT, "frame"),
            drawing.text(240, 170, 20, f"{total} points", drawing.FAINT, "total"),
        ]
        bits = [drawing.rect(90 + 10 * bit, 200, 8, 8, drawing.INK) for bit in range(30) if mix >> bit & 1]
        return items + bits


def _outcome(players: int, scorer: int, total: int, *, is_over: bool) -> StepOutcome:
    """The outcome of a frame; `scorer` is -1 when nobody made a point."""
    return StepOutcome(
        rewards=tuple(1.0 if index == scorer else 0.0 for index in range(players)),
        terminateds=(False,) * players,
        truncateds=(is_over,) * players,
        infos=((total,),) * players,
        is_over=is_over,
    )


def scripted(game: Counter, player: int) -> int:
    """An action that hangs on the whole state: any wrong state soon leads to a wrong input too."""
    _, mix, total = game.save_state()
    return (mix >> (5 + 3 * player) ^ total) % ACTION_COUNT

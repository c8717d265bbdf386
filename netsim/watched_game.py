"""The match of a watched peer: it counts what is asked of it, and remembers what was loaded last."""

from collections.abc import Iterable
from typing import Any

from rollback_core.episodes import Episodes
from rollback_core.simulation import Simulation


class WatchedEpisodes(Episodes):
    """`steps` frames were stepped, `loads` states loaded, the last of them `loaded`."""

    __slots__ = ("loaded", "loads", "steps")

    def __init__(self, game: Simulation, **setup: Any) -> None:
        super().__init__(game, **setup)
        self.steps = 0
        self.loads = 0
        self.loaded: Any = None

    def run(
        self, rows: Iterable[tuple[int, ...]], outcomes: list[tuple[Any, ...] | None], states: list[Any]
    ) -> None:
        before = len(outcomes)
        super().run(rows, outcomes, states)
        self.steps += len(outcomes) - before

    def load_state(self, state: tuple[Any, ...]) -> None:
        self.loads += 1
        self.loaded = state
        super().load_state(state)

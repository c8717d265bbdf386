"""What one step and one save of a game cost on this machine: what a rollback is made of.

Measured in blocks long enough for a coarse clock (browsers round theirs to a millisecond, to keep
pages from spying); the quickest block counts, because whatever disturbs a block only adds to it.
"""

from collections.abc import Callable
from typing import Final

from rollback_core.simulation import Simulation

BLOCK_US: Final = 20_000  # twenty times the coarsest clock: 5 % is near enough
BLOCKS: Final = 4  # the first one warms up
MAX_BLOCK_STEPS: Final = 100_000  # a clock that stands still must not hold us for ever

# Neighbouring players and frames do different things, and a period longer than a game's reactions.
_STRIDE: Final = 7
_HOLD_STEPS: Final = 5


def measure_step_us(game: Simulation, clock_us: Callable[[], int]) -> int:
    """Microseconds, rounded up. The game is left in some state or other."""
    return min(_block_us(game, clock_us, seed) for seed in range(BLOCKS))


def _block_us(game: Simulation, clock_us: Callable[[], int], seed: int) -> int:
    count, players = game.spec.action_count, len(game.spec.agents)
    game.reset(seed)
    steps = batch = 1
    begin_us = clock_us()
    while True:
        for step in range(steps, steps + batch):
            choice = step // _HOLD_STEPS * _STRIDE
            outcome = game.step(tuple((choice + player) % count for player in range(players)))
            game.save_state()
            if outcome.is_over:
                game.reset(seed)
        steps += batch
        elapsed_us = clock_us() - begin_us
        if elapsed_us >= BLOCK_US or steps > MAX_BLOCK_STEPS:
            return -(-elapsed_us // (steps - 1))
        batch = steps  # reading the clock is not free either

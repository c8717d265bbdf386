"""Episodes inside the simulated state: N episodes of a game as one machine for the session.

Idea: the end of an episode, the wait for everyone, the countdown and the reset with a derived seed
are steps like any other, so a rollback crosses them like any frame and a packet cannot belong to
another episode. A freeze frame (waiting or countdown) is played only on confirmed inputs
(`is_lockstep`): it is the health check before each round. READY is the action after the game's last.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.events import EPISODE_ENDS, EPISODE_GOES_ON, MATCH_ENDS, FrameOutcome
from rollback_core.simulation import DrawItem, Simulation

# A NamedTuple's own constructor is a Python call with a call inside; this runs for every committed frame.
new_outcome: Final = partial(tuple.__new__, FrameOutcome)

PLAYING: Final = 0
WAITING: Final = 1  # for every player's READY
COUNTDOWN: Final = 2
FINISHED: Final = 3

_PHASE_NAMES: Final = ("playing", "waiting", "countdown", "finished")


def episode_seed(seed: int, episode: int) -> int:
    """The seed of one episode, 0 … 2**31 - 1, from the match's seed."""
    digest = hashlib.sha256(b"episode %d %d" % (seed, episode)).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Episodes:
    """A match: `count` episodes of `game`, each of at most `max_steps` frames (0: no limit)."""

    __slots__ = (
        "_countdown",
        "_game_load",
        "_game_save",
        "_game_step",
        "_ready_mask",
        "count",
        "countdown_frames",
        "episode",
        "game",
        "max_steps",
        "phase",
        "ready_action",
        "seed",
        "t",
    )

    def __init__(
        self, game: Simulation, *, seed: int, count: int = 1, max_steps: int = 0, countdown_frames: int = 0
    ) -> None:
        if count < 1 or max_steps < 0 or countdown_frames < 0:
            raise UsageError("episodes: count >= 1, max_steps >= 0 and countdown_frames >= 0")
        self.game = game
        self.seed = seed
        self.count = count
        self.max_steps = max_steps
        self.countdown_frames = countdown_frames
        self.ready_action = game.spec.action_count
        self.phase = WAITING
        self.episode = 0
        self.t = 0
        self._ready_mask = 0
        self._countdown = 0
        game.reset(episode_seed(seed, 0))
        self._game_step: Callable[[Sequence[int]], Any] = game.step
        self._game_save = game.save_state
        self._game_load = game.load_state

    @property
    def is_lockstep(self) -> bool:
        """The next frame may be stepped on confirmed inputs only."""
        return self.phase != PLAYING

    @property
    def is_finished(self) -> bool:
        return self.phase == FINISHED

    @property
    def phase_name(self) -> str:
        return _PHASE_NAMES[self.phase]

    def step(self, actions: tuple[int, ...]) -> FrameOutcome | None:
        """Take one frame; None on a freeze frame."""
        outcomes: list[tuple[Any, ...] | None] = []
        self.run((actions,), outcomes, [])
        return None if outcomes[0] is None else new_outcome(outcomes[0])

    def run(
        self, rows: Iterable[tuple[int, ...]], outcomes: list[tuple[Any, ...] | None], states: list[Any]
    ) -> None:
        """Take a frame per row of actions; each outcome, and the state after it, is appended.

        An outcome is a FrameOutcome's fields (None on a freeze frame): most stepped frames are stepped
        again, and only those that are kept need a name. All of a frame is here, as every frame comes
        through, and most of the work of a rollback is this loop.
        """
        step = self._game_step
        save = self._game_save
        add_outcome = outcomes.append
        add_state = states.append
        ready = self.ready_action
        last = self.max_steps - 1
        phase, episode, t, mask, countdown = self._fields()
        for actions in rows:
            if phase:
                self._freeze(actions)
                add_outcome(None)
                add_state(self.save_state())
                phase, episode, t, mask, countdown = self._fields()
                continue
            if ready in actions:
                neutral = self.game.spec.neutral_action
                actions = tuple([neutral if action == ready else action for action in actions])
            rewards, terminateds, truncateds, infos, is_over = step(actions)
            if is_over or t == last:
                if not is_over:
                    truncateds = (True,) * len(actions)
                self.t = t + 1
                ends = self._end_episode()
                add_outcome((episode, t, actions, rewards, terminateds, truncateds, infos, ends))
                add_state(self.save_state())
                phase, episode, t, mask, countdown = self._fields()
                continue
            add_outcome((episode, t, actions, rewards, terminateds, truncateds, infos, EPISODE_GOES_ON))
            t += 1
            add_state((PLAYING, episode, t, mask, countdown, save()))
        self.t = t

    def _fields(self) -> tuple[int, int, int, int, int]:
        return self.phase, self.episode, self.t, self._ready_mask, self._countdown

    def _end_episode(self) -> int:
        if self.episode + 1 >= self.count:
            self.phase = FINISHED
            return MATCH_ENDS
        self.phase = WAITING
        self._ready_mask = 0
        self.episode += 1
        return EPISODE_ENDS

    def _freeze(self, actions: tuple[int, ...]) -> None:
        if self.phase == WAITING:
            mask = self._ready_mask
            for player, action in enumerate(actions):
                if action == self.ready_action:
                    mask |= 1 << player
            self._ready_mask = mask
            if mask != (1 << len(actions)) - 1:
                return
            self.phase = COUNTDOWN
            self._countdown = self.countdown_frames
        elif self.phase == COUNTDOWN:
            self._countdown -= 1
        if self.phase == COUNTDOWN and self._countdown <= 0:
            self.phase = PLAYING
            self.t = 0
            self.game.reset(episode_seed(self.seed, self.episode))

    @property
    def countdown(self) -> int:
        """Freeze frames left until play, while counting down."""
        return self._countdown

    def save_state(self) -> tuple[Any, ...]:
        return (self.phase, self.episode, self.t, self._ready_mask, self._countdown, self._game_save())

    def load_state(self, state: tuple[Any, ...]) -> None:
        self.phase, self.episode, self.t, self._ready_mask, self._countdown, inner = state
        self._game_load(inner)

    def describe_state(self, state: tuple[Any, ...]) -> dict[str, Any]:
        """The state as named plain values; the game's own where its bytes can be read."""
        phase, episode, t, ready_mask, countdown, inner = state
        return {
            "phase": _PHASE_NAMES[phase],
            "episode": episode,
            "t": t,
            "ready_mask": ready_mask,
            "countdown": countdown,
            "game": self.game.encode_state(inner),
        }

    def encode_state(self, state: tuple[Any, ...]) -> bytes:
        return canonical.encode(self.describe_state(state))

    def render(self) -> list[DrawItem]:
        return self.game.render()

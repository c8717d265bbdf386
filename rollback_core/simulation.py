"""What a game must offer to be played with rollback.

A game is a deterministic machine over plain data. `step` may depend only on the state and on the
actions; a state once saved is never changed again by later steps. `conformance.check_simulation`
proves both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from rollback_core.errors import UsageError

Scalar: TypeAlias = None | bool | int | float | str
"""A value that a cell of a table can hold."""

DrawItem: TypeAlias = tuple[Any, ...]
"""One shape of a display list: a name and plain values, e.g. `("circle", x, y, radius, colour)`."""

MAX_PLAYERS = 8  # player sets are bitmasks of one byte on the wire
MAX_ACTION_COUNT = 65_535  # two bytes on the wire, with one value kept for READY


@dataclass(frozen=True, slots=True, kw_only=True)
class GameSpec:
    """What everyone must know of a game before it starts.

    `id` carries the version of the rules ("slime-v1"): equal ids promise equal trajectories.
    Actions are the ints 0 … action_count - 1. `info_keys` are the keys of every player's infos,
    in the order in which `StepOutcome.infos` gives their values.
    """

    id: str
    agents: tuple[str, ...]
    action_count: int
    neutral_action: int = 0
    action_names: tuple[str, ...] = ()
    info_keys: tuple[str, ...] = ()
    frame_rate_hz: int = 30
    max_steps: int = 0  # the usual length of an episode; 0: the game itself ends it

    def __post_init__(self) -> None:
        if not 1 <= len(self.agents) <= MAX_PLAYERS:
            raise UsageError(f"{self.id}: 1 to {MAX_PLAYERS} agents, not {len(self.agents)}")
        if len(set(self.agents)) != len(self.agents):
            raise UsageError(f"{self.id}: two agents share a name: {self.agents}")
        if not 1 <= self.action_count <= MAX_ACTION_COUNT:
            raise UsageError(f"{self.id}: 1 to {MAX_ACTION_COUNT} actions, not {self.action_count}")
        if not 0 <= self.neutral_action < self.action_count:
            raise UsageError(f"{self.id}: neutral_action {self.neutral_action} is not an action")
        if self.action_names and len(self.action_names) != self.action_count:
            raise UsageError(f"{self.id}: {len(self.action_names)} names, {self.action_count} actions")


class StepOutcome(NamedTuple):
    """What a step gave, one entry per player in index order. All of it is plain data."""

    rewards: tuple[float, ...]
    terminateds: tuple[bool, ...]
    truncateds: tuple[bool, ...]
    infos: tuple[tuple[Scalar, ...], ...]
    is_over: bool
    """True on the last step of the episode; `step` is not called again before `reset`."""


class Simulation(Protocol):
    """A game. `spec` never changes; `reset(seed)` makes the state a function of the seed alone."""

    @property
    def spec(self) -> GameSpec: ...

    def reset(self, seed: int) -> None:
        """Begin an episode. `seed` is 0 … 2**31 - 1."""

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        """Take one action per player, in index order."""

    def save_state(self) -> Any:
        """The whole state as a value that no later step changes (tuples of ints, say)."""

    def load_state(self, state: Any, /) -> None:
        """Become the saved state; the value may be loaded again later."""

    def encode_state(self, state: Any, /) -> bytes:
        """The state as canonical bytes: equal states give equal bytes on every host.

        Use `canonical.encode` of a dict of named fields: then a desync can name the field.
        """

    def render(self) -> list[DrawItem]:
        """The display list of the present state. Never called while re-simulating."""


class PredictingSimulation(Simulation, Protocol):
    """A game that knows better than "the same again" what a player does next; needed for that alone."""

    def predict_action(self, player: int, last_action: int, /) -> int:
        """The action to assume for every frame after a player's last known one, until more is known.

        A function of its arguments and nothing else: it is asked once for each, before play.
        """

"""A game out of anyone's environment: PettingZoo ParallelEnv or Gymnasium Env, by duck typing.

`adapt(factory)` builds the env, finds how to save it, and gives a Simulation, or raises UsageError
with the reason. An env that can save itself (`get_state`, `set_state`) is asked to; any other is
frozen whole by `snapshot`, and each reset then starts from the env as it was built, so that what
an earlier episode left behind cannot matter. `conformance.check_simulation` proves the result.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.simulation import (
    MAX_ACTION_COUNT,
    MAX_PLAYERS,
    DrawItem,
    GameSpec,
    Scalar,
    StepOutcome,
)
from rollback_core.snapshot import Snapshot, Snapshotter

_SCALARS: Final = (type(None), bool, int, float, str)
_SINGLE_AGENT: Final = "player"
_MAX_FRAME_RATE_HZ: Final = 120  # an env that claims more gives the default instead
_DEFAULT_FRAME_RATE_HZ: Final = 30


class ActionCodec:
    """One int for an action of several discrete parts: mixed radix, the first part the highest digit."""

    __slots__ = ("count", "sizes")

    def __init__(self, sizes: Sequence[int]) -> None:
        if not sizes or any(size < 1 for size in sizes):
            raise UsageError(f"an action needs parts of one choice or more each, not {tuple(sizes)}")
        count = 1
        for size in sizes:
            count *= size
        if count > MAX_ACTION_COUNT:
            raise UsageError(f"{count} actions; at most {MAX_ACTION_COUNT} fit into an input")
        self.sizes = tuple(sizes)
        self.count = count

    def encode(self, parts: Sequence[int]) -> int:
        if len(parts) != len(self.sizes):
            raise UsageError(f"an action has {len(self.sizes)} parts, not {len(parts)}")
        action = 0
        for part, size in zip(parts, self.sizes, strict=True):
            if not 0 <= part < size:
                raise UsageError(f"part {part} of an action is not in 0 … {size - 1}")
            action = action * size + part
        return action

    def decode(self, action: int) -> tuple[int, ...]:
        if not 0 <= action < self.count:
            raise UsageError(f"action {action} is not in 0 … {self.count - 1}")
        parts = []
        for size in reversed(self.sizes):
            action, part = divmod(action, size)
            parts.append(part)
        return tuple(reversed(parts))


class _Actions:
    """Ints to and from one agent's action space."""

    __slots__ = ("codec", "is_single", "make", "starts")

    def __init__(self, space: Any, agent: str) -> None:
        kind = type(space).__name__
        if kind == "Discrete":
            sizes, self.starts = [int(space.n)], [int(space.start)]
        elif kind == "MultiDiscrete":
            if len(space.nvec.shape) != 1:
                raise UsageError(f"{agent}: a MultiDiscrete action of {space.nvec.shape} is not a flat one")
            sizes = [int(size) for size in space.nvec]
            self.starts = [int(start) for start in getattr(space, "start", [0] * len(sizes))]
        elif kind == "MultiBinary" and isinstance(space.n, int):
            sizes, self.starts = [2] * space.n, [0] * space.n
        else:
            raise UsageError(
                f"{agent}: action space {kind} is not discrete: inputs are small ints, "
                "so wrap the env to offer a fixed set of actions"
            )
        try:
            self.codec = ActionCodec(sizes)
        except UsageError as error:
            raise UsageError(f"{agent}: {error}") from None
        self.is_single = kind == "Discrete"
        self.make = None if self.is_single else space.dtype.type  # a scalar type called on a list: an array

    def value(self, action: int) -> Any:
        """What the env takes for this int. An int that this agent has no action for counts as 0."""
        parts = self.codec.decode(action if action < self.codec.count else 0)
        values = [part + start for part, start in zip(parts, self.starts, strict=True)]
        return values[0] if self.make is None else self.make(values)


class EnvSimulation:
    """A Simulation around an env; make it with `adapt`."""

    def __init__(
        self,
        env: Any,
        spec: GameSpec,
        agents: tuple[Any, ...],
        actions: tuple[_Actions, ...],
        snapshotter: Snapshotter,
        pristine: Snapshot | None,
        draw: Callable[[Any], list[DrawItem]] | None,
    ) -> None:
        self._env = env
        self._spec = spec
        self._agents = agents  # as the env names them
        self._actions = actions
        self._is_parallel = is_parallel(env)
        self._snapshotter = snapshotter
        self._pristine = pristine  # None: the env saves itself
        self._draw = draw
        self._done = ((False, False),) * len(spec.agents)  # terminated, truncated

    @property
    def spec(self) -> GameSpec:
        return self._spec

    @property
    def env(self) -> Any:
        """The env itself, to look at. Stepping or resetting it from outside breaks the game."""
        return self._env

    @property
    def saves_by(self) -> str:
        """ "native" (the env's own get_state) or "snapshot"."""
        return "snapshot" if self._pristine else "native"

    def reset(self, seed: int) -> None:
        if self._pristine is not None:
            self._snapshotter.thaw(self._pristine, self._env)
        self._env.reset(seed=seed)
        self._done = ((False, False),) * len(self._spec.agents)

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        if len(actions) != len(self._actions):
            raise UsageError(f"{len(self._actions)} actions are needed, not {len(actions)}")
        values = [codec.value(action) for codec, action in zip(self._actions, actions, strict=True)]
        if not self._is_parallel:
            _, reward, terminated, truncated, info = self._env.step(values[0])
            return self._outcome([(reward, terminated, truncated, info)])
        alive = self._env.agents
        by_agent = {a: v for a, v in zip(self._agents, values, strict=True) if a in alive}
        _, rewards, terminateds, truncateds, infos = self._env.step(by_agent)
        return self._outcome(
            [
                (rewards.get(a, 0.0), terminateds.get(a, False), truncateds.get(a, False), infos.get(a, {}))
                for a in self._agents
            ]
        )

    def _outcome(self, results: list[tuple[Any, Any, Any, Any]]) -> StepOutcome:
        """The row of this step. An agent that was done before stays so, and is rewarded no more."""
        rewards, done, infos = [], [], []
        for before, (reward, terminated, truncated, info) in zip(self._done, results, strict=True):
            was_done = before[0] or before[1]
            rewards.append(0.0 if was_done else float(reward))
            done.append(before if was_done else (bool(terminated), bool(truncated)))
            infos.append(tuple(_scalar(info.get(key), key) for key in self._spec.info_keys))
        self._done = tuple(done)
        is_over = all(a or b for a, b in done) or (self._is_parallel and not self._env.agents)
        return StepOutcome(
            rewards=tuple(rewards),
            terminateds=tuple(a for a, _ in done),
            truncateds=tuple(b for _, b in done),
            infos=tuple(infos),
            is_over=is_over,
        )

    def save_state(self) -> Any:
        if self._pristine is not None:
            return self._snapshotter.freeze(self._env), self._done
        # Frozen too: what get_state gives may still be the env's own lists.
        agents = list(self._env.agents) if self._is_parallel else None
        return self._snapshotter.freeze([self._env.get_state(), agents]), self._done

    def load_state(self, state: Any, /) -> None:
        snapshot, self._done = state
        if self._pristine is not None:
            self._snapshotter.thaw(snapshot, self._env)
            return
        native, agents = self._snapshotter.thaw(snapshot)
        self._env.set_state(native)
        if agents is not None:
            self._env.agents = agents  # which set_state of cogrid, for one, leaves as it was

    def encode_state(self, state: Any, /) -> bytes:
        snapshot, done = state
        name = "state" if self._pristine is None else "env"
        return canonical.encode({"done": done, **self._snapshotter.table(snapshot, name)})

    def render(self) -> list[DrawItem]:
        return [] if self._draw is None else self._draw(self._env)


def adapt(
    env: Any,
    *,
    id: str = "",
    info_keys: Sequence[str] | None = None,
    neutral_action: int = 0,
    action_names: Sequence[str] = (),
    max_steps: int = 0,
    frame_rate_hz: int = 0,
    saving: str = "auto",
    share: Iterable[str] = (),
    constants: Iterable[str] = (),
    draw: Callable[[Any], list[DrawItem]] | None = None,
) -> EnvSimulation:
    """A Simulation of `env`, a function that builds the env (better) or an env.

    `id` names the rules with their version; "": as the env calls itself. `info_keys`: which scalars
    of the infos become columns; None: those that a reset and a first step show. `frame_rate_hz` 0:
    what the env's metadata says. `saving`: "native", "snapshot", or "auto" (native where the
    outermost object offers it). `share` names classes of constants ("module.Class"), `constants`
    attributes of the innermost env that never change and are too large to save each frame. `draw`
    makes the display list; it must not change the env. Raises UsageError, with the reason, for an
    env that cannot be a game.
    """
    if saving not in ("auto", "native", "snapshot"):
        raise UsageError(f'saving is "auto", "native" or "snapshot", not {saving!r}')
    is_env = not isinstance(env, type) and hasattr(env, "reset") and hasattr(env, "step")
    built = env if is_env else env()
    agents, actions = _players(built)
    snapshotter = Snapshotter(share, _constants(built, tuple(constants)))
    has_native = all(callable(getattr(type(built), name, None)) for name in ("get_state", "set_state"))
    if saving == "native" and not has_native:
        raise UsageError(f"{type(built).__name__} has no get_state and set_state")
    is_native = has_native and saving != "snapshot"
    pristine = None if is_native else snapshotter.freeze(built)
    if info_keys is None:
        info_keys = _probe_infos(built, agents, [codec.value(neutral_action) for codec in actions])
        if pristine is not None:
            snapshotter.freeze(built)  # a reset env may hold what a new one does not
            snapshotter.thaw(pristine, built)
    spec = GameSpec(
        id=id or _own_name(built),
        agents=tuple(str(agent) for agent in agents),
        action_count=max(codec.codec.count for codec in actions),
        neutral_action=neutral_action,
        action_names=tuple(action_names),
        info_keys=tuple(info_keys),
        frame_rate_hz=frame_rate_hz or _frame_rate_hz(built),
        max_steps=max_steps,
    )
    return EnvSimulation(built, spec, agents, actions, snapshotter, pristine, draw)


def is_parallel(env: Any) -> bool:
    """Whether all agents act at once, in dicts by name."""
    return hasattr(env, "possible_agents") and not hasattr(env, "agent_iter")


def _players(env: Any) -> tuple[tuple[Any, ...], tuple[_Actions, ...]]:
    """The env's own names of its agents (str or int), and how each acts."""
    if hasattr(env, "num_envs"):
        raise UsageError("a vector of envs is not one game")
    if hasattr(env, "agent_iter"):
        raise UsageError("turn-based (AEC): one agent acts at a time; every player must act in every frame")
    if not hasattr(env, "step") or not hasattr(env, "reset"):
        raise UsageError(f"{type(env).__name__} is no environment: it has no reset and step")
    if not is_parallel(env):
        if not hasattr(env, "action_space"):
            raise UsageError(f"{type(env).__name__} is neither a ParallelEnv nor a Gymnasium env")
        return (_SINGLE_AGENT,), (_Actions(env.action_space, _SINGLE_AGENT),)
    agents = tuple(env.possible_agents)
    if not 1 <= len(agents) <= MAX_PLAYERS:
        raise UsageError(f"{len(agents)} agents; 1 to {MAX_PLAYERS} can play")
    return agents, tuple(_Actions(env.action_space(agent), str(agent)) for agent in agents)


def _probe_infos(env: Any, agents: tuple[Any, ...], neutral: list[Any]) -> list[str]:
    """Keys of the scalars in the infos of a reset and of one step, sorted."""
    parallel = is_parallel(env)
    _, first = env.reset(seed=0)
    values = dict(zip(agents, neutral, strict=True))
    then = env.step({a: values[a] for a in env.agents} if parallel else neutral[0])[4]
    tables = [*first.values(), *then.values()] if parallel else [first, then]
    kept: set[str] = set()
    dropped: set[str] = set()
    for table in tables:
        for key, value in table.items():
            (kept if type(_plain(value)) in _SCALARS else dropped).add(str(key))
    return sorted(kept - dropped)


def _plain(value: Any) -> Any:
    """A NumPy scalar as Python's own; anything else as it is."""
    if type(value) not in _SCALARS and hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return value.item()
    return value


def _scalar(value: Any, key: str) -> Scalar:
    plain = _plain(value)
    if type(plain) not in _SCALARS:
        raise UsageError(f"info {key!r} is a {type(value).__name__}, which no cell of a table can hold")
    return plain  # type: ignore[no-any-return]


def _constants(env: Any, names: Sequence[str]) -> dict[str, Any]:
    inner = getattr(env, "unwrapped", env)
    missing = [name for name in names if not hasattr(inner, name)]
    if missing:
        raise UsageError(f"{type(inner).__name__} has no attribute {missing[0]!r} to keep as a constant")
    return {name: getattr(inner, name) for name in names}


def _own_name(env: Any) -> str:
    """What the env's registry or author calls it, e.g. "CartPole-v1" or "simple_spread_v3"."""
    registered = getattr(getattr(env, "spec", None), "id", None)
    given = (getattr(env, "metadata", None) or {}).get("name")
    return str(registered or given or type(env).__name__)


def _frame_rate_hz(env: Any) -> int:
    rate = (getattr(env, "metadata", None) or {}).get("render_fps")
    if isinstance(rate, int) and 1 <= rate <= _MAX_FRAME_RATE_HZ:
        return rate
    return _DEFAULT_FRAME_RATE_HZ

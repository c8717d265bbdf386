"""Games out of public environments, for scenarios and `sametick check` (`id = "scenarios.envs:…"`).

Each function imports its package when called (the extra `envs` installs them) and gives a
Simulation. They need NumPy, so they run in the simulator and in headless peers; in browsers only
where the operator serves a full Pyodide.
"""

import importlib
from typing import Any, Final

from rollback_core.adapters import EnvSimulation, adapt
from rollback_core.errors import UsageError
from rollback_core.simulation import DrawItem
from scenarios.games import drawing

_COGRID_LAYOUTS: Final = {
    "asymmetric-advantages": "Overcooked-AsymmetricAdvantages-V0",
    "coordination-ring": "Overcooked-CoordinationRing-V0",
    "counter-circuit": "Overcooked-CounterCircuit-V0",
    "cramped-room": "Overcooked-CrampedRoom-V0",
    "forced-coordination": "Overcooked-ForcedCoordination-V0",
}
_COGRID_ACTIONS: Final = ("up", "down", "left", "right", "pick-up-or-drop", "toggle", "wait")
_MPE_ACTIONS: Final = ("wait", "left", "right", "down", "up")

_STAGE: Final = 480  # virtual pixels, both ways
_COGRID_COLOURS: Final = {
    "counter": "#c9b99a",
    "delivery_zone": "#9fc5a8",
    "onion": "#e6c54a",
    "onion_soup": "#b5651d",
    "onion_stack": "#f2d977",
    "plate": "#ffffff",
    "plate_stack": "#dfe5ec",
    "pot": "#5b6470",
    "wall": "#7d7466",
}


def cogrid_overcooked(layout: str = "cramped-room") -> EnvSimulation:
    """cogrid's Overcooked for two cooks; it saves and loads itself."""
    if layout not in _COGRID_LAYOUTS:
        raise UsageError(f"layout: one of {', '.join(_COGRID_LAYOUTS)}, not {layout!r}")
    load("cogrid.envs")
    registry = load("cogrid.envs.registry")
    return adapt(
        lambda: registry.make(_COGRID_LAYOUTS[layout]),
        id=f"cogrid-overcooked-{layout}-v0",
        neutral_action=_COGRID_ACTIONS.index("wait"),
        action_names=_COGRID_ACTIONS,
        max_steps=1000,
        draw=_draw_cogrid,
    )


def mpe2_simple_spread(players: int = 3, max_cycles: int = 250) -> EnvSimulation:
    """mpe2's simple spread: cooperating particles that each shall cover a landmark."""
    module = load("mpe2.simple_spread_v3")
    return _particles(module, "mpe2-simple-spread-v3", max_cycles, N=players)


def mpe2_simple_tag(max_cycles: int = 250) -> EnvSimulation:
    """mpe2's simple tag: three slow particles chase a quick one."""
    return _particles(load("mpe2.simple_tag_v3"), "mpe2-simple-tag-v3", max_cycles)


def _particles(module: Any, game_id: str, max_cycles: int, **options: Any) -> EnvSimulation:
    return adapt(
        lambda: module.parallel_env(max_cycles=max_cycles, **options),
        id=game_id,
        action_names=_MPE_ACTIONS,
        max_steps=max_cycles,
        draw=_draw_particles,
    )


def pettingzoo_rps(max_cycles: int = 100) -> EnvSimulation:
    """PettingZoo's rock paper scissors."""
    module = load("pettingzoo.classic.rps.rps")
    return adapt(
        lambda: module.parallel_env(max_cycles=max_cycles),
        id="pettingzoo-rps-v2",
        action_names=("rock", "paper", "scissors"),
        max_steps=max_cycles,
    )


def pettingzoo_knights(archers: int = 1, knights: int = 1, max_cycles: int = 900) -> EnvSimulation:
    """PettingZoo's knights, archers and zombies: agents die before the episode ends."""
    module = load("pettingzoo.butterfly.knights_archers_zombies.knights_archers_zombies")
    return adapt(
        lambda: module.parallel_env(num_archers=archers, num_knights=knights, max_cycles=max_cycles),
        id="pettingzoo-knights-archers-zombies-v11",
        neutral_action=5,  # the last of: forward, backward, turn left, turn right, attack, nothing
        max_steps=max_cycles,
    )


def pettingzoo_pong(max_cycles: int = 900) -> EnvSimulation:
    """PettingZoo's cooperative pong: two paddles, one ball to keep in play."""
    module = load("pettingzoo.butterfly.cooperative_pong.cooperative_pong")
    return adapt(
        # It draws itself in every step, asked or not, and warns when it has no mode to draw in.
        lambda: module.parallel_env(max_cycles=max_cycles, render_mode="rgb_array"),
        id="pettingzoo-cooperative-pong-v6",
        max_steps=max_cycles,
    )


def gymnasium_env(env_id: str = "CartPole-v1", constants: str = "") -> EnvSimulation:
    """A single-player game of any registered Gymnasium env; `constants` as in `adapt`, by commas."""
    gymnasium = load("gymnasium")

    def make() -> Any:
        try:
            return gymnasium.make(env_id)
        except gymnasium.error.DependencyNotInstalled as error:
            raise UsageError(f"{env_id} needs a package that is not installed: {error}") from error
        except gymnasium.error.UnregisteredEnv as error:
            raise UsageError(f"{env_id}: {error}") from error

    return adapt(make, id=env_id, constants=[name for name in constants.split(",") if name])


def load(name: str) -> Any:
    """A module that may be missing: then a UsageError says which package is needed.

    Any: none of these packages is known when this file is type-checked."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{name} needs {error.name}, which is not installed; the extra `envs` has it"
        ) from error


def _draw_cogrid(env: Any) -> list[DrawItem]:
    names = load("cogrid.core.objects").idx_to_object
    state = env._env_state  # read only; cogrid has no public way to it without copying all of it
    rows = state.object_type_map.tolist()
    cell = _STAGE // max(len(rows), len(rows[0]))
    items = [drawing.rect(0, 0, _STAGE, _STAGE, drawing.SKY)]
    for row, kinds in enumerate(rows):
        for column, kind in enumerate(kinds):
            colour = _COGRID_COLOURS.get(names(kind, scope=env.scope) or "")
            if colour:
                items.append(drawing.rect(column * cell, row * cell, cell - 2, cell - 2, colour))
    for player, (row, column) in enumerate(state.agent_pos.tolist()):
        colour = drawing.PLAYER_COLOURS[player % len(drawing.PLAYER_COLOURS)]
        x, y = column * cell + cell // 2, row * cell + cell // 2
        items.append(drawing.circle(x, y, cell // 3, colour, f"player-{player}"))
        held = _COGRID_COLOURS.get(names(int(state.agent_inv[player, 0]), scope=env.scope) or "")
        if held:
            items.append(drawing.circle(x, y, cell // 6, held, f"held-{player}"))
    return items


def _draw_particles(env: Any) -> list[DrawItem]:
    world = env.unwrapped.world
    half = _STAGE // 2
    items = [drawing.rect(0, 0, _STAGE, _STAGE, drawing.SKY)]
    for index, entity in enumerate([*world.landmarks, *world.agents]):
        x, y = entity.state.p_pos.tolist()
        player = index - len(world.landmarks)
        colour = (
            drawing.PLAYER_COLOURS[player % len(drawing.PLAYER_COLOURS)] if player >= 0 else drawing.FAINT
        )
        at = (half + round(x * half), half - round(y * half))
        items.append(drawing.circle(*at, max(2, round(entity.size * half)), colour, entity.name))
    return items

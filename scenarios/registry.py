"""From a game's name to a game: the built-in ids, and "module:attr" or "path.py:attr" for your own.

Nothing is imported before it is asked for. Whatever is wrong with a name or a parameter is a
UsageError that says what would be right; no traceback of an import reaches the user.
"""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, cast

from rollback_core.errors import UsageError
from rollback_core.simulation import GameSpec, Simulation

Params: TypeAlias = Mapping[str, int | str | bool]
Bot: TypeAlias = Callable[[Any, int], int]


class _Entry(NamedTuple):
    game: str
    bot: str
    summary: str


_GAMES: Final = {
    "counter-v1": _Entry(
        "scenarios.games.counter:Counter",
        "scenarios.games.counter:scripted",
        "2-8 players; a few integers that never forget a wrong input, for fuzzing and benchmarks",
    ),
    "duel-v1": _Entry(
        "scenarios.games.duel:Duel",
        "scenarios.games.duel:scripted",
        "2 players; a fighting duel of blocks and punished misses, where one frame decides",
    ),
    "kitchen-v1": _Entry(
        "scenarios.games.kitchen:Kitchen",
        "scenarios.games.kitchen_bot:scripted",
        "2-4 players; cooks who make onion soup together, in several layouts",
    ),
    "slime-v1": _Entry(
        "scenarios.games.slime:Slime",
        "scenarios.games.slime:scripted",
        "2 players; slime volleyball, five lives each",
    ),
}

_SIMULATION_METHODS: Final = ("reset", "step", "save_state", "load_state", "encode_state", "render")


def registered_games() -> dict[str, str]:
    """The built-in ids, sorted, each with one line about it."""
    return {game_id: entry.summary for game_id, entry in sorted(_GAMES.items())}


def create_game(game_id: str, params: Params | None = None) -> Simulation:
    """A new game for a registered id, "module:attr" or "path.py:attr" (relative to the working folder).

    `attr` is called with `params` as keywords and gives a Simulation, a PettingZoo ParallelEnv or a
    Gymnasium env; an env is wrapped by `rollback_core.adapters.adapt`. Raises UsageError.
    """
    params = params or {}
    entry = _GAMES.get(game_id)
    if entry is None and ":" not in game_id:
        known = ", ".join(sorted(_GAMES))
        raise UsageError(
            f"unknown game {game_id!r}{_suggestion(game_id, _GAMES)}; registered: {known};"
            ' your own: "module:attr" or "path.py:attr"'
        )
    factory = load_target(entry.game if entry else game_id)
    if not callable(factory):
        raise UsageError(f"game {game_id!r} must be callable and give a game, not {type(factory).__name__}")
    _check_params(game_id, factory, params)
    try:
        made = factory(**params)
        if _is_simulation(made):
            return cast(Simulation, made)
        from rollback_core.adapters import adapt  # here, since built-in games never need it

        return adapt(made)
    except UsageError as error:
        raise UsageError(f"{game_id}: {error}") from error
    except Exception as error:  # foreign code: whatever it raises is the user's to read, in one line
        raise UsageError(f"{game_id}: cannot be made: {type(error).__name__}: {error}") from error


def scripted_bot(game_id: str) -> Bot:
    """The function (game, player) -> action that plays this game well enough to be worth playing.

    A game of your own has one if there is a function `scripted` beside it in its module.
    """
    entry = _GAMES.get(game_id)
    target = entry.bot if entry else game_id.rpartition(":")[0] + ":scripted"
    try:
        return cast(Bot, load_target(target))
    except UsageError as error:
        raise UsageError(
            f'{game_id} has no scripted bot ({error}); use "random", "idle" or "path.py:attr"'
        ) from error


def load_target(target: str) -> Any:
    """What "module:attr" or "path.py:attr" names; `attr` may have dots. Raises UsageError."""
    place, _, attribute = target.rpartition(":")
    if not place or not attribute:
        raise UsageError(f'{target!r} must be "module:attr" or "path.py:attr"')
    found = _load_file(place) if place.endswith(".py") else _load_module(place)
    for name in attribute.split("."):
        if not hasattr(found, name):
            known = [each for each in dir(found) if not each.startswith("_")]
            raise UsageError(f"{place} has no {attribute!r}{_suggestion(name, known)}")
        found = getattr(found, name)
    return found


def _load_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise UsageError(f'no module {error.name!r} is installed; a file is "path.py:attr"') from error
        raise UsageError(f"{name}: needs module {error.name!r}, which is not installed") from error
    except Exception as error:  # foreign code
        raise UsageError(f"{name}: fails on import: {type(error).__name__}: {error}") from error


def _load_file(name: str) -> Any:
    path = Path(name).resolve()
    if not path.is_file():
        raise UsageError(
            f"no file {name!r} in {Path.cwd()}" if not Path(name).is_absolute() else f"no file {name}"
        )
    # One name per path, so that the two games of two peers are of one class.
    module_name = f"sametick_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{name}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # before it runs: dataclasses and pickle look themselves up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # foreign code
        del sys.modules[module_name]
        raise UsageError(f"{name}: fails on import: {type(error).__name__}: {error}") from error
    return module


def _check_params(game_id: str, factory: Callable[..., Any], params: Params) -> None:
    """Unknown names, and values of another type than the default's, named before the call."""
    try:
        accepted = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # some callables written in C have none
        return
    kinds = {each.kind for each in accepted.values()}
    named = {
        name: each
        for name, each in accepted.items()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }
    listing = ", ".join(named) or "none"
    for name, value in params.items():
        if name not in named:
            if inspect.Parameter.VAR_KEYWORD in kinds:
                continue
            raise UsageError(
                f"{game_id}: unknown parameter {name!r}{_suggestion(name, named)}; accepted: {listing}"
            )
        default = named[name].default
        if type(default) in (int, str, bool) and type(value) is not type(default):
            raise UsageError(f"{game_id}: {name} must be {type(default).__name__}, not {value!r}")
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in params:
            raise UsageError(f"{game_id}: parameter {name!r} is missing; accepted: {listing}")


def _is_simulation(made: Any) -> bool:
    # A Gymnasium env has a `spec` too, of another type.
    return isinstance(getattr(made, "spec", None), GameSpec) and all(
        callable(getattr(made, method, None)) for method in _SIMULATION_METHODS
    )


def _suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

"""Known bugs, planted one at a time in our own core, to see that the laws would notice.

The patched source of a module is compiled and the code of the functions that differ is swapped into
the living ones, and back afterwards. A patch that no longer fits its module fails loudly.
"""

import contextlib
import functools
import importlib
import inspect
import types
from collections.abc import Iterator
from typing import Any

from netsim.planted_bugs import PATCHES

PLANTED: dict[str, str] = {name: patch.summary for name, patch in PATCHES.items()}


@contextlib.contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Run with one bug in the core, or with none for None; the core is whole again afterwards."""
    if name is None:
        yield
        return
    module, swaps = _swaps(name)
    before = set(vars(module))
    whole = [function.__code__ for function, _ in swaps]
    for function, code in swaps:
        function.__code__ = code
    try:
        yield
    finally:
        for (function, _), code in zip(swaps, whole, strict=True):
            function.__code__ = code
        for leaked in set(vars(module)) - before:
            delattr(module, leaked)


@functools.cache
def _swaps(name: str) -> tuple[types.ModuleType, list[tuple[types.FunctionType, types.CodeType]]]:
    """The module of the bug, and its functions that the bug changes, each with the code it then has."""
    patch = PATCHES[name]
    module = importlib.import_module(f"rollback_core.{patch.module}")
    source = inspect.getsource(module)
    if source.count(patch.old) != 1:
        raise RuntimeError(f"{name}: {patch.module} has {source.count(patch.old)} places for this patch")
    sick = types.ModuleType(module.__name__)
    sick.__dict__["__file__"] = module.__file__
    exec(compile(source.replace(patch.old, patch.new), str(module.__file__), "exec"), sick.__dict__)
    swaps = [
        (function, other.__code__)
        for function, other in _pairs(module, sick)
        if function.__code__ != other.__code__
    ]
    if not swaps:
        raise RuntimeError(f"{name}: the patch changes no function")
    return module, swaps


def _pairs(module: types.ModuleType, other: types.ModuleType) -> Iterator[tuple[Any, Any]]:
    """The functions and methods that the module defines, each with its counterpart."""
    for name, value in vars(module).items():
        if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
            yield value, vars(other)[name]
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for key, member in vars(value).items():
                if isinstance(member, types.FunctionType):
                    yield member, vars(vars(other)[name])[key]
                elif isinstance(member, property) and member.fget is not None:
                    yield member.fget, vars(vars(other)[name])[key].fget

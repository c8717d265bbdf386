"""Known bugs, planted one at a time in our own core, to see that the oracles would notice.

A patch is a piece of a module's source and what stands there instead. The patched source is compiled
and the code of the functions that differ is swapped into the living ones, and back afterwards. A
patch that no longer fits its module fails loudly.
"""

import contextlib
import importlib
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Patch:
    """In `module`, `old` (found exactly once) becomes `new`. `scenario` is one that shows it."""

    summary: str
    module: str
    old: str
    new: str
    scenario: str


PATCHES: dict[str, Patch] = {
    "predicted-frame-exported": Patch(
        "a wrong prediction is never mended, and the predicted frame is exported",
        "rollback_core.match",
        "if predicted != action and end < self.first_incorrect:",
        "if predicted != action and end > self.first_incorrect:",
        "demo",
    ),
    "first-incorrect-is-latest": Patch(
        "the latest wrong frame counts instead of the earliest",
        "rollback_core.match",
        "if predicted != action and end < self.first_incorrect:",
        "if predicted != action:",
        "loss-15-active",
    ),
    "wrong-state-loaded": Patch(
        "a rollback loads the state one frame too early",
        "rollback_core.timeline",
        "game.load_state(states[cut])",
        "game.load_state(states[cut - 1])",
        "latency-100ms",
    ),
    "saved-before-stepped": Patch(
        "a replayed frame's state is saved before the step instead of after",
        "rollback_core.timeline",
        "                outcomes.append(step(actions))\n                states.append(save())\n",
        "                states.append(save())\n                outcomes.append(step(actions))\n",
        "latency-100ms",
    ),
    "committed-by-own-view": Patch(
        "a frame counts as committed when this peer alone has confirmed it",
        "rollback_core.session",
        "if link.reported_confirmed < known:",
        "if link.reported_confirmed < -1:",
        "drop-second-during-agreement",
    ),
    "cut-is-minimum": Patch(
        "a lost player's inputs are cut at the least that a survivor holds",
        "rollback_core.membership",
        "max(vote.ends[player] for vote in votes)",
        "min(vote.ends[player] for vote in votes)",
        "drop-second-during-agreement",
    ),
    "focus-not-in-input": Patch(
        "the focus flag does not ride with the input",
        "rollback_core.match",
        "queue.append(actions[index], focused)",
        "queue.append(actions[index], True)",
        "focus-hidden-5s",
    ),
    "always-speculative": Patch(
        "every row is marked speculative",
        "rollback_core.timeline",
        "self.speculative.extend((speculative,) * missing)",
        "self.speculative.extend((3,) * missing)",
        "latency-100ms",
    ),
    "acknowledged-too-much": Patch(
        "a frame is acknowledged that has not come",
        "rollback_core.session",
        "ack = queues[link.players[0]].end",
        "ack = queues[link.players[0]].end + 2",
        "loss-15-active",
    ),
    "never-compared": Patch(
        "the checksums of the partners are never found",
        "rollback_core.checksum",
        "theirs = self._theirs[peer].get(frame)",
        "theirs = self._theirs[peer].get(-frame)",
        "latency-100ms",
    ),
    "gap-filled-with-nothing": Patch(
        "an increase of the delay fills the gap with no input instead of the last",
        "rollback_core.match",
        "queue.append(queue.last_action, queue.last_focused)",
        "queue.append(0, queue.last_focused)",
        "delay-up-down",
    ),
    "always-resimulates": Patch(
        "every tick replays the last frame, wrong or not",
        "rollback_core.session",
        "            if match.first_incorrect != NOTHING_WRONG:\n"
        "                self._events.append(match.correct())\n            if self.is_paused:",
        "            if match.timeline.current:\n"
        "                match.first_incorrect = min(match.first_incorrect, match.timeline.current - 1)\n"
        "                self._events.append(match.correct())\n            if self.is_paused:",
        "latency-100ms",
    ),
    "window-not-kept": Patch(
        "play goes on past the prediction window",
        "rollback_core.timeline",
        "stop = confirmed + 1 + window",
        "stop = confirmed + 1 + 2 * window",
        "blackout-3s",
    ),
    "episode-time-not-restored": Patch(
        "a rollback forgets to restore one number of the state",
        "rollback_core.episodes",
        "self.phase, self.episode, self.t, self._ready_mask, self._countdown, inner = state",
        "self.phase, self.episode, _, self._ready_mask, self._countdown, inner = state",
        "latency-100ms",
    ),
}

PLANTED: dict[str, str] = {name: patch.summary for name, patch in PATCHES.items()}


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """Run with one bug in the core; the core is whole again afterwards."""
    patch = PATCHES[name]
    module = importlib.import_module(patch.module)
    source = inspect.getsource(module)
    if source.count(patch.old) != 1:
        raise RuntimeError(f"{name}: {patch.module} has {source.count(patch.old)} places for this patch")
    sick = types.ModuleType(patch.module)
    sick.__dict__["__file__"] = module.__file__
    exec(compile(source.replace(patch.old, patch.new), str(module.__file__), "exec"), sick.__dict__)
    swapped = []
    for function, other in _pairs(module, sick):
        if function.__code__ != other.__code__:
            swapped.append((function, function.__code__))
            function.__code__ = other.__code__
    if not swapped:
        raise RuntimeError(f"{name}: the patch changes no function")
    try:
        yield
    finally:
        for function, code in swapped:
            function.__code__ = code


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

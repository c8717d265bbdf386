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
    """In `module`, `old` (found exactly once) becomes `new`. `scenario` is one that shows it.

    `killer` is the law that must not hold then: an oracle's id, "expectation" for a bound of the
    scenario, or the error that the core itself stops with.
    """

    summary: str
    module: str
    old: str
    new: str
    scenario: str
    killer: str


PATCHES: dict[str, Patch] = {
    "predicted-frame-exported": Patch(
        "a wrong prediction is never mended, and the predicted frame is exported",
        "rollback_core.match",
        "if predicted != action and end < self.first_incorrect:",
        "if predicted != action and end > self.first_incorrect:",
        "latency-100ms",
        "O5-O8",
    ),
    "first-incorrect-is-latest": Patch(
        "the latest wrong frame counts instead of the earliest",
        "rollback_core.match",
        "if predicted != action and end < self.first_incorrect:",
        "if predicted != action:",
        "loss-15-active",
        "O5-O8",
    ),
    "wrong-state-loaded": Patch(
        "a rollback loads the state one frame too early",
        "rollback_core.timeline",
        "self.game.load_state(self.states[cut])",
        "self.game.load_state(self.states[cut - 1])",
        "latency-100ms",
        "O3",
    ),
    "saved-before-stepped": Patch(
        "a replayed frame's state is saved before the step instead of after",
        "rollback_core.episodes",
        "t, mask, countdown, save()))",
        "t, mask, countdown, states[-1][-1] if states else save()))",
        "latency-100ms",
        "O3",
    ),
    "committed-by-own-view": Patch(
        "a frame counts as committed when this peer alone has confirmed it",
        "rollback_core.play",
        "if link.reported_confirmed < known:",
        "if link.reported_confirmed < -1:",
        "drop-split-view",
        "O13",
    ),
    "cut-is-minimum": Patch(
        "a lost player's inputs are cut at the least that a survivor holds",
        "rollback_core.membership",
        "max(vote.ends[player] for vote in votes)",
        "min(vote.ends[player] for vote in votes)",
        "drop-split-view",
        "UsageError",
    ),
    "focus-not-in-input": Patch(
        "the focus flag does not ride with the input",
        "rollback_core.match",
        "queue.append(actions[index], focused)",
        "queue.append(actions[index], True)",
        "focus-hidden-5s",
        "O2",
    ),
    "always-speculative": Patch(
        "every row is marked speculative",
        "rollback_core.timeline",
        "self.speculative.append(speculative)",
        "self.speculative.append(3)",
        "latency-100ms",
        "A11",
    ),
    "acknowledged-too-much": Patch(
        "a frame is acknowledged that has not come",
        "rollback_core.mailbox",
        "ack = queues[link.players[0]].end",
        "ack = queues[link.players[0]].end + 2",
        "loss-15-active",
        "O10",
    ),
    "never-compared": Patch(
        "the checksums of the partners are never found",
        "rollback_core.checksum",
        "theirs = self._theirs[peer].get(frame)",
        "theirs = self._theirs[peer].get(-frame)",
        "latency-100ms",
        "O9",
    ),
    "gap-filled-with-nothing": Patch(
        "an increase of the delay fills the gap with no input instead of the last",
        "rollback_core.match",
        "queue.append(queue.last_action, queue.last_focused)",
        "queue.append(0, queue.last_focused)",
        "delay-up-down",
        "O2",
    ),
    "always-resimulates": Patch(
        "frames are replayed whenever an input comes, whether the guess was wrong or not",
        "rollback_core.match",
        "if predicted != action and end < self.first_incorrect:",
        "if end < self.first_incorrect:",
        "latency-100ms",
        "O5-O8",
    ),
    "window-not-kept": Patch(
        "play goes on past the prediction window",
        "rollback_core.match",
        "if current > confirmed + self.window:",
        "if current > confirmed + 2 * self.window:",
        "blackout-3s",
        "O5-O8",
    ),
    "episode-time-not-restored": Patch(
        "a rollback forgets to restore one number of the state",
        "rollback_core.episodes",
        "self.phase, self.episode, self.t, self._ready_mask, self._countdown, inner = state",
        "self.phase, self.episode, _, self._ready_mask, self._countdown, inner = state",
        "latency-100ms",
        "O3",
    ),
    "not-mended-while-paused": Patch(
        "a wrong prediction is forgotten when it comes to light during a pause",
        "rollback_core.play",
        "                self._events.append(match.correct())\n            if self.is_paused:\n",
        "                if not self.is_paused:\n                    self._events.append(match.correct())\n"
        "                match.first_incorrect = NOTHING_WRONG\n            if self.is_paused:\n",
        "focus-pause-on-hidden",
        "O5-O8",
    ),
    "left-a-frame-late": Patch(
        "a lost player's first frame without it still counts as its own",
        "rollback_core.match",
        "for player, cut in self._left.items() if frame >= cut",
        "for player, cut in self._left.items() if frame > cut",
        "drop-one-of-four",
        "O2",
    ),
    "player-0-never-leaves": Patch(
        "player 0 counts as nobody in the list of those who left",
        "rollback_core.match",
        "for player, cut in self._left.items() if frame >= cut",
        "for player, cut in self._left.items() if player and frame >= cut",
        "drop-split-view",
        "O2",
    ),
    "one-ack-for-all": Patch(
        "one partner's acknowledgement counts for every partner",
        "rollback_core.mailbox",
        "            first = link.acked\n",
        "            first = max(each.acked for each in self.members)\n",
        "n-kitchen-3",
        "O10",
    ),
    "resumed-at-every-datagram": Patch(
        "the end of an interruption is told whether there was one or not",
        "rollback_core.session",
        "            return\n        if link.is_interrupted:\n",
        "            return\n        if True:\n",
        "latency-lan",
        "O16",
    ),
    "confirmed-by-anyone": Patch(
        "a frame counts as confirmed when any player's input is known, not all",
        "rollback_core.match",
        "            if end < confirmed:",
        "            if end > confirmed:",
        "latency-100ms",
        "error",
    ),
    "decided-without-votes": Patch(
        "a view is decided before all who stay have voted",
        "rollback_core.membership",
        "                if vote is None or vote.suspects != self.suspects:\n"
        "                    return None\n",
        "                if vote is None or vote.suspects != self.suspects:\n                    continue\n",
        "drop-split-view",
        "O13",
    ),
    "told-only-once": Patch(
        "what must arrive is sent once and never again",
        "rollback_core.control",
        "        self._next_to_send = self._first\n",
        "        self._next_to_send = self._next_to_send\n",
        "loss-busy-control",
        "expectation",
    ),
    "never-filled-in": Patch(
        "inputs of a lost player that others hold are not asked for",
        "rollback_core.departure",
        "        if is_short:\n",
        "        if False:\n",
        "drop-split-view",
        "O10",
    ),
    "waits-for-nobody": Patch(
        "time sync never lets the one who is ahead wait",
        "rollback_core.time_sync",
        "        if not self.owed:\n            return False\n",
        "        if True:\n            return False\n",
        "drift-fast-timer",
        "expectation",
    ),
    "delay-never-falls": Patch(
        "a lower delay is accepted and has no effect: no input is ever dropped for it",
        "rollback_core.match",
        "            if end > target:\n                return False\n",
        "            if end > target + 99:\n                return False\n",
        "delay-down-both",
        "expectation",
    ),
    "state-not-of-the-frame": Patch(
        "the snapshots after a loaded one are kept, so that later ones are found under the wrong frame",
        "rollback_core.timeline",
        "                del self.states[cut + 1 :]\n",
        "                del self.states[cut + 2 :]\n",
        "latency-100ms",
        "O3",
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

"""One player's inputs by frame: the known ones, contiguous from `base` to `end`.

An input is an action and a focus flag. Invariant: `actions[f - base]` never changes once written;
only the front is forgotten, and only when the session says that nobody needs it.
"""

from bisect import bisect_right

from rollback_core.errors import UsageError

PRUNE_CHUNK = 64  # forgetting in chunks makes it nearly free; bounds the surplus


class InputQueue:
    """The inputs of one player. `end` is the first unknown frame."""

    __slots__ = (
        "actions",
        "base",
        "changes",
        "end",
        "focus",
        "last_action",
        "last_focused",
        "last_unfocused",
    )

    def __init__(self, neutral_action: int) -> None:
        self.base = 0
        self.end = 0
        self.actions: list[int] = []
        self.changes: list[int] = []  # frames whose input differs from the one before
        self.focus: list[bool] = []  # by change
        self.last_action = neutral_action
        self.last_focused = True
        self.last_unfocused = -1  # the last frame without focus

    def append(self, action: int, focused: bool) -> None:
        """The input of frame `end`."""
        self.extend(action, focused, self.end + 1)

    def extend(self, action: int, focused: bool, stop: int) -> None:
        """The same input for every frame from `end` up to `stop`, which is later."""
        end = self.end
        if action != self.last_action or focused != self.last_focused or not self.changes:
            self.changes.append(end)
            self.focus.append(focused)
            self.last_action = action
            self.last_focused = focused
        if stop == end + 1:
            self.actions.append(action)
        else:
            self.actions += [action] * (stop - end)
        if not focused:
            self.last_unfocused = stop - 1
        self.end = stop

    def action(self, frame: int) -> int:
        if not self.base <= frame < self.end:
            raise UsageError(f"frame {frame} is outside {self.base}..{self.end}")
        return self.actions[frame - self.base]

    def is_focused(self, frame: int) -> bool:
        if not self.base <= frame < self.end:
            raise UsageError(f"frame {frame} is outside {self.base}..{self.end}")
        return self.focus[bisect_right(self.changes, frame) - 1]

    def runs(self, first: int, stop: int) -> list[tuple[int, int, bool]]:
        """Frames `first` to `stop` as runs (length, action, focused), oldest first."""
        if not self.base <= first <= stop <= self.end:
            raise UsageError(f"frames {first}..{stop} are outside {self.base}..{self.end}")
        result: list[tuple[int, int, bool]] = []
        changes = self.changes
        base = self.base
        upper = stop
        index = len(changes) - 1
        while upper > first:
            while changes[index] >= upper:
                index -= 1
            start = changes[index]
            if start < first:
                start = first
            result.append((upper - start, self.actions[start - base], self.focus[index]))
            upper = start
        result.reverse()
        return result

    def forget_before(self, frame: int) -> None:
        """Drop inputs of earlier frames, when that is worth a chunk."""
        count = frame - self.base
        if count < PRUNE_CHUNK:
            return
        if frame > self.end:
            raise UsageError(f"cannot forget before {frame}: known up to {self.end}")
        del self.actions[:count]
        self.base = frame
        keep = 0
        changes = self.changes
        while keep + 1 < len(changes) and changes[keep + 1] <= frame:
            keep += 1
        del changes[:keep]
        del self.focus[:keep]

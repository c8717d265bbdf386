"""Presses on their way from the key to the screen, for the log table.

A press is taken by the first tick that queues an input after it, becomes that frame's input, is
stepped when the session has passed the frame, and is seen when a picture made after that is painted.
Its way is counted in pictures, too, up to the first that could show it. A tick that catches up on
several frames makes one picture of them, and a page that is behind paints the newest of several: how
long either took is in the times.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rollback_core.metrics import percentile

MAX_PENDING: Final = (
    64  # presses that wait to be seen; a hidden page paints nothing, and people press ten a second
)
STAGES: Final = (
    ("press_to_tick", "pressed_us", "taken_us"),
    ("tick_to_step", "taken_us", "stepped_us"),
    ("step_to_paint", "stepped_us", "drawn_us"),
    ("press_to_paint", "pressed_us", "drawn_us"),
)


class PressFigures:
    """How long the presses of a match took, stage by stage."""

    __slots__ = ("_most_pictures", "_stages")

    def __init__(self) -> None:
        self._stages: dict[str, Counter[int]] = {name: Counter() for name, _, _ in STAGES}
        self._most_pictures = 0

    def note(self, press: Mapping[str, int]) -> None:
        """A press was seen; its times are those of the log's line."""
        for name, begin, end in STAGES:
            # The page's clock and the worker's are read apart: none is negative by more than a tick of them.
            self._stages[name][max(0, press[end] - press[begin])] += 1
        self._most_pictures = max(self._most_pictures, press["pictures"])

    def table(self) -> dict[str, int]:
        """For the report; nothing if there was no press."""
        presses = self._stages["press_to_paint"].total()
        if not presses:
            return {}
        figures = {"presses": presses, "input_to_present_max_frames": self._most_pictures}
        for name, durations in self._stages.items():
            figures[f"{name}_p50_us"] = percentile(durations, 50)
            figures[f"{name}_p95_us"] = percentile(durations, 95)
        return figures


@dataclass(slots=True)
class _Press:
    pressed_us: int
    pictures_before: int
    taken_us: int | None = None
    frame: int = -1
    stepped_us: int | None = None
    pictures: int = 0  # from the press to the first of its frame
    serial: int | None = None  # of the first view that shows it


class Presses:
    """The presses of one match that are on their way."""

    __slots__ = ("_current_frame", "_pending", "_pictures")

    def __init__(self) -> None:
        self._pending: list[_Press] = []
        self._pictures = 0
        self._current_frame = 0

    def pressed(self, at_us: int) -> None:
        if len(self._pending) < MAX_PENDING:
            self._pending.append(_Press(at_us, self._pictures))

    def ticked(self, now_us: int, first_input_frame: int, input_end: int, current_frame: int) -> None:
        """A tick queued inputs for the frames from `first_input_frame` up to `input_end`."""
        if current_frame != self._current_frame:
            self._current_frame = current_frame
            self._pictures += 1
        for press in self._pending:
            if press.taken_us is None and input_end > first_input_frame:
                press.taken_us = now_us
                press.frame = first_input_frame
            if press.taken_us is not None and press.stepped_us is None and current_frame > press.frame:
                press.stepped_us = now_us
                press.pictures = self._pictures - press.pictures_before

    def shown(self, serial: int) -> bool:
        """A view was made; True if the page is to say when it is painted."""
        is_awaited = False
        for press in self._pending:
            if press.stepped_us is not None:
                is_awaited = True
                if press.serial is None:
                    press.serial = serial
        return is_awaited

    def drawn(self, serial: int, at_us: int) -> list[dict[str, int]]:
        """View `serial` was painted: the presses that are seen with it, with their times."""
        seen = [press for press in self._pending if press.serial is not None and press.serial <= serial]
        self._pending = [press for press in self._pending if press not in seen]
        return [
            {
                "pressed_us": press.pressed_us,
                "taken_us": press.taken_us or 0,
                "stepped_us": press.stepped_us or 0,
                "drawn_us": at_us,
                "pictures": press.pictures,
            }
            for press in seen
        ]

    def clear(self) -> None:
        """Another match, or none."""
        self._pending.clear()

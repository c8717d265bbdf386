"""How far a long run has come: a bar on a terminal, a line now and then in a log, nothing beside --json."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

LINE_EVERY_S: Final = 30.0  # two lines a minute: a log that lives, and that an hour does not fill


class LongRun:
    """Of so many things, some are done. Use as a context; on stderr, so that stdout keeps what was asked for.

    `done` are there from an earlier run: they count, but not for the pace.
    """

    def __init__(
        self,
        title: str,
        total: int,
        noun: str,
        *,
        done: int = 0,
        is_silent: bool,
        screen: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._total = total
        self._noun = noun
        self._done = self._done_before = done
        self._screen = screen or Console(stderr=True, highlight=False)
        self._clock = clock
        self._begun = self._told = clock()
        self._has_lines = not is_silent and not self._screen.is_terminal
        columns = (
            TextColumn(" {task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + noun + "{task.fields[pace]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        is_hidden = is_silent or not self._screen.is_terminal
        self._bar = Progress(*columns, console=self._screen, transient=True, expand=True, disable=is_hidden)
        self._task = self._bar.add_task(title, total=total, completed=done, pace="")

    def __enter__(self) -> "LongRun":
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)
        if self._has_lines:
            self._line()

    def tell(self, done: int, *, at: str = "") -> None:
        """So many are done by now, `at` being what the last one was."""
        self._done = done
        title = f"{self._title} {at}".rstrip()
        self._bar.update(self._task, completed=done, description=title, pace=self._pace())
        if self._has_lines and self._clock() - self._told >= LINE_EVERY_S:
            self._line()

    def _line(self) -> None:
        self._told = self._clock()
        figures = f"{self._done:,}/{self._total:,} {self._noun}{self._pace()}"
        text = f"{self._title}: {figures}, {_time(self._clock() - self._begun)}"
        self._screen.print(Text(text), soft_wrap=True)

    def _pace(self) -> str:
        seconds = self._clock() - self._begun
        new = self._done - self._done_before
        if new <= 0 or seconds <= 0:
            return ""
        a_minute = 60 * new / seconds
        return f", {a_minute:,.0f} a minute" if a_minute >= 10 else f", {60 * a_minute:,.0f} an hour"


def _time(seconds: float) -> str:
    """ "38 s", "12 min 5 s", "1 h 2 min"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

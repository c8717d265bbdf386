"""A long run is never silent for a person, and always for a machine."""

import io

import pytest
from rich.console import Console

from sametick.progress import LINE_EVERY_S, LongRun


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def screen(*, is_terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=is_terminal, width=100, highlight=False), text


def test_a_log_has_a_line_now_and_then_and_one_at_the_end(clock: Clock) -> None:
    console, text = screen(is_terminal=False)
    with LongRun("fuzzing", 4_000, "cases", is_silent=False, screen=console, clock=clock) as run:
        for second in range(1, 101):
            clock.now = float(second)
            run.tell(20 * second)
    assert text.getvalue().splitlines() == [
        "fuzzing: 600/4,000 cases, 1,200 a minute, 30 s",
        "fuzzing: 1,200/4,000 cases, 1,200 a minute, 1 min 0 s",
        "fuzzing: 1,800/4,000 cases, 1,200 a minute, 1 min 30 s",
        "fuzzing: 2,000/4,000 cases, 1,200 a minute, 1 min 40 s",
    ]
    assert LINE_EVERY_S == 30


def test_what_was_there_before_counts_but_not_for_the_pace(clock: Clock) -> None:
    console, text = screen(is_terminal=False)
    with LongRun("a plan", 30, "cells", done=20, is_silent=False, screen=console, clock=clock) as run:
        clock.now = 7_320.0
        run.tell(24)
    assert text.getvalue().splitlines()[-1] == "a plan: 24/30 cells, 2 an hour, 2 h 2 min"


def test_a_run_with_nothing_to_do_has_no_pace(clock: Clock) -> None:
    console, text = screen(is_terminal=False)
    with LongRun("a plan", 30, "cells", done=30, is_silent=False, screen=console, clock=clock):
        pass
    assert text.getvalue() == "a plan: 30/30 cells, 0 s\n"


def test_an_error_in_the_middle_leaves_a_line_of_how_far_it_came(clock: Clock) -> None:
    console, text = screen(is_terminal=False)

    def stopped() -> None:
        with LongRun("hunting", 9, "bugs", is_silent=False, screen=console, clock=clock) as run:
            clock.now = 6.0
            run.tell(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert text.getvalue() == "hunting: 3/9 bugs, 30 a minute, 6 s\n"


def test_a_terminal_has_a_bar_that_is_gone_at_the_end(clock: Clock) -> None:
    console, text = screen(is_terminal=True)
    with LongRun("hunting", 9, "bugs", is_silent=False, screen=console, clock=clock) as run:
        clock.now = 6.0
        run.tell(3, at="cut-is-minimum")
    shown = text.getvalue()
    assert "hunting cut-is-minimum" in shown
    assert "3/9 bugs, 30 a minute" in shown
    assert "\x1b[2K" in shown, "the bar's line is wiped"
    assert "hunting:" not in shown


@pytest.mark.parametrize("is_terminal", [True, False])
def test_machines_are_told_nothing(clock: Clock, is_terminal: bool) -> None:
    console, text = screen(is_terminal=is_terminal)
    with LongRun("hunting", 9, "bugs", is_silent=True, screen=console, clock=clock) as run:
        clock.now = 100.0
        run.tell(3)
    assert text.getvalue() == ""

"""SimPy's environment with a clock of int microseconds, and calls at a time that cost no event object.

An entry of SimPy's queue is (time, priority, number, event). A call is an entry whose event is just a
(function, argument) pair, numbered and ordered among SimPy's own as a Timeout made at the same moment.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL, URGENT, Event


def _stop(_: Any) -> None:
    """What stands at the end of a run. One that an error cut short leaves it behind, with nothing to do."""


class Clock(simpy.Environment):
    """`_now` is an int as long as every delay is one; hot paths read it without the property's call."""

    _now: int
    _queue: list[Any]

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def now(self) -> int:
        """Microseconds of true simulated time."""
        return self._now

    def call_at(
        self, at_us: int, function: Callable[[Any], None], argument: Any, priority: int = NORMAL
    ) -> None:
        """Call function(argument) at `at_us`, which is not past; it cannot be called off.

        Of what is due at one instant, the lower priority comes first: NORMAL, then what is above it.
        """
        heappush(self._queue, (at_us, priority, next(self._eid), (function, argument)))

    def step(self) -> None:
        """The next call, or whatever SimPy does for its next event."""
        queue = self._queue
        if queue and type(queue[0][3]) is tuple:
            self._now, _, _, (function, argument) = heappop(queue)
            function(argument)
        else:
            super().step()

    def run(self, until: Any = None) -> Any:
        """As SimPy's, which serves all but a plain time; there this loop does the same with fewer calls.

        What is due at `until` itself is left for the next run.
        """
        if until is None or isinstance(until, Event):
            return super().run(until)
        if until <= self._now:
            raise ValueError(f"until ({until}) must be greater than the current simulation time")
        queue = self._queue
        end = (_stop, None)
        heappush(queue, (until, URGENT, next(self._eid), end))
        while True:
            entry = heappop(queue)
            event = entry[3]
            if type(event) is not tuple:
                heappush(queue, entry)
                super().step()
                continue
            self._now = entry[0]
            if event is end:
                return None
            event[0](event[1])

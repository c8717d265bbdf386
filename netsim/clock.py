"""SimPy's environment with a clock of int microseconds."""

import simpy


class Clock(simpy.Environment):
    """`_now` is an int as long as every delay is one; hot paths read it without the property's call."""

    _now: int

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def now(self) -> int:
        """Microseconds of true simulated time."""
        return self._now

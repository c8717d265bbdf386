"""The three ways in which something can be wrong, by who has to mend it."""


class RollbackError(Exception):
    """Base of every error that the core raises."""


class UsageError(RollbackError):
    """The caller broke the contract of a door: raised at once, nothing has changed."""


class WireError(RollbackError):
    """A datagram is not one of ours. The session catches and counts it; state is untouched."""


class SimulationError(RollbackError):
    """The game raised inside reset, step, save, load or encode; `frame` says where it stood."""

    def __init__(self, frame: int, message: str) -> None:
        super().__init__(f"frame {frame}: {message}")
        self.frame = frame

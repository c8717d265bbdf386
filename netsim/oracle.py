"""What an oracle is: a law, a count of how often it was put to the test, and the first violation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netsim.host import Host
from rollback_core.events import CommittedFrame, Event


@dataclass(frozen=True, slots=True)
class Violation:
    """The first bad frame and what was wrong with it; -1 where a number does not apply."""

    frame: int
    player: int
    peer: int
    message: str

    def as_table(self) -> dict[str, Any]:
        place = {"frame": self.frame, "player": self.player, "peer": self.peer}
        return {name: None if value < 0 else value for name, value in place.items()} | {
            "message": self.message
        }


class Oracle:
    """One law. Subclasses say it in their docstring's first line and override what they watch.

    `checks` counts comparisons made, so that a vacuous pass is visible. `room` is how near it came to be
    broken, for laws that state a bound: the least that was left of it, in `unit`.
    """

    id = ""
    name = ""
    unit = ""
    applies = True  # to this run; what does not is not asked again
    stands_lies = False  # holds at each honest peer, whatever another member says

    def __init__(self) -> None:
        self.checks = 0
        self.violation: Violation | None = None
        self.room: int | None = None

    @classmethod
    def law(cls) -> str:
        return (cls.__doc__ or "").strip().splitlines()[0]

    def fail(self, message: str, *, frame: int = -1, player: int = -1, peer: int = -1) -> None:
        """Note a violation; the first one stays."""
        if self.violation is None:
            self.violation = Violation(frame, player, peer, message)

    def note_room(self, room: int) -> None:
        """So much was left of the bound just now."""
        if self.room is None or room < self.room:
            self.room = room

    def as_table(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "law": self.law(),
            "ok": self.violation is None,
            "checks": self.checks,
            "room": self.room,
            "unit": self.unit,
            "violation": self.violation.as_table() if self.violation else None,
        }

    def before_tick(self, host: Host) -> None:
        """A tick of this host is about to happen."""

    def after_tick(self, host: Host, played: int) -> None:
        """A tick of this host has returned, having played so many new frames."""

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        """The host's peer has exposed this frame as committed."""

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        """`committed` for frames in a row; a law may compare them at once, and look closer if they differ."""
        for frame in frames:
            self.committed(host, frame)

    def event(self, host: Host, event: Event) -> None:
        """The host's peer has told this."""

    def finish(self) -> None:
        """The run is over."""

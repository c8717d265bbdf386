"""Tables from events: the shared one, equal on all peers, and the local one, true for one peer.

The recorder sees only what the session has committed, so a row is written once and never taken
back. Rows wait here until the host takes them; nothing grows that the host does not let grow.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from rollback_core.events import CommittedFrame, RolledBack
from rollback_core.simulation import GameSpec


def shared_header(spec: GameSpec) -> tuple[str, ...]:
    """Column names of the shared table."""
    agents = spec.agents
    return (
        "frame",
        "episode",
        "t",
        *(f"actions.{agent}" for agent in agents),
        *(f"rewards.{agent}" for agent in agents),
        *(f"terminateds.{agent}" for agent in agents),
        *(f"truncateds.{agent}" for agent in agents),
        *(f"infos.{agent}.{key}" for agent in agents for key in spec.info_keys),
        *(f"isFocused.{agent}" for agent in agents),
    )


def local_header(spec: GameSpec) -> tuple[str, ...]:
    """Column names of the local table."""
    speculative = (f"wasSpeculative.{agent}" for agent in spec.agents)
    return ("frame", "episode", "t", *speculative, "rollbacks", "presentedAtUs", "path")


def shared_row(frame: CommittedFrame) -> tuple[Any, ...] | None:
    """The shared row of a committed frame; None for a freeze frame."""
    outcome = frame.outcome
    if outcome is None:
        return None
    episode, t, actions, rewards, terminateds, truncateds, infos, _ = outcome
    mask = frame.focus_mask
    cells: list[Any] = [frame.frame, episode, t, *actions, *rewards, *terminateds, *truncateds]
    for values in infos:
        cells.extend(values)
    cells.extend([bool(mask >> player & 1) for player in range(len(actions))])
    return tuple(cells)


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV lines by RFC 4180, with "\\n": bools as true/false, None empty, floats as repr."""
    return "".join([",".join([_cell(value) for value in row]) + "\n" for row in rows])


def _cell(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return ""
    text = value if type(value) is str else repr(value)
    if any(mark in text for mark in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


class Recorder:
    """One peer's tables; `take_shared` and `take_local` hand rows out in order, each once."""

    __slots__ = (
        "_expected",
        "_local",
        "_marks",
        "_players",
        "_presented",
        "_shared",
        "path",
        "pending_rollbacks",
    )

    def __init__(self, spec: GameSpec) -> None:
        self._players = len(spec.agents)
        self._shared: list[CommittedFrame] = []
        self._local: list[tuple[Sequence[CommittedFrame], dict[int, list[RolledBack]], str]] = []
        self.pending_rollbacks: dict[int, list[RolledBack]] = {}
        self._presented: dict[int, int] = {}
        self._expected = 0
        self.path = "direct"
        self._marks: dict[str, int] = {}

    def presented(self, frame: int, now_us: int) -> None:
        """The outcome of this frame was shown for the first time."""
        self._presented.setdefault(frame, now_us)

    def rolled_back(self, event: RolledBack) -> None:
        self.pending_rollbacks.setdefault(event.frame, []).append(event)

    def committed(self, frames: Sequence[CommittedFrame]) -> None:
        """Record final frames; they must follow on the ones before."""
        first = frames[0].frame
        if first != self._expected:
            raise ValueError(f"frame {first} after frame {self._expected - 1}")
        self._expected = first + len(frames)
        self._shared.extend(frames)
        rollbacks = {}
        if self.pending_rollbacks:
            for frame in range(first, self._expected):
                if frame in self.pending_rollbacks:
                    rollbacks[frame] = self.pending_rollbacks.pop(frame)
        self._local.append((frames, rollbacks, self.path))

    def mark_invalid(self, frame: int, reason: str) -> None:
        """Data from this frame on are not to be trusted; a later mark for the same reason is more exact."""
        self._marks[reason] = frame

    @property
    def invalid_from(self) -> tuple[int, str] | None:
        """The earliest (frame, reason) from which the data are not to be trusted; None: they all are."""
        return min(((frame, reason) for reason, frame in self._marks.items()), default=None)

    def take_shared(self) -> list[CommittedFrame]:
        """Committed frames since the last call, freeze frames included: rows and replay come from them."""
        frames, self._shared = self._shared, []
        return frames

    def take_local(self) -> list[tuple[Any, ...]]:
        """Rows of the local table since the last call."""
        batches, self._local = self._local, []
        rows = []
        for frames, rollbacks, path in batches:
            for frame in frames:
                presented = self._presented.pop(frame.frame, None)
                if frame.outcome is not None:
                    rows.append(self._local_row(frame, presented, rollbacks.get(frame.frame, ()), path))
        return rows

    def _local_row(
        self, frame: CommittedFrame, presented: int | None, rollbacks: Sequence[RolledBack], path: str
    ) -> tuple[Any, ...]:
        outcome = frame.outcome
        assert outcome is not None
        mask = frame.speculative_mask
        told = ";".join(f"{r.depth}:{r.player}:{r.predicted}:{r.actual}" for r in rollbacks)
        speculative = [bool(mask >> player & 1) for player in range(self._players)]
        return (frame.frame, outcome.episode, outcome.t, *speculative, told, presented, path)


def first_row_difference(text: str, longest: str) -> str | None:
    """Where a table's text is not a prefix, in whole rows, of another's; both begin with the header."""
    if longest.startswith(text) and text.endswith("\n"):
        return None
    header = longest.split("\n", 1)[0].split(",")
    for left, right in zip(text.splitlines(), longest.splitlines(), strict=False):
        if left != right:
            cells = zip(header, left.split(","), right.split(","), strict=False)
            column, a, b = next(((c, a, b) for c, a, b in cells if a != b), ("row", left, right))
            return f"frame {left.split(',')[0]}, {column}: {a} ≠ {b}"
    return "the tables have different lengths"

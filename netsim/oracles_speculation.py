"""Speculation: frames played on guessed inputs are mended exactly when they must be, and noted as guessed."""

from typing import Any

from netsim.host import Host
from netsim.oracle import Oracle
from rollback_core.events import CommittedFrame, Event, RolledBack


class Mispredictions(Oracle):
    """A tick rolls back exactly to the first frame played on an input that is known to be wrong.

    Within the window, no deeper than that frame, and never otherwise; when it returns, every known
    input is the one used. What is told of the rollback is what was wrong.
    """

    id = "O5-O8"
    name = "rollbacks"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        self.minimum: dict[int, int] = {}
        # By peer and incarnation: what may be told of the rollback of its last tick.
        self._due: dict[tuple[int, int], list[RolledBack]] = {}
        self._checked: dict[tuple[int, int], list[int]] = {}
        self._first_wrong = -1
        self._current = 0
        self._was_running = False
        self._rollbacks = 0
        self._resimulated = 0

    def before_tick(self, host: Host) -> None:
        session = host.peer.session
        match = session.match
        self._was_running = session.life.is_running
        self._current = match.timeline.current
        self._rollbacks = match.rollbacks
        self._resimulated = match.resimulated
        first_wrong = self._first_wrong = self._scan(host, match, self._current)
        if first_wrong >= 0:
            self._due[host.index, host.incarnation] = self._tellable(match, first_wrong)

    def after_tick(self, host: Host, played: int) -> None:
        if not self._was_running:
            return  # nothing is played or mended any more
        session = host.peer.session
        match = session.match
        rollbacks = match.rollbacks - self._rollbacks
        frames = match.resimulated - self._resimulated
        first_wrong = self._first_wrong
        self.checks += 1
        if first_wrong >= 0 or rollbacks:
            expected = 0 if first_wrong < 0 else self._current - first_wrong
            if expected:
                self.minimum[host.index] = self.minimum.get(host.index, 0) + expected
            if not rollbacks and not session.life.is_running:
                return  # it ended in this very wake; what is not committed is of no consequence now
            if rollbacks != (expected > 0) or frames != expected:
                self.fail(
                    f"{rollbacks} rollbacks of {frames} frames; {expected} frames were wrong",
                    frame=first_wrong if expected else self._current,
                    peer=host.index,
                )
            if frames > match.window:
                self.fail(
                    f"rollback of {frames} frames, window {match.window}",
                    frame=self._current,
                    peer=host.index,
                )
        current = match.timeline.current
        wrong = self._scan(host, match, current)
        if wrong >= 0:
            self.fail("a known input differs from the one used", frame=wrong, peer=host.index)
        self._checked[host.index, host.incarnation] = [
            queue.end if queue.end < current else current for queue in match.queues
        ]

    def event(self, host: Host, event: Event) -> None:
        if type(event) is not RolledBack:
            return
        self.checks += 1
        key = (host.index, host.incarnation)
        due = self._due.pop(key, None)
        if due is None and self._may_end_with(event, host, self._checked.get(key, [0])):
            return
        if due is None or event not in due:
            right = [tuple(each) for each in due or ()]
            self.fail(f"{tuple(event)} is told, {right} was due", frame=event.frame, peer=host.index)

    def _may_end_with(self, event: RolledBack, host: Host, checked: list[int]) -> bool:
        """This may be the rollback with which an end, outside a tick, plays up to what is confirmed.

        Which of its frames were wrong cannot be said any more: what they were played on is overwritten.
        """
        session = host.peer.session
        match = session.match
        timeline = match.timeline
        frame, depth, player, predicted, actual = event
        current = max(checked)  # a peer's own inputs are known up to the frame that it plays next
        return (
            not session.life.is_running
            and checked[player] <= frame
            and depth == current - frame <= match.window
            and predicted != actual
            and (frame < timeline.base or timeline.used[frame - timeline.base][player] == actual)
        )

    def _tellable(self, match: Any, first: int) -> list[RolledBack]:
        """What may be told of a rollback to this frame: of each player whose input was not the one used."""
        depth = self._current - first
        used = match.timeline.used[first - match.timeline.base]
        return [
            RolledBack(first, depth, player, used[player], queue.actions[first - queue.base])
            for player, queue in enumerate(match.queues)
            if queue.end > first and used[player] != queue.actions[first - queue.base]
        ]

    def _scan(self, host: Host, match: Any, current: int) -> int:
        """The first frame whose known input is not the one used, -1 if none; looks at news only."""
        checked = self._checked.get((host.index, host.incarnation))
        if checked is None:
            checked = [0] * len(match.queues)
        timeline = match.timeline
        base = timeline.base
        used = timeline.used
        wrong = -1
        player = 0
        for queue in match.queues:
            stop = queue.end
            if stop > current:
                stop = current
            start = checked[player]
            if start < stop:
                if start < base:
                    start = base
                if start < queue.base:
                    start = queue.base
                actions = queue.actions
                shift = queue.base
                for frame in range(start, stop):
                    if used[frame - base][player] != actions[frame - shift]:
                        if wrong < 0 or frame < wrong:
                            wrong = frame
                        break
            player += 1
        return wrong


class SpeculationNotes(Oracle):
    """was_speculative is true exactly for players whose input was unknown when the frame was stepped."""

    id = "A11"
    name = "speculation notes"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        self._current = 0
        self._expected: dict[tuple[int, int], dict[int, int]] = {}

    def before_tick(self, host: Host) -> None:
        self._current = host.peer.session.match.timeline.current

    def after_tick(self, host: Host, played: int) -> None:
        match = host.peer.session.match
        current = match.timeline.current
        if current == self._current:
            return
        notes = self._expected.setdefault((host.index, host.incarnation), {})
        for frame in range(self._current, current):
            mask = 0
            bit = 1
            for queue in match.queues:
                if queue.end <= frame:
                    mask |= bit
                bit += bit
            notes[frame] = mask

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        notes = self._expected.get((host.index, host.incarnation), {})
        expected = notes.pop(frame.frame, 0)  # or stepped outside a tick, at the end, on confirmed inputs
        self.checks += 1
        if expected != frame.speculative_mask:
            self.fail(
                f"mask {frame.speculative_mask:b}, was {expected:b}", frame=frame.frame, peer=host.index
            )

"""Safety: what must hold on every frame, whatever the network does."""

from collections.abc import Sequence
from typing import Any

from netsim.host import Host
from netsim.ledger import Ledger
from netsim.oracle import Oracle
from rollback_core.checksum import explain, frame_bytes
from rollback_core.episodes import Episodes
from rollback_core.events import (
    CommittedFrame,
    Event,
    PlayersLeft,
)


class PrefixAgreement(Oracle):
    """All peers hold the same inputs, focus and status for every frame that any two have committed."""

    id = "O1"
    name = "prefix agreement"

    def __init__(self) -> None:
        super().__init__()
        self.truth: list[tuple[tuple[int, ...], int, int]] = []

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        first = frames[0].frame
        mine = [(actions, focus, left) for _, actions, focus, _, left, _ in frames]
        known = self.truth[first : first + len(mine)]
        if first <= len(self.truth) and known == mine[: len(known)]:
            self.checks += len(known)
            self.truth += mine[len(known) :]
        else:
            super().committed_all(host, frames)

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        mine = (frame.actions, frame.focus_mask, frame.left_mask)
        if frame.frame >= len(self.truth):
            self.truth.append(mine)
            return
        self.checks += 1
        if self.truth[frame.frame] != mine:
            self.fail(
                f"inputs (actions, focus, left) {mine}, another peer has {self.truth[frame.frame]}",
                frame=frame.frame,
                peer=host.index,
            )


class Provenance(Oracle):
    """A committed input is what that player's application submitted, or a fill that the ledger explains."""

    id = "O2"
    name = "provenance"

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        self._found: list[tuple[tuple[int, ...], int, int]] = []  # by frame, what was found to be submitted

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        first = frames[0].frame
        mine = [(actions, focus, left) for _, actions, focus, _, left, _ in frames]
        if mine == self._found[first : first + len(mine)]:
            # Another peer's very same inputs were; what has been submitted stays so.
            self.checks += len(mine) * len(frames[0].actions)
            return
        inputs = self._ledger.inputs
        is_plain = not any(left for _, _, left in mine)
        for player in range(len(inputs)):
            mine_of_player = [(actions[player], focus >> player & 1 == 1) for actions, focus, _ in mine]
            if mine_of_player != inputs[player][first : first + len(mine)]:
                is_plain = False
        if is_plain:
            self.checks += len(mine) * len(inputs)
        else:
            super().committed_all(host, frames)
        if self.violation is None and first <= len(self._found):
            self._found[first:] = mine

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        ledger = self._ledger
        number = frame.frame
        for player, action in enumerate(frame.actions):
            self.checks += 1
            focused = bool(frame.focus_mask >> player & 1)
            if frame.left_mask >> player & 1:
                expected = (ledger.ready_action, False)
            elif number < len(ledger.inputs[player]):
                expected = ledger.inputs[player][number]
            else:
                self.fail("committed but never submitted", frame=number, player=player, peer=host.index)
                return
            if (action, focused) != expected:
                self.fail(
                    f"action, focused = {action}, {focused}; submitted was {expected}",
                    frame=number,
                    player=player,
                    peer=host.index,
                )

    def finish(self) -> None:
        for message in self._ledger.unexplained[:1]:
            self.fail(message)


class Reference(Oracle):
    """Replaying the inputs through a fresh game, without a network, gives each peer's states and rows.

    Where the scenario makes a peer diverge, its wrong frames are noted instead.
    """

    id = "O3"
    name = "reference"

    def __init__(self, fresh: Episodes, diverging: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self._game = fresh
        self.wrong: dict[int, list[int]] = {peer: [] for peer in diverging}  # frames, whose state or row is
        self.first_wrong_row: dict[int, int] = {}
        self._states: list[Any] = [fresh.save_state()]
        self._outcomes: list[Any] = []

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        first = frames[0].frame
        stop = first + len(frames)
        if first <= len(self._outcomes) < stop:
            for frame in frames[len(self._outcomes) - first :]:
                self._play(frame)
        timeline = host.peer.session.match.timeline
        start = first - timeline.base
        try:
            is_equal = (
                start >= 0
                and [frame.outcome for frame in frames] == self._outcomes[first:stop]
                and timeline.states[start : start + len(frames)] == self._states[first:stop]
            )
        except ValueError:  # numpy will not say whether arrays are equal
            is_equal = False
        if is_equal:
            self.checks += len(frames)
        else:
            super().committed_all(host, frames)

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        number = frame.frame
        if number == len(self._outcomes):
            self._play(frame)
        self.checks += 1
        if frame.outcome != self._outcomes[number]:
            mine = frame_bytes(b"", frame)
            field, left, right = explain(
                mine, frame_bytes(b"", frame._replace(outcome=self._outcomes[number]))
            )
            self._differs(f"{field} is {left!r}, the replay has {right!r}", number, host)
            if host.index in self.wrong:
                self.first_wrong_row.setdefault(host.index, number)
                return
        timeline = host.peer.session.match.timeline
        if number >= timeline.base and not self._is_equal(timeline.state(number), self._states[number]):
            encode = self._game.encode_state
            mine = frame_bytes(encode(timeline.state(number)), frame)
            field, left, right = explain(mine, frame_bytes(encode(self._states[number]), frame))
            self._differs(f"{field} is {left!r}, the replay has {right!r}", number, host)

    def _differs(self, message: str, frame: int, host: Host) -> None:
        if host.index in self.wrong:
            self.wrong[host.index].append(frame)
        else:
            self.fail(message, frame=frame, peer=host.index)

    def _play(self, frame: CommittedFrame) -> None:
        """The next frame, step and save one after the other: not by the loop that the peers use."""
        self._outcomes.append(self._game.step(frame.actions))
        self._states.append(self._game.save_state())

    def _is_equal(self, left: Any, right: Any) -> bool:
        """By value where snapshots are plain; those of third-party games may need their bytes."""
        try:
            if left == right:
                return True
        except ValueError:  # numpy will not say whether arrays are equal
            pass
        return self._game.encode_state(left) == self._game.encode_state(right)


class Immutability(Oracle):
    """Committed frames come once, in order, without a gap; neither frontier goes back."""

    id = "O4"
    name = "immutability"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        self._frontiers: dict[tuple[int, int], tuple[int, int]] = {}
        self._next: dict[tuple[int, int], int] = {}

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        key = (host.index, host.incarnation)
        expected = self._next.get(key, 0)
        stop = expected + len(frames)
        if [frame[0] for frame in frames] == list(range(expected, stop)):
            self.checks += len(frames)
            self._next[key] = stop
        else:
            super().committed_all(host, frames)

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        key = (host.index, host.incarnation)
        expected = self._next.get(key, 0)
        self.checks += 1
        if frame.frame != expected:
            self.fail(f"committed after frame {expected - 1}", frame=frame.frame, peer=host.index)
        self._next[key] = frame.frame + 1

    def after_tick(self, host: Host, played: int) -> None:
        key = (host.index, host.incarnation)
        match = host.peer.session.match
        now = (match.confirmed, match.committed)
        before = self._frontiers.get(key, (-1, -1))
        self._frontiers[key] = now
        if now[0] < before[0] or now[1] < before[1]:
            self.fail(f"confirmed, committed went back from {before} to {now}", peer=host.index)
        if now[1] > now[0]:
            self.fail(f"committed frame {now[1]} is past confirmed {now[0]}", frame=now[1], peer=host.index)


class Mispredictions(Oracle):
    """A tick rolls back exactly to the first frame played on an input that is known to be wrong.

    Within the window, no deeper than that frame, and never otherwise; when it returns, every known
    input is the one used.
    """

    id = "O5-O8"
    name = "rollbacks"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        self.rollbacks: dict[int, int] = {}
        self.minimum: dict[int, int] = {}
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
        self._first_wrong = self._scan(host, match, self._current)

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
                self.rollbacks[host.index] = self.rollbacks.get(host.index, 0) + 1
                self.minimum[host.index] = self.minimum.get(host.index, 0) + expected
            if not rollbacks and not session.life.is_running:
                return  # it ended in this very wake; what is not committed is of no consequence now
            if rollbacks != (expected > 0) or frames != expected:
                self.fail(
                    f"{rollbacks} rollbacks of {frames} frames; {expected} frames were wrong",
                    frame=first_wrong if expected else self._current,
                    peer=host.index,
                )
            if frames > match.window and not match.left:
                self.fail(f"rollback of {frames} frames, window {match.window}", frame=self._current)
        current = match.timeline.current
        wrong = self._scan(host, match, current)
        if wrong >= 0:
            self.fail("a known input differs from the one used", frame=wrong, peer=host.index)
        self._checked[host.index, host.incarnation] = [
            queue.end if queue.end < current else current for queue in match.queues
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
        expected = notes.pop(frame.frame, None)
        if expected is None:
            return  # stepped while the session ended, on confirmed inputs
        self.checks += 1
        if expected != frame.speculative_mask:
            self.fail(
                f"mask {frame.speculative_mask:b}, was {expected:b}", frame=frame.frame, peer=host.index
            )


class DropAgreement(Oracle):
    """Survivors agree on who left and where they are cut, never below what anyone has committed.

    A peer that was away may decide, by old votes, a view that nobody else enters: it commits nothing in it.
    """

    id = "O13"
    name = "drop agreement"

    def __init__(self) -> None:
        super().__init__()
        self._cuts: dict[tuple[int, tuple[int, ...]], tuple[int, ...]] = {}
        self._committed = -1
        self._alone: dict[int, str] = {}  # by peer: what would be wrong if it went on in its view

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        if host.index in self._alone:
            self.fail(self._alone[host.index], frame=frame.frame, peer=host.index)
        self._committed = max(self._committed, frame.frame)

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        self.committed(host, frames[-1])

    def event(self, host: Host, event: Event) -> None:
        if not isinstance(event, PlayersLeft):
            return
        self.checks += 1
        key = (host.peer.session.epoch, event.players)
        if key not in self._cuts:
            self._cuts[key] = event.cuts
            # The first to decide: nothing past the cut can have been committed by anyone yet.
            if event.cuts and min(event.cuts) <= self._committed:
                self._alone[host.index] = (
                    f"players {event.players} cut at {event.cuts}, frame {self._committed} is committed"
                )
        elif self._cuts[key] != event.cuts:
            self._alone[host.index] = (
                f"players {event.players} cut at {event.cuts}, others say {self._cuts[key]}"
            )

"""Safety: what must hold on every frame, whatever the network does."""

import marshal
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from netsim.host import Host
from netsim.ledger import Ledger
from netsim.oracle import Oracle
from netsim.wrong_game import WrongGame
from rollback_core.checksum import explain, frame_bytes
from rollback_core.episodes import Episodes
from rollback_core.events import (
    CommittedFrame,
    Event,
    FrameOutcome,
    PlayersLeft,
    RolledBack,
)

_View: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]  # who has left, and where they are cut
BY_VALUE: Final = 2  # the last version of marshal that writes no references: the same values, the same bytes


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

    Bit for bit: 1, 1.0 and True are three values, 0.0 and -0.0 two. Where the scenario makes a peer diverge,
    its wrong frames are noted instead, from the first that the divergence can have touched.
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
        self._batch = (0, 0)  # the frames of `_bits`: peers mostly commit the same ones together
        self._bits = b""

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        first = frames[0].frame
        stop = first + len(frames)
        if first <= len(self._outcomes) < stop:
            for frame in frames[len(self._outcomes) - first :]:
                self._play(frame)
        if self._batch != (first, stop):
            self._batch = (first, stop)
            self._bits = _bits(self._states[first:stop], self._outcomes[first:stop])
        timeline = host.peer.session.match.timeline
        start = first - timeline.base
        mine = b""
        if start >= 0:
            states = timeline.states[start : start + len(frames)]
            mine = _bits(states, [frame.outcome for frame in frames])
        if mine and mine == self._bits:
            self.checks += len(frames)
        else:
            super().committed_all(host, frames)

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        number = frame.frame
        if number == len(self._outcomes):
            self._play(frame)
        outcome = self._outcomes[number]
        bits = _bits((None,), (frame.outcome,))
        if not bits or bits != _bits((None,), (outcome,)):
            mine, right = frame_bytes(b"", frame), frame_bytes(b"", frame._replace(outcome=outcome))
            if mine != right:
                self._differs(mine, right, number, host)
                if host.index in self.wrong:
                    self.first_wrong_row.setdefault(host.index, number)
                    return
        timeline = host.peer.session.match.timeline
        if number < timeline.base:
            return  # forgotten in the tick that committed it: its row is all there is to compare
        self.checks += 1
        encode = self._game.encode_state
        mine, right = encode(timeline.state(number)), encode(self._states[number])
        if mine != right:
            self._differs(frame_bytes(mine, frame), frame_bytes(right, frame), number, host)

    def _differs(self, mine: bytes, right: bytes, frame: int, host: Host) -> None:
        game = host.peer.game.game
        if isinstance(game, WrongGame) and frame >= game.may_differ_from:
            self.wrong[host.index].append(frame)
        else:
            field, here, there = explain(mine, right)
            self.fail(f"{field} is {here!r}, the replay has {there!r}", frame=frame, peer=host.index)

    def _play(self, frame: CommittedFrame) -> None:
        """The next frame, alone: by the peers' code, but in no batch, and nothing is ever rolled back."""
        self._outcomes.append(self._game.step(frame.actions))
        self._states.append(self._game.save_state())


def _bits(states: Sequence[Any], outcomes: Sequence[FrameOutcome | None]) -> bytes:
    """The bits of these outcomes and of the states before them; b"" where a game's values are not plain."""
    plain = [(state, outcome and (*outcome,)) for state, outcome in zip(states, outcomes, strict=True)]
    try:
        return marshal.dumps(plain, BY_VALUE)
    except ValueError:
        return b""


class Immutability(Oracle):
    """Committed frames come once, in order, and are never rolled back; neither frontier goes back."""

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

    def event(self, host: Host, event: Event) -> None:
        if type(event) is RolledBack:
            self.checks += 1
            committed = self._next.get((host.index, host.incarnation), 0) - 1
            if event.frame <= committed:
                self.fail(f"rolled back, frame {committed} is committed", frame=event.frame, peer=host.index)

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


class DropAgreement(Oracle):
    """Survivors agree on who left and where they are cut, never below what anyone has committed.

    A peer that was away may decide, by old votes, a view that nobody else enters: it commits nothing in it.
    """

    id = "O13"
    name = "drop agreement"

    def __init__(self) -> None:
        super().__init__()
        self._entered: dict[tuple[int, int], list[_View]] = {}  # by peer and incarnation, in order
        self._decided: list[list[_View]] = []  # by epoch, without repetition
        self._going_on: dict[int, _View] = {}  # by epoch: the view in which somebody has committed
        self._below: dict[tuple[int, _View], str] = {}  # what is wrong with a view if anyone goes on in it
        self._committed = -1

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        for epoch, view in enumerate(self._entered.get((host.index, host.incarnation), ())):
            going_on = self._going_on.setdefault(epoch, view)
            problem = self._below.get((epoch, view), "")
            if going_on != view:
                problem = f"{_told(view)}, others go on with {_told(going_on)}"
            if problem:
                self.fail(problem, frame=frame.frame, peer=host.index)
        self._committed = max(self._committed, frame.frame)

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        self.committed(host, frames[-1])

    def event(self, host: Host, event: Event) -> None:
        if not isinstance(event, PlayersLeft):
            return
        # Counted here, as two views may be entered before the host hears of the first.
        entered = self._entered.setdefault((host.index, host.incarnation), [])
        epoch = len(entered)
        view = (event.players, event.cuts)
        entered.append(view)
        if epoch == len(self._decided):
            self._decided.append([])
        decided = self._decided[epoch]
        self.checks += bool(decided)
        if view not in decided:
            decided.append(view)
            # The first to decide so: nothing past the cut can have been committed by anyone yet.
            if event.cuts and min(event.cuts) <= self._committed:
                self._below[epoch, view] = f"{_told(view)}, frame {self._committed} is committed"


def _told(view: _View) -> str:
    players, cuts = view
    return f"players {players} cut at {cuts}"

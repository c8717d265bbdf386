"""One match as one peer plays it: everyone's inputs, the simulated past, the two frontiers.

Knows nothing of the network. Inputs come in by player and frame; a wrong prediction is noted when
the input comes and mended once, at the next `correct`. Confirmed: all players' inputs are known
here. Committed: every member knows them, so they may leave. Neither frontier goes back.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import Final

from rollback_core.episodes import FINISHED, PLAYING, Episodes, new_outcome
from rollback_core.errors import UsageError, WireError
from rollback_core.events import MATCH_ENDS, CommittedFrame, EndReason, RolledBack
from rollback_core.frame import NO_FRAME
from rollback_core.input_queue import InputQueue
from rollback_core.messages import Run
from rollback_core.predictor import Guesses
from rollback_core.timeline import Timeline, plan

# As in episodes: for every committed frame.
_new_committed: Final = partial(tuple.__new__, CommittedFrame)

NOTHING_WRONG: Final = 1 << 62
MAX_AHEAD_FRAMES: Final = 512  # twice what two windows and two delays allow a partner to be ahead
FILL_AHEAD: Final = 128  # inputs of players who left are kept this far ahead; beats any window
MAX_UNCOMMITTED: Final = 128  # frames, and two windows; honest partners allow two windows and two delays


class Match:
    """Inputs, timeline and frontiers. `window` is set when the handshake has agreed on it."""

    __slots__ = (
        "_all_focused",
        "_cause",
        "_focus_timeout",
        "_kept",
        "_left",
        "_local",
        "_sources",
        "_unfocused",
        "committed",
        "confirmed",
        "end_player",
        "end_reason",
        "first_incorrect",
        "queues",
        "resimulated",
        "rollbacks",
        "timeline",
        "window",
    )

    def __init__(
        self,
        game: Episodes,
        *,
        players: int,
        local: Sequence[int],
        window: int,
        focus_timeout_frames: int,
        guesses: Guesses,
    ) -> None:
        neutral = game.game.spec.neutral_action
        self.timeline = Timeline(game)
        self.queues = [InputQueue(neutral) for _ in range(players)]
        self.window = window
        self.confirmed: int = NO_FRAME
        self.committed: int = NO_FRAME
        self.first_incorrect = NOTHING_WRONG
        self.rollbacks = 0
        self.resimulated = 0
        self.end_reason: EndReason | None = None
        self.end_player: int | None = None
        self._cause = (0, 0, 0)
        self._local = tuple(local)
        # What a frame's row is made of: a player's inputs, what it is assumed to do, its bit in masks.
        self._sources = [(queue, guesses[player], 1 << player) for player, queue in enumerate(self.queues)]
        self._focus_timeout = focus_timeout_frames
        self._all_focused = (1 << players) - 1
        self._unfocused: list[int] = []  # consecutive unfocused frames by player; empty: none
        self._left: dict[int, int] = {}  # player -> cut
        self._kept: list[CommittedFrame] = []  # committed frames whose states are kept, to name a desync

    # Inputs.

    def add_local(self, actions: Sequence[int], focused: bool, delay: int) -> bool:
        """Queue the local players' inputs for frame current + delay.

        After an increase of the delay the gap is filled with the last input; after a decrease the
        frame is already taken and the input is dropped: False.
        """
        target = self.timeline.current + delay
        queues = self.queues
        for index, player in enumerate(self._local):
            queue = queues[player]
            end = queue.end
            if end > target:
                return False
            while end < target:
                queue.append(queue.last_action, queue.last_focused)
                end += 1
            queue.append(actions[index], focused)
        return True

    def check_range(self, player: int, first: int, count: int) -> None:
        """WireError unless these frames may follow what is known of the player."""
        if first > self.queues[player].end:
            raise WireError(f"inputs from frame {first}, but known only up to {self.queues[player].end}")
        if first + count > self.timeline.current + MAX_AHEAD_FRAMES:
            raise WireError(f"inputs up to frame {first + count}, at frame {self.timeline.current}")

    def add_remote(self, player: int, first: int, runs: Iterable[Run]) -> None:
        """Take in inputs from `first` on, checked by `check_range`; what is known already is skipped."""
        queue = self.queues[player]
        for length, action, focused in runs:
            first += length
            if first > queue.end:
                self.extend(player, action, focused, first)

    def extend(self, player: int, action: int, focused: bool, stop: int) -> None:
        """The player does this from its first unknown frame up to `stop`; a wrong guess is noted."""
        queue = self.queues[player]
        timeline = self.timeline
        end = queue.end
        if end < timeline.current:
            base = timeline.base
            for used in timeline.used[end - base : stop - base]:
                predicted = used[player]
                if predicted != action and end < self.first_incorrect:
                    self.first_incorrect = end
                    self._cause = (player, predicted, action)
                end += 1
        queue.extend(action, focused, stop)

    def held(self, player: int) -> int:
        """First frame of the player's real inputs that is not held here."""
        cut = self._left.get(player)
        end = self.queues[player].end
        return end if cut is None or end < cut else cut

    def cut(self, player: int, frame: int) -> None:
        """The player has left: from `frame` on it does nothing, once all its inputs before are held."""
        if frame < self.held(player):
            raise UsageError(f"player {player} cannot be cut at {frame}: held up to {self.held(player)}")
        self._left[player] = frame
        self.fill_left()

    def fill_left(self) -> None:
        """Keep the inputs of players who left ahead of play: READY, which in play is the neutral action.

        So the others never wait before a round for someone who is gone.
        """
        for player, cut in self._left.items():
            queue = self.queues[player]
            if queue.end >= cut:
                target = self.timeline.current + FILL_AHEAD
                if queue.end < target:
                    ready = self.timeline.game.ready_action
                    self.add_remote(player, queue.end, [(target - queue.end, ready, False)])

    @property
    def left(self) -> dict[int, int]:
        """The cut of every player who left."""
        return self._left

    def update_confirmed(self) -> int:
        """Recompute the confirmed frontier after inputs have come."""
        confirmed = self.queues[0].end
        for queue in self.queues:
            if queue.end < confirmed:
                confirmed = queue.end
        self.confirmed = confirmed - 1
        return confirmed - 1

    # Play.

    def play(self, actions: Sequence[int], delay: int) -> bool:
        """One frame of a round in one piece: queue the local actions, step what the window allows.

        The same as add_local, update_confirmed and advance one after the other, for players in focus
        whose inputs have no gap; apart only because nearly all frames are such. False is a stall.
        """
        timeline = self.timeline
        current = timeline.current
        target = current + delay
        queues = self.queues
        for player, action in zip(self._local, actions):  # noqa: B905  checked by the session
            queue = queues[player]
            if queue.end == target:
                if action == queue.last_action and queue.last_focused and queue.changes:
                    queue.actions.append(action)  # as `extend` would, for what is nearly always so
                    queue.end = target + 1
                else:
                    queue.extend(action, True, target + 1)
        row = []
        speculative = 0
        confirmed = queues[0].end
        for queue, guesses, bit in self._sources:
            end = queue.end
            if current < end:
                row.append(queue.actions[current - queue.base])
            else:
                row.append(guesses[queue.last_action])
                speculative |= bit
            if end < confirmed:
                confirmed = end
        self.confirmed = confirmed = confirmed - 1
        window = self.window
        if current > confirmed + window or current > self.committed + 2 * window + MAX_UNCOMMITTED:
            return False
        timeline.step(tuple(row), speculative)
        return True

    def correct(self) -> RolledBack:
        """Roll back to `first_incorrect`, the earliest frame stepped on a wrong prediction, and replay."""
        first = self.first_incorrect
        current = self.timeline.current
        self._execute(*plan(current, self.confirmed, self.window, first, 0))
        # Only now: if the game raised, the correction is still owed.
        self.first_incorrect = NOTHING_WRONG
        self.rollbacks += 1
        self.resimulated += current - first
        return RolledBack(first, current - first, *self._cause)

    def advance(self) -> bool:
        """Step one new frame, if the window, the phase and the end of the match allow it.

        A partner that plays on and keeps back what it has confirmed stalls us, before it fills the memory.
        """
        timeline = self.timeline
        current = timeline.current
        phase = timeline.game.phase
        if phase == FINISHED or current > self.committed + 2 * self.window + MAX_UNCOMMITTED:
            return False
        window = self.window if phase == PLAYING else 0
        load, first, stop = plan(current, self.confirmed, window, NOTHING_WRONG, 1)
        if stop == current:
            return False
        self._execute(load, first, stop)
        return True

    def _execute(self, load: int, first: int, stop: int) -> None:
        """Step the frames `first` to `stop`, on what is known and else on what is assumed."""
        speculative = 0
        columns = []
        for queue, guesses, bit in self._sources:
            base = queue.base
            known = queue.actions[first - base : stop - base]
            missing = stop - first - len(known)
            if missing > 0:
                known += [guesses[queue.last_action]] * missing
                speculative |= bit
            columns.append(known)
        self.timeline.execute(load, zip(*columns, strict=True), speculative)

    # Commit.

    def commit(self, known: int) -> list[CommittedFrame]:
        """Frames up to `known`, which every member holds, become final; the new ones are returned."""
        timeline = self.timeline
        last = timeline.current - 1
        if known < last:
            last = known
        first = self.committed + 1
        if self.end_reason is not None or first > last:
            return []
        start = first - timeline.base
        stop = last + 1 - timeline.base
        # A count of unfocused frames goes on or begins, or the frame may be there that ends it all.
        is_end_near = bool(self._unfocused) or timeline.game.phase == FINISHED
        focus_masks: Iterable[int] = repeat(self._all_focused)
        for queue in self.queues:
            if queue.last_unfocused >= first:
                focus_masks = self._focus_masks(first, last + 1)
                is_end_near = True
        left_masks: Iterable[int] = repeat(0)
        if self._left:
            left_masks = [self._left_mask(frame) for frame in range(first, last + 1)]
        columns = zip(  # noqa: B905  two of them may have no end
            range(first, last + 1),
            timeline.used[start:stop],
            focus_masks,
            timeline.speculative[start:stop],
            left_masks,
            [each if each is None else new_outcome(each) for each in timeline.outcomes[start:stop]],
        )
        result = list(map(_new_committed, columns))
        if is_end_near:
            result = self._up_to_the_end(result)
            last = result[-1].frame
        self.committed = last
        self._kept += result
        return result

    def _up_to_the_end(self, frames: list[CommittedFrame]) -> list[CommittedFrame]:
        """The frames up to the one that ends the match, if one does, with the reason noted."""
        for count, frame in enumerate(frames, 1):
            if self._focus_timeout and (frame.focus_mask != self._all_focused or self._unfocused):
                self._count_unfocused(frame.focus_mask, frame.left_mask)
            if frame.outcome is not None and frame.outcome.ends == MATCH_ENDS:
                self.end_reason = EndReason.COMPLETED
            if self.end_reason is not None:
                return frames[:count]
        return frames

    def _focus_masks(self, first: int, stop: int) -> list[int]:
        """Per frame, the players whose known input is focused."""
        masks = [self._all_focused] * (stop - first)
        for queue, _, bit in self._sources:
            at = 0
            for length, _, focused in queue.runs(first, stop):
                if not focused:
                    for index in range(at, at + length):
                        masks[index] &= ~bit
                at += length
        return masks

    def _left_mask(self, frame: int) -> int:
        return sum(1 << player for player, cut in self._left.items() if frame >= cut)

    def _count_unfocused(self, focus_mask: int, left_mask: int) -> None:
        counts = self._unfocused or [0] * len(self.queues)
        for player in range(len(counts)):
            bit = 1 << player
            counts[player] = counts[player] + 1 if not (focus_mask | left_mask) & bit else 0
            if counts[player] == self._focus_timeout and self.end_reason is None:
                self.end_reason = EndReason.FOCUS_TIMEOUT
                self.end_player = player
        self._unfocused = counts if any(counts) else []

    def kept(self, frame: int) -> CommittedFrame | None:
        """A committed frame whose state is still here."""
        if not self._kept or not self._kept[0].frame <= frame <= self._kept[-1].frame:
            return None
        if frame < self.timeline.base:
            return None
        return self._kept[frame - self._kept[0].frame]

    def forget(self, *, inputs_before: int, states_before: int) -> None:
        """Drop inputs that no partner can ask for and states that no rollback or desync can need."""
        limit = self.committed + 1
        for queue in self.queues:
            queue.forget_before(min(inputs_before, limit))
        self.timeline.forget_before(min(states_before, limit))
        if self._kept and self._kept[0].frame < self.timeline.base:
            del self._kept[: self.timeline.base - self._kept[0].frame]

"""One match as one peer plays it: everyone's inputs, the simulated past, the two frontiers.

Knows nothing of the network. Inputs come in by player and frame; a wrong prediction is noted when
the input comes and mended once, at the next `correct`. Confirmed: all players' inputs are known
here. Committed: every member knows them, so they may leave. Neither frontier goes back.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from rollback_core.episodes import FINISHED, Episodes
from rollback_core.errors import UsageError, WireError
from rollback_core.events import MATCH_ENDS, CommittedFrame, EndReason, RolledBack
from rollback_core.frame import NO_FRAME
from rollback_core.input_queue import InputQueue
from rollback_core.messages import Run
from rollback_core.predictor import Predictor
from rollback_core.timeline import TickPlan, Timeline, plan

# As in episodes: for every committed frame.
_new_committed: Final = partial(tuple.__new__, CommittedFrame)

NOTHING_WRONG: Final = 1 << 62
MAX_AHEAD_FRAMES: Final = 512  # twice what two windows and two delays allow a partner to be ahead
FILL_AHEAD: Final = 128  # inputs of players who left are kept this far ahead; beats any window


class Match:
    """Inputs, timeline and frontiers. `window` is set when the handshake has agreed on it."""

    __slots__ = (
        "_all_focused",
        "_cause",
        "_focus_timeout",
        "_kept",
        "_left",
        "_local",
        "_predict",
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
        predict: Predictor,
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
        self._predict = predict
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
        end = queue.end
        timeline = self.timeline
        current = timeline.current
        for length, action, focused in runs:
            first += length
            while end < first:
                if end < current:
                    predicted = timeline.used[end - timeline.base][player]
                    if predicted != action and end < self.first_incorrect:
                        self.first_incorrect = end
                        self._cause = (player, predicted, action)
                queue.append(action, focused)
                end += 1

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

    def correct(self) -> RolledBack:
        """Roll back to `first_incorrect`, the earliest frame stepped on a wrong prediction, and replay."""
        first = self.first_incorrect
        current = self.timeline.current
        self._execute(plan(current, self.confirmed, self.window, first, 0))
        # Only now: if the game raised, the correction is still owed.
        self.first_incorrect = NOTHING_WRONG
        self.rollbacks += 1
        self.resimulated += current - first
        return RolledBack(first, current - first, *self._cause)

    def advance(self) -> bool:
        """Step one new frame, if the window, the phase and the end of the match allow it."""
        timeline = self.timeline
        game = timeline.game
        current = timeline.current
        phase = game.phase
        if phase:
            if phase == FINISHED:
                return False
            window = 0
        else:
            window = self.window
        todo = plan(current, self.confirmed, window, NOTHING_WRONG, 1)
        if todo.stop == current:
            return False
        self._execute(todo)
        return True

    def _execute(self, todo: TickPlan) -> None:
        _, first, stop = todo
        speculative = 0
        if stop == first + 1:
            row = []
            for player, queue in enumerate(self.queues):
                if first < queue.end:
                    row.append(queue.actions[first - queue.base])
                else:
                    row.append(self._predict(player, queue.last_action))
                    speculative |= 1 << player
            self.timeline.execute(todo, (tuple(row),), speculative)
            return
        columns = []
        for player, queue in enumerate(self.queues):
            known = queue.actions[first - queue.base : stop - queue.base]
            missing = stop - first - len(known)
            if missing > 0:
                known += [self._predict(player, queue.last_action)] * missing
                speculative |= 1 << player
            columns.append(known)
        self.timeline.execute(todo, zip(*columns, strict=True), speculative)

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
        base = timeline.base
        used = timeline.used
        outcomes = timeline.outcomes
        speculative = timeline.speculative
        masks = self._focus_masks(first, last + 1)
        is_finished = timeline.game.phase == FINISHED
        result = []
        for frame in range(first, last + 1):
            index = frame - base
            focus_mask = masks[frame - first]
            left_mask = self._left_mask(frame) if self._left else 0
            outcome = outcomes[index]
            result.append(
                _new_committed((frame, used[index], focus_mask, speculative[index], left_mask, outcome))
            )
            if self._focus_timeout and (focus_mask != self._all_focused or self._unfocused):
                self._count_unfocused(focus_mask, left_mask)
            if is_finished and outcome is not None and outcome.ends == MATCH_ENDS:
                self.end_reason = EndReason.COMPLETED
            if self.end_reason is not None:
                break
        self.committed = result[-1].frame
        self._kept.extend(result)
        return result

    def _focus_masks(self, first: int, stop: int) -> list[int]:
        """Per frame, the players whose known input is focused."""
        masks = [self._all_focused] * (stop - first)
        for player, queue in enumerate(self.queues):
            flags = queue.flags[first - queue.base : stop - queue.base]
            if False in flags:
                for index, focused in enumerate(flags):
                    if not focused:
                        masks[index] &= ~(1 << player)
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

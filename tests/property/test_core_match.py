"""A match whose remote inputs come in any order and at any time, against the same inputs played straight."""

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st
from state_digest import describe

from rollback_core import canonical
from rollback_core.episodes import FINISHED, PLAYING, Episodes
from rollback_core.events import CommittedFrame
from rollback_core.match import NOTHING_WRONG, Match
from rollback_core.predictor import PREDICTORS, Guesses, predictor
from rollback_core.simulation import DrawItem, GameSpec, StepOutcome
from scenarios.games.counter import Counter

PLAYERS = 3
LOCAL = 0
SEED = 11
FRAMES = 120


class Race:
    """Adds up everything; over when the sum passes a goal, so a wrong input moves the episode's end."""

    def __init__(self) -> None:
        self.spec = GameSpec(
            id="race-v1", agents=("a", "b", "c"), action_count=4, neutral_action=1, info_keys=("sum",)
        )
        self.total = 0
        self.mix = 0

    def reset(self, seed: int) -> None:
        self.total = 0
        self.mix = seed % 1_000

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        for action in actions:
            self.mix = (self.mix * 31 + action + 7) % 1_000_003
        self.total += sum(actions)
        over = self.total >= 60
        return StepOutcome(
            (float(self.mix),) * PLAYERS,
            (over,) * PLAYERS,
            (False,) * PLAYERS,
            ((self.total,),) * PLAYERS,
            over,
        )

    def save_state(self) -> tuple[int, int]:
        return self.total, self.mix

    def load_state(self, state: Any, /) -> None:
        self.total, self.mix = state

    def encode_state(self, state: Any, /) -> bytes:
        return canonical.encode({"total": state[0], "mix": state[1]})

    def render(self) -> list[DrawItem]:
        return []

    def predict_action(self, player: int, last_action: int, /) -> int:
        return (last_action + player) % 4


def episodes() -> Episodes:
    return Episodes(Race(), seed=SEED, count=3, max_steps=14, countdown_frames=2)


READY = episodes().ready_action


def script_of(random: Random) -> list[list[tuple[int, bool]]]:
    """Per player, inputs of every frame: held actions, READY often enough for rounds to begin."""
    players = []
    for _ in range(PLAYERS):
        inputs: list[tuple[int, bool]] = [(READY, True)] * random.randint(1, 3)
        while len(inputs) < FRAMES:
            action = random.choice([0, 1, 2, 3, READY, READY])
            inputs += [(action, random.random() < 0.9)] * random.randint(1, 9)
        players.append(inputs[:FRAMES])
    return players


def straight(script: list[list[tuple[int, bool]]], frames: int) -> list[tuple[Any, ...]]:
    """What must be committed: actions, focus and outcome of every frame."""
    alone = episodes()
    rows: list[tuple[Any, ...]] = []
    for frame in range(frames):
        actions = tuple(inputs[frame][0] for inputs in script)
        focus = sum(1 << player for player, inputs in enumerate(script) if inputs[frame][1])
        rows.append((frame, actions, focus, alone.step(actions)))
    return rows


class Model:
    """The same match by the definition: what was used, what is known, what is therefore wrong."""

    def __init__(self, script: list[list[tuple[int, bool]]], guesses: Guesses) -> None:
        self.script = script
        self.guesses = guesses
        self.known = [0] * PLAYERS
        self.used: list[tuple[int, ...]] = []
        self.first_masks: list[int] = []

    def assume(self, frame: int) -> tuple[tuple[int, ...], int]:
        actions, mask = [], 0
        for player, inputs in enumerate(self.script):
            known = self.known[player]
            if frame < known:
                actions.append(inputs[frame][0])
            else:
                last = inputs[known - 1][0] if known else Race().spec.neutral_action
                actions.append(self.guesses[player][last])
                mask |= 1 << player
        return tuple(actions), mask

    def correct(self) -> int | None:
        """The earliest frame stepped on a wrong action, if there is one; the past is then replayed."""
        for frame, used in enumerate(self.used):
            if any(
                frame < self.known[player] and used[player] != inputs[frame][0]
                for player, inputs in enumerate(self.script)
            ):
                self.used[frame:] = [self.assume(again)[0] for again in range(frame, len(self.used))]
                return frame
        return None

    def advance(self) -> None:
        actions, mask = self.assume(len(self.used))
        self.used.append(actions)
        self.first_masks.append(mask)


@given(
    seed=st.integers(0, 2**32),
    turns=st.integers(20, 110),
    window=st.integers(0, 9),
    name=st.sampled_from(PREDICTORS),
)
def test_any_arrival_gives_the_rows_of_straight_play(seed: int, turns: int, window: int, name: str) -> None:
    random = Random(seed)
    script = script_of(random)
    guesses = predictor(name, Race())
    match = Match(
        episodes(), players=PLAYERS, local=(LOCAL,), window=window, focus_timeout_frames=0, guesses=guesses
    )
    model = Model(script, guesses)
    committed: list[CommittedFrame] = []
    rollbacks = resimulated = 0
    for _ in range(turns):
        for player in random.sample(range(1, PLAYERS), PLAYERS - 1):
            receive(match, model, player, random)
        match.update_confirmed()
        assert match.confirmed == min(model.known) - 1

        expected = model.correct()
        if expected is None:
            assert match.first_incorrect == NOTHING_WRONG, "a rollback that nothing asked for"
        else:
            current = match.timeline.current
            found = match.correct()
            assert (found.frame, found.depth) == (expected, current - expected)
            assert found.actual == script[found.player][expected][0] != found.predicted
            rollbacks += 1
            resimulated += current - expected

        current = match.timeline.current
        phase = match.timeline.game.phase
        if match.queues[LOCAL].end == current:
            match.add_local([script[LOCAL][current][0]], script[LOCAL][current][1], 0)
            model.known[LOCAL] = current + 1
        match.update_confirmed()
        allowed = min(model.known) - 1 + (window if phase == PLAYING else 0)
        stepped = match.advance()
        assert stepped == (phase != FINISHED and current <= allowed)
        if stepped:
            model.advance()
        assert match.timeline.used == model.used

        known = random.randint(-1, match.confirmed)  # what every member holds
        committed += match.commit(known)
        assert match.committed == len(committed) - 1 <= match.confirmed
        assert match.commit(known) == [], "a frame was handed out twice"
    assert (match.rollbacks, match.resimulated) == (rollbacks, resimulated)
    event(f"rollbacks: {min(rollbacks, 5)}")
    event(f"episodes finished: {sum(1 for each in committed if each.outcome and each.outcome.ends)}")

    rows = [(each.frame, each.actions, each.focus_mask, each.outcome) for each in committed]
    assert rows == straight(script, len(rows))
    assert [each.speculative_mask for each in committed] == model.first_masks[: len(committed)]


def receive(match: Match, model: Model, player: int, random: Random) -> None:
    """Some inputs of a player come: news, or what is held already, or both."""
    end = model.known[player]
    room = min(FRAMES, match.timeline.current + 10)
    first = random.randint(0, end)
    stop = random.randint(first, max(min(room, first + 6), first))
    runs = [(1, action, focused) for action, focused in model.script[player][first:stop]]
    match.check_range(player, first, len(runs))
    match.add_remote(player, first, runs)
    model.known[player] = max(end, stop)
    assert match.held(player) == model.known[player]


@given(
    flags=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40),
    timeout=st.integers(1, 6),
    pieces=st.integers(1, 7),
)
def test_focus_timeout_ends_at_the_same_frame_however_it_is_committed(
    flags: list[tuple[bool, bool]], timeout: int, pieces: int
) -> None:
    match = Match(
        episodes(),
        players=PLAYERS,
        local=(0, 1, 2),
        window=0,
        focus_timeout_frames=timeout,
        guesses=predictor("repeat-last", Race()),
    )
    for focus_1, focus_2 in flags:
        for player, focused in enumerate((True, focus_1, focus_2)):
            match.queues[player].append(1, focused)
    match.update_confirmed()
    committed: list[CommittedFrame] = []
    for frame in range(len(flags)):
        match.advance()
        if frame % pieces == 0 or frame == len(flags) - 1:
            committed += match.commit(frame)

    runs = {1: 0, 2: 0}
    expected: tuple[int, int] | None = None
    for frame, pair in enumerate(flags):
        for player, focused in zip((1, 2), pair, strict=True):
            runs[player] = 0 if focused else runs[player] + 1
            if runs[player] == timeout and expected is None:
                expected = (frame, player)
    if expected is None:
        assert match.end_reason is None
        assert len(committed) == len(flags)
    else:
        assert match.end_reason is not None
        assert match.end_reason.value == "focus-timeout"
        assert (committed[-1].frame, match.end_player) == expected


@given(st.integers(0, 2**32), st.integers(0, 4), st.integers(0, 6))
def test_the_ordinary_frame_is_the_same_in_one_piece(seed: int, delay: int, window: int) -> None:
    """`play` does what add_local, update_confirmed and advance do one after the other."""

    def match() -> Match:
        each = Match(
            Episodes(Counter(PLAYERS), seed=SEED),
            players=PLAYERS,
            local=(LOCAL,),
            window=window,
            focus_timeout_frames=0,
            guesses=predictor("repeat-last", Counter(PLAYERS)),
        )
        for player in range(PLAYERS):
            each.add_remote(player, 0, [(1 + delay * (player == LOCAL), 4, True)])
        each.update_confirmed()
        assert each.advance()
        return each

    random = Random(seed)
    whole, parts = match(), match()
    stalls = 0
    for _ in range(60):
        for player in range(1, PLAYERS):
            end = whole.queues[player].end
            count = random.choice([0, 1, 1, 2, 3]) if end < whole.timeline.current + 9 else 0
            run = (count, random.randrange(4), True)
            for each in (whole, parts):
                if count:
                    each.add_remote(player, end, [run])
        assert whole.first_incorrect == parts.first_incorrect
        if whole.first_incorrect != NOTHING_WRONG:
            assert whole.correct() == parts.correct()
        action = random.randrange(4)
        played = whole.play([action], delay)
        parts.add_local([action], True, delay)
        parts.update_confirmed()
        assert parts.advance() == played
        stalls += not played
        assert describe(whole) == describe(parts)
    event(f"stalls: {min(stalls, 3)}")

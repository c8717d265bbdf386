"""duel-v1: two fighters on a line, where one frame decides.

Walk, block, jab (quick, short) or heavy (slow, long). An attack passes through startup, active and
recovery frames; it hits once, while active, if the other is in reach. A hit costs health and
interrupts whatever the other was doing, so of two jabs in reach the earlier one wins and two on
the same frame both land. A blocked attack costs one point of guard, and the point that ends the
guard leaves its owner open for long (guard break); guard grows back in quiet times. A missed
attack leaves its recovery to be punished. No health left, or less than the other when the clock
runs out, loses the round; both at once is a draw that nobody gets. Positions are whole pixels,
x = 0 in the middle; the fighters never change sides, and the rules are their own mirror image.
"""

from collections.abc import Sequence
from typing import Any, Final

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.simulation import DrawItem, GameSpec, StepOutcome
from scenarios.games import drawing
from scenarios.games.chance import first_random, next_random

ACTION_NAMES: Final = ("none", "left", "right", "block", "jab", "heavy")
NONE, LEFT, RIGHT, BLOCK, JAB, HEAVY = range(6)

# What a fighter is doing. The first ones that an action starts have the action's own number.
FREE: Final = 0
GUARDING: Final = BLOCK
JABBING: Final = JAB
SWINGING: Final = HEAVY
JAB_BLOCKED: Final = 6
HEAVY_BLOCKED: Final = 7
JAB_HIT: Final = 8
HEAVY_HIT: Final = 9
BROKEN: Final = 10
DOWN: Final = 11

# By what a fighter is doing, in frames. After a blocked jab the attacker is free one frame later
# than the defender, after a blocked heavy ten; a jab that hits links to another by one frame.
DURATION: Final = (0, 0, 0, 1, 16, 35, 9, 12, 15, 24, 40, 1 << 30)
ACTIVE_FROM: Final = (0, 0, 0, 0, 4, 10, 0, 0, 0, 0, 0, 0)
ACTIVE_UNTIL: Final = (0, 0, 0, 0, 6, 13, 0, 0, 0, 0, 0, 0)
REACH: Final = (0, 0, 0, 0, 46, 72, 0, 0, 0, 0, 0, 0)
DAMAGE: Final = (0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0)

MAX_HEALTH: Final = 4
MAX_GUARD: Final = 3
GUARD_REGROWTH: Final = 75  # frames without a block that give one point back
WALK_FORWARD: Final = 3
WALK_BACK: Final = 2
MIN_GAP: Final = 30
PUSH: Final = 8  # a struck fighter slides away by this much, twice as far when not blocking
WALL: Final = 220
START_MIN: Final = 50  # distance of both from the middle as a round begins, plus up to START_SPREAD
START_SPREAD: Final = 24
PAUSE: Final = 45  # frames before every round

_LEFT_STEPS: Final = (0, -WALK_BACK, WALK_FORWARD, 0, 0, 0)  # by action
_RIGHT_STEPS: Final = (0, -WALK_FORWARD, WALK_BACK, 0, 0, 0)
_MAX_WINS: Final = 9

FIELDS: Final = (
    "frame",
    "rng",
    "round",
    "clock",
    "pause",
    "left_wins",
    "right_wins",
    "left_x",
    "left_move",
    "left_move_frame",
    "left_health",
    "left_guard",
    "left_calm",
    "right_x",
    "right_move",
    "right_move_frame",
    "right_health",
    "right_guard",
    "right_calm",
)
"""What the ints of a saved state are, in order."""


class Duel:
    """First to `wins` rounds of `round_frames` each, at most 2 * wins + 1 rounds (draws count).

    The episode is cut off after `max_steps` frames (0: never).
    """

    __slots__ = ("_max_steps", "_quiet", "_quiet_key", "_round_frames", "_state", "_wins", "spec")

    _state: tuple[int, ...]

    def __init__(self, wins: int = 2, round_frames: int = 900, max_steps: int = 0) -> None:
        if not 1 <= wins <= _MAX_WINS:
            raise UsageError(f"wins: 1 to {_MAX_WINS}, not {wins}")
        if round_frames < 1:
            raise UsageError(f"round_frames: 1 or more, not {round_frames}")
        if max_steps < 0:
            raise UsageError(f"max_steps: 0 or more frames, not {max_steps}")
        self.spec = GameSpec(
            id="duel-v1",
            agents=("left", "right"),
            action_count=len(ACTION_NAMES),
            action_names=ACTION_NAMES,
            info_keys=("wins", "health"),
            frame_rate_hz=60,
            max_steps=max_steps,
        )
        self._wins = wins
        self._round_frames = round_frames
        self._max_steps = max_steps
        self._quiet_key = (0, 0, MAX_HEALTH, MAX_HEALTH)  # wins and health for which _quiet holds
        self._quiet = _outcome(self._quiet_key, 0.0)
        self.reset(0)

    def reset(self, seed: int) -> None:
        self._begin_round(0, first_random(seed), 1, 0, 0, PAUSE)

    def _begin_round(
        self, frame: int, rng: int, number: int, left_wins: int, right_wins: int, pause: int
    ) -> None:
        start = START_MIN + (rng >> 16) % START_SPREAD
        fresh = (FREE, 0, MAX_HEALTH, MAX_GUARD, 0)
        head = (frame, rng, number, self._round_frames, pause, left_wins, right_wins)
        self._state = (*head, -start, *fresh, start, *fresh)

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        state = self._state
        if state[4]:
            return self._pause_step(state)
        frame, rng, number, clock, _, left_wins, right_wins, *fighters = state
        lx, lmove, lt, lhealth, lguard, lcalm, rx, rmove, rt, rhealth, rguard, rcalm = fighters
        left_action, right_action = actions
        left_step = right_step = 0

        # A busy fighter goes on with its move; a free one does what its player says.
        if lmove and lt + 1 < DURATION[lmove]:
            lt += 1
        else:
            lmove = left_action if left_action >= BLOCK else FREE
            lt = 0
            left_step = _LEFT_STEPS[left_action]
        if rmove and rt + 1 < DURATION[rmove]:
            rt += 1
        else:
            rmove = right_action if right_action >= BLOCK else FREE
            rt = 0
            right_step = _RIGHT_STEPS[right_action]
        if left_step or right_step:
            lx, rx = _walk(lx, rx, left_step, right_step)
        if lguard < MAX_GUARD:
            lguard, lcalm = (lguard + 1, 0) if lcalm == GUARD_REGROWTH else (lguard, lcalm + 1)
        if rguard < MAX_GUARD:
            rguard, rcalm = (rguard + 1, 0) if rcalm == GUARD_REGROWTH else (rguard, rcalm + 1)

        left = (lx, lmove, lt, lhealth, lguard, lcalm)
        right = (rx, rmove, rt, rhealth, rguard, rcalm)
        left_lands = ACTIVE_FROM[lmove] <= lt < ACTIVE_UNTIL[lmove] and rx - lx <= REACH[lmove]
        right_lands = ACTIVE_FROM[rmove] <= rt < ACTIVE_UNTIL[rmove] and rx - lx <= REACH[rmove]
        if left_lands or right_lands:
            left, right = _exchange(left, right, left_lands, right_lands)
        frame += 1
        clock -= 1
        self._state = (frame, rng, number, clock, 0, left_wins, right_wins, *left, *right)
        if not (left[3] and right[3] and clock):
            return self._end_round()
        return self._quiet_outcome(frame, (left_wins, right_wins, left[3], right[3]))

    def _pause_step(self, state: tuple[int, ...]) -> StepOutcome:
        frame, rng, number, clock, pause, left_wins, right_wins = state[:7]
        frame += 1
        pause -= 1
        if pause:
            self._state = (frame, rng, number, clock, pause, *state[5:])
        else:
            self._begin_round(frame, rng, number, left_wins, right_wins, 0)
        return self._quiet_outcome(frame, (left_wins, right_wins, self._state[10], self._state[16]))

    def _end_round(self) -> StepOutcome:
        """The round is decided in the present state: count it, then pause or end the episode."""
        frame, rng, number, clock, _, left_wins, right_wins, *fighters = self._state
        left_health, right_health = fighters[3], fighters[9]
        left_reward = 0.0
        if left_health > right_health:
            left_wins += 1
            left_reward = 1.0
        elif right_health > left_health:
            right_wins += 1
            left_reward = -1.0
        is_decided = self._wins in (left_wins, right_wins) or number == 2 * self._wins + 1
        if not is_decided:
            number += 1
            rng = next_random(rng)
        pause = 0 if is_decided else PAUSE
        self._state = (frame, rng, number, clock, pause, left_wins, right_wins, *fighters)
        return _outcome(
            (left_wins, right_wins, left_health, right_health),
            left_reward,
            is_terminated=is_decided,
            is_truncated=not is_decided and frame == self._max_steps,
        )

    def _quiet_outcome(self, frame: int, key: tuple[int, int, int, int]) -> StepOutcome:
        if frame == self._max_steps:
            return _outcome(key, 0.0, is_truncated=True)
        if key != self._quiet_key:
            self._quiet = _outcome(key, 0.0)
            self._quiet_key = key
        return self._quiet

    def save_state(self) -> tuple[int, ...]:
        return self._state

    def load_state(self, state: Any, /) -> None:
        self._state = state

    def encode_state(self, state: Any, /) -> bytes:
        return canonical.encode(dict(zip(FIELDS, state, strict=True)))

    def predict_action(self, player: int, last_action: int, /) -> int:
        """Who walks or blocks goes on; an attack is one press, and the blow needs no second."""
        return NONE if last_action in (JAB, HEAVY) else last_action

    def render(self) -> list[DrawItem]:
        """480 x 240 virtual pixels; the ground's upper edge is at y = 200."""
        named = dict(zip(FIELDS, self._state, strict=True))
        items = [drawing.rect(0, 0, 480, 240, drawing.SKY), drawing.rect(0, 200, 480, 40, drawing.GROUND)]
        for side, toward in (("left", 1), ("right", -1)):
            items += _draw_fighter(named, side, toward)
        seconds = (named["clock"] + self.spec.frame_rate_hz - 1) // self.spec.frame_rate_hz
        items.append(drawing.text(240, 20, 18, str(seconds), drawing.INK, "clock"))
        if named["pause"]:
            items.append(drawing.text(240, 90, 24, f"Round {named['round']}", drawing.INK))
        return items


def _outcome(
    key: tuple[int, int, int, int],
    left_reward: float,
    *,
    is_terminated: bool = False,
    is_truncated: bool = False,
) -> StepOutcome:
    """`key` is the wins of left and right, then their health."""
    return StepOutcome(
        rewards=(left_reward, 0.0 - left_reward),  # 0.0 - 0.0 is 0.0, where -0.0 would be another float
        terminateds=(is_terminated, is_terminated),
        truncateds=(is_truncated, is_truncated),
        infos=((key[0], key[2]), (key[1], key[3])),
        is_over=is_terminated or is_truncated,
    )


def _walk(lx: int, rx: int, left_step: int, right_step: int) -> tuple[int, int]:
    """Both walk at once; steps that would bring them closer than MIN_GAP are not made."""
    new_lx = max(-WALL, lx + left_step)
    new_rx = min(WALL, rx + right_step)
    return (new_lx, new_rx) if new_rx - new_lx >= MIN_GAP else (lx, rx)


Fighter = tuple[int, int, int, int, int, int]
"""x, move, move_frame, health, guard, calm."""


def _exchange(left: Fighter, right: Fighter, left_lands: bool, right_lands: bool) -> tuple[Fighter, Fighter]:
    """Both after this frame's hits, which happen at once; who is hit does not finish its own move."""
    struck_left, left_push = _struck(left, right[1]) if right_lands else (_landed(left), 0)
    struck_right, right_push = _struck(right, left[1]) if left_lands else (_landed(right), 0)
    lx, rx = left[0] - left_push, right[0] + right_push
    if lx < -WALL:  # who stands at the wall cannot slide: the other one does
        lx, rx = -WALL, rx - WALL - lx
    elif rx > WALL:
        lx, rx = lx - rx + WALL, WALL
    return (lx, *struck_left[1:]), (rx, *struck_right[1:])


def _landed(fighter: Fighter) -> Fighter:
    """An attack hits once: the first frame of recovery follows."""
    x, move, _, health, guard, calm = fighter
    return x, move, ACTIVE_UNTIL[move], health, guard, calm


def _struck(fighter: Fighter, attack: int) -> tuple[Fighter, int]:
    """The fighter after the attack reached it, and by how much it is pushed away."""
    x, move, _, health, guard, _ = fighter
    if move in (GUARDING, JAB_BLOCKED, HEAVY_BLOCKED):
        if guard > 1:
            return (x, JAB_BLOCKED if attack == JABBING else HEAVY_BLOCKED, 0, health, guard - 1, 0), PUSH
        return (x, BROKEN, 0, health, MAX_GUARD, 0), 0
    health = max(0, health - DAMAGE[attack])
    stun = JAB_HIT if attack == JABBING else HEAVY_HIT
    return (x, stun if health else DOWN, 0, health, guard, 0), 2 * PUSH


def _draw_fighter(named: dict[str, int], side: str, toward: int) -> list[DrawItem]:
    """One fighter and its health, guard and won rounds; `toward` is +1 where it looks right."""
    colour = drawing.PLAYER_COLOURS[0 if side == "left" else 1]
    x, move = 240 + named[f"{side}_x"], named[f"{side}_move"]
    at = named[f"{side}_move_frame"]
    edge = 240 - toward * 224
    items = [
        drawing.rect(
            min(edge, edge + toward * 18 * named[f"{side}_health"]),
            12,
            18 * named[f"{side}_health"],
            8,
            colour,
            f"{side}-health",
        ),
        drawing.rect(
            min(edge, edge + toward * 12 * named[f"{side}_guard"]),
            24,
            12 * named[f"{side}_guard"],
            4,
            drawing.FAINT,
            f"{side}-guard",
        ),
    ]
    items += [
        drawing.circle(edge + toward * (6 + 14 * win), 38, 4, colour) for win in range(named[f"{side}_wins"])
    ]
    if move == DOWN:
        return [*items, drawing.rect(x - 28, 186, 56, 14, colour, f"{side}-body")]
    lean = -4 * toward if move in (JAB_HIT, HEAVY_HIT, BROKEN) else 0
    items.append(drawing.rect(x - 9, 150, 18, 50, colour, f"{side}-body"))
    items.append(drawing.circle(x + lean, 140, 10, colour, f"{side}-head"))
    if move in (GUARDING, JAB_BLOCKED, HEAVY_BLOCKED):
        items.append(drawing.line(x + 14 * toward, 142, x + 14 * toward, 184, 4, drawing.INK, f"{side}-arm"))
    elif move in (JABBING, SWINGING):
        is_active = ACTIVE_FROM[move] <= at < ACTIVE_UNTIL[move]
        arm = REACH[move] - 14 if is_active else 14  # the fist meets the other's body
        y = 158 if move == JABBING else 174
        items.append(drawing.line(x, y, x + arm * toward, y, 6, drawing.INK, f"{side}-arm"))
    return items


def scripted(game: Duel, player: int) -> int:
    """Blocks what comes, punishes what missed, breaks a guard, and else walks in and out."""
    state = game.save_state()
    own, other = (state[7:13], state[13:]) if player == 0 else (state[13:], state[7:13])
    forward, back = (RIGHT, LEFT) if player == 0 else (LEFT, RIGHT)
    gap = state[13] - state[7]
    move, at = other[1], other[2]
    is_busy = own[1] and own[2] + 1 < DURATION[own[1]]
    if state[4] or is_busy:
        return NONE
    left_in_move = DURATION[move] - at
    if move in (JABBING, SWINGING) and at < ACTIVE_UNTIL[move]:
        if gap > REACH[move] + WALK_FORWARD:
            return back if gap <= REACH[move] + 2 * WALK_FORWARD else NONE
        can_interrupt = gap <= REACH[JABBING] and at + ACTIVE_FROM[JABBING] + 1 < ACTIVE_FROM[move]
        return JAB if can_interrupt else BLOCK
    if move >= JAB:  # in recovery or stunned: whatever arrives in time lands
        if gap <= REACH[SWINGING] and left_in_move > ACTIVE_FROM[SWINGING] + 1:
            return HEAVY
        if gap <= REACH[JABBING] and left_in_move > ACTIVE_FROM[JABBING] + 1:
            return JAB
        return forward
    # Each has moods of its own that change every few frames: two of them do not mirror each other.
    mood = next_random(state[1] + state[0] // 6 * 2 + player) >> 20 & 7
    if gap <= REACH[JABBING]:
        return JAB if mood < 5 else BLOCK
    return back if mood < 2 and gap < REACH[SWINGING] + 12 else forward

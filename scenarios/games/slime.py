"""slime-v1: two half-round slimes, one ball, one net; who lets the ball fall loses a life.

The rules follow the well-known slime volleyball games: five lives each, +1 / -1 at a point, the
end when someone has no life left or after 3,000 steps. The numbers and the physics are our own.
Lengths are ints of 1/256 pixel, x = 0 at the net, y = 0 on the ground and upward; speeds are per
frame. Divisions are made on absolute values, so the game is its own mirror image to the last
bit: no side has an advantage. A bounce off a slime reflects the ball's velocity relative to the
slime's about the line of centres, with `math.isqrt` for the distance; the only loss of energy is
the speed limit. Only a slime's round upper half is solid.
"""

from collections.abc import Sequence
from math import isqrt
from typing import Any, Final

from rollback_core import canonical
from rollback_core.errors import UsageError
from rollback_core.simulation import DrawItem, GameSpec, StepOutcome
from scenarios.games import drawing
from scenarios.games.chance import first_random, next_random

ACTION_NAMES: Final = ("none", "left", "right", "jump", "jump-left", "jump-right")
NONE, LEFT, RIGHT, JUMP, JUMP_LEFT, JUMP_RIGHT = range(6)

PIXEL: Final = 256
HALF_COURT: Final = 240 * PIXEL
SLIME_RADIUS: Final = 32 * PIXEL
BALL_RADIUS: Final = 9 * PIXEL
NET_HALF_WIDTH: Final = 4 * PIXEL
NET_HEIGHT: Final = 50 * PIXEL  # up to the middle of its round top
HOME: Final = 120 * PIXEL  # where the slimes begin, each on its side

GRAVITY: Final = 150  # a ball hit at full speed stays up for about 1.6 s
SLIME_GRAVITY: Final = 240
JUMP_SPEED: Final = 9 * PIXEL
WALK_SPEED: Final = 6 * PIXEL
MAX_BALL_SPEED: Final = 14 * PIXEL  # under a ball's diameter: nothing can be passed through
SERVE_HEIGHT: Final = 130 * PIXEL
SERVE_WAIT: Final = 20  # frames that the ball hangs still, so that people see the serve coming

_REACH: Final = SLIME_RADIUS + BALL_RADIUS
_REACH_SQUARED: Final = _REACH * _REACH
_NET_REACH: Final = NET_HALF_WIDTH + BALL_RADIUS
_WALL: Final = HALF_COURT - BALL_RADIUS
_SLIME_NEAR: Final = NET_HALF_WIDTH + SLIME_RADIUS
_SLIME_FAR: Final = HALF_COURT - SLIME_RADIUS
_MAX_SPEED_SQUARED: Final = MAX_BALL_SPEED * MAX_BALL_SPEED

_WALKS: Final = (0, -WALK_SPEED, WALK_SPEED, 0, -WALK_SPEED, WALK_SPEED)  # by action
_MIRRORED: Final = (NONE, RIGHT, LEFT, JUMP, JUMP_RIGHT, JUMP_LEFT)

_MAX_LIVES: Final = 9  # as many as fit on the screen

FIELDS: Final = (
    "frame",
    "rng",
    "serve_wait",
    "ball_x",
    "ball_y",
    "ball_vx",
    "ball_vy",
    "left_x",
    "left_y",
    "left_vy",
    "right_x",
    "right_y",
    "right_vy",
    "left_lives",
    "right_lives",
)
"""What the ints of a saved state are, in order."""


class Slime:
    """`lives` each; the episode is cut off after `max_steps` frames (0: never)."""

    __slots__ = ("_lives", "_max_steps", "_quiet", "_state", "spec")

    _state: tuple[int, ...]

    def __init__(self, lives: int = 5, max_steps: int = 3000) -> None:
        if not 1 <= lives <= _MAX_LIVES:
            raise UsageError(f"lives: 1 to {_MAX_LIVES}, not {lives}")
        if max_steps < 0:
            raise UsageError(f"max_steps: 0 or more frames, not {max_steps}")
        self.spec = GameSpec(
            id="slime-v1",
            agents=("left", "right"),
            action_count=len(ACTION_NAMES),
            action_names=ACTION_NAMES,
            info_keys=("lives",),
            frame_rate_hz=30,
            max_steps=max_steps,
        )
        self._lives = lives
        self._max_steps = max_steps
        self._quiet = tuple(
            tuple(_outcome((left, right), 0.0) for right in range(lives + 1)) for left in range(lives + 1)
        )
        self.reset(0)

    def reset(self, seed: int) -> None:
        rng, vx, vy = _serve(first_random(seed))
        lives = self._lives
        self._state = (0, rng, SERVE_WAIT, 0, SERVE_HEIGHT, vx, vy, -HOME, 0, 0, HOME, 0, 0, lives, lives)

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        # One long function with local names: this is the cost of every resimulated frame.
        frame, rng, wait, bx, by, vx, vy, lx, ly, lvy, rx, ry, rvy, left_lives, right_lives = self._state
        frame += 1
        left_action, right_action = actions

        left_walk = _WALKS[left_action]
        if left_walk:
            lx += left_walk
            if lx < -_SLIME_FAR:
                lx = -_SLIME_FAR
            elif lx > -_SLIME_NEAR:
                lx = -_SLIME_NEAR
        if ly or left_action >= JUMP:
            ly, lvy = _fly(ly, lvy)
        right_walk = _WALKS[right_action]
        if right_walk:
            rx += right_walk
            if rx > _SLIME_FAR:
                rx = _SLIME_FAR
            elif rx < _SLIME_NEAR:
                rx = _SLIME_NEAR
        if ry or right_action >= JUMP:
            ry, rvy = _fly(ry, rvy)

        if wait:
            wait -= 1
        else:
            vy -= GRAVITY
            bx += vx
            by += vy
            left_dx = bx - lx
            left_dy = by - ly
            right_dx = bx - rx
            right_dy = by - ry
            left_square = left_dx * left_dx + left_dy * left_dy
            right_square = right_dx * right_dx + right_dy * right_dy
            # Over the net the ball may be in reach of both: the nearer slime has it, at a tie neither.
            if left_square < _REACH_SQUARED and left_dy >= 0 and (left_square < right_square or right_dy < 0):
                bx, by, vx, vy = _bounce(lx, ly, left_dx, left_dy, vx, vy, left_walk, lvy, _REACH)
            elif (
                right_square < _REACH_SQUARED
                and right_dy >= 0
                and (right_square < left_square or left_dy < 0)
            ):
                bx, by, vx, vy = _bounce(rx, ry, right_dx, right_dy, vx, vy, right_walk, rvy, _REACH)
            if -_NET_REACH < bx < _NET_REACH:
                bx, by, vx, vy = _touch_net(bx, by, vx, vy)
            elif bx < -_WALL:
                bx = -_WALL
                vx = abs(vx)
            elif bx > _WALL:
                bx = _WALL
                vx = -abs(vx)
            if by < BALL_RADIUS:
                state = (frame, rng, 0, bx, by, vx, vy, lx, ly, lvy, rx, ry, rvy, left_lives, right_lives)
                return self._point(state)

        self._state = (frame, rng, wait, bx, by, vx, vy, lx, ly, lvy, rx, ry, rvy, left_lives, right_lives)
        if frame == self._max_steps:
            return _outcome((left_lives, right_lives), 0.0, is_truncated=True)
        return self._quiet[left_lives][right_lives]

    def _point(self, state: tuple[int, ...]) -> StepOutcome:
        """The ball is on the ground: whose side it is on loses a life."""
        frame, rng, _, bx, by, vx, vy, lx, ly, lvy, rx, ry, rvy, left_lives, right_lives = state
        left_reward = -1.0 if bx < 0 else 1.0
        if bx < 0:
            left_lives -= 1
        else:
            right_lives -= 1
        lives = (left_lives, right_lives)
        if left_lives and right_lives:
            rng, vx, vy = _serve(rng)
            bx, by = 0, SERVE_HEIGHT
            self._state = (frame, rng, SERVE_WAIT, bx, by, vx, vy, lx, ly, lvy, rx, ry, rvy, *lives)
            return _outcome(lives, left_reward, is_truncated=frame == self._max_steps)
        self._state = (frame, rng, 0, bx, by, vx, vy, lx, ly, lvy, rx, ry, rvy, *lives)
        return _outcome(lives, left_reward, is_terminated=True)

    def save_state(self) -> tuple[int, ...]:
        return self._state

    def load_state(self, state: Any, /) -> None:
        self._state = state

    def encode_state(self, state: Any, /) -> bytes:
        return canonical.encode(dict(zip(FIELDS, state, strict=True)))

    def render(self) -> list[DrawItem]:
        """480 x 240 virtual pixels; the ground's upper edge is at y = 220."""
        named = dict(zip(FIELDS, self._state, strict=True))
        ground, ball_radius = 220, BALL_RADIUS // PIXEL
        left_colour, right_colour = drawing.PLAYER_COLOURS[:2]
        items = [
            drawing.rect(0, 0, 480, 240, drawing.SKY),
            drawing.rect(0, ground, 480, 20, drawing.GROUND),
            drawing.rect(236, ground - NET_HEIGHT // PIXEL, 8, NET_HEIGHT // PIXEL, drawing.INK),
            drawing.circle(240, ground - NET_HEIGHT // PIXEL, NET_HALF_WIDTH // PIXEL, drawing.INK),
        ]
        for side, colour, first, step in (("left", left_colour, 16, 16), ("right", right_colour, 464, -16)):
            x, y = 240 + named[f"{side}_x"] // PIXEL, ground - named[f"{side}_y"] // PIXEL
            items.append(drawing.half_circle(x, y, SLIME_RADIUS // PIXEL, colour, side))
            eye = x + step * 3 // 4  # looks at the net
            items.append(drawing.circle(eye, y - 18, 5, "#ffffff", f"{side}-eye"))
            items += [
                drawing.circle(first + step * life, 14, 5, colour) for life in range(named[f"{side}_lives"])
            ]
        x, y = 240 + named["ball_x"] // PIXEL, ground - named["ball_y"] // PIXEL
        items.append(drawing.circle(x, y, ball_radius, "#d8433b", "ball"))
        return items


def _outcome(
    lives: tuple[int, int], left_reward: float, *, is_terminated: bool = False, is_truncated: bool = False
) -> StepOutcome:
    return StepOutcome(
        rewards=(left_reward, 0.0 - left_reward),  # 0.0 - 0.0 is 0.0, where -0.0 would be another float
        terminateds=(is_terminated, is_terminated),
        truncateds=(is_truncated, is_truncated),
        infos=((lives[0],), (lives[1],)),
        is_over=is_terminated or is_truncated,
    )


def _serve(rng: int) -> tuple[int, int, int]:
    """The generator's next state, and the velocity with which the ball leaves the middle."""
    rng = next_random(rng)
    vx = (2 * PIXEL) + (rng >> 16) % (3 * PIXEL)
    if rng >> 30:
        vx = -vx
    rng = next_random(rng)
    vy = (3 * PIXEL) + (rng >> 16) % (5 * PIXEL)
    return rng, vx, vy


def _fly(y: int, vy: int) -> tuple[int, int]:
    """Height and upward speed of a slime that is in the air or jumps off now."""
    vy = vy - SLIME_GRAVITY if y else JUMP_SPEED
    y += vy
    return (y, vy) if y > 0 else (0, 0)


def _bounce(
    x: int, y: int, dx: int, dy: int, vx: int, vy: int, walk: int, rise: int, reach: int
) -> tuple[int, int, int, int]:
    """Ball position and velocity after touching a round thing at (x, y) that moves by (walk, rise).

    (dx, dy) leads from its centre to the ball's, dy >= 0; `reach` is the distance when they touch.
    """
    distance = isqrt(dx * dx + dy * dy)
    if not distance:
        dy = distance = 1
    side = abs(dx)
    out_x = side * reach // distance
    x = x - out_x if dx < 0 else x + out_x
    y += dy * reach // distance
    approach = -((vx - walk) * dx + (vy - rise) * dy)
    if approach > 0:
        push = 2 * approach // distance
        push_x = push * side // distance
        vx = vx - push_x if dx < 0 else vx + push_x
        vy += push * dy // distance
        speed_squared = vx * vx + vy * vy
        if speed_squared > _MAX_SPEED_SQUARED:
            speed = isqrt(speed_squared) + 1  # rounded up, so that the limit holds exactly
            slow_x = abs(vx) * MAX_BALL_SPEED // speed
            vx = -slow_x if vx < 0 else slow_x
            vy = vy * MAX_BALL_SPEED // speed
    return x, y, vx, vy


def _touch_net(bx: int, by: int, vx: int, vy: int) -> tuple[int, int, int, int]:
    """The ball is above the net's width: it may meet the round top, or a side below that."""
    dy = by - NET_HEIGHT
    if dy >= 0:
        if bx * bx + dy * dy < _NET_REACH * _NET_REACH:
            return _bounce(0, NET_HEIGHT, bx, dy, vx, vy, 0, 0, _NET_REACH)
        return bx, by, vx, vy
    if bx < 0 or (bx == 0 and vx > 0):
        return -_NET_REACH, by, -abs(vx), vy
    return _NET_REACH, by, abs(vx), vy


def scripted(game: Slime, player: int) -> int:
    """Walks to a little behind where the ball will come down, and jumps at balls near the net."""
    state = game.save_state()
    wait, bx, by, vx, vy = state[2:7]
    x = state[7] if player == 0 else -state[10]
    if player == 1:
        bx, vx = -bx, -vx
    action = _play_left(state[1], wait, bx, by, vx, vy, x)
    return action if player == 0 else _MIRRORED[action]


def _play_left(rng: int, wait: int, bx: int, by: int, vx: int, vy: int, x: int) -> int:
    """The left slime's action; the right one asks for its mirror image."""
    hit_height = SLIME_RADIUS + BALL_RADIUS // 2
    fall = vy * vy + 2 * GRAVITY * (by - hit_height)
    frames = (vy + isqrt(fall)) // GRAVITY if fall > 0 else 0
    landing = bx + vx * frames
    if landing < -_WALL:
        landing = -2 * _WALL - landing
    if wait or landing > 0:
        target, jump = -HOME, False
    else:
        # Standing behind the ball sends it forward; how far behind changes from rally to rally.
        target = landing - (7 + (rng >> 12) % 6) * PIXEL
        is_near = abs(bx - x) < SLIME_RADIUS and by < 3 * SLIME_RADIUS
        jump = is_near and vy < 0 and x > -HOME
    step = 0 if abs(target - x) <= WALK_SPEED // 2 else (LEFT if target < x else RIGHT)
    return step + JUMP if jump else step

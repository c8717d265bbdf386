"""One pseudo-random play of a game, the same on every Python: what checks compare.

Actions and episode seeds come from integer mixing alone, so two processes, or CPython and Pyodide,
play the same frames without exchanging anything but a seed.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from rollback_core import canonical
from rollback_core.errors import WireError
from rollback_core.simulation import GameSpec, Simulation, StepOutcome

Factory: TypeAlias = Callable[[], Simulation]

SEED_LIMIT: Final = 2**31

_MASK: Final = 2**64 - 1
_HELD_FRAMES: Final = 8  # an action held this long gets a player somewhere; a random one each frame does not
_DIGEST_BYTES: Final = 8  # a chance clash once in 2**64 frames


class Moment(NamedTuple):
    """One frame of a play: the state before it as canonical bytes, the actions, and what they gave."""

    encoded: bytes
    actions: tuple[int, ...]
    outcome: StepOutcome


def _mix(*values: int) -> int:
    """64 well-mixed bits of some ints (the finaliser of splitmix64, once per value)."""
    bits = 0
    for value in values:
        bits = (bits + value + 1) * 0x9E3779B97F4A7C15 & _MASK
        bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & _MASK
        bits ^= bits >> 31
    return bits


def actions_at(spec: GameSpec, seed: int, frame: int) -> tuple[int, ...]:
    """Everyone's actions of a frame: now held for some frames, now new in each."""
    actions = []
    for player in range(len(spec.agents)):
        stretch = frame // _HELD_FRAMES
        is_held = _mix(seed, player, stretch, 0) & 1
        bits = _mix(seed, player, stretch, 1) if is_held else _mix(seed, player, frame, 2)
        actions.append(bits % spec.action_count)
    return tuple(actions)


def episode_seed(seed: int, episode: int) -> int:
    return _mix(seed, episode) % SEED_LIMIT


def play(game: Simulation, frames: int, seed: int) -> Iterator[Moment]:
    """Reset the game and play it, with a new episode after each that ends."""
    episode = 0
    game.reset(episode_seed(seed, episode))
    for frame in range(frames):
        encoded = game.encode_state(game.save_state())
        actions = actions_at(game.spec, seed, frame)
        outcome = game.step(actions)
        yield Moment(encoded, actions, outcome)
        if outcome.is_over:
            episode += 1
            game.reset(episode_seed(seed, episode))


def outcome_table(outcome: StepOutcome) -> dict[str, Any]:
    return dict(outcome._asdict())


def trajectory_digests(factory: Factory, frames: int, seed: int) -> list[str]:
    """One short digest per frame, of the state before it and its outcome."""
    digests = []
    for moment in play(factory(), frames, seed):
        outcome = canonical.encode(outcome_table(moment.outcome))
        digest = hashlib.sha256(b"%d %b%b" % (len(moment.encoded), moment.encoded, outcome))
        digests.append(digest.hexdigest()[: 2 * _DIGEST_BYTES])
    return digests


def trajectory_digest(factory: Factory, frames: int, seed: int) -> str:
    """One digest of the whole play: equal on every host, or the game is not deterministic."""
    return hashlib.sha256("".join(trajectory_digests(factory, frames, seed)).encode()).hexdigest()


def trajectory_frame(factory: Factory, frame: int, seed: int) -> tuple[bytes, bytes]:
    """State before the frame and its outcome, as canonical bytes: to name what two hosts differ in."""
    for moment in play(factory(), frame + 1, seed):
        last = moment
    return last.encoded, canonical.encode(outcome_table(last.outcome))


def state_difference(left: bytes, right: bytes) -> tuple[str, Any, Any] | None:
    """Path and both values of the first difference of two encoded states, or None."""
    if left == right:
        return None
    try:
        found = canonical.first_difference(canonical.decode(left), canonical.decode(right), "state")
    except WireError:  # the game encodes in its own way: say where the bytes part
        found = None
    if found is None:
        at = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), -1)
        at = min(len(left), len(right)) if at < 0 else at
        return f"state, byte {at}", left[at : at + 8].hex(), right[at : at + 8].hex()
    return found


def outcome_difference(left: StepOutcome, right: StepOutcome) -> tuple[str, Any, Any] | None:
    """Path and both values of the first difference of two outcomes, or None."""
    return canonical.first_difference(outcome_table(left), outcome_table(right), "outcome")

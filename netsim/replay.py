"""Playing an input log again through a fresh game, without peers or network."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from netsim.world import make_match, match_seed
from rollback_core.episodes import FINISHED, Episodes
from rollback_core.errors import UsageError
from rollback_core.events import CommittedFrame
from rollback_core.recorder import shared_header, shared_row
from scenarios.registry import create_game
from scenarios.scenario import Scenario

INPUTS_FORMAT = 1  # of inputs.json


class ReplayResult(NamedTuple):
    """`rows` of the shared table; the digest is of the final state's canonical bytes."""

    header: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    final_frame: int
    state_digest: str


def inputs_table(scenario: Scenario, frames: Sequence[CommittedFrame]) -> dict[str, Any]:
    """inputs.json: all that is needed to play the match again, one entry per frame."""
    game = scenario.game
    return {
        "format": INPUTS_FORMAT,
        "kind": "inputs",
        "game": {"id": game.id, "params": dict(game.params)},
        "seed": match_seed(scenario.seed),
        "episodes": game.episodes,
        "max_steps": game.max_steps,
        "countdown_frames": game.countdown_frames,
        "actions": [list(frame.actions) for frame in frames],
        "focus": [frame.focus_mask for frame in frames],
        "left": [frame.left_mask for frame in frames],
    }


def replay(inputs: dict[str, Any], to_frame: int | None = None) -> ReplayResult:
    """Play an input log, up to but not with `to_frame`. Raises UsageError for a log that is not one."""
    if inputs.get("kind") != "inputs" or inputs.get("format") != INPUTS_FORMAT:
        raise UsageError(f"not an input log of format {INPUTS_FORMAT}")
    try:
        setup = inputs["game"]
        game = create_game(setup["id"], setup["params"])
        match = Episodes(
            game,
            seed=inputs["seed"],
            count=inputs["episodes"],
            max_steps=inputs["max_steps"],
            countdown_frames=inputs["countdown_frames"],
        )
        entries = list(zip(inputs["actions"], inputs["focus"], inputs["left"], strict=True))[:to_frame]
        log = [
            CommittedFrame(number, tuple(actions), focus, 0, left, None)
            for number, (actions, focus, left) in enumerate(entries)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"input log: {type(error).__name__}: {error}") from error
    _check_actions(log, players=len(game.spec.agents), highest=game.spec.action_count)
    rows, last = _rows(match, log)
    digest = hashlib.sha256(match.encode_state(match.save_state())).hexdigest()
    return ReplayResult(shared_header(game.spec), rows, last, digest)


def replay_frames(scenario: Scenario, frames: Sequence[CommittedFrame]) -> list[tuple[Any, ...]]:
    """Header and rows of the shared table as a fresh game gives them for these inputs."""
    match = make_match(scenario)
    rows, _ = _rows(match, frames)
    return [shared_header(match.game.spec), *rows]


def _rows(match: Episodes, frames: Sequence[CommittedFrame]) -> tuple[list[tuple[Any, ...]], int]:
    rows = []
    last = -1
    for frame in frames:
        if match.phase == FINISHED:
            break
        last = frame.frame
        row = shared_row(frame._replace(outcome=match.step(frame.actions)))
        if row is not None:
            rows.append(row)
    return rows, last


def _check_actions(log: Sequence[CommittedFrame], *, players: int, highest: int) -> None:
    for frame in log:
        if len(frame.actions) != players or not all(
            type(action) is int and 0 <= action <= highest for action in frame.actions
        ):
            raise UsageError(f"input log: frame {frame.frame} has actions {frame.actions}")

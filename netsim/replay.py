"""Playing an input log again through a fresh game, without peers or network."""

from collections.abc import Sequence
from typing import Any

from netsim.world import make_match, match_seed
from rollback_core.episodes import Episodes
from rollback_core.errors import UsageError
from rollback_core.events import CommittedFrame
from rollback_core.replay import ReplayResult, replay_through
from scenarios.registry import create_game
from scenarios.scenario import Scenario

INPUTS_FORMAT = 1  # of inputs.json


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
    return replay_through(match, log)


def replay_frames(scenario: Scenario, frames: Sequence[CommittedFrame]) -> list[tuple[Any, ...]]:
    """Header and rows of the shared table as a fresh game gives them for these inputs."""
    found = replay_through(make_match(scenario), frames)
    return [found.header, *found.rows]

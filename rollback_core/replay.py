"""Playing an input log again through a fresh match, without peers or network."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from rollback_core.episodes import FINISHED, Episodes
from rollback_core.errors import UsageError
from rollback_core.events import CommittedFrame
from rollback_core.recorder import shared_header, shared_row


class ReplayResult(NamedTuple):
    """`rows` of the shared table; the digest is of the final state's canonical bytes."""

    header: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    final_frame: int
    state_digest: str


def replay_through(match: Episodes, frames: Sequence[CommittedFrame]) -> ReplayResult:
    """Step a fresh match through these frames' actions. UsageError for actions that are none."""
    spec = match.game.spec
    players, highest = len(spec.agents), spec.action_count
    rows = []
    last = -1
    for frame in frames:
        if match.phase == FINISHED:
            break
        if len(frame.actions) != players or not all(
            type(action) is int and 0 <= action <= highest for action in frame.actions
        ):
            raise UsageError(f"input log: frame {frame.frame} has actions {frame.actions}")
        last = frame.frame
        row = shared_row(frame._replace(outcome=match.step(frame.actions)))
        if row is not None:
            rows.append(row)
    digest = hashlib.sha256(match.encode_state(match.save_state())).hexdigest()
    return ReplayResult(shared_header(spec), rows, last, digest)

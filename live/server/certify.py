"""Whether uploaded data are equal and true: peers against each other, and against a native replay.

The replay runs in a process of its own with a deadline: a game may hang or crash, the server must not.
It proves consistency, not honesty: peers that lie together are believed.
"""

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from live.server.uploads import Upload
from rollback_core.episodes import Episodes
from rollback_core.errors import RollbackError
from rollback_core.events import CommittedFrame
from rollback_core.recorder import csv_text, first_row_difference, shared_header
from rollback_core.replay import replay_through
from scenarios.registry import create_game

REPLAY_S: Final = 120  # an hour of the heaviest shipped game takes a tenth of it
MAX_STDERR: Final = 2_000
EPISODE: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`replay` is "equal", "differs" or "not-replayable"; `difference` says where, or why."""

    is_equal: bool
    replay: str
    sha256: str
    rows: int
    difference: str | None
    frames: int
    episodes: tuple[dict[str, Any], ...]  # {"episode", "rows", "is_equal", "replay"} each


def inputs_table(offer: dict[str, Any], frames: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """inputs.json: all that is needed to play the match again."""
    terms = offer["terms"]
    return {
        "format": 1,
        "kind": "inputs",
        "game": offer["game"],
        "seed": terms["seed"],
        "episodes": terms["episodes"],
        "max_steps": terms["max_steps"],
        "countdown_frames": terms["countdown_frames"],
        "actions": [frame[0] for frame in frames],
        "focus": [frame[1] for frame in frames],
        "left": [frame[2] for frame in frames],
    }


def replayed_rows(inputs: dict[str, Any]) -> str:
    """The shared table's text, header included, as a fresh game gives it for these inputs."""
    game = create_game(inputs["game"]["id"], inputs["game"]["params"])
    match = Episodes(
        game,
        seed=inputs["seed"],
        count=inputs["episodes"],
        max_steps=inputs["max_steps"],
        countdown_frames=inputs["countdown_frames"],
    )
    log = [
        CommittedFrame(number, tuple(actions), focus, 0, left, None)
        for number, (actions, focus, left) in enumerate(
            zip(inputs["actions"], inputs["focus"], inputs["left"], strict=True)
        )
    ]
    found = replay_through(match, log)
    return csv_text([shared_header(game.spec), *found.rows])


async def replay_apart(inputs: dict[str, Any], deadline_s: float = REPLAY_S) -> tuple[str | None, str]:
    """(text, "") of the replay in a process of its own, or (None, why there is none)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "live.server.certify",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        talk = process.communicate(json.dumps(inputs).encode())
        out, err = await asyncio.wait_for(talk, deadline_s)
    except TimeoutError:
        return None, f"the replay took more than {deadline_s:.0f} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        return None, err.decode(errors="replace").strip()[-MAX_STDERR:] or f"exit {process.returncode}"
    return out.decode(), ""


async def certify(
    uploads: Sequence[Upload], offer: dict[str, Any], *, are_complete: Sequence[bool], header: str
) -> Verdict:
    """The verdict on a match: who completed has equal tables, anybody else a prefix of the longest."""
    difference = await asyncio.to_thread(_difference, uploads, are_complete, header)
    is_equal = difference is None
    longest = longest_of(uploads)
    text = header + longest.rows
    replayed, why = await replay_apart(inputs_table(offer, longest.frames))
    replay = "not-replayable" if replayed is None else "equal" if replayed == text else "differs"
    if replay == "differs" and replayed is not None:
        difference = difference or first_row_difference(text, replayed) or "the replay gives more rows"
    return Verdict(
        is_equal=is_equal,
        replay=replay,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        rows=text.count("\n") - 1,
        difference=difference or why or None,
        frames=len(longest.frames),
        episodes=await asyncio.to_thread(_episodes, uploads, longest.rows, replayed, len(header)),
    )


def longest_of(uploads: Sequence[Upload]) -> Upload:
    """The upload that tells most of the match."""
    return max(uploads, key=lambda upload: len(upload.frames))


def _difference(uploads: Sequence[Upload], are_complete: Sequence[bool], header: str) -> str | None:
    """Why the uploads are not equal, None if they are."""
    for peer, upload in enumerate(uploads):
        if upload.problem is not None:
            return f"peer {peer}'s upload cannot be read: {upload.problem}"
    longest = longest_of(uploads)
    for upload in uploads:
        found = first_row_difference(header + upload.rows, header + longest.rows)
        if found is not None:
            return found
    if len({upload.rows for upload, whole in zip(uploads, are_complete, strict=True) if whole}) > 1:
        return "peers that completed have tables of different length"
    if any(upload.frames != longest.frames[: len(upload.frames)] for upload in uploads):
        return "the inputs of the peers differ"
    return None


def _episodes(
    uploads: Sequence[Upload], rows: str, replayed: str | None, header_length: int
) -> tuple[dict[str, Any], ...]:
    """The verdict episode by episode: one that went wrong does not spoil those before it."""
    mine = _by_episode(rows)
    others = [_by_episode(upload.rows) for upload in uploads]
    again = None if replayed is None else _by_episode(replayed[header_length:])
    found = []
    for episode, lines in mine.items():
        is_equal = all(lines[: len(o.get(episode, []))] == o.get(episode, []) for o in others)
        if again is None:
            replay = "not-replayable"
        else:
            replay = "equal" if again.get(episode) == lines else "differs"
        found.append({"episode": episode, "rows": len(lines), "is_equal": is_equal, "replay": replay})
    return tuple(found)


def _by_episode(rows: str) -> dict[int, list[str]]:
    """Lines by the number in their second cell; a line without one is of episode -1."""
    found: dict[int, list[str]] = {}
    for line in rows.splitlines():
        cells = line.split(",", 2)
        is_row = len(cells) == 3 and EPISODE.fullmatch(cells[1]) is not None
        found.setdefault(int(cells[1]) if is_row else -1, []).append(line)
    return found


def main() -> int:
    """The replaying process: inputs on standard input, the table's text on standard output."""
    try:
        text = replayed_rows(json.loads(sys.stdin.read()))
    except (RollbackError, KeyError, TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

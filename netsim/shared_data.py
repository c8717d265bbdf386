"""The peers' tables after a run, and whether they are equal and true."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from netsim.host import Host
from netsim.replay import replay_frames
from netsim.world import World, diverging_peers, has_liars
from rollback_core.events import CommittedFrame
from rollback_core.recorder import csv_text, first_row_difference, local_header, shared_header, shared_row

DATA_EQUAL: Final = ("D1", "data equal", "All peers' shared tables are equal, byte for byte.")
DATA_TRUE: Final = ("D2", "data true", "The shared table equals a replay without a network.")


@dataclass(frozen=True, slots=True)
class SessionData:
    """Per peer: committed frames (freeze frames included) and both tables as CSV text."""

    frames: list[list[CommittedFrame]]
    shared_csv: list[str]
    local_rows: list[list[tuple[Any, ...]]]  # header first

    @property
    def local_csv(self) -> list[str]:
        return [csv_text(rows) for rows in self.local_rows]

    @property
    def longest(self) -> list[CommittedFrame]:
        """The most complete history that any peer holds."""
        return max(self.frames, key=len)


def collect(world: World) -> SessionData:
    """Take every recorder's rows. What a reloaded peer's former self had recorded is gone."""
    frames = []
    shared = []
    local = []
    for host in world.hosts:
        recorder = host.peer.recorder
        mine = [] if world.is_another_session else recorder.take_shared()
        frames.append(mine)
        shared.append(_text(world, mine))
        local_rows = [] if world.is_another_session else recorder.take_local()
        local.append([local_header(world.spec), *local_rows])
    return SessionData(frames, shared, local)


def verdict_of_data(world: World, data: SessionData) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Two oracle entries, and the `data` entry of result.json.

    Peers that ended together must have equal tables; where a peer was lost, the shorter table must
    be a prefix of the longer one. Where a peer was made to diverge, this holds for what was not labelled
    invalid, or had been compared; where a member lies, nothing is promised.
    """
    frames, texts, promise = data.frames, data.shared_csv, ""
    diverging = sorted(diverging_peers(world.scenario))
    if has_liars(world.scenario):
        frames, texts, promise = [[]], [_text(world, [])], "no data are promised, as a member lies"
    elif diverging:
        promise = f"data are promised up to where peer {', '.join(map(str, diverging))} diverged"
        frames = [_sound(host, mine) for host, mine in zip(world.hosts, frames, strict=True)]
        texts = [_text(world, mine) for mine in frames]
    longest = max(texts, key=len)
    difference = next((d for text in texts if (d := first_row_difference(text, longest))), None)
    complete = [
        text
        for host, text in zip(world.hosts, texts, strict=False)
        if host.peer.session.ended is not None
        and host.peer.session.ended.reason.value in ("completed", "focus-timeout")
    ]
    if difference is None and len(set(complete)) > 1 and not diverging:
        difference = "peers that completed have tables of different length"
    replayed = csv_text(replay_frames(world.scenario, max(frames, key=len)))
    untrue = first_row_difference(longest, replayed) if replayed != longest else None
    rows = longest.count("\n") - 1
    return [
        _entry(DATA_EQUAL, rows, difference),
        _entry(DATA_TRUE, rows, untrue),
    ], {
        "rows": rows,
        "sha256": hashlib.sha256(longest.encode()).hexdigest(),
        "equal": difference is None,
        "true": untrue is None,
        "promise": promise,
        "first_difference": difference or untrue,
    }


def _text(world: World, frames: list[CommittedFrame]) -> str:
    rows = [row for row in map(shared_row, frames) if row is not None]
    return csv_text([shared_header(world.spec), *rows])


def _sound(host: Host, frames: list[CommittedFrame]) -> list[CommittedFrame]:
    """Up to where the peer says that its data are invalid, or else up to the last comparison."""
    invalid = host.peer.recorder.invalid_from
    return frames[: host.peer.session.desync.exchange.agreed + 1 if invalid is None else invalid[0]]


def _entry(law: tuple[str, str, str], checks: int, difference: str | None) -> dict[str, Any]:
    violation = None
    if difference is not None:
        violation = {"frame": None, "player": None, "peer": None, "message": difference}
    return {
        **dict(zip(("id", "name", "law"), law, strict=True)),
        "ok": difference is None,
        "checks": checks,
        "room": None,
        "unit": "",
        "violation": violation,
    }

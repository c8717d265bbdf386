"""The peers' tables after a run, and whether they are equal and true."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.replay import replay_frames
from netsim.world import World, diverging_peers, has_liars
from rollback_core.events import CommittedFrame, Event, RolledBack
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


class TablesTold(Oracle):
    """A peer's tables hold every frame that its session told as committed, and of each what was told."""

    id = "D3"
    name = "data told"
    stands_lies = True

    def __init__(self) -> None:
        super().__init__()
        # By peer and incarnation, all that was told of them.
        self._frames: dict[tuple[int, int], list[CommittedFrame]] = {}
        self._rollbacks: dict[tuple[int, int], list[RolledBack]] = {}

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        self._frames.setdefault((host.index, host.incarnation), []).extend(frames)

    def committed(self, host: Host, frame: CommittedFrame) -> None:
        self.committed_all(host, (frame,))

    def event(self, host: Host, event: Event) -> None:
        if type(event) is RolledBack:
            self._rollbacks.setdefault((host.index, host.incarnation), []).append(event)

    def compare(self, world: World, data: SessionData) -> None:
        """The run is over, and these are the tables."""
        if world.is_another_session:
            return
        for host, frames, (_, *rows) in zip(world.hosts, data.frames, data.local_rows, strict=True):
            key = (host.index, host.incarnation)
            told, rollbacks = self._frames.get(key, []), self._rollbacks.get(key, [])
            match = host.peer.session.match
            self.checks += len(told)
            if len(told) != match.committed + 1:
                self.fail(f"{len(told)} frames were told", frame=match.committed, peer=host.index)
            if len(rollbacks) != match.rollbacks:
                self.fail(f"{match.rollbacks} rollbacks, {len(rollbacks)} were told", peer=host.index)
            self._compare("the shared table", frames, told, host)
            found = [(row[0], row[3:-3], row[-3]) for row in rows]
            self._compare("the local table", found, _local_told(told, rollbacks), host)

    def _compare(self, what: str, found: Sequence[Any], told: Sequence[Any], host: Host) -> None:
        if found == told:
            return
        for mine, right in zip(found, told, strict=False):
            if mine != right:
                self.fail(f"{what} has {mine}, {right} was told", frame=right[0], peer=host.index)
                return
        self.fail(f"{what} has {len(found)} frames, {len(told)} were told", peer=host.index)


def _local_told(
    told: Sequence[CommittedFrame], rollbacks: Sequence[RolledBack]
) -> list[tuple[int, tuple[bool, ...], str]]:
    """What the local table must say: by frame with a row, who was assumed, and its rollbacks."""
    texts: dict[int, str] = {}
    for frame, *rest in rollbacks:
        text = ":".join(map(str, rest))
        texts[frame] = f"{texts[frame]};{text}" if frame in texts else text
    noted: dict[int, tuple[bool, ...]] = {}
    rows = []
    for number, actions, _, mask, _, outcome in told:
        if outcome is not None:
            if mask not in noted:
                noted[mask] = tuple([bool(mask >> player & 1) for player in range(len(actions))])
            rows.append((number, noted[mask], texts.get(number, "")))
    return rows


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
    untrue = None
    if replayed != longest:
        untrue = first_row_difference(longest, replayed) or "the replay gives more rows"
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

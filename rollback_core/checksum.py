"""Finding out that peers' committed pasts differ, and where.

Every `interval` committed frames each peer sends a checksum of that frame (state before it, inputs,
row) and of a chain over all inputs and rows before it. Since committed frames are final, a checksum
is valid whenever it exists. The snapshots since the last agreed frame are kept, not their checksums:
on a mismatch both peers send short checksums of every frame since, find the first that differs, and
exchange its bytes to name the field.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Final
from zlib import crc32

from rollback_core import canonical, wire
from rollback_core.errors import WireError
from rollback_core.events import CommittedFrame, DesyncAttributed, DesyncDetected, FrameOutcome
from rollback_core.messages import ChecksumItem, ChecksumRangeItem, DumpItem, Item

MAX_TEXT: Final = 200  # of a value shown in an event
MAX_KEPT: Final = 1_024  # checksums a partner may be ahead of us, or we of a partner


def frame_bytes(encoded_state: bytes, frame: CommittedFrame) -> bytes:
    """Canonical bytes of everything two peers must agree on for one frame."""
    return canonical.encode(
        {
            "inputs": {"actions": frame.actions, "focused": frame.focus_mask, "left": frame.left_mask},
            "row": None if frame.outcome is None else frame.outcome._asdict(),
            "state": encoded_state,
        }
    )


def chained(chain: int, frames: Iterable[CommittedFrame]) -> int:
    """The running checksum with more committed frames: of `(actions, focus, left, outcome)` as repr says it.

    Every frame comes through here, so what stays the same from frame to frame is written once: a game
    whose outcome is quiet gives the very same values again. By identity, as 1, 1.0 and True are equal.
    """
    texts = []
    last: FrameOutcome | None = None
    known: tuple[tuple[int, ...], int, int] | None = None
    before_t = after_t = ""
    for _, actions, focus, _, left, outcome in frames:
        if outcome is None:
            texts.append(f"({actions!r}, {focus}, {left}, None)")
            continue
        if (
            last is None
            or (actions, focus, left) != known
            or outcome[2] is not actions
            or outcome[3] is not last[3]
            or outcome[4] is not last[4]
            or outcome[5] is not last[5]
            or outcome[6] is not last[6]
            or outcome[7] != last[7]
            or outcome[0] != last[0]
        ):
            last = outcome
            # With actions that the game took otherwise than they were sent, the next frame is written anew.
            known = (actions, focus, left) if outcome[2] is actions else None
            before_t = f"({actions!r}, {focus}, {left}, FrameOutcome(episode={outcome[0]}, t="
            after_t = (
                f", actions={outcome[2]!r}, rewards={outcome[3]!r}, terminateds={outcome[4]!r},"
                f" truncateds={outcome[5]!r}, infos={outcome[6]!r}, ends={outcome[7]}))"
            )
        texts.append(f"{before_t}{outcome[1]}{after_t}")
    return crc32("".join(texts).encode(), chain)


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[: wire.DIGEST_BYTES]


class ChecksumExchange:
    """The comparisons with all partners; `agreed` is the last frame that all agreed on, -1 if none."""

    __slots__ = (
        "_dumps",
        "_found",
        "_located",
        "_mine",
        "_mismatch",
        "_partners",
        "_ranges",
        "_theirs",
        "_verdicts",
        "comparisons",
        "desyncs",
        "me",
    )

    def __init__(self, me: int, partners: tuple[int, ...]) -> None:
        self.me = me
        self._partners = partners
        self._mine: dict[int, bytes] = {}
        self._theirs: dict[int, dict[int, bytes]] = {peer: {} for peer in partners}
        self._verdicts: dict[int, int] = {peer: -1 for peer in partners}  # last agreed frame
        self._mismatch: dict[int, int] = {}  # peer -> checked frame
        self._ranges: dict[int, ChecksumRangeItem] = {}
        self._found: dict[int, int] = {}  # peer -> first diverging frame
        self._dumps: dict[int, list[bytes | None]] = {}
        self._located: set[int] = set()
        self.comparisons = 0
        self.desyncs = 0

    @property
    def agreed(self) -> int:
        return min(self._verdicts.values(), default=-1)

    @property
    def waiting(self) -> int:
        """Checksums, ours and theirs, that have no counterpart yet."""
        return len(self._mine) + sum(map(len, self._theirs.values()))

    @property
    def oldest(self) -> int | None:
        """The earliest frame whose checksum of ours is still to be compared."""
        return next(iter(self._mine), None)

    @property
    def is_clean(self) -> bool:
        """No comparison has failed."""
        return not self.desyncs

    @property
    def is_locating(self) -> bool:
        return any(peer in self._mismatch and peer not in self._located for peer in self._partners)

    def drop_partner(self, peer: int) -> None:
        self._verdicts.pop(peer, None)
        self._theirs.pop(peer, None)
        self._partners = tuple(other for other in self._partners if other != peer)

    def add_mine(self, frame: int, checksum: bytes) -> ChecksumItem:
        if len(self._mine) >= MAX_KEPT:
            # Only of a partner that keeps its checksums back is so much waited for.
            oldest = next(iter(self._mine))
            del self._mine[oldest]
            for theirs in self._theirs.values():
                theirs.pop(oldest, None)
        self._mine[frame] = checksum
        return ChecksumItem(frame, checksum)

    def add_theirs(self, peer: int, item: ChecksumItem) -> None:
        theirs = self._theirs.get(peer)
        if theirs is None:
            return
        if len(theirs) >= MAX_KEPT:
            raise WireError(f"checksums: more than {MAX_KEPT} ahead")
        theirs[item.frame] = item.digest

    def compare(self) -> tuple[list[tuple[int, int, int]], list[DesyncAttributed]]:
        """Compare what both sides have. Gives new mismatches as (peer, frame, last agreed), and blame."""
        mismatches = []
        attributed = []
        for frame, mine in sorted(self._mine.items()):
            answers = {}
            for peer in self._partners:
                theirs = self._theirs[peer].get(frame)
                if theirs is not None:
                    answers[peer] = theirs
            for peer, theirs in answers.items():
                if self._verdicts[peer] >= frame or self._mismatch.get(peer, -1) >= frame:
                    continue
                self.comparisons += 1
                if theirs == mine:
                    if peer not in self._mismatch:
                        self._verdicts[peer] = frame
                else:
                    self.desyncs += 1
                    if peer not in self._mismatch:
                        mismatches.append((peer, frame, self._verdicts[peer]))
                    self._mismatch[peer] = frame
            if len(answers) == len(self._partners):
                blame = _minority({**answers, self.me: mine})
                if blame:
                    attributed.append(DesyncAttributed(frame, blame))
                del self._mine[frame]
                for peer in self._partners:
                    del self._theirs[peer][frame]
        return mismatches, attributed

    def add_range(self, peer: int, item: ChecksumRangeItem) -> None:
        self._ranges.setdefault(peer, item)

    def can_locate(self, peer: int) -> bool:
        """Both sides know of the mismatch, and the first diverging frame is not found yet."""
        return peer in self._ranges and peer in self._mismatch and peer not in self._found

    def first_diverging(self, peer: int, short_digests: dict[int, bytes]) -> int | None:
        """The first frame of the partner's range that differs from ours, once both are known."""
        item = self._ranges[peer]
        for frame, theirs in enumerate(item.digests, item.first):
            mine = short_digests.get(frame)
            if mine is not None and mine != theirs:
                self._found[peer] = frame
                return frame
        return None

    def add_dump(self, peer: int, item: DumpItem) -> bytes | None:
        """The whole dump once its last part is there."""
        parts = self._dumps.setdefault(peer, [None] * item.parts)
        if len(parts) != item.parts:
            raise WireError(f"dump: {item.parts} parts after {len(parts)}")
        parts[item.part] = item.data
        whole = [part for part in parts if part is not None]
        return b"".join(whole) if len(whole) == len(parts) else None

    def located(self, peer: int, mine: bytes, theirs: bytes) -> DesyncDetected:
        """The event that names the first field in which the two dumps differ."""
        frame = self._found[peer]
        self._located.add(peer)
        try:
            field, left, right = explain(mine, theirs)
        except WireError:
            field, left, right = "(too large to exchange)", "", ""
        return DesyncDetected(
            peer, self._mismatch[peer], frame, field, repr(left)[:MAX_TEXT], repr(right)[:MAX_TEXT], True
        )

    def found(self, peer: int) -> int | None:
        return self._found.get(peer)


def explain(mine: bytes, theirs: bytes) -> tuple[str, Any, Any]:
    """Path of the first differing field of two frames' bytes, with both values."""
    left, right = _readable(canonical.decode(mine)), _readable(canonical.decode(theirs))
    found = canonical.first_difference(left, right)
    return found if found else ("(equal)", "", "")


def _readable(value: Any) -> Any:
    """Nested canonical bytes, as a game's state in a match's state, are read where they can be."""
    if isinstance(value, bytes):
        try:
            return _readable(canonical.decode(value))
        except WireError:
            return value
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    return value


def dump_parts(frame: int, data: bytes) -> list[Item]:
    size = wire.MAX_DUMP_PART_BYTES
    pieces = [data[at : at + size] for at in range(0, len(data), size)][: wire.MAX_DUMP_PARTS]
    return [DumpItem(frame, index, len(pieces), piece) for index, piece in enumerate(pieces)]


def _minority(answers: dict[int, bytes]) -> tuple[int, ...]:
    """The peers that differ from a strict majority; empty when all agree or none is a majority."""
    values = sorted(answers.values())
    middle = values[len(values) // 2]
    if 2 * values.count(middle) <= len(values):
        return ()
    return tuple(peer for peer in sorted(answers) if answers[peer] != middle)

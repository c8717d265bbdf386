"""A session's watch over its committed past: when to send a checksum, what to do on a mismatch."""

from rollback_core import checksum, wire
from rollback_core.checksum import ChecksumExchange
from rollback_core.errors import SimulationError, WireError
from rollback_core.events import CommittedFrame, DesyncDetected, Event
from rollback_core.match import Match
from rollback_core.messages import ChecksumItem, ChecksumRangeItem, DumpItem, Item
from rollback_core.timeline import PRUNE_CHUNK


class DesyncWatch:
    """Feeds the exchange from the match. `outbox` (peer, item) and `events` are the session's to drain."""

    __slots__ = (
        "_chain",
        "_due",
        "_interval",
        "_match",
        "_own",
        "_partners",
        "_unchained",
        "events",
        "exchange",
        "outbox",
    )

    def __init__(self, match: Match, me: int, partners: tuple[int, ...], interval: int) -> None:
        self._match = match
        self._partners = partners
        self._interval = interval
        self._chain = 0  # over inputs and rows of every committed frame: a single odd row shows for good
        self._unchained: list[
            CommittedFrame
        ] = []  # committed frames that the chain lacks: one interval at most
        self._due = interval  # the frame of the next checksum
        self._own: dict[int, bytes] = {}  # peer -> our bytes of the diverging frame, until theirs come
        self.exchange = ChecksumExchange(me, partners)
        self.outbox: list[tuple[int, Item]] = []
        self.events: list[Event] = []

    def committed(self, frames: list[CommittedFrame]) -> None:
        """Checksum the frames at which a comparison is due, the last of the match included."""
        if not self._interval:
            return
        self._unchained += frames
        last = frames[-1].frame
        is_over = self._match.end_reason is not None
        if last < self._due and not is_over:
            return
        while self._due <= last:
            self._add(self._due)
            self._due += self._interval
        if is_over and self._unchained:
            self._add(last)
        self._compare()

    def _add(self, number: int) -> None:
        """The checksum of this frame: of all about it, and of the chain up to it."""
        count = number - self._unchained[0].frame + 1
        self._chain = checksum.chained(self._chain, self._unchained[:count])
        del self._unchained[:count]
        data = self._bytes(number) + self._chain.to_bytes(4, "little")
        item = self.exchange.add_mine(number, checksum.digest(data))
        self.outbox.extend((peer, item) for peer in self._partners)

    def receive(self, peer: int, item: ChecksumItem | ChecksumRangeItem | DumpItem) -> None:
        match item:
            case ChecksumItem():
                self.exchange.add_theirs(peer, item)
                self._compare()
            case ChecksumRangeItem():
                self.exchange.add_range(peer, item)
                self._locate(peer)
            case DumpItem(frame):
                whole = self.exchange.add_dump(peer, item)
                if whole is not None and peer in self._own and self.exchange.found(peer) == frame:
                    self.events.append(self.exchange.located(peer, self._own.pop(peer), whole))

    @property
    def is_locating(self) -> bool:
        """A difference is known, but the partner has not told yet where it begins."""
        return self.exchange.is_locating

    @property
    def states_needed_from(self) -> int:
        """The earliest frame whose state may still be asked for; bounded however comparisons go."""
        if not self._interval:
            return self._match.committed + 1
        return max(self.exchange.agreed + 1, self._match.committed - 2 * self._interval - PRUNE_CHUNK)

    def drop_partner(self, peer: int) -> None:
        self._partners = tuple(other for other in self._partners if other != peer)
        self.exchange.drop_partner(peer)
        self._compare()

    def _compare(self) -> None:
        mismatches, attributed = self.exchange.compare()
        for peer, frame, agreed in mismatches:
            self.events.append(DesyncDetected(peer, frame, agreed + 1, "", "", "", False))
            first = max(agreed + 1, self._match.timeline.base)
            digests = tuple(self._short(f) for f in range(first, frame + 1))[: wire.MAX_RANGE]
            self.outbox.append((peer, ChecksumRangeItem(first, digests)))
            self._locate(peer)
        self.events.extend(attributed)

    def _locate(self, peer: int) -> None:
        match = self._match
        frames = range(match.timeline.base, match.committed + 1)
        if not self.exchange.can_locate(peer):
            return
        found = self.exchange.first_diverging(peer, {frame: self._short(frame) for frame in frames})
        if found is not None:
            self._own[peer] = self._told(found)
            self.outbox.extend((peer, part) for part in checksum.dump_parts(found, self._own[peer]))

    def _short(self, frame: int) -> bytes:
        return checksum.digest(self._told(frame))[: wire.SHORT_DIGEST_BYTES]

    def _told(self, frame: int) -> bytes:
        """`_bytes`, to find out where peers differ: a state that the game cannot say is told as none."""
        try:
            return self._bytes(frame)
        except SimulationError:
            return checksum.frame_bytes(b"", self._kept(frame))

    def _bytes(self, frame: int) -> bytes:
        kept = self._kept(frame)
        game, state = self._match.timeline.game, self._match.timeline.state(frame)
        try:
            encoded = game.encode_state(state)
        except Exception as error:  # the game's own, like those of its steps
            raise SimulationError(frame, f"{type(error).__name__}: {error}") from error
        return checksum.frame_bytes(encoded, kept)

    def _kept(self, frame: int) -> CommittedFrame:
        kept = self._match.kept(frame)
        if kept is None:
            raise WireError(f"frame {frame} is not kept any more")
        return kept

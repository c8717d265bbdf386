"""The reliable, ordered stream of small items between two peers.

Whatever must arrive goes through here and nowhere else: items are numbered, acknowledged
cumulatively, and sent again until acknowledged. Sending twice is harmless, sending once never
happens for something that matters.
"""

from typing import Final

from rollback_core import wire
from rollback_core.errors import UsageError, WireError
from rollback_core.messages import Control

RESEND_US: Final = 200_000  # as GGPO's; above most round trips, below what a person notices
MAX_ITEM_BYTES: Final = wire.MAX_DATAGRAM_BYTES - wire.CONTROL_HEADER_BYTES - wire.ITEM_HEADER_BYTES
MAX_AHEAD: Final = 4_096  # items that a partner may be ahead; more is not a partner of ours


class ControlStream:
    """Both directions of the stream with one peer."""

    __slots__ = ("_first", "_next_to_send", "_pending", "is_ack_owed", "received")

    def __init__(self) -> None:
        self._first = 0  # number of _pending[0]
        self._pending: list[bytes] = []
        self._next_to_send = 0
        self.received = 0
        self.is_ack_owed = False

    @property
    def pending(self) -> int:
        """Items not acknowledged yet."""
        return len(self._pending)

    @property
    def first_pending(self) -> int:
        """Number of the first item not acknowledged yet."""
        return self._first

    @property
    def has_news(self) -> bool:
        """Something should be sent without waiting for the timer."""
        return self.is_ack_owed or self._next_to_send < self._first + len(self._pending)

    def queue(self, item: bytes) -> None:
        """Send this item, once, in order, until it is acknowledged."""
        if len(item) > MAX_ITEM_BYTES:
            raise UsageError(f"control: an item of {len(item)} bytes, at most {MAX_ITEM_BYTES} fit")
        self._pending.append(item)

    def rewind(self) -> None:
        """Send everything unacknowledged again."""
        self._next_to_send = self._first

    def datagrams(self, tag: bytes) -> list[bytes]:
        """What is to be sent now: items never sent, or just an acknowledgement."""
        result = []
        while self.has_news:
            start = self._next_to_send - self._first
            room = wire.MAX_DATAGRAM_BYTES - wire.CONTROL_HEADER_BYTES
            stop = start
            while stop < len(self._pending):
                room -= wire.ITEM_HEADER_BYTES + len(self._pending[stop])
                if room < 0:
                    break
                stop += 1
            result.append(
                wire.encode_control(tag, self._next_to_send, self.received, self._pending[start:stop])
            )
            self._next_to_send = self._first + stop
            self.is_ack_owed = False
        return result

    def fresh(self, message: Control) -> tuple[bytes, ...]:
        """The items that `receive` would take, or WireError; changes nothing."""
        if message.ack > self._next_to_send:
            raise WireError(f"control: item {message.ack} acknowledged but never sent")
        if message.first > self.received + MAX_AHEAD:
            raise WireError(f"control: item {message.first} is too far ahead")
        skip = self.received - message.first
        # With a gap before them they will come again.
        return message.items[skip:] if skip >= 0 else ()

    def receive(self, message: Control) -> tuple[bytes, ...]:
        """Take the message in; the items that are new, in order."""
        fresh = self.fresh(message)
        if message.ack > self._first:
            del self._pending[: message.ack - self._first]
            self._first = message.ack
        if message.items:
            self.is_ack_owed = True
        self.received += len(fresh)
        return fresh

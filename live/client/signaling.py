"""Signals between two peers, through the server: numbered, acknowledged, sent again until then.

A WebSocket loses what was under way when it broke, and a server may hand messages on twice; offers and
candidates must come once and in order all the same. Both directions of one pair are one stream.
"""

import json
from typing import Any, Final

RESEND_US: Final = 1_000_000  # the server answers in milliseconds; a second is a lost message
MAX_MESSAGE_BYTES: Final = 48 * 1024  # below the 64 KiB of a control message, with room for its head
MAX_PENDING: Final = 512  # of a partner that never acknowledges; a connection makes about twenty
MAX_ITEM_BYTES: Final = 32 * 1024  # a description with many candidates takes 4

Body = dict[str, Any]


class SignalStream:
    """What goes to one peer and what comes from it."""

    __slots__ = ("_first", "_is_ack_owed", "_next", "_pending", "_received", "_resend_us")

    def __init__(self) -> None:
        self._first = 0  # serial of _pending[0]
        self._pending: list[Body] = []
        self._next = 0  # serial of the next item to send
        self._received = 0  # serial of the next item expected
        self._is_ack_owed = False
        self._resend_us = 0

    @property
    def pending(self) -> int:
        """Items not acknowledged yet."""
        return len(self._pending)

    def queue(self, body: Body) -> None:
        """Send this once, in order. Of a partner that never answers the newest are dropped: it is gone."""
        if len(self._pending) < MAX_PENDING:
            self._pending.append(body)

    def rewind(self) -> None:
        """The socket is a new one: what was not acknowledged may never have left."""
        self._next = self._first
        self._is_ack_owed = self._is_ack_owed or self._received > 0

    def next_wake_us(self) -> int | None:
        """When unacknowledged items are due again; None when there are none."""
        return self._resend_us if self._pending else None

    def messages(self, now_us: int) -> list[tuple[list[Body], int]]:
        """What is to be sent now, as (items, ack); mostly nothing."""
        if self._pending and self._next > self._first and now_us >= self._resend_us:
            self._next = self._first
        found = []
        while self._is_ack_owed or self._next < self._first + len(self._pending):
            items: list[Body] = []
            size = 0
            for body in self._pending[self._next - self._first :]:
                size += len(json.dumps(body))
                if items and size > MAX_MESSAGE_BYTES:
                    break
                items.append({"serial": self._next + len(items), "body": body})
            self._next += len(items)
            self._is_ack_owed = False
            self._resend_us = now_us + RESEND_US
            found.append((items, self._received))
        return found

    def receive(self, items: list[Body], ack: int) -> list[Body]:
        """Take a message in; the bodies that are new, in order."""
        if self._first < ack <= self._next:
            del self._pending[: ack - self._first]
            self._first = ack
        fresh = []
        for item in items:
            if item["serial"] == self._received:
                self._received += 1
                fresh.append(item["body"])
        if items:
            self._is_ack_owed = True
        return fresh

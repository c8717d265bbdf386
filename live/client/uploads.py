"""Tables on their way to the server: numbered chunks, kept until the server says that they are durable.

A chunk once made never changes; it is sent again after the socket was lost, and stored once however
often it comes.
"""

from collections import deque
from typing import Final

TABLES: Final = ("frames", "local", "log")
MAX_IN_FLIGHT: Final = 16  # chunks per table; keeps a reconnect from flooding the server


class _Table:
    __slots__ = ("count", "first", "next", "pending")

    def __init__(self) -> None:
        self.first = 0  # serial of pending[0]
        self.next = 0  # serial of the next chunk to send
        self.count = 0  # chunks made
        self.pending: deque[str] = deque()


class Uploads:
    """All tables of one match."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables = {name: _Table() for name in TABLES}

    def add(self, table: str, data: str) -> None:
        """The next chunk of a table."""
        found = self._tables[table]
        found.pending.append(data)
        found.count += 1

    def to_send(self) -> list[tuple[str, int, str]]:
        """(table, serial, data) of what has not left yet, as far as the window allows."""
        out = []
        for name, table in self._tables.items():
            stop = min(table.count, table.first + MAX_IN_FLIGHT)
            while table.next < stop:
                out.append((name, table.next, table.pending[table.next - table.first]))
                table.next += 1
        return out

    def acked(self, name: str, serial: int) -> None:
        """Every chunk up to and with this number is durable; a number never sent is nothing."""
        table = self._tables.get(name)
        if table is None or serial >= table.next:
            return
        while table.first <= serial:
            table.pending.popleft()
            table.first += 1

    def rewind(self) -> None:
        """The socket is a new one: send what is not acknowledged again."""
        for table in self._tables.values():
            table.next = table.first

    @property
    def is_empty(self) -> bool:
        """Everything made so far is durable."""
        return all(not table.pending for table in self._tables.values())

    def counts(self) -> dict[str, int]:
        """Chunks made, by table."""
        return {name: table.count for name, table in self._tables.items()}

"""What the relay really did to each datagram of one direction, and the figures of it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

SAMPLE_US: Final = 100_000  # one point of a plotted series, as in the simulator
MAX_DATAGRAMS: Final = 1_000_000  # of one direction: over an hour of play; what comes after is not recorded

Fate = tuple[int, ...]
"""Delay in us of each copy that arrived; () for a datagram that was lost."""


class Figures(NamedTuple):
    """Of one direction. Delays are of first copies."""

    sent: int
    lost: int
    duplicated: int
    reordered: int
    delay_p50_us: int
    delay_p95_us: int


class Record:
    """The datagrams of one direction since arming, in the order in which they came."""

    __slots__ = ("_delivered_at_us", "bytes", "due_us", "lateness_us", "sent_us", "sizes", "unrecorded")

    def __init__(self) -> None:
        self.sent_us: list[int] = []
        self.sizes: list[int] = []
        self.due_us: list[tuple[int, ...]] = []  # as the network said
        self.lateness_us: list[int] = []  # of each delivery against what the network said
        self._delivered_at_us: list[list[int]] = []
        self.bytes = 0
        self.unrecorded = 0

    def sent(self, now_us: int, size_bytes: int, due_us: tuple[int, ...]) -> int | None:
        """A datagram came; gives its number."""
        if len(self.sent_us) >= MAX_DATAGRAMS:
            self.unrecorded += 1
            return None
        self.sent_us.append(now_us)
        self.sizes.append(size_bytes)
        self.due_us.append(due_us)
        self._delivered_at_us.append([])
        self.bytes += size_bytes
        return len(self.sent_us) - 1

    def delivered(self, number: int, due_us: int, now_us: int) -> None:
        """A copy of it was handed on."""
        self._delivered_at_us[number].append(now_us)
        self.lateness_us.append(now_us - due_us)

    @property
    def settled(self) -> int:
        """The first so many datagrams have met their fate; after them, some may be under way."""
        under_way = (
            number for number, due in enumerate(self.due_us) if len(due) > len(self._delivered_at_us[number])
        )
        return next(under_way, len(self.due_us))

    def fates(self) -> list[Fate]:
        """Of the settled datagrams, as it really was."""
        return [
            tuple(at_us - sent_us for at_us in delivered)
            for sent_us, delivered in zip(self.sent_us, self._delivered_at_us[: self.settled], strict=False)
        ]

    def table(self, source: int, target: int) -> dict[str, Any]:
        """The entry of result.json, as the simulator's."""
        fates = self.fates()
        found = figures(self.sent_us, fates)
        return {
            "source": source,
            "target": target,
            "sent": found.sent,
            "delivered": sum(map(len, fates)),
            "lost": found.lost,
            "duplicated": found.duplicated,
            "reordered": found.reordered,
            "bytes": self.bytes,
            "delay_p50_us": found.delay_p50_us,
            "delay_p95_us": found.delay_p95_us,
            "delay_max_us": max((delay for fate in fates for delay in fate), default=0),
            "lateness_p50_us": quantile(self.lateness_us, 50),
            "lateness_p95_us": quantile(self.lateness_us, 95),
            "series": self._series(fates),
        }

    def _series(self, fates: Sequence[Fate]) -> dict[str, list[Any]]:
        series: dict[str, list[Any]] = {"t_us": [], "delay_us": [], "lost": []}
        at = 0
        while at < len(fates):
            end_us = self.sent_us[at] - self.sent_us[at] % SAMPLE_US + SAMPLE_US
            begin = at
            while at < len(fates) and self.sent_us[at] < end_us:
                at += 1
            delays = [fate[0] for fate in fates[begin:at] if fate]
            series["t_us"].append(end_us)
            series["delay_us"].append(quantile(delays, 50) if delays else None)
            series["lost"].append(sum(not fate for fate in fates[begin:at]))
        return series


def figures(sent_us: Sequence[int], fates: Sequence[Fate]) -> Figures:
    """The figures of datagrams sent at these times with these fates."""
    delays = [min(fate) for fate in fates if fate]
    reordered = 0
    newest_us = -1
    arrivals = sorted(
        (at_us + delay, at_us) for at_us, fate in zip(sent_us, fates, strict=False) for delay in fate
    )
    for _, at_us in arrivals:
        if at_us < newest_us:
            reordered += 1
        newest_us = max(newest_us, at_us)
    return Figures(
        sent=len(fates),
        lost=sum(not fate for fate in fates),
        duplicated=sum(len(fate) > 1 for fate in fates),
        reordered=reordered,
        delay_p50_us=quantile(delays, 50),
        delay_p95_us=quantile(delays, 95),
    )


def quantile(values: Iterable[int], percent: int) -> int:
    """The smallest value such that so many percent are not above it; 0 of nothing."""
    ordered = sorted(values)
    if not ordered:
        return 0
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]

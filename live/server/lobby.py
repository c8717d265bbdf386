"""Who waits, and who plays with whom: groups form in the order of arrival, one at a time.

A pure machine. People are named by their participant id; whoever is away keeps their place in the line
but is never put into a group.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Lobby:
    """`size` people make a group."""

    size: int
    _waiting: list[str] = field(default_factory=list)
    _away: set[str] = field(default_factory=set)

    def enter(self, person: str) -> None:
        """Join the end of the line, or come back to one's place in it."""
        self._away.discard(person)
        if person not in self._waiting:
            self._waiting.append(person)

    def away(self, person: str) -> None:
        """The person's socket is gone; they may come back."""
        if person in self._waiting:
            self._away.add(person)

    def leave(self, person: str) -> None:
        """Gone for good, or seated."""
        self._away.discard(person)
        if person in self._waiting:
            self._waiting.remove(person)

    @property
    def present(self) -> list[str]:
        """Those who wait and are there, in order."""
        return [person for person in self._waiting if person not in self._away]

    def form(self) -> list[str] | None:
        """The next group, taken out of the line; None while there are too few."""
        group = self.present[: self.size]
        if len(group) < self.size:
            return None
        for person in group:
            self.leave(person)
        return group

"""What a session makes known once every member holds it: frames, their checksums, ends of episodes."""

from collections.abc import Sequence

from rollback_core.desync import DesyncWatch
from rollback_core.events import EPISODE_GOES_ON, MATCH_ENDS, Committed, CommittedFrame, EpisodeEnded, Event
from rollback_core.mailbox import Mailbox
from rollback_core.match import Match

FORGET_EVERY = 16  # frames: looking for what is not needed costs as much as a frame


class Publication:
    """Commits frames of the match and tells: the host by events, partners by checksums."""

    __slots__ = ("_events", "_forget_at", "_mailbox", "_match", "desync")

    def __init__(self, match: Match, desync: DesyncWatch, mailbox: Mailbox, events: list[Event]) -> None:
        self._match = match
        self._mailbox = mailbox
        self._events = events
        self._forget_at = 0
        self.desync = desync

    def publish(self, known: int, now_us: int) -> bool:
        """Commit the frames up to `known`, which every member holds, and forget what nobody needs.

        False if there is none to commit.
        """
        match = self._match
        frames = match.commit(known)
        if not frames:
            return False
        self._events.append(Committed(tuple(frames)))
        self._tell_ends(frames)
        desync = self.desync
        desync.committed(frames)
        if desync.outbox or desync.events:
            self.drain_desync(now_us)
        if match.committed >= self._forget_at:
            self._forget_at = match.committed + FORGET_EVERY
            acked = [link.acked for link in self._mailbox.members]
            match.forget(
                inputs_before=min(acked, default=match.committed), states_before=desync.states_needed_from
            )
        return True

    def drain_desync(self, now_us: int) -> None:
        """Pass on what the watch over the committed past has to say, if anything."""
        desync = self.desync
        if desync.events:
            self._events.extend(desync.events)
            desync.events = []
        if desync.outbox:
            outbox, desync.outbox = desync.outbox, []
            self._mailbox.tell(outbox, now_us)

    def _tell_ends(self, frames: Sequence[CommittedFrame]) -> None:
        for frame in frames:
            outcome = frame.outcome
            if outcome is not None and outcome.ends != EPISODE_GOES_ON:
                is_last = outcome.ends == MATCH_ENDS
                self._events.append(EpisodeEnded(outcome.episode, frame.frame, is_last))

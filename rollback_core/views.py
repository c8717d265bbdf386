"""Views as a session's links see them: who is a member, whose inputs count, how long an agreement may take.

The rules of an agreement are in membership, what it does to the inputs in departure.
"""

from rollback_core import wire
from rollback_core.config import MatchTerms
from rollback_core.departure import Departure
from rollback_core.events import EndReason, Event
from rollback_core.link import Link
from rollback_core.mailbox import Mailbox
from rollback_core.match import Match
from rollback_core.messages import BackfillItem, DecisionItem, VoteItem
from rollback_core.publication import Publication
from rollback_core.timers import Timer, Timers


class Views:
    """Each method gives the reason for which this peer must end, or None: it goes on."""

    __slots__ = (
        "_departure",
        "_events",
        "_links",
        "_mailbox",
        "_match",
        "_patience_us",
        "_publication",
        "_timers",
        "_voted_against",
    )

    def __init__(
        self,
        terms: MatchTerms,
        me: int,
        match: Match,
        links: dict[int, Link],
        mailbox: Mailbox,
        publication: Publication,
        timers: Timers,
        events: list[Event],
    ) -> None:
        self._departure = Departure(match, me, terms.seats)
        self._patience_us = terms.reconnect_limit_us
        self._match = match
        self._links = links
        self._mailbox = mailbox
        self._publication = publication
        self._timers = timers
        self._events = events
        self._voted_against = 0  # the peers of our vote for which the deadline runs

    @property
    def epoch(self) -> int:
        """Number of the view: how often the membership has shrunk."""
        return self._departure.membership.epoch

    def lose(self, peer: int, now_us: int) -> EndReason | None:
        """The peer is gone, as far as we can tell."""
        self._departure.lose(1 << peer)
        return self._drain(now_us)

    def receive(
        self, peer: int, item: VoteItem | DecisionItem | BackfillItem, now_us: int
    ) -> EndReason | None:
        self._departure.receive(peer, item)
        return self._drain(now_us)

    def handle_timeout(self, now_us: int) -> EndReason | None:
        """A vote that can never arrive (a path cut in one direction) must not hold all for ever."""
        self._departure.lose(self._departure.membership.not_agreeing)
        return self._drain(now_us)

    def _drain(self, now_us: int) -> EndReason | None:
        departure = self._departure
        self._events.extend(departure.events)
        departure.events = []
        outbox, departure.outbox = departure.outbox, []
        if departure.has_new_view:
            departure.has_new_view = False
            self._enter()
            # Of those who are left, the last comparisons may just have become whole.
            self._publication.drain_desync(now_us)
        self._mailbox.tell(outbox, now_us)
        suspects = departure.membership.suspects
        if suspects != self._voted_against:
            # Each vote gets the whole time: it may have grown because of another loss just now.
            self._voted_against = suspects
            self._timers.stop(Timer.AGREEMENT)
            if suspects:
                self._timers.set(Timer.AGREEMENT, now_us + self._patience_us)
        for link in self._mailbox.members:
            if departure.refuses(link.peer):
                link.refuse_inputs()
        return departure.end_reason

    def _enter(self) -> None:
        """Only what members of this view report in this view counts from now on.

        But who is done will report no more: it has committed the match's last frame, so all hold all of it.
        """
        membership = self._departure.membership
        for link in self._links.values():
            if membership.members >> link.peer & 1:
                view = (membership.epoch, membership.members, membership.cuts)
                link.set_input_tags(wire.view_tag(link.tag, *view), wire.view_tag(link.their_tag, *view))
                if not link.is_done:
                    link.reported_confirmed = min(link.reported_confirmed, self._match.committed)
            elif link.is_member:
                link.is_member = False
                link.is_interrupted = False
                link.refuse_inputs()
                self._timers.stop(Timer.SILENCE, link.peer)
                self._timers.stop(Timer.CONTROL, link.peer)
                self._publication.desync.drop_partner(link.peer)
        self._mailbox.members = [link for link in self._links.values() if link.is_member]

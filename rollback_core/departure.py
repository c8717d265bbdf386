"""What a session does when a member of three or more is lost: vote, cut, fill in, go on.

The rules of the agreement are in membership; here they meet the inputs. A peer that lacks inputs of
a lost player below the cut asks all members, and whoever holds them answers, so that no single
peer's further loss can keep an input from the others.
"""

from rollback_core.errors import WireError
from rollback_core.events import EndReason, Event, PlayersLeft
from rollback_core.match import Match
from rollback_core.membership import Membership
from rollback_core.messages import BackfillItem, DecisionItem, Item, Run, VoteItem


class Departure:
    """Membership at work. `outbox` (peer, item) and `events` are the session's to drain."""

    __slots__ = ("_asked", "_match", "_seats", "end_reason", "events", "has_new_view", "membership", "outbox")

    def __init__(self, match: Match, me: int, seats: tuple[int, ...]) -> None:
        self._match = match
        self._seats = seats
        self._asked: dict[int, VoteItem] = {}  # requests for a view that we have not entered yet
        self.membership = Membership(me, (1 << max(seats) + 1) - 1)
        self.outbox: list[tuple[int, Item]] = []
        self.events: list[Event] = []
        self.end_reason: EndReason | None = None
        self.has_new_view = False

    def refuses(self, peer: int) -> bool:
        """Inputs of this peer no longer count: it is outside, or we have voted without it."""
        return not self.membership.survivors >> peer & 1

    def lose(self, peers: int) -> None:
        """These peers (a mask) are gone, as far as we can tell."""
        vote = self.membership.suspect(peers, self._held())
        if vote is None:
            return
        if not self.membership.has_majority:
            self.end_reason = EndReason.NO_MAJORITY
            return
        self._tell(self.membership.survivors, vote)
        self._decide()

    def receive(self, peer: int, item: VoteItem | DecisionItem | BackfillItem) -> None:
        membership = self.membership
        if self.end_reason is not None or not membership.members >> peer & 1:
            return
        match item:
            case VoteItem(epoch, suspects, ends):
                if epoch < membership.epoch:
                    self._tell(1 << peer, DecisionItem(membership.epoch, membership.members, membership.cuts))
                elif not suspects and epoch == membership.epoch:
                    self._answer(peer, ends)
                elif not suspects:
                    self._asked[peer] = item
                else:
                    added = membership.receive_vote(peer, item)
                    if added:
                        self.lose(added)
                    else:
                        self._decide()
            case DecisionItem():
                self._receive_decision(peer, item)
            case BackfillItem():
                self._receive_backfill(item)

    def _held(self) -> tuple[int, ...]:
        return tuple(self._match.held(player) for player in range(len(self._seats)))

    def _tell(self, peers: int, item: Item) -> None:
        for peer in range(peers.bit_length()):
            if peers >> peer & 1 and peer != self.membership.me:
                self.outbox.append((peer, item))

    def _decide(self) -> None:
        decision = self.membership.decide(self._seats)
        if decision is not None:
            self._enter(decision)

    def _receive_decision(self, peer: int, decision: DecisionItem) -> None:
        membership = self.membership
        if not decision.members >> membership.me & 1:
            # Whatever our view: a majority that left us out never commits with us again.
            self.end_reason = EndReason.EXCLUDED
            return
        # From someone we have voted against it may be a view that nobody else will enter.
        if decision.epoch <= membership.epoch or membership.suspects >> peer & 1:
            return
        if decision.epoch != membership.epoch + 1 or decision.members & ~membership.members:
            raise WireError(f"decision of view {decision.epoch} does not follow view {membership.epoch}")
        for player, seat in enumerate(self._seats):
            if not decision.members >> seat & 1 and decision.cuts[player] < self._match.held(player):
                raise WireError(f"decision cuts player {player} below what is held")
        self._enter(decision)

    def _enter(self, decision: DecisionItem) -> None:
        before = self.membership.members
        suspects = self.membership.suspects & decision.members
        self.membership.adopt(decision)
        self.has_new_view = True
        gone = before & ~decision.members
        self._tell(before, decision)
        lost = []
        is_short = False
        for player, seat in enumerate(self._seats):
            if not decision.members >> seat & 1:
                is_short |= self._match.held(player) < decision.cuts[player]
                self._match.cut(player, decision.cuts[player])
                if gone >> seat & 1:
                    lost.append(player)
        peers = tuple(peer for peer in range(gone.bit_length()) if gone >> peer & 1)
        cuts = tuple(decision.cuts[player] for player in lost)
        self.events.append(PlayersLeft(tuple(lost), cuts, peers))
        if is_short:
            self._tell(decision.members, VoteItem(decision.epoch, 0, self._held()))
        asked, self._asked = self._asked, {}
        for peer, request in asked.items():
            self.receive(peer, request)
        if suspects:
            self.lose(suspects)

    def _answer(self, peer: int, ends: tuple[int, ...]) -> None:
        """Send what we hold of lost players and the asking member lacks."""
        for player, seat in enumerate(self._seats):
            held = self._match.held(player)
            queue = self._match.queues[player]
            # A request that comes late may ask for what all hold by now, and what we have forgotten.
            first = max(ends[player], queue.base)
            if self.membership.members >> seat & 1 or first >= held:
                continue
            runs = tuple(queue.runs(first, held))
            self.outbox.append((peer, BackfillItem(self.membership.epoch, player, first, runs)))

    def _receive_backfill(self, item: BackfillItem) -> None:
        cut = self._match.left.get(item.player)
        if item.epoch != self.membership.epoch or self.membership.is_voting or cut is None:
            return
        room = cut - item.first
        runs: list[Run] = []
        for length, action, focused in item.runs:
            if room <= 0:
                break
            runs.append((min(length, room), action, focused))
            room -= length
        self._match.check_range(item.player, item.first, sum(run[0] for run in runs))
        self._match.add_remote(item.player, item.first, runs)
        self._match.fill_left()

"""Going on without a lost peer, so that nobody who goes on disagrees: views and their agreement.

Idea: the members of view e vote on whom to go on without; a vote carries, for every player, how far
the voter holds the inputs. When all that would remain have cast the same vote, and they are a strict
majority of view e, the view e + 1 is decided: its members, and for every player outside it the cut,
the farthest that any voter holds. A vote may only grow. A committed frame needs every member of its
view, so a view that others never entered commits nothing past what they hold.
Sources: virtual synchrony (Birman); cut by maximum as in GGPO's successors' issue threads.
"""

from dataclasses import dataclass, field

from rollback_core.messages import DecisionItem, VoteItem


def is_majority(members: int, survivors: int) -> bool:
    """A strict majority of the last membership; both are masks of peers."""
    return 2 * survivors.bit_count() > members.bit_count()


@dataclass(slots=True)
class Membership:
    """One peer's part in the agreement. Masks have bit p set for peer p."""

    me: int
    members: int
    epoch: int = 0
    suspects: int = 0
    cuts: tuple[int, ...] = ()
    votes: dict[int, VoteItem] = field(default_factory=dict)

    @property
    def survivors(self) -> int:
        return self.members & ~self.suspects

    @property
    def is_voting(self) -> bool:
        """An agreement is under way: what we hold of lost players must not change."""
        return bool(self.suspects)

    @property
    def has_majority(self) -> bool:
        return is_majority(self.members, self.survivors)

    @property
    def not_agreeing(self) -> int:
        """Survivors from whom our own vote has not come."""
        missing = self.survivors & ~(1 << self.me)
        for peer, vote in self.votes.items():
            if vote.suspects == self.suspects:
                missing &= ~(1 << peer)
        return missing

    def suspect(self, peers: int, ends: tuple[int, ...]) -> VoteItem | None:
        """Our new vote, if these peers were not suspected before. `ends` is what we hold, per player."""
        grown = self.suspects | (peers & self.members & ~(1 << self.me))
        if grown == self.suspects:
            return None
        self.suspects = grown
        vote = VoteItem(self.epoch, grown, ends)
        self.votes[self.me] = vote
        return vote

    def receive_vote(self, peer: int, vote: VoteItem) -> int:
        """Note a member's vote of this view; gives the peers that it adds to our suspects.

        A vote of someone we suspect does not count. A vote against ourselves is met by suspecting
        the voter: the two cannot both stay, and the rest decide.
        """
        bit = 1 << peer
        if not bit & self.survivors or vote.epoch != self.epoch:
            return 0
        if vote.suspects >> self.me & 1:
            return bit
        self.votes[peer] = vote
        return vote.suspects & self.members & ~self.suspects

    def decide(self, seats: tuple[int, ...]) -> DecisionItem | None:
        """The next view, once every survivor has cast our vote and we are enough."""
        survivors = self.survivors
        if not self.suspects or not self.has_majority:
            return None
        votes = []
        for peer in range(survivors.bit_length()):
            if survivors >> peer & 1:
                vote = self.votes.get(peer)
                if vote is None or vote.suspects != self.suspects:
                    return None
                votes.append(vote)
        cuts = tuple(
            0 if survivors >> seat & 1 else max(vote.ends[player] for vote in votes)
            for player, seat in enumerate(seats)
        )
        return DecisionItem(self.epoch + 1, survivors, cuts)

    def adopt(self, decision: DecisionItem) -> None:
        """Enter the decided view; whoever is still suspected must be voted on anew."""
        self.epoch = decision.epoch
        self.members = decision.members
        self.cuts = decision.cuts
        self.suspects = 0
        self.votes = {}

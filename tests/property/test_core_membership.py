"""Going on without lost peers, as the members of one session do it: reliable links, any delay, any crash.

The members are real `Departure`s with real inputs; the network is a set of ordered queues of which
any may move next. A crashed member is silent, what it had sent may still arrive or not.
"""

from itertools import pairwise, product
from random import Random

from hypothesis import event, given
from hypothesis import strategies as st

from rollback_core.departure import Departure
from rollback_core.episodes import Episodes
from rollback_core.errors import WireError
from rollback_core.events import EndReason, PlayersLeft
from rollback_core.match import Match
from rollback_core.membership import Membership, is_majority
from rollback_core.messages import BackfillItem, DecisionItem, Item, VoteItem
from rollback_core.predictor import predictor
from scenarios.games.counter import Counter

View = tuple[int, tuple[int, ...]]


def test_no_two_disjoint_majorities_and_none_without_most() -> None:
    """Every membership of up to six peers and every pair of its subsets."""
    pairs = 0
    for members in range(1, 64):
        subsets = [mask for mask in range(64) if not mask & ~members]
        majorities = [mask for mask in subsets if is_majority(members, mask)]
        assert all(2 * mask.bit_count() > members.bit_count() for mask in majorities)
        for left, right in product(majorities, repeat=2):
            assert left & right
            pairs += 1
    assert pairs > 2_000


def truth(player: int, frame: int) -> int:
    return (7 * player + frame * frame) % 4


class World:
    """n members, and what each has of everyone's inputs."""

    def __init__(self, n: int, random: Random) -> None:
        self.n = n
        self.random = random
        self.links: dict[tuple[int, int], list[Item]] = {pair: [] for pair in product(range(n), repeat=2)}
        self.members = [Departure(self._match(n, me), me, tuple(range(n))) for me in range(n)]
        self.crashed = 0
        self.entered: list[dict[int, View]] = [{} for _ in range(n)]
        self.votes: list[VoteItem] = []

    def _match(self, n: int, me: int) -> Match:
        """Everyone holds its own 40 inputs and, of the others', as many as happen to have come."""
        match = Match(
            Episodes(Counter(n), seed=1),
            players=n,
            local=(me,),
            window=8,
            focus_timeout_frames=0,
            guesses=predictor("repeat-last", Counter(n)),
        )
        for player in range(n):
            held = 40 if player == me else self.random.randint(20, 40)
            for frame in range(held):
                match.queues[player].append(truth(player, frame), True)
        return match

    def alive(self) -> list[int]:
        return [peer for peer in range(self.n) if not self.crashed >> peer & 1]

    def at_work(self) -> list[int]:
        return [peer for peer in self.alive() if self.members[peer].end_reason is None]

    def drain(self, peer: int) -> None:
        member = self.members[peer]
        outbox, member.outbox = member.outbox, []
        for to, item in outbox:
            if isinstance(item, VoteItem) and item.suspects:
                self.votes.append(item)
            self.links[peer, to].append(item)
        membership = member.membership
        if membership.epoch:
            self.entered[peer].setdefault(membership.epoch, (membership.members, membership.cuts))
            assert self.entered[peer][membership.epoch] == (membership.members, membership.cuts)

    def deliver(self) -> bool:
        """Any one link that has something moves by one item; False when nothing is under way."""
        waiting = [pair for pair, items in self.links.items() if items]
        if not waiting:
            return False
        sender, receiver = self.random.choice(waiting)
        item = self.links[sender, receiver].pop(0)
        if not self.crashed >> receiver & 1:
            self.members[receiver].receive(sender, item)
            self.drain(receiver)
        return True

    def crash(self, peer: int) -> None:
        self.crashed |= 1 << peer
        for to in range(self.n):
            # Of what it had sent, each link still carries a part.
            kept = self.random.randint(0, len(self.links[peer, to]))
            del self.links[peer, to][kept:]

    def suspect(self, by: int, peer: int) -> None:
        self.members[by].lose(1 << peer)
        self.drain(by)


def crashing_run(n: int, random: Random) -> World:
    """At most a minority crashes, at any moment; everyone notices each crash at a moment of its own."""
    world = World(n, random)
    crashes = random.sample(range(n), random.randint(1, (n - 1) // 2))
    unnoticed: list[tuple[int, int]] = []
    while crashes or unnoticed or any(world.links.values()):
        roll = random.random()
        if crashes and (roll < 0.1 or (not unnoticed and not any(world.links.values()))):
            peer = crashes.pop()
            world.crash(peer)
            unnoticed += [(by, peer) for by in range(n) if by != peer]
        elif unnoticed and roll < 0.4:
            by, peer = unnoticed.pop(random.randrange(len(unnoticed)))
            if by in world.at_work():
                world.suspect(by, peer)
        else:
            world.deliver()
    return world


def check_views(world: World) -> None:
    """What must hold of the views that anyone ever entered, whoever crashed."""
    for epoch in range(1, world.n):
        views = {peer: seen[epoch] for peer, seen in enumerate(world.entered) if epoch in seen}
        by_members: dict[int, set[tuple[int, ...]]] = {}
        for peer, (members, cuts) in views.items():
            assert members >> peer & 1, "a member of its own view"
            by_members.setdefault(members, set()).add(cuts)
        assert all(len(cuts) == 1 for cuts in by_members.values()), "one view, one set of cuts"
        # A frame is committed in a view only when all its members are in it. At most one view of an
        # epoch can get there; the others were entered by peers that then crashed or ended.
        whole = [
            members
            for members in by_members
            if all(views.get(peer, (0, ()))[0] == members for peer in range(world.n) if members >> peer & 1)
        ]
        assert len(whole) <= 1
    for seen in world.entered:
        masks = [(1 << world.n) - 1, *[seen[epoch][0] for epoch in sorted(seen)]]
        for before, after in pairwise(masks):
            assert not after & ~before
            assert is_majority(before, after)


@given(st.integers(3, 7), st.integers(0, 2**48))
def test_who_survives_agrees_on_the_view_and_the_cuts(n: int, seed: int) -> None:
    world = crashing_run(n, Random(seed))
    check_views(world)
    survivors = world.alive()
    mask = sum(1 << peer for peer in survivors)
    assert [world.members[peer].end_reason for peer in survivors] == [None] * len(survivors), (
        "a majority goes on"
    )
    memberships = [world.members[peer].membership for peer in survivors]
    assert {each.members for each in memberships} == {mask}
    assert len({each.epoch for each in memberships}) == 1, "survivors never part"
    assert not any(each.suspects for each in memberships)
    for epoch in range(1, memberships[0].epoch + 1):
        assert len({world.entered[peer].get(epoch) for peer in survivors} - {None}) == 1
    event(f"epochs: {memberships[0].epoch}")

    for player in range(n):
        cuts = {world.members[peer]._match.left.get(player) for peer in survivors}
        assert len(cuts) == 1
        (cut,) = cuts
        assert (cut is None) == bool(mask >> player & 1)
        if cut is None:
            continue
        for vote in world.votes:
            final = memberships[0]
            if vote.epoch == final.epoch - 1 and vote.suspects == ~mask & masks_before(world, survivors[0]):
                assert cut >= vote.ends[player] or player_left_earlier(world, survivors[0], player)
        for peer in survivors:
            # Filled in: everyone holds every input below the cut, and these are the player's own.
            queue = world.members[peer]._match.queues[player]
            assert world.members[peer]._match.held(player) == cut
            assert queue.actions[:cut] == [truth(player, frame) for frame in range(cut)]
            assert set(queue.actions[cut:]) == {world.members[peer]._match.timeline.game.ready_action}
            assert not any(map(queue.is_focused, range(cut, queue.end)))


def masks_before(world: World, peer: int) -> int:
    """Members of the view before the last."""
    seen = world.entered[peer]
    last = max(seen)
    return seen[last - 1][0] if last > 1 else (1 << world.n) - 1


def player_left_earlier(world: World, peer: int, player: int) -> bool:
    return not masks_before(world, peer) >> player & 1


@given(st.integers(3, 6), st.integers(0, 2**48))
def test_wrong_suspicions_never_give_two_views_that_can_go_on(n: int, seed: int) -> None:
    """Anyone suspects anyone, rightly or not: members may end, but no two groups go on."""
    random = Random(seed)
    world = World(n, random)
    for _ in range(random.randint(1, 4)):
        by, peer = random.sample(range(n), 2)
        if by in world.at_work():
            world.suspect(by, peer)
        for _ in range(random.randint(0, 6)):
            world.deliver()
    while world.deliver():
        pass
    check_views(world)
    for peer in world.alive():
        reason = world.members[peer].end_reason
        assert reason in (None, EndReason.NO_MAJORITY, EndReason.EXCLUDED)
        event(str(reason))


@given(st.integers(3, 6), st.data())
def test_a_decision_cuts_at_the_farthest_that_any_voter_holds(n: int, data: st.DataObject) -> None:
    seats = tuple(
        data.draw(st.permutations([*range(n), *data.draw(st.lists(st.integers(0, n - 1), max_size=2))]))
    )
    me, lost = 0, n - 1
    membership = Membership(me, (1 << n) - 1)
    ends = st.lists(st.integers(0, 50), min_size=len(seats), max_size=len(seats)).map(tuple)
    votes = [membership.suspect(1 << lost, data.draw(ends))]
    assert votes[0] is not None
    assert membership.suspect(1 << lost, data.draw(ends)) is None, "a vote only grows"
    for peer in data.draw(st.permutations(range(1, n - 1))):
        assert membership.decide(seats) is None
        vote = VoteItem(0, 1 << lost, data.draw(ends))
        assert membership.receive_vote(peer, vote) == 0
        votes.append(vote)
    decision = membership.decide(seats)
    assert decision is not None
    assert (decision.epoch, decision.members) == (1, (1 << n - 1) - 1)
    for player, seat in enumerate(seats):
        assert decision.cuts[player] == (
            max(vote.ends[player] for vote in votes if vote) if seat == lost else 0
        )
    membership.adopt(decision)
    assert (membership.epoch, membership.members, membership.is_voting) == (1, decision.members, False)


def test_a_decision_of_a_suspect_that_leaves_others_in_is_not_taken() -> None:
    """E is lost; A decides that and is lost too. B has voted against A and E when A's decision comes late.

    C and D may already have decided with B's vote: B must not go into A's view.
    """
    random = Random(0)
    world = World(5, random)
    a, b, c, d, e = range(5)
    for peer in (b, c, d):
        world.suspect(peer, e)
    late = DecisionItem(1, 0b01111, (0, 0, 0, 0, 40))  # what A would send
    for peer in (b, c, d):
        world.suspect(peer, a)
    world.crash(a)
    world.crash(e)
    world.links[a, b] = [late]
    for sender, receiver in [(b, c), (b, d), (d, c)]:  # C decides with all three votes
        while world.links[sender, receiver]:
            world.members[receiver].receive(sender, world.links[sender, receiver].pop(0))
            world.drain(receiver)
    world.members[b].receive(a, world.links[a, b].pop())
    world.drain(b)
    while world.deliver():
        pass
    assert {world.members[peer].membership.members for peer in (b, c, d)} == {0b01110}


def test_votes_for_different_views_decide_nothing() -> None:
    membership = Membership(0, 0b11111)
    membership.suspect(0b11000, (0,) * 5)
    for peer in (1, 2):
        assert membership.receive_vote(peer, VoteItem(0, 0b10000, (0,) * 5)) == 0
    assert membership.decide((0, 1, 2, 3, 4)) is None
    membership.receive_vote(1, VoteItem(0, 0b11000, (0,) * 5))
    assert membership.decide((0, 1, 2, 3, 4)) is None
    membership.receive_vote(2, VoteItem(0, 0b11000, (0,) * 5))
    assert membership.decide((0, 1, 2, 3, 4)) == DecisionItem(1, 0b00111, (0,) * 5)


def test_departure_tells_who_left() -> None:
    world = crashing_run(3, Random(5))
    for peer in world.alive():
        (told,) = [each for each in world.members[peer].events if isinstance(each, PlayersLeft)]
        assert 1 << told.peers[0] == world.crashed
        assert told.players == told.peers


def test_who_is_out_is_not_listened_to() -> None:
    member = World(3, Random(3)).members[0]
    held = member._match.held(2)
    member.receive(1, DecisionItem(1, 0b011, (0, 0, held)))
    assert member.membership.members == 0b011
    told = len(member.outbox), len(member.events)
    for item in (
        VoteItem(1, 0b010, (0, 0, 0)),
        VoteItem(0, 0, (0, 0, 0)),
        VoteItem(1, 0, (0, 0, 0)),
        DecisionItem(2, 0b001, (0, 40, held)),
        DecisionItem(2, 0b110, (40, 0, held)),
        BackfillItem(1, 2, held, ((1, 0, True),)),
    ):
        member.receive(2, item)
        assert (len(member.outbox), len(member.events)) == told
        assert (member.membership.members, member.membership.epoch) == (0b011, 1)
        assert not member.membership.is_voting
        assert member.end_reason is None


def test_a_decision_below_what_is_held_is_refused() -> None:
    world = World(3, Random(3))
    held = world.members[0]._match.held(2)
    try:
        world.members[0].receive(1, DecisionItem(1, 0b011, (0, 0, held - 1)))
    except WireError:
        assert world.members[0].membership.epoch == 0
    else:
        raise AssertionError("a cut below what is held was taken")

"""Peers whose pasts part at one frame: that frame is found, the field named, the odd one blamed."""

from collections.abc import Sequence
from random import Random
from typing import Any
from zlib import crc32

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from rollback_core import canonical, checksum
from rollback_core.checksum import MAX_KEPT, ChecksumExchange, chained, dump_parts
from rollback_core.desync import DesyncWatch
from rollback_core.episodes import Episodes
from rollback_core.errors import WireError
from rollback_core.events import CommittedFrame, DesyncAttributed, DesyncDetected, FrameOutcome
from rollback_core.match import Match
from rollback_core.messages import ChecksumItem, DumpItem, Item
from rollback_core.predictor import predictor
from rollback_core.simulation import StepOutcome
from scenarios.games.counter import Counter

READY = 4
LAST = 100  # the last frame of the match


class Flawed(Counter):
    """Slips by one in a field of its state at one frame."""

    __slots__ = ("at", "field")

    def __init__(self, players: int, at: int, field: int) -> None:
        self.at = at
        self.field = field
        super().__init__(players)

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        outcome = super().step(actions)
        state = list(self._state)
        if state[0] == self.at:
            state[self.field] += 1
            self._state = (state[0], state[1], state[2])
        return outcome


class Watched:
    """A peer's match and its watch; `bytes_of` remembers what the watch may have forgotten."""

    def __init__(self, game: Counter, me: int, n: int, interval: int, last: int = LAST) -> None:
        self.match = Match(
            Episodes(game, seed=4, max_steps=last),
            players=n,
            local=(me,),
            window=0,
            focus_timeout_frames=0,
            guesses=predictor("repeat-last", game),
        )
        self.watch = DesyncWatch(self.match, me, tuple(peer for peer in range(n) if peer != me), interval)
        self.bytes_of: list[bytes] = []

    def play_to(self, frame: int) -> None:
        match = self.match
        while match.timeline.current < frame:
            now = match.timeline.current
            for player, queue in enumerate(match.queues):
                queue.append(READY if now == 0 else (now * (player + 1)) % 4, True)
            match.update_confirmed()
            if not match.advance():
                break
        frames: list[CommittedFrame] = match.commit(frame)
        for each in frames:
            state = match.timeline.game.encode_state(match.timeline.state(each.frame))
            self.bytes_of.append(checksum.frame_bytes(state, each))
        if frames:
            self.watch.committed(frames)
        match.forget(inputs_before=match.committed, states_before=self.watch.states_needed_from)


def play(games: list[Counter], interval: int, random: Random) -> tuple[list[Watched], list[list[Any]]]:
    """All peers to the end in pieces of any size; items arrive in order, at any time."""
    n = len(games)
    peers = [Watched(game, me, n, interval) for me, game in enumerate(games)]
    links: dict[tuple[int, int], list[Item]] = {(a, b): [] for a in range(n) for b in range(n) if a != b}
    events: list[list[Any]] = [[] for _ in range(n)]

    def drain(me: int) -> None:
        watch = peers[me].watch
        for to, item in watch.outbox:
            links[me, to].append(item)
        watch.outbox.clear()
        events[me] += watch.events
        watch.events.clear()

    target = [0] * n
    while min(target) <= LAST or any(links.values()):
        me = random.randrange(n)
        if target[me] <= LAST and target[me] - min(target) < interval:
            target[me] = min(LAST + 1, target[me] + random.randint(1, interval))
            peers[me].play_to(target[me])
            drain(me)
        # Two checksums at most wait on a link: what comes later than states are kept is another test.
        waiting = [pair for pair, items in links.items() if len(items) > random.randint(0, 1)]
        for sender, receiver in random.sample(waiting, len(waiting)):
            item = links[sender, receiver].pop(0)
            peers[receiver].watch.receive(sender, item)  # type: ignore[arg-type]
            drain(receiver)
    return peers, events


@given(st.integers(0, 2**32), st.integers(2, 4), st.sampled_from([7, 20, 60]))
def test_sound_peers_agree_on_every_checksum(seed: int, n: int, interval: int) -> None:
    peers, events = play([Counter(n) for _ in range(n)], interval, Random(seed))
    assert events == [[] for _ in range(n)]
    due = len([frame for frame in range(1, LAST + 1) if frame % interval == 0 or frame == LAST])
    for peer in peers:
        exchange = peer.watch.exchange
        assert exchange.comparisons == due * (n - 1)
        assert exchange.is_clean
        assert exchange.agreed == LAST


@given(
    st.integers(0, 2**32),
    st.integers(2, 4),
    st.sampled_from([7, 20, 60]),
    st.integers(2, LAST - 5),
    st.integers(1, 2),
)
def test_one_flawed_peer_is_found_out(seed: int, n: int, interval: int, at: int, field: int) -> None:
    random = Random(seed)
    odd = random.randrange(n)
    games: list[Counter] = [Counter(n) for _ in range(n)]
    games[odd] = Flawed(n, at, field)
    peers, events = play(games, interval, random)
    assert [len(peer.bytes_of) for peer in peers] == [LAST + 1] * n
    sound = peers[(odd + 1) % n].bytes_of
    first = next(frame for frame in range(LAST + 1) if peers[odd].bytes_of[frame] != sound[frame])
    for me, peer in enumerate(peers):
        found = [each for each in events[me] if isinstance(each, DesyncDetected)]
        others = [odd] if me != odd else [other for other in range(n) if other != odd]
        assert {each.peer for each in found} == set(others)
        for other in others:
            early, located = [each for each in found if each.peer == other]
            assert not early.is_located
            assert (early.field, early.mine, early.theirs) == ("", "", ""), "nobody knows them yet"
            assert located.is_located
            assert (
                early.checked_frame >= first > early.checked_frame - interval or early.checked_frame == LAST
            )
            assert located.first_frame == first
            expected = checksum.explain(peer.bytes_of[first], peers[other].bytes_of[first])
            assert (located.field, located.mine, located.theirs) == (
                expected[0],
                repr(expected[1]),
                repr(expected[2]),
            )
            event(located.field)
        blamed = {each.peers for each in events[me] if isinstance(each, DesyncAttributed)}
        assert blamed == ({(odd,)} if n > 2 else set())


def test_every_field_of_a_frame_counts() -> None:
    frame = CommittedFrame(3, (0, 1), 3, 0, 0, None)
    plain = checksum.frame_bytes(b"state", frame)
    others = [
        checksum.frame_bytes(b"stale", frame),
        checksum.frame_bytes(b"state", frame._replace(actions=(1, 1))),
        checksum.frame_bytes(b"state", frame._replace(focus_mask=1)),
        checksum.frame_bytes(b"state", frame._replace(left_mask=2)),
    ]
    assert len({plain, *others}) == 5
    assert checksum.frame_bytes(b"state", frame._replace(speculative_mask=1)) == plain, "peers differ in that"
    assert len({checksum.digest(each) for each in [plain, *others]}) == 5


@given(st.binary(max_size=4_000), st.randoms(use_true_random=False))
def test_a_dump_in_parts_comes_together_in_any_order(data: bytes, random: Random) -> None:
    exchange = ChecksumExchange(0, (1,))
    parts = dump_parts(9, data)
    random.shuffle(parts)
    whole = [exchange.add_dump(1, part) for part in parts if isinstance(part, DumpItem)]
    if data:
        assert whole == [None] * (len(parts) - 1) + [data]


def test_a_dump_that_comes_late_still_names_the_field() -> None:
    """Both have played on and forgotten the frame's state before the last message came."""
    peers = [Watched(Counter(2), 0, 2, 7, 300), Watched(Flawed(2, 3, 1), 1, 2, 7, 300)]
    for peer in peers:
        peer.play_to(8)
    for _ in range(2):  # checksums, then ranges
        outboxes = [list(peer.watch.outbox) for peer in peers]
        for me, peer in enumerate(peers):
            peer.watch.outbox.clear()
            for _, item in outboxes[1 - me]:
                peer.watch.receive(1 - me, item)  # type: ignore[arg-type]
    dumps = [item for _, item in peers[1].watch.outbox if isinstance(item, DumpItem)]
    assert dumps
    for frame in range(15, 250, 7):
        peers[0].play_to(frame)
    assert peers[0].match.timeline.base > dumps[0].frame
    for item in dumps:
        peers[0].watch.receive(1, item)
    located = [each for each in peers[0].watch.events if isinstance(each, DesyncDetected) and each.is_located]
    assert [(each.first_frame, each.field) for each in located] == [(dumps[0].frame, "state.game.mix")]


def test_parts_that_contradict_each_other_are_refused() -> None:
    exchange = ChecksumExchange(0, (1,))
    assert exchange.add_dump(1, DumpItem(9, 5, 6, b"x")) is None
    assert exchange.add_dump(1, DumpItem(9, 4, 6, b"x")) is None
    with pytest.raises(WireError, match="part"):
        exchange.add_dump(1, DumpItem(9, 1, 2, b"x"))


def test_a_partner_far_ahead_is_refused() -> None:
    exchange = ChecksumExchange(0, (1,))
    for frame in range(MAX_KEPT):
        exchange.add_theirs(1, ChecksumItem(frame, bytes(8)))
    with pytest.raises(WireError, match="ahead"):
        exchange.add_theirs(1, ChecksumItem(MAX_KEPT, bytes(8)))


def test_a_tie_blames_nobody() -> None:
    exchange = ChecksumExchange(0, (1, 2, 3))
    exchange.add_mine(5, b"a" * 8)
    for peer, digest in [(1, b"a"), (2, b"b"), (3, b"b")]:
        exchange.add_theirs(peer, ChecksumItem(5, digest * 8))
    mismatches, blamed = exchange.compare()
    assert [peer for peer, _, _ in mismatches] == [2, 3]
    assert blamed == []
    assert (exchange.comparisons, exchange.desyncs) == (3, 2)


def test_a_partner_who_left_holds_nothing_up() -> None:
    exchange = ChecksumExchange(0, (1, 2))
    exchange.add_mine(5, b"a" * 8)
    exchange.add_theirs(1, ChecksumItem(5, b"a" * 8))
    exchange.compare()
    assert exchange.agreed == -1
    exchange.drop_partner(2)
    exchange.compare()
    assert exchange.agreed == 5


def test_bytes_that_nobody_can_read_are_explained_as_such() -> None:
    field, left, right = checksum.explain(
        canonical.encode({"state": b"\xff1"}), canonical.encode({"state": b"\xff2"})
    )
    assert (field, left, right) == ("state", b"\xff1", b"\xff2")


# Equal values of different kinds, which repr tells apart and == does not.
REWARDS = ((0, 1), (0.0, 1.0), (False, True))
ENDED = ((False, False), (0, 0))
INFOS = (((1,), (2,)), ((1.0,), (2,)), (("a",), ("a",)))


def changed(frame: CommittedFrame, what: int, value: int) -> CommittedFrame:
    """The frame with one thing about it changed, or nothing."""
    outcome = frame.outcome or FrameOutcome(0, 0, frame.actions, REWARDS[0], ENDED[0], ENDED[0], INFOS[0], 0)
    actions = ((0, 1), (3, 4))[value % 2]
    changes: dict[int, CommittedFrame] = {
        0: frame._replace(actions=actions, outcome=outcome._replace(actions=actions)),
        1: frame._replace(actions=actions),  # READY: the game takes another action than was sent
        2: frame._replace(focus_mask=value, outcome=outcome),
        3: frame._replace(left_mask=value, outcome=outcome),
        4: frame._replace(outcome=None),
        5: frame._replace(outcome=outcome._replace(episode=value)),
        6: frame._replace(outcome=outcome._replace(rewards=REWARDS[value])),
        7: frame._replace(outcome=outcome._replace(terminateds=ENDED[value % 2])),
        8: frame._replace(outcome=outcome._replace(truncateds=ENDED[value % 2])),
        9: frame._replace(outcome=outcome._replace(infos=INFOS[value])),
        10: frame._replace(outcome=outcome._replace(ends=value)),
        11: frame._replace(outcome=outcome._replace(actions=actions)),
    }
    return changes.get(what, frame)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 2)), min_size=1, max_size=25), st.integers(0, 25)
)
def test_the_chain_is_that_of_what_repr_says(changes: list[tuple[int, int]], cut: int) -> None:
    """Written once where nothing changes, and in any pieces: the checksum is of the plain text."""
    frame = CommittedFrame(0, (0, 1), 3, 0, 0, None)
    frames = []
    for t, (what, value) in enumerate(changes):
        frame = changed(frame, what, value)
        outcome = frame.outcome and frame.outcome._replace(t=t)
        frames.append(frame._replace(frame=t, outcome=outcome))
    text = "".join(repr((each.actions, each.focus_mask, each.left_mask, each.outcome)) for each in frames)
    assert chained(chained(7, frames[:cut]), frames[cut:]) == crc32(text.encode(), 7)


def test_a_partner_that_never_answers_costs_a_bounded_number_of_checksums() -> None:
    exchange = ChecksumExchange(0, (1, 2))
    for frame in range(3 * MAX_KEPT):
        exchange.add_mine(frame, b"mine")
        if not frame % 2:
            exchange.add_theirs(1, ChecksumItem(frame, b"mine"))
        exchange.compare()
        assert exchange.waiting <= 2 * MAX_KEPT
    assert exchange.oldest == 2 * MAX_KEPT, "the latest are kept"
    exchange.add_theirs(2, ChecksumItem(3 * MAX_KEPT - 2, b"else"))
    exchange.add_theirs(1, ChecksumItem(3 * MAX_KEPT - 2, b"mine"))
    assert [peer for peer, _, _ in exchange.compare()[0]] == [2]

"""Bytes that are none of ours: counted, and nothing else of the session changes."""

import copy
from collections.abc import Callable

from hypothesis import event, given
from hypothesis import strategies as st
from mesh import Mesh, Path, acting, shared, straight_play, terms_for
from state_digest import describe, state_digest

from rollback_core import wire
from rollback_core.config import MatchTerms
from rollback_core.events import Ended, EndReason
from rollback_core.life import State
from rollback_core.messages import FocusItem, Hello
from rollback_core.session import Session

TERMS = terms_for(max_steps=60)
EXPECTED = straight_play(TERMS, (2, 2), acting(1))
MOMENTS = st.integers(0, 1_800_000)


def other_session(terms: MatchTerms, incarnations: tuple[int, int] = (1, 1)) -> list[tuple[int, int, bytes]]:
    """Everything that was sent in another session: (source, target, datagram)."""
    configs = {peer: {"incarnation": incarnations[peer]} for peer in (0, 1)}
    mesh = Mesh(terms, configs=configs, path=Path(loss_permille=100)).run()
    return [(source, target, data) for _, source, target, data in mesh.trace]


def is_hello(data: bytes) -> bool:
    return data[: wire.TAG_BYTES] == wire.HANDSHAKE_TAG


EARLIER = other_session(terms_for(session_id="yesterday", max_steps=60))
FORMER_SELF = other_session(TERMS, (1, 4))


def rejected(session: Session) -> int:
    return sum(link.rejected for link in session.links.values())


def feed(session: Session, peer: int, data: bytes) -> bool:
    """True if the datagram was rejected; then nothing may have changed, nor may anything be sent."""
    before = describe(session)
    count = rejected(session)
    session.receive_datagram(peer, data, session._now_us)
    if rejected(session) == count:
        return False
    assert rejected(session) == count + 1
    after = describe(session)
    if after != before:
        old, new = set(before.split("\n")), set(after.split("\n"))
        raise AssertionError(f"{data.hex()}: {sorted(old - new)[:5]} became {sorted(new - old)[:5]}")
    return True


def complete(mesh: Mesh) -> None:
    mesh.run()
    for peer in range(len(mesh.peers)):
        (end,) = mesh.kinds(peer, Ended)
        assert end.reason is EndReason.COMPLETED
        assert shared(mesh.history(peer)) == EXPECTED


def attacked(moment_us: int, attack: Callable[[Session], None]) -> Mesh:
    """A match in which `attack` meets both sessions at that moment."""
    mesh = Mesh(
        TERMS,
        path=Path(loss_permille=100, delay_us=30_000),
        configs={0: {"incarnation": 9}, 1: {"incarnation": 9}},
    )
    mesh.run(moment_us)
    for peer in mesh.peers:
        attack(peer.session)
    return mesh


@given(MOMENTS, st.lists(st.binary(max_size=1400), min_size=1, max_size=8))
def test_random_bytes_change_nothing(moment_us: int, junk: list[bytes]) -> None:
    def attack(session: Session) -> None:
        for data in junk:
            # A whole hello by chance is beyond belief; four zero bytes and a kind are not.
            assert feed(session, 1 - session.me, data)

    complete(attacked(moment_us, attack))


@given(MOMENTS, st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.integers(0, 9))
def test_junk_under_the_right_tag_is_rejected_without_effect_or_is_a_message(
    moment_us: int, junk: list[bytes], kind: int
) -> None:
    """What passes for a message would need a partner that lies: it meets a copy of the session."""

    def attack(session: Session) -> None:
        for data in junk:
            it = copy.deepcopy(session)
            link = it.links[1 - it.me]
            taken = not feed(it, link.peer, link.their_tag + bytes([kind]) + data)
            event(f"kind {kind}, {'taken' if taken else 'rejected'}")

    complete(attacked(moment_us, attack))


@given(MOMENTS, st.data())
def test_damaged_datagrams_are_rejected_without_effect_or_are_a_message(
    moment_us: int, data: st.DataObject
) -> None:
    mesh = attacked(moment_us, lambda session: None)
    for index, peer in enumerate(mesh.peers):
        sent = [each for _, _, target, each in mesh.trace[-40:] if target == index]
        if not sent:
            continue
        for _ in range(4):
            datagram = bytearray(data.draw(st.sampled_from(sent)))
            for _ in range(data.draw(st.integers(1, 3))):
                at = data.draw(st.integers(0, len(datagram) - 1))
                datagram[at] ^= 1 << data.draw(st.integers(0, 7))
            it = copy.deepcopy(peer.session)
            event("rejected" if feed(it, 1 - index, bytes(datagram)) else "taken")
    complete(mesh)


@given(st.integers(300_000, 1_800_000), st.data())
def test_a_datagram_that_was_cut_short_does_no_harm(moment_us: int, data: st.DataObject) -> None:
    """Cut at a border within it a datagram says less, and no more: the session itself may have it."""
    mesh = attacked(moment_us, lambda session: None)
    for index, peer in enumerate(mesh.peers):
        sent = [each for _, _, target, each in mesh.trace[-60:] if target == index and not is_hello(each)]
        for _ in range(6):
            if sent:
                datagram = data.draw(st.sampled_from(sent))
                feed(peer.session, 1 - index, datagram[: data.draw(st.integers(0, len(datagram) - 1))])
    complete(mesh)


@given(st.integers(300_000, 1_800_000), st.lists(st.integers(0, 10**6), min_size=1, max_size=10))
def test_datagrams_of_another_session_change_nothing(moment_us: int, picks: list[int]) -> None:
    def attack(session: Session) -> None:
        partner = 1 - session.me
        for past in (EARLIER, FORMER_SELF):
            for pick in picks:
                source, target, data = past[pick % len(past)]
                if (source, target) == (partner, session.me) and session.state is State.RUNNING:
                    assert feed(session, partner, data), data.hex()

    complete(attacked(moment_us, attack))


def test_a_hello_of_another_session_does_not_end_this_one() -> None:
    """Even if that session's incarnation number was higher."""
    hello = Hello(
        wire.PROTOCOL_VERSION, 77, 0, False, False, 8, 1, 0, 0, terms_for(session_id="yesterday").encode()
    )

    def attack(session: Session) -> None:
        assert session.state is State.RUNNING
        assert feed(session, 1 - session.me, wire.encode_hello(hello))

    complete(attacked(500_000, attack))


@given(MOMENTS, st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_what_the_partner_did_send_may_come_again_at_any_time(moment_us: int, picks: list[int]) -> None:
    mesh = attacked(moment_us, lambda session: None)
    for index, peer in enumerate(mesh.peers):
        sent = [data for _, _, target, data in mesh.trace if target == index]
        for pick in picks if sent else []:
            peer.session.receive_datagram(1 - index, sent[pick % len(sent)], mesh.clock(index))
    complete(mesh)


@given(st.integers(300_000, 1_500_000), st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_a_datagram_for_someone_else_is_rejected(moment_us: int, picks: list[int]) -> None:
    """Sent by another peer, or to another: the tag belongs to a pair."""
    terms = terms_for((0, 1, 2))
    mesh = Mesh(terms, path=Path(delay_us=20_000)).run(moment_us)
    sent = [(source, target, data) for _, source, target, data in mesh.trace if not is_hello(data)]
    met = 0
    for pick in picks:
        source, target, data = sent[pick % len(sent)]
        for index, peer in enumerate(mesh.peers):
            for claimed in peer.session.links:
                if {claimed, index} != {source, target}:
                    assert feed(peer.session, claimed, data)
                    met += 1
    assert met
    mesh.run()
    for index in range(3):
        assert shared(mesh.history(index)) == straight_play(terms, (2, 2, 2), mesh.act)


def test_the_digest_sees_a_change_anywhere() -> None:
    mesh = attacked(700_000, lambda session: None)
    session = mesh.peers[0].session
    before = state_digest(session)
    assert state_digest(copy.deepcopy(session)) == before
    session.links[1].rejected += 1
    assert state_digest(session) == before
    session.links[1].acked += 1
    assert state_digest(session) != before
    session.links[1].acked -= 1
    assert state_digest(session) == before
    session.match.queues[1].actions[-1] ^= 1
    assert state_digest(session) != before


def test_a_bad_item_behind_a_good_one_takes_nothing_in() -> None:
    """Else the good one has acted, or the bad one is never sent again."""
    mesh = attacked(700_000, lambda session: None)
    for peer in mesh.peers:
        link = peer.session.links[1 - peer.session.me]
        good = wire.encode_item(FocusItem(True), 1)
        data = wire.encode_control(link.their_tag, link.control.received, 0, [good, b"\xff?"])
        assert feed(peer.session, link.peer, data)
    complete(mesh)

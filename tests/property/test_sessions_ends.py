"""Every way in which a session can end: told on both sides, with a reason, and with equal rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh import (
    SECOND_US,
    Mesh,
    Path,
    agree_on_common_prefix,
    changing,
    replayed,
    shared,
    straight_play,
    terms_for,
)
from mesh_plans import NETWORKS, PATHS, Network

from rollback_core import wire
from rollback_core.commands import FocusChanged, Leave, PeerGone
from rollback_core.config import MatchTerms, WindowPolicy
from rollback_core.events import Closed, Committed, Ended, EndReason, Interrupted, Resumed
from rollback_core.messages import Hello
from rollback_core.simulation import GameSpec
from scenarios.games.counter import Counter

QUICK = {"interrupt_us": 300_000, "reconnect_limit_us": 1_000_000}
TICK_US = 16_667


def ended(mesh: Mesh, peer: int) -> Ended:
    """The peer's one end; it comes after everything it committed."""
    (end,) = mesh.kinds(peer, Ended)
    kinds = [type(event) for event in mesh.events[peer]]
    assert Committed not in kinds[kinds.index(Ended) :]
    assert end == mesh.peers[peer].session.ended
    assert end.frame == len(mesh.history(peer)) - 1
    return end


def assert_rows_are_right(mesh: Mesh) -> None:
    histories = [shared(mesh.history(peer)) for peer in range(len(mesh.peers))]
    assert agree_on_common_prefix(histories)
    for history in histories:
        assert replayed(mesh.terms, history) == history


# Leaving and silence.


@given(NETWORKS, st.integers(0, 1_500_000), st.integers(0, 1), st.text(max_size=300))
def test_whoever_leaves_is_named_to_the_other_with_the_reason(
    network: Network, at_us: int, leaver: int, reason: str
) -> None:
    mesh = Mesh(terms_for(max_steps=200), path=network)
    mesh.at(at_us, lambda: mesh.command(leaver, Leave(reason)))
    mesh.run()
    mine, theirs = ended(mesh, leaver), ended(mesh, 1 - leaver)
    assert (mine.reason, mine.peer, mine.detail) == (EndReason.LEFT, leaver, reason)
    assert_rows_are_right(mesh)
    if mesh.history(leaver):
        assert theirs.reason is EndReason.PEER_LEFT
        assert theirs.peer == leaver
        assert theirs.detail.startswith("left")
    else:
        # It may not have come as far as a session that can be left: nobody answers, or only to refuse.
        assert theirs.reason in (EndReason.PEER_LEFT, EndReason.HANDSHAKE_TIMEOUT, EndReason.EXCLUDED)
    assert mesh.is_over


@given(st.integers(300_000, 1_200_000), st.sampled_from([0, 60_000]), st.integers(0, 20))
def test_silence_interrupts_and_past_the_limit_ends_with_what_is_confirmed(
    at_us: int, delay_us: int, window: int
) -> None:
    terms = terms_for(max_steps=300, prediction_window_frames=window, **QUICK)
    heard: list[int] = []

    def note(mesh: Mesh, source: int, target: int, data: bytes) -> list[bytes]:
        if source == 1:
            heard.append(mesh.now_us + delay_us)
        return [data]

    mesh = Mesh(terms, path=Path(delay_us=delay_us), meddle=note)
    mesh.at(at_us, lambda: mesh.crash(1))
    told: dict[type, int] = {}
    while not mesh.is_over and mesh.step():
        for kind in (Interrupted, Ended):
            if mesh.kinds(0, kind):
                told.setdefault(kind, mesh.now_us)
    end = ended(mesh, 0)
    assert (end.reason, end.peer) == (EndReason.DISCONNECTED, 1)
    assert "silent" in end.detail
    assert 0 <= told[Interrupted] - heard[-1] - terms.interrupt_us <= TICK_US
    assert 0 <= told[Ended] - heard[-1] - terms.reconnect_limit_us <= TICK_US
    assert len(mesh.kinds(0, Interrupted)) == 1
    assert_rows_are_right(mesh)
    # With two players all that is confirmed is final: it is handed out.
    assert end.frame == mesh.peers[0].session.confirmed_frame or end.frame == -1


@given(NETWORKS, st.integers(2, 4), st.integers(0, 2_500_000), st.integers(0, 100_000))
def test_nobody_waits_for_a_peer_that_is_known_to_be_gone(
    network: Network, peers: int, at_us: int, notice_us: int
) -> None:
    terms = terms_for(range(peers), max_steps=100, **QUICK)
    mesh = Mesh(terms, path=network)
    mesh.at(at_us, lambda: mesh.crash(0))

    def tell() -> None:
        for peer in range(1, peers):
            mesh.command(peer, PeerGone(0))

    mesh.at(at_us + notice_us, tell)
    mesh.run()
    for peer in range(1, peers):
        end = ended(mesh, peer)
        assert end.reason is not EndReason.DISCONNECTED
        if end.reason is EndReason.PEER_LEFT:
            assert (end.peer, end.detail) == (0, "it is gone for good")
    assert_rows_are_right(mesh)
    assert mesh.is_over


def test_a_peer_gone_before_the_start_ends_it_and_one_of_three_in_play_does_not() -> None:
    mesh = Mesh(terms_for(), absent=[0])
    mesh.at(100_000, lambda: mesh.command(1, PeerGone(0)))
    mesh.run(200_000)
    assert (ended(mesh, 1).reason, ended(mesh, 1).peer) == (EndReason.PEER_LEFT, 0)
    three = Mesh(terms_for(range(3), max_steps=100))
    three.run(until=lambda mesh: len(mesh.history(1)) > 20)
    three.crash(0)
    for peer in (1, 2):
        three.command(peer, PeerGone(0))
    three.run()
    assert ended(three, 1).reason is ended(three, 2).reason is EndReason.COMPLETED


def test_whoever_leaves_before_hearing_anyone_has_nothing_to_tell() -> None:
    mesh = Mesh(terms_for(range(3)), absent=[1, 2])
    mesh.at(100_000, lambda: mesh.command(0, Leave("no one here")))
    mesh.run()
    assert ended(mesh, 0).reason is EndReason.LEFT
    assert {type(wire.decode(data, 1, 1, 5)) for _, _, _, data in mesh.trace} == {Hello}


@given(st.lists(st.integers(350_000, 900_000), min_size=1, max_size=3), PATHS)
def test_interruptions_and_resumptions_alternate_and_the_match_goes_on(
    outages: list[int], path: Path
) -> None:
    terms = terms_for(max_steps=150, interrupt_us=300_000)
    cuts, now = [], 700_000
    for outage_us in outages:
        cuts.append((now, now + outage_us))
        now += outage_us + 600_000
    mesh = Mesh(terms, path=Path(delay_us=path.delay_us, jitter_us=path.jitter_us, cuts=tuple(cuts))).run()
    for peer in (0, 1):
        assert ended(mesh, peer).reason is EndReason.COMPLETED
        kinds = [type(event) for event in mesh.events[peer] if type(event) in (Interrupted, Resumed)]
        assert kinds == [Interrupted, Resumed] * (len(kinds) // 2)
        assert kinds
        assert all(resumed.after_us >= terms.interrupt_us for resumed in mesh.kinds(peer, Resumed))
        assert shared(mesh.history(peer)) == straight_play(terms, (2, 2), mesh.act)


# Focus timeout.


@given(NETWORKS, st.integers(2, 3), st.integers(500_000, 900_000), st.integers(0, 2), st.integers(1, 40))
def test_a_focus_timeout_ends_everyone_at_the_same_frame(
    network: Network, peers: int, at_us: int, hidden: int, limit: int
) -> None:
    hidden %= peers
    terms = terms_for(range(peers), max_steps=600, focus_timeout_frames=limit)
    mesh = Mesh(terms, path=network)
    mesh.at(at_us, lambda: mesh.command(hidden, FocusChanged(False)))
    mesh.run()
    ends = [ended(mesh, peer) for peer in range(peers)]
    assert {(end.reason, end.peer, end.frame) for end in ends} == {
        (EndReason.FOCUS_TIMEOUT, hidden, ends[0].frame)
    }
    assert_rows_are_right(mesh)
    flags = [bool(frame.focus_mask >> hidden & 1) for frame in mesh.history(0)]
    assert flags[-limit:] == [False] * limit
    assert limit == len(flags) or flags[-limit - 1]


# Finishing.


@given(
    lost=st.integers(0, 60),
    directions=st.sampled_from([((0, 1),), ((1, 0),), ((0, 1), (1, 0))]),
    before_the_end=st.integers(0, 12),
    path=PATHS,
    window=st.integers(0, 10),
)
def test_losing_the_last_datagrams_leaves_nobody_incomplete(
    lost: int, directions: tuple[tuple[int, int], ...], before_the_end: int, path: Path, window: int
) -> None:
    """`lost` datagrams in a row a direction, from when the sender is about to finish."""
    terms = terms_for(max_steps=30, prediction_window_frames=window)
    expected = straight_play(terms, (2, 2), Mesh(terms).act)
    left = dict.fromkeys(directions, lost)

    def lose(mesh: Mesh, source: int, target: int, data: bytes) -> list[bytes]:
        about_to = mesh.peers[source].session.committed_frame >= len(expected) - 1 - before_the_end
        if about_to and left.get((source, target), 0):
            left[source, target] -= 1
            return []
        return [data]

    mesh = Mesh(terms, path=Path(delay_us=path.delay_us, jitter_us=path.jitter_us), meddle=lose).run()
    for peer in (0, 1):
        assert ended(mesh, peer).reason is EndReason.COMPLETED
        assert shared(mesh.history(peer)) == expected
        assert type(mesh.events[peer][-1]) is Closed


def test_a_partner_that_goes_after_i_am_complete_is_a_valid_end() -> None:
    for crash_frame in (57, 61, 62, 63):
        mesh = Mesh(terms_for(max_steps=60))
        mesh.run(until=lambda mesh, frame=crash_frame: mesh.peers[0].session.confirmed_frame >= frame)
        mesh.crash(1)
        mesh.run()
        total = len(straight_play(mesh.terms, (2, 2), mesh.act))
        end = ended(mesh, 0)
        is_whole = len(mesh.history(0)) == total
        assert end.reason is (EndReason.COMPLETED if is_whole else EndReason.DISCONNECTED)
        assert_rows_are_right(mesh)


# The handshake.


class Named(Counter):
    """The counter under another id, with more actions."""

    def __init__(self, players: int, game_id: str, actions: int) -> None:
        super().__init__(players)
        spec = self.spec
        self.spec = GameSpec(
            id=game_id, agents=spec.agents, action_count=actions, info_keys=spec.info_keys, frame_rate_hz=60
        )


OTHER_TERMS: dict[str, Any] = {
    "session_id": "another",
    "build_id": "newer",
    "game_id": "counter-v2",
    "action_count": 6,
    "seed": 8,
    "seats": (1, 0),
    "episodes": 2,
    "max_steps": 61,
    "countdown_frames": 3,
    "frame_rate_hz": 30,
    "prediction_window_frames": 9,
    "window_policy": WindowPolicy.RTT,
    "max_input_delay_frames": 13,
    "checksum_interval_frames": 21,
    "focus_timeout_frames": 5,
    "interrupt_us": 400_000,
    "reconnect_limit_us": 20_000_000,
    "pause_on_hidden": True,
}


def test_every_field_of_the_terms_is_tried() -> None:
    assert set(OTHER_TERMS) == set(MatchTerms.__dataclass_fields__)


def text(value: Any) -> str:
    """As it stands in the terms' canonical bytes."""
    return repr(value.value if isinstance(value, WindowPolicy) else value)


@pytest.mark.parametrize("lost", [None, (0, 1), (1, 0)], ids=["both heard", "0 to 1 lost", "1 to 0 lost"])
@pytest.mark.parametrize("name", sorted(OTHER_TERMS))
def test_terms_that_differ_are_named_with_both_values_on_both_sides(
    name: str, lost: tuple[int, int] | None
) -> None:
    """Also when the first hellos in one direction are lost, the answer to a mismatch among them."""
    terms = terms_for()
    others = terms_for(**{name: OTHER_TERMS[name]})
    games = {1: Named(2, others.game_id, others.action_count)}
    path = Path() if lost is None else changing([lost], 0, 1_000_000, Path())
    mesh = Mesh(terms, terms_of={1: others}, path=path, games=games).run()
    for peer, (here, there) in enumerate([(terms, others), (others, terms)]):
        end = ended(mesh, peer)
        assert (end.reason, end.peer, end.frame) == (EndReason.HANDSHAKE_MISMATCH, 1 - peer, -1)
        first, second = getattr(here, name), getattr(there, name)
        if name == "seats":
            name, first, second = "seats[0]", first[0], second[0]
        assert end.detail == f"{name}: {text(first)} here, {text(second)} there"
        name = name.removesuffix("[0]")
        assert not mesh.kinds(peer, Committed)
    assert mesh.is_over


def test_another_version_of_the_protocol_is_named() -> None:
    mesh = Mesh(terms_for(), absent=[1])
    session = mesh.peers[0].session
    hello = Hello(wire.PROTOCOL_VERSION + 1, 5, 0, False, False, 8, 1, 0, 0, b"anything")
    session.receive_datagram(1, wire.encode_hello(hello), 0)
    mesh.run()
    (end,) = [event for event in mesh.events[0] if type(event) is Ended]
    assert (end.reason, end.peer) == (EndReason.HANDSHAKE_MISMATCH, 1)
    assert end.detail == f"protocol version: {wire.PROTOCOL_VERSION} here, {wire.PROTOCOL_VERSION + 1} there"


def test_of_three_the_one_that_differs_is_named() -> None:
    terms, others = terms_for((0, 1, 2)), terms_for((0, 1, 2), seed=8)
    mesh = Mesh(terms, terms_of={2: others}).run()
    for peer in range(3):
        end = ended(mesh, peer)
        assert end.reason is EndReason.HANDSHAKE_MISMATCH
        assert end.detail.startswith("seed: ")
    assert ended(mesh, 0).peer == ended(mesh, 1).peer == 2


@given(st.integers(2, 4), st.integers(1, 3_000_000))
def test_a_partner_that_never_comes_is_a_timeout_at_the_time_that_was_set(
    peers: int, timeout_us: int
) -> None:
    configs = {peer: {"handshake_timeout_us": timeout_us} for peer in range(peers)}
    mesh = Mesh(terms_for(range(peers)), absent=[peers - 1], configs=configs)
    mesh.run(until=lambda mesh: bool(mesh.kinds(0, Ended)))
    assert mesh.now_us == timeout_us
    mesh.run()
    for peer in range(peers - 1):
        assert ended(mesh, peer).reason is EndReason.HANDSHAKE_TIMEOUT


@given(PATHS, st.integers(300_000, 1_000_000), st.integers(1, 400_000), st.integers(2, 2**32 - 1))
def test_a_reloaded_partner_ends_the_session_and_is_told_so(
    path: Path, at_us: int, away_us: int, incarnation: int
) -> None:
    mesh = Mesh(terms_for(max_steps=600), path=Path(delay_us=path.delay_us, loss_permille=path.loss_permille))
    mesh.run(until=lambda mesh: len(mesh.history(0)) > 3)
    at_us += mesh.now_us
    mesh.at(at_us, lambda: mesh.crash(1))
    mesh.at(at_us + away_us, lambda: mesh.restart(1, incarnation))
    mesh.run()
    stayed, came = ended(mesh, 0), ended(mesh, 1)
    assert (stayed.reason, stayed.peer) == (EndReason.PEER_RESTARTED, 1)
    assert "incarnation" in stayed.detail
    assert (came.reason, came.frame) == (EndReason.EXCLUDED, -1)
    assert "without this peer" in came.detail
    assert len(mesh.history(0)) > 3
    assert replayed(mesh.terms, mesh.history(0)) == mesh.history(0)


@given(PATHS)
def test_one_of_three_that_reloads_is_left_out_and_the_others_finish(path: Path) -> None:
    mesh = Mesh(
        terms_for((0, 1, 2), max_steps=150), path=Path(delay_us=path.delay_us, jitter_us=path.jitter_us)
    )
    mesh.run(until=lambda mesh: len(mesh.history(0)) > 3)
    mesh.restart(1, 2)
    mesh.run()
    assert ended(mesh, 1).reason is EndReason.EXCLUDED
    assert ended(mesh, 0).reason is ended(mesh, 2).reason is EndReason.COMPLETED
    assert shared(mesh.history(0)) == shared(mesh.history(2))
    assert replayed(mesh.terms, shared(mesh.history(0))) == shared(mesh.history(0))


def test_a_partner_that_reloads_during_the_handshake_is_welcome() -> None:
    mesh = Mesh(terms_for(), path=Path(delay_us=200_000))
    mesh.run(150_000)  # before any answer to the hello of the first incarnation
    mesh.restart(1, 2)
    mesh.run()
    assert ended(mesh, 0).reason is ended(mesh, 1).reason is EndReason.COMPLETED
    assert shared(mesh.history(0)) == shared(mesh.history(1)) == straight_play(mesh.terms, (2, 2), mesh.act)


@given(st.integers(0, 20 * SECOND_US))
def test_everything_comes_to_an_end(at_us: int) -> None:
    """Whatever is cut off whenever: each peer ends and closes, and nothing is left to send."""
    mesh = Mesh(terms_for(episodes=3, max_steps=100, **QUICK), path=Path(cuts=((at_us % 8_000_000, 2**60),)))
    mesh.run(120 * SECOND_US)
    assert mesh.is_over
    for peer in (0, 1):
        assert len(mesh.kinds(peer, Ended)) == len(mesh.kinds(peer, Closed)) == 1
    assert_rows_are_right(mesh)

"""Games that fail or differ on one peer: the frame is named, the rows before it are right, no false alarm."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mesh import Mesh, Path, acting, agree_on_common_prefix, replayed, shared, straight_play, terms_for
from mesh_plans import NETWORKS, Network

from rollback_core.commands import Leave
from rollback_core.errors import SimulationError
from rollback_core.events import DesyncAttributed, DesyncDetected, Ended, EndReason
from rollback_core.simulation import StepOutcome
from scenarios.games.counter import Counter


class Failing(Counter):
    """Raises in `door` ("step", "save" or "load") when its own frame count stands at `at`."""

    def __init__(self, players: int, door: str, at: int) -> None:
        self.door = ""
        super().__init__(players)
        self.door = door
        self.at = at
        self.raised = 0

    def step(self, actions: Any, /) -> StepOutcome:
        self._fail("step", self.save())
        return super().step(actions)

    def save(self) -> Any:
        return super().save_state()

    def save_state(self) -> Any:
        self._fail("save", self.save())
        return super().save_state()

    def load_state(self, state: Any, /) -> None:
        self._fail("load", state)
        super().load_state(state)

    def _fail(self, door: str, state: Any) -> None:
        if door == self.door and state[0] == self.at:
            self.raised += 1
            raise ValueError("planted")


def first_frame(mesh: Mesh) -> int:
    """The first frame of play, after the wait for everyone."""
    match = straight_play(mesh.terms, [2] * mesh.terms.peer_count, mesh.act)
    return next(frame.frame for frame in match if frame.outcome is not None)


@given(st.sampled_from(["step", "save", "load"]), st.integers(1, 50), st.integers(2, 3), NETWORKS)
def test_a_game_that_raises_ends_its_session_at_that_frame_and_the_partners_cleanly(
    door: str, at: int, peers: int, network: Network
) -> None:
    terms = terms_for(range(peers), interrupt_us=500_000, reconnect_limit_us=5_000_000)
    game = Failing(peers, door, at)
    mesh = Mesh(terms, games={0: game}, path=network).run()
    if not game.raised:  # a load of that very frame was never needed
        assert door == "load"
        assert mesh.kinds(0, Ended)[0].reason is EndReason.COMPLETED
        return
    error = mesh.errors[0]
    assert type(error) is SimulationError
    # The frame that could not be played, or for a load the frame that could not be gone back to.
    where = first_frame(mesh) + at
    assert error.frame == (where - 1 if door == "save" else where)
    assert "planted" in str(error)
    (end,) = mesh.kinds(0, Ended)
    assert end.reason is EndReason.GAME_FAILED
    assert str(error) in end.detail
    assert game.raised == 1  # an ended session asks nothing of its game
    histories = [shared(mesh.history(peer)) for peer in range(peers)]
    assert end.frame == len(histories[0]) - 1
    assert end.frame < error.frame + (door == "load")
    for history in histories:
        assert replayed(terms, history) == history
    assert agree_on_common_prefix(histories)
    assert mesh.is_over
    for peer in range(1, peers):
        (end,) = mesh.kinds(peer, Ended)
        if peers == 2:
            assert (end.reason, end.peer) == (EndReason.PEER_LEFT, 0)
            assert "game-failed" in end.detail
        else:
            assert end.reason is EndReason.COMPLETED
            assert histories[peer] == histories[1]


class Speechless(Counter):
    """Plays on, but from its frame `at` on it cannot say its state."""

    def __init__(self, players: int, at: int) -> None:
        super().__init__(players)
        self.at = at

    def encode_state(self, state: Any, /) -> bytes:
        if state[0] >= self.at:
            raise ValueError("planted")
        return super().encode_state(state)


@given(
    at=st.integers(1, 50),
    leaves_at_us=st.one_of(st.none(), st.integers(100_000, 1_200_000)),
    interval=st.integers(1, 9),
)
@example(at=1, leaves_at_us=None, interval=1)
@example(at=20, leaves_at_us=500_000, interval=1)
def test_a_game_that_cannot_say_its_state_ends_its_session_and_keeps_what_is_committed(
    at: int, leaves_at_us: int | None, interval: int
) -> None:
    """At a comparison of checksums: in a tick, or at a goodbye, which plays up to what is confirmed."""
    terms = terms_for(range(2), checksum_interval_frames=interval)
    mesh = Mesh(terms, games={0: Speechless(2, at)})
    if leaves_at_us is not None:
        mesh.at(leaves_at_us, lambda: mesh.command(0, Leave("enough")))
    mesh.run()
    (end,) = mesh.kinds(0, Ended)
    assert end.reason is EndReason.GAME_FAILED or (leaves_at_us and end.reason is EndReason.LEFT)
    assert end.reason is EndReason.LEFT or "ValueError: planted" in end.detail
    histories = [shared(mesh.history(peer)) for peer in range(2)]
    assert end.frame == len(histories[0]) - 1
    assert replayed(terms, histories[0]) == histories[0]
    assert agree_on_common_prefix(histories)


class Differing(Counter):
    """From its own frame `at` on something is not as on the other peers."""

    def __init__(self, players: int, what: str, at: int) -> None:
        super().__init__(players)
        self.what = what
        self.at = at

    def step(self, actions: Any, /) -> StepOutcome:
        outcome = super().step(actions)
        frame, mix, total = self.save_state()
        if frame - 1 != self.at:
            return outcome
        if self.what == "state":
            self.load_state((frame, mix ^ 1, total))
        elif self.what == "reward":
            return outcome._replace(rewards=(outcome.rewards[0] + 0.5, *outcome.rewards[1:]))
        elif self.what == "info":
            return outcome._replace(infos=((99,), *outcome.infos[1:]))
        elif self.what == "zero":  # equal for `==`, not to the bit
            return outcome._replace(rewards=(-0.0, *outcome.rewards[1:]))
        return outcome


PLANTED = {
    "state": "state.game.mix",
    "reward": "row.rewards[0]",
    "info": "row.infos[0][0]",
    "zero": "row.rewards[0]",
}


class Picky(Differing):
    """Can say its state at frames of `says` alone, if any are named; `said` are those it was asked for."""

    def __init__(self, at: int, says: frozenset[int] = frozenset()) -> None:
        super().__init__(2, "state", at)
        self.says = says
        self.said: set[int] = set()

    def encode_state(self, state: Any, /) -> bytes:
        if self.says and state[0] not in self.says:
            raise ValueError("planted")
        self.said.add(state[0])
        return super().encode_state(state)


@given(at=st.integers(0, 55), interval=st.sampled_from([7, 20]))
def test_a_difference_is_told_though_the_game_cannot_say_the_frames_between_checksums(
    at: int, interval: int
) -> None:
    terms = terms_for(range(2), checksum_interval_frames=interval)
    asked = Picky(-1)
    Mesh(terms, games={0: asked}).run()
    mesh = Mesh(terms, games={0: Picky(at, frozenset(asked.said))}).run()
    [told, located] = mesh.kinds(0, DesyncDetected)
    assert not told.is_located
    assert located.is_located
    assert located.first_frame <= told.checked_frame
    assert [event.reason for event in mesh.kinds(0, Ended)] == [EndReason.COMPLETED]


@given(
    what=st.sampled_from(sorted(PLANTED)),
    at=st.integers(0, 79),
    interval=st.sampled_from([1, 7, 20, 60, 240]),
    network=NETWORKS,
    window=st.integers(0, 12),
)
def test_a_difference_on_one_peer_is_found_at_its_first_frame_and_named(
    what: str, at: int, interval: int, network: Network, window: int
) -> None:
    terms = terms_for(max_steps=80, checksum_interval_frames=interval, prediction_window_frames=window)
    mesh = Mesh(terms, games={1: Differing(2, what, at)}, path=network)
    # Frame `at` makes the state that stands before the next one; a row belongs to its own frame.
    planted = first_frame(mesh) + at + (what == "state")
    last = len(straight_play(terms, (2, 2), mesh.act)) - 1
    mesh.run()
    for peer in (0, 1):
        assert mesh.kinds(peer, Ended)[0].reason is EndReason.COMPLETED
        found = mesh.kinds(peer, DesyncDetected)
        if planted > last:
            assert found == []  # it came into being after the last frame that is played
            continue
        due = next(frame for frame in range(planted, last + 1) if frame % interval == 0 or frame == last)
        first, located = found
        assert not first.is_located
        assert first.checked_frame == due
        assert located.is_located
        assert (located.first_frame, located.field) == (planted, PLANTED[what])
        assert located.mine != located.theirs
        assert mesh.peers[peer].recorder.invalid_from == (planted, f"desync with peer {1 - peer}")
        assert mesh.peers[peer].session.desync.exchange.comparisons >= 1
    located = [mesh.kinds(peer, DesyncDetected)[-1:] for peer in (0, 1)]
    if located[0] and located[1]:
        assert (located[0][0].mine, located[0][0].theirs) == (located[1][0].theirs, located[1][0].mine)


@given(
    seats=st.sampled_from([(0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3, 4)]),
    bad=st.integers(0, 4),
    at=st.integers(0, 60),
    network=NETWORKS,
)
def test_with_three_or_more_the_one_that_differs_is_named_by_all(
    seats: tuple[int, ...], bad: int, at: int, network: Network
) -> None:
    bad %= len(seats)
    terms = terms_for(seats, max_steps=80, checksum_interval_frames=10)
    mesh = Mesh(terms, games={bad: Differing(len(seats), "state", at)}, path=network).run()
    planted = first_frame(mesh) + at + 1
    for peer in seats:
        assert mesh.kinds(peer, Ended)[0].reason is EndReason.COMPLETED
        blamed = mesh.kinds(peer, DesyncAttributed)
        assert blamed
        assert {each.peers for each in blamed} == {(bad,)}
        assert all(each.frame >= planted for each in blamed)
        partners = {each.peer for each in mesh.kinds(peer, DesyncDetected)}
        assert partners == (set(seats) - {bad} if peer == bad else {bad})
        assert {each.first_frame for each in mesh.kinds(peer, DesyncDetected) if each.is_located} == {planted}
    honest = [shared(mesh.history(peer)) for peer in seats if peer != bad]
    assert all(history == replayed(terms, history) == honest[0] for history in honest)


@given(st.integers(2, 4), st.sampled_from([1, 7, 20, 240]), NETWORKS, st.integers(0, 1_000))
def test_there_is_no_false_alarm_and_every_comparison_that_was_due_is_made(
    peers: int, interval: int, network: Network, seed: int
) -> None:
    terms = terms_for(range(peers), checksum_interval_frames=interval, episodes=2)
    mesh = Mesh(terms, path=network, act=acting(seed)).run()
    last = len(mesh.history(0)) - 1
    due = last // interval + (last % interval > 0)
    for index, peer in enumerate(mesh.peers):
        assert not mesh.kinds(index, DesyncDetected)
        assert not mesh.kinds(index, DesyncAttributed)
        assert peer.recorder.invalid_from is None
        assert peer.session.desync.exchange.comparisons == due * (peers - 1)


@pytest.mark.parametrize("interval", [0])
def test_without_checksums_nothing_is_compared(interval: int) -> None:
    terms = terms_for(checksum_interval_frames=interval)
    mesh = Mesh(terms, games={1: Differing(2, "state", 5)}, path=Path()).run()
    assert not mesh.kinds(0, DesyncDetected)
    assert mesh.peers[0].session.desync.exchange.comparisons == 0

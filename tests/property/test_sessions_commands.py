"""What a host can ask of a running session: another delay, hidden and back, a pause; data stay right."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from mesh import SECOND_US, Mesh, Path, acting, replayed, shared, terms_for
from mesh_plans import NETWORKS, Network

from rollback_core.commands import FocusChanged, SetDelay, TransportChanged
from rollback_core.config import DelayPolicy
from rollback_core.events import CommittedFrame, DelayChanged, EndReason
from rollback_core.life import State

CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1),  # peer
        st.integers(0, 1_500_000),  # when
        st.lists(st.integers(0, 12), min_size=1, max_size=3),  # delays, one right after the other
    ),
    min_size=1,
    max_size=6,
)


def assert_completed_alike(mesh: Mesh) -> list[CommittedFrame]:
    histories = [shared(mesh.history(index)) for index in range(len(mesh.peers))]
    for index, peer in enumerate(mesh.peers):
        ended = peer.session.ended
        assert ended is not None
        assert ended.reason is EndReason.COMPLETED, (index, ended)
        assert histories[index] == histories[0]
    assert replayed(mesh.terms, histories[0]) == histories[0]
    return histories[0]


@given(CHANGES, st.integers(0, 12), NETWORKS, st.integers(0, 8))
def test_the_delay_may_change_at_any_time(
    changes: list[tuple[int, int, list[int]]], delay: int, network: Network, window: int
) -> None:
    terms = terms_for(max_steps=80, prediction_window_frames=window)
    configs = {0: {"input_delay_frames": delay}, 1: {"input_delay_frames": 2}}
    mesh = Mesh(terms, path=network, configs=configs, act=acting(3, hold=1))
    wanted: dict[int, int] = {0: delay, 1: 2}
    for peer, at_us, delays in sorted(changes, key=lambda change: change[1]):
        wanted[peer] = delays[-1]
        for each in delays:
            mesh.at(at_us, lambda peer=peer, each=each: mesh.command(peer, SetDelay(each)))
    mesh.run()
    history = assert_completed_alike(mesh)
    for peer in (0, 1):
        assert mesh.peers[peer].session.delay_frames == wanted[peer]
        changed = [event.delay_frames for event in mesh.kinds(peer, DelayChanged)]
        # Told once each, and never when nothing changed.
        assert all(
            one != other
            for one, other in zip([configs[peer]["input_delay_frames"], *changed], changed, strict=False)
        )
    # What counted was submitted for just that frame, or repeats the input before it to fill a gap.
    for player in (0, 1):
        for before, frame in pairwise(history):
            if frame.outcome is not None and frame.outcome.t >= 24:
                assert frame.actions[player] in (mesh.act(player, frame.frame), before.actions[player])


def test_an_increase_fills_the_gap_with_the_last_input_and_a_decrease_drops_none_that_was_sent() -> None:
    for changes, dropped in (([6], 0), ([6, 8], 0), ([0], 1), ([6, 1], 0)):
        mesh = Mesh(terms_for(), act=acting(5, hold=1), path=Path(delay_us=20_000))
        started_us = 10**6

        def change(mesh: Mesh = mesh, changes: list[int] = changes) -> None:
            for delay in changes:
                mesh.command(0, SetDelay(delay))

        mesh.at(started_us, change)
        mesh.run(until=lambda mesh, at=started_us: mesh.now_us >= at)
        end = mesh.peers[0].session.input_end
        mesh.run()
        history = assert_completed_alike(mesh)
        gap = max(0, changes[-1] - 2)
        for frame in range(10, len(history)):
            expected = mesh.act(0, end - 1) if end <= frame < end + gap else mesh.act(0, frame)
            assert history[frame].actions[0] == expected, (changes, frame, end)
        assert (mesh.peers[0].session.play.dropped_inputs > 0) == bool(dropped)


@given(NETWORKS, st.integers(0, 1_000))
def test_an_adaptive_delay_follows_the_link_and_keeps_the_data_right(network: Network, seed: int) -> None:
    terms = terms_for((0, 1, 2), max_steps=120)
    configs = {peer: {"delay_policy": DelayPolicy.ADAPTIVE, "input_delay_frames": peer} for peer in range(3)}
    mesh = Mesh(terms, path=network, configs=configs, act=acting(seed)).run()
    assert_completed_alike(mesh)
    for peer in mesh.peers:
        assert 0 <= peer.session.delay_frames <= terms.max_input_delay_frames


def test_an_adaptive_delay_covers_the_one_way_delay() -> None:
    for delay_us, frames in ((5_000, 1), (50_000, 3), (100_000, 6)):
        configs = {peer: {"delay_policy": DelayPolicy.ADAPTIVE} for peer in (0, 1)}
        # Long enough to come down again from where the first samples' variance has led, 3 s a frame.
        mesh = Mesh(terms_for(max_steps=1_500), path=Path(delay_us=delay_us), configs=configs).run()
        assert_completed_alike(mesh)
        assert all(peer.session.delay_frames == frames for peer in mesh.peers)


FLIPS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2_000_000), st.booleans()), min_size=1, max_size=6
)


@given(FLIPS, NETWORKS, st.sampled_from([0, 2]))
def test_the_focus_flag_rides_with_the_input_and_whoever_is_hidden_idles(
    flips: list[tuple[int, int, bool]], network: Network, delay: int
) -> None:
    terms = terms_for(max_steps=90)
    configs = {peer: {"input_delay_frames": delay} for peer in (0, 1)}
    mesh = Mesh(terms, path=network, act=lambda player, frame: 1 + (frame + player) % 3, configs=configs)
    is_focused = [True, True]
    for peer, at_us, focused in sorted(flips, key=lambda flip: flip[1]):
        is_focused[peer] = focused
        mesh.at(at_us, lambda peer=peer, focused=focused: mesh.command(peer, FocusChanged(focused)))
    # Hidden while the others wait for "ready" would be waited for without end.
    for peer in (0, 1):
        mesh.at(2_100_000, lambda peer=peer: mesh.command(peer, FocusChanged(True)))
    mesh.run()
    history = assert_completed_alike(mesh)
    for frame in history:
        if frame.outcome is None or frame.outcome.t < delay:
            continue
        for player in (0, 1):
            action = frame.outcome.actions[player]
            # These bots never choose the neutral action: it is there if and only if the flag is off.
            assert (action == 0) == (not frame.focus_mask >> player & 1)
            assert action in (0, mesh.act(player, frame.frame))


def test_being_hidden_is_seen_in_just_those_frames_that_were_submitted_hidden() -> None:
    for hidden_us, back_us in ((600_000, 900_000), (600_000, 616_000)):
        mesh = Mesh(terms_for(max_steps=90), act=lambda player, frame: 1)
        ends: list[int] = []

        def flip(focused: bool, mesh: Mesh = mesh, ends: list[int] = ends) -> None:
            ends.append(mesh.peers[1].session.input_end)
            mesh.command(1, FocusChanged(focused))

        mesh.at(hidden_us, lambda: flip(False))
        mesh.at(back_us, lambda: flip(True))
        mesh.run()
        history = assert_completed_alike(mesh)
        unfocused = [frame.frame for frame in history if not frame.focus_mask & 2]
        assert unfocused == list(range(*ends))
        assert all(frame.focus_mask & 1 for frame in history)


@given(NETWORKS, st.integers(400_000, 1_200_000), st.integers(1, 1_500_000))
def test_a_study_that_pauses_when_someone_hides_goes_on_when_they_are_back(
    network: Network, hidden_us: int, for_us: int
) -> None:
    terms = terms_for((0, 1, 2), pause_on_hidden=True, focus_timeout_frames=600)
    mesh = Mesh(terms, path=network)
    mesh.at(hidden_us, lambda: mesh.command(2, FocusChanged(False)))
    mesh.at(hidden_us + for_us, lambda: mesh.command(2, FocusChanged(True)))
    mesh.run()
    assert_completed_alike(mesh)


def test_nobody_plays_on_while_someone_is_hidden_in_a_study_that_pauses() -> None:
    mesh = Mesh(terms_for(pause_on_hidden=True), path=Path(delay_us=10_000))
    mesh.run(600_000)
    mesh.command(0, FocusChanged(False))
    mesh.run(1 * SECOND_US)
    before = [peer.session.current_frame for peer in mesh.peers]
    assert all(10 < frame < 60 for frame in before)
    mesh.run(5 * SECOND_US)
    assert [peer.session.current_frame for peer in mesh.peers] == before
    mesh.command(0, FocusChanged(True))
    mesh.run()
    assert_completed_alike(mesh)


def test_another_transport_forgets_the_old_round_trip_and_nothing_else() -> None:
    mesh = Mesh(terms_for(max_steps=200), path=Path(delay_us=40_000))
    mesh.run(2 * SECOND_US)
    link = mesh.peers[0].session.links[1]
    assert link.rtt_samples > 3
    mesh.command(0, TransportChanged(1))
    assert link.rtt_samples == 0
    assert mesh.peers[0].session.state is State.RUNNING
    mesh.run()
    assert link.rtt_samples > 0
    assert_completed_alike(mesh)

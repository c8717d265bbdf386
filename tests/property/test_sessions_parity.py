"""Whatever the network does, every peer commits the match that one process would have played."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from mesh import Mesh, Path, acting, new_match, replayed, shared, straight_play, terms_for
from mesh_plans import NETWORKS, PREDICTORS, SEATS, Network, delays_of, peer_configs, windows

from rollback_core import predictor
from rollback_core.config import MatchTerms, TimeSyncKind, WindowPolicy
from rollback_core.events import Committed, EndReason, RolledBack
from rollback_core.peer import Peer
from rollback_core.play import Play
from rollback_core.recorder import shared_row
from rollback_core.simulation import GameSpec, StepOutcome
from scenarios.games.counter import ACTION_COUNT, Counter


@st.composite
def matches(draw: st.DrawFn) -> tuple[MatchTerms, dict[int, dict[str, Any]]]:
    seats = draw(SEATS)
    terms = terms_for(
        seats,
        episodes=draw(st.integers(1, 3)),
        max_steps=draw(st.sampled_from([1, 7, 30, 70])),
        countdown_frames=draw(st.sampled_from([0, 1, 10])),
        prediction_window_frames=draw(windows()),
        window_policy=draw(st.sampled_from(WindowPolicy)),
        checksum_interval_frames=draw(st.sampled_from([0, 1, 16, 60])),
        seed=draw(st.integers(0, 2**31 - 1)),
    )
    return terms, draw(peer_configs(terms.peer_count))


def assert_all_played(mesh: Mesh, expected: list[Any]) -> None:
    for index, peer in enumerate(mesh.peers):
        ended = peer.session.ended
        assert ended is not None
        assert ended.reason is EndReason.COMPLETED, (index, ended)
        assert shared(mesh.history(index)) == expected
        assert peer.recorder.invalid_from is None
        assert peer.session.desync.exchange.is_clean


@given(matches(), NETWORKS, st.integers(0, 10_000))
def test_every_peer_commits_the_match_of_one_process(
    match: tuple[MatchTerms, dict[int, dict[str, Any]]], network: Network, seed: int
) -> None:
    terms, configs = match
    mesh = Mesh(terms, path=network, configs=configs, act=acting(seed)).run()
    assert_all_played(mesh, straight_play(terms, delays_of(configs), mesh.act))
    for index in range(terms.peer_count):
        events = mesh.kinds(index, Committed)
        told = [frame for committed in events for frame in committed.frames]
        assert told == mesh.history(index)  # what was told is what was recorded, once and in order
        window = mesh.peers[index].session.match.window
        # A rollback may reach one frame further than the window: the frame that came with the last step.
        assert all(0 < rolled.depth <= window for rolled in mesh.kinds(index, RolledBack))
    event(f"{terms.peer_count} peers, {sum(p.session.match.rollbacks for p in mesh.peers) > 0} rollbacks")


@given(matches(), NETWORKS, st.integers(0, 10_000))
def test_the_short_tick_is_the_whole_tick(
    match: tuple[MatchTerms, dict[int, dict[str, Any]]], network: Network, seed: int
) -> None:
    terms, configs = match
    runs = []
    for tick in (Play.tick, Play.tick_in_full):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Play, "tick", tick)
            mesh = Mesh(terms, path=network, configs=configs, act=acting(seed)).run()
        counts = [(p.session.play.stalled_ticks, p.session.play.skipped_ticks) for p in mesh.peers]
        runs.append((mesh.trace, mesh.events, counts))
    assert runs[0] == runs[1]


def test_in_quiet_play_the_short_tick_is_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    full: list[int] = []
    tick_in_full = Play.tick_in_full

    def counted(self: Play, now_us: int, actions: Sequence[int], frames: int) -> int:
        full.append(now_us)
        return tick_in_full(self, now_us, actions, frames)

    monkeypatch.setattr(Play, "tick_in_full", counted)
    # The delay covers the way: nothing is predicted wrongly.
    configs = {peer: {"input_delay_frames": 6} for peer in range(2)}
    mesh = Mesh(terms_for(max_steps=400), path=Path(delay_us=20_000), configs=configs)
    mesh.run(until=lambda mesh: mesh.peers[0].session.current_frame == 390)
    ticks = sum(peer.session.play._ticks for peer in mesh.peers)
    assert ticks >= 2 * 389
    assert len(full) < ticks // 10


def test_the_property_is_not_vacuous() -> None:
    terms = terms_for(prediction_window_frames=20)
    mesh = Mesh(terms, path=Path(delay_us=150_000, loss_permille=200, jitter_us=40_000)).run()
    deepest = max(rolled.depth for rolled in mesh.kinds(0, RolledBack))
    assert deepest >= 8
    assert any(frame.speculative_mask for frame in mesh.history(0))
    assert_all_played(mesh, straight_play(terms, (2, 2), mesh.act))


@given(matches(), NETWORKS, st.integers(0, 10_000))
def test_the_figures_of_a_link_count_what_went_over_it(
    match: tuple[MatchTerms, dict[int, dict[str, Any]]], network: Network, seed: int
) -> None:
    terms, configs = match
    receive = Peer.receive_datagram

    def counted(self: Peer, source: int, data: bytes, now_us: int) -> None:
        link = self.session.links[source]
        was_running = self.session.life.is_running
        before = link.received + link.rejected
        receive(self, source, data, now_us)
        if was_running:
            assert link.received + link.rejected == before + 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Peer, "receive_datagram", counted)
        mesh = Mesh(terms, path=network, configs=configs, act=acting(seed)).run()
    for me, peer in enumerate(mesh.peers):
        for other, link in peer.session.links.items():
            sent = [len(data) for _, source, target, data in mesh.trace if (source, target) == (me, other)]
            assert (link.sent_datagrams, link.sent_bytes) == (len(sent), sum(sent))


class Race(Counter):
    """An episode ends when the mixed number says so: when depends on every input so far."""

    def __init__(self, players: int = 2) -> None:
        super().__init__(players)
        spec = self.spec
        self.spec = GameSpec(
            id="race-v1", agents=spec.agents, action_count=spec.action_count, info_keys=spec.info_keys
        )

    def step(self, actions: Any, /) -> StepOutcome:
        outcome = super().step(actions)
        frame, mix, _ = self.save_state()
        return outcome._replace(is_over=frame >= 5 and (mix >> 9) % 16 == 0)


@given(st.integers(2, 3), st.integers(0, 12), st.integers(0, 6), NETWORKS, st.integers(0, 10_000))
def test_an_end_of_episode_that_was_predicted_wrongly_is_taken_back(
    peers: int, window: int, delay: int, network: Network, seed: int
) -> None:
    terms = terms_for(
        range(peers), game_id="race-v1", episodes=4, max_steps=60, prediction_window_frames=window
    )
    games = {peer: Race(peers) for peer in range(peers)}
    configs = {peer: {"input_delay_frames": delay} for peer in range(peers)}
    mesh = Mesh(terms, path=network, games=games, configs=configs, act=acting(seed, hold=1)).run()
    fresh = new_match(terms, Race(peers))
    expected = [frame._replace(outcome=fresh.step(frame.actions)) for frame in shared(mesh.history(0))]
    assert fresh.is_finished
    assert_all_played(mesh, expected)
    for index in range(peers):
        for player in range(peers):
            # Once an episode has run as long as the delay, its inputs were submitted in play, or when the
            # player was shown an end that was then taken back: whoever waits does not act.
            assert all(
                frame.outcome.actions[player] in (mesh.act(player, frame.frame), 0)
                for frame in mesh.history(index)
                if frame.outcome is not None and frame.outcome.t >= delay
            )


BASE = terms_for((0, 1, 2), episodes=2, max_steps=40)


@given(
    configs=peer_configs(3),
    network=NETWORKS,
    window=windows(),
    interval=st.sampled_from([0, 1, 20, 240]),
    epochs=st.tuples(*[st.integers(0, 2**40)] * 3),
    order=st.permutations(range(3)),
)
def test_nothing_but_the_inputs_decides_the_committed_history(
    configs: dict[int, dict[str, Any]],
    network: Network,
    window: int,
    interval: int,
    epochs: tuple[int, ...],
    order: list[int],
) -> None:
    """Network, predictor, time sync, window, checksums, clocks and the order of service change nothing."""
    for config in configs.values():
        config["input_delay_frames"] = 3
    terms = terms_for(
        (0, 1, 2),
        episodes=2,
        max_steps=40,
        prediction_window_frames=window,
        checksum_interval_frames=interval,
    )
    plain = Mesh(BASE, configs={peer: {"input_delay_frames": 3} for peer in range(3)}).run()
    # Nobody sleeps here: catching up takes one sample for several frames, which are other inputs.
    other = Mesh(terms, path=network, configs=configs, epochs=epochs, order=order).run()
    assert_all_played(other, shared(plain.history(0)))


@given(st.permutations(range(3)), NETWORKS, st.integers(0, 1_000))
def test_which_peer_a_player_sits_at_is_not_in_the_data(
    seats: list[int], network: Network, seed: int
) -> None:
    """The same players at other peers: the same rows."""
    rows = []
    for places, path in (((0, 1, 2), Path()), (tuple(seats), network)):
        mesh = Mesh(terms_for(places), path=path, act=acting(seed)).run()
        rows.append([[shared_row(frame) for frame in mesh.history(peer)] for peer in range(3)])
    assert rows[0] == rows[1]
    assert rows[0][0] == rows[0][1] == rows[0][2]
    assert len(rows[0][0]) > 60


@given(
    NETWORKS,
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**6), st.integers(1, 500_000)), max_size=4),
)
def test_a_machine_that_stops_for_a_while_changes_no_truth(
    network: Network, sleeps: list[tuple[int, int, int]]
) -> None:
    """Then several frames are played on one sample, so the inputs differ, and are agreed on all the same."""
    terms = terms_for((0, 1, 2, 3), episodes=2, max_steps=30)
    mesh = Mesh(terms, path=network)
    for peer, from_us, for_us in sleeps:
        mesh.at(from_us, lambda peer=peer, until=from_us + for_us: mesh.suspend(peer, until))
    mesh.run()
    assert_all_played(mesh, replayed(terms, shared(mesh.history(0))))


class Guessing(Counter):
    """Predicts badly, each player in its own way."""

    def predict_action(self, player: int, last_action: int, /) -> int:
        return (last_action + player + 1) % ACTION_COUNT


@given(NETWORKS, st.integers(0, 1_000), st.integers(0, 8))
def test_confirmed_data_are_the_same_under_every_predictor(network: Network, seed: int, window: int) -> None:
    rows = {}
    rollbacks = {}
    for name in predictor.PREDICTORS:
        terms = terms_for((0, 1, 2), episodes=2, max_steps=40, prediction_window_frames=window)
        mesh = Mesh(
            terms,
            configs={peer: {"predictor": name, "input_delay_frames": 1} for peer in range(3)},
            games={peer: Guessing(3) for peer in range(3)},
            path=network,
            act=acting(seed),
        ).run()
        histories = [shared(mesh.history(peer)) for peer in range(3)]
        assert histories[0] == histories[1] == histories[2]
        rows[name] = histories[0]
        rollbacks[name] = sum(peer.session.match.rollbacks for peer in mesh.peers)
    assert rows["game"] == rows["neutral"] == rows["repeat-last"]
    assert len(rows["game"]) > 80
    event(f"the guesses made a difference: {len(set(rollbacks.values())) > 1}")


def test_all_kinds_of_time_sync_and_predictors_are_tried() -> None:
    for kind in TimeSyncKind:
        for name in PREDICTORS:
            config = {"time_sync": kind, "predictor": name}
            terms = terms_for(max_steps=400)
            # One peer sleeps early on, so that there is a lead to even out.
            mesh = Mesh(terms, configs={0: config, 1: config}, path=Path(delay_us=30_000))
            mesh.at(1_000_000, lambda mesh=mesh: mesh.suspend(1, 1_200_000))
            mesh.run()
            assert_all_played(mesh, replayed(terms, shared(mesh.history(0))))

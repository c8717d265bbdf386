"""From a scenario to what the core is given: terms, a peer's own choices, a fresh match."""

from rollback_core.config import DelayPolicy, MatchTerms, PeerConfig, TimeSyncKind, WindowPolicy
from rollback_core.simulation import GameSpec
from scenarios.scenario import Scenario, SessionSetup


def match_terms(
    scenario: Scenario, spec: GameSpec, *, session_id: str, build_id: str, seed: int
) -> MatchTerms:
    """The terms that all peers of this scenario share. `seed` is the games', 0 … 2**31 - 1."""
    session = scenario.session
    rate = session.frame_rate_hz
    return MatchTerms(
        session_id=session_id,
        build_id=build_id,
        game_id=spec.id,
        action_count=spec.action_count,
        seed=seed,
        seats=tuple(player.peer for player in scenario.players),
        episodes=scenario.game.episodes,
        max_steps=scenario.game.max_steps,
        countdown_frames=scenario.game.countdown_frames,
        frame_rate_hz=rate,
        prediction_window_frames=session.prediction_window_frames,
        window_policy=WindowPolicy(session.window_policy),
        max_input_delay_frames=max(session.max_input_delay_frames, session.input_delay_frames),
        checksum_interval_frames=session.checksum_interval_frames,
        focus_timeout_frames=session.focus_timeout_us * rate // 1_000_000,
        interrupt_us=session.interrupt_us,
        reconnect_limit_us=session.reconnect_limit_us,
        pause_on_hidden=session.pause_on_hidden,
    )


def peer_config(session: SessionSetup, peer: int, incarnation: int) -> PeerConfig:
    """One peer's own choices."""
    return PeerConfig(
        peer=peer,
        incarnation=incarnation,
        input_delay_frames=session.input_delay_frames,
        delay_policy=DelayPolicy(session.input_delay_policy),
        predictor=session.predictor,
        time_sync=TimeSyncKind(session.time_sync),
        quality_interval_us=session.quality_interval_us,
        handshake_timeout_us=session.handshake_timeout_us,
        linger_us=session.linger_us,
    )

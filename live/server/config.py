"""What a server is told before it starts, checked once."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from live.server.ice import IceConfig
from rollback_core.errors import UsageError
from scenarios.load import load_scenario
from scenarios.registry import create_game
from scenarios.scenario import (
    GameSetup,
    HostSetup,
    NetworkSetup,
    PlayerSetup,
    Scenario,
    SessionSetup,
)

MESH_PEERS: Final = 4  # above this every peer's uplink would carry more than the server's relay asks of it
ROUND_S: Final = 60  # of play, where a game names no length of its own
COUNTDOWN_S: Final = 3
AWAY_LIMIT_US: Final = 60_000_000  # longer than the core's reconnect limit: by then nobody plays on
REPORT_LIMIT_US: Final = 120_000_000  # after the first report: a page that still answers has ended long ago


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """`scenario` gives game, players and session; its network and events matter to live runs only.

    `origins` are further origins that may open the WebSocket, for a server behind another name.
    """

    scenario: Scenario
    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    pyodide_dir: Path | None = None
    ice: IceConfig = field(default_factory=IceConfig)
    is_direct_allowed: bool = True
    is_relay_allowed: bool = True
    direct_wait_us: int = 3_000_000
    is_ready_asked: bool = True
    is_again_offered: bool = False  # a study's participants play once
    show_hud: bool = False
    smoothing_us: int = 100_000
    heartbeat_us: int = 5_000_000
    away_limit_us: int = AWAY_LIMIT_US
    report_limit_us: int = REPORT_LIMIT_US
    operator_key: str = field(default="", repr=False)
    origins: tuple[str, ...] = ()
    texts: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ice.turn_urls and not self.ice.turn_secret:
            raise UsageError("a TURN server needs its shared secret in SAMETICK_TURN_SECRET")
        if not self.is_direct_allowed and not self.is_relay_allowed:
            raise UsageError("neither direct connections nor the relay are allowed: nobody could play")

    @property
    def players(self) -> int:
        """Participants per match: one a peer."""
        return self.scenario.peer_count

    def result_folder(self, match_id: str) -> Path:
        """Where a match's files are, once it is certified."""
        return self.data_dir / "matches" / match_id

    @property
    def topology(self) -> str:
        return "mesh" if self.players <= MESH_PEERS else "relay"


def scenario_of_game(game_id: str, *, episodes: int = 3) -> Scenario:
    """A scenario for people who just want to play this game: its own rate and length, some rounds."""
    spec = create_game(game_id).spec
    players = len(spec.agents)
    rate = spec.frame_rate_hz
    return Scenario(
        name=game_id,
        summary=f"{game_id}, live",
        game=GameSetup(
            id=game_id,
            episodes=episodes,
            max_steps=spec.max_steps or ROUND_S * rate,
            countdown_frames=COUNTDOWN_S * rate,
        ),
        session=SessionSetup(frame_rate_hz=rate, max_input_delay_frames=12),
        players=tuple(PlayerSetup(peer=peer) for peer in range(players)),
        hosts=(HostSetup(),) * players,
        network=NetworkSetup(),
    )


def scenario_of(game_id: str | None, scenario: str | None) -> Scenario:
    """From the command line: one of both, or slime volleyball."""
    if scenario is not None:
        if game_id is not None:
            raise UsageError("--game and --scenario: give one of them")
        return load_scenario(scenario)
    return scenario_of_game(game_id or "slime-v1")

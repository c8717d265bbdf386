"""A scenario brought to life: peers, hosts, network and faults on one SimPy environment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from netsim.clock import Clock
from netsim.faults import Faults
from netsim.host import Host, HostObserver
from netsim.network import Network
from netsim.randomness import generator
from netsim.wrong_game import WrongGame
from rollback_core.config import MatchTerms, PeerConfig
from rollback_core.episodes import Episodes
from rollback_core.life import State
from rollback_core.peer import Peer
from rollback_core.simulation import GameSpec, Simulation
from scenarios import terms as scenario_terms
from scenarios.policies import create_policy
from scenarios.registry import create_game
from scenarios.scenario import Scenario

START_UP_US = 20_000_000  # handshake and the wait for everyone, at the worst shipped network
SLOWEST_SHARE = 3  # a run that needs three times its nominal length is not going to end


@dataclass(frozen=True, slots=True)
class World:
    """One session of a scenario, ready to run."""

    scenario: Scenario
    env: Clock
    network: Network
    hosts: list[Host]
    faults: Faults
    terms: MatchTerms
    spec: GameSpec
    limit_us: int

    @property
    def is_another_session(self) -> bool:
        """Everyone was reloaded: what they play now, if anything, is another session than the one watched.

        A host reloaded before the others had begun joins them a little later; one reloaded after is
        refused, and plays no more.
        """
        return all(other.was_reloaded for other in self.hosts)

    @property
    def is_over(self) -> bool:
        """Nobody has anything left to do."""
        return all(host.is_gone or host.peer.session.state is State.CLOSED for host in self.hosts)


def match_terms(scenario: Scenario, spec: GameSpec, build_id: str) -> MatchTerms:
    """The terms that all peers of this scenario share in the simulator."""
    return scenario_terms.match_terms(
        scenario,
        spec,
        session_id=f"simulated/{scenario.seed}",
        build_id=build_id,
        seed=match_seed(scenario.seed),
    )


def peer_config(scenario: Scenario, peer: int, incarnation: int) -> PeerConfig:
    return scenario_terms.peer_config(scenario.session, peer, incarnation)


def match_seed(seed: int) -> int:
    """The games' seed of a scenario's seed, in the range that games take."""
    return generator(seed, "match").getrandbits(31)


def make_match(
    scenario: Scenario,
    kind: type[Episodes] = Episodes,
    wrap: Callable[[Simulation], Simulation] = lambda game: game,
) -> Episodes:
    """A fresh match as every peer of the scenario plays it; `wrap` may stand between match and game."""
    setup = scenario.game
    return kind(
        wrap(create_game(setup.id, setup.params)),
        seed=match_seed(scenario.seed),
        count=setup.episodes,
        max_steps=setup.max_steps,
        countdown_frames=setup.countdown_frames,
    )


def build_world(
    scenario: Scenario,
    build_id: str,
    observers: tuple[HostObserver, ...],
    kind: type[Episodes] = Episodes,
    seen_before: Sequence[bytes] = (),
) -> World:
    """Everything at time 0; hosts that start late join the environment when their time comes.

    `kind` is what the peers' matches are made of; `seen_before` is what an attacker has of an older session.
    """
    env = Clock()
    network = Network(env, scenario.network, scenario.seed)
    spec = create_game(scenario.game.id, scenario.game.params).spec
    agreed = match_terms(scenario, spec, build_id)
    hosts = [
        _make_host(scenario, env, network, agreed, index, observers, kind)
        for index in range(scenario.peer_count)
    ]
    faults = Faults(env, hosts, network, scenario.seed, seen_before)
    faults.start(scenario.events)
    return World(
        scenario, env, network, hosts, faults, agreed, spec, scenario.limit_us or _limit_us(scenario)
    )


def diverging_peers(scenario: Scenario) -> frozenset[int]:
    """Peers whose game is not the partners' at some time."""
    return frozenset(peer for event in scenario.events if event.kind == "diverge" for peer in event.peers)


def has_liars(scenario: Scenario) -> bool:
    """Some member says what is not so: then nothing is promised of the data."""
    return any(event.kind == "lie" for event in scenario.events)


def _make_host(
    scenario: Scenario,
    env: Clock,
    network: Network,
    terms: MatchTerms,
    index: int,
    observers: tuple[HostObserver, ...],
    kind: type[Episodes],
) -> Host:
    diverges = index in diverging_peers(scenario)

    def make_peer(now_us: int, incarnation: int) -> Peer:
        game = make_match(scenario, kind, WrongGame) if diverges else make_match(scenario, kind)
        return Peer(terms, peer_config(scenario, index, incarnation), game, now_us)

    spec = create_game(scenario.game.id, scenario.game.params).spec
    policies: list[Any] = [
        create_policy(
            scenario.players[player].bot,
            seed=scenario.seed,
            player=player,
            spec=spec,
            game_id=scenario.game.id,
            hold_frames=scenario.players[player].hold_frames,
        )
        for player in terms.players_at(index)
    ]
    chance = generator(scenario.seed, "host", index)
    setup = scenario.hosts[index]
    return Host(env, index, setup, network, make_peer, tuple(policies), chance, observers)


def _limit_us(scenario: Scenario) -> int:
    """Simulated time in which any run of this length that makes progress is over."""
    steps = scenario.game.max_steps or 10_000
    frames = scenario.game.episodes * (steps + scenario.game.countdown_frames)
    faults_us = max((event.at_us + event.for_us for event in scenario.events), default=0)
    nominal_us = frames * 1_000_000 // scenario.session.frame_rate_hz
    return SLOWEST_SHARE * nominal_us + START_UP_US + faults_us

"""From sound tables of a scenario file to the canonical Scenario, with every fault between the tables.

Each part is lowered on its own and notes its problems, so that one wrong part does not hide what is
wrong with another. A part that the schema has refused is None here, and what depends on it is not judged.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from rollback_core.errors import UsageError
from scenarios import network, registry, schema
from scenarios.expectations import lowered_expectation
from scenarios.fields import MAX_PEERS
from scenarios.link_lowering import link_changes, plain
from scenarios.problems import Location, ScenarioError, did_you_mean, problem
from scenarios.quantities import decimal_text, lowered
from scenarios.scenario import (
    Event,
    Expectation,
    GameSetup,
    HostSetup,
    LinkSetup,
    NetworkSetup,
    PathSetup,
    PlayerSetup,
    Scenario,
    SessionSetup,
)

_PATH_NAME: Final = re.compile(r"(\d|\*)(->|<->)(\d|\*)")


class SoundTable(schema.HeadTable):
    """A scenario file without what the schema has refused; None stands for a refused part."""

    game: schema.GameTable | None = None
    session: schema.SessionTable | None = schema.SessionTable()
    player: list[schema.PlayerTable | None] | None = None
    host: list[schema.HostTable | None] = []
    network: schema.NetworkTable = schema.NetworkTable()
    event: list[schema.AnyEvent | None] = []
    expect: dict[str, Any] = {}


def lower(table: SoundTable, folder: Path) -> tuple[Scenario | None, list[str]]:
    """The scenario, or what is wrong with it; a profile's relative path starts at `folder`."""
    work = _Lowering(table, folder)
    scenario = work.scenario()
    return (None, work.problems) if work.problems else (scenario, [])


def expand(name: str, peer_count: int) -> list[tuple[int, int]]:
    """The directed paths that "0->1", "0<->1", "0->*" or "*->*" means; ValueError says what is wrong."""
    match = _PATH_NAME.fullmatch(name)
    if not match:
        raise ValueError('is no path; write "0->1", "0<->1", "0->*" or "*->0"')
    left, arrow, right = match.groups()
    ends = [list(range(peer_count)) if end == "*" else [int(end)] for end in (left, right)]
    for end in (left, right):
        if end != "*" and int(end) >= peer_count:
            raise ValueError(f"there is no peer {end}; {_peers_text(peer_count)}")
    pairs = [(a, b) for a in ends[0] for b in ends[1] if a != b]
    if not pairs:
        raise ValueError("a path joins two peers")
    return sorted({*pairs, *((b, a) for a, b in pairs)} if arrow == "<->" else pairs)


def _peers_text(count: int) -> str:
    return f"the peers are 0 to {count - 1}"


class _Lowering:
    """Collects problems while it lowers; `peer_count` is 0 as long as the players are not sound."""

    def __init__(self, table: SoundTable, folder: Path) -> None:
        self.table = table
        self.folder = folder
        self.problems: list[str] = []
        self.seats = self._seats()
        self.peer_count = max(self.seats, default=-1) + 1
        self._profiles: dict[str, LinkSetup | None] = {}

    def note(self, location: Location, message: str) -> None:
        self.problems.append(problem(location, message))

    def scenario(self) -> Scenario | None:
        table = self.table
        head = {
            key: value
            for key, value in plain(table).items()
            if key in ("name", "summary", "group", "seed", "sessions", "limit_us")
        }
        game = self._game()
        session = self._session()
        players = self._players()
        hosts = self._hosts()
        links = self._network()
        events = self._events(links)
        expect = self._expectations()
        if self.problems or game is None or session is None:
            return None
        return Scenario(
            **{"name": "unnamed", **head},
            game=game,
            session=session,
            players=players,
            hosts=hosts,
            network=links,
            events=events,
            expect=expect,
        )

    def _game(self) -> GameSetup | None:
        """The game; a built-in one is made once to see that it takes its parameters and players.

        A game of someone else's is left to the run: to read a scenario must not import foreign code.
        """
        if self.table.game is None:
            return None
        game = GameSetup(**plain(self.table.game))
        known = registry.registered_games()
        if ":" not in game.id and game.id not in known:
            message = f'there is no game "{game.id}"' + did_you_mean(game.id, known)
            self.note(("game", "id"), f'{message}; your own: "module:attr" or "path.py:attr"')
        elif game.id in known and self.table.player is not None:
            return self._seated(game, len(self.table.player))
        return game

    def _seated(self, game: GameSetup, players: int) -> GameSetup:
        """The game with its parameter `players` set to how many there are, where it has one."""
        try:
            agents = len(registry.create_game(game.id, game.params).spec.agents)
        except UsageError as error:
            self.note(("game", "params"), str(error))
            return game
        if agents == players:
            return game
        fault = f"{game.id} has {agents} players, and there are {players} [[player]] tables"
        if "players" not in game.params:
            params = {**game.params, "players": players}
            try:
                registry.create_game(game.id, params)
                return replace(game, params=params)
            except UsageError as error:
                if "unknown parameter" not in str(error):
                    fault = str(error)
        self.note(("player",), fault)
        return game

    def _session(self) -> SessionSetup | None:
        if self.table.session is None:
            return None
        session = SessionSetup(**plain(self.table.session))
        if session.input_delay_frames > session.max_input_delay_frames:
            self.note(
                ("session", "input_delay_frames"),
                f"{session.input_delay_frames} is above max_input_delay_frames"
                f" ({session.max_input_delay_frames})",
            )
        if session.interrupt_us > session.reconnect_limit_us:
            self.note(
                ("session", "interrupt_ms"),
                f"must be at most reconnect_limit_s ({_seconds(session.reconnect_limit_us)} s)",
            )
        return session

    def _seats(self) -> list[int]:
        """The peer of each player; empty while that is not known."""
        players = self.table.player
        if players is None or any(player is None for player in players):
            return []
        named = [player.given().get("peer") for player in players if player is not None]
        free = iter(peer for peer in range(len(named) * 2 + MAX_PEERS) if peer not in named)
        seats = [next(free) if peer is None else int(peer) for peer in named]
        missing = sorted(set(range(max(seats) + 1)) - set(seats))
        if missing:
            self.note(
                ("player",), f"nobody sits at peer {missing[0]}; peers are numbered 0, 1, … without a gap"
            )
            return []
        if len(set(seats)) < 2:
            self.note(("player",), "all players sit at peer 0; a session needs two peers")
            return []
        return seats

    def _players(self) -> tuple[PlayerSetup, ...]:
        players = [player for player in self.table.player or [] if player is not None]
        return tuple(
            PlayerSetup(**{**plain(player), "peer": seat})
            for player, seat in zip(players, self.seats, strict=False)
        )

    def _hosts(self) -> tuple[HostSetup, ...]:
        hosts: dict[int, HostSetup] = {}
        for index, host in enumerate(self.table.host):
            if host is None or not self.peer_count:
                continue
            if host.peer >= self.peer_count:
                self._check_peer(host.peer, ("host", index, "peer"))
            elif host.peer in hosts:
                self.note(("host", index, "peer"), f"peer {host.peer} has two [[host]] tables")
            hosts[host.peer] = HostSetup(**plain(host, leave_out={"peer"}))
        return tuple(hosts.get(peer, HostSetup()) for peer in range(self.peer_count))

    def _network(self) -> NetworkSetup:
        table = self.table.network
        paths = self._paths(table, ("network",))
        relay = self._paths(table.relay, ("network", "relay")) if "relay" in table.model_fields_set else ()
        transport = {"transport": table.transport} if "transport" in table.model_fields_set else {}
        return NetworkSetup(paths=paths, relay=relay, **transport)

    def _paths(self, table: schema.PathsTable, location: Location) -> tuple[PathSetup, ...]:
        base = self._link(table, LinkSetup(), location)
        links = {pair: base for pair in self._pairs()}
        for name, path in table.given().get("path", {}).items():
            here = (*location, "path", name)
            pairs = self._expanded(name, here)
            for pair in pairs:
                links[pair] = self._link(path, links[pair], here)
            if not pairs:
                self._link(path, base, here)
        return tuple(PathSetup(source=a, target=b, link=link) for (a, b), link in sorted(links.items()))

    def _pairs(self) -> Iterator[tuple[int, int]]:
        peers = range(self.peer_count)
        return ((a, b) for a in peers for b in peers if a != b)

    def _expanded(self, name: str, location: Location) -> list[tuple[int, int]]:
        if not self.peer_count:
            return []
        try:
            return expand(name, self.peer_count)
        except ValueError as error:
            self.note(location, str(error))
            return []

    def _link(self, table: schema.PathTable, base: LinkSetup, location: Location) -> LinkSetup:
        """`base`, or the table's profile, with the table's keys over it."""
        base = self._base(table, base, location)
        return replace(base, **self._changes(table, base, location))

    def _base(self, table: schema.PathTable, base: LinkSetup, location: Location) -> LinkSetup:
        name = table.given().get("profile")
        if name is None:
            return base
        if name not in self._profiles:
            self._profiles[name] = self._profile(name, (*location, "profile"))
        return self._profiles[name] or base

    def _profile(self, name: str, location: Location) -> LinkSetup | None:
        is_path = "/" in name or name.endswith(".toml")
        known = network.profile_names()
        if not is_path and name not in known:
            self.note(location, f'there is no profile "{name}"' + did_you_mean(name, known))
            return None
        try:
            return network.load_profile(str(self.folder / name) if is_path else name)
        except ScenarioError as error:
            self.note(location, f"{name}: " + "; ".join(error.problems))
            return None

    def _changes(self, table: schema.LinkTable, base: LinkSetup, location: Location) -> dict[str, Any]:
        changes, faults = link_changes(table, base)
        for key, message in faults:
            place = (*location, key) if key else location
            if problem(place, message) not in self.problems:  # a table can be lowered over several bases
                self.note(place, message)
        return {} if faults else changes

    def _events(self, links: NetworkSetup) -> tuple[Event, ...]:
        events: list[Event] = []
        for index, table in enumerate(self.table.event):
            if table is not None:
                self._check_time(table, index)
                events += self._event(table, ("event", index), links)
        return tuple(sorted(events, key=lambda event: event.at_us))

    def _check_time(self, table: schema.EventTable, index: int) -> None:
        """An event that comes after the end never happens: that is a slip, and it is said."""
        game, session = self._quiet_length()
        limit_us = plain(self.table).get("limit_us", 0) or game * 1_000_000 // session
        if limit_us and lowered(table.at_s, 1_000_000) > limit_us:
            is_set = plain(self.table).get("limit_us", 0) > 0
            what = "limit_s" if is_set else "the length of all episodes (see limit_s)"
            self.note(("event", index, "at_s"), f"{table.at_s} is after {what}, {_seconds(limit_us)} s")

    def _quiet_length(self) -> tuple[int, int]:
        if self.table.game is None or self.table.session is None:
            return 0, 1
        game = GameSetup(**plain(self.table.game))
        rate = SessionSetup(**plain(self.table.session)).frame_rate_hz
        return game.episodes * (game.max_steps + game.countdown_frames), rate

    def _event(self, table: schema.EventTable, location: Location, links: NetworkSetup) -> list[Event]:
        given = table.given()
        common = {key: value for key, value in plain(table).items() if key in ("at_us", "for_us", "kind")}
        if isinstance(table, schema.OnPeers):
            for peer in given["peers"]:
                self._check_peer(peer, (*location, "peers"))
            value = plain(table).get("step_us", 0)
            if isinstance(table, schema.DelayChange):
                value = table.input_delay_frames
            elif isinstance(table, schema.Lie):
                value = plain(table)["lie_ppm"]
            elif isinstance(table, schema.Diverge):
                value = int(table.what == "row")
            return [Event(**common, peers=tuple(sorted(set(given["peers"]))), value=value)]
        if isinstance(table, schema.Partition):
            self._check_groups(table.groups, (*location, "groups"))
            return [Event(**common, groups=tuple(tuple(sorted(group)) for group in table.groups))]
        names = given.get("paths", ["*->*"])
        pairs = sorted({pair for name in names for pair in self._expanded(name, (*location, "paths"))})
        if isinstance(table, schema.LinkChange):
            return self._link_events(table, common, pairs, location, links)
        if isinstance(table, schema.Relay) and "relay" not in self.table.network.model_fields_set:
            self.note(location, "needs a table [network.relay]")
        value = int(table.per_s) if isinstance(table, schema.Hostile) else 0
        return [Event(**common, paths=tuple(_name(pair) for pair in pairs), value=value)]

    def _link_events(
        self,
        table: schema.LinkChange,
        common: Mapping[str, Any],
        pairs: list[tuple[int, int]],
        location: Location,
        links: NetworkSetup,
    ) -> list[Event]:
        """One event, or one for each patch where what the paths have makes a difference."""
        if not table.model_fields_set & schema.PathTable.model_fields.keys():
            self.note(location, "changes nothing; give keys of [network]")
        now = {(path.source, path.target): path.link for path in links.paths}
        by_patch: list[tuple[dict[str, Any], list[str]]] = []
        for pair in pairs:
            base = self._base(table, now[pair], location)
            patch = self._changes(table, base, location)
            if "profile" in table.model_fields_set:
                patch = {item.name: getattr(base, item.name) for item in fields(base)} | patch
            same = next((names for known, names in by_patch if known == patch), None)
            if same is None:
                by_patch.append((patch, [_name(pair)]))
            else:
                same.append(_name(pair))
        return [Event(**common, paths=tuple(names), patch=patch) for patch, names in by_patch]

    def _check_peer(self, peer: int, location: Location) -> None:
        if self.peer_count and peer >= self.peer_count:
            self.note(location, f"there is no peer {peer}; {_peers_text(self.peer_count)}")

    def _check_groups(self, groups: list[list[int]], location: Location) -> None:
        seen: set[int] = set()
        for group in groups:
            for peer in group:
                self._check_peer(peer, location)
                if peer in seen:
                    self.note(location, f"peer {peer} is named twice")
                seen.add(peer)

    def _expectations(self) -> tuple[Expectation, ...]:
        found: dict[str, Expectation] = {}
        for key, value in self.table.expect.items():
            expectation, faults = lowered_expectation(key, value)
            for part, message in faults:
                self.note(("expect", key, part) if part else ("expect", key), message)
            if expectation is not None:
                found[expectation.key] = expectation
        return tuple(found[key] for key in sorted(found))


def _seconds(value_us: int) -> str:
    return decimal_text(Fraction(value_us, 1_000_000))


def _name(pair: tuple[int, int]) -> str:
    return f"{pair[0]}->{pair[1]}"

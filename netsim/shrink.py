"""A failing scenario made small: fewer peers, events and frames, cleaner links, rounder numbers.

Hypothesis shrinks what it drew; this shrinks what the scenario means, whatever made it. A smaller
scenario counts only if it fails in the same class, twice. Every step makes `size` less, so there is an end.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Final

from netsim.renaming import renamed
from netsim.run import session_seed
from netsim.world import build_world
from rollback_core.errors import UsageError
from scenarios.scenario import (
    Event,
    HostSetup,
    LinkSetup,
    NetworkSetup,
    PlayerSetup,
    Scenario,
    SessionSetup,
    to_json,
)

MAX_TRIES: Final = 600  # runs; a shrink that needs more is good enough where it stands
CONFIRMATIONS: Final = 2
PATIENCE_US: Final = 30_000_000  # for the frames themselves, and for lingering
SIGNIFICANT: Final = 3  # digits of a number; nobody wants to read more
_PLAIN_GAME: Final = "counter-v1"  # the game that takes any number of players by its parameter

Change = Callable[[Scenario], Iterator[Scenario]]
"""Scenarios that differ from the given one in one way, each a little smaller."""

Judge = Callable[[Scenario], str]
"""The class of a scenario's failure, "" if it holds."""


def size(scenario: Scenario) -> tuple[int, ...]:
    """What is made less, the most important first."""
    text = to_json(scenario)
    game = scenario.game
    frames = scenario.sessions * game.episodes * (game.max_steps + game.countdown_frames)
    return (
        scenario.peer_count,
        len(scenario.players),
        len(scenario.events),
        frames,
        _unusual(scenario),
        scenario.limit_us,
        len(text),
        sum(text.count(digit) * int(digit) for digit in "123456789"),
    )


def _unusual(scenario: Scenario) -> int:
    """Settings that are not what they would be if nobody had said anything."""
    parts: list[tuple[Any, Any]] = [(scenario.session, SessionSetup())]
    parts += [(path.link, LinkSetup()) for path in (*scenario.network.paths, *scenario.network.relay)]
    parts += [(host, HostSetup()) for host in scenario.hosts]
    parts += [(player, PlayerSetup(peer=player.peer)) for player in scenario.players]
    others: int = sum(
        getattr(part, field.name) != getattr(plain, field.name)
        for part, plain in parts
        for field in dataclasses.fields(part)
    )
    return others + (scenario.game.id != _PLAIN_GAME)


def shrink(
    scenario: Scenario,
    judge: Judge,
    failure: str,
    *,
    max_tries: int = MAX_TRIES,
    on_step: Callable[[Scenario, int], None] | None = None,
) -> Scenario:
    """The smallest scenario found that fails as `failure` does; `on_step` hears of every step and try."""
    tries = 0

    def smaller(change: Change) -> Scenario | None:
        """What one kind of change finds; it is asked again until it finds nothing."""
        nonlocal tries
        limit = size(scenario)
        for candidate in change(scenario):
            if size(candidate) < limit and is_playable(candidate):
                tries += 1
                if tries > max_tries:
                    return None
                if all(judge(candidate) == failure for _ in range(CONFIRMATIONS)):
                    return candidate
        return None

    is_smaller = True
    while is_smaller:
        is_smaller = False
        for change in CHANGES:
            while (found := smaller(change)) is not None:
                scenario = found
                is_smaller = True
                if on_step is not None:
                    on_step(scenario, tries)
    return scenario


def is_playable(scenario: Scenario) -> bool:
    """Its settings go together: what the core refuses at the door is no smaller failure."""
    try:
        build_world(scenario, "", ())
    except (UsageError, ValueError):
        return False
    return True


def _given_up_sooner(scenario: Scenario) -> Iterator[Scenario]:
    """What never ends is given up when all that may be waited for is over: the rest is tried the faster."""
    session = scenario.session
    last_us = max((event.at_us + event.for_us for event in scenario.events), default=0)
    # A focus timeout counts frames, and where all wait for each other a frame takes the way there.
    way_us = max((path.link.delay_us + path.link.jitter_us for path in scenario.network.paths), default=0)
    frames = session.focus_timeout_us * session.frame_rate_hz // 1_000_000
    focus_us = session.focus_timeout_us + frames * way_us
    waits_us = session.handshake_timeout_us + session.reconnect_limit_us + focus_us
    yield dataclasses.replace(scenario, limit_us=last_us + waits_us + PATIENCE_US)


def _one_session(scenario: Scenario) -> Iterator[Scenario]:
    for number in range(scenario.sessions if scenario.sessions > 1 else 0):
        yield dataclasses.replace(scenario, sessions=1, seed=session_seed(scenario.seed, number))


def _of_the_plain_game(scenario: Scenario) -> Iterator[Scenario]:
    game = dataclasses.replace(scenario.game, id=_PLAIN_GAME, params={"players": len(scenario.players)})
    yield dataclasses.replace(scenario, game=game)


def _with_fewer_peers(scenario: Scenario) -> Iterator[Scenario]:
    if scenario.peer_count > 2 and scenario.game.id == _PLAIN_GAME:
        for peer in reversed(range(scenario.peer_count)):
            yield _without_peer(scenario, peer)


def _with_fewer_players(scenario: Scenario) -> Iterator[Scenario]:
    """Of those who share a machine."""
    seats = [player.peer for player in scenario.players]
    if scenario.game.id == _PLAIN_GAME and len(seats) > 2:
        for index, seat in enumerate(seats):
            if seats.count(seat) > 1:
                players = scenario.players[:index] + scenario.players[index + 1 :]
                yield _played_by(scenario, players)


def _played_by(scenario: Scenario, players: tuple[PlayerSetup, ...]) -> Scenario:
    params = {**scenario.game.params, "players": len(players)}
    return dataclasses.replace(
        scenario, game=dataclasses.replace(scenario.game, params=params), players=players
    )


def _without_peer(scenario: Scenario, peer: int) -> Scenario:
    """The others move down one seat; events that were only its own are gone."""
    names = {old: new for new, old in enumerate(p for p in range(scenario.peer_count) if p != peer)}
    players = tuple(player for player in scenario.players if player.peer != peer)
    return renamed(_played_by(scenario, players), names)


def _with_fewer_events(scenario: Scenario) -> Iterator[Scenario]:
    events = scenario.events
    half = len(events) // 2
    for kept in ((), events[half:], events[:half]):
        yield dataclasses.replace(scenario, events=kept)
    for index, event in enumerate(events):
        yield dataclasses.replace(scenario, events=events[:index] + events[index + 1 :])
        for some in _with_fewer_targets(event):
            yield _with_event(scenario, index, some)


def _with_fewer_targets(event: Event) -> Iterator[Event]:
    for name in ("peers", "paths"):
        targets = getattr(event, name)
        if len(targets) > 1:
            for target in targets:
                changed: dict[str, Any] = {name: (target,)}
                yield dataclasses.replace(event, **changed)


def _with_event(scenario: Scenario, index: int, event: Event) -> Scenario:
    events = [*scenario.events]
    events[index] = event
    return dataclasses.replace(scenario, events=tuple(sorted(events, key=lambda item: item.at_us)))


def _shorter(scenario: Scenario) -> Iterator[Scenario]:
    game = scenario.game
    if game.episodes > 1:
        yield dataclasses.replace(scenario, game=dataclasses.replace(game, episodes=1))
    if game.countdown_frames:
        yield dataclasses.replace(scenario, game=dataclasses.replace(game, countdown_frames=0))
    for steps in _smaller(game.max_steps, at_least=1):
        yield dataclasses.replace(scenario, game=dataclasses.replace(game, max_steps=steps))


def _with_cleaner_network(scenario: Scenario) -> Iterator[Scenario]:
    network = scenario.network
    clean = tuple(dataclasses.replace(path, link=LinkSetup()) for path in network.paths)
    alike = tuple(dataclasses.replace(path, link=network.paths[0].link) for path in network.paths)
    for changed in (
        NetworkSetup(paths=clean),
        dataclasses.replace(network, paths=clean),
        dataclasses.replace(network, paths=alike),
        dataclasses.replace(network, transport="datagram"),
    ):
        yield dataclasses.replace(scenario, network=changed)
    if network.relay and not any(event.kind == "relay" for event in scenario.events):
        yield dataclasses.replace(scenario, network=dataclasses.replace(network, relay=()))
    for links in _plainer([path.link for path in network.paths], LinkSetup()):
        paths = tuple(
            dataclasses.replace(path, link=link) for path, link in zip(network.paths, links, strict=True)
        )
        yield dataclasses.replace(scenario, network=dataclasses.replace(network, paths=paths))


def _with_plainer_parts(scenario: Scenario) -> Iterator[Scenario]:
    plain_hosts = tuple(HostSetup() for _ in scenario.hosts)
    yield dataclasses.replace(scenario, hosts=plain_hosts)
    for hosts in _plainer(list(scenario.hosts), HostSetup()):
        yield dataclasses.replace(scenario, hosts=tuple(hosts))
    yield dataclasses.replace(scenario, session=SessionSetup())
    for [session] in _plainer([scenario.session], SessionSetup()):
        yield dataclasses.replace(scenario, session=session)
    yield dataclasses.replace(
        scenario, players=tuple(PlayerSetup(peer=player.peer) for player in scenario.players)
    )


def _plainer(parts: list[Any], plain: Any) -> Iterator[list[Any]]:
    """All parts with one field as if nobody had said anything, then each part alone."""
    for field in dataclasses.fields(plain):
        usual = {field.name: getattr(plain, field.name)}
        for chosen in (range(len(parts)), *([index] for index in range(len(parts)))):
            try:
                yield [
                    dataclasses.replace(part, **usual) if index in chosen else part
                    for index, part in enumerate(parts)
                ]
            except UsageError:
                continue  # this field makes sense only together with another


def _rounder(scenario: Scenario) -> Iterator[Scenario]:
    """Times of events and numbers of links: smaller, or with fewer digits."""
    for index, event in enumerate(scenario.events):
        for name in ("at_us", "for_us", "value"):
            for value in _smaller(getattr(event, name), at_least=1 if name == "for_us" else 0):
                changed: dict[str, Any] = {name: value}
                yield _with_event(scenario, index, dataclasses.replace(event, **changed))
    network = scenario.network
    for field in dataclasses.fields(LinkSetup):
        values = {getattr(path.link, field.name) for path in network.paths}
        for value in sorted(values) if all(type(v) is int for v in values) else ():
            for less in _smaller(value, at_least=0):
                one: dict[str, Any] = {field.name: less}
                paths = tuple(
                    dataclasses.replace(path, link=dataclasses.replace(path.link, **one))
                    if getattr(path.link, field.name) == value
                    else path
                    for path in network.paths
                )
                yield dataclasses.replace(scenario, network=dataclasses.replace(network, paths=paths))
    for seed in (0, 1, 2, 3):
        yield dataclasses.replace(scenario, seed=seed)


def _smaller(value: int, *, at_least: int) -> Iterator[int]:
    """Nearer to nothing: at once, by halves, to fewer digits; never past `at_least`."""
    sign = -1 if value < 0 else 1
    left = abs(value)
    found = [at_least, left // 2, left * 3 // 4]
    for digits in range(len(str(left)) - 1, -1, -1)[:SIGNIFICANT]:
        unit = 10**digits
        found += [left - left % unit, left - left % unit - unit]
    seen = set()
    for each in found:
        if at_least <= each < left and each not in seen:
            seen.add(each)
            yield sign * each


CHANGES: Final[tuple[Change, ...]] = (
    _given_up_sooner,
    _one_session,
    _of_the_plain_game,
    _with_fewer_peers,
    _with_fewer_players,
    _with_fewer_events,
    _shorter,
    _with_cleaner_network,
    _with_plainer_parts,
    _rounder,
)
"""The boldest first."""

"""A scenario whose peers have other numbers, or some of them none: then they are gone."""

import dataclasses
from collections.abc import Mapping

from scenarios.scenario import Event, PathSetup, Scenario


def renamed(scenario: Scenario, names: Mapping[int, int]) -> Scenario:
    """The peer `old` becomes `names[old]`: its host, paths and events, and who sits there.

    `names` gives 0, 1, … without a gap. A peer that is not in it must have no player; what only it was
    in goes with it.
    """

    def kept(paths: tuple[PathSetup, ...]) -> tuple[PathSetup, ...]:
        moved = [
            dataclasses.replace(path, source=names[path.source], target=names[path.target])
            for path in paths
            if path.source in names and path.target in names
        ]
        return tuple(sorted(moved, key=lambda path: (path.source, path.target)))

    network = scenario.network
    events = [_renamed_event(event, names) for event in scenario.events]
    return dataclasses.replace(
        scenario,
        players=tuple(dataclasses.replace(player, peer=names[player.peer]) for player in scenario.players),
        hosts=tuple(scenario.hosts[old] for old in sorted(names, key=lambda old: names[old])),
        network=dataclasses.replace(network, paths=kept(network.paths), relay=kept(network.relay)),
        events=tuple(event for event in events if event is not None),
    )


def _renamed_event(event: Event, names: Mapping[int, int]) -> Event | None:
    """The event among those who are left, None if it was on none of them."""
    peers = tuple(sorted(names[peer] for peer in event.peers if peer in names))
    paths = tuple(
        sorted(
            f"{names[int(source)]}->{names[int(target)]}"
            for source, _, target in (path.partition("->") for path in event.paths)
            if int(source) in names and int(target) in names
        )
    )
    groups = tuple(tuple(sorted(names[peer] for peer in group if peer in names)) for group in event.groups)
    if (event.peers and not peers) or (event.paths and not paths) or (groups and not all(groups)):
        return None
    return dataclasses.replace(event, peers=peers, paths=paths, groups=groups)

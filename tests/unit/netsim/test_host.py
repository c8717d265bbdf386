"""A simulated machine does what is due when it is due, and at one instant in the order that was asked for."""

import dataclasses

import pytest
from hypothesis import given, settings

from netsim.generated import scenarios
from netsim.host import Host
from netsim.relations import undisturbed
from netsim.run import play
from netsim.world import build_world
from rollback_core.events import Event
from scenarios.load import load_scenario
from scenarios.scenario import HostSetup, Scenario


class Lateness:
    """A HostObserver: by how much each tick came after it was due."""

    def __init__(self) -> None:
        self.late_us: list[int] = []

    def before_tick(self, host: Host, actions: tuple[int, ...]) -> None:
        self.late_us.append(host.local_now_us() - host.peer.next_tick_us)

    def after_tick(self, host: Host, played: int) -> None: ...

    def events(self, host: Host, events: list[Event]) -> None: ...


def test_a_machine_that_nothing_holds_up_is_never_late() -> None:
    """Not at its first tick either, which a datagram brings about."""
    seen = Lateness()

    @given(scenarios())
    @settings(max_examples=10)
    def is_in_time(scenario: Scenario) -> None:
        calm = undisturbed(scenario)
        plain = tuple(HostSetup(start_us=host.start_us) for host in calm.hosts)
        play(build_world(dataclasses.replace(calm, hosts=plain), "test", (seen,)))
        assert set(seen.late_us) <= {0}

    is_in_time()
    assert len(seen.late_us) > 1_000


@pytest.mark.parametrize("orders", [(0, 0, 0), (2, 0, 1), (5, 4, 4)])
def test_lower_poll_orders_are_served_first(orders: tuple[int, ...]) -> None:
    """Every host has something to send as soon as it is there."""
    scenario = load_scenario("n-kitchen-3")
    hosts = tuple(
        dataclasses.replace(host, poll_order=order)
        for host, order in zip(scenario.hosts, orders, strict=True)
    )
    world = build_world(dataclasses.replace(scenario, hosts=hosts), "test", ())
    sources: list[int] = []
    world.network.on_send.append(lambda source, target, data: sources.append(source))
    world.env.run(until=1)
    assert list(dict.fromkeys(sources)) == sorted(range(3), key=lambda peer: orders[peer])

"""One network means one thing: live it does to each datagram exactly what the simulator does."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.impairment.network import ImpairedNetwork
from netsim.clock import Clock
from netsim.faults import Faults
from netsim.network import Network
from rollback_core.errors import UsageError
from scenarios.scenario import Event, LinkSetup, NetworkSetup, PathSetup

PAIRS = [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)]
PATHS = [f"{source}->{target}" for source, target in PAIRS]

LINKS = st.builds(
    LinkSetup,
    loss=st.sampled_from(["none", "bernoulli"]),
    loss_ppm=st.integers(0, 500_000),
    duplicate_ppm=st.integers(0, 200_000),
    rate_bps=st.sampled_from([0, 200_000]),
    delay_us=st.integers(0, 200_000),
    jitter=st.sampled_from(["none", "uniform", "normal"]),
    jitter_us=st.integers(0, 50_000),
    order=st.sampled_from(["free", "fifo"]),
)
NETWORKS = st.lists(LINKS, min_size=9, max_size=9).map(
    lambda links: NetworkSetup(
        paths=tuple(
            PathSetup(source=a, target=b, link=link) for (a, b), link in zip(PAIRS, links, strict=False)
        ),
        relay=tuple(
            PathSetup(source=a, target=b, link=link)
            for (a, b), link in zip(PAIRS, links[len(PAIRS) :], strict=False)
        ),
    )
)
TIMES = st.integers(0, 400).map(lambda ms: ms * 10_000 + 1)  # never at the very time of a datagram
LENGTHS = st.sampled_from([0, 50_000, 700_000, 2_000_000])
ON_PATHS = st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True).map(tuple)
PATCHES = st.sampled_from([{"up": False}, {"delay_us": 90_000}, {"loss": "bernoulli", "loss_ppm": 300_000}])
EVENTS = st.lists(
    st.one_of(
        st.builds(
            Event, at_us=TIMES, for_us=LENGTHS, kind=st.sampled_from(["blackout", "relay"]), paths=ON_PATHS
        ),
        st.builds(Event, at_us=TIMES, for_us=LENGTHS, kind=st.just("link"), paths=ON_PATHS, patch=PATCHES),
        st.builds(
            Event, at_us=TIMES, for_us=LENGTHS, kind=st.just("partition"), groups=st.just(((0, 1), (2,)))
        ),
    ),
    max_size=6,
).map(lambda events: tuple(sorted(events, key=lambda event: event.at_us)))
SENDS = st.lists(
    st.tuples(st.integers(0, 500).map(lambda ms: ms * 10_000), st.sampled_from(PAIRS), st.integers(1, 1200)),
    max_size=120,
).map(sorted)

Sends = list[tuple[int, tuple[int, int], int]]


def simulated(setup: NetworkSetup, events: tuple[Event, ...], sends: Sends) -> list[tuple[int, ...]]:
    """Arrival times of each send in the simulator, faults and all."""
    env = Clock()
    network = Network(env, setup, seed=5)
    arrivals: list[list[int]] = [[] for _ in sends]

    def deliver(_: int, data: bytes) -> None:
        arrivals[int.from_bytes(data[:4], "big")].append(int(env.now))

    network.deliver = dict.fromkeys(range(3), deliver)
    Faults(env, [], network, 1).start(events)
    for number, (at_us, pair, size) in enumerate(sends):
        if env.now < at_us:
            env.run(until=at_us)
        network.send(*pair, number.to_bytes(4, "big") + bytes(size))
    env.run(until=20_000_000)
    return [tuple(sorted(times)) for times in arrivals]


@given(setup=NETWORKS, events=EVENTS, sends=SENDS)
def test_live_and_simulator_do_the_same_to_every_datagram(
    setup: NetworkSetup, events: tuple[Event, ...], sends: Sends
) -> None:
    live = ImpairedNetwork(setup, events, seed=5)
    found = [tuple(sorted(live.send(pair, at_us, size + 4))) for at_us, pair, size in sends]
    assert found == simulated(setup, events, sends)


def test_a_stream_is_refused() -> None:
    with pytest.raises(UsageError, match="stream"):
        ImpairedNetwork(dataclasses.replace(NetworkSetup(), transport="stream"), (), 1)

"""The networks that every kind of player must get through; each leads to rollbacks when somebody acts."""

from typing import Final

from scenarios.scenario import Event, LinkSetup

BOTH_WAYS: Final = ("0->1", "1->0")

# (there, back or None for the same)
BAD_NETWORKS: Final[dict[str, tuple[LinkSetup, LinkSetup | None]]] = {
    "100 ms": (LinkSetup(delay_us=100_000), None),
    "200 ms": (LinkSetup(delay_us=200_000), None),
    "50 and 200 ms": (LinkSetup(delay_us=50_000), LinkSetup(delay_us=200_000)),
    "100 and 75 ms of jitter": (LinkSetup(delay_us=100_000, jitter="uniform", jitter_us=75_000), None),
    "15 % loss": (LinkSetup(delay_us=40_000, loss="bernoulli", loss_ppm=150_000), None),
    "20 % loss at 150 ms": (LinkSetup(delay_us=150_000, loss="bernoulli", loss_ppm=200_000), None),
}


def blackout(*, at_us: int, for_us: int) -> Event:
    """No datagram between two peers; `for_us` 0: for good."""
    return Event(at_us=at_us, kind="blackout", for_us=for_us, paths=BOTH_WAYS)

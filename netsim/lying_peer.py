"""A member that lies inside the protocol: under its own name and tag it says what is not so."""

from random import Random

from netsim.network import Network
from rollback_core.wire import TAG_BYTES

MOST_BYTES = 3  # that are changed in one datagram: more would seldom be read as a message


class LyingPeer:
    """Stands between a host and the network; in some datagrams some bytes are others."""

    def __init__(self, network: Network, chance: Random, lie_ppm: int) -> None:
        self._network = network
        self._chance = chance
        self._lie_ppm = lie_ppm

    def send(self, source: int, target: int, data: bytes) -> None:
        if self._chance.randrange(1_000_000) < self._lie_ppm:
            data = self._changed(data)
        self._network.send(source, target, data)

    def _changed(self, data: bytes) -> bytes:
        """Near the truth (a frame more, another action) as often as far from it; the tag is kept."""
        chance = self._chance
        changed = bytearray(data)
        for _ in range(chance.randrange(1, MOST_BYTES + 1)):
            at = chance.randrange(TAG_BYTES, len(data))
            change = chance.randrange(256) if chance.randrange(2) else 1 - 2 * chance.randrange(2)
            changed[at] = changed[at] + change & 255
        return bytes(changed)

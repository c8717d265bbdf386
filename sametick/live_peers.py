"""What can play a live run; of its own, so that the command line need not load what plays."""

from enum import StrEnum


class Peers(StrEnum):
    """aiortc peers, pages of Chromium, or one page among aiortc peers."""

    HEADLESS = "headless"
    BROWSER = "browser"
    MIXED = "mixed"

    def pages(self, peers: int) -> int:
        """How many of so many peers are pages."""
        return {Peers.HEADLESS: 0, Peers.BROWSER: peers, Peers.MIXED: 1}[self]

"""What a host can ask of a running session, besides playing on."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SetDelay:
    """Show local inputs after this many frames from now on; ends an adaptive policy's say."""

    delay_frames: int


@dataclass(frozen=True, slots=True)
class FocusChanged:
    """The page was hidden or is back; while it is hidden the local players idle, unfocused."""

    focused: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The local players are ready for the next round; taken back when it begins."""


@dataclass(frozen=True, slots=True)
class TransportChanged:
    """Datagrams to this peer take another path from now on; the session goes on as it is."""

    peer: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Give up; the others are told the reason and the frame."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class PeerGone:
    """The host knows that this peer will never be heard again: do not wait for the reconnect limit."""

    peer: int


Command: TypeAlias = SetDelay | FocusChanged | Ready | TransportChanged | Leave | PeerGone

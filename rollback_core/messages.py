"""What peers say to each other, as values. `wire` turns them into bytes and back."""

from typing import NamedTuple, TypeAlias

Run: TypeAlias = tuple[int, int, bool]
"""(length in frames, action, focused): equal inputs in a row."""


class Hello(NamedTuple):
    """State of the sender's handshake with the receiver, repeated until both are satisfied."""

    version: int
    incarnation: int  # the sender's
    heard: int  # the receiver's incarnation as heard, 0 if not yet
    is_satisfied: bool  # the sender needs nothing more from the receiver
    is_refusal: bool  # the sender will not play with this incarnation of the receiver
    window: int  # the sender's proposal, UNDECIDED while it still measures
    sent_us: int  # sender's clock
    echo_us: int  # last sent_us heard from the receiver, 0 if none
    echo_held_us: int  # how long ago that was
    terms: bytes


class Inputs(NamedTuple):
    """A contiguous run of the sender's inputs from `first` on, with what rides along."""

    first: int
    length: int
    ack: int  # first frame of the receiver's inputs that the sender does not hold
    confirmed: int  # the sender's confirmed frame
    advantage: int  # the sender's own estimate of its lead, in quarter frames
    current: int  # the sender's current frame, as far as a byte can tell it
    streams: tuple[tuple[Run, ...], ...]  # one per player of the sender, in index order


class Ping(NamedTuple):
    sent_us: int  # low 32 bits of the sender's clock


class Pong(NamedTuple):
    sent_us: int  # as in the ping


class Control(NamedTuple):
    """A piece of the reliable, ordered stream between two peers."""

    first: int  # number of the first item
    ack: int  # number of the next item expected from the receiver
    items: tuple[bytes, ...]


Message: TypeAlias = Hello | Inputs | Ping | Pong | Control


class ChecksumItem(NamedTuple):
    """The sender's checksum of a committed frame."""

    frame: int
    digest: bytes


class ChecksumRangeItem(NamedTuple):
    """Short checksums of every frame from `first` on, sent when an interval's checksums differ."""

    first: int
    digests: tuple[bytes, ...]


class DumpItem(NamedTuple):
    """Part of the canonical bytes of a frame's state, row and inputs, to name what differs."""

    frame: int
    part: int
    parts: int
    data: bytes


class LeaveItem(NamedTuple):
    """The sender gives up; its inputs before `end` are its last."""

    end: int
    reason: str


class DoneItem(NamedTuple):
    """The sender has committed everything up to and with `frame` and needs nothing more."""

    frame: int


class FocusItem(NamedTuple):
    """A player of the sender was hidden or is back; only a pause hangs on it, never data."""

    focused: bool


class VoteItem(NamedTuple):
    """In view `epoch` the sender would go on without the peers in `suspects`.

    `ends[player]` is the first input of that player that the sender does not hold.
    """

    epoch: int
    suspects: int
    ends: tuple[int, ...]


class DecisionItem(NamedTuple):
    """View `epoch`, its members, and where the inputs of players outside it are cut."""

    epoch: int
    members: int
    cuts: tuple[int, ...]  # per player; 0 for members' players


class BackfillItem(NamedTuple):
    """Inputs of a lost player that the receiver lacks, for view `epoch`."""

    epoch: int
    player: int
    first: int
    runs: tuple[Run, ...]


Item: TypeAlias = (
    ChecksumItem
    | ChecksumRangeItem
    | DumpItem
    | LeaveItem
    | DoneItem
    | FocusItem
    | VoteItem
    | DecisionItem
    | BackfillItem
)

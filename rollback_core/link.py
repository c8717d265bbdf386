"""One remote peer as a session knows it: handshake, silence, round trip, what it has of ours.

The link holds values and the small rules about them; when to send what is the session's business.
"""

from typing import Final

from rollback_core import wire
from rollback_core.control import ControlStream
from rollback_core.input_queue import InputQueue

RTT_SAMPLES_TO_SIZE: Final = 5  # as many as the latency probes of matchmakers take
NO_HEAD: Final = b"(none)"  # longer than any head: equal to none
MAX_AGE_US: Final = 200_000  # a partner silent for longer is not assumed to have played on
MAX_RTT_US: Final = 60_000_000  # a longer echo is a foreign or hostile number


class Link:
    """State of the relation with one peer. Tags are b"" until its incarnation is known."""

    __slots__ = (
        "acked",
        "advantage",
        "control",
        "expected_head",
        "heard_at_us",
        "hello_heard_us",
        "hello_sent_us",
        "incarnation",
        "input_tag",
        "inputs_head",
        "is_done",
        "is_focused",
        "is_interrupted",
        "is_member",
        "is_satisfied",
        "peer",
        "players",
        "queue",
        "received",
        "rejected",
        "remote_advantage",
        "remote_current",
        "remote_current_at_us",
        "reported_confirmed",
        "rtt_min_us",
        "rtt_samples",
        "rtt_us",
        "rtt_var_us",
        "sent_bytes",
        "sent_datagrams",
        "tag",
        "their_tag",
        "told_us",
        "window",
    )

    def __init__(self, peer: int, players: tuple[int, ...]) -> None:
        self.peer = peer
        self.players = players
        self.queue: InputQueue | None = None  # of its player, if it has one only, of one-byte actions
        self.control = ControlStream()
        # handshake
        self.tag = b""  # of what we send it
        self.their_tag = b""  # of what it sends us
        self.input_tag = b""  # as `tag`, of inputs
        self.inputs_head = NO_HEAD  # what our inputs to it begin with
        self.expected_head = NO_HEAD  # what inputs begin with that we take from it
        self.incarnation = 0
        self.window = -1  # its proposal, once decided
        self.is_satisfied = False  # we need nothing more from its hello
        self.hello_sent_us = 0  # its clock, to be echoed
        self.hello_heard_us = 0  # our clock when that came
        # play
        self.acked = 0  # first of our frames it has not acknowledged
        self.reported_confirmed = -1
        self.remote_current = 0
        self.remote_current_at_us = 0
        self.remote_advantage = 0  # its own estimate, in quarter frames
        self.advantage = 0  # ours, in quarter frames, as last observed
        self.is_member = True
        self.is_focused = True
        self.is_done = False
        self.told_us = -(1 << 62)  # when it was last told that it is out
        # silence
        self.heard_at_us = 0
        self.is_interrupted = False
        # figures
        self.rtt_us = 0
        self.rtt_var_us = 0
        self.rtt_min_us = 0
        self.rtt_samples = 0
        self.received = 0
        self.rejected = 0
        self.sent_datagrams = 0
        self.sent_bytes = 0

    def set_input_tags(self, ours: bytes, theirs: bytes) -> None:
        """Inputs travel under these tags from now on."""
        self.input_tag = ours
        self.inputs_head = ours + wire.INPUTS_KIND_BYTE
        self.expected_head = theirs + wire.INPUTS_KIND_BYTE

    def refuse_inputs(self) -> None:
        """We have voted to go on without it: its inputs count no more, in this view."""
        self.expected_head = NO_HEAD

    def add_rtt(self, sample_us: int) -> None:
        """Smooth one sample in, by the rule of RFC 6298."""
        if not 0 <= sample_us <= MAX_RTT_US:
            return
        if not self.rtt_samples:
            self.rtt_us = sample_us
            self.rtt_var_us = sample_us // 2
            self.rtt_min_us = sample_us
        else:
            self.rtt_var_us += (abs(self.rtt_us - sample_us) - self.rtt_var_us) // 4
            self.rtt_us += (sample_us - self.rtt_us) // 8
            self.rtt_min_us = min(self.rtt_min_us, sample_us)
        self.rtt_samples += 1

    def forget_rtt(self) -> None:
        """The transport has changed: old samples say nothing of the new path."""
        self.rtt_samples = 0

    def local_advantage_us(self, current: int, now_us: int, period_us: int) -> int:
        """How far our current frame is ahead of where this peer should be by now; 0 until it is heard of."""
        if not self.remote_current:
            return 0
        age_us = now_us - self.remote_current_at_us
        if age_us > MAX_AGE_US:
            age_us = MAX_AGE_US
        return (current - self.remote_current) * period_us - age_us - self.rtt_us // 2

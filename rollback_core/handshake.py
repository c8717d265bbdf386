"""Agreeing to play: every pair exchanges hellos until both need nothing more from the other.

A hello is the sender's whole handshake state, so losing, doubling or reordering hellos does no harm.
It carries the terms; the first that differs is the reason both sides are given. It carries
timestamps, so that a window sized from the round trip is agreed before the first frame: everyone
proposes one for its slowest link, and the largest proposal counts.
"""

from collections.abc import Iterable
from typing import Final

from rollback_core import canonical, wire
from rollback_core.config import MAX_WINDOW_FRAMES, MatchTerms, PeerConfig, WindowPolicy
from rollback_core.errors import WireError
from rollback_core.link import RTT_SAMPLES_TO_SIZE, Link
from rollback_core.mailbox import Mailbox
from rollback_core.messages import Hello

HELLO_INTERVAL_US: Final = 50_000  # three frames at 60 Hz: start-up is quick, and a burst of loss heals
WINDOW_MARGIN_FRAMES: Final = 2  # one for jitter, one for the gap between the peers' ticks


class Mismatch(Exception):
    """The peers cannot play together; the text says why."""


class Refused(Exception):
    """The session goes on, or has ended, without this incarnation of this peer."""


class Handshake:
    """The rules; the state is in the links. Who sends hellos, and when, is in Hellos."""

    __slots__ = ("_config", "_terms", "_terms_bytes", "window")

    def __init__(self, terms: MatchTerms, config: PeerConfig) -> None:
        self._terms = terms
        self._config = config
        self._terms_bytes = terms.encode()
        self.window = (
            terms.prediction_window_frames if terms.window_policy is WindowPolicy.FIXED else wire.UNDECIDED
        )

    def refusal(self, incarnation: int, now_us: int) -> bytes:
        """Tells an incarnation that came too late that this session goes on without it."""
        terms = self._terms_bytes
        me = self._config.incarnation
        return wire.encode_hello(
            Hello(wire.PROTOCOL_VERSION, me, incarnation, True, True, self.window, now_us, 0, 0, terms)
        )

    def hello(self, link: Link, now_us: int) -> bytes:
        """Our side of the handshake with this peer as it stands."""
        held_us = min(now_us - link.hello_heard_us, wire.MAX_FRAME)
        return wire.encode_hello(
            Hello(
                wire.PROTOCOL_VERSION,
                self._config.incarnation,
                link.incarnation,
                link.is_satisfied,
                False,
                self.window,
                now_us,
                link.hello_sent_us,
                held_us,
                self._terms_bytes,
            )
        )

    def is_ours(self, hello: Hello) -> bool:
        """It has the very terms of this session."""
        return hello.terms == self._terms_bytes

    def receive(self, link: Link, hello: Hello, now_us: int) -> bool:
        """Take a hello in; True if the partner should be answered at once. Raises Mismatch or Refused."""
        if hello.version != wire.PROTOCOL_VERSION:
            raise Mismatch(f"protocol version: {wire.PROTOCOL_VERSION} here, {hello.version} there")
        if not self.is_ours(hello):
            raise Mismatch(self._difference(hello.terms))
        if hello.is_refusal:
            if hello.heard == self._config.incarnation:
                raise Refused("the session has gone on or ended without this peer")
            return False
        is_new = link.incarnation != hello.incarnation
        if is_new:
            link.incarnation = hello.incarnation
            ids = (self._terms.session_id, self._terms.build_id)
            me, other = (self._config.peer, self._config.incarnation), (link.peer, hello.incarnation)
            link.tag = wire.session_tag(*ids, me, other)
            link.their_tag = wire.session_tag(*ids, other, me)
        link.hello_sent_us = hello.sent_us
        link.hello_heard_us = now_us
        if hello.heard == self._config.incarnation and 0 < hello.echo_us <= now_us:
            # On a short way, a partner with a faster or coarser clock held it for longer than it was gone.
            link.add_rtt(max(0, now_us - hello.echo_us - hello.echo_held_us))
        if hello.window != wire.UNDECIDED:
            link.window = min(hello.window, MAX_WINDOW_FRAMES)
        was_satisfied = link.is_satisfied
        link.is_satisfied = hello.heard == self._config.incarnation and link.window >= 0
        return is_new or link.is_satisfied != was_satisfied

    def propose(self, links: Iterable[Link]) -> None:
        """Decide our window once every link has been measured."""
        if self.window != wire.UNDECIDED:
            return
        worst_us = 0
        for link in links:
            if link.rtt_samples < RTT_SAMPLES_TO_SIZE:
                return
            worst_us = max(worst_us, link.rtt_us // 2 + 2 * link.rtt_var_us)
        frames = (
            -(-worst_us // self._terms.period_us) + WINDOW_MARGIN_FRAMES - self._config.input_delay_frames
        )
        self.window = max(self._terms.prediction_window_frames, min(frames, MAX_WINDOW_FRAMES))

    def is_complete(self, links: Iterable[Link]) -> bool:
        return self.window != wire.UNDECIDED and all(link.is_satisfied for link in links)

    def agreed_window(self, links: Iterable[Link]) -> int:
        return max([self.window, *(link.window for link in links)])

    def _difference(self, theirs: bytes) -> str:
        try:
            found = canonical.first_difference(canonical.decode(self._terms_bytes), canonical.decode(theirs))
        except WireError:
            return "terms: theirs cannot be read"
        if found is None:
            return "terms: differ"
        path, here, there = found
        return f"{path}: {here!r} here, {there!r} there"


class Hellos:
    """Hellos to and from all partners, from the first until the last that is still owed an answer."""

    __slots__ = ("_handshake", "_links", "_mailbox")

    def __init__(self, handshake: Handshake, links: dict[int, Link], mailbox: Mailbox) -> None:
        self._handshake = handshake
        self._links = links
        self._mailbox = mailbox

    @property
    def agreed_window(self) -> int:
        return self._handshake.agreed_window(self._links.values())

    def send_all(self, now_us: int) -> None:
        for link in self._links.values():
            self._mailbox.send(link, self._handshake.hello(link, now_us))

    def receive(self, link: Link, hello: Hello, now_us: int) -> bool:
        """Take in and answer a hello before the start; True once all agree. Raises Mismatch or Refused."""
        _refuse_earlier(link, hello)
        handshake = self._handshake
        try:
            answer_now = handshake.receive(link, hello, now_us)
        except Mismatch:
            self._mailbox.send(link, handshake.hello(link, now_us))
            raise
        link.heard_at_us = now_us
        links = self._links.values()
        handshake.propose(links)
        if answer_now:
            self._mailbox.send(link, handshake.hello(link, now_us))
        return handshake.is_complete(links)

    def is_of_partner(self, link: Link, hello: Hello, *, is_mismatch: bool) -> bool:
        """A hello while we play or linger: from the partner itself, or a new incarnation of it?

        `is_mismatch`: we have ended because terms differ, and theirs may.
        """
        _refuse_earlier(link, hello)
        if not is_mismatch and not self._handshake.is_ours(hello):
            raise WireError("a hello of another session")
        return hello.incarnation == link.incarnation

    def answer_late(self, link: Link, hello: Hello, now_us: int, *, is_mismatch: bool) -> None:
        """Help a partner that is not done; tell a newcomer that it is too late."""
        # Answers are paced: two that linger unsatisfied would chatter, and duplicates would multiply.
        if hello.is_refusal or now_us - link.told_us < HELLO_INTERVAL_US:
            return
        link.told_us = now_us
        is_partner = hello.incarnation == link.incarnation
        if is_mismatch or (is_partner and not hello.is_satisfied):
            self._mailbox.send(link, self._handshake.hello(link, now_us))
        elif not is_partner:
            self._mailbox.send(link, self._handshake.refusal(hello.incarnation, now_us))


def _refuse_earlier(link: Link, hello: Hello) -> None:
    if hello.incarnation < link.incarnation:
        raise WireError("a hello of an earlier incarnation")

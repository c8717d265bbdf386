"""Everything that leaves a session: inputs, pings and the control streams, with their retransmission.

`members` are the links that count in the present view. Datagrams wait in `outbox` for the host.
"""

from collections.abc import Iterable

from rollback_core import wire
from rollback_core.control import RESEND_US
from rollback_core.link import Link
from rollback_core.match import Match
from rollback_core.messages import Item
from rollback_core.timers import NEVER, Timer, Timers


class Mailbox:
    """Sends for one session. `local_players` and the bytes of an action fix the layout of inputs."""

    __slots__ = (
        "_action_bytes",
        "_frames_per_datagram",
        "_is_narrow",
        "_links",
        "_local_players",
        "_timers",
        "members",
        "outbox",
    )

    def __init__(
        self, links: dict[int, Link], timers: Timers, local_players: tuple[int, ...], action_bytes: int
    ) -> None:
        self._links = links
        self._timers = timers
        self._local_players = local_players
        self._action_bytes = action_bytes
        # Frames that fit into a datagram for certain, however often the inputs change.
        room = (wire.MAX_DATAGRAM_BYTES - wire.INPUTS_HEADER_BYTES) // len(local_players)
        self._frames_per_datagram = (room - wire.ITEM_HEADER_BYTES) // (1 + action_bytes)
        self._is_narrow = action_bytes == 1 and len(local_players) == 1
        self.members = list(links.values())
        self.outbox: list[tuple[int, bytes]] = []

    def send(self, link: Link, data: bytes) -> None:
        link.sent_datagrams += 1
        link.sent_bytes += len(data)
        self.outbox.append((link.peer, data))

    def drain(self) -> list[tuple[int, bytes]]:
        outbox = self.outbox
        if outbox:
            self.outbox = []
        return outbox

    def send_inputs(self, match: Match) -> None:
        """To every member the oldest inputs that it has not acknowledged, and what rides along."""
        queues = match.queues
        own = queues[self._local_players[0]]
        current = match.timeline.current
        confirmed = match.confirmed
        narrowest = own.end - self._frames_per_datagram if self._is_narrow else own.end + 1
        outbox = self.outbox
        for link in self.members:
            first = link.acked
            ack = queues[link.players[0]].end
            if first >= narrowest:
                data = wire.encode_own_inputs(
                    link.inputs_head, own, first, ack, confirmed, link.advantage, current - first
                )
                if data is not None:
                    link.sent_datagrams += 1
                    link.sent_bytes += len(data)
                    outbox.append((link.peer, data))
                    continue
            self._send_at_length(link, match, first, ack)

    def _send_at_length(self, link: Link, match: Match, first: int, ack: int) -> None:
        """Any players, any actions, in as many datagrams as it takes."""
        queues = match.queues
        current = match.timeline.current
        end = queues[self._local_players[0]].end
        while True:
            stop = min(first + self._frames_per_datagram, end)
            streams = [
                wire.encode_runs(queues[player].runs(first, stop), self._action_bytes)
                for player in self._local_players
            ]
            data = wire.encode_inputs(
                link.input_tag, first, ack, match.confirmed, link.advantage, current, streams
            )
            self.send(link, data)
            first = stop
            if first >= end:
                break

    def send_pings(self, now_us: int) -> None:
        for link in self.members:
            self.send(link, wire.encode_ping(link.tag, now_us, is_pong=False))

    def tell(self, items: Iterable[tuple[int, Item]], now_us: int) -> None:
        """Queue (peer, item) pairs on the control streams and send what is new."""
        for peer, item in items:
            self._links[peer].control.queue(wire.encode_item(item, self._action_bytes))
        for link in self.members:
            if link.control.has_news:
                self.send_control(link, now_us)

    def tell_all(self, item: Item, now_us: int) -> None:
        """To every member that has a stream: before the first hello there is none."""
        self.tell([(link.peer, item) for link in self.members if link.tag], now_us)

    def send_control(self, link: Link, now_us: int) -> None:
        """Items never sent or wound back, or just an acknowledgement; retransmission is armed."""
        for data in link.control.datagrams(link.tag):
            self.send(link, data)
        if not link.is_member:
            return
        if not link.control.pending:
            self._timers.stop(Timer.CONTROL, link.peer)
        elif self._timers.at(Timer.CONTROL, link.peer) == NEVER:
            # Never put off by what is sent meanwhile: a lively partner would starve the retransmission.
            self._timers.set(Timer.CONTROL, now_us + RESEND_US, link.peer)

"""Inputs as they arrive: decoded, checked and noted in one piece, since nearly all datagrams are such.

A datagram counts whole or not at all: everything is checked before anything is written.
"""

from collections.abc import Iterable
from typing import Final

from rollback_core import wire
from rollback_core.errors import WireError
from rollback_core.link import Link
from rollback_core.match import MAX_AHEAD_FRAMES, Match

ONE_BYTE_ACTIONS: Final = 256
SHORTEST_BYTES: Final = wire.INPUTS_HEADER_BYTES + 2  # one run of one player


class Arrivals:
    """Takes in the inputs of a session's partners. `action_bytes` is how many an action has on the wire."""

    __slots__ = ("_action_count", "_match", "_own", "action_bytes")

    def __init__(self, match: Match, links: Iterable[Link], own_player: int, action_count: int) -> None:
        self._match = match
        self._own = match.queues[own_player]
        self._action_count = action_count
        self.action_bytes = 1 if action_count <= ONE_BYTE_ACTIONS else 2
        for link in links:
            if self.action_bytes == 1 and len(link.players) == 1:
                link.queue = match.queues[link.players[0]]

    def take(self, link: Link, data: bytes, now_us: int) -> None:
        """Inputs of this view from `link`; WireError, and nothing has changed, unless all of it may be.

        One player of one-byte actions is read right here: of the runs that came only what is new has
        to be taken apart, mostly one frame of the last. All else, and whatever is wrong, is left to
        `_take_apart`, which has to give the same.
        """
        size = len(data)
        queue = link.queue
        if queue is None or size < SHORTEST_BYTES or size > wire.MAX_DATAGRAM_BYTES or size & 1:
            self._take_apart(link, data, now_us)
            return
        first, ack, lag, advantage, lead = wire.unpack_inputs_body(data)
        head = data[-2]
        action = data[-1]
        length = head & 127
        if size == SHORTEST_BYTES:
            stop = first + length
            is_sound = length > 0 and action < self._action_count
        else:
            lengths = data[wire.INPUTS_HEADER_BYTES :: 2].translate(wire.RUN_LENGTHS)
            stop = first + sum(lengths)
            is_sound = min(lengths) > 0 and max(data[wire.INPUTS_HEADER_BYTES + 1 :: 2]) < self._action_count
        ack += first
        match = self._match
        news = stop - queue.end
        if (
            not is_sound
            or not 0 <= ack <= self._own.end
            or news > length
            or first > queue.end
            or stop > match.timeline.current + MAX_AHEAD_FRAMES
        ):
            self._take_apart(link, data, now_us)
            return
        if news > 0:
            match.extend(link.players[0], action, head > 127, stop)
        if ack > link.acked:
            link.acked = ack
        confirmed = ack - 1 - lag
        if confirmed > link.reported_confirmed:
            link.reported_confirmed = confirmed
        current = first + lead
        if current > link.remote_current:
            link.remote_current = current
            link.remote_current_at_us = now_us
            link.remote_advantage = advantage

    def _take_apart(self, link: Link, data: bytes, now_us: int) -> None:
        """`take` for any number of players and any action."""
        players = link.players
        first, length, ack, confirmed, advantage, current, streams = wire.decode_inputs(
            data, len(players), self.action_bytes, self._action_count
        )
        match = self._match
        if ack > link.acked and ack > self._own.end:
            raise WireError(f"acknowledges frame {ack}, ours end at {self._own.end}")
        if first + length > match.queues[players[0]].end:
            match.check_range(players[0], first, length)
            for player, runs in zip(players, streams, strict=True):
                match.add_remote(player, first, runs)
        if ack > link.acked:
            link.acked = ack
        link.reported_confirmed = max(link.reported_confirmed, confirmed)
        if current > link.remote_current:
            link.remote_current = current
            link.remote_current_at_us = now_us
            link.remote_advantage = advantage

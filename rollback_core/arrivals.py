"""Inputs as they arrive: decoded, checked and noted in one piece, since nearly all datagrams are such.

A datagram counts whole or not at all: everything is checked before anything is written.
"""

from rollback_core import wire
from rollback_core.errors import WireError
from rollback_core.link import Link
from rollback_core.match import MAX_AHEAD_FRAMES, Match

ONE_BYTE_ACTIONS = 256


class Arrivals:
    """Takes in the inputs of a session's partners. `action_bytes` is how many an action has on the wire."""

    __slots__ = ("_action_count", "_match", "_own", "_period_us", "action_bytes")

    def __init__(self, match: Match, own_player: int, action_count: int, period_us: int) -> None:
        self._match = match
        self._own = match.queues[own_player]
        self._action_count = action_count
        self._period_us = period_us
        self.action_bytes = 1 if action_count <= ONE_BYTE_ACTIONS else 2

    def take(self, link: Link, data: bytes, now_us: int) -> None:
        """Inputs of this view from `link`; WireError, and nothing has changed, unless all of it may be.

        One player of one-byte actions is read right here, like `wire.decode_inputs` and `add_remote`
        would: of the runs that came only what is new has to be taken apart, mostly a frame of the last.
        """
        size = len(data)
        is_usual = (
            wire.INPUTS_HEADER_BYTES < size <= wire.MAX_DATAGRAM_BYTES
            and not size & 1
            and self.action_bytes == 1
            and len(link.players) == 1
        )
        if not is_usual:
            self._take_apart(link, data, now_us)
            return
        first, ack, lag, advantage, lead = wire.unpack_inputs_body(data)
        last_action = data[-1]
        last_head = data[-2]
        last_length = last_head & 127
        if size == 16:
            stop = first + last_length
            highest = last_action
            shortest = last_length
        else:
            lengths = data[14::2].translate(wire.RUN_LENGTHS)
            stop = first + sum(lengths)
            shortest = min(lengths)
            highest = max(data[15::2])
        if not shortest or highest >= self._action_count:
            raise WireError("inputs: an empty run or an unknown action")
        ack += first
        if ack < 0:
            raise WireError("inputs: negative acknowledgement")
        if ack > link.acked:
            if ack > self._own.end:
                raise WireError(f"acknowledges frame {ack}, ours end at {self._own.end}")
        match = self._match
        player = link.players[0]
        end = match.queues[player].end
        if stop > end:
            if first > end or stop > match.timeline.current + MAX_AHEAD_FRAMES:
                match.check_range(player, first, stop - first)
            if stop - end <= last_length:
                match.extend(player, last_action, last_head > 127, stop)
            else:
                runs = wire.decode_runs(data, wire.INPUTS_HEADER_BYTES, size, 1, self._action_count)
                match.add_remote(player, first, runs)
        if ack > link.acked:
            link.acked = ack
        confirmed = ack - 1 - lag
        if confirmed > link.reported_confirmed:
            link.reported_confirmed = confirmed
        current = first + lead
        if current > link.remote_current:
            link.remote_current = current
            link.remote_current_at_us = now_us
            link.remote_advantage_us = advantage * self._period_us // 4

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
        link.acked = max(link.acked, ack)
        link.reported_confirmed = max(link.reported_confirmed, confirmed)
        if current > link.remote_current:
            link.remote_current = current
            link.remote_current_at_us = now_us
            link.remote_advantage_us = advantage * self._period_us // 4

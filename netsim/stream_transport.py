"""A path under a reliable, ordered transport: nothing is lost, and what is late holds back the rest.

The model is TCP-like. Each datagram tries the link; a try that is lost is repeated after the time of a
fast retransmit (an RTT, and three later datagrams: RFC 5681), a repeat that is lost after the
retransmission timeout with doubling (RFC 6298). A repeat meets the link as it is now and arrives later
by the wait, so losses that overlap heal side by side, as with selective acknowledgements. Then a datagram
arrives no sooner than the one before it. Congestion control is left out, as games send little; a
sender that feels a full queue waits, so the link's drop-tail limit is off. Duplicates and reordering
end in the receiver and are off too; a datagram longer than the MTU travels in pieces.
"""

import dataclasses
from collections import deque
from typing import Final

from netsim.link_model import LinkModel
from scenarios.scenario import LinkSetup

_MIN_TIMEOUT_US: Final = 200_000  # as Linux has it; RFC 6298's whole second is followed by few
_MAX_TIMEOUT_US: Final = 60_000_000  # RFC 6298, 2.5
_MAX_TRIES: Final = 15  # as Linux: then the path counts as down until something happens on it
_DUPLICATE_ACKS: Final = 3  # RFC 5681
_NEVER: Final = -1


class StreamPath:
    """`send` and `reconfigure` as a LinkModel has them, but for what the times returned belong to.

    They are the arrivals of the oldest datagrams that have none yet, in the order of sending. Mostly this
    is the one just sent. While the path is down `send` gives (), and a later call gives several.
    """

    def __init__(self, link: LinkModel, reverse_delay_us: int) -> None:
        self.setup = link.setup
        self.sent = self.delivered = self.retransmitted = 0
        self._link = link
        self._reverse_delay_us = reverse_delay_us
        self._waiting: deque[int] = deque()  # sizes of what has no arrival yet
        self._stuck_since_us = _NEVER
        self._last_arrival_us = 0
        self._last_send_us = 0
        self._gap_us = _MIN_TIMEOUT_US  # until two sends are known, only the timeout repairs
        # What the transport's own handshake has measured.
        self._smoothed_rtt_us = self.setup.delay_us + reverse_delay_us
        self._rtt_deviation_us = self._smoothed_rtt_us // 2
        link.reconfigure(0, _without_limits(link.setup))

    def counters(self) -> dict[str, int]:
        """`waiting` have no arrival yet; `retransmitted` counts tries beyond the first."""
        return {
            "sent": self.sent,
            "delivered": self.delivered,
            "retransmitted": self.retransmitted,
            "waiting": len(self._waiting),
        }

    @property
    def queued_until_us(self) -> int:
        """What is sent before this waits for what was sent earlier; it may be past."""
        return self._last_arrival_us

    @property
    def minimum_delay_us(self) -> int:
        return self._link.minimum_delay_us

    def send(self, now_us: int, size_bytes: int) -> tuple[int, ...]:
        """Arrivals of the oldest datagrams without one, this one being the youngest; () while down."""
        if self.sent:
            gap_us = now_us - self._last_send_us
            self._gap_us = gap_us if self.sent == 1 else (7 * self._gap_us + gap_us) // 8
        self._last_send_us = now_us
        self.sent += 1
        self._waiting.append(size_bytes)
        return self._carry_waiting(now_us)

    def reconfigure(self, now_us: int, setup: LinkSetup) -> tuple[int, ...]:
        """Obey `setup` from now on; arrivals of the datagrams that this sets free, oldest first."""
        self.setup = setup
        self._link.reconfigure(now_us, _without_limits(setup))
        return self._carry_waiting(now_us)

    def _carry_waiting(self, now_us: int) -> tuple[int, ...]:
        arrivals: list[int] = []
        wait_us = self._time_to_retry_us(now_us)
        while self._waiting and self.setup.up:
            arrival_us = self._arrival_us(now_us, wait_us, self._waiting[0])
            if arrival_us == _NEVER:
                break
            self._last_arrival_us = max(self._last_arrival_us, arrival_us)
            arrivals.append(self._last_arrival_us)
            self._waiting.popleft()
        self.delivered += len(arrivals)
        if not self._waiting:
            self._stuck_since_us = _NEVER
        elif arrivals or self._stuck_since_us == _NEVER:
            self._stuck_since_us = now_us
        return tuple(arrivals)

    def _time_to_retry_us(self, now_us: int) -> int:
        """From now to the next expiry of the doubling timer, which runs since the path went down."""
        if self._stuck_since_us == _NEVER:
            return 0
        step_us = self._timeout_us()
        retry_us = self._stuck_since_us + step_us
        while retry_us < now_us:
            step_us = min(2 * step_us, _MAX_TIMEOUT_US)
            retry_us += step_us
        return retry_us - now_us

    def _arrival_us(self, now_us: int, wait_us: int, size_bytes: int) -> int:
        """When the last piece of a datagram is there, its first try being in `wait_us`; or _NEVER."""
        piece_bytes = self.setup.mtu_bytes or size_bytes
        latest_us = now_us
        for sent_bytes in range(0, max(1, size_bytes), max(1, piece_bytes)):
            arrival_us = self._piece_arrival_us(now_us, wait_us, min(piece_bytes, size_bytes - sent_bytes))
            if arrival_us == _NEVER:
                return _NEVER
            latest_us = max(latest_us, arrival_us)
        return latest_us

    def _piece_arrival_us(self, now_us: int, wait_us: int, size_bytes: int) -> int:
        timeout_us = self._timeout_us()
        for tries in range(_MAX_TRIES):
            arrivals = self._link.send(now_us, size_bytes)
            if arrivals:
                if tries == 0 and wait_us == 0:  # Karn: a repeated datagram says nothing of the RTT
                    self._measure(arrivals[0] - now_us + self._reverse_delay_us)
                self.retransmitted += tries
                return arrivals[0] + wait_us
            if tries == 0:
                wait_us += min(timeout_us, self._smoothed_rtt_us + _DUPLICATE_ACKS * self._gap_us)
            else:
                wait_us += min(timeout_us << (tries - 1), _MAX_TIMEOUT_US)
        self.retransmitted += _MAX_TRIES - 1
        return _NEVER

    def _timeout_us(self) -> int:
        timeout_us = self._smoothed_rtt_us + 4 * self._rtt_deviation_us
        return max(_MIN_TIMEOUT_US, min(timeout_us, _MAX_TIMEOUT_US))

    def _measure(self, rtt_us: int) -> None:
        deviation_us = abs(self._smoothed_rtt_us - rtt_us)
        self._rtt_deviation_us = (3 * self._rtt_deviation_us + deviation_us) // 4
        self._smoothed_rtt_us = (7 * self._smoothed_rtt_us + rtt_us) // 8


def _without_limits(setup: LinkSetup) -> LinkSetup:
    """The link that the transport's tries meet; see the head of the module."""
    return dataclasses.replace(
        setup, mtu_bytes=0, duplicate_ppm=0, queue_bytes=0, order="free", reorder_ppm=0
    )

"""One directed path as a pure function: (state, now, datagram) to the times at which it arrives.

Stages act in a fixed order: up, MTU, loss, corruption, duplication, rate and queue, slot, delay and
jitter, order. Every datagram owns one row of 32-bit draws, one word for each decision that a stage
can make, whether or not the stage is on: no parameter of one stage shifts a draw of another, and
datagram k meets the same draws under every setup. A probability is an integer threshold on its word.
Within a table or a width, word * n >> 32 picks one of n. Times are integer microseconds, never before
the datagram was sent; the queue alone counts nanoseconds inside, as a byte may take less than one.
"""

import sys
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Final

from netsim.randomness import generator
from scenarios.network import TABLE_SCALE, TRACE_BYTES, jitter_table, load_trace
from scenarios.scenario import LinkSetup

# The words of a row. The last three are those before them once more, for the second copy.
_LOSS: Final = 0
_LOSS_STATE: Final = 1
_CORRUPT: Final = 2
_DUPLICATE: Final = 3
_JITTER: Final = 4
_HOLD: Final = 5
_REORDER: Final = 6
_COPY: Final = 3  # from a word of the first copy to that of the second
_ROW: Final = 10
_BLOCK_ROWS: Final = 128  # drawn at once: one call a block is cheap, and a block is 5 kB
_BLOCK: Final = _ROW * _BLOCK_ROWS

# States of the four-state chain, in netem's numbering less one.
_GAP: Final = 0
_BURST_ARRIVES: Final = 1
_BURST_LOST: Final = 2
_GAP_LOST: Final = 3

_DROPPED: Final = -1
_NONE_HELD: Final = -1
_NS_PER_US: Final = 1_000
_HALF_SCALE: Final = TABLE_SCALE // 2


def _below(ppm: int) -> int:
    """The threshold under which a 32-bit word falls with this probability."""
    return (ppm << 32) // 1_000_000


class LinkModel:
    """One direction of one link. `now_us` never decreases over the calls of one instance.

    Counters: `blocked`, `oversize`, `lost`, `corrupted` and `queue_dropped` say at which stage a datagram
    ended, `duplicated` how many came twice, `overtook` how many were sent without delay (reorder).
    sent + duplicated = delivered + all drops.
    """

    __slots__ = (
        "_busy_until_ns",
        "_corrupt_below",
        "_delay",
        "_departures",
        "_duplicate_below",
        "_fates",
        "_four_state_below",
        "_gates",
        "_ge_below",
        "_held_word",
        "_hold_below",
        "_is_fifo",
        "_is_foreseeable",
        "_last_arrival_us",
        "_loss_below",
        "_loss_state",
        "_opportunity",
        "_opportunity_bytes",
        "_queue",
        "_queued_bytes",
        "_random",
        "_reorder_below",
        "_row",
        "_rows_used",
        "_table",
        "_trace_at",
        "_trace_ms",
        "_uniform_low_us",
        "_uniform_width_us",
        "_words",
        "blocked",
        "corrupted",
        "duplicated",
        "lost",
        "oversize",
        "overtook",
        "queue_dropped",
        "setup",
    )

    def __init__(
        self, setup: LinkSetup, *, seed: int, source: int, target: int, purpose: str = "direct"
    ) -> None:
        self.setup = setup
        self._random = generator(seed, f"link/{purpose}", source, target)
        self._words = array("I")
        self._row = _BLOCK - _ROW  # the first datagram draws the first block
        self._rows_used = -_BLOCK_ROWS
        self.blocked = self.oversize = self.lost = self.corrupted = 0
        self.queue_dropped = self.duplicated = self.overtook = 0
        self._loss_state = _GAP
        self._trace_at = 0
        self._queue: deque[tuple[int, int]] = deque()  # (departure, bytes) of what waits or is in service
        self._queued_bytes = 0
        self._busy_until_ns = 0
        self._opportunity = 0
        self._opportunity_bytes = TRACE_BYTES
        self._trace_ms: tuple[int, ...] = ()
        self._table: tuple[int, ...] = ()
        self._held_word = _NONE_HELD
        self._last_arrival_us = 0
        self._load_files(0, None, setup)
        self._arrange(setup)

    @property
    def sent(self) -> int:
        """Datagrams handed in."""
        return self._rows_used + self._row // _ROW + 1

    @property
    def dropped(self) -> int:
        return self.blocked + self.oversize + self.lost + self.corrupted + self.queue_dropped

    @property
    def delivered(self) -> int:
        """Arrivals, second copies included."""
        return self.sent + self.duplicated - self.dropped

    def counters(self) -> dict[str, int]:
        names = ("sent", "delivered", "blocked", "oversize", "lost", "corrupted", "queue_dropped")
        return {name: getattr(self, name) for name in (*names, "duplicated", "overtook")}

    @property
    def queued_until_us(self) -> int:
        """What is sent before this waits for what was sent earlier; it may be past."""
        return self._busy_until_ns // _NS_PER_US

    @property
    def minimum_delay_us(self) -> int:
        """No datagram arrives sooner than this after it was sent."""
        setup = self.setup
        if setup.order == "reorder" and setup.reorder_ppm:
            return 0
        if setup.jitter == "uniform":
            return max(0, setup.delay_us - setup.jitter_us)
        if setup.jitter == "none":
            return setup.delay_us
        return max(0, setup.delay_us + self._jitter_of(min(self._table)))

    def send(self, now_us: int, size_bytes: int) -> tuple[int, ...]:
        """Absolute times at which the datagram arrives, in no special order; () when it does not."""
        row = self._row + _ROW
        if row == _BLOCK:
            self._draw_block()
            row = 0
        self._row = row
        if self._fates:
            delay_us = self._fates[row // _ROW]
            if delay_us < 0:
                self.lost += 1
                return ()
            arrival_us = now_us + delay_us
            if arrival_us < self._last_arrival_us:
                if self._is_fifo:
                    return (self._last_arrival_us,)
            else:
                self._last_arrival_us = arrival_us
            return (arrival_us,)
        for is_dropped in self._gates:
            if is_dropped(row, size_bytes):
                return ()
        if self._duplicate_below and self._words[row + _DUPLICATE] < self._duplicate_below:
            self.duplicated += 1
            return self._forward(row, now_us, size_bytes) + self._forward(row + _COPY, now_us, size_bytes)
        return self._forward(row, now_us, size_bytes)

    def reconfigure(self, now_us: int, setup: LinkSetup) -> tuple[int, ...]:
        """Obey `setup` from now on; what was sent before arrives as was said.

        Kept: draws, counters, bytes in the queue, the state of a loss model that stays the same, the held
        jitter, the last arrival. Gives the arrivals that this sets free: none here (see StreamPath).
        """
        if setup.loss != self.setup.loss:
            self._loss_state = _GAP
            self._trace_at = 0
        self._load_files(now_us, self.setup, setup)
        self.setup = setup
        self._arrange(setup)
        return ()

    def _load_files(self, now_us: int, before: LinkSetup | None, setup: LinkSetup) -> None:
        """Read the table and the trace that `setup` names, where `before` did not name them already."""
        table = self._table if before and before.jitter == setup.jitter else jitter_table(setup)
        if before is None or before.rate_trace != setup.rate_trace:
            self._trace_ms = load_trace(setup.rate_trace) if setup.rate_trace else ()
            if self._trace_ms:
                self._opportunity = self._opportunity_from(max(now_us, -(-self._busy_until_ns // _NS_PER_US)))
                self._opportunity_bytes = TRACE_BYTES
        self._table = table

    def _arrange(self, setup: LinkSetup) -> None:
        """Note which stages are on, so that `send` passes by the others without asking."""
        self._loss_below = _below(setup.loss_ppm)
        good, bad = setup.ge_loss_good_ppm, setup.ge_loss_bad_ppm
        # By state: the threshold of leaving it, and that of being lost in it.
        self._ge_below = (
            (_below(setup.ge_good_to_bad_ppm), _below(good)),
            (_below(setup.ge_bad_to_good_ppm), _below(bad)),
        )
        self._four_state_below = tuple(_below(ppm) for ppm in setup.four_state_ppm)
        self._corrupt_below = _below(setup.corrupt_ppm)
        self._duplicate_below = _below(setup.duplicate_ppm)
        self._hold_below = _below(setup.jitter_correlation_ppm)
        self._reorder_below = _below(setup.reorder_ppm) if setup.order == "reorder" else 0
        self._is_fifo = setup.order != "free"
        self._uniform_low_us = setup.delay_us - setup.jitter_us
        self._uniform_width_us = 2 * setup.jitter_us + 1
        self._gates = self._gates_of(setup)
        self._departures: list[Callable[[int, int], int]] = []
        if setup.rate_bps or setup.rate_trace:
            self._departures.append(self._leaves_queue_us)
        if setup.slot_us:
            self._departures.append(self._leaves_slot_us)
        self._delay = self._delay_of(setup)
        self._is_foreseeable = not (
            self._departures
            or self._duplicate_below
            or self._reorder_below
            or self._hold_below
            or any(gate != self._is_lost_alone for gate in self._gates)
        )
        self._foresee()

    def _foresee(self) -> None:
        """Say in one go what becomes of each datagram of the block, where that hangs on its row alone.

        A fate is the delay, _DROPPED for a loss; there are none where any other stage is on.
        """
        self._fates: list[int] = []
        words = self._words
        if not self._is_foreseeable or not words:
            return
        if self._delay == self._delay_uniform:
            low, width = self._uniform_low_us, self._uniform_width_us
            delays = [low + (word * width >> 32) for word in words[_JITTER::_ROW]]
            if low < 0:
                delays = [delay if delay > 0 else 0 for delay in delays]
        else:
            delays = [self._delay(row) for row in range(0, _BLOCK, _ROW)]
        if self._gates:
            below = self._loss_below
            losses = words[_LOSS::_ROW]
            delays = [_DROPPED if word < below else delay for word, delay in zip(losses, delays, strict=True)]
        self._fates = delays

    def _gates_of(self, setup: LinkSetup) -> list[Callable[[int, int], bool]]:
        gates: list[Callable[[int, int], bool]] = []
        if not setup.up:
            gates.append(self._is_blocked)
        if setup.mtu_bytes:
            gates.append(self._is_oversize)
        if setup.loss == "bernoulli" and setup.loss_ppm:
            gates.append(self._is_lost_alone)
        elif setup.loss == "gilbert-elliott":
            gates.append(self._is_lost_in_state)
        elif setup.loss == "four-state":
            gates.append(self._is_lost_in_chain)
        elif setup.loss == "trace":
            gates.append(self._is_lost_by_trace)
        if setup.corrupt_ppm:
            gates.append(self._is_corrupted)
        return gates

    def _delay_of(self, setup: LinkSetup) -> Callable[[int], int]:
        if setup.jitter == "none" or not setup.jitter_us:
            return self._delay_fixed
        return self._delay_uniform if setup.jitter == "uniform" else self._delay_by_table

    def _draw_block(self) -> None:
        words = array("I", self._random.randbytes(4 * _BLOCK))
        if sys.byteorder == "big":
            words.byteswap()
        self._words = words
        self._rows_used += _BLOCK_ROWS
        self._foresee()

    # Gates: is the datagram dropped here? Each counts what it drops.

    def _is_blocked(self, _row: int, _size_bytes: int) -> bool:
        self.blocked += 1
        return True

    def _is_oversize(self, _row: int, size_bytes: int) -> bool:
        if size_bytes <= self.setup.mtu_bytes:
            return False
        self.oversize += 1
        return True

    def _is_lost_alone(self, row: int, _size_bytes: int) -> bool:
        if self._words[row] >= self._loss_below:  # _LOSS is 0
            return False
        self.lost += 1
        return True

    def _is_lost_in_state(self, row: int, _size_bytes: int) -> bool:
        """Gilbert-Elliott: first the state moves, then the new state's loss decides."""
        words = self._words
        if words[row + _LOSS_STATE] < self._ge_below[self._loss_state][0]:
            self._loss_state = 1 - self._loss_state
        if words[row + _LOSS] >= self._ge_below[self._loss_state][1]:
            return False
        self.lost += 1
        return True

    def _is_lost_in_chain(self, row: int, _size_bytes: int) -> bool:
        """Netem's four states: the state moves, and the new state is the fate of the datagram."""
        word = self._words[row + _LOSS_STATE]
        p13, p31, p32, p23, p14 = self._four_state_below
        state = self._loss_state
        if state == _GAP:
            state = _GAP_LOST if word < p14 else _BURST_LOST if word < p14 + p13 else _GAP
        elif state == _BURST_LOST:
            state = _BURST_ARRIVES if word < p32 else _GAP if word < p32 + p31 else _BURST_LOST
        elif state == _BURST_ARRIVES:
            state = _BURST_LOST if word < p23 else _BURST_ARRIVES
        else:
            state = _GAP
        self._loss_state = state
        if state < _BURST_LOST:
            return False
        self.lost += 1
        return True

    def _is_lost_by_trace(self, _row: int, _size_bytes: int) -> bool:
        fates = self.setup.loss_trace
        at = self._trace_at % len(fates)  # the trace may have changed to a shorter one
        self._trace_at = at + 1
        if fates[at] == "0":
            return False
        self.lost += 1
        return True

    def _is_corrupted(self, row: int, _size_bytes: int) -> bool:
        if self._words[row + _CORRUPT] >= self._corrupt_below:
            return False
        self.corrupted += 1
        return True

    # What passes the gates: when it sets out, how long it travels, when it may arrive.

    def _forward(self, lane: int, now_us: int, size_bytes: int) -> tuple[int, ...]:
        """Arrival of one copy; `lane` is where its words would begin as a first copy's."""
        for leaves_us in self._departures:
            now_us = leaves_us(now_us, size_bytes)
            if now_us == _DROPPED:
                return ()
        if self._reorder_below and self._words[lane + _REORDER] < self._reorder_below:
            self.overtook += 1
            arrival_us = now_us
        else:
            arrival_us = now_us + self._delay(lane)
            if self._is_fifo and arrival_us < self._last_arrival_us:
                arrival_us = self._last_arrival_us
        if arrival_us > self._last_arrival_us:
            self._last_arrival_us = arrival_us
        return (arrival_us,)

    def _leaves_queue_us(self, now_us: int, size_bytes: int) -> int:
        """When the last byte has left; _DROPPED if the queue has no room for the whole datagram.

        The queue holds what waits and what is in service, each until its last byte has left.
        """
        queue = self._queue
        while queue and queue[0][0] <= now_us:
            self._queued_bytes -= queue.popleft()[1]
        setup = self.setup
        if setup.queue_bytes and self._queued_bytes + size_bytes > setup.queue_bytes:
            self.queue_dropped += 1
            return _DROPPED
        if setup.rate_bps:
            start_ns = max(self._busy_until_ns, now_us * _NS_PER_US)
            self._busy_until_ns = start_ns - -size_bytes * 8_000_000_000 // setup.rate_bps
            departure_us = -(-self._busy_until_ns // _NS_PER_US)
        else:
            departure_us = self._leaves_trace_us(now_us, size_bytes)
            self._busy_until_ns = departure_us * _NS_PER_US
        queue.append((departure_us, size_bytes))
        self._queued_bytes += size_bytes
        return departure_us

    def _leaves_trace_us(self, now_us: int, size_bytes: int) -> int:
        """Each line of the trace lets TRACE_BYTES go at its time; what nobody waits for is wasted."""
        earliest = self._opportunity_from(now_us)
        if earliest > self._opportunity:
            self._opportunity = earliest
            self._opportunity_bytes = TRACE_BYTES
        missing = size_bytes - self._opportunity_bytes
        if missing > 0:
            more = -(-missing // TRACE_BYTES)
            self._opportunity += more
            missing -= more * TRACE_BYTES
        self._opportunity_bytes = -missing
        round_number, line = divmod(self._opportunity, len(self._trace_ms))
        return (round_number * self._trace_ms[-1] + self._trace_ms[line]) * 1_000

    def _opportunity_from(self, now_us: int) -> int:
        """Number of the first line, counted through all rounds of the trace, that is not before now.

        The trace begins at time 0. Its last line and the start of the next round are one instant.
        """
        times = self._trace_ms
        round_number, offset_ms = divmod(-(-now_us // 1_000), times[-1])
        if offset_ms == 0 and round_number > 0:
            round_number, offset_ms = round_number - 1, times[-1]
        return round_number * len(times) + bisect_left(times, offset_ms)

    def _leaves_slot_us(self, now_us: int, _size_bytes: int) -> int:
        slot_us = self.setup.slot_us
        return -(-now_us // slot_us) * slot_us

    def _delay_fixed(self, _lane: int) -> int:
        return self.setup.delay_us

    def _delay_uniform(self, lane: int) -> int:
        delay_us = self._uniform_low_us + (self._jitter_word(lane) * self._uniform_width_us >> 32)
        return delay_us if delay_us > 0 else 0

    def _delay_by_table(self, lane: int) -> int:
        table = self._table
        entry = table[self._jitter_word(lane) * len(table) >> 32]
        return max(0, self.setup.delay_us + self._jitter_of(entry))

    def _jitter_of(self, entry: int) -> int:
        return (entry * self.setup.jitter_us + _HALF_SCALE) // TABLE_SCALE

    def _jitter_word(self, lane: int) -> int:
        """A new uniform word, or the one before with the probability of the correlation.

        So the marginal law stays as it was, and the correlation over k datagrams is that number to the
        power of k; a smoothing filter, as in netem, would narrow the law.
        """
        if not self._hold_below:
            return self._words[lane + _JITTER]
        if self._held_word == _NONE_HELD or self._words[lane + _HOLD] >= self._hold_below:
            self._held_word = self._words[lane + _JITTER]
        return self._held_word

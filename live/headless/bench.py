"""`./dev bench live`: headless peers in one process beside bare aiortc channels, in the same run.

Both sides have the same number of endpoints, and each sends one datagram of about the same size per frame.
What counts is what arrives within a span in which everybody plays, and how many of all datagrams since the
channels opened are missing when, after the span, nothing more is sent and everything under way has arrived.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from aiortc import RTCDataChannel, RTCPeerConnection
from rich.console import Console
from rich.table import Table

from live.headless.host import HeadlessHost, measure_game
from live.sources import build_id
from rollback_core.peer import Peer

ENDPOINTS: Final = 40
SECONDS: Final = 10.0
RATE_HZ: Final = 60
PAYLOAD: Final = bytes(30)  # what two players' peers send each other in a frame, on average
STAGGER_S: Final = 0.007
SETTLE_S: Final = 2.0  # after the last has begun: connections' own start is not measured
DRAIN_S: Final = 0.3  # for what is under way
SCENARIO: Final = """
summary = "The benchmark of headless peers"
[game]
id = "counter-v1"
max_steps = {frames}
[session]
frame_rate_hz = 60
[[player]]
bot = "random"
[[player]]
bot = "random"
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What all endpoints together had sent and received, and the process had used, at one moment."""

    sent: int
    received: int
    at_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Span:
    """What happened between two counts. `late` is the share of wakes that came late, if anybody counted."""

    sent_per_s: float
    received_per_s: float
    missing: int
    cpu_share: float
    late: float | None = None


def span_of(before: Counts, after: Counts, drained: Counts, late: float | None = None) -> Span:
    seconds = after.at_s - before.at_s
    return Span(
        sent_per_s=(after.sent - before.sent) / seconds,
        received_per_s=(after.received - before.received) / seconds,
        missing=drained.sent - drained.received,
        cpu_share=(after.cpu_s - before.cpu_s) / seconds,
        late=late,
    )


# Bare channels.


class _Echo:
    """One end of a bare channel: counts, and sends at the frame rate."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        self.sent = self.received = 0
        channel.on("message", self._count)

    def _count(self, _: object) -> None:
        self.received += 1

    async def send_for_ever(self, first_s: float) -> None:
        loop = asyncio.get_running_loop()
        due_s = first_s
        while True:
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            self.channel.send(PAYLOAD)
            self.sent += 1
            due_s += 1 / RATE_HZ


async def _joined() -> tuple[list[RTCPeerConnection], list[_Echo]]:
    """Two connected ends."""
    left, right = RTCPeerConnection(), RTCPeerConnection()
    mine = left.createDataChannel("bare", ordered=False, maxRetransmits=0)
    theirs: asyncio.Future[RTCDataChannel] = asyncio.get_running_loop().create_future()
    is_open = asyncio.Event()
    mine.on("open", is_open.set)
    right.on("datachannel", theirs.set_result)
    await left.setLocalDescription(await left.createOffer())
    await right.setRemoteDescription(left.localDescription)
    await right.setLocalDescription(await right.createAnswer())
    await left.setRemoteDescription(right.localDescription)
    await is_open.wait()
    return [left, right], [_Echo(mine), _Echo(await theirs)]


async def bare(endpoints: int, seconds: float) -> Span:
    connections: list[RTCPeerConnection] = []
    ends: list[_Echo] = []
    for _ in range(endpoints // 2):
        joined, both = await _joined()
        connections += joined
        ends += both
    start_s = asyncio.get_running_loop().time()
    senders = [
        asyncio.create_task(end.send_for_ever(start_s + number * STAGGER_S))
        for number, end in enumerate(ends)
    ]

    def count() -> Counts:
        sent, received = sum(end.sent for end in ends), sum(end.received for end in ends)
        return Counts(sent, received, time.monotonic(), time.process_time())

    try:
        await asyncio.sleep(SETTLE_S)
        before = count()
        await asyncio.sleep(seconds)
        after = count()
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        await asyncio.sleep(DRAIN_S)
        return span_of(before, after, count())
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


# Peers that play.


def _act(peer: Peer) -> Sequence[int]:
    """Something else every few frames, as people do."""
    frame = peer.session.input_end
    return [(frame // 12 * 7 + player) % 4 for player in peer.session.local_players]


async def playing(url: str, endpoints: int, seconds: float) -> Span:
    build = build_id()
    cost_us = measure_game("counter-v1", {})
    hosts = [
        HeadlessHost(url, number + 1, build, _act, measure=lambda *_: cost_us) for number in range(endpoints)
    ]

    async def come(number: int) -> None:
        await asyncio.sleep(number * STAGGER_S)
        await hosts[number].run()

    def peers() -> list[Peer]:
        return [host.participant.peer for host in hosts if host.participant.peer is not None]

    def count() -> Counts:
        connections = [connection for host in hosts for connection in host.connections.all]
        sent, received = sum(each.sent for each in connections), sum(each.received for each in connections)
        return Counts(sent, received, time.monotonic(), time.process_time())

    async with asyncio.TaskGroup() as group:
        for number in range(endpoints):
            group.create_task(come(number))
        while len(peers()) < endpoints or not all(peer.session.current_frame > RATE_HZ for peer in peers()):
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE_S)
        before, wakes, late = count(), sum(h.lag.wakes for h in hosts), sum(h.lag.late for h in hosts)
        await asyncio.sleep(seconds)
        after = count()
        share = (sum(h.lag.late for h in hosts) - late) / (sum(h.lag.wakes for h in hosts) - wakes)
        for host in hosts:
            for connection in host.connections.all:
                connection.mute()
        await asyncio.sleep(DRAIN_S)
        drained = count()
        for host in hosts:
            host.leave("measured")
    return span_of(before, after, drained, share)


async def play_apart(endpoints: int, seconds: float) -> Span:
    """Against a server in a process of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "bench.toml"
        file.write_text(SCENARIO.format(frames=int((seconds + 60) * RATE_HZ)))
        command = ("-m", "sametick", "serve", "--scenario", str(file), "--port", "0", "--data", str(folder))
        server = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE
        )
        try:
            return await playing(await _address_of(server), endpoints, seconds)
        finally:
            server.terminate()
            await server.communicate()


async def _address_of(server: asyncio.subprocess.Process) -> str:
    assert server.stdout is not None
    async for line in server.stdout:
        for word in line.decode().split():
            if word.startswith("http://"):
                return word
    raise ConnectionError("the server did not start")


def main(arguments: list[str] | None = None) -> int:
    """Measure in turn, print the table; always 0, as times are shown and never gated."""
    parser = argparse.ArgumentParser(prog="./dev bench live", description=__doc__)
    parser.add_argument("--endpoints", type=int, default=ENDPOINTS, help=f"even (default {ENDPOINTS})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each span (default {SECONDS:g})")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved (default 3)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    bares: list[Span] = []
    plays: list[Span] = []
    with Console(stderr=True).status("measuring …"):
        for _ in range(options.rounds):
            bares.append(asyncio.run(bare(options.endpoints, options.seconds)))
            plays.append(asyncio.run(play_apart(options.endpoints, options.seconds)))
    table = Table(title=f"{options.endpoints} endpoints in one process, medians of {options.rounds} rounds")
    for title in ("", "sent/s", "received/s", "missing", "CPU", "late wakes"):
        table.add_column(title, justify="right" if title else "left")
    for title, spans in (("bare aiortc channels", bares), ("sametick's headless peers", plays)):
        table.add_row(
            title,
            f"{statistics.median(span.sent_per_s for span in spans):,.0f}",
            f"{statistics.median(span.received_per_s for span in spans):,.0f}",
            f"{max(span.missing for span in spans):,}",
            f"{statistics.median(span.cpu_share for span in spans):.0%}",
            "–" if spans[0].late is None else f"{statistics.median(s.late or 0 for s in spans):.1%}",
        )
    console.print(table)
    ratio = statistics.median(
        play.received_per_s / bare.received_per_s for play, bare in zip(plays, bares, strict=True)
    )
    console.print(f"of what bare channels deliver: {ratio:.1%} (aim: at least 90 %)")
    console.print(f"lost: {sum(span.missing for span in plays)} datagrams (aim: none)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

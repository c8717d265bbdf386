"""The relay over real sockets: its counters are what the ends saw, and a wrong setting is noticed."""

import asyncio
import dataclasses
import socket
from collections.abc import Callable

import pytest

from live.impairment.check import mismatches
from live.impairment.relay import ARMING_RECORDS, Impairment, ImpairmentRelay
from scenarios.scenario import Event, LinkSetup, NetworkSetup, PathSetup

LOOPBACK = "127.0.0.1"
COUNT = 400
DEADLINE_S = 30
INTERVAL_S = 0.002
DATA_RECORD = bytes([23]) + bytes(40)


def network(there: LinkSetup, back: LinkSetup | None = None) -> NetworkSetup:
    links = {(0, 1): there, (1, 0): back or LinkSetup()}
    return NetworkSetup(
        paths=tuple(PathSetup(source=a, target=b, link=link) for (a, b), link in links.items())
    )


class End:
    """A peer's socket; it keeps what comes and from where."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((LOOPBACK, 0))
        self.heard: list[tuple[bytes, tuple[str, int]]] = []
        self.on_heard: Callable[[], None] = lambda: None
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def _read(self) -> None:
        data, source = self.socket.recvfrom(2000)
        self.heard.append((data, source))
        self.on_heard()

    def candidate(self) -> dict[str, object]:
        line = f"candidate:1 1 udp 1 {LOOPBACK} {self.socket.getsockname()[1]} typ host"
        return {"kind": "candidate", "attempt": 1, "candidate": {"candidate": line, "sdpMid": "0"}}

    async def wait_for(self, count: int) -> None:
        done = asyncio.Event()
        self.on_heard = lambda: done.set() if len(self.heard) >= count else None
        self.on_heard()
        await asyncio.wait_for(done.wait(), DEADLINE_S)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


class Bench:
    """Two ends and the relay between them."""

    def __init__(self, impairment: Impairment) -> None:
        self.relay = ImpairmentRelay(impairment)
        self.ends = (End(), End())
        self.to_one = self._front(0, 1)  # where end 1 finds end 0
        self.to_zero = self._front(1, 0)

    def _front(self, owner: int, viewer: int) -> tuple[str, int]:
        body = self.relay.rewrite("m", owner, viewer, self.ends[owner].candidate())
        fields = body["candidate"]["candidate"].split(" ")
        return fields[4], int(fields[5])

    async def arm(self) -> None:
        """Data records both ways, answers going back to where they came from."""
        left, right = self.ends
        for _ in range(ARMING_RECORDS):
            left.socket.sendto(DATA_RECORD, self.to_zero)
        await right.wait_for(ARMING_RECORDS)
        for _, source in list(right.heard):
            right.socket.sendto(DATA_RECORD, source)
        await left.wait_for(ARMING_RECORDS)
        left.heard.clear()
        right.heard.clear()

    async def send(self, sender: int, count: int) -> None:
        """Numbered datagrams at equal times."""
        loop = asyncio.get_running_loop()
        target = (self.to_zero, self.to_one)[sender]
        done = loop.create_future()

        def send_next(number: int) -> None:
            self.ends[sender].socket.sendto(number.to_bytes(4, "big"), target)
            if number + 1 == count:
                done.set_result(None)
            else:
                loop.call_later(INTERVAL_S, send_next, number + 1)

        send_next(0)
        await asyncio.wait_for(done, DEADLINE_S)

    async def settle(self) -> None:
        """Until nothing is under way any more."""
        async with asyncio.timeout(DEADLINE_S):
            while any(record.settled < len(record.sent_us) for record in self.relay.records("m").values()):
                turn = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_later(0.01, turn.set_result, None)
                await turn

    def close(self) -> None:
        self.relay.close()
        for end in self.ends:
            end.close()


LOSSY = LinkSetup(loss="bernoulli", loss_ppm=150_000)


async def played(impairment: Impairment) -> Bench:
    bench = Bench(impairment)
    await bench.arm()
    await bench.send(0, COUNT)
    await bench.send(1, COUNT)
    await bench.settle()
    bench.close()
    return bench


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize(
    "link",
    [
        LinkSetup(delay_us=20_000),
        LinkSetup(delay_us=30_000, jitter="uniform", jitter_us=20_000),
        LOSSY,
        LinkSetup(loss="gilbert-elliott", ge_good_to_bad_ppm=30_000, ge_bad_to_good_ppm=300_000),
        LinkSetup(duplicate_ppm=100_000, delay_us=5_000),
        LinkSetup(rate_bps=200_000, delay_us=5_000),
    ],
    ids=["delay", "jitter", "loss", "bursts", "duplicates", "rate"],
)
async def test_counters_say_what_the_ends_saw_and_match_the_settings(link: LinkSetup) -> None:
    bench = await played(Impairment(network=network(link), seed=3))
    there, back = bench.relay.records("m")[0, 1], bench.relay.records("m")[1, 0]
    table = there.table(0, 1)
    assert table["sent"] == COUNT
    assert table["delivered"] == len(bench.ends[1].heard)
    numbers = [int.from_bytes(data, "big") for data, _ in bench.ends[1].heard]
    assert table["lost"] == COUNT - len(set(numbers))
    assert table["duplicated"] == len(numbers) - len(set(numbers))
    highest = [max(numbers[: at + 1]) for at in range(len(numbers))]
    assert table["reordered"] == sum(number < high for number, high in zip(numbers, highest, strict=True))
    assert back.table(1, 0)["lost"] == 0
    assert bench.relay.problems("m") == []
    # Nothing that the link does is too small to be seen, or this test shows nothing.
    wrong = network(LinkSetup())
    assert mismatches(wrong, (), 3, bench.relay.records("m"))


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_relay_with_another_setting_is_found_out() -> None:
    bench = await played(Impairment(network=network(LOSSY), seed=3))
    records = bench.relay.records("m")
    assert mismatches(network(LOSSY), (), 99, records) == []
    half = dataclasses.replace(LOSSY, loss_ppm=50_000)
    assert any("lost" in text for text in mismatches(network(half), (), 3, records))
    turned = network(LinkSetup(), LOSSY)
    assert {text[:4] for text in mismatches(turned, (), 3, records)} == {"0->1", "1->0"}


@pytest.mark.asyncio
async def test_before_arming_all_passes_and_is_not_counted() -> None:
    bench = Bench(Impairment(network=network(LinkSetup(up=False), LinkSetup(up=False))))
    for _ in range(3):
        bench.ends[0].socket.sendto(b"stun", bench.to_zero)
    await bench.ends[1].wait_for(3)
    assert not bench.relay.is_armed("m")
    assert bench.relay.problems("m")
    assert bench.relay.records("m")[0, 1].sent_us == []
    bench.close()


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_blackout_counts_from_the_arming_and_ends() -> None:
    blackout = Event(at_us=200_000, kind="blackout", for_us=300_000, paths=("0->1",))
    bench = await played(Impairment(network=network(LinkSetup()), events=(blackout,)))
    record = bench.relay.records("m")[0, 1]
    lost = [at for at, fate in zip(record.sent_us, record.fates(), strict=True) if not fate]
    assert lost
    assert lost == [at for at in record.sent_us if 200_000 <= at < 500_000]
    assert bench.relay.problems("m") == []
    assert mismatches(network(LinkSetup()), (), 1, bench.relay.records("m"))


@pytest.mark.asyncio
async def test_no_end_learns_the_others_address() -> None:
    bench = Bench(Impairment(network=network(LinkSetup())))
    await bench.arm()
    bench.ends[0].socket.sendto(b"x", bench.to_zero)
    await bench.ends[1].wait_for(1)
    ports = {end.socket.getsockname()[1] for end in bench.ends}
    assert bench.ends[1].heard[0][1][1] not in ports
    assert bench.to_one[1] not in ports
    bench.close()


@pytest.mark.asyncio
async def test_set_up_is_impaired_where_it_is_asked_for() -> None:
    bench = Bench(Impairment(network=network(LinkSetup(up=False)), is_armed_at_once=True))
    bench.ends[0].socket.sendto(b"lost", bench.to_zero)
    bench.ends[1].socket.sendto(b"here", bench.to_one)
    await bench.ends[0].wait_for(1)
    assert bench.ends[1].heard == []
    bench.close()

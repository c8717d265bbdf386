"""What was acknowledged is there after the process was killed, and stands there once."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from live.server.store import CHUNKS, open_store

KILLS = 6
MATCH = "m"

# Stores chunk after chunk for ever, several at a time, and says which are durable.
WRITER = """
import asyncio, sys
from pathlib import Path
from live.server.store import CHUNKS, open_store

async def main():
    store = await open_store(Path(sys.argv[1]))
    async def write(serial):
        await store.add(CHUNKS, match_id="m", peer=0, name="frames", serial=serial, data=f"data {serial}")
        print(serial, flush=True)
    serial = int(sys.argv[2])
    while True:
        await asyncio.gather(*(write(serial + more) for more in range(40)))
        serial += 40

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.asyncio
async def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    for number in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(tmp_path), str(10_000 * number), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(50 + 37 * number):  # killed at another place each time
            acknowledged.add(int(await asyncio.wait_for(process.stdout.readline(), 30)))
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = await process.communicate()
        acknowledged.update(int(line) for line in rest.splitlines() if line.isdigit())
    store = await open_store(tmp_path)
    for start in range(0, 10_000 * KILLS, 10_000):
        run = [serial for serial in acknowledged if start <= serial < start + 10_000]
        assert len(run) >= 50
        await check(store, run)
    await store.close()


async def check(store, serials):  # type: ignore[no-untyped-def]
    from sqlalchemy import select

    async with store._engine.connect() as connection:
        query = select(CHUNKS.c.serial, CHUNKS.c.data).where(CHUNKS.c.serial.in_(serials))
        rows = (await connection.execute(query)).all()
    found = {row.serial: row.data for row in rows}
    assert found == {serial: f"data {serial}" for serial in serials}


@pytest.mark.asyncio
async def test_a_chunk_is_stored_once_and_the_first_one_stays(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    key = {"match_id": MATCH, "peer": 0, "name": "frames"}
    await asyncio.gather(
        *(store.add(CHUNKS, **key, serial=serial, data=str(serial)) for serial in (2, 0, 1, 0))
    )
    await store.add(CHUNKS, **key, serial=1, data="another")
    assert await store.chunks(MATCH, 0, "frames") == ["0", "1", "2"]
    await store.close()
    store = await open_store(tmp_path)
    assert await store.chunks(MATCH, 0, "frames") == ["0", "1", "2"]
    await store.close()


@pytest.mark.asyncio
async def test_a_gap_ends_what_is_given_out(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    for serial in (0, 1, 3):
        await store.add(CHUNKS, match_id=MATCH, peer=1, name="log", serial=serial, data=str(serial))
    assert await store.chunks(MATCH, 1, "log") == ["0", "1"]
    assert await store.chunks(MATCH, 0, "log") == []
    await store.close()


@pytest.mark.asyncio
async def test_a_write_that_fails_is_told_and_the_next_one_works(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    with pytest.raises(Exception, match="NOT NULL"):
        await store.add(CHUNKS, match_id=MATCH, peer=0, name="frames", serial=0, data=None)
    await store.add(CHUNKS, match_id=MATCH, peer=0, name="frames", serial=0, data="x")
    assert await store.chunks(MATCH, 0, "frames") == ["x"]
    await store.close()

"""A real coturn on loopback, with time-limited credentials, ended by its pid.

`async with turn_server(folder) as turn:` gives its address and the secret that credentials are made from.
"""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

START_S = 20
RELAY_PORTS = 100  # one per allocation; the largest test makes a handful
READY = "Total General servers"  # logged once it has every listener
ALLOCATED = "ALLOCATE processed, success"
REALM = "sametick.test"


@dataclass(frozen=True, slots=True)
class TurnServer:
    """Where it listens, the shared secret, and what it has logged."""

    url: str
    secret: str
    lines: list[str]

    @property
    def allocations(self) -> int:
        """Relay addresses given out so far."""
        return sum(ALLOCATED in line for line in self.lines)


@contextlib.asynccontextmanager
async def turn_server(folder: Path) -> AsyncIterator[TurnServer]:
    """A coturn whose files are all in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    secret = secrets.token_hex(16)
    low = 20_000 + secrets.randbelow(100) * RELAY_PORTS  # below the ports that systems give out
    config = folder / "turn.conf"
    # No TCP: coturn wants a TCP port of the same number, and while somebody's connection has that, it tries
    # again for ever and hears nothing on UDP.
    # One thread: while several start, one may ask a client for its credentials and another be given them.
    # It refuses them ("wrong nonce"), and aioice does not try a third time.
    config.write_text(
        f"listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\n"
        f"min-port={low}\nmax-port={low + RELAY_PORTS - 1}\n"
        f"relay-threads=1\nfingerprint\nuse-auth-secret\nstatic-auth-secret={secret}\nrealm={REALM}\n"
        "allow-loopback-peers\nno-cli\nno-tcp\nno-tls\nno-dtls\nverbose\nsimple-log\n"
        f"log-file=stdout\npidfile={folder / 'turn.pid'}\nuserdb={folder / 'turn.db'}\n"
    )
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        "-c",
        str(config),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    is_ready = asyncio.Event()
    turn = TurnServer(f"turn:127.0.0.1:{port}?transport=udp", secret, [])
    reader = asyncio.create_task(_read(process, turn.lines, is_ready))
    try:
        await asyncio.wait_for(is_ready.wait(), START_S)
        if process.returncode is not None:
            raise RuntimeError("turnserver ended: " + "\n".join(turn.lines[-5:]))
        yield turn
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reader
        print(*turn.lines, sep="\n")  # pytest shows it where a test fails


async def _read(process: asyncio.subprocess.Process, lines: list[str], is_ready: asyncio.Event) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(line.decode(errors="replace").rstrip())
        if READY in lines[-1]:
            is_ready.set()
    is_ready.set()  # it has ended: whoever waits must not wait for the deadline


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

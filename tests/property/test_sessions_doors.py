"""The doors of a session: misuse changes nothing, nothing is drawn from outside, same calls same bytes."""

import json
import os
import random
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path as File
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh import Mesh, Path, acting, new_match, shared, straight_play, terms_for
from mesh_plans import NETWORKS, Network
from session_trace import digest, traces
from state_digest import describe, state_digest

from rollback_core.commands import Leave, SetDelay, TransportChanged
from rollback_core.config import PeerConfig
from rollback_core.errors import UsageError
from rollback_core.events import Ended, EndReason
from rollback_core.life import State
from rollback_core.session import Session
from rollback_core.timers import NEVER

ROOT = File(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "session-trace.json"


def running() -> Mesh:
    mesh = Mesh(terms_for(), path=Path(delay_us=30_000)).run(700_000)
    assert mesh.peers[0].session.state is State.RUNNING
    return mesh


MISUSES: dict[str, Any] = {
    "time back at tick": lambda session, now: session.tick(now - 1, (0,)),
    "time back at receive": lambda session, now: session.receive_datagram(1, b"", now - 1),
    "time back at timer": lambda session, now: session.handle_timer(now - 1),
    "time back at command": lambda session, now: session.command(SetDelay(1), now - 1),
    "no such peer": lambda session, now: session.receive_datagram(2, b"", now + 5),
    "oneself": lambda session, now: session.receive_datagram(0, b"", now + 5),
    "too few actions": lambda session, now: session.tick(now + 5, ()),
    "too many actions": lambda session, now: session.tick(now + 5, (0, 0)),
    "no such action": lambda session, now: session.tick(now + 5, (99,)),
    "an action that no byte holds": lambda session, now: session.tick(now + 5, (300,)),
    "a negative action": lambda session, now: session.tick(now + 5, (-1,)),
    "ready as an action": lambda session, now: session.tick(now + 5, (4,)),
    "negative frames": lambda session, now: session.tick(now + 5, (0,), -1),
    "delay too long": lambda session, now: session.command(SetDelay(13), now + 5),
    "delay negative": lambda session, now: session.command(SetDelay(-1), now + 5),
    "transport to nobody": lambda session, now: session.command(TransportChanged(7), now + 5),
}


@pytest.mark.parametrize("misuse", sorted(MISUSES))
def test_misuse_raises_at_once_and_changes_nothing(misuse: str) -> None:
    mesh = running()
    session = mesh.peers[0].session
    before = describe(session)
    with pytest.raises(UsageError):
        MISUSES[misuse](session, session._now_us)
    assert describe(session) == before
    mesh.run()
    expected = straight_play(mesh.terms, (2, 2), mesh.act)
    assert shared(mesh.history(0)) == shared(mesh.history(1)) == expected


def test_getters_and_draining_twice_change_nothing() -> None:
    session = running().peers[0].session
    now = session._now_us
    session.drain_events()
    session.datagrams_to_send(now)
    before = state_digest(session)
    assert session.drain_events() == []
    assert session.datagrams_to_send(now) == []
    for name in ("current_frame", "confirmed_frame", "committed_frame", "input_end", "is_paused", "epoch"):
        getattr(session, name)
    session.next_timer_us()
    session.frame_advantage(now)
    assert state_digest(session) == before


def test_early_timers_are_harmless() -> None:
    session = running().peers[0].session
    before = state_digest(session)
    session.handle_timer(session._now_us)
    assert state_digest(session) == before


def test_a_closed_session_stays_closed_and_silent() -> None:
    mesh = running()
    sent = [(source, data) for _, source, target, data in mesh.trace if target == 0]
    mesh.run()
    session = mesh.peers[0].session
    assert session.state is State.CLOSED
    session.datagrams_to_send(session._now_us)
    before = state_digest(session)
    now = session._now_us
    for source, data in sent:
        session.receive_datagram(source, data, now)
    session.handle_timer(now)
    session.tick(now, (0,))
    session.command(Leave(), now)
    assert session.next_timer_us() == NEVER
    assert session.datagrams_to_send(now) == []
    assert session.drain_events() == []
    assert state_digest(session) == before


@pytest.mark.parametrize(
    ("fields", "config"),
    [
        ({"seed": 9}, {}),
        ({"episodes": 2}, {}),
        ({"action_count": 9}, {}),
        ({"seats": (0, 1, 2)}, {}),
        ({}, {"peer": 2}),
        ({}, {"input_delay_frames": 13}),
    ],
)
def test_a_session_that_cannot_be_is_refused(fields: dict[str, Any], config: dict[str, Any]) -> None:
    game = new_match(terms_for())
    with pytest.raises(UsageError):
        Session(terms_for(**fields), PeerConfig(**{"peer": 0, **config}), game, 0)


def refuse(*args: object, **kwargs: object) -> NoReturn:
    raise AssertionError("the core reached for the world outside")


def test_the_core_runs_without_clock_and_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Path(delay_us=30_000, jitter_us=20_000, loss_permille=100)
    meshes = [Mesh(terms_for(range(count)), path=bad) for count in (2, 3)]
    meshes[1].at(800_000, lambda: meshes[1].command(2, Leave()))
    with monkeypatch.context() as patch:
        for module, names in (
            (
                time,
                ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"),
            ),
            (
                random,
                ("random", "randrange", "randint", "getrandbits", "choice", "shuffle", "uniform", "seed"),
            ),
            (os, ("urandom", "getrandom")),
            (secrets, ("token_bytes", "randbits", "choice", "randbelow")),
        ):
            for name in names:
                patch.setattr(module, name, refuse)
        with pytest.raises(AssertionError):
            time.monotonic()
        for mesh in meshes:
            mesh.run()
    assert shared(meshes[0].history(0)) == straight_play(meshes[0].terms, (2, 2), meshes[0].act)
    assert [mesh.kinds(0, Ended)[0].reason for mesh in meshes] == [EndReason.COMPLETED] * 2


@given(NETWORKS, st.integers(2, 4), st.integers(0, 1_000))
def test_the_same_calls_give_the_same_bytes(network: Network, peers: int, seed: int) -> None:
    first, second = (
        Mesh(terms_for(range(peers), max_steps=40), path=network, act=acting(seed)).run() for _ in range(2)
    )
    assert first.trace == second.trace
    assert first.events == second.events
    assert [state_digest(peer.session) for peer in first.peers] == [
        state_digest(peer.session) for peer in second.peers
    ]


@given(NETWORKS, NETWORKS, st.lists(st.booleans(), min_size=1, max_size=50))
def test_sessions_in_one_process_share_nothing(one: Network, other: Network, turns: list[bool]) -> None:
    def meshes() -> tuple[Mesh, Mesh]:
        return (
            Mesh(terms_for(episodes=2, max_steps=30), path=one, act=acting(1)),
            Mesh(terms_for((0, 1, 2), max_steps=40, seed=99), path=other, act=acting(2)),
        )

    apart = [digest(mesh.run()) for mesh in meshes()]
    left, right = meshes()
    step = 0
    while not (left.is_over and right.is_over):
        mesh = left if turns[step % len(turns)] else right
        if mesh.is_over:
            mesh = right if mesh is left else left
        assert mesh.step()
        step += 1
    assert [digest(left), digest(right)] == apart


def test_traces_are_the_golden_ones() -> None:
    """After a change of behaviour or of the wire format that is meant, session_trace.py prints new ones."""
    assert traces() == json.loads(GOLDEN.read_text())


def pythons() -> list[str]:
    """This Python, and every other of 3.11 to 3.14 that runs here."""
    found = [sys.executable]
    for minor in range(11, 15):
        name = f"python3.{minor}"
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            found.append(path)
        found += map(str, sorted(File.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}")))
    return found


def answer(python: str, hash_seed: str) -> Any:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    result = subprocess.run(
        [python, "-S", "-W", "error", str(ROOT / "tests" / "support" / "session_trace.py")],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_traces_are_the_same_in_other_processes_with_other_hash_seeds() -> None:
    for hash_seed in ("0", "1", "4242"):
        assert answer(sys.executable, hash_seed) == json.loads(GOLDEN.read_text())


def test_traces_are_the_same_on_every_python_at_hand() -> None:
    for python in pythons():
        assert answer(python, "0") == json.loads(GOLDEN.read_text()), python

"""Running a scenario: worlds made, oracles put to them, tables and verdicts out."""

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from netsim.build import build_id
from netsim.host import Host
from netsim.metrics import MetricsWatch, PathSeries, exercised
from netsim.oracle import Oracle
from netsim.randomness import generator
from netsim.shared_data import SessionData, collect, verdict_of_data
from netsim.trace import TraceWatch
from netsim.verdict import holds, sentence, tested_expectations
from netsim.watch import OracleWatch
from netsim.watched_game import WatchedEpisodes
from netsim.world import World, build_world
from rollback_core import __version__
from rollback_core.episodes import Episodes
from rollback_core.metrics import SAMPLE_US
from scenarios.scenario import Event, Scenario, text_hash, to_json

RESULT_FORMAT = 1  # of result.json


@dataclass(slots=True)
class RunResult:
    """`table` is result.json; `data` are the peers' tables; `more` the further sessions, if any."""

    table: dict[str, Any]
    data: SessionData
    trace: dict[str, Any] | None = None
    more: list["RunResult"] = field(default_factory=list)
    seen: tuple[bytes, ...] = ()  # datagrams that an attacker, if there was one, may send again

    @property
    def ok(self) -> bool:
        return bool(self.table["verdict"]["ok"])

    def name_command(self, command: str) -> None:
        """All sessions of a scenario are repeated by one command, that of the scenario."""
        for each in (self, *self.more):
            each.table["command"] = command
            for oracle in each.table["oracles"]:
                if oracle["violation"] is not None:
                    oracle["violation"]["command"] = command


def run_scenario(
    scenario: Scenario,
    *,
    oracles: bool = True,
    record_trace: bool = False,
    build: str | None = None,
    stop_early: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> RunResult:
    """Run every session of the scenario. The first one's table speaks for all: it fails if any fails.

    `build` stands in for the build id: it goes into every session tag, so that a trace hash is one
    of the behaviour alone, and the same for sources that only read differently. With `stop_early` a run
    ends soon after a law was broken: who only asks whether need not see what comes of it.
    """
    results: list[RunResult] = []
    seen: tuple[bytes, ...] = ()
    for number in range(scenario.sessions):
        one = dataclasses.replace(scenario, seed=session_seed(scenario.seed, number), sessions=1)
        result = _run_session(one, oracles, record_trace, build or build_id(), stop_early, on_progress, seen)
        results.append(result)
        seen = result.seen
    first = results[0]
    first.more = results[1:]
    for number, other in enumerate(first.more, 1):
        if not other.ok:
            first.table["verdict"] = {
                "ok": False,
                "sentence": f"Session {number}: {other.table['verdict']['sentence']}",
            }
            break
    first.name_command(f"sametick sim {scenario.name} --seed {scenario.seed}")
    first.table["sessions"] = [
        {"seed": result.table["seed"], "ok": result.ok, "trace_hash": result.table["trace_hash"]}
        for result in results
    ]
    return first


def session_seed(seed: int, number: int) -> int:
    """The seed of one of several independent sessions; the first has the scenario's own."""
    return seed if number == 0 else generator(seed, "session", number).getrandbits(31)


def _run_session(
    scenario: Scenario,
    with_oracles: bool,
    record_trace: bool,
    build: str,
    stop_early: bool,
    on_progress: Callable[[float], None] | None,
    seen_before: tuple[bytes, ...],
) -> RunResult:
    begun = time.perf_counter()
    metrics = MetricsWatch()
    oracles = OracleWatch() if with_oracles else None
    trace = TraceWatch() if record_trace else None
    observers = tuple(watch for watch in (metrics, oracles, trace) if watch is not None)
    kind = WatchedEpisodes if with_oracles else Episodes
    world = build_world(scenario, build, observers, kind, seen_before)
    if oracles is not None:
        oracles.begin(world)
    if trace is not None:
        trace.watch(world.network)
    paths = [PathSeries(path) for path in world.network.paths.values()]
    play(world, paths, on_progress, oracles if stop_early else None)
    if oracles is not None and not (stop_early and oracles.violated):
        oracles.finish()
    data = collect(world)
    if oracles is not None:
        oracles.compare(data)
    table = _table(world, metrics, oracles, paths, data)
    table["wall_us"] = int((time.perf_counter() - begun) * 1_000_000)
    recorded = trace.table(scenario, world.env.now) if trace is not None else None
    return RunResult(table, data, recorded, seen=world.faults.seen)


def play(
    world: World,
    paths: list[PathSeries] | None = None,
    on_progress: Callable[[float], None] | None = None,
    stop_at: OracleWatch | None = None,
) -> None:
    """Run the world until nobody has anything left to do, or its limit, or one of these laws is broken."""
    env = world.env
    total = max(1, world.scenario.game.episodes * world.scenario.game.max_steps)
    while not world.is_over and env.now < world.limit_us:
        env.run(until=env.now + SAMPLE_US)
        for series in paths or ():
            series.sample(env.now)
        if stop_at is not None and stop_at.violated:
            return
        if on_progress is not None:
            done = max(host.peer.session.current_frame for host in world.hosts)
            on_progress(min(1.0, done / total))


def _table(
    world: World,
    metrics: MetricsWatch,
    oracles: OracleWatch | None,
    paths: list[PathSeries],
    data: SessionData,
) -> dict[str, Any]:
    scenario = world.scenario
    minimum = oracles.rollbacks.minimum if oracles is not None else None
    worst = oracles.responsiveness.worst_frames if oracles is not None else {}
    peers = []
    for host in world.hosts:
        index = host.index
        watched = metrics.of(index)
        speculative = sum(1 for frame in data.frames[index] if frame.speculative_mask)
        least = minimum.get(index, 0) if minimum is not None else None
        peers.append(
            {
                "peer": index,
                "players": list(world.terms.players_at(index)),
                "end": _end(host),
                "crashed": host.is_gone,
                "invalid_from": _invalid_from(host),
                "metrics": metrics.table(host, least, worst.get(index), speculative),
                "depth_histogram": watched.depth_histogram,
                "series": watched.series,
            }
        )
    found: list[Oracle] = oracles.oracles if oracles is not None else []
    verdicts, data_table = verdict_of_data(world, data)
    text = to_json(scenario)
    table: dict[str, Any] = {
        "format": RESULT_FORMAT,
        "kind": "sim",
        "scenario": json.loads(text),
        "scenario_hash": text_hash(text),
        "seed": scenario.seed,
        "build_id": world.terms.build_id,
        "versions": {"sametick": __version__, "python": platform.python_version()},
        "command": "",  # `name_command` knows it once all sessions are played
        "simulated_us": world.env.now,
        "data": data_table,
        "peers": peers,
        "paths": [series.table() for series in paths],
        "events": [_event(event) for event in scenario.events],
        "oracles": [oracle.as_table() for oracle in found] + verdicts,
        "exercised": exercised(metrics.peers.values(), world.hosts, world.faults.exercised),
    }
    table["expectations"] = tested_expectations(scenario, table)
    table["trace_hash"] = _trace_hash(world, data)
    table["verdict"] = {"ok": holds(table), "sentence": sentence(table)}
    return table


def _end(host: Host) -> dict[str, Any]:
    session = host.peer.session
    ended = session.ended
    if ended is None or host.is_gone:
        reason = "crashed" if host.is_gone else "never-ended"
        return {"reason": reason, "frame": session.committed_frame, "peer": None, "detail": ""}
    return {"reason": ended.reason.value, "frame": ended.frame, "peer": ended.peer, "detail": ended.detail}


def _invalid_from(host: Host) -> dict[str, Any] | None:
    """From which frame this peer's own data are labelled invalid, and why; None: from none."""
    invalid = host.peer.recorder.invalid_from
    return None if invalid is None else {"frame": invalid[0], "reason": invalid[1]}


def _event(event: Event) -> dict[str, Any]:
    where = ", ".join([*event.paths, *(f"peer {peer}" for peer in event.peers)])
    return {
        "at_us": event.at_us,
        "for_us": event.for_us,
        "kind": event.kind,
        "label": f"{event.kind} {where}".strip(),
        "peers": list(event.peers),
        "paths": list(event.paths),
    }


def _trace_hash(world: World, data: SessionData) -> str:
    """One hash of every datagram that arrived, every figure of the links and every committed row."""
    total = hashlib.sha256()
    total.update(b"%d %d" % (world.network.arrivals_crc, world.env.now))
    for pair, path in sorted(world.network.paths.items()):
        total.update(repr((pair, path.sent, path.delivered, path.lost, path.bytes)).encode())
    for host in world.hosts:
        session = host.peer.session
        total.update(repr((session.current_frame, session.match.rollbacks, session.ended)).encode())
    for text in data.shared_csv:
        total.update(text.encode())
    return total.hexdigest()

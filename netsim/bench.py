"""`./dev bench`: what a simulated second and a frame cost, as ratios within one run and exact counters.

Every figure is the median of interleaved rounds, so that a machine that slows down meanwhile slows
all of them. Times are CPU time. Targets are shown, never gated; counters are exact.
"""

import argparse
import dataclasses
import gc
import heapq
import itertools
import json
import platform
import statistics
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from netsim.build import build_id
from netsim.clock import Clock
from netsim.metrics import MetricsWatch
from netsim.run import play, run_scenario
from netsim.watch import OracleWatch
from netsim.watched_game import WatchedEpisodes
from netsim.world import build_world, make_match, match_terms, peer_config
from rollback_core.commands import Ready
from rollback_core.config import MatchTerms
from rollback_core.episodes import WAITING, Episodes
from rollback_core.life import State
from rollback_core.match import Match
from rollback_core.peer import Peer
from rollback_core.predictor import predictor
from scenarios.load import load_scenario
from scenarios.registry import create_game
from scenarios.scenario import Scenario

ROUNDS = 9
MESH_FRAMES = 3_000
MESH_LOOK = 60  # ticks between two looks at whether all is over
RESIM_DEPTH = 8
RESIM_REPEATS = 400
EVENTS = 60_000
PLAY_FROM_US = 1_000_000
CASES = 20
CASE_FRAMES = 150  # five seconds
MEMORY_SAMPLES = 240
MEMORY_STEP_US = 250_000
_CODE = (type, types.ModuleType, types.FunctionType, types.CodeType, types.BuiltinFunctionType)
SHORT_S, LONG_S = 60, 3_600


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: str
    target: str
    ok: bool | None  # None: shown only


def cpu_s(work: Callable[[], Any]) -> float:
    """CPU seconds of one call, garbage collected before and not during."""
    gc.collect()
    gc.disable()
    try:
        begun = time.process_time()
        work()
        return time.process_time() - begun
    finally:
        gc.enable()


def simulate(scenario: Scenario, *, oracles: bool) -> tuple[float, Any]:
    """CPU seconds of a run, and its world."""
    watch = OracleWatch() if oracles else None
    observers = (MetricsWatch(),) if watch is None else (MetricsWatch(), watch)
    world = build_world(scenario, build_id(), observers, WatchedEpisodes if oracles else Episodes)
    if watch is not None:
        watch.begin(world)
    return cpu_s(lambda: play(world)), world


def mesh(players: int) -> tuple[float, int]:
    """CPU seconds of the core alone on an ideal network, and peer-frames; the game is counter-v1."""
    scenario = _reference()
    params: dict[str, int | str | bool] = {"players": players}
    game = dataclasses.replace(scenario.game, params=params, max_steps=MESH_FRAMES)
    seats = tuple(dataclasses.replace(scenario.players[0], peer=peer) for peer in range(players))
    scenario = dataclasses.replace(scenario, game=game, players=seats)
    terms = match_terms(scenario, create_game("counter-v1", params).spec, "bench")
    peers = [Peer(terms, peer_config(scenario, i, 1), make_match(scenario), 0) for i in range(players)]
    return cpu_s(lambda: _run_mesh(peers, terms)), sum(peer.session.current_frame for peer in peers)


def _run_mesh(peers: list[Peer], terms: MatchTerms) -> None:
    inboxes: list[list[tuple[int, bytes]]] = [[] for _ in peers]
    now_us = 0
    period_us = terms.period_us
    look_us = MESH_LOOK * period_us
    while now_us % look_us or any(peer.session.state is not State.CLOSED for peer in peers):
        now_us += period_us
        for index, peer in enumerate(peers):
            inbox, inboxes[index] = inboxes[index], []
            for source, data in inbox:
                peer.receive_datagram(source, data, now_us)
            if peer.next_wake_us() <= now_us:
                session = peer.session
                if session.state is State.RUNNING and peer.game.phase == WAITING and not session.is_ready:
                    session.command(Ready(), now_us)
                peer.wake(now_us, ((now_us // 200_000 + index) & 3,))
            for target, data in peer.datagrams_to_send(now_us):
                inboxes[target].append((index, data))
            peer.drain_events()


def game_alone(players: int, frames: int) -> float:
    """CPU seconds of the game's own step and save for so many frames."""
    game = create_game("counter-v1", {"players": players})
    game.reset(1)
    actions = (1,) * players

    def work() -> None:
        step, save = game.step, game.save_state
        for _ in range(frames):
            step(actions)
            save()

    return cpu_s(work)


def resimulation() -> float:
    """CPU seconds per resimulated frame, the game's own step and save included."""
    scenario = _reference()
    match_game = make_match(scenario)
    match = Match(
        match_game,
        players=2,
        local=(0,),
        window=RESIM_DEPTH + 2,
        focus_timeout_frames=0,
        guesses=predictor("repeat-last", match_game.game),
    )
    ready = match_game.ready_action
    match.add_local((ready,), True, 0)
    match.add_remote(1, 0, [(1, ready, True)])
    match.update_confirmed()
    match.advance()
    for _ in range(RESIM_DEPTH):
        match.add_local((1,), True, 0)
        match.update_confirmed()
        match.advance()
    first = match.timeline.current - RESIM_DEPTH

    def work() -> None:
        for _ in range(RESIM_REPEATS):
            match.first_incorrect = first
            match.correct()

    return cpu_s(work) / (RESIM_REPEATS * RESIM_DEPTH)


def clock_against_heapq() -> float:
    """Rate of the simulator's calls, in SimPy's queue, as a share of a bare heapq loop's."""

    def by_clock() -> None:
        env = Clock()
        left = EVENTS

        def fire(_: None) -> None:
            nonlocal left
            left -= 1
            if left > 0:
                env.call_at(env.now + 16_667, fire, None)

        env.call_at(0, fire, None)
        env.run(until=16_667 * EVENTS + 1)

    def by_heapq() -> None:
        queue: list[tuple[int, int, Any]] = []
        serial = itertools.count()
        left = EVENTS

        def fire(now: int) -> None:
            nonlocal left
            left -= 1
            if left > 0:
                heapq.heappush(queue, (now + 16_667, next(serial), fire))

        heapq.heappush(queue, (0, next(serial), fire))
        while queue:
            now, _, call = heapq.heappop(queue)
            call(now)

    return cpu_s(by_heapq) / cpu_s(by_clock)


def third_party_share() -> float | None:
    """Share of a run's time that a third-party environment's own step, save and load take."""
    try:
        scenario = load_scenario("env-cogrid-overcooked")
        inner = create_game(scenario.game.id, scenario.game.params)
    except Exception:  # the extra `envs` is not installed
        return None
    del inner
    import cProfile
    import pstats

    world = build_world(scenario, build_id(), (MetricsWatch(),))
    profile = cProfile.Profile()
    profile.runcall(play, world)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = max(entry[3] for entry in stats.values())
    own = sum(
        entry[3]
        for (file, _, name), entry in stats.items()
        if file.endswith("adapters.py") and name in ("step", "save_state", "load_state")
    )
    return float(own / total)


def cases_a_minute() -> float:
    """Of the fuzzer's simplest: two peers, five seconds, every law, the tables and the verdict."""
    case = load_scenario("latency-100ms", overrides=(f"game.max_steps={CASE_FRAMES}",))
    return 60 * CASES / cpu_s(lambda: [run_scenario(case, build="bench") for _ in range(CASES)])


def session_bytes(seconds: int) -> int:
    """Peak bytes held by a pair of sessions around this moment of play, rows taken as they come."""
    scenario = _reference()
    game = dataclasses.replace(scenario.game, max_steps=seconds * 60 + 5_000)
    world = build_world(dataclasses.replace(scenario, game=game), build_id(), ())
    while world.env.now < seconds * 1_000_000:
        world.env.run(until=world.env.now + 1_000_000)
        _take_rows(world)
    sizes = []
    for _ in range(MEMORY_SAMPLES):
        # What is kept swings with the cycle of checksums and pruning: the peak is what matters.
        world.env.run(until=world.env.now + MEMORY_STEP_US)
        _take_rows(world)
        sizes.append(sum(_held_bytes(host.peer.session) for host in world.hosts))
    return max(sizes)


def _take_rows(world: Any) -> None:
    for host in world.hosts:
        host.peer.recorder.take_shared()
        host.peer.recorder.take_local()
    for path in world.network.paths.values():
        path.delays_us = []


def _held_bytes(root: Any) -> int:
    """Bytes of everything that can be reached from `root` and is data, not code."""
    seen = {id(root)}
    todo = [root]
    total = 0
    while todo:
        item = todo.pop()
        total += sys.getsizeof(item)
        for other in gc.get_referents(item):
            if id(other) not in seen and not isinstance(other, _CODE):
                seen.add(id(other))
                todo.append(other)
    return total


def _reference(game: str = "counter-v1") -> Scenario:
    overrides = () if game == "counter-v1" else (f"game.id={game}",)
    return load_scenario("reference", overrides=overrides)


def measure(rounds: int, with_memory: bool, move: Callable[[float], None]) -> list[Figure]:
    """All figures; `move` is told how far it is."""
    counter, slime = _reference(), _reference("slime-v1")
    samples: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        samples.setdefault(name, []).append(value)

    worlds = []
    for number in range(rounds):
        for name, scenario, oracles in (
            ("counter", counter, False),
            ("counter+oracles", counter, True),
            ("slime", slime, False),
        ):
            seconds, world = simulate(scenario, oracles=oracles)
            add(name, world.env.now / 1e6 / seconds)
            if not number and name == "counter":
                worlds.append(world)
        for players in (2, 8):
            seconds, frames = mesh(players)
            alone = game_alone(players, frames)
            add(f"core{players}", (seconds - alone) / frames * 1e6)
        add("resim", (resimulation() - game_alone(2, 20_000) / 20_000) * 1e6)
        add("clock", clock_against_heapq())
        add("cases", cases_a_minute())
        move((number + 1) / (rounds + 1))
    median = {name: statistics.median(values) for name, values in samples.items()}
    ratio = median["core8"] / 7 / median["core2"]
    figures = [
        _at_least("reference run, counter-v1, oracles off", median["counter"], 1_500, "× real time"),
        _at_least("reference run, counter-v1, oracles on", median["counter+oracles"], 500, "× real time"),
        _at_least("reference run, slime-v1, oracles off", median["slime"], 300, "× real time"),
        _at_most("core per peer-frame, 2 players, beyond the game", median["core2"], 4, "µs"),
        _at_most("core per link at 8 players against 2", ratio, 1.3, "×"),
        _at_most("core per resimulated frame, beyond the game", median["resim"], 0.3, "µs"),
        _at_least("fuzz cases of two peers, 5 s of counter-v1, all laws", median["cases"], 5_000, "a minute"),
        Figure(
            "the clock, in SimPy's queue, against a bare heapq loop", f"{median['clock']:.2f} ×", "", None
        ),
    ]
    figures += _counters(worlds[0])
    share = third_party_share()
    if share is not None:
        figures.append(_at_least("cogrid: share of time that is the environment's own", 100 * share, 95, "%"))
    if with_memory:
        ratio = session_bytes(LONG_S) / session_bytes(SHORT_S)
        figures.append(
            Figure(
                f"session memory after {LONG_S:,} s against {SHORT_S} s",
                f"{ratio:.4f} ×",
                "≤ 1.01 ×",
                ratio <= 1.01,
            )
        )
    return figures


def _counters(world: Any) -> list[Figure]:
    """Exact figures of one reference run with oracles."""
    watch = OracleWatch()
    again = build_world(world.scenario, build_id(), (watch,), WatchedEpisodes)
    watch.begin(again)
    again.env.run(until=PLAY_FROM_US)  # by then the handshake is over
    before = {pair: path.bytes for pair, path in again.network.paths.items()}
    play(again)
    resimulated = sum(host.peer.session.match.resimulated for host in again.hosts)
    minimum = sum(watch.rollbacks.minimum.values())
    seconds = (again.env.now - PLAY_FROM_US) / 1e6
    rates = [(path.bytes - before[pair]) / seconds for pair, path in again.network.paths.items()]
    return [
        Figure(
            "resimulated frames against the minimum",
            f"{resimulated:,} / {minimum:,} = {resimulated / minimum:.3f}",
            "= 1.000",
            resimulated == minimum,
        ),
        _at_most("payload per link", max(rates), 1_200, "B/s"),
    ]


def _at_least(name: str, value: float, target: float, unit: str) -> Figure:
    return Figure(
        name,
        f"{value:,.3g} {unit}" if value < 100 else f"{value:,.0f} {unit}",
        f"≥ {target:,} {unit}",
        value >= target,
    )


def _at_most(name: str, value: float, target: float, unit: str) -> Figure:
    return Figure(
        name,
        f"{value:,.3g} {unit}" if value < 100 else f"{value:,.0f} {unit}",
        f"≤ {target:,} {unit}",
        value <= target,
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table; always 0, as times are shown and never gated."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"interleaved rounds (default {ROUNDS})")
    parser.add_argument("--no-memory", action="store_true", help="leave out the hour-long memory run")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    options = parser.parse_args(arguments)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=1.0)
        figures = measure(
            options.rounds, not options.no_memory, lambda done: progress.update(task, completed=done)
        )
    if options.json:
        print(json.dumps([dataclasses.asdict(figure) for figure in figures], ensure_ascii=False, indent=1))
    elif options.markdown:
        print("| figure | measured | aim |\n|---|---|---|")
        for figure in figures:
            print(f"| {figure.name} | {figure.value} | {figure.target} |")
    else:
        table = Table(title=f"median of {options.rounds} rounds · Python {platform.python_version()}")
        for column in ("figure", "measured", "aim", ""):
            table.add_column(column)
        for figure in figures:
            mark = "" if figure.ok is None else "✓" if figure.ok else "not reached"
            table.add_row(figure.name, figure.value, figure.target, mark)
        Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Pairs of runs that must agree: what may change between them, and what must then stay the same.

A run whose inputs hang on seed, player and frame alone is told by them, the game and the input delay;
the network, the machines and the other settings decide when things come, never what they are. So no
expected value is needed: a scenario is played twice, once changed, and the rows are compared. This
sees what no law of one run can: data that are equal on all peers, true to their inputs, and other ones
than the same people would have made elsewhere.
Source of the idea: Chen, Cheung and Yiu, Metamorphic Testing, HKUST-CS98-01, 1998.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from netsim.randomness import generator
from netsim.renaming import renamed
from netsim.run import RunResult, run_scenario
from rollback_core.predictor import GAME, NEUTRAL, REPEAT_LAST
from rollback_core.recorder import first_row_difference
from scenarios.scenario import Event, GameSetup, HostSetup, LinkSetup, PathSetup, Scenario

Change = Callable[[Scenario], Scenario]
"""The second scenario of a pair; the first one itself where the relation says nothing about it."""

Compare = Callable[[RunResult, RunResult], str | None]
"""The first difference that must not be between the runs of a pair; None if there is none."""

PATIENCE_US: Final = 60_000_000  # to agree and to come back: longer than most trouble that ends
LINGER_US: Final = 5_000_000  # longer than any one blackout that is generated
LATE_SHARE: Final = 30  # percent of a frame: late, stopped meanwhile and late once more is still within it
LONGEST_FRAMES: Final = 300  # of an episode: nine points of slime or rounds of duel take longer
ENDLESS: Final[dict[str, dict[str, int | str | bool]]] = {"slime-v1": {"lives": 9}, "duel-v1": {"wins": 9}}
ON_THE_WAY: Final = ("blackout", "partition", "link", "relay", "hostile", "address-change")
LASTING: Final = ("link", "relay", "hostile")  # may stay for good: they leave everybody in reach
OTHER_LOSS_PPM: Final = 250_000  # far more than real paths lose, well within what redundancy repairs
STOP_EVERY_US: Final = 700_000  # a host stops four times in a generated match of average length,
STOP_WITHIN_US: Final = 600_000  # and never twice within a frame
WINDOWS: Final = (0, 1, 2, 4, 8, 20)
MAX_DELAY: Final = 6
MAX_OFFSET_BITS: Final = 40  # of microseconds: twelve days
TIME_SYNCS: Final = ("skip", "window", "speed", "none")
INTERVALS: Final = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Relation:
    """`change` makes the second scenario, its docstring is the law; `compare` holds the runs together."""

    change: Change
    compare: Compare


@dataclass(frozen=True, slots=True)
class Pair:
    """The two runs, and what is different that must not be; None if nothing is."""

    first: RunResult
    second: RunResult
    difference: str | None


def play_pair(scenario: Scenario, name: str) -> Pair | None:
    """Play the scenario, undisturbed, as it is and changed; None if the relation does not apply to it.

    It applies where `change` changes something and every peer completes both runs: what is cut from the
    data when a peer is lost hangs on when it was. Some are lost even so, as a stream on which
    losses come in bursts waits for longer and longer.
    """
    relation = RELATIONS[name]
    base = undisturbed(scenario)
    changed = relation.change(base)
    if changed == base:
        return None
    # The laws are not asked: what they say of each of the two is the fuzzer's business.
    first, second = (run_scenario(each, oracles=False, build="relation") for each in (base, changed))
    ends = {peer["end"]["reason"] for run in (first, second) for peer in run.table["peers"]}
    if ends != {"completed"}:
        return None
    return Pair(first, second, relation.compare(first, second))


def _chance(scenario: Scenario, purpose: str, below: int, index: int = 0) -> int:
    """A number of 0 … below - 1 that the scenario's seed decides."""
    return generator(scenario.seed, f"relation/{purpose}", index).getrandbits(32) * below >> 32


# What the relations are about.


def undisturbed(scenario: Scenario) -> Scenario:
    """The scenario without what makes the inputs themselves hang on when something came.

    Taken out: bots that look at the state, which may be a predicted one; pages that are hidden; delays that
    change; peers that are lost, and what cannot be waited for; machines that are late by a frame or
    more, as they play several frames on one sample; ends of an episode that the inputs decide, as a
    player who is shown one that is taken back does not act meanwhile.
    """
    session = scenario.session
    late_us = _latest_us(scenario)
    return dataclasses.replace(
        scenario,
        sessions=1,
        expect=(),
        game=_ending_by_the_clock(scenario),
        session=dataclasses.replace(
            session,
            input_delay_policy="fixed",
            handshake_timeout_us=PATIENCE_US,
            reconnect_limit_us=max(PATIENCE_US, session.interrupt_us),
            linger_us=LINGER_US,
        ),
        players=tuple(
            player if player.bot == "idle" else dataclasses.replace(player, bot="random")
            for player in scenario.players
        ),
        hosts=tuple(
            dataclasses.replace(host, late_tick_us=min(host.late_tick_us, late_us)) for host in scenario.hosts
        ),
        events=tuple(
            event
            for event in scenario.events
            if event.kind in ON_THE_WAY and (event.for_us or event.kind in LASTING or event.peers)
        ),
    )


def _latest_us(scenario: Scenario) -> int:
    """By how much a tick may be late, and a host be stopped, so that no frame is ever missed."""
    return 1_000_000 // scenario.session.frame_rate_hz * LATE_SHARE // 100


def _ending_by_the_clock(scenario: Scenario) -> GameSetup:
    """The game, if nobody can win it before its time is over; else the counter."""
    game = scenario.game
    steps = min(game.max_steps or LONGEST_FRAMES, LONGEST_FRAMES)
    if game.id in ENDLESS:
        return dataclasses.replace(game, params=ENDLESS[game.id], max_steps=steps)
    if game.id != "counter-v1":
        game = dataclasses.replace(game, id="counter-v1", params={"players": len(scenario.players)})
    return dataclasses.replace(game, max_steps=steps)


# What must be equal.


def same_rows(first: RunResult, second: RunResult) -> str | None:
    """Every peer's shared table is the same in both runs, byte for byte: every row and its frame."""
    return _difference([*_tables("first", first), *_tables("second", second)])


def same_inputs_by_frame(first: RunResult, second: RunResult) -> str | None:
    """What is left of `same_rows` where the second run's delay is n frames longer, or shorter.

    Each round waits once for everyone, so a row of round k comes (k + 1) * n frames later. The first
    frames of a round, as many as the delay, hold no input: it would have been submitted before there
    was a round. A later frame that both runs play holds the same inputs: a bot answers for the
    frame that its input counts for, whenever it is asked.
    """
    for which, run in (("first", first), ("second", second)):
        if difference := _difference(_tables(which, run)):
            return difference
    (places, early, acted), (other_places, other_early, other_acted) = _by_frame(first), _by_frame(second)
    moved = _delay(second) - _delay(first)
    due = [(episode, t, frame + (episode + 1) * moved) for episode, t, frame in places]
    if due != other_places:
        pairs = zip(due, other_places, strict=False)
        row = next((f"{a} ≠ {b}" for a, b in pairs if a != b), f"{len(due)} rows ≠ {len(other_places)}")
        return f"episode, t and frame: {row}"
    for here, there in ((early, other_early), (acted, other_acted)):
        for key, actions in here.items():
            if there.get(key, actions) != actions:
                return f"frame {key[-1]}: {actions} ≠ {there[key]}"
    return None


def _delay(run: RunResult) -> int:
    return int(run.table["scenario"]["session"]["input_delay_frames"])


_Actions = dict[tuple[int, ...], tuple[int, ...]]


def _by_frame(run: RunResult) -> tuple[list[tuple[int, int, int]], _Actions, _Actions]:
    """(episode, t, frame) of every row; actions by (episode, t) before anyone could act, then by (frame,)."""
    places: list[tuple[int, int, int]] = []
    early: _Actions = {}
    acted: _Actions = {}
    for frame in run.data.longest:
        outcome = frame.outcome
        if outcome is not None:
            places.append((outcome.episode, outcome.t, frame.frame))
            if outcome.t < _delay(run):
                early[outcome.episode, outcome.t] = outcome.actions
            else:
                acted[frame.frame,] = outcome.actions
    return places, early, acted


def _tables(which: str, run: RunResult) -> list[tuple[str, str]]:
    return [(f"{which} run, peer {peer}", text) for peer, text in enumerate(run.data.shared_csv)]


def _difference(tables: list[tuple[str, str]]) -> str | None:
    """Where the first table that is not as the longest of them differs from it."""
    whole = max((text for _, text in tables), key=len)
    for where, text in tables:
        if text != whole:
            rows = f"{text.count(chr(10)) - 1} rows of {whole.count(chr(10)) - 1}"
            return f"{where}: {first_row_difference(text, whole) or rows}"
    return None


# What may change.


def _with_links(scenario: Scenario, change: Callable[[LinkSetup, int], LinkSetup]) -> Scenario:
    """Every path, the relay's too, with the link that `change` makes of its own and the path's number."""
    network = scenario.network

    def changed(paths: tuple[PathSetup, ...]) -> tuple[PathSetup, ...]:
        return tuple(
            dataclasses.replace(path, link=change(path.link, number)) for number, path in enumerate(paths)
        )

    network = dataclasses.replace(network, paths=changed(network.paths), relay=changed(network.relay))
    return dataclasses.replace(scenario, network=network)


def _with_session(scenario: Scenario, **fields: Any) -> Scenario:
    return dataclasses.replace(scenario, session=dataclasses.replace(scenario.session, **fields))


def _with_hosts(scenario: Scenario, change: Callable[[HostSetup, int], HostSetup]) -> Scenario:
    hosts = tuple(change(host, peer) for peer, host in enumerate(scenario.hosts))
    return dataclasses.replace(scenario, hosts=hosts)


def _another(scenario: Scenario, purpose: str, choice: tuple[Any, ...], now: Any) -> Any:
    """One of the choice that is not what there is now."""
    others = [each for each in choice if each != now]
    return others[_chance(scenario, purpose, len(others))]


def doubled_and_overtaken(scenario: Scenario) -> Scenario:
    """Half of all datagrams come twice, and one in five overtakes all before it: the rows stay."""
    return _with_links(
        scenario,
        lambda link, _: dataclasses.replace(
            link, duplicate_ppm=500_000, order="reorder", reorder_ppm=200_000
        ),
    )


def on_other_ways(scenario: Scenario) -> Scenario:
    """Every path has another delay and another jitter, each direction its own: the rows stay."""

    def changed(link: LinkSetup, number: int) -> LinkSetup:
        return dataclasses.replace(
            link,
            delay_us=_chance(scenario, "delay", 300_000, number),
            jitter="uniform",
            jitter_us=_chance(scenario, "jitter", 80_000, number),
        )

    return _with_links(scenario, changed)


def lost_otherwise(scenario: Scenario) -> Scenario:
    """What was lost arrives, and where nothing was lost a quarter is: it is repaired, and the rows stay."""

    def changed(link: LinkSetup, _: int) -> LinkSetup:
        if link.loss == "none" and not link.corrupt_ppm:
            return dataclasses.replace(link, loss="bernoulli", loss_ppm=OTHER_LOSS_PPM)
        return dataclasses.replace(link, loss="none", corrupt_ppm=0)

    return _with_links(scenario, changed)


def in_peace(scenario: Scenario) -> Scenario:
    """Nothing happens, and what is sent is there at once: the rows stay."""
    return dataclasses.replace(_with_links(scenario, lambda link, _: LinkSetup()), events=())


def over_the_other_transport(scenario: Scenario) -> Scenario:
    """Datagrams for a reliable stream, or the other way round: the rows stay."""
    transport = "datagram" if scenario.network.transport == "stream" else "stream"
    return dataclasses.replace(scenario, network=dataclasses.replace(scenario.network, transport=transport))


def polled_otherwise(scenario: Scenario) -> Scenario:
    """Hosts come late to their ticks, or stop and take all that has come at once; by less than a frame.

    So no tick plays two frames on one sample, and the rows stay. Of a host that was late already, no
    tick is late any more.
    """
    late_us = _latest_us(scenario)
    late = {"late_tick_ppm": 500_000, "late_tick_us": late_us}
    in_time = {"late_tick_ppm": 0, "late_tick_us": 0}
    stops = tuple(
        Event(
            at_us=number // scenario.peer_count * STOP_EVERY_US
            + _chance(scenario, "stop", STOP_WITHIN_US, number),
            kind="stall",
            for_us=late_us,
            peers=(number % scenario.peer_count,),
        )
        for number in range(4 * scenario.peer_count)
    )
    changed = _with_hosts(
        scenario, lambda host, _: dataclasses.replace(host, **(in_time if host.late_tick_ppm else late))
    )
    events = sorted((*scenario.events, *stops), key=lambda event: event.at_us)
    return dataclasses.replace(changed, events=tuple(events))


def served_in_another_order(scenario: Scenario) -> Scenario:
    """Of the hosts that are due at one instant, another comes first: the rows stay."""
    last = max(host.poll_order for host in scenario.hosts)
    return _with_hosts(
        scenario, lambda host, peer: dataclasses.replace(host, poll_order=last + scenario.peer_count - peer)
    )


def with_peers_renamed(scenario: Scenario) -> Scenario:
    """Every peer has another number; who sits there, the machine and its paths go with it: the rows stay."""
    count = scenario.peer_count
    by = 1 + _chance(scenario, "names", count - 1)
    return renamed(scenario, {peer: (peer + by) % count for peer in range(count)})


def with_other_clocks(scenario: Scenario) -> Scenario:
    """Every machine's clock began at another time, days from the others': the rows stay."""
    return _with_hosts(
        scenario,
        lambda host, peer: dataclasses.replace(
            host, clock_offset_us=_chance(scenario, "clock", 1 << 32, peer) << MAX_OFFSET_BITS - 32
        ),
    )


def with_another_predictor(scenario: Scenario) -> Scenario:
    """Other guesses, so other rollbacks: the rows stay."""
    choice = (REPEAT_LAST, NEUTRAL, *((GAME,) if scenario.game.id == "duel-v1" else ()))
    return _with_session(
        scenario, predictor=_another(scenario, "predictor", choice, scenario.session.predictor)
    )


def with_another_window(scenario: Scenario) -> Scenario:
    """More or fewer frames may be guessed, down to none: the rows stay."""
    now = scenario.session.prediction_window_frames
    window = _another(scenario, "window", WINDOWS, now)
    return _with_session(scenario, prediction_window_frames=window, window_policy="fixed")


def with_other_checksums(scenario: Scenario) -> Scenario:
    """Checksums are exchanged, or no longer: the rows stay."""
    interval = 0 if scenario.session.checksum_interval_frames else _another(scenario, "sums", INTERVALS, 0)
    return _with_session(scenario, checksum_interval_frames=interval)


def with_another_time_sync(scenario: Scenario) -> Scenario:
    """Who is ahead waits by another rule, or does not: the rows stay."""
    return _with_session(
        scenario, time_sync=_another(scenario, "sync", TIME_SYNCS, scenario.session.time_sync)
    )


def at_other_machines(scenario: Scenario) -> Scenario:
    """Two who shared a machine have one each, or the last player joins the first one's: the rows stay.

    The new machine has the paths that the shared one has; between the two, the first path's link.
    With two machines and nobody sharing there is nothing to change: a session needs two.
    """
    seats = [player.peer for player in scenario.players]
    shared = next((seat for seat in seats if seats.count(seat) > 1), None)
    if shared is not None:
        return _with_a_machine_of_its_own(scenario, shared)
    if scenario.peer_count < 3:
        return scenario
    host, last = seats[0], seats[-1]
    players = tuple(
        dataclasses.replace(player, peer=host) if player.peer == last else player
        for player in scenario.players
    )
    left = [peer for peer in range(scenario.peer_count) if peer != last]
    return renamed(dataclasses.replace(scenario, players=players), {old: new for new, old in enumerate(left)})


def with_another_delay(scenario: Scenario) -> Scenario:
    """Inputs count so many frames later, or sooner: what stays is said at `same_inputs_by_frame`.

    Where a round may be shorter than the delay, what was submitted in one counts in another: then
    nothing is said.
    """
    game, session = scenario.game, scenario.session
    if game.max_steps + game.countdown_frames < max(MAX_DELAY, session.input_delay_frames):
        return scenario
    delay = _another(scenario, "input-delay", (*range(MAX_DELAY + 1),), session.input_delay_frames)
    return _with_session(scenario, input_delay_frames=delay)


def _with_a_machine_of_its_own(scenario: Scenario, shared: int) -> Scenario:
    """The last player who sits at this peer moves to a new one."""
    count = scenario.peer_count
    index = max(index for index, player in enumerate(scenario.players) if player.peer == shared)
    player = dataclasses.replace(scenario.players[index], peer=count)

    def grown(paths: tuple[PathSetup, ...]) -> tuple[PathSetup, ...]:
        links = {(path.source, path.target): path.link for path in paths}
        if not links:
            return ()
        for other in range(count):
            links[other, count] = links.get((other, shared), paths[0].link)
            links[count, other] = links.get((shared, other), paths[0].link)
        return tuple(PathSetup(source=a, target=b, link=links[a, b]) for a, b in sorted(links))

    network = scenario.network
    return dataclasses.replace(
        scenario,
        players=(*scenario.players[:index], player, *scenario.players[index + 1 :]),
        hosts=(*scenario.hosts, scenario.hosts[shared]),
        network=dataclasses.replace(network, paths=grown(network.paths), relay=grown(network.relay)),
    )


RELATIONS: Final[dict[str, Relation]] = {
    change.__name__.replace("_", "-"): Relation(change, same_rows)
    for change in (
        doubled_and_overtaken,
        on_other_ways,
        lost_otherwise,
        in_peace,
        over_the_other_transport,
        polled_otherwise,
        served_in_another_order,
        with_peers_renamed,
        with_other_clocks,
        with_another_predictor,
        with_another_window,
        with_other_checksums,
        with_another_time_sync,
        at_other_machines,
    )
} | {"with-another-delay": Relation(with_another_delay, same_inputs_by_frame)}
"""By the names that commands and failures use."""

"""Whole scenarios that nobody thought of: any network, any hosts, any faults, for the fuzzer and for tests.

Short matches of 1 to 5 s, mostly of two; some that nothing disturbs are longer. Each first draws which
kinds of trouble exist in it (swarm testing), so that rare pairs meet without everything else in the way.
What a scenario would be blamed for wrongly is left out: networks on which no match can end within
`LIMIT_US`, and hosts suspended for good, which never end by nature. Source of the idea: Groce et al.,
Swarm Testing, ISSTA 2012.
"""

import dataclasses
import functools
from typing import Any, Final

from hypothesis import strategies as st

from scenarios.scenario import (
    Event,
    GameSetup,
    HostSetup,
    LinkSetup,
    NetworkSetup,
    PathSetup,
    PlayerSetup,
    Scenario,
    SessionSetup,
)

LIAR_LIMIT_US: Final = 30_000_000  # a liar may well keep a session from its end
LIMIT_US: Final = 3_600_000_000  # lockstep on a bad stream takes minutes; a run that ends costs no more
START_US: Final = 1_500_000  # by then most matches have begun
MAX_EVENTS: Final = 6
MOST_LINKS: Final = 5  # different ones in one network
# A match of eight costs as much as ten of two.
PLAYERS: Final = (*(2,) * 30, *(3,) * 12, *(4,) * 6, *range(5, 9))

ON_PATHS: Final = ("blackout", "link", "partition", "hostile")
ON_PEERS: Final = (
    "hidden",
    "suspend",
    "stall",
    "crash",
    "reload",
    "leave",
    "clock-step",
    "delay",
    "address-change",
)
# Few: many laws say nothing of a session with a liar, and less of one with a peer that has diverged.
BETRAYALS: Final = (*("",) * 21, "diverge", "diverge", "lie")
LINK_TROUBLE: Final = (
    "loss",
    "jitter",
    "duplicate",
    "corrupt",
    "order",
    "slots",
    "rate",
    "asymmetry",
    "relay",
)
HOST_TROUBLE: Final = ("offset", "drift", "late-ticks", "late-start")
TIME_SYNCS: Final = ("skip", "window", "window", "speed", "none")
TRANSPORTS: Final = (*("datagram",) * 7, "stream")
RATES_HZ: Final = (*(30,) * 7, 60)  # what is found in frames is found at any rate
CALM_RATES_HZ: Final = (30, 60)  # what is felt may show only where a delay is of many frames
LENGTHS_S: Final = (1, 1, 2, 2, 2, 3, 3, 5)
MANY_S: Final = (1, 2)  # of more than four peers: time goes with the square of their number
CALM_LINKS: Final = ("asymmetry", "slots")
CALM_HOSTS: Final = ("offset", "drift", "late-start")
# Who is late finds the others ahead, and they have to level.
IDEAL_HOSTS: Final[tuple[frozenset[str], ...]] = (frozenset(), frozenset(), frozenset({"late-start"}))
CALM_S: Final = (8,)
CALM_PLAYERS: Final = (*(2,) * 6, 3, 4)  # time sync is held to its bounds between two only
KITCHEN_PLAYERS: Final = 4
KITCHENS: Final = ("exchange", "ring", "asymmetric")  # with room for so many
TWICE_S: Final = (1,)  # of those who meet twice

RATE_TRACES: Final = ("", "", "", "lte-drive", "5g-handover", "leo-satellite")  # of those shipped, or none

SHORT_US = st.integers(1, 900).map(lambda ms: ms * 1_000)
LONG_US = st.integers(900, 4_500).map(lambda ms: ms * 1_000)
FOR_US = st.one_of(SHORT_US, LONG_US)
ANY_DELAY_US = st.integers(0, 400_000)
DELAY_US = st.one_of(st.integers(0, 60_000), ANY_DELAY_US)
WINDOWS = st.one_of(st.integers(0, 20), st.just(8))
SMALL_WINDOWS = st.integers(0, 8)  # a delay may well be longer
CALM_WINDOWS = st.one_of(SMALL_WINDOWS, WINDOWS)
FIXED_WINDOWS: Final = ("fixed", "fixed", "rtt")
SIZED_WINDOWS: Final = ("fixed", "rtt")
DRIFT_PPM = st.one_of(st.integers(-500, 500), st.integers(-20_000, 20_000))
LASTING_US = st.one_of(st.just(0), FOR_US)


@functools.cache
def some(options: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """One of these. Strategies are kept: making one costs more than drawing from it."""
    return st.sampled_from(options)


@functools.cache
def ppm(percent: int) -> st.SearchStrategy[int]:
    return st.integers(0, percent * 10_000)


@functools.cache
def swarm(kinds: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    """Some of these, each as likely as not; all of them and none of them now and then."""
    return st.one_of(st.frozensets(st.sampled_from(kinds)), st.just(frozenset(kinds)))


@st.composite
def links(draw: st.DrawFn, trouble: frozenset[str], delays_us: st.SearchStrategy[int]) -> LinkSetup:
    """A path on which a datagram arrives soon enough, often enough."""
    fields: dict[str, Any] = {"delay_us": draw(delays_us)}
    if "loss" in trouble:
        match draw(some(("bernoulli", "bernoulli", "gilbert-elliott", "four-state", "trace"))):
            case "bernoulli":
                fields |= {"loss": "bernoulli", "loss_ppm": draw(ppm(40))}
            case "gilbert-elliott":
                fields |= {
                    "loss": "gilbert-elliott",
                    "ge_good_to_bad_ppm": draw(st.integers(0, 100_000)),
                    "ge_bad_to_good_ppm": draw(st.integers(100_000, 1_000_000)),
                    "ge_loss_good_ppm": draw(ppm(5)),
                }
            case "four-state":  # bursts that end soon enough, and few datagrams lost alone
                limits = (100_000, 1_000_000, 1_000_000, 1_000_000, 50_000)
                least = (0, 300_000, 300_000, 0, 0)
                rates = [draw(st.integers(low, high)) for low, high in zip(least, limits, strict=True)]
                rates[2] = min(rates[2], 1_000_000 - rates[1])
                rates[4] = min(rates[4], 1_000_000 - rates[0])
                fields |= {"loss": "four-state", "four_state_ppm": tuple(rates)}
            case "trace":
                # A length that no rhythm of datagrams shares: else one kind of them might always be hit.
                length = draw(some((7, 11, 13, 17)))
                lost = draw(st.frozensets(st.integers(0, length - 1), max_size=2 * length // 5))
                trace = "".join("1" if at in lost else "0" for at in range(length))
                fields |= {"loss": "trace", "loss_trace": trace}
    if "jitter" in trouble:
        fields |= {
            "jitter": draw(some(("uniform", "normal", "pareto", "paretonormal"))),
            "jitter_us": draw(st.integers(0, 80_000)),
            "jitter_correlation_ppm": draw(ppm(90)),
        }
    if "duplicate" in trouble:
        fields["duplicate_ppm"] = draw(ppm(30))
    if "corrupt" in trouble:
        fields["corrupt_ppm"] = draw(ppm(5))
    if "order" in trouble:
        fields |= {"order": draw(some(("fifo", "reorder"))), "reorder_ppm": draw(ppm(30))}
    if "slots" in trouble:
        fields["slot_us"] = 20_000
    if "rate" in trouble:
        trace = draw(some(RATE_TRACES))
        rate = {"rate_trace": trace} if trace else {"rate_bps": draw(st.integers(200_000, 5_000_000))}
        fields |= {**rate, "queue_bytes": 20_000}
    return LinkSetup(**fields)


@st.composite
def networks(
    draw: st.DrawFn,
    peers: int,
    trouble: frozenset[str],
    transports: tuple[str, ...],
    delays_us: st.SearchStrategy[int],
) -> NetworkSetup:
    pairs = [(a, b) for a in range(peers) for b in range(peers) if a != b]
    a_link = links(trouble, delays_us)
    shared = draw(a_link)
    by_pair = [shared] * len(pairs)
    if "asymmetry" in trouble:
        choice = [shared, *(draw(a_link) for _ in range(min(peers, MOST_LINKS - 1)))]
        some_link = st.sampled_from(choice)
        by_pair = [draw(some_link) for _ in pairs]
    paths = tuple(
        PathSetup(source=a, target=b, link=link) for (a, b), link in zip(pairs, by_pair, strict=True)
    )
    relay: tuple[PathSetup, ...] = ()
    if "relay" in trouble:
        link = draw(a_link)
        relay = tuple(PathSetup(source=a, target=b, link=link) for a, b in pairs)
    transport = draw(some(transports))
    return NetworkSetup(transport=transport, paths=paths, relay=relay)


@st.composite
def faults(draw: st.DrawFn, kind: str, peers: int, last_us: int, hides_for_good: bool) -> Event:
    """One event, at `last_us` the latest; states last a while, some for good."""
    some_peers = st.lists(st.integers(0, peers - 1), min_size=1, max_size=peers, unique=True)
    one_peer = st.integers(0, peers - 1).map(lambda peer: [peer])
    pairs = [f"{a}->{b}" for a in range(peers) for b in range(peers) if a != b]
    some_paths = st.lists(st.sampled_from(pairs), min_size=1, max_size=min(6, len(pairs)), unique=True)
    fields: dict[str, Any] = {}
    match kind:
        case "blackout" | "relay":
            fields = {"paths": draw(some_paths), "for_us": draw(LASTING_US)}
        case "hostile":
            fields = {
                "paths": draw(some_paths),
                "for_us": draw(LASTING_US),
                "value": draw(st.integers(1, 60)),
            }
        case "link":
            delay_us, loss_ppm = draw(st.integers(0, 400_000)), draw(ppm(40))
            patch = {"delay_us": delay_us, "loss": "bernoulli", "loss_ppm": loss_ppm}
            fields = {"paths": draw(some_paths), "for_us": draw(LASTING_US), "patch": patch}
        case "partition":
            groups = draw(st.permutations(range(peers)))
            cut = draw(st.integers(1, peers - 1))
            sides = tuple(sorted(groups[:cut])), tuple(sorted(groups[cut:]))
            fields = {"groups": sides, "for_us": draw(LASTING_US)}
        case "hidden":
            fields = {"peers": draw(some_peers), "for_us": draw(LASTING_US if hides_for_good else FOR_US)}
        case "suspend" | "reload" | "stall":
            who = one_peer if kind == "reload" else some_peers
            fields = {"peers": draw(who), "for_us": draw(SHORT_US if kind == "stall" else FOR_US)}
        case "clock-step":
            fields = {"peers": draw(one_peer), "value": draw(st.integers(-3_000_000, 3_000_000))}
        case "delay":
            fields = {"peers": draw(some_peers), "value": draw(st.integers(0, 12))}
        case "diverge":
            fields = {"peers": draw(one_peer), "value": draw(st.integers(0, 1))}
        case "lie":
            lie_ppm = draw(st.integers(1, 1_000_000))
            fields = {"peers": draw(one_peer), "for_us": draw(LASTING_US), "value": lie_ppm}
        case _:
            fields = {"peers": draw(one_peer)}
    fields = {name: tuple(sorted(v)) if type(v) is list else v for name, v in fields.items()}
    return Event(at_us=draw(st.integers(0, last_us // 1_000)) * 1_000, kind=kind, **fields)


@st.composite
def sessions(draw: st.DrawFn, is_calm: bool, is_ideal: bool) -> SessionSetup:
    interrupt = draw(some((300_000, 500_000, 500_000, 1_000_000)))
    return SessionSetup(
        frame_rate_hz=draw(some(CALM_RATES_HZ if is_calm else RATES_HZ)),
        input_delay_frames=draw(st.integers(0, 6)),
        input_delay_policy=draw(some(("fixed", "fixed", "adaptive"))),
        prediction_window_frames=draw(SMALL_WINDOWS if is_ideal else CALM_WINDOWS if is_calm else WINDOWS),
        window_policy=draw(some(SIZED_WINDOWS if is_calm and not is_ideal else FIXED_WINDOWS)),
        predictor=draw(some(("repeat-last", "neutral"))),
        time_sync=draw(some(TIME_SYNCS)),
        checksum_interval_frames=draw(some((0, 1, 7, 30, 60))),
        interrupt_us=interrupt,
        reconnect_limit_us=interrupt + draw(FOR_US),
        quality_interval_us=draw(some((200_000, 200_000, 200_000, 50_000))),
        # Counted in frames: where all wait for each other, each takes the way there.
        focus_timeout_us=draw(some((0, 1_500_000, 5_000_000))),
        linger_us=draw(some((500_000, 500_000, 500_000, 2_000_000))),
        pause_on_hidden=draw(st.integers(0, 5)) == 0,
    )


@st.composite
def games(draw: st.DrawFn, players: int, rate: int, lengths_s: tuple[int, ...]) -> GameSetup:
    """The counter shows any slip at once; the others are there for what it does not have."""
    episodes = draw(some((1, 1, 1, 2, 3)))
    fields: dict[str, Any] = {"id": "counter-v1", "params": {"players": players}}
    if players <= KITCHEN_PLAYERS and draw(st.integers(0, 7)) == 0:
        game = draw(some(("slime-v1", "duel-v1", "kitchen-v1"))) if players == 2 else "kitchen-v1"
        params = {"layout": draw(some(KITCHENS)), "players": players} if game == "kitchen-v1" else {}
        fields = {"id": game, "params": params}
    return GameSetup(
        episodes=episodes,
        max_steps=draw(some(lengths_s)) * rate // episodes,
        countdown_frames=draw(some((0, 0, 5))),
        **fields,
    )


@st.composite
def host_setups(draw: st.DrawFn, trouble: frozenset[str]) -> HostSetup:
    fields: dict[str, int] = {}
    if "offset" in trouble:
        fields["clock_offset_us"] = draw(some((0, 5_000_000_000)))
    if "drift" in trouble:
        fields["clock_drift_ppm"] = draw(DRIFT_PPM)
    if "late-ticks" in trouble:
        fields |= {"late_tick_ppm": draw(ppm(30)), "late_tick_us": draw(st.integers(0, 60_000))}
    if "late-start" in trouble:
        fields["start_us"] = draw(LASTING_US)
    return HostSetup(**fields)


@st.composite
def scenarios(draw: st.DrawFn, max_players: int = 4) -> Scenario:
    """A scenario of two to `max_players` players, mostly few."""
    # Laws of what is felt when nothing disturbs need such matches, and long enough to settle in.
    is_calm = draw(st.integers(0, 11)) == 0
    counts = CALM_PLAYERS if is_calm else PLAYERS
    players = draw(some(tuple(count for count in counts if count <= max_players)))
    seats = list(range(players))
    if players > 2 and draw(st.integers(0, 3)) == 0:
        seats[-1] = 0  # two people at one machine
    peers = max(seats) + 1
    is_ideal = is_calm and draw(st.booleans())  # then there is one delay, and who comes when
    session = draw(sessions(is_calm, is_ideal))
    link_trouble = draw(swarm(CALM_LINKS if is_calm else LINK_TROUBLE)) if not is_ideal else frozenset()
    host_trouble = draw(some(IDEAL_HOSTS) if is_ideal else swarm(CALM_HOSTS if is_calm else HOST_TROUBLE))
    transports, delays_us = (("datagram",), ANY_DELAY_US) if is_calm else (TRANSPORTS, DELAY_US)
    network = draw(networks(peers, link_trouble, transports, delays_us))
    kinds = sorted(draw(swarm((*ON_PATHS, *ON_PEERS)))) + (["relay"] if network.relay else [])
    kinds = [] if is_calm else kinds
    count = draw(st.integers(0, MAX_EVENTS)) if kinds else 0
    # Without a focus timeout, or where all pause for the hidden one, nothing would end such a match.
    hides_for_good = bool(session.focus_timeout_us) and not session.pause_on_hidden
    # Those who meet again in the same process begin anew: nothing may be left of the first time.
    is_twice = not is_calm and draw(st.integers(0, 23)) == 0
    lengths_s = CALM_S if is_calm else TWICE_S if is_twice else MANY_S if peers > 4 else LENGTHS_S
    game = draw(games(players, session.frame_rate_hz, lengths_s))
    if game.id == "duel-v1":  # the one that brings a predictor of its own
        session = dataclasses.replace(session, predictor=draw(some(("game", session.predictor))))
    # What comes long after the end shows nothing.
    last_us = START_US + game.episodes * game.max_steps * 1_000_000 // session.frame_rate_hz
    events = [
        draw(faults(draw(st.sampled_from(kinds)), peers, last_us, hides_for_good)) for _ in range(count)
    ]
    betrayal = draw(some(BETRAYALS)) if game.id == "counter-v1" else ""  # others end by what happens
    if betrayal:
        events.append(draw(faults(betrayal, peers, last_us, hides_for_good)))
    bots = some(("random", "random", "scripted"))
    return Scenario(
        name="generated",
        seed=draw(st.integers(0, 2**31 - 1)),
        sessions=1 + is_twice,
        limit_us=LIAR_LIMIT_US if betrayal == "lie" else LIMIT_US,
        game=game,
        session=session,
        players=tuple(
            PlayerSetup(bot=draw(bots), hold_frames=draw(st.integers(1, 20)), peer=seat) for seat in seats
        ),
        hosts=tuple(draw(host_setups(host_trouble)) for _ in range(peers)),
        network=network,
        events=tuple(sorted(events, key=lambda item: item.at_us)),
    )

"""Every law holds on whole scenarios that nobody thought of: any network, any hosts, any faults.

Short matches of 3 to 8 s. What a scenario would be blamed for wrongly is left out: networks on which
no match can end within `LIMIT_US`, and hosts suspended for good, which never end by nature.
"""

import os
from typing import Any

from hypothesis import event, given, settings, target
from hypothesis import strategies as st

from netsim.run import run_scenario
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
    to_json,
)

LIMIT_US = 900_000_000  # lockstep at 400 ms one way needs 250 s; a run that ends costs no more for it
EXAMPLES = {"quick": 40, "default": 300}.get(os.environ.get("HYPOTHESIS_PROFILE", "default"))
COUNTS = settings(max_examples=EXAMPLES) if EXAMPLES else settings()

SHORT_US = st.integers(1, 900).map(lambda ms: ms * 1_000)
LONG_US = st.integers(900, 4_500).map(lambda ms: ms * 1_000)
FOR_US = st.one_of(SHORT_US, LONG_US)
AT_US = st.integers(0, 7_000).map(lambda ms: ms * 1_000)


def ppm(percent: int) -> st.SearchStrategy[int]:
    return st.one_of(st.just(0), st.integers(0, percent * 10_000))


@st.composite
def links(draw: st.DrawFn) -> LinkSetup:
    """A path on which a datagram arrives soon enough, often enough."""
    fields: dict[str, Any] = {
        "delay_us": draw(st.one_of(st.integers(0, 60_000), st.integers(0, 400_000))),
        "duplicate_ppm": draw(ppm(30)),
        "corrupt_ppm": draw(ppm(5)),
        "order": draw(st.sampled_from(["free", "free", "fifo", "reorder"])),
        "reorder_ppm": draw(ppm(30)),
        "slot_us": draw(st.sampled_from([0, 0, 0, 20_000])),
    }
    match draw(st.sampled_from(["none", "bernoulli", "bernoulli", "gilbert-elliott", "trace"])):
        case "bernoulli":
            fields |= {"loss": "bernoulli", "loss_ppm": draw(ppm(40))}
        case "gilbert-elliott":
            fields |= {
                "loss": "gilbert-elliott",
                "ge_good_to_bad_ppm": draw(st.integers(0, 100_000)),
                "ge_bad_to_good_ppm": draw(st.integers(100_000, 1_000_000)),
                "ge_loss_good_ppm": draw(ppm(5)),
            }
        case "trace":
            fields |= {"loss": "trace", "loss_trace": draw(st.text("01", max_size=9)) + "00"}
    if draw(st.booleans()):
        fields |= {
            "jitter": draw(st.sampled_from(["uniform", "normal", "pareto"])),
            "jitter_us": draw(st.integers(0, 80_000)),
            "jitter_correlation_ppm": draw(ppm(90)),
        }
    if draw(st.integers(0, 5)) == 0:
        fields |= {"rate_bps": draw(st.integers(200_000, 5_000_000)), "queue_bytes": 20_000}
    return LinkSetup(**fields)


@st.composite
def networks(draw: st.DrawFn, peers: int) -> NetworkSetup:
    pairs = [(a, b) for a in range(peers) for b in range(peers) if a != b]
    if draw(st.booleans()):
        link = draw(links())
        paths = tuple(PathSetup(source=a, target=b, link=link) for a, b in pairs)
    else:
        paths = tuple(PathSetup(source=a, target=b, link=draw(links())) for a, b in pairs)
    relay: tuple[PathSetup, ...] = ()
    if draw(st.integers(0, 4)) == 0:
        link = draw(links())
        relay = tuple(PathSetup(source=a, target=b, link=link) for a, b in pairs)
    transport = draw(st.sampled_from(["datagram"] * 7 + ["stream"]))
    return NetworkSetup(transport=transport, paths=paths, relay=relay)


@st.composite
def faults(draw: st.DrawFn, peers: int, has_relay: bool, hides_for_good: bool) -> Event:
    """One event; states last a while, some for good."""
    some_peers = st.lists(st.integers(0, peers - 1), min_size=1, max_size=peers, unique=True)
    one_peer = st.integers(0, peers - 1).map(lambda peer: [peer])
    pairs = [f"{a}->{b}" for a in range(peers) for b in range(peers) if a != b]
    some_paths = st.lists(st.sampled_from(pairs), min_size=1, max_size=len(pairs), unique=True)
    kinds = ["blackout", "link", "hidden", "suspend", "stall", "crash", "reload", "leave", "clock-step"]
    kinds += ["delay", "address-change", "partition", "blackout", "suspend", "delay"]
    kind = draw(st.sampled_from([*kinds, "relay"] if has_relay else kinds))
    fields: dict[str, Any] = {}
    match kind:
        case "blackout" | "relay":
            fields = {"paths": draw(some_paths), "for_us": draw(st.one_of(st.just(0), FOR_US))}
        case "link":
            patch = {
                "delay_us": draw(st.integers(0, 400_000)),
                "loss": "bernoulli",
                "loss_ppm": draw(ppm(40)),
            }
            fields = {
                "paths": draw(some_paths),
                "for_us": draw(st.one_of(st.just(0), FOR_US)),
                "patch": patch,
            }
        case "partition":
            groups = draw(st.permutations(range(peers)))
            cut = draw(st.integers(1, peers - 1))
            fields = {
                "groups": (tuple(sorted(groups[:cut])), tuple(sorted(groups[cut:]))),
                "for_us": draw(st.one_of(st.just(0), FOR_US)),
            }
        case "hidden":
            lasting = st.one_of(st.just(0), FOR_US) if hides_for_good else FOR_US
            fields = {"peers": draw(some_peers), "for_us": draw(lasting)}
        case "suspend" | "reload" | "stall":
            fields = {
                "peers": draw(one_peer if kind == "reload" else some_peers),
                "for_us": draw(SHORT_US if kind == "stall" else FOR_US),
            }
        case "clock-step":
            fields = {"peers": draw(one_peer), "value": draw(st.integers(-3_000_000, 3_000_000))}
        case "delay":
            fields = {"peers": draw(some_peers), "value": draw(st.integers(0, 12))}
        case _:
            fields = {"peers": draw(one_peer)}
    fields = {name: tuple(sorted(v)) if type(v) is list else v for name, v in fields.items()}
    return Event(at_us=draw(AT_US), kind=kind, **fields)


@st.composite
def sessions(draw: st.DrawFn) -> SessionSetup:
    interrupt = draw(st.sampled_from([300_000, 500_000, 500_000, 1_000_000]))
    return SessionSetup(
        frame_rate_hz=draw(st.sampled_from([30, 30, 60])),
        input_delay_frames=draw(st.integers(0, 6)),
        input_delay_policy=draw(st.sampled_from(["fixed", "fixed", "adaptive"])),
        prediction_window_frames=draw(st.one_of(st.integers(0, 20), st.just(8))),
        window_policy=draw(st.sampled_from(["fixed", "fixed", "rtt"])),
        predictor=draw(st.sampled_from(["repeat-last", "neutral"])),
        time_sync=draw(st.sampled_from(["skip", "window", "speed", "none"])),
        checksum_interval_frames=draw(st.sampled_from([0, 1, 7, 30, 60])),
        interrupt_us=interrupt,
        reconnect_limit_us=interrupt + draw(FOR_US),
        quality_interval_us=draw(st.sampled_from([50_000, 200_000])),
        focus_timeout_us=draw(st.sampled_from([0, 1_500_000, 30_000_000])),
        linger_us=draw(st.sampled_from([2_000_000, 500_000])),
        pause_on_hidden=draw(st.integers(0, 5)) == 0,
    )


@st.composite
def games(draw: st.DrawFn, players: int, rate: int) -> GameSetup:
    """The counter shows any slip at once; the others are there for what it does not have."""
    episodes = draw(st.sampled_from([1, 1, 1, 2, 3]))
    fields: dict[str, Any] = {"id": "counter-v1", "params": {"players": players}}
    if players == 2 and draw(st.integers(0, 7)) == 0:
        fields = {"id": draw(st.sampled_from(["slime-v1", "duel-v1"]))}
    return GameSetup(
        episodes=episodes,
        max_steps=draw(st.integers(3, 8)) * rate // episodes,
        countdown_frames=draw(st.sampled_from([0, 0, 5])),
        **fields,
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    players = draw(st.sampled_from([2, 2, 3, 3, 4]))
    seats = list(range(players))
    if players > 2 and draw(st.integers(0, 5)) == 0:
        seats[-1] = 0  # two people at one machine
    peers = max(seats) + 1
    session = draw(sessions())
    network = draw(networks(peers))
    hosts = tuple(
        HostSetup(
            clock_offset_us=draw(st.sampled_from([0, 0, 5_000_000_000])),
            clock_drift_ppm=draw(st.one_of(st.just(0), st.integers(-500, 500))),
            late_tick_ppm=draw(ppm(30)),
            late_tick_us=draw(st.integers(0, 60_000)),
            start_us=draw(st.one_of(st.just(0), st.just(0), FOR_US)),
        )
        for _ in range(peers)
    )
    bots = st.sampled_from(["random", "random", "scripted"])
    count = draw(st.integers(0, 5))
    # Without a focus timeout, or where all pause for the hidden one, nothing would end such a match.
    hides_for_good = bool(session.focus_timeout_us) and not session.pause_on_hidden
    events = [draw(faults(peers, bool(network.relay), hides_for_good)) for _ in range(count)]
    return Scenario(
        name="generated",
        seed=draw(st.integers(0, 2**31 - 1)),
        limit_us=LIMIT_US,
        game=draw(games(players, session.frame_rate_hz)),
        session=session,
        players=tuple(
            PlayerSetup(bot=draw(bots), hold_frames=draw(st.integers(1, 20)), peer=seat) for seat in seats
        ),
        hosts=hosts,
        network=network,
        events=tuple(sorted(events, key=lambda item: item.at_us)),
    )


@given(scenarios())
@COUNTS
def test_every_law_holds(scenario: Scenario) -> None:
    result = run_scenario(scenario)
    for name, count in result.table["exercised"].items():
        if count:
            event(f"reached: {name}")
    for reason in {peer["end"]["reason"] for peer in result.table["peers"]}:
        event(f"ended: {reason}")
    target(float(result.table["exercised"]["rollbacks"]), label="rollbacks")
    assert result.ok, f"{result.table['verdict']['sentence']}\n{to_json(scenario)}"

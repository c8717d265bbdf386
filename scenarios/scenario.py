"""A scenario in canonical form: integers, booleans and strings only, so that it can be hashed.

People write TOML with units in the keys (`schema.py` reads it); everything that runs, shrinks,
stores or replays a scenario uses this form. Times are microseconds, probabilities are parts per
million, rates are bits per second.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from rollback_core.errors import UsageError

FORMAT = 1  # of the canonical JSON; raised when a field changes its meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class GameSetup:
    id: str  # registered id, "module:attr" or "path.py:attr"
    params: dict[str, int | str | bool] = field(default_factory=dict)
    episodes: int = 1
    max_steps: int = 900
    countdown_frames: int = 0  # freeze frames after everyone is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSetup:
    frame_rate_hz: int = 30
    input_delay_frames: int = 2
    input_delay_policy: str = "fixed"  # fixed | adaptive
    max_input_delay_frames: int = 12
    prediction_window_frames: int = 8
    window_policy: str = "fixed"  # fixed | rtt (sized in the handshake)
    predictor: str = "repeat-last"  # repeat-last | neutral | game
    time_sync: str = "window"  # skip | window | speed | none
    checksum_interval_frames: int = 60
    interrupt_us: int = 500_000
    reconnect_limit_us: int = 30_000_000
    handshake_timeout_us: int = 15_000_000
    quality_interval_us: int = 200_000
    focus_timeout_us: int = 30_000_000
    linger_us: int = 2_000_000
    pause_on_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerSetup:
    bot: str = "random"  # random | scripted | idle | "path.py:attr"
    hold_frames: int = 12  # random: mean frames between changes
    peer: int = 0  # the peer that this player sits at


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSetup:
    """How one peer's machine behaves; one entry per peer."""

    clock_offset_us: int = 0
    clock_drift_ppm: int = 0
    late_tick_ppm: int = 0  # share of ticks that come late
    late_tick_us: int = 0  # by up to this much, uniform
    poll_order: int = 0  # ties at one instant are served in this order
    start_us: int = 0  # the host opens its session this late


LOSS_MODELS = ("none", "bernoulli", "gilbert-elliott", "four-state", "trace")
JITTER_SHAPES = ("none", "uniform", "normal", "pareto", "paretonormal")
TABLE_PREFIX = "table:"
ORDERS = ("free", "fifo", "reorder")
MAX_LINK_US = 3_600_000_000  # an hour: a path slower than that is a slip of the unit
MAX_RATE_BPS = 1_000_000_000_000  # a terabit: beyond it a datagram takes no time that we can count


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSetup:
    """One directed path. Stages act in the order of the fields below, each on what the last let by.

    A parameter of a model that is not chosen is kept and has no effect. UsageError names the field.
    """

    up: bool = True
    mtu_bytes: int = 0  # 0: no limit; longer datagrams are dropped
    loss: str = "none"  # none | bernoulli | gilbert-elliott | four-state | trace
    loss_ppm: int = 0  # bernoulli
    ge_good_to_bad_ppm: int = 0
    ge_bad_to_good_ppm: int = 0
    ge_loss_good_ppm: int = 0
    ge_loss_bad_ppm: int = 1_000_000
    four_state_ppm: tuple[int, ...] = ()  # netem's p13 p31 p32 p23 p14
    loss_trace: str = ""  # e.g. "0001100" (1 is lost), repeated
    corrupt_ppm: int = 0  # counts as loss, as under DTLS
    duplicate_ppm: int = 0
    rate_bps: int = 0  # 0: infinite
    queue_bytes: int = 0  # drop-tail limit of what waits for the rate; 0: unbounded
    rate_trace: str = ""  # name or path of a mahimahi-format trace; instead of rate_bps
    slot_us: int = 0  # datagrams set out only at multiples of this; the delay comes on top
    delay_us: int = 0
    jitter: str = "none"  # none | uniform | normal | pareto | paretonormal | "table:NAME-OR-PATH"
    jitter_us: int = 0  # uniform: half the width; tables: one standard deviation
    jitter_correlation_ppm: int = 0  # share of datagrams whose jitter is that of the one before
    order: str = "free"  # free | fifo | reorder
    reorder_ppm: int = 0  # order = "reorder": this share is sent without delay; the others keep order

    def __post_init__(self) -> None:
        problem = _link_problem(self)
        if problem:
            raise UsageError(problem)


def _link_problem(link: LinkSetup) -> str:
    """What is wrong with the first bad field, beginning with its name, or ""."""
    for item in dataclasses.fields(link):
        value = getattr(link, item.name)
        is_of_type = type(value) is type(item.default)  # every default has the very type of its field
        if not is_of_type:
            return f"{item.name}: {value!r} is not {type(item.default).__name__}"
        limit = _limit_of(item.name)
        if limit and not 0 <= value <= limit:
            return f"{item.name}: {value} is not in 0 … {limit}"
    if link.loss not in LOSS_MODELS:
        return f"loss: {link.loss!r} is none of {', '.join(LOSS_MODELS)}"
    named_table = link.jitter.removeprefix(TABLE_PREFIX)
    if link.jitter not in JITTER_SHAPES and named_table in ("", link.jitter):
        return f"jitter: {link.jitter!r} is none of {', '.join(JITTER_SHAPES)}, {TABLE_PREFIX}NAME-OR-PATH"
    if link.order not in ORDERS:
        return f"order: {link.order!r} is none of {', '.join(ORDERS)}"
    if link.rate_bps and link.rate_trace:
        return "rate_trace: given together with rate_bps; a path has one rate"
    if link.loss_trace.strip("01") or (link.loss == "trace" and not link.loss_trace):
        return f"loss_trace: {link.loss_trace!r} is not a row of 0 (arrives) and 1 (is lost)"
    return _four_state_problem(link)


def _limit_of(name: str) -> int:
    """The largest value of a number, by the unit that ends its name; 0 for what is not one."""
    if name.endswith("_ppm") and name != "four_state_ppm":
        return 1_000_000
    if name.endswith("_us"):
        return MAX_LINK_US
    if name.endswith("_bps"):
        return MAX_RATE_BPS
    return 1 << 40 if name.endswith("_bytes") else 0


def _four_state_problem(link: LinkSetup) -> str:
    rates = link.four_state_ppm
    if not rates and link.loss != "four-state":
        return ""
    if len(rates) != 5 or not all(type(rate) is int and 0 <= rate <= 1_000_000 for rate in rates):
        return f"four_state_ppm: {rates} is not five ints of 0 … 1000000 (p13 p31 p32 p23 p14)"
    p13, p31, p32, _, p14 = rates
    if p13 + p14 > 1_000_000 or p31 + p32 > 1_000_000:
        return f"four_state_ppm: {rates}: p13 + p14 and p31 + p32 are at most 1000000 each"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSetup:
    source: int
    target: int
    link: LinkSetup = field(default_factory=LinkSetup)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSetup:
    transport: str = "datagram"  # datagram | stream (reliable, ordered: head-of-line blocking)
    paths: tuple[PathSetup, ...] = ()  # every ordered pair of peers, sorted
    relay: tuple[PathSetup, ...] = ()  # used by a pair after a "switch-to-relay" event; may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens at `at_us` of true time. Which fields count depends on `kind`:

    on paths ("0->1"): blackout, link (patch sets fields of LinkSetup),
    partition (`groups`), relay (the pair's datagrams take the relay path),
    hostile (`value` a second that nobody of the session sent)
    on peers: hidden, suspend, stall, crash, reload, leave, clock-step (`value` in us),
    delay (`value` in frames), address-change, diverge (`value` 0: the state, 1: a row),
    lie (`value` in ppm of what it sends)
    `for_us` is how long a state lasts (0: to the end), or the time until a reloaded peer is back.
    """

    at_us: int
    kind: str
    for_us: int = 0
    paths: tuple[str, ...] = ()
    peers: tuple[int, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()
    value: int = 0
    patch: dict[str, int | str | bool | tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A bound on one figure of the result, e.g. key "rollback_depth_p95_frames", minimum or maximum.

    Figures are ints; for a figure with one value per peer the bound holds for every peer.
    `text` is for figures that are words (`end_reason`).
    """

    key: str
    minimum: int | None = None
    maximum: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    seed: int = 1
    sessions: int = 1  # independent ones, each with a seed derived from `seed` and its number
    limit_us: int = 0  # simulated time after which the run is ended; 0: derived from the game's length
    summary: str = ""
    group: str = ""
    game: GameSetup
    session: SessionSetup = field(default_factory=SessionSetup)
    players: tuple[PlayerSetup, ...]
    hosts: tuple[HostSetup, ...]  # one per peer
    network: NetworkSetup
    events: tuple[Event, ...] = ()  # sorted by time
    expect: tuple[Expectation, ...] = ()

    @property
    def peer_count(self) -> int:
        return len(self.hosts)


def to_json(scenario: Scenario) -> str:
    """The canonical text: one line, keys sorted."""
    table = {"format": FORMAT, **dataclasses.asdict(scenario)}
    return json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def scenario_hash(scenario: Scenario) -> str:
    """sha256 of the canonical text: names a scenario in results and in the corpus."""
    return text_hash(to_json(scenario))


def text_hash(text: str) -> str:
    """`scenario_hash` of a canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()


def from_table(table: dict[str, Any]) -> Scenario:
    """The scenario of a decoded canonical JSON, as `to_json` wrote it."""
    rest = dict(table)
    if rest.pop("format", None) != FORMAT:
        raise ValueError(f"format: {table.get('format')!r}; this build reads format {FORMAT}")
    network = rest["network"]
    return Scenario(
        **{
            **rest,
            "game": GameSetup(**rest["game"]),
            "session": SessionSetup(**rest["session"]),
            "players": tuple(PlayerSetup(**item) for item in rest["players"]),
            "hosts": tuple(HostSetup(**item) for item in rest["hosts"]),
            "network": NetworkSetup(
                transport=network["transport"],
                paths=tuple(_path(item) for item in network["paths"]),
                relay=tuple(_path(item) for item in network["relay"]),
            ),
            "events": tuple(_event(item) for item in rest["events"]),
            "expect": tuple(Expectation(**item) for item in rest["expect"]),
        }
    )


def _path(item: dict[str, Any]) -> PathSetup:
    link = {**item["link"], "four_state_ppm": tuple(item["link"]["four_state_ppm"])}
    return PathSetup(source=item["source"], target=item["target"], link=LinkSetup(**link))


def _event(item: dict[str, Any]) -> Event:
    return Event(
        **{
            **item,
            "paths": tuple(item["paths"]),
            "peers": tuple(item["peers"]),
            "groups": tuple(tuple(group) for group in item["groups"]),
            "patch": {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in item["patch"].items()
            },
        }
    )

"""The scenario file that people write, as models: every key, its range, and what it means.

A key that is not given takes its default from the canonical dataclasses of `scenario.py`, so there is
one default in one place. `lowering.py` turns sound models into a Scenario, `load.py` reads files.
"""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from rollback_core.config import MAX_CHECKSUM_INTERVAL, MAX_WINDOW_FRAMES
from scenarios import reference
from scenarios.fields import (
    HOUR_S,
    MAX_PEERS,
    Bot,
    Delay,
    DelayFrames,
    Duration,
    Expected,
    Jitter,
    LossTrace,
    Name,
    Param,
    PathNames,
    Peer,
    Peers,
    Percent,
    Seconds,
    Whole,
    key,
    needed,
)
from scenarios.quantities import Quantity
from scenarios.scenario import (
    GameSetup,
    HostSetup,
    LinkSetup,
    NetworkSetup,
    PlayerSetup,
    Scenario,
    SessionSetup,
)

_MAX_EVENTS: Final = 1_000  # far more than a person writes; a bound on what a hostile file can cost
_MAX_PARAMS: Final = 64  # no game has as many
_MAX_SEED: Final = 2**31 - 1  # as the games' reset


class Table(BaseModel):
    """A table of the file: an unknown key is an error, and nothing is converted between types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    canonical: ClassVar[type[Any] | None] = None  # the dataclass that has the defaults

    def given(self) -> dict[str, Any]:
        """The keys that the file has, with their values."""
        return {key: getattr(self, key) for key in type(self).model_fields if key in self.model_fields_set}


class GameTable(Table):
    """What is played."""

    canonical: ClassVar[type[Any] | None] = GameSetup

    id: str = needed('a registered game ("slime-v1"), "module:attr" or "path.py:attr"', min_length=1)
    params: dict[str, Param] = key("passed to the game when it is made", max_length=_MAX_PARAMS)
    episodes: Annotated[Whole, Quantity(1, 10_000)] = key("how many episodes are played in a row")
    max_steps: Annotated[Whole, Quantity(1, 1_000_000)] = key("an episode ends after this many steps")
    countdown_frames: Annotated[Whole, Quantity(0, 600)] = key("freeze frames after everyone is ready")


class SessionTable(Table):
    """How the peers play: the settings of the core, equal on all of them."""

    canonical: ClassVar[type[Any] | None] = SessionSetup

    frame_rate_hz: Annotated[Whole, Quantity(1, 240)] = key("frames a second")
    input_delay_frames: DelayFrames = key("frames between a press and its effect")
    input_delay_policy: Literal["fixed", "adaptive"] = key("adaptive: the delay follows the RTT")
    max_input_delay_frames: DelayFrames = key("the adaptive delay stays at or below this")
    prediction_window_frames: Annotated[Whole, Quantity(0, MAX_WINDOW_FRAMES)] = key(
        "how far a peer may run ahead of what it knows; 0 is lockstep"
    )
    window_policy: Literal["fixed", "rtt"] = key("rtt: sized in the handshake from the measured RTT")
    predictor: Literal["repeat-last", "neutral", "game"] = key(
        "what an input is taken to be until it arrives; game: what the game says, if it says so"
    )
    time_sync: Literal["skip", "window", "speed", "none"] = key(
        "how a peer that is ahead lets others catch up"
    )
    checksum_interval_frames: Annotated[Whole, Quantity(0, MAX_CHECKSUM_INTERVAL)] = key(
        "frames between compared checksums; 0: none are compared"
    )
    interrupt_ms: Annotated[Decimal, Quantity(1, 60_000)] = key("silence after which a peer is interrupted")
    reconnect_limit_s: Annotated[Decimal, Quantity(1, HOUR_S)] = key("silence after which a peer is lost")
    handshake_timeout_s: Annotated[Decimal, Quantity(1, 600)] = key("how long the start may take")
    quality_interval_ms: Annotated[Decimal, Quantity(10, 10_000)] = key("time between RTT probes")
    focus_timeout_s: Seconds = key("played time without focus after which the game ends; 0: never")
    linger_s: Annotated[Decimal, Quantity(0, 60)] = key("how long a finished peer still answers others")
    pause_on_hidden: bool = key("pause for all while a player's page is hidden")


class PlayerTable(Table):
    """One player and the bot that plays for them."""

    canonical: ClassVar[type[Any] | None] = PlayerSetup

    bot: Bot = key('"random", "scripted" (the game\'s own), "idle" or "path.py:attr"')
    hold_frames: Annotated[Whole, Quantity(1, 100_000)] = key("random: mean frames between changes of input")
    peer: Peer = key("the peer at which the player sits; left out: a peer of their own")


class HostTable(Table):
    """How one peer's machine behaves; a peer without an entry has a perfect one."""

    canonical: ClassVar[type[Any] | None] = HostSetup

    peer: Peer = needed("which peer this is about")
    clock_offset_ms: Annotated[Decimal, Quantity(-86_400_000, 86_400_000)] = key(
        "its clock is this much ahead"
    )
    clock_drift_ppm: Annotated[Whole, Quantity(-50_000, 50_000)] = key("its clock is faster by this")
    late_tick_percent: Percent = key("share of ticks that come late")
    late_tick_ms: Annotated[Decimal, Quantity(0, 10_000)] = key("by up to this much, uniform")
    poll_order: Annotated[Whole, Quantity(0, 1_000)] = key("at one instant, lower ones are served first")
    start_s: Seconds = key("it opens its session this late")


class LinkTable(Table):
    """One direction between two peers. The stages act in this order, each on what the last let by."""

    canonical: ClassVar[type[Any] | None] = LinkSetup

    up: bool = key("false: nothing passes")
    mtu_bytes: Annotated[Whole, Quantity(0, 65_535)] = key("longer datagrams are dropped; 0: no limit")
    loss: Literal["none", "bernoulli", "gilbert-elliott", "four-state", "trace"] = key(
        "the law of loss; left out: the one that the other keys of the table belong to"
    )
    loss_percent: Percent = key("bernoulli: each datagram on its own")
    ge_good_to_bad_percent: Percent = key("gilbert-elliott: chance per datagram that a burst begins")
    ge_bad_to_good_percent: Percent = key("gilbert-elliott: chance per datagram that it ends")
    ge_loss_good_percent: Percent = key("gilbert-elliott: loss outside of bursts")
    ge_loss_bad_percent: Percent = key("gilbert-elliott: loss in a burst")
    four_state_percent: Annotated[list[Percent], Field(min_length=5, max_length=5)] = key(
        "four-state: chances p13, p31, p32, p23, p14 as netem names them"
    )
    loss_trace: LossTrace = key('trace: a pattern such as "0001100", repeated; 1 is lost')
    corrupt_percent: Percent = key("arrives damaged, which is as good as lost")
    duplicate_percent: Percent = key("arrives twice")
    rate_mbps: Annotated[Decimal, Quantity(0, 100_000)] = key("rate of the bottleneck; 0: infinite")
    queue_bytes: Annotated[Whole, Quantity(0, 1_000_000_000)] = key(
        "what waits for the rate at most; 0: unbounded"
    )
    rate_trace: str = key("name or path of a mahimahi-format trace, instead of rate_mbps")
    slot_ms: Annotated[Decimal, Quantity(0, 60_000)] = key(
        "datagrams set out only at multiples of this; the delay comes on top"
    )
    delay_ms: Delay = key("one-way delay")
    jitter: Jitter = key("the law of jitter; left out with jitter_ms: uniform")
    jitter_ms: Delay = key("uniform: delay ± this; else one standard deviation")
    jitter_correlation_percent: Percent = key("share of datagrams with the jitter of the one before")
    order: Literal["free", "fifo", "reorder"] = key("fifo: none overtakes; reorder: some overtake")
    reorder_percent: Percent = key("reorder: the share that is sent without delay")


class PathTable(LinkTable):
    """A directed path that differs from the others."""

    profile: str = key("start from this named profile instead of the table above")


class PathsTable(PathTable):
    """All directed paths, and those that differ."""

    path: dict[str, PathTable] = key('what differs on "0->1", "0<->1" (both ways), "0->*" or "*->0"')


class NetworkTable(PathsTable):
    """The links between the peers: a profile, keys that differ from it, and paths that differ from those."""

    canonical: ClassVar[type[Any] | None] = NetworkSetup

    transport: Literal["datagram", "stream"] = key("stream: reliable, ordered, head-of-line blocking")
    relay: PathsTable = key("the way over the relay, for pairs that an event switches to it")


class EventTable(Table):
    """What all events have. Without `for_s` (where it is known) it lasts to the end."""

    at_s: Seconds = needed("when, in simulated time from the start of the handshake")


class OnPaths(EventTable):
    paths: PathNames = key('directed paths: "0->1", "0<->1", "0->*", "*->0"; left out: all')
    for_s: Duration = key("how long; left out: to the end")


class OnPeers(EventTable):
    peers: Peers = needed("the peers to which it happens")


class Blackout(OnPaths):
    """Nothing passes on the paths, over the relay neither."""

    kind: Literal["blackout"]


class LinkChange(OnPaths, PathTable):
    """The direct paths change: the keys of [network] that are given, over what the paths have then."""

    kind: Literal["link"]


class Relay(OnPaths):
    """The paths go over the relay."""

    kind: Literal["relay"]


class Partition(EventTable):
    """Peers of different groups do not hear each other."""

    kind: Literal["partition"]
    groups: Annotated[list[Peers], Field(min_length=1, max_length=MAX_PEERS)] = needed(
        "lists of peers; those in none of them are one more group"
    )
    for_s: Duration = key("how long; left out: to the end")


class Hostile(OnPaths):
    """Someone sends datagrams in a peer's name: noise, cut pieces, old ones again, those of other pairs."""

    kind: Literal["hostile"]
    per_s: Annotated[Whole, Quantity(1, 1_000)] = needed("how many a second on each path")


class Hidden(OnPeers):
    """The page is hidden and ticks on: idle actions, focus off."""

    kind: Literal["hidden"]
    for_s: Duration = key("how long; left out: to the end")


class Suspend(OnPeers):
    """The peer does not run at all: a frozen page, a sleeping machine."""

    kind: Literal["suspend"]
    for_s: Duration = key("how long; left out: to the end")


class Stall(OnPeers):
    """The processor is busy elsewhere: the ticks of this time come late, all at once."""

    kind: Literal["stall"]
    for_s: Duration = needed("how long")


class Crash(OnPeers):
    """The peer is gone without a word, and does not come back."""

    kind: Literal["crash"]


class Reload(OnPeers):
    """The peer is gone and comes back as a new incarnation that remembers nothing."""

    kind: Literal["reload"]
    for_s: Duration = needed("time until it is back")


class Leave(OnPeers):
    """The player leaves and says so."""

    kind: Literal["leave"]


class ClockStep(OnPeers):
    """The peer's clock jumps, as when a machine sets its time."""

    kind: Literal["clock-step"]
    step_ms: Annotated[Decimal, Quantity(-86_400_000, 86_400_000)] = needed("forward, or back if negative")


class DelayChange(OnPeers):
    """The peers' input delay is set."""

    kind: Literal["delay"]
    input_delay_frames: DelayFrames = needed("the new delay")


class AddressChange(OnPeers):
    """The peer goes on from another address, as from Wi-Fi to mobile."""

    kind: Literal["address-change"]


class Diverge(OnPeers):
    """The peer's game goes on otherwise than the partners': a wrong build, broken memory."""

    kind: Literal["diverge"]
    what: Literal["state", "row"] = needed("what is wrong: the state from then on, or one row of the data")


class Lie(OnPeers):
    """The peer says what is not so, under its own name: in some of its datagrams some bytes are others."""

    kind: Literal["lie"]
    for_s: Duration = key("how long; left out: to the end")
    lie_percent: Percent = needed("share of its datagrams")


AnyEvent: TypeAlias = Annotated[
    Blackout
    | LinkChange
    | Partition
    | Relay
    | Hostile
    | Hidden
    | Suspend
    | Stall
    | Crash
    | Reload
    | Leave
    | ClockStep
    | DelayChange
    | AddressChange
    | Diverge
    | Lie,
    Field(discriminator="kind"),
]


class HeadTable(Table):
    """What a scenario says of itself."""

    canonical: ClassVar[type[Any] | None] = Scenario

    name: Name = key("left out: the name of the file")
    summary: Annotated[str, Field(max_length=200)] = key("one line for lists")
    group: Annotated[str, Field(max_length=40)] = key("what lists are sorted by")
    seed: Annotated[Whole, Quantity(0, _MAX_SEED)] = key("everything random is made from this")
    sessions: Annotated[Whole, Quantity(1, 64)] = key("independent sessions, each with a seed of its own")
    limit_s: Seconds = key("simulated time after which the run is ended; 0: made from the game's length")


class ScenarioTable(HeadTable):
    """A scenario: what is played, by whom, over which network, what happens, and what must hold."""

    game: GameTable = needed("what is played")
    session: SessionTable = key("the settings of the core")
    player: Annotated[list[PlayerTable], Field(min_length=2, max_length=MAX_PEERS)] = needed(
        "the players, in the order of the game's agents"
    )
    host: Annotated[list[HostTable], Field(max_length=MAX_PEERS)] = key("machines that are not perfect")
    network: NetworkTable = key("the links; left out: perfect ones")
    event: Annotated[list[AnyEvent], Field(max_length=_MAX_EVENTS)] = key("what happens during the run")
    expect: dict[str, Expected] = key("figures of the result: a value, or a range")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a scenario file, for editors."""
    return reference.json_schema(ScenarioTable)


def reference_markdown() -> str:
    """The text of docs/scenario-reference.md."""
    return reference.markdown(ScenarioTable)

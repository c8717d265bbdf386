"""What a run has been through: conditions that a campaign must reach sometimes, or it has shown little.

A condition counts when it came to pass in the run, not when the scenario merely asks for it; kinds of
trouble that leave no figure behind count when they were set.
"""

from collections.abc import Iterator
from typing import Any, Final

from netsim.oracles_desync import Attribution
from rollback_core.events import EndReason
from scenarios.scenario import Scenario

SHARED_FATES: Final = (
    "hidden",
    "clock-step",
    "address-change",
    "partition",
    "link",
    "relay",
    "hostile",
    "diverge",
    "lie",
)

CONDITIONS: Final = (
    "rollback",
    "rollback through the whole window",
    "stall",
    "stall under loss",
    "lockstep",
    "suspension",
    "suspension under loss",
    "interruption",
    "interruption under loss",
    "blackout under loss",
    "delay change",
    "delay change under loss",
    "drop",
    "drop under loss",
    "two drops in one run",
    "drop and delay change in one run",
    "three kinds of events in one run",
    "desync comparison",
    "two people at one machine",
    "several episodes",
    "ordered transport",
    "more than four peers",
    "one-way trouble",
    "datagrams of an older session",
    "divergence noticed",
    "divergence attributed",
    *(f"event: {kind}" for kind in SHARED_FATES),
    *(
        f"end: {reason.value}"
        for reason in EndReason
        # A game that fails and a partner that means another match are not in generated scenarios.
        if reason not in (EndReason.GAME_FAILED, EndReason.HANDSHAKE_MISMATCH)
    ),
)


def conditions(scenario: Scenario, table: dict[str, Any]) -> list[str]:
    """Those of `CONDITIONS` that this run has met, in their order."""
    met = set(_met(scenario, table))
    return [name for name in CONDITIONS if name in met]


def _met(scenario: Scenario, table: dict[str, Any]) -> Iterator[str]:
    exercised, peers = table["exercised"], table["peers"]
    kinds = {event.kind for event in scenario.events if event.at_us < table["simulated_us"]}
    links = [path.link for path in scenario.network.paths]
    is_lossy = any(link.loss != "none" or link.corrupt_ppm for link in links) and any(
        path["lost"] for path in table["paths"]
    )
    window = scenario.session.prediction_window_frames
    for figure, name in (
        ("rollbacks", "rollback"),
        ("stalls", "stall"),
        ("suspensions", "suspension"),
        ("interruptions", "interruption"),
        ("blackouts", "blackout"),
        ("delay_changes", "delay change"),
        ("drops", "drop"),
        ("checksum_comparisons", "desync comparison"),
    ):
        if exercised[figure]:
            yield name
            if is_lossy:
                yield f"{name} under loss"
    if window and any(peer["metrics"]["rollback_depth_max_frames"] >= window for peer in peers):
        yield "rollback through the whole window"
    if not window:
        yield "lockstep"
    if "diverge" in kinds and any(peer["metrics"]["desyncs"] for peer in peers):
        yield "divergence noticed"
    if "diverge" in kinds and any(law["id"] == Attribution.id and law["checks"] for law in table["oracles"]):
        yield "divergence attributed"
    if exercised["drops"] >= 2 and len(scenario.players) == scenario.peer_count:
        yield "two drops in one run"
    if exercised["drops"] and exercised["delay_changes"]:
        yield "drop and delay change in one run"
    if len(kinds) >= 3:
        yield "three kinds of events in one run"
    if len(scenario.players) > scenario.peer_count:
        yield "two people at one machine"
    if scenario.game.episodes > 1 and table["data"]["rows"] > scenario.game.max_steps:
        yield "several episodes"
    if scenario.network.transport == "stream":
        yield "ordered transport"
    if scenario.peer_count > 4:
        yield "more than four peers"
    if len(set(links)) > 1:
        yield "one-way trouble"
    if "hostile" in kinds and table["seed"] != scenario.seed:
        yield "datagrams of an older session"
    for kind in kinds:
        yield f"event: {kind}"
    for peer in peers:
        yield f"end: {peer['end']['reason']}"

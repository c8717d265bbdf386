"""A timeline in Chrome's trace format: what its viewers would drop or not bind must not be there."""

import dataclasses
from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest

from netsim.run import RunResult, run_scenario
from netsim.trace import SLICE_US, set_durations
from scenarios.load import load_scenario
from scenarios.scenario import Event

# Jitter; copies and reordering; several ways to be late; four peers; a stream; liars; a page that comes back.
SCENARIOS = (
    "jitter-100-75",
    "jitter-reorder-duplicate",
    "stall-late-ticks",
    "drop-partition-2-2",
    "stream-bad-wifi",
    "lying-peer",
    "drop-reload",
)

Events = list[dict[str, Any]]


@cache
def played(name: str) -> RunResult:
    return run_scenario(load_scenario(name), record_trace=True)


def events_of(result: RunResult) -> Events:
    assert result.trace is not None
    return list(result.trace["traceEvents"])


def slices_by_lane(events: Events) -> dict[tuple[int, int], Events]:
    lanes = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            lanes[event["pid"], event["tid"]].append(event)
    return lanes


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_arrow_binds_to_one_slice_at_both_ends(name: str) -> None:
    events = events_of(played(name))
    lanes = slices_by_lane(events)
    starts = {(*lane, each["ts"]) for lane, slices in lanes.items() for each in slices}
    at = Counter((*lane, each["ts"]) for lane, slices in lanes.items() for each in slices)
    ends: dict[str, Counter[int]] = {"s": Counter(), "f": Counter()}
    for event in events:
        if event["ph"] in ends:
            # At the very beginning of a slice, which is the only one there: no viewer can take another.
            place = (event["pid"], event["tid"], event["ts"])
            assert place in starts
            assert at[place] == 1
            assert event.get("bp") == ("e" if event["ph"] == "f" else None)
            ends[event["ph"]][event["id"]] += 1
    assert ends["s"] == ends["f"]
    assert set(ends["s"].values()) == {1}
    assert len(ends["s"]) > 100


@pytest.mark.parametrize("name", SCENARIOS)
def test_slices_of_a_lane_nest_or_are_apart(name: str) -> None:
    for slices in slices_by_lane(events_of(played(name))).values():
        open_until: list[int] = []
        for each in sorted(slices, key=lambda each: (each["ts"], -each["dur"])):
            assert 0 < each["dur"] <= SLICE_US
            while open_until and open_until[-1] <= each["ts"]:
                open_until.pop()
            assert not open_until or each["ts"] + each["dur"] <= open_until[-1]
            open_until.append(each["ts"] + each["dur"])


def test_a_slice_with_others_in_it_ends_before_the_next() -> None:
    """A frame with its rollback, soon after another, and soon before a third."""
    begins = [(0, 7), (0, 8), (400, 7), (400, 7), (1_000, 7), (5_000, 7)]
    events: Events = [{"ph": "X", "ts": at_us, "tid": tid} for at_us, tid in begins]
    set_durations(events)
    assert [event["dur"] for event in events] == [400, SLICE_US, 600, 600, SLICE_US, SLICE_US]


@pytest.mark.parametrize("name", SCENARIOS)
def test_time_never_goes_back(name: str) -> None:
    times = [event["ts"] for event in events_of(played(name)) if event["ph"] != "M"]
    assert times == sorted(times)


@pytest.mark.parametrize("name", SCENARIOS)
def test_lanes_are_named_and_belong_to_one_process(name: str) -> None:
    events = events_of(played(name))
    named: dict[str, set[Any]] = {"process_name": set(), "thread_name": set()}
    for event in events:
        if event["name"] in named:
            named[event["name"]].add(event["pid" if event["name"] == "process_name" else "tid"])
    assert {event["pid"] for event in events} == named["process_name"]
    assert {event["tid"] for event in events} == named["thread_name"]
    assert 0 not in named["process_name"] | named["thread_name"]  # viewers take 0 for the idle process
    assert len({(event["pid"], event["tid"]) for event in events}) == len(named["thread_name"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_datagram_is_there(name: str) -> None:
    """Also those that were lost: a sending without an arrow."""
    result = played(name)
    events = events_of(result)
    sizes = Counter[str]()
    for event in events:
        if event["ph"] == "X" and event["name"] in ("sent", "received"):
            sizes[event["name"]] += len(event["args"]["bytes"])
    paths = result.table["paths"]
    assert sizes["sent"] == sum(path["sent"] for path in paths)
    arrows = sum(event["ph"] == "s" for event in events)
    assert sizes["received"] == arrows == sum(path["delivered"] for path in paths)


def test_a_peer_that_never_ran_has_a_name() -> None:
    scenario = load_scenario("latency-lan")
    crash = Event(at_us=0, kind="crash", peers=(1,))
    late = dataclasses.replace(scenario.hosts[1], start_us=10_000_000)
    scenario = dataclasses.replace(scenario, hosts=(scenario.hosts[0], late), events=(crash,))
    events = events_of(run_scenario(scenario, record_trace=True, oracles=False))
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert set(names.values()) == {"faults", "peer 0", "peer 1"}
    assert names.keys() == {event["pid"] for event in events}


def of_faults(events: Events) -> list[tuple[str, int, int]]:
    begun = {event["id"]: event for event in events if event["ph"] == "b"}
    ended = {event["id"]: event for event in events if event["ph"] == "e"}
    assert begun.keys() == ended.keys()
    assert all(begun[key]["name"] == ended[key]["name"] for key in begun)
    assert all(begun[key]["cat"] == ended[key]["cat"] == "fault" for key in begun)
    return [(begun[key]["name"], begun[key]["ts"], ended[key]["ts"]) for key in sorted(begun)]


def test_a_fault_is_drawn_for_as_long_as_it_lasts() -> None:
    scenario = dataclasses.replace(
        load_scenario("latency-lan"),
        events=(
            Event(at_us=1_000_000, kind="link", paths=("0->1",), patch={"delay_us": 5_000}),
            Event(at_us=1_500_000, kind="link", paths=("1->0",), for_us=700_000, patch={"delay_us": 5_000}),
            Event(at_us=2_000_000, kind="delay", peers=(0,), value=3),
            Event(at_us=2_100_000, kind="reload", peers=(1,), for_us=0),
            Event(at_us=3_000_000, kind="hidden", peers=(0,), for_us=3_600_000_000),
            Event(at_us=3_100_000, kind="crash", peers=(1,)),
            Event(at_us=3_600_000_000, kind="blackout", paths=("0->1",)),
        ),
    )
    result = run_scenario(scenario, record_trace=True, oracles=False)
    end_us = result.table["simulated_us"]
    assert of_faults(events_of(result)) == [
        ("link", 1_000_000, end_us),
        ("link", 1_500_000, 2_200_000),
        ("delay", 2_000_000, 2_000_000 + SLICE_US),
        ("reload", 2_100_000, 2_100_000 + SLICE_US),
        ("hidden", 3_000_000, end_us),
        ("crash", 3_100_000, end_us),
    ]  # and the blackout never came
    told = [event["args"] for event in events_of(result) if event["ph"] == "b"]
    assert told[0] == {"paths": ["0->1"], "patch": {"delay_us": 5_000}}
    assert told[2] == {"peers": [0], "value": 3}


def test_counters_say_what_the_figures_say() -> None:
    seen = Counter[str]()
    for name in ("jitter-100-75", "blackout-repeated", "delay-up-down", "drift-fast-timer"):
        result = played(name)
        last: dict[tuple[int, str], int] = {}
        highest: Counter[tuple[int, str]] = Counter()
        for event in events_of(result):
            if event["ph"] == "C":
                (value,) = event["args"].values()
                key = (event["pid"], event["name"])
                assert value != last.get(key)  # only what has changed is told
                last[key] = value
                highest[key] = max(highest[key], value)
        pids = sorted({pid for pid, _ in last})
        for pid, peer in zip(pids, result.table["peers"], strict=True):
            figures = peer["metrics"]
            assert highest[pid, "rollback depth"] == figures["rollback_depth_max_frames"]
            assert highest[pid, "unconfirmed"] >= figures["confirmation_lag_max_frames"]
            assert last[pid, "stalled ticks"] == figures["stalled_ticks"]
            assert last[pid, "input delay"] == figures["input_delay_frames"]
            assert (highest[pid, "skips owed"] > 0) <= (figures["skipped_ticks"] > 0)
            seen.update({name: value for (owner, name), value in highest.items() if owner == pid})
    assert min(seen.values()) > 0
    assert len(seen) == 5

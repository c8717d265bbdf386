"""A Perfetto trace holds what the timeline in JSON holds: read back by Perfetto's own definitions."""

import dataclasses
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

from netsim.run import run_scenario
from reports.errors import ResultError
from reports.perfetto import perfetto_bytes, write_perfetto
from scenarios.load import load_scenario
from scenarios.scenario import Event

# They overlap without nesting; and one lasts to the end.
OVERLAPPING = (
    Event(at_us=1_000_000, kind="link", paths=("0->1",), for_us=1_000_000, patch={"delay_us": 5_000}),
    Event(at_us=1_500_000, kind="link", paths=("1->0",), for_us=1_000_000, patch={"delay_us": 9_000}),
    Event(at_us=1_600_000, kind="stall", peers=(0,), for_us=300_000),
    Event(at_us=1_700_000, kind="hidden", peers=(1,)),
)


@pytest.fixture(scope="module", params=["blackout-repeated", "jitter-100-75", "drop-reload", "overlapping"])
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "overlapping":
        scenario = dataclasses.replace(load_scenario("latency-100ms"), events=OVERLAPPING)
    else:
        scenario = load_scenario(request.param)
    trace = run_scenario(scenario, record_trace=True, oracles=False).trace
    assert trace is not None
    return dict(json.loads(json.dumps(trace)))


@pytest.fixture(scope="module")
def converted(recorded: dict[str, Any]) -> Any:
    trace = Trace()
    trace.ParseFromString(perfetto_bytes(recorded))
    return trace


# What both formats say, in one form: (process, lane, name, begin, end, args as JSON, arrows out, arrows in).
Said = tuple[str, str, str, int, int, str, tuple[int, ...], tuple[int, ...]]


def in_json(trace: dict[str, Any]) -> list[Said]:
    events = trace["traceEvents"]
    processes = {each["pid"]: each["args"]["name"] for each in events if each["name"] == "process_name"}
    lanes = {each["tid"]: each["args"]["name"] for each in events if each["name"] == "thread_name"}
    arrows = defaultdict(list)
    over_us = {}
    for each in events:
        if each["ph"] in "sf":
            arrows[each["ph"], each["tid"], each["ts"]].append(each["id"])
        elif each["ph"] == "e":
            over_us[each["id"]] = each["ts"]
    said = []
    for each in events:
        if each["ph"] in "XbCi":
            tid, at_us, args = each["tid"], each["ts"], each.get("args", {})
            end_us = over_us[each["id"]] if each["ph"] == "b" else at_us + each.get("dur", 0)
            lane = lanes[tid] if each["ph"] in "Xi" else each["name"]
            both = [tuple(arrows[end, tid, at_us]) if each["ph"] == "X" else () for end in "sf"]
            told = json.dumps(args, sort_keys=True)
            said.append((processes[each["pid"]], lane, each["name"], at_us, end_us, told, both[0], both[1]))
    return sorted(said)


def value_of(annotation: Any) -> Any:
    if annotation.array_values:
        return [value_of(item) for item in annotation.array_values]
    if annotation.dict_entries:
        return {item.name: value_of(item) for item in annotation.dict_entries}
    kind = annotation.WhichOneof("value")
    value = getattr(annotation, kind)
    return json.loads(value) if kind == "legacy_json_value" else value


def in_packets(trace: Any) -> list[Said]:
    tracks = {
        each.track_descriptor.uuid: each.track_descriptor
        for each in trace.packet
        if each.HasField("track_descriptor")
    }
    said: list[Said] = []
    open_slices: dict[int, list[Said]] = defaultdict(list)
    for packet in trace.packet:
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        track = tracks[event.track_uuid]
        at_us, rest = divmod(packet.timestamp, 1_000)
        assert rest == 0
        args = {each.name: value_of(each) for each in event.debug_annotations}
        if event.type == TrackEvent.TYPE_COUNTER:
            args = {track.counter.unit_name: event.counter_value}
        told = json.dumps(args, sort_keys=True)
        process = tracks[track.parent_uuid].name
        flows = tuple(event.flow_ids), tuple(event.terminating_flow_ids)
        one = (process, track.name, event.name or track.name, at_us, at_us, told, *flows)
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            open_slices[track.uuid].append(one)
        elif event.type == TrackEvent.TYPE_SLICE_END:
            begun = open_slices[track.uuid].pop()
            said.append((*begun[:4], at_us, *begun[5:]))
        else:
            said.append(one)
    assert not any(open_slices.values())
    return sorted(said)


def test_nothing_is_lost(recorded: dict[str, Any], converted: Any) -> None:
    said = in_json(recorded)
    assert in_packets(converted) == said
    assert sum(len(out) for *_, out, _ in said) == sum(len(into) for *_, into in said) > 100
    assert sum(args != "{}" for *_, args, _, _ in said) > 100
    phases = {event["ph"] for event in recorded["traceEvents"]}
    assert phases >= set("MXCisf")


def test_args_of_any_shape() -> None:
    full = {"a": 1, "b": -2.5, "c": "d", "e": True, "f": [1, [2], {"g": "h"}], "i": {"j": [3]}}
    args = full | {"k": 0, "l": "", "m": False, "n": None, "o": [], "p": {}, "q": [[], None]}
    lane = {"ph": "M", "name": "thread_name", "pid": 1, "tid": 7, "args": {"name": "lane"}}
    owner = {"ph": "M", "name": "process_name", "pid": 1, "tid": 7, "args": {"name": "owner"}}
    event = {"ph": "X", "name": "x", "ts": 5, "dur": 2, "pid": 1, "tid": 7, "args": args}
    table = {"traceEvents": [owner, lane, event]}
    trace = Trace()
    trace.ParseFromString(perfetto_bytes(table))
    assert in_packets(trace) == in_json(table)


def test_lanes_have_their_names_and_counters_are_counters(converted: Any) -> None:
    tracks = {
        packet.track_descriptor.uuid: packet.track_descriptor
        for packet in converted.packet
        if packet.HasField("track_descriptor")
    }
    names = {track.name for track in tracks.values()}
    assert {"peer 0", "peer 1", "frames", "to peer 1", "from peer 0", "unconfirmed"} <= names
    assert all(track.parent_uuid in tracks for track in tracks.values() if track.parent_uuid)
    for packet in converted.packet:
        if packet.HasField("track_event"):
            track = tracks[packet.track_event.track_uuid]
            assert track.HasField("counter") == (packet.track_event.type == TrackEvent.TYPE_COUNTER)


def test_time_never_goes_back_and_slices_nest(converted: Any) -> None:
    before = 0
    depths: Counter[int] = Counter()
    for packet in converted.packet:
        if packet.HasField("track_event"):
            assert packet.timestamp >= before
            before = packet.timestamp
            kind = packet.track_event.type
            depths[packet.track_event.track_uuid] += (kind == TrackEvent.TYPE_SLICE_BEGIN) - (
                kind == TrackEvent.TYPE_SLICE_END
            )
            assert min(depths.values()) >= 0
    assert set(depths.values()) == {0}


def test_a_folder_without_a_timeline(tmp_path: Path, recorded: dict[str, Any]) -> None:
    with pytest.raises(ResultError, match="no timeline was recorded"):
        write_perfetto(tmp_path, tmp_path / "x.pftrace")
    (tmp_path / "trace.json").write_text("{")
    with pytest.raises(ResultError, match="not JSON"):
        write_perfetto(tmp_path, tmp_path / "x.pftrace")
    (tmp_path / "trace.json").write_text("{}")
    with pytest.raises(ResultError, match="missing"):
        write_perfetto(tmp_path, tmp_path / "x.pftrace")
    lane = {"ph": "M", "name": "thread_name", "pid": 0, "tid": 0, "args": {"name": "peer 0"}}
    arrow = {"ph": "s", "name": "0→1", "ts": 0, "pid": 0, "tid": 0, "id": 1}
    (tmp_path / "trace.json").write_text(json.dumps({"traceEvents": [lane, arrow]}))
    with pytest.raises(ResultError, match="no slice at an end"):  # as an older build drew them
        write_perfetto(tmp_path, tmp_path / "x.pftrace")
    (tmp_path / "trace.json").write_text(json.dumps(recorded))
    assert write_perfetto(tmp_path, tmp_path / "x.pftrace").stat().st_size > 10_000

"""A Perfetto trace holds what the timeline in JSON holds: read back by Perfetto's own definitions."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

from netsim.run import run_scenario
from reports.errors import ResultError
from reports.perfetto import perfetto_bytes, write_perfetto
from scenarios.load import load_scenario


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    scenario = load_scenario("blackout-repeated")
    trace = run_scenario(scenario, record_trace=True).trace
    assert trace is not None
    return dict(json.loads(json.dumps(trace)))


@pytest.fixture(scope="module")
def converted(recorded: dict[str, Any]) -> Any:
    trace = Trace()
    trace.ParseFromString(perfetto_bytes(recorded))
    return trace


def test_nothing_is_lost(recorded: dict[str, Any], converted: Any) -> None:
    phases = Counter(event["ph"] for event in recorded["traceEvents"])
    types = Counter(packet.track_event.type for packet in converted.packet if packet.HasField("track_event"))
    assert types[TrackEvent.TYPE_SLICE_BEGIN] == types[TrackEvent.TYPE_SLICE_END] == phases["X"]
    assert types[TrackEvent.TYPE_COUNTER] == phases["C"]
    assert types[TrackEvent.TYPE_INSTANT] == phases["i"] + phases["s"] + phases["f"]
    starts = [flow for packet in converted.packet for flow in packet.track_event.flow_ids]
    ends = [flow for packet in converted.packet for flow in packet.track_event.terminating_flow_ids]
    assert sorted(starts) == sorted(ends)
    assert len(set(starts)) == phases["s"] > 100


def test_lanes_have_their_names_and_counters_are_counters(converted: Any) -> None:
    tracks = {
        packet.track_descriptor.uuid: packet.track_descriptor
        for packet in converted.packet
        if packet.HasField("track_descriptor")
    }
    names = {track.name for track in tracks.values()}
    assert {"peer 0", "peer 1", "faults", "unconfirmed 0", "blackout"} <= names
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
    (tmp_path / "trace.json").write_text(json.dumps(recorded))
    assert write_perfetto(tmp_path, tmp_path / "x.pftrace").stat().st_size > 10_000

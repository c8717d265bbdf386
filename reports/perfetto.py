"""The timeline of a run as a Perfetto trace: the same lanes, slices, arrows and counters in its own format.

Source: perfetto.dev, "Synthetic TrackEvent". A process is a track, its lanes and counters are tracks under
it. A track's slices must nest, and faults overlap: each has a track of its own.
"""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

from reports.errors import ResultError
from reports.read_result import read_shaped

TRACE_FILE: Final = "trace.json"
PERFETTO_FILE: Final = "trace.pftrace"
_SEQUENCE: Final = 1  # who wrote the packets; there is one writer
_NS: Final = 1_000  # in a microsecond

_REMEDY: Final = "play the scenario with: sametick sim NAME --trace --out DIR"

Table = dict[str, Any]

_SHAPE: Final[Table] = {"traceEvents": [{"ph": str, "pid": int, "tid": int, "name": str}]}


def write_perfetto(folder: Path, target: Path) -> Path:
    """Convert the trace.json of a result folder. Raises ResultError."""
    file = folder / TRACE_FILE
    if not file.is_file():
        raise ResultError("no timeline was recorded", str(file), _REMEDY)
    target.write_bytes(perfetto_bytes(read_shaped(file, _SHAPE, _REMEDY)))
    return target


def perfetto_bytes(trace: Table) -> bytes:
    """The trace, packet after packet in the order of time."""
    from perfetto.trace_builder.proto_builder import TraceProtoBuilder

    builder = TraceProtoBuilder()
    events = trace["traceEvents"]
    tracks = _describe_all(builder, events)
    moments = [
        moment
        for order, event in enumerate(_with_arrows(events))
        if event["ph"] != "M"
        for moment in _moments(event, order, tracks)
    ]
    for at_us, _, _, fields in sorted(moments, key=lambda moment: moment[:3]):
        packet = builder.add_packet()
        packet.timestamp = at_us * _NS
        packet.trusted_packet_sequence_id = _SEQUENCE
        args = fields.pop("args", {})
        for name, value in fields.items():
            if isinstance(value, list):
                getattr(packet.track_event, name).extend(value)
            else:
                setattr(packet.track_event, name, value)
        for name, value in args.items():
            _annotate(packet.track_event.debug_annotations.add(name=name), value)
    return bytes(builder.serialize())


def _annotate(annotation: Any, value: Any) -> None:
    """Say what the JSON's args say."""
    match value:
        case _ if value in (None, [], {}):
            annotation.legacy_json_value = json.dumps(value)  # there is no other word for these
        case bool():
            annotation.bool_value = value
        case int():
            annotation.int_value = value
        case float():
            annotation.double_value = value
        case str():
            annotation.string_value = value
        case list():
            for item in value:
                _annotate(annotation.array_values.add(), item)
        case dict():
            for name, item in value.items():
                _annotate(annotation.dict_entries.add(name=name), item)


# Tracks.


def _track_of(event: Table) -> Hashable:
    """What names the track of an event."""
    match event["ph"]:
        case "C":
            return "counter", event["pid"], event["name"]
        case "b" | "e":
            return "asynchronous", event["pid"], event["cat"], event["id"]
        case _:
            return "lane", event["tid"]


def _describe_all(builder: Any, events: list[Table]) -> dict[Hashable, int]:
    """Describe every track, each process's own before those in it; gives their numbers, from 1."""
    tracks: dict[Hashable, int] = {}
    for event in events:
        if event["name"] == "process_name":
            track = tracks["process", event["pid"]] = len(tracks) + 1
            described = _describe(builder, track, event["args"]["name"])
            described.child_ordering = described.EXPLICIT  # by rank
    lanes = {_track_of(event) for event in events if event["ph"] in "Xi"}
    for event in events:
        key = _track_of(event)
        parent = tracks.get(("process", event["pid"]), 0)
        if event["name"] == "thread_name" and key in lanes:
            tracks[key] = len(tracks) + 1
            _describe(builder, tracks[key], event["args"]["name"], parent)
        elif event["ph"] in "Cb" and key not in tracks:
            tracks[key] = len(tracks) + 1
            described = _describe(builder, tracks[key], event["name"], parent)
            if event["ph"] == "C":
                (described.counter.unit_name,) = event["args"]
    return tracks


def _describe(builder: Any, track: int, name: str, parent: int = 0) -> Any:
    packet = builder.add_packet()
    packet.trusted_packet_sequence_id = _SEQUENCE
    packet.track_descriptor.uuid = track
    packet.track_descriptor.name = name
    packet.track_descriptor.sibling_order_rank = track
    if parent:
        packet.track_descriptor.parent_uuid = parent
    return packet.track_descriptor


# Events.


def _with_arrows(events: list[Table]) -> list[Table]:
    """The events without those for arrows, which the slices that begin with them have instead."""
    arrows: dict[tuple[int, int], Table] = {}
    for event in events:
        if event["ph"] in "sf":
            ends = arrows.setdefault((event["tid"], event["ts"]), {"s": [], "f": []})
            ends[event["ph"]].append(event["id"])
    merged = []
    for event in events:
        if event["ph"] == "X":
            merged.append({**event, "arrows": arrows.pop((event["tid"], event["ts"]), {})})
        elif event["ph"] not in "sf":
            merged.append(event)
    if arrows:
        raise ResultError("an arrow has no slice at an end", TRACE_FILE, _REMEDY)
    return merged


Moment = tuple[int, int, int, Table]
"""Time, what comes first of equal times, the order among those, and a track event's fields."""

_END, _BEGIN, _POINT = 0, 1, 2


def _moments(event: Table, order: int, tracks: dict[Hashable, int]) -> list[Moment]:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent

    at_us = event["ts"]
    fields = {"track_uuid": tracks[_track_of(event)]}
    end = {**fields, "type": TrackEvent.TYPE_SLICE_END}
    said = {**fields, "name": event["name"], "args": event.get("args", {})}
    match event["ph"]:
        case "X":
            begin = {**said, "type": TrackEvent.TYPE_SLICE_BEGIN}
            begin["flow_ids"] = event["arrows"].get("s", [])
            begin["terminating_flow_ids"] = event["arrows"].get("f", [])
            # What begins later within a slice ends first.
            return [(at_us, _BEGIN, order, begin), (at_us + event["dur"], _END, -order, end)]
        case "b":
            return [(at_us, _BEGIN, order, {**said, "type": TrackEvent.TYPE_SLICE_BEGIN})]
        case "e":
            return [(at_us, _END, -order, end)]
        case "C":
            (value,) = event["args"].values()
            counted = {**fields, "type": TrackEvent.TYPE_COUNTER, "counter_value": value}
            return [(at_us, _POINT, order, counted)]
        case "i":
            return [(at_us, _POINT, order, {**said, "type": TrackEvent.TYPE_INSTANT})]
    raise ResultError(f"an event of an unknown phase: {event['ph']!r}", TRACE_FILE, _REMEDY)

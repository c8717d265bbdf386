"""The timeline of a run as a Perfetto trace: the same lanes, slices, arrows and counters in its own format.

Source: perfetto.dev, "Synthetic TrackEvent". A lane's slices must nest, and faults overlap: each has a
track of its own under theirs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from reports.errors import ResultError
from reports.read_result import read_shaped

TRACE_FILE: Final = "trace.json"
PERFETTO_FILE: Final = "trace.pftrace"
FAULTS: Final = "faults"
_SEQUENCE: Final = 1  # who wrote the packets; there is one writer
_COUNTERS_FROM: Final = 1_000
_FAULTS_FROM: Final = 100_000
_NS: Final = 1_000  # in a microsecond

_REMEDY: Final = "play the scenario with: sametick sim NAME --trace --out DIR"

Table = dict[str, Any]

_SHAPE: Final[Table] = {"traceEvents": [{"ph": str, "tid": int, "name": str}]}


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
    lanes = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
    counters = sorted({event["name"] for event in events if event["ph"] == "C"})
    for lane, name in lanes.items():
        _describe(builder, _lane_track(lane), name)
    for index, name in enumerate(counters):
        _describe(builder, _COUNTERS_FROM + index, name, is_counter=True)
    faults = [event for event in events if event["ph"] == "X" and lanes[event["tid"]] == FAULTS]
    for index, event in enumerate(faults):
        _describe(builder, _FAULTS_FROM + index, event["name"], parent=_lane_track(event["tid"]))
    moments = [
        moment for order, event in enumerate(events) for moment in _moments(event, order, counters, faults)
    ]
    for at_us, _, _, fields in sorted(moments, key=lambda moment: moment[:3]):
        packet = builder.add_packet()
        packet.timestamp = at_us * _NS
        packet.trusted_packet_sequence_id = _SEQUENCE
        for name, value in fields.items():
            if isinstance(value, list):
                getattr(packet.track_event, name).extend(value)
            else:
                setattr(packet.track_event, name, value)
    return bytes(builder.serialize())


def _lane_track(lane: int) -> int:
    return lane + 1  # a track's number is not 0


def _describe(builder: Any, track: int, name: str, *, parent: int = 0, is_counter: bool = False) -> None:
    packet = builder.add_packet()
    packet.trusted_packet_sequence_id = _SEQUENCE
    packet.track_descriptor.uuid = track
    packet.track_descriptor.name = name
    if parent:
        packet.track_descriptor.parent_uuid = parent
    if is_counter:
        packet.track_descriptor.counter.SetInParent()


Moment = tuple[int, int, int, Table]
"""Time, what comes first of equal times, the order among those, and a track event's fields."""

_END, _BEGIN, _POINT = 0, 1, 2


def _moments(event: Table, order: int, counters: list[str], faults: list[Table]) -> Iterator[Moment]:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent

    at_us, track = event["ts"] if "ts" in event else 0, _lane_track(event["tid"])
    match event["ph"]:
        case "X":
            if event in faults:
                track = _FAULTS_FROM + faults.index(event)
            begin = {"type": TrackEvent.TYPE_SLICE_BEGIN, "track_uuid": track, "name": event["name"]}
            yield at_us, _BEGIN, order, begin
            # What begins later within a slice ends first.
            end = {"type": TrackEvent.TYPE_SLICE_END, "track_uuid": track}
            yield at_us + event["dur"], _END, -order, end
        case "C":
            value = int(event["args"]["frames"])
            track = _COUNTERS_FROM + counters.index(event["name"])
            yield (
                at_us,
                _POINT,
                order,
                {
                    "type": TrackEvent.TYPE_COUNTER,
                    "track_uuid": track,
                    "counter_value": value,
                },
            )
        case "i" | "s" | "f":
            fields = {"type": TrackEvent.TYPE_INSTANT, "track_uuid": track, "name": event["name"]}
            if event["ph"] == "s":
                fields["flow_ids"] = [event["id"]]
            elif event["ph"] == "f":
                fields["terminating_flow_ids"] = [event["id"]]
            yield at_us, _POINT, order, fields

"""Control messages between participants and server, version 1: the only way in for their text.

Every message is checked here, field by field, before anything else sees it. What the server sends is
made from the same kind of models, so that the contract in docs/live.md stands in one place.
"""

import json
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import from_json

from rollback_core.metrics import SERIES

PROTOCOL_VERSION: Final = 1
MAX_TEXT_BYTES: Final = 64 * 1024  # any message but a chunk
MAX_CHUNK_BYTES: Final = 256 * 1024  # 600 frames of eight players with infos
MAX_REPORT_BYTES: Final = 4 * 1024 * 1024  # `finished` of hours of play, ten points a second
MAX_PEERS: Final = 8
_MAX_INT: Final = 2**53  # what JavaScript can say exactly

Count = Annotated[int, Field(ge=0, le=_MAX_INT)]
PeerNumber = Annotated[int, Field(ge=0, lt=MAX_PEERS)]
Word = Annotated[str, Field(max_length=200)]
MatchId = Annotated[str, Field(pattern=r"^[0-9a-z]{1,40}$")]


class ProtocolError(Exception):
    """A message that is none of ours. `code` goes into the log and to the sender."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


def strict_json(text: str) -> Any:
    """JSON as its standard has it; ValueError for NaN, numbers too great, half surrogates, deep nesting."""
    value = from_json(text, allow_inf_nan=False)
    json.dumps(value, allow_nan=False)  # 1e999 would be read as infinity
    return value


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong: where, and what; never what was given."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Hello(Message):
    type: Literal["hello"]
    v: int
    build_id: Word
    token: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{20,60}$")] | None
    label: Annotated[dict[Word, Word], Field(max_length=16)]


class Loaded(Message):
    type: Literal["loaded"]
    step_cost_us: Count


class SignalItem(Message):
    serial: Count
    body: dict[str, Any]  # what peers tell each other is their business; its size is limited


class Signal(Message):
    type: Literal["signal"]
    match_id: MatchId
    to: PeerNumber
    items: Annotated[list[SignalItem], Field(max_length=512)]
    ack: Count


class Chunk(Message):
    type: Literal["chunk"]
    match_id: MatchId
    table: Literal["frames", "local", "log"]
    serial: Annotated[int, Field(ge=0, le=1_000_000)]
    data: str


class InvalidFrom(Message):
    frame: Annotated[int, Field(ge=-1, le=_MAX_INT)]
    reason: Word


Number = Annotated[int, Field(ge=-_MAX_INT, le=_MAX_INT)] | Annotated[float, Field(allow_inf_nan=False)]
Points = Annotated[list[Number | None], Field(max_length=1_000_000)]
DepthCount = Annotated[list[Count], Field(min_length=2, max_length=2)]  # [depth, rollbacks]


class Finished(Message):
    type: Literal["finished"]
    match_id: MatchId
    reason: Annotated[str, Field(pattern=r"^[a-z-]{1,40}$")]
    peer: PeerNumber | None
    frame: Annotated[int, Field(ge=-1, le=_MAX_INT)]
    detail: Annotated[str, Field(max_length=1_000)]
    invalid_from: InvalidFrom | None
    counts: Annotated[dict[Literal["frames", "local", "log"], Count], Field(max_length=3)]
    metrics: Annotated[dict[Word, Count], Field(max_length=64)]
    depth_histogram: Annotated[list[DepthCount], Field(max_length=1_000)]
    series: Annotated[dict[Word, Points], Field(max_length=len(SERIES))]

    @model_validator(mode="after")
    def _has_whole_series(self) -> Self:
        columns = [self.series.get(name, []) for name in SERIES]
        if self.series and (set(self.series) != set(SERIES) or len({len(c) for c in columns}) > 1):
            raise ValueError("series: columns are missing or of different lengths")
        if None in columns[0]:
            raise ValueError("series: a point has no time")
        return self


class Pong(Message):
    type: Literal["pong"]
    t: Count


class Bye(Message):
    type: Literal["bye"]


FromParticipant: TypeAlias = Hello | Loaded | Signal | Chunk | Finished | Pong | Bye

_ADAPTER: Final[TypeAdapter[Any]] = TypeAdapter(Annotated[FromParticipant, Field(discriminator="type")])


def parse(text: str) -> FromParticipant:
    """The message in a text frame; ProtocolError for anything else."""
    size = len(text.encode(errors="replace"))
    if size > MAX_REPORT_BYTES:
        raise ProtocolError("TOO-LONG", f"{size} bytes")
    try:
        message: FromParticipant = _ADAPTER.validate_python(strict_json(text))
    except ValidationError as error:
        raise ProtocolError("BAD-MESSAGE", first_fault(error)) from None
    except ValueError as error:
        raise ProtocolError("BAD-MESSAGE", f"not JSON: {error}") from None
    limit = {Chunk: MAX_CHUNK_BYTES, Finished: MAX_REPORT_BYTES}.get(type(message), MAX_TEXT_BYTES)
    if size > limit:
        raise ProtocolError("TOO-LONG", f"{message.type} of {size} bytes, at most {limit}")
    return message

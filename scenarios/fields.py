"""What a single key of a scenario file can hold: numbers in a range, names, and how a key is declared."""

from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from rollback_core.config import MAX_DELAY_FRAMES
from rollback_core.simulation import MAX_PLAYERS
from scenarios.quantities import Quantity, shown
from scenarios.scenario import JITTER_SHAPES, TABLE_PREFIX

MAX_PEERS: Final = MAX_PLAYERS  # each player sits at one peer, and no peer is empty
HOUR_S: Final = 3_600
_MAX_TRACE_CHARS: Final = 100_000  # a loss trace of 100,000 packets is an hour at 28 a second

Whole: TypeAlias = int
Scalar: TypeAlias = int | str | bool


def key(description: str, **constraints: Any) -> Any:
    """A key that may be left out; its default stands in the canonical dataclass."""
    return Field(default=None, description=description, **constraints)


def needed(description: str, **constraints: Any) -> Any:
    return Field(description=description, **constraints)


def _named(value: object, names: tuple[str, ...], otherwise: str) -> str:
    """A known name, or a reference that has a colon in it (a file or a module, and what is in it)."""
    if isinstance(value, str) and (value in names or ":" in value[1:-1]):
        return value
    raise PydanticCustomError(
        "name",
        "must be one of {names} or {otherwise}, not {shown}",
        {"names": ", ".join(names), "otherwise": otherwise, "shown": shown(value)},
    )


def _bot(value: object) -> str:
    return _named(value, ("random", "scripted", "idle"), '"path.py:attr"')


def _jitter(value: object) -> str:
    return _named(value, JITTER_SHAPES, f'"{TABLE_PREFIX}NAME-OR-PATH"')


def _scalar(value: object) -> Scalar:
    if isinstance(value, (bool, int, str)):
        return value
    raise PydanticCustomError(
        "scalar", "must be a whole number, a string or true/false, not {shown}", {"shown": shown(value)}
    )


def _loss_trace(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= _MAX_TRACE_CHARS and not value.strip("01"):
        return value
    raise PydanticCustomError(
        "loss_trace", "must be a string of 0 (let by) and 1 (lost), not {shown}", {"shown": shown(value)}
    )


def _name(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= 80 and value.strip() == value and value.isprintable():
        return value
    raise PydanticCustomError(
        "name", "must be 1 to 80 printable characters, not {shown}", {"shown": shown(value)}
    )


def _text_schema(**more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


Name: TypeAlias = Annotated[str, PlainValidator(_name), _text_schema(minLength=1, maxLength=80)]
Bot: TypeAlias = Annotated[str, PlainValidator(_bot), _text_schema(examples=["random", "scripted", "idle"])]
Jitter: TypeAlias = Annotated[str, PlainValidator(_jitter), _text_schema(examples=list(JITTER_SHAPES))]
LossTrace: TypeAlias = Annotated[str, PlainValidator(_loss_trace), _text_schema(pattern="^[01]+$")]
Param: TypeAlias = Annotated[
    Scalar, PlainValidator(_scalar), WithJsonSchema({"type": ["integer", "string", "boolean"]})
]
Peer: TypeAlias = Annotated[Whole, Quantity(0, MAX_PEERS - 1)]
Peers: TypeAlias = Annotated[list[Peer], Field(min_length=1, max_length=MAX_PEERS)]
DelayFrames: TypeAlias = Annotated[Whole, Quantity(0, MAX_DELAY_FRAMES)]
Seconds: TypeAlias = Annotated[Decimal, Quantity(0, 24 * HOUR_S)]
Duration: TypeAlias = Annotated[
    Decimal, Quantity(Decimal("0.001"), 24 * HOUR_S)
]  # 0 would read as "never ends"
Percent: TypeAlias = Annotated[Decimal, Quantity(0, 100)]
Delay: TypeAlias = Annotated[Decimal, Quantity(0, 60_000)]
PathNames: TypeAlias = Annotated[list[str], Field(min_length=1, max_length=MAX_PEERS * MAX_PEERS)]


Expected: TypeAlias = Annotated[
    Any,  # `expectations.py` knows which figure takes what
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["number", "string"]},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "properties": {"min": {"type": "number"}, "max": {"type": "number"}},
                },
            ]
        }
    ),
]

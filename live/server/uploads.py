"""What a participant has uploaded, read back: every chunk is checked here before anything trusts it.

A chunk that cannot be read ends its table: what came before it counts, and the upload names the problem.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Strict, ValidationError

from live.server.protocol import Count, Word, first_fault, strict_json

Frame: TypeAlias = Annotated[tuple[list[Count], Count, Count], Strict(False)]  # actions, focus, left
LogLine: TypeAlias = Annotated[tuple[Count, Word, dict[str, Any]], Strict(False)]  # time, kind, fields


class _Chunk(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Frames(_Chunk):
    first: Count
    frames: list[Frame]
    rows: str


class _Local(_Chunk):
    rows: str


class _Log(_Chunk):
    events: list[LogLine]


_AnyChunk = TypeVar("_AnyChunk", bound=_Chunk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One peer's tables, as text or in `Frame`s and `LogLine`s; `problem` is what could not be read."""

    frames: list[Frame]
    rows: str
    local: str = ""
    log: tuple[LogLine, ...] = ()
    problem: str | None = None


def read_upload(frames: Sequence[str], local: Sequence[str] = (), log: Sequence[str] = ()) -> Upload:
    """The upload of one peer from its chunks, however wrong these are."""
    problems: list[str] = []
    played: list[Frame] = []
    rows: list[str] = []
    for chunk in _read("frames", frames, _Frames, problems):
        if chunk.first != len(played):
            problems.append(f"frames: a chunk begins with frame {chunk.first}, not {len(played)}")
            break
        played += chunk.frames
        rows.append(chunk.rows)
    return Upload(
        frames=played,
        rows="".join(rows),
        local="".join(chunk.rows for chunk in _read("local", local, _Local, problems)),
        log=tuple(line for chunk in _read("log", log, _Log, problems) for line in chunk.events),
        problem="; ".join(problems) or None,
    )


def _read(
    table: str, chunks: Sequence[str], model: type[_AnyChunk], problems: list[str]
) -> Iterator[_AnyChunk]:
    """The chunks up to the first that is none."""
    for number, text in enumerate(chunks):
        try:
            yield model.model_validate(strict_json(text))
        except ValidationError as error:
            problems.append(f"{table} chunk {number}: {first_fault(error)}")
            return
        except ValueError as error:
            problems.append(f"{table} chunk {number} is not JSON: {error}")
            return

"""Named network profiles, jitter tables and rate traces: from text files to values.

A name without a slash or suffix means a file that ships with the package; all else is a path.
Profiles are TOML with a `summary` and a table `[link]` that has the keys of a path in a scenario file;
tables are iproute2's `.dist` text; traces are mahimahi's, one line per 1,500 bytes that may leave.
Whatever is wrong with a file raises ScenarioError, which names the file and the key or line.
"""

import functools
import tomllib
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from scenarios.problems import ScenarioError, describe, did_you_mean, problem
from scenarios.scenario import TABLE_PREFIX, LinkSetup
from scenarios.schema import LinkTable, Table

TABLE_SCALE: Final = 8192  # of a .dist entry: this much is one standard deviation
TRACE_BYTES: Final = 1500  # that leave at one line of a trace

_MAX_TABLE_ENTRIES: Final = 16_384  # what tc itself accepts
_MAX_TABLE_VALUE: Final = 32_767  # tc keeps an entry in 16 bits
_MAX_TRACE_LINES: Final = 1_000_000  # 12 Mbit/s for a quarter of an hour
_MAX_DIGITS: Final = 12  # of a number in a table or trace: thirty years in milliseconds
_MAX_FILE_BYTES: Final = 16_000_000  # a million lines of any trace that fits an hour


class ProfileTable(Table):
    """A file of a named network profile."""

    summary: Annotated[str, Field(min_length=1, max_length=200)]
    link: LinkTable


def profile_names() -> tuple[str, ...]:
    """The profiles that ship with the package, sorted."""
    return _shipped_names("profiles", ".toml")


def table_names() -> tuple[str, ...]:
    """The jitter tables that ship with the package, sorted."""
    return _shipped_names("tables", ".dist")


def trace_names() -> tuple[str, ...]:
    """The rate traces that ship with the package, sorted."""
    return _shipped_names("traces", ".trace")


def load_profile(name_or_path: str) -> LinkSetup:
    """The link of a profile. The table and the trace that it names can be read."""
    # Imported here, because that module checks with this one that a link's files can be read.
    from scenarios.link_lowering import link_changes

    changes, faults = link_changes(_profile(name_or_path).link, LinkSetup())
    if faults:
        problems = [problem(("link", key) if key else ("link",), message) for key, message in faults]
        raise ScenarioError(problems, name_or_path)
    return LinkSetup(**changes)


def profile_summary(name_or_path: str) -> str:
    """One line that says what network a profile stands for."""
    return _profile(name_or_path).summary


def check_resources(link: LinkSetup) -> None:
    """Raise ScenarioError unless the table and the trace that `link` names can be read."""
    jitter_table(link)
    if link.rate_trace:
        load_trace(link.rate_trace)


def jitter_table(link: LinkSetup) -> tuple[int, ...]:
    """The quantile table of the link's jitter; empty for none and uniform."""
    if link.jitter in ("none", "uniform"):
        return ()
    return load_table(link.jitter.removeprefix(TABLE_PREFIX))


def load_table(name_or_path: str) -> tuple[int, ...]:
    """Entries of a `.dist` table: quantiles at equal steps of probability, TABLE_SCALE per sigma."""
    return _table(_read("tables", ".dist", name_or_path), name_or_path)


@functools.lru_cache(maxsize=16)  # thousands of entries, and a fuzzer needs them a thousand times a minute
def _table(text: str, name_or_path: str) -> tuple[int, ...]:
    values: list[int] = []
    for number, line in _lines(text):
        for word in line.split():
            value = _int_of(word, number, name_or_path)
            if abs(value) > _MAX_TABLE_VALUE:
                raise ScenarioError([f"line {number}: {value} does not fit in 16 bits"], name_or_path)
            values.append(value)
    if not 2 <= len(values) <= _MAX_TABLE_ENTRIES:
        raise ScenarioError(
            [f"a table has 2 to {_MAX_TABLE_ENTRIES} entries, not {len(values)}"], name_or_path
        )
    return tuple(values)


def load_trace(name_or_path: str) -> tuple[int, ...]:
    """Milliseconds at which TRACE_BYTES may leave, ascending; the last is also the trace's period."""
    return _trace(_read("traces", ".trace", name_or_path), name_or_path)


@functools.lru_cache(maxsize=16)
def _trace(text: str, name_or_path: str) -> tuple[int, ...]:
    times: list[int] = []
    for number, line in _lines(text):
        time_ms = _int_of(line, number, name_or_path)
        if time_ms < (times[-1] if times else 0):
            raise ScenarioError([f"line {number}: {time_ms} is before the line above"], name_or_path)
        times.append(time_ms)
    if not 1 <= len(times) <= _MAX_TRACE_LINES:
        raise ScenarioError([f"a trace has 1 to {_MAX_TRACE_LINES} lines, not {len(times)}"], name_or_path)
    if times[-1] == 0:
        raise ScenarioError(["a trace ends later than at 0, so that it can begin again"], name_or_path)
    return tuple(times)


def _lines(text: str) -> list[tuple[int, str]]:
    """Numbered lines without comments and blanks."""
    parts = [(number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, line) for number, line in parts if line]


def _int_of(word: str, line_number: int, source: str) -> int:
    digits = word.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < _MAX_DIGITS):
        raise ScenarioError([f"line {line_number}: {word[:40]!r} is not a whole number"], source)
    return int(word)


def _profile(name_or_path: str) -> ProfileTable:
    text = _read("profiles", ".toml", name_or_path)
    try:
        return ProfileTable.model_validate(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([str(error)], name_or_path) from error
    except ValidationError as error:
        found = [problem(place, message) for place, message in describe(error, ProfileTable)]
        raise ScenarioError(found, name_or_path) from error


def _shipped_names(folder: str, suffix: str) -> tuple[str, ...]:
    names = [item.name for item in _folder(folder).iterdir()]
    return tuple(sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix)))


def _folder(folder: str) -> Traversable:
    return resources.files("scenarios").joinpath(folder)


def _read(folder: str, suffix: str, name_or_path: str) -> str:
    is_name = "/" not in name_or_path and "\\" not in name_or_path and not name_or_path.endswith(suffix)
    if is_name:
        names = _shipped_names(folder, suffix)
        if name_or_path not in names:
            hint = did_you_mean(name_or_path, names)
            raise ScenarioError([f"no such name in {folder}, and a path has a slash{hint}"], name_or_path)
    file = _folder(folder).joinpath(name_or_path + suffix) if is_name else Path(name_or_path)
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise ScenarioError([f"larger than {_MAX_FILE_BYTES} bytes"], name_or_path)
        return data.decode()
    except OSError as error:
        raise ScenarioError([f"cannot be read: {error.strerror}"], name_or_path) from error
    except UnicodeDecodeError as error:
        raise ScenarioError(["is not UTF-8 text"], name_or_path) from error

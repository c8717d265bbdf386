"""One value, one byte string: a small tagged encoding of plain data for checksums and diffs.

Idea: equal values give equal bytes on every Python and host, and bytes can be read back, so that
two peers who disagree can name the first field that differs. Ints are decimal, floats are their
eight IEEE bytes (so -0.0 is not 0.0, and every NaN is one NaN), dict keys are sorted strings.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

from rollback_core.errors import UsageError, WireError

_F64: Final = struct.Struct("<d")
_U32: Final = struct.Struct("<I")
_pack_u32: Final = _U32.pack
_NAN: Final = _F64.pack(float("nan"))
_MAX_DEPTH: Final = 32  # deeper than any sane state, shallower than the interpreter's stack
_MAX_DIGITS: Final = 1_000  # of an int; a longer one is no game's state, and slow to read


class _Missing:
    """Stands for a field that one side does not have; no state can hold it."""

    def __repr__(self) -> str:
        return "(missing)"


MISSING: Final = _Missing()


def encode(value: Any) -> bytes:
    """Canonical bytes of None, bool, int, float, str, bytes, tuples, lists and str-keyed dicts.

    Lists and tuples encode alike. Raises UsageError for anything else, naming its path.
    """
    out: list[bytes] = []
    try:
        _encode(value, out, 0)
    except _Unfit as unfit:
        raise UsageError(f"value{''.join(reversed(unfit.path))}: {unfit}") from None
    return b"".join(out)


class _Unfit(Exception):
    """A value without canonical bytes; `path` is gathered on the way up, from the last step to the first."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[str] = []


def _encode(value: Any, out: list[bytes], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise _Unfit(f"nested deeper than {_MAX_DEPTH}")
    kind = type(value)
    if kind is int:
        text = b"%d" % value
        if len(text) > _MAX_DIGITS:
            raise _Unfit(f"an int of more than {_MAX_DIGITS} digits")
        out.append(b"i%b%b" % (_pack_u32(len(text)), text))
    elif value is True:
        out.append(b"T")
    elif value is False:
        out.append(b"F")
    elif value is None:
        out.append(b"N")
    elif kind is float:
        out.append(b"d" + (_F64.pack(value) if value == value else _NAN))
    elif kind is str:
        text = value.encode("utf-8", "surrogatepass")
        out.append(b"s%b%b" % (_pack_u32(len(text)), text))
    elif kind is bytes:
        out.append(b"b%b%b" % (_pack_u32(len(value)), value))
    elif isinstance(value, (tuple, list)):
        out.append(b"l" + _pack_u32(len(value)))
        index = 0
        try:
            for item in value:
                _encode(item, out, depth + 1)
                index += 1
        except _Unfit as unfit:
            unfit.path.append(f"[{index}]")
            raise
    elif kind is dict:
        _encode_dict(value, out, depth)
    else:
        raise _Unfit(f"{kind.__name__} has no canonical bytes")


def _encode_dict(table: dict[Any, Any], out: list[bytes], depth: int) -> None:
    out.append(b"m" + _pack_u32(len(table)))
    for key in table:
        if type(key) is not str:
            raise _Unfit(f"key {key!r} is not a str")
    for key in sorted(table):
        _encode(key, out, depth + 1)
        try:
            _encode(table[key], out, depth + 1)
        except _Unfit as unfit:
            unfit.path.append(f".{key}")
            raise


def decode(data: bytes) -> Any:
    """The value that `encode` was given (lists come back as tuples), or WireError."""
    value, end = _decode(data, 0, 0)
    if end != len(data):
        raise WireError(f"canonical value: {len(data) - end} bytes left over")
    return value


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > _MAX_DEPTH:
        raise WireError("canonical value: nested too deep")
    tag = data[at : at + 1]
    at += 1
    if tag == b"N":
        return None, at
    if tag == b"T":
        return True, at
    if tag == b"F":
        return False, at
    if tag == b"d":
        if at + 8 > len(data):
            raise WireError("canonical value: cut short")
        return _F64.unpack_from(data, at)[0], at + 8
    if tag not in (b"i", b"s", b"b", b"l", b"m"):
        raise WireError(f"canonical value: unknown tag {tag!r}")
    if at + 4 > len(data):
        raise WireError("canonical value: cut short")
    size = _U32.unpack_from(data, at)[0]
    at += 4
    if size > len(data) - at:
        raise WireError("canonical value: cut short")
    if tag == b"l":
        items = []
        for _ in range(size):
            item, at = _decode(data, at, depth + 1)
            items.append(item)
        return tuple(items), at
    if tag == b"m":
        table = {}
        for _ in range(size):
            key, at = _decode(data, at, depth + 1)
            if type(key) is not str:
                raise WireError("canonical value: a key is not a string")
            table[key], at = _decode(data, at, depth + 1)
        return table, at
    raw = data[at : at + size]
    at += size
    if tag == b"b":
        return raw, at
    try:
        if tag == b"s":
            return raw.decode("utf-8", "surrogatepass"), at
        if size > _MAX_DIGITS or not (raw.isdigit() or (raw[:1] == b"-" and raw[1:].isdigit())):
            raise WireError("canonical value: not an int")
        return int(raw), at
    except UnicodeDecodeError as error:
        raise WireError("canonical value: not UTF-8") from error


def first_difference(left: Any, right: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Path and both values of the first place where two decoded values differ, or None."""
    if isinstance(left, dict) and isinstance(right, dict):
        pairs = [(key, left.get(key, MISSING), right.get(key, MISSING)) for key in _keys(left, right)]
        for key, a, b in pairs:
            found = first_difference(a, b, f"{path}.{key}" if path else key)
            if found:
                return found
        return None
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        for index in range(max(len(left), len(right))):
            a = left[index] if index < len(left) else MISSING
            b = right[index] if index < len(right) else MISSING
            found = first_difference(a, b, f"{path}[{index}]")
            if found:
                return found
        return None
    if left is not MISSING and type(left) is type(right) and encode(left) == encode(right):
        return None
    return path, left, right


def _keys(left: dict[str, Any], right: dict[str, Any]) -> Iterator[str]:
    yield from left
    for key in right:
        if key not in left:
            yield key

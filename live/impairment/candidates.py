"""ICE candidates in signals: addresses become the relay's, and what it cannot carry is left out.

Pure but for `front_of`, which gives the relay's address for a peer's. Syntax: RFC 8839, section 5.1.
"""

from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address
from typing import Any, Final

Address = tuple[str, int]
FrontOf = Callable[[Address], Address | None]
"""The relay's address that stands for a peer's; None if there can be none."""

PREFIX: Final = "candidate:"
_PROTOCOL: Final = 2  # positions of the fields
_HOST: Final = 4
_PORT: Final = 5
_LEAST_FIELDS: Final = 8  # up to the type
LEFT_OUT: Final = "left-out"  # the kind of a signal that stands for a candidate left out: no peer acts on it

Body = dict[str, Any]


def rewritten(body: Body, front_of: FrontOf) -> Body:
    """One signal as the other peer is to get it."""
    match body:
        case {"kind": "offer" | "answer", "sdp": str(sdp)}:
            return {**body, "sdp": rewritten_description(sdp, front_of)}
        case {"kind": "candidate", "candidate": {"candidate": str(line)} as candidate} if line:
            changed = rewritten_candidate(line, front_of)
            if changed is None:
                return {"kind": LEFT_OUT, "attempt": body["attempt"]}
            return {**body, "candidate": {**candidate, "candidate": changed}}
    return body


def rewritten_description(sdp: str, front_of: FrontOf) -> str:
    """A session description whose candidates are the relay's."""
    lines = []
    for line in sdp.splitlines():
        if not line.startswith("a=" + PREFIX):
            lines.append(line)
        elif changed := rewritten_candidate(line.removeprefix("a="), front_of):
            lines.append("a=" + changed)
    return "".join(line + "\r\n" for line in lines)


def rewritten_candidate(line: str, front_of: FrontOf) -> str | None:
    """A candidate that leads to the relay; None for what it does not carry (TCP, names, IPv6)."""
    fields = line.removeprefix(PREFIX).split(" ")
    if len(fields) < _LEAST_FIELDS or fields[_PROTOCOL].lower() != "udp" or not fields[_PORT].isdecimal():
        return None
    try:
        host = str(IPv4Address(fields[_HOST]))
    except AddressValueError:
        return None
    front = front_of((host, int(fields[_PORT])))
    if front is None:
        return None
    fields[_HOST], fields[_PORT] = front[0], str(front[1])
    return PREFIX + " ".join(fields)

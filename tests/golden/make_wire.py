"""The golden datagrams and items of the wire format. To write the file anew, from the project's root:

    python tests/golden/make_wire.py

Do that only with a new PROTOCOL_VERSION (and a new file name): a changed byte under an old version
is what the file is there to catch.
"""

import json
from pathlib import Path
from typing import Any, Final

from rollback_core import wire
from rollback_core.messages import (
    BackfillItem,
    ChecksumItem,
    ChecksumRangeItem,
    DecisionItem,
    DoneItem,
    DumpItem,
    FocusItem,
    Hello,
    Item,
    LeaveItem,
    Run,
    VoteItem,
)

PATH: Final = Path(__file__).parent / f"wire-v{wire.PROTOCOL_VERSION}.json"
SESSION_ID: Final = "golden-session"
BUILD_ID: Final = "golden-build"
PLAYERS: Final = 3  # in all, for the items
ACTION_COUNT: Final = {1: 256, 2: 65_536}  # READY counted

TAG: Final = wire.session_tag(SESSION_ID, BUILD_ID, (0, 7), (1, 9))
RUNS: Final[tuple[Run, ...]] = ((1, 0, True), (127, 5, True), (130, 5, False), (2, 255, True))
WIDE_RUNS: Final[tuple[Run, ...]] = ((3, 258, True), (128, 65_535, False))

ITEMS: Final[dict[str, tuple[int, Item]]] = {
    "checksum": (1, ChecksumItem(240, bytes(range(8)))),
    "checksum range": (1, ChecksumRangeItem(181, (b"\x00\x01\x02\x03", b"\xff\xfe\xfd\xfc"))),
    "checksum range, empty": (1, ChecksumRangeItem(181, ())),
    "dump": (1, DumpItem(181, 1, 3, b"state")),
    "leave": (1, LeaveItem(900, "peer-left: käse")),
    "leave, no reason": (1, LeaveItem(0, "")),
    "done": (1, DoneItem(899)),
    "focus lost": (1, FocusItem(False)),
    "focus back": (1, FocusItem(True)),
    "vote": (1, VoteItem(2, 0b100, (10, 20, 4_294_967_295))),
    "decision": (1, DecisionItem(3, 0b011, (0, 0, 31))),
    "backfill": (1, BackfillItem(3, 2, 28, ((2, 4, True), (1, 0, False)))),
    "backfill, two-byte actions": (2, BackfillItem(3, 2, 28, ((2, 4_000, True),))),
}


def _hello(*, satisfied: bool, refusal: bool, window: int) -> bytes:
    terms = b'{"terms": "as canonical bytes"}'
    return wire.encode_hello(
        Hello(1, 7, 9, satisfied, refusal, window, 2**40 + 1, 2**33, 4_000_000_000, terms)
    )


def _inputs(action_bytes: int, *streams: tuple[Run, ...], ack: int = 320, current: int = 305) -> bytes:
    encoded = [wire.encode_runs(runs, action_bytes) for runs in streams]
    return wire.encode_inputs(TAG, 300, ack, 290, -6, current, encoded)


def datagrams() -> dict[str, tuple[int, int, bytes]]:
    """By name: players of the sender, bytes per action, and the datagram."""
    items = [
        wire.encode_item(item, action_bytes) for action_bytes, item in ITEMS.values() if action_bytes == 1
    ]
    return {
        "hello, first": (1, 1, _hello(satisfied=False, refusal=False, window=wire.UNDECIDED)),
        "hello, satisfied": (1, 1, _hello(satisfied=True, refusal=False, window=8)),
        "hello, refusal": (1, 1, _hello(satisfied=True, refusal=True, window=8)),
        "inputs, nothing new": (1, 1, _inputs(1, ())),
        "inputs": (1, 1, _inputs(1, RUNS)),
        "inputs, two-byte actions": (1, 2, _inputs(2, WIDE_RUNS)),
        "inputs, two players": (2, 1, _inputs(1, ((2, 1, True), (3, 0, True)), ((5, 7, False),))),
        "inputs, values at their limits": (1, 1, _inputs(1, RUNS, ack=900, current=900)),
        "ping": (1, 1, wire.encode_ping(TAG, 2**32 + 77, is_pong=False)),
        "pong": (1, 1, wire.encode_ping(TAG, 77, is_pong=True)),
        "control, acknowledgement alone": (1, 1, wire.encode_control(TAG, 4, 6, [])),
        "control, every item": (1, 1, wire.encode_control(TAG, 4, 6, items)),
    }


def golden() -> dict[str, Any]:
    """What the file holds: the bytes, and what they are read as."""
    tags = {
        "session 0-1": TAG.hex(),
        "view 0": wire.view_tag(TAG, 0, 0b111, (0, 0, 0)).hex(),
        "view 1": wire.view_tag(TAG, 1, 0b011, (0, 0, 31)).hex(),
    }
    messages = {
        name: {
            "players": players,
            "action_bytes": action_bytes,
            "bytes": data.hex(),
            "means": repr(wire.decode(data, players, action_bytes, ACTION_COUNT[action_bytes])),
        }
        for name, (players, action_bytes, data) in datagrams().items()
    }
    items = {
        name: {
            "action_bytes": action_bytes,
            "bytes": wire.encode_item(item, action_bytes).hex(),
            "means": repr(item),
        }
        for name, (action_bytes, item) in ITEMS.items()
    }
    return {
        "protocol_version": wire.PROTOCOL_VERSION,
        "session_id": SESSION_ID,
        "build_id": BUILD_ID,
        "tags": tags,
        "datagrams": messages,
        "items": items,
    }


def golden_text() -> str:
    return json.dumps(golden(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(golden_text(), encoding="ascii")
    print(f"wrote {PATH.name}")

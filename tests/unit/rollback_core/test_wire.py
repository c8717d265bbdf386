"""The bytes on the wire against the golden file and against the tables of the documentation."""

import ast
import json
import re
import runpy
from pathlib import Path
from struct import Struct
from typing import Any

import pytest

from rollback_core import wire
from rollback_core.config import MAX_TERMS_BYTES
from rollback_core.errors import UsageError, WireError
from rollback_core.messages import DumpItem, FocusItem

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
MAKER = runpy.run_path(str(GOLDEN / "make_wire.py"))
FILE = json.loads((GOLDEN / f"wire-v{wire.PROTOCOL_VERSION}.json").read_text(encoding="ascii"))
DOCS = (ROOT / "docs" / "wire-format.md").read_text(encoding="utf-8")


# Golden file.


def test_what_is_sent_is_what_the_golden_file_holds() -> None:
    assert MAKER["golden"]() == FILE, "bytes have changed: that takes a new PROTOCOL_VERSION"


@pytest.mark.parametrize("name", FILE["datagrams"])
def test_golden_datagram_is_read_as_it_says(name: str) -> None:
    entry = FILE["datagrams"][name]
    width = entry["action_bytes"]
    message = wire.decode(bytes.fromhex(entry["bytes"]), entry["players"], width, 256**width)
    assert repr(message) == entry["means"]


@pytest.mark.parametrize("name", FILE["items"])
def test_golden_item_is_read_as_it_says(name: str) -> None:
    entry = FILE["items"][name]
    width = entry["action_bytes"]
    item = wire.decode_item(bytes.fromhex(entry["bytes"]), MAKER["PLAYERS"], width, 256**width)
    assert repr(item) == entry["means"]


def test_golden_file_has_every_kind() -> None:
    kinds = {bytes.fromhex(entry["bytes"])[4] for entry in FILE["datagrams"].values()}
    assert kinds == {number for name, number in vars(wire).items() if name.startswith("KIND_")}
    items = {bytes.fromhex(entry["bytes"])[0] for entry in FILE["items"].values()}
    assert items == set(range(1, 10))
    with pytest.raises(WireError, match="unknown kind 10"):
        wire.decode_item(b"\x0a" + bytes(8), 2, 1, 4)


# Documentation.

TYPES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "u64": "Q"}
ROW = re.compile(r"^\| (\d+) \| (\d+) \| (\w+) \| (.+) \|$", re.MULTILINE)

LAYOUTS: dict[str, Struct] = {
    "hello": wire._HELLO,
    "inputs": wire._INPUTS,
    "ping, pong": wire._PING,
    "control": wire._CONTROL,
    "item: checksum": wire._CHECKSUM,
    "item: checksum range": wire._RANGE,
    "item: dump": wire._DUMP,
    "item: leave": wire._LEAVE,
    "item: done": wire._LEAVE,
    "item: focus": wire._FOCUS,
    "item: vote": wire._VOTE,
    "item: decision": wire._VOTE,
    "item: backfill": wire._BACKFILL,
}


def section(title: str) -> str:
    found = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^### |\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/wire-format.md has no section {title!r}"
    return found[1]


def rows(title: str) -> list[tuple[int, int, str, str]]:
    return [(int(offset), int(size), kind, text) for offset, size, kind, text in ROW.findall(section(title))]


def documented_format(title: str) -> str:
    return "<" + "".join(f"{size}s" if kind == "bytes" else TYPES[kind] for _, size, kind, _ in rows(title))


@pytest.mark.parametrize("title", LAYOUTS)
def test_documented_layout_is_the_struct(title: str) -> None:
    assert documented_format(title) == LAYOUTS[title].format
    at = 0
    for offset, size, kind, _ in rows(title):
        assert offset == at
        assert kind == "bytes" or Struct("<" + TYPES[kind]).size == size
        at += size
    assert at == LAYOUTS[title].size


@pytest.mark.parametrize(("title", "width"), [("run, one-byte action", 1), ("run, two-byte action", 2)])
def test_documented_run_is_the_encoded_one(title: str, width: int) -> None:
    layout = Struct(documented_format(title))
    action = 300 if width == 2 else 30
    assert layout.unpack(wire.encode_runs([(5, action, True)], width)) == (128 + 5, action)
    assert [offset for offset, *_ in rows(title)] == [0, 1]


def test_documented_kinds_are_the_sent_ones() -> None:
    for name, entry in FILE["datagrams"].items():
        title = "ping, pong" if name in ("ping", "pong") else name.split(",")[0]
        told = {int(number) for number in re.findall(r"\d+", rows(title)[1][3])}
        assert bytes.fromhex(entry["bytes"])[4] in told
    for name, entry in FILE["items"].items():
        title = name.split(",")[0].removesuffix(" lost").removesuffix(" back")
        (told_kind,) = re.findall(r"\d+", rows(f"item: {title}")[0][3])
        assert bytes.fromhex(entry["bytes"])[0] == int(told_kind)


def test_documented_limits_are_the_constants() -> None:
    assert f"at most {wire.MAX_DATAGRAM_BYTES} bytes" in DOCS
    assert f"at most {MAX_TERMS_BYTES} bytes" in section("hello")
    assert f"at most {wire.MAX_RANGE} frames" in section("item: checksum range")
    assert f"{wire.SHORT_DIGEST_BYTES} bytes for each frame" in section("item: checksum range")
    assert f"at most {wire.MAX_DUMP_PARTS}" in section("item: dump")
    assert f"at most {wire.MAX_DUMP_PART_BYTES}." in section("item: dump")
    assert f"at most {wire.MAX_REASON_BYTES} bytes" in section("item: leave")
    assert f"1 to {wire.MAX_RUN}" in section("run, one-byte action")
    assert f"; {wire.UNDECIDED} while" in section("hello")
    assert f"# Wire format, version {wire.PROTOCOL_VERSION}" in DOCS


# Edges.


@pytest.mark.parametrize("size", [0, 1, 4, 1_201])
def test_a_datagram_of_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(WireError, match=f"{size} bytes"):
        wire.decode(b"\x02" * size, 1, 1, 4)


@pytest.mark.parametrize("width", [1, 2])
def test_runs_of_no_frames_or_of_no_action_are_refused(width: int) -> None:
    head = wire.encode_inputs(b"abcd", 5, 5, 4, 0, 5, [b""])
    assert wire.decode(head + wire.encode_runs([(1, 6, True)], width), 1, width, 7)
    with pytest.raises(WireError, match="action 7"):
        wire.decode(head + wire.encode_runs([(1, 7, True)], width), 1, width, 7)
    with pytest.raises(WireError, match="run of 0 frames"):
        wire.decode(head + bytes([128, 0, 0][: 1 + width]), 1, width, 7)
    with pytest.raises(WireError, match="runs cut short"):
        wire.decode(head + wire.encode_runs([(1, 6, True)], width) + b"x", 1, width, 7)


@pytest.mark.parametrize("width", [1, 2])
def test_a_stream_that_claims_more_than_there_is_is_refused(width: int) -> None:
    runs = wire.encode_runs([(1, 6, True)], width)
    good = wire.encode_inputs(b"abcd", 5, 5, 4, 0, 5, [runs, runs])
    assert wire.decode(good, 2, width, 7)
    for cut in range(1, len(runs) + 3):
        with pytest.raises(WireError, match="inputs: "):
            wire.decode(good[:-cut], 2, width, 7)


def test_streams_of_different_length_are_refused() -> None:
    streams = [wire.encode_runs([(length, 6, True)], 1) for length in (1, 2)]
    with pytest.raises(WireError, match="streams of different length"):
        wire.decode(wire.encode_inputs(b"abcd", 5, 5, 4, 0, 5, streams), 2, 1, 7)


def test_what_is_no_item_is_refused() -> None:
    with pytest.raises(UsageError, match="not an item"):
        wire.encode_item("vote", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "parts", "ok"), [(0, 1, True), (255, 256, True), (1, 1, False), (0, 257, False)]
)
def test_parts_of_a_dump_have_a_limit(part: int, parts: int, ok: bool) -> None:
    data = wire.encode_item(DumpItem(1, part, parts, b"x"), 1)
    if ok:
        assert wire.decode_item(data, 2, 1, 4) == DumpItem(1, part, parts, b"x")
    else:
        with pytest.raises(WireError, match=f"part {part} of {parts}"):
            wire.decode_item(data, 2, 1, 4)


def test_an_item_too_long_for_its_kind_is_refused() -> None:
    with pytest.raises(WireError, match="kind 6"):
        wire.decode_item(wire.encode_item(FocusItem(True), 1) + b"x", 2, 1, 4)


def test_core_alone_uses_struct_for_datagrams() -> None:
    users: list[Any] = []
    for path in sorted((ROOT / "rollback_core").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            users += [path.name for name in names if name == "struct"]
    # canonical and the snapshots pack values, not datagrams
    assert "wire.py" in users
    assert not set(users) & {"session.py", "link.py", "control.py", "handshake.py", "match.py", "peer.py"}

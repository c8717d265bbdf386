"""Any text is a message or a ProtocolError, and limits hold."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.server.protocol import (
    MAX_CHUNK_BYTES,
    MAX_TEXT_BYTES,
    Chunk,
    Hello,
    Message,
    ProtocolError,
    Signal,
    parse,
)

MATCH = "0123456789abcdef"
HELLO = {"type": "hello", "v": 1, "build_id": "b", "token": None, "label": {}}
CHUNK = {"type": "chunk", "match_id": MATCH, "table": "frames", "serial": 0, "data": "{}"}
SIGNAL = {
    "type": "signal",
    "match_id": MATCH,
    "to": 1,
    "items": [{"serial": 0, "body": {"kind": "x"}}],
    "ack": 0,
}
FINISHED = {
    "type": "finished",
    "match_id": MATCH,
    "reason": "completed",
    "peer": None,
    "frame": 9,
    "detail": "",
    "invalid_from": None,
    "counts": {"frames": 1, "local": 1, "log": 1},
    "metrics": {"frames": 9},
    "depth_histogram": [[1, 5]],
    "series": {},
}
LOADED = {"type": "loaded", "step_cost_us": 3}
GOOD = (HELLO, CHUNK, SIGNAL, FINISHED, LOADED, {"type": "pong", "t": 1}, {"type": "bye"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("message", GOOD, ids=lambda message: message["type"])
def test_what_participants_send_is_read(message: dict[str, Any]) -> None:
    assert parse(json.dumps(message)).type == message["type"]


@given(st.text() | json_values.map(json.dumps))
def test_any_text_is_a_message_or_an_error(text: str) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(parse(text), Message)


@given(st.sampled_from(GOOD), st.data())
def test_a_field_of_another_type_is_an_error_or_still_a_message(
    message: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(message)))
    changed = {**message, key: data.draw(json_values)}
    with contextlib.suppress(ProtocolError):
        assert parse(json.dumps(changed)).type == changed["type"]


@given(st.sampled_from(GOOD), st.text(min_size=1, max_size=10))
def test_a_field_too_many_is_an_error(message: dict[str, Any], name: str) -> None:
    if name not in message:
        with pytest.raises(ProtocolError, match="BAD-MESSAGE"):
            parse(json.dumps({**message, name: 1}))


@pytest.mark.parametrize(
    ("message", "key", "limit"), [(SIGNAL, "items", MAX_TEXT_BYTES), (CHUNK, "data", MAX_CHUNK_BYTES)]
)
def test_a_message_has_a_size(message: dict[str, Any], key: str, limit: int) -> None:
    value: Any = "x" * limit
    if key == "items":
        value = [{"serial": 0, "body": {"sdp": value}}]
    with pytest.raises(ProtocolError, match="TOO-LONG"):
        parse(json.dumps({**message, key: value}))


@pytest.mark.parametrize("match_id", ["", "../etc", "A" * 16, "a/b", "a" * 41])
def test_a_match_id_is_a_word(match_id: str) -> None:
    with pytest.raises(ProtocolError, match="match_id"):
        parse(json.dumps({**CHUNK, "match_id": match_id}))


def test_types_come_out() -> None:
    assert isinstance(parse(json.dumps(HELLO)), Hello)
    assert isinstance(parse(json.dumps(CHUNK)), Chunk)
    assert isinstance(parse(json.dumps(SIGNAL)), Signal)

"""Terms and a peer's own choices: refused with the field's name when they make no sense."""

import dataclasses
from typing import Any

import pytest

from rollback_core import canonical
from rollback_core.config import (
    MAX_CHECKSUM_INTERVAL,
    MAX_TERMS_BYTES,
    MatchTerms,
    PeerConfig,
    TimeSyncKind,
    WindowPolicy,
)
from rollback_core.errors import UsageError
from rollback_core.wire import MAX_RANGE


def terms(**changes: Any) -> MatchTerms:
    fields: dict[str, Any] = {
        "session_id": "s",
        "build_id": "b",
        "game_id": "counter-v1",
        "action_count": 4,
        "seed": 7,
        "seats": (0, 1),
    }
    return MatchTerms(**{**fields, **changes})


# One other legal value per field, so that a field left out of the bytes is found.
CHANGES: dict[str, Any] = {
    "session_id": "t",
    "build_id": "c",
    "game_id": "duel-v1",
    "action_count": 5,
    "seed": 8,
    "seats": (0, 1, 1),
    "episodes": 2,
    "max_steps": 900,
    "countdown_frames": 3,
    "frame_rate_hz": 60,
    "prediction_window_frames": 9,
    "window_policy": WindowPolicy.RTT,
    "max_input_delay_frames": 13,
    "checksum_interval_frames": 0,
    "focus_timeout_frames": 30,
    "interrupt_us": 400_000,
    "reconnect_limit_us": 20_000_000,
    "pause_on_hidden": True,
}


def test_a_change_of_each_field_is_tried() -> None:
    assert set(CHANGES) == {field.name for field in dataclasses.fields(MatchTerms)}


@pytest.mark.parametrize("name", CHANGES)
def test_terms_that_differ_in_any_field_differ_in_bytes_and_name_it(name: str) -> None:
    mine, theirs = terms().encode(), terms(**{name: CHANGES[name]}).encode()
    assert mine != theirs
    found = canonical.first_difference(canonical.decode(mine), canonical.decode(theirs))
    assert found is not None
    assert found[0].split("[")[0] == name


def test_equal_terms_have_equal_bytes() -> None:
    assert terms().encode() == terms().encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("action_count", 0),
        ("action_count", 65_536),
        ("seed", -1),
        ("seed", 2**31),
        ("seed", True),
        ("seed", 1.0),
        ("seats", ()),
        ("seats", (0,) * 9),
        ("seats", (0, 2)),
        ("seats", (1, 1)),
        ("episodes", 0),
        ("max_steps", -1),
        ("countdown_frames", -1),
        ("frame_rate_hz", 0),
        ("frame_rate_hz", 241),
        ("prediction_window_frames", 61),
        ("max_input_delay_frames", 61),
        ("checksum_interval_frames", MAX_CHECKSUM_INTERVAL + 1),
        ("focus_timeout_frames", -1),
        ("interrupt_us", 0),
        ("interrupt_us", 30_000_001),
    ],
)
def test_impossible_terms_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"^{field}: "):
        terms(**{field: value})


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("action_count", 1, 65_535),
        ("seed", 0, 2**31 - 1),
        ("episodes", 1, 10_000),
        ("max_steps", 0, 10_000_000),
        ("countdown_frames", 0, 10_000),
        ("frame_rate_hz", 1, 240),
        ("prediction_window_frames", 0, 60),
        ("max_input_delay_frames", 0, 60),
        ("checksum_interval_frames", 0, MAX_CHECKSUM_INTERVAL),
        ("focus_timeout_frames", 0, 10_000_000),
        ("interrupt_us", 1, 30_000_000),
    ],
)
def test_the_least_and_the_most_are_possible_and_no_more(field: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(terms(**{field: value}), field) == value
    for value in (least - 1, most + 1):
        with pytest.raises(UsageError, match=f"^{field}: an int from {least} to {most}, not {value}$"):
            terms(**{field: value})


def test_one_to_eight_people_sit_at_peers_without_a_gap() -> None:
    for seats in ((0,), tuple(range(8)), (0, 1, 1, 0)):
        assert terms(seats=seats).seats == seats
    with pytest.raises(UsageError, match=r"numbered 0, 1, …; got \(0, 2\)"):
        terms(seats=(0, 2))


def test_terms_that_fit_in_no_hello_are_refused() -> None:
    spare = MAX_TERMS_BYTES - len(terms(session_id="").encode())
    assert len(terms(session_id="s" * spare).encode()) == MAX_TERMS_BYTES
    with pytest.raises(UsageError, match="session or game id"):
        terms(session_id="s" * (spare + 1))


@pytest.mark.parametrize(
    ("rate", "period"), [(60, 16_667), (30, 33_333), (50, 20_000), (240, 4_167), (1, 1_000_000)]
)
def test_period_is_the_nearest_microsecond(rate: int, period: int) -> None:
    assert terms(frame_rate_hz=rate).period_us == period


def test_seats_say_who_sits_where() -> None:
    shared = terms(seats=(0, 1, 0, 2))
    assert shared.peer_count == 3
    assert [shared.players_at(peer) for peer in range(4)] == [(0, 2), (1,), (3,), ()]


def test_every_frame_of_a_checksum_interval_fits_in_one_range() -> None:
    assert MAX_CHECKSUM_INTERVAL <= MAX_RANGE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("incarnation", 0),
        ("incarnation", 2**32),
        ("input_delay_frames", -1),
        ("input_delay_frames", 61),
        ("quality_interval_us", 0),
        ("handshake_timeout_us", 0),
        ("linger_us", -1),
    ],
)
def test_impossible_choices_of_a_peer_are_refused_by_name(field: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"^{field}: "):
        PeerConfig(peer=0, **{field: value})


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("incarnation", 1, 2**32 - 1),
        ("input_delay_frames", 0, 60),
        ("quality_interval_us", 10_000, 10_000_000),
        ("handshake_timeout_us", 1, 600_000_000),
        ("linger_us", 0, 60_000_000),
    ],
)
def test_a_peer_may_choose_the_least_and_the_most_and_no_more(field: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(PeerConfig(peer=0, **{field: value}), field) == value
    for value in (least - 1, most + 1):
        with pytest.raises(UsageError, match=f"^{field}: an int from {least} to {most}, not {value}$"):
            PeerConfig(peer=0, **{field: value})


def test_time_sync_kinds_are_the_four_of_the_scenarios() -> None:
    assert {kind.value for kind in TimeSyncKind} == {"none", "skip", "window", "speed"}

"""Any scenario file either means exactly one canonical scenario or is refused with the path of each fault."""

import copy
import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from rollback_core.errors import UsageError
from scenarios.load import ScenarioError, load_scenario, scenario_from_table
from scenarios.problems import path_text
from scenarios.quantities import Quantity, lowered
from scenarios.scenario import from_table, scenario_hash, to_json

Place = tuple[str | int, ...]


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low * 10**places, high * 10**places).map(lambda value: Decimal(value).scaleb(-places))


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


LINK = {
    "up": st.booleans(),
    "mtu_bytes": st.integers(0, 65_535),
    "loss_percent": decimals(0, 100, 4),
    "duplicate_percent": decimals(0, 100, 4),
    "rate_mbps": decimals(0, 1_000, 6),
    "queue_bytes": st.integers(0, 10**6),
    "slot_ms": decimals(0, 100, 3),
    "delay_ms": decimals(0, 5_000, 3),
    "jitter": st.sampled_from(["uniform", "normal", "pareto", "paretonormal"]),
    "jitter_ms": decimals(0, 500, 3),
    "order": st.sampled_from(["free", "fifo"]),
}
PROFILES = st.sampled_from(["home-wifi", "lte", "bad", "perfect"])
PAIRS = st.sampled_from(["0->1", "1->0", "0<->1", "*->1", "0->*"])
AT_S = decimals(0, 9, 6)
FOR_S = AT_S.map(lambda value: value + Decimal("0.001"))
PEERS = st.lists(st.integers(0, 1), min_size=1, max_size=2)
ON_PATHS = {"for_s": FOR_S, "paths": st.lists(PAIRS, min_size=1)}
EVENTS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("blackout"), "at_s": AT_S}, optional=ON_PATHS),
    st.fixed_dictionaries(
        {"kind": st.just("link"), "at_s": AT_S, "delay_ms": LINK["delay_ms"]},
        optional={**ON_PATHS, "profile": PROFILES, "jitter_ms": LINK["jitter_ms"]},
    ),
    st.fixed_dictionaries({"kind": st.sampled_from(["hidden", "suspend"]), "at_s": AT_S, "peers": PEERS}),
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["stall", "reload"]), "at_s": AT_S, "peers": PEERS, "for_s": FOR_S}
    ),
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["crash", "leave", "address-change"]), "at_s": AT_S, "peers": PEERS}
    ),
    st.fixed_dictionaries(
        {"kind": st.just("diverge"), "at_s": AT_S, "peers": PEERS, "what": st.sampled_from(["state", "row"])}
    ),
    st.fixed_dictionaries(
        {"kind": st.just("lie"), "at_s": AT_S, "peers": PEERS, "lie_percent": LINK["loss_percent"]},
        optional={"for_s": FOR_S},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("delay"), "at_s": AT_S, "peers": PEERS, "input_delay_frames": st.integers(0, 60)}
    ),
    st.fixed_dictionaries(
        {"kind": st.just("hostile"), "at_s": AT_S, "per_s": st.integers(1, 1_000)}, optional=ON_PATHS
    ),
    st.fixed_dictionaries(
        {"kind": st.just("partition"), "at_s": AT_S, "groups": st.just([[0], [1]]).map(copy.deepcopy)}
    ),
)
TABLES = st.fixed_dictionaries(
    {
        "name": st.just("generated"),
        "game": st.fixed_dictionaries({"id": st.just("counter-v1"), "max_steps": st.integers(300, 1_000)}),
        "player": st.lists(
            optional(bot=st.sampled_from(["random", "idle"]), hold_frames=st.integers(1, 60)),
            min_size=2,
            max_size=3,
        ),
        "session": optional(
            input_delay_frames=st.integers(0, 12),
            prediction_window_frames=st.integers(0, 60),
            time_sync=st.sampled_from(["skip", "window", "speed", "none"]),
            interrupt_ms=decimals(1, 900, 3),
            pause_on_hidden=st.booleans(),
        ),
        "network": st.fixed_dictionaries(
            {},
            optional={
                **LINK,
                "profile": PROFILES,
                "path": st.dictionaries(PAIRS, optional(**LINK, profile=PROFILES), max_size=3),
                "relay": optional(**LINK),
            },
        ),
        "event": st.lists(EVENTS, max_size=4),
        "expect": optional(
            desyncs=st.just(0),
            rows=st.fixed_dictionaries({"min": st.integers(0, 5), "max": st.integers(5, 10)}),
            rtt_p50_ms=st.fixed_dictionaries({"max": decimals(0, 900, 3)}),
        ),
    },
    optional={"seed": st.integers(0, 2**31 - 1), "sessions": st.integers(1, 8)},
)


@given(TABLES)
def test_a_sound_table_means_one_canonical_scenario(table: dict[str, Any]) -> None:
    before = copy.deepcopy(table)
    made = scenario_from_table(table)
    assert table == before, "reading does not change what was read"
    assert from_table(json.loads(to_json(made))) == made
    assert scenario_hash(scenario_from_table(copy.deepcopy(table))) == scenario_hash(made)
    assert all(
        type(value) in (int, str, bool, dict, list, type(None)) for value in leaves(json.loads(to_json(made)))
    )
    count = len(table["player"])
    assert [(p.source, p.target) for p in made.network.paths] == [
        (a, b) for a in range(count) for b in range(count) if a != b
    ]
    assert [event.at_us for event in made.events] == sorted(event.at_us for event in made.events)
    assert sorted({event.at_us for event in made.events}) == sorted(
        {int(e["at_s"] * 10**6) for e in table["event"]}
    )


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def places(value: Any, path: Place = ()) -> list[Place]:
    """Every place in a table, from the top down."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for key in value for place in places(value[key], (*path, key))]
    elif isinstance(value, list):
        found += [place for index, item in enumerate(value) for place in places(item, (*path, index))]
    return found


def holder(table: dict[str, Any], path: Place) -> Any:
    value: Any = table
    for part in path[:-1]:
        value = value[part]
    return value


def faults(table: dict[str, Any]) -> list[str]:
    try:
        scenario_from_table(table)
    except ScenarioError as error:
        return error.problems
    return []


@given(TABLES, st.data())
def test_a_misspelt_key_is_told_with_its_path(table: dict[str, Any], data: st.DataObject) -> None:
    own = [place for place in places(table) if isinstance(place[-1], str) and "->" not in place[-1]]
    place = data.draw(st.sampled_from(own))
    key = str(place[-1])
    wrong = data.draw(
        st.sampled_from([key + "x", key[:-1], key.upper(), key.replace("_", "-") + "-", "x" + key])
    )
    inside = holder(table, place)
    assume(wrong and wrong not in inside)
    inside[wrong] = inside.pop(key)
    found = faults(table)
    if place[-2:-1] == ("relay",) or key != "kind":
        path = path_text((*place[:-1], wrong))
        assert any(problem.startswith(f"{path}: unknown ") for problem in found), found
    else:
        assert any(problem.startswith(path_text(place[:-1])) for problem in found), found


BAD_VALUES = st.one_of(
    st.just(-1),
    st.just(10**30),
    st.just(Decimal("NaN")),
    st.just(Decimal("-Infinity")),
    st.just(Decimal("1E-999999")),
    st.just(Decimal("1E+999999")),
    st.just(Decimal("0.00000001")),
    st.just("\x00"),
    st.just({"nested": [1]}),
    st.just([[]]),
    st.none(),
)


@given(TABLES, st.data(), BAD_VALUES)
def test_a_bad_value_is_told_with_its_path(table: dict[str, Any], data: st.DataObject, bad: Any) -> None:
    place = data.draw(st.sampled_from(places(table)))
    holder(table, place)[place[-1]] = bad
    found = faults(table)
    assert found
    at = path_text(place)
    # An event without a sound kind has no known keys: its own place is then the most that can be said.
    shorter = path_text(place[:2]) if place[0] == "event" else at
    assert any(problem.startswith((at, shorter)) for problem in found), found


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(TABLES, st.data(), JUNK)
def test_nothing_but_a_scenario_error_comes_of_junk(
    table: dict[str, Any], data: st.DataObject, junk: Any
) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(table)))
        holder(table, place)[place[-1]] = copy.deepcopy(junk)
    faults(table)


@given(st.text(max_size=40))
def test_any_override_is_taken_or_told(text: str) -> None:
    with suppress(ScenarioError):
        load_scenario("latency-100ms", overrides=[text])


@given(TABLES, st.data(), JUNK)
def test_a_mutated_canonical_file_is_taken_or_told(
    tmp_path_factory: Any, table: dict[str, Any], data: st.DataObject, junk: Any
) -> None:
    canonical = json.loads(to_json(scenario_from_table(table)))
    place = data.draw(st.sampled_from(places(canonical)))
    holder(canonical, place)[place[-1]] = junk
    file = Path(tmp_path_factory.getbasetemp()) / "mutated.json"
    file.write_text(json.dumps(canonical, default=str))
    try:
        made = load_scenario(str(file))
    except UsageError:
        return
    assert from_table(json.loads(to_json(made))) == made


@given(decimals(0, 60_000, 6), st.sampled_from([1, 1_000, 10_000, 1_000_000]))
def test_a_number_is_lowered_exactly_or_refused(value: Decimal, scale: int) -> None:
    exact = value * scale
    try:
        read = Quantity(0, 60_000).read(value, scale, "us")
    except ValueError:
        assert exact != int(exact)
    else:
        assert lowered(read, scale) == exact

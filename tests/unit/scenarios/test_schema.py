"""What a scenario file may say, what it means in base units, and what each mistake is answered with."""
# ruff: noqa: E501 - a table of mistakes is read line by line

import json
import tomllib
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from rollback_core.events import EndReason
from scenarios import expectations, scenario, schema
from scenarios.load import scenario_from_table
from scenarios.network import profile_names
from scenarios.problems import ScenarioError, kind_of
from scenarios.quantities import canonical_key
from scenarios.scenario import LinkSetup

ROOT = Path(__file__).parents[3]

BASE = """
name = "base"
[game]
id = "counter-v1"
max_steps = 300
[[player]]
[[player]]
"""


def read(text: str) -> scenario.Scenario:
    return scenario_from_table(tomllib.loads(BASE + text, parse_float=Decimal))


def problems(text: str, base: str = BASE) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_table(tomllib.loads(base + text, parse_float=Decimal))
    return caught.value.problems


def link(text: str, source: int = 0, target: int = 1) -> LinkSetup:
    paths = read("[network]\n" + text).network.paths
    return next(path.link for path in paths if (path.source, path.target) == (source, target))


def test_what_is_left_out_has_the_defaults_of_the_canonical_form() -> None:
    made = read("")
    assert made.session == scenario.SessionSetup()
    assert made.players == (scenario.PlayerSetup(peer=0), scenario.PlayerSetup(peer=1))
    assert made.hosts == (scenario.HostSetup(), scenario.HostSetup())
    assert [(path.source, path.target, path.link) for path in made.network.paths] == [
        (0, 1, LinkSetup()),
        (1, 0, LinkSetup()),
    ]
    assert (made.seed, made.sessions, made.limit_us, made.network.relay) == (1, 1, 0, ())


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("delay_ms = 0.1", "delay_us", 100),
        ("delay_ms = 60.005", "delay_us", 60_005),
        ("loss_percent = 0.0001", "loss_ppm", 1),
        ("loss_percent = 33.3333", "loss_ppm", 333_333),
        ("rate_mbps = 0.256001", "rate_bps", 256_001),
        ("slot_ms = 8.333", "slot_us", 8_333),
        ("queue_bytes = 3e4", "queue_bytes", 30_000),
        (
            "four_state_percent = [1, 2.5, 3, 4, 5]",
            "four_state_ppm",
            (10_000, 25_000, 30_000, 40_000, 50_000),
        ),
    ],
)
def test_units_are_lowered_exactly(text: str, field: str, value: object) -> None:
    assert getattr(link(text), field) == value


def test_a_tenth_of_a_second_is_100000_us() -> None:
    made = read('[[event]]\nat_s = 0.1\nfor_s = 0.3\nkind = "blackout"')
    assert (made.events[0].at_us, made.events[0].for_us) == (100_000, 300_000)


@pytest.mark.parametrize(
    ("text", "field", "law"),
    [
        ("loss_percent = 5", "loss", "bernoulli"),
        ("ge_good_to_bad_percent = 1", "loss", "gilbert-elliott"),
        ("four_state_percent = [1, 2, 3, 4, 5]", "loss", "four-state"),
        ('loss_trace = "01"', "loss", "trace"),
        ("jitter_ms = 5", "jitter", "uniform"),
        ('jitter = "pareto"\njitter_ms = 5', "jitter", "pareto"),
        ("reorder_percent = 5", "order", "reorder"),
    ],
)
def test_a_key_chooses_the_law_that_it_belongs_to(text: str, field: str, law: str) -> None:
    assert getattr(link(text), field) == law


def test_a_path_starts_from_the_network_and_its_profile_starts_anew() -> None:
    text = 'delay_ms = 30\nloss_percent = 2\n[network.path."1->0"]\ndelay_ms = 90\n'
    assert (link(text).delay_us, link(text).loss_ppm) == (30_000, 20_000)
    assert (link(text, 1, 0).delay_us, link(text, 1, 0).loss_ppm) == (90_000, 20_000)
    text = 'profile = "lte"\ndelay_ms = 77\n[network.path."1->0"]\nprofile = "perfect"\nduplicate_percent = 1'
    assert link(text).delay_us == 77_000
    assert link(text).ge_good_to_bad_ppm > 0
    assert link(text, 1, 0) == LinkSetup(duplicate_ppm=10_000)


def test_jitter_keeps_the_shape_that_the_profile_gave_it() -> None:
    assert link('profile = "lte"\njitter_ms = 3').jitter == link('profile = "lte"').jitter != "uniform"


def test_a_rate_and_a_trace_take_each_others_place() -> None:
    assert link('profile = "lte-drive"\nrate_mbps = 2').rate_trace == ""
    assert link('profile = "dsl"\nrate_trace = "lte-drive"').rate_bps == 0


def test_names_of_many_paths() -> None:
    base = BASE + "[[player]]\n"
    text = '[network.path."2<->*"]\ndelay_ms = 5\nslot_ms = 3\n[network.path."*->1"]\ndelay_ms = 9'
    made = scenario_from_table(tomllib.loads(base + text))
    delays = {(path.source, path.target): path.link.delay_us // 1000 for path in made.network.paths}
    assert delays == {(0, 1): 9, (2, 1): 9, (2, 0): 5, (0, 2): 5, (1, 2): 5, (1, 0): 0}
    slotted = {(path.source, path.target) for path in made.network.paths if path.link.slot_us}
    assert slotted == {(2, 0), (2, 1), (0, 2), (1, 2)}, "a later table keeps what an earlier one set"


def test_players_who_share_a_peer() -> None:
    base = BASE + "peer = 0\n[[player]]\npeer = 0\n[[player]]\n"
    made = scenario_from_table(tomllib.loads(base))
    assert [player.peer for player in made.players] == [1, 0, 0, 2]
    assert len(made.network.paths) == 6


def test_the_number_of_players_goes_to_a_game_that_asks_for_it() -> None:
    assert read("[[player]]").game.params == {"players": 3}
    assert read("").game.params == {}
    assert problems("[[player]]\n[game.params]\nplayers = 2") == [
        "player: counter-v1 has 2 players, and there are 3 [[player]] tables"
    ]
    assert problems("[[player]]", BASE.replace("counter", "slime")) == [
        "player: slime-v1 has 2 players, and there are 3 [[player]] tables"
    ]


def test_events_are_sorted_and_have_what_their_kind_says() -> None:
    made = read(
        '[[event]]\nat_s = 8\nkind = "link"\ndelay_ms = 90\nloss_percent = 1\n'
        '[[event]]\nat_s = 2\nkind = "partition"\ngroups = [[1], [0]]\nfor_s = 1\n'
        '[[event]]\nat_s = 3\nkind = "delay"\npeers = [1, 0]\ninput_delay_frames = 4\n'
        '[[event]]\nat_s = 4\nkind = "clock-step"\npeers = [1]\nstep_ms = -2.5\n'
    )
    assert made.events == (
        scenario.Event(at_us=2_000_000, kind="partition", for_us=1_000_000, groups=((1,), (0,))),
        scenario.Event(at_us=3_000_000, kind="delay", peers=(0, 1), value=4),
        scenario.Event(at_us=4_000_000, kind="clock-step", peers=(1,), value=-2_500),
        scenario.Event(
            at_us=8_000_000,
            kind="link",
            paths=("0->1", "1->0"),
            patch={"delay_us": 90_000, "loss": "bernoulli", "loss_ppm": 10_000},
        ),
    )


def test_a_profile_in_a_link_event_sets_every_field() -> None:
    event = read('[[event]]\nat_s = 1\nkind = "link"\nprofile = "perfect"\ndelay_ms = 3').events[0]
    assert LinkSetup(**event.patch) == LinkSetup(delay_us=3_000)  # type: ignore[arg-type]
    assert set(event.patch) == {item.name for item in fields(LinkSetup)}


def test_one_link_event_becomes_two_where_paths_need_different_patches() -> None:
    events = read(
        '[network.path."0->1"]\njitter = "normal"\njitter_ms = 1\n'
        '[[event]]\nat_s = 1\nkind = "link"\njitter_ms = 4'
    ).events
    assert [(event.paths, event.patch) for event in events] == [
        (("0->1",), {"jitter_us": 4_000}),
        (("1->0",), {"jitter_us": 4_000, "jitter": "uniform"}),
    ]


def test_expectations() -> None:
    made = read(
        '[expect]\ndesyncs = 0\nend_reason = "completed"\nrtt_p50_ms = { max = 120.5 }\n'
        "rollbacks = { min = 1, max = 9 }\nexercised_drops = { min = 1 }"
    )
    assert made.expect == (
        scenario.Expectation(key="desyncs", minimum=0, maximum=0),
        scenario.Expectation(key="end_reason", text="completed"),
        scenario.Expectation(key="exercised_drops", minimum=1),
        scenario.Expectation(key="rollbacks", minimum=1, maximum=9),
        scenario.Expectation(key="rtt_p50_us", maximum=120_500),
    )


EVENT = '[[event]]\nat_s = 1\nkind = "{}"\n'
MISTAKES = [
    ("seeed = 3", 'seeed: unknown key; did you mean "seed"?'),
    ("seed = -1", "seed: must be 0 to 2147483647, not -1"),
    ("seed = true", "seed: must be a number, not true"),
    ("sessions = 0", "sessions: must be 1 to 64, not 0"),
    ("[session]\ntime_sync = 'windw'", 'session.time_sync: cannot be "windw"; one of: skip, window, speed, none (did you mean "window"?)'),
    ("[session]\nprediction_window_frames = 61", "session.prediction_window_frames: must be 0 to 60, not 61"),
    ("[session]\ninput_delay_frames = 13", "session.input_delay_frames: 13 is above max_input_delay_frames (12)"),
    ("[session]\ninterrupt_ms = 4000\nreconnect_limit_s = 3", "session.interrupt_ms: must be at most reconnect_limit_s (3 s)"),
    ("[session]\npause_on_hidden = 1", "session.pause_on_hidden: must be true or false, not 1"),
    ("[[player]]\nbot = 'randm'", 'player[2].bot: must be one of random, scripted, idle or "path.py:attr", not "randm"'),
    ("[[player]]\nhold_frames = 2.5", "player[2].hold_frames: must be a whole number, not 2.5"),
    ("[[player]]\npeer = 5", "player: nobody sits at peer 2; peers are numbered 0, 1, … without a gap"),
    ("[[host]]", "host[0].peer: is missing"),
    ("[[host]]\npeer = 2", "host[0].peer: there is no peer 2; the peers are 0 to 1"),
    ("[[host]]\npeer = 1\n[[host]]\npeer = 1", "host[1].peer: peer 1 has two [[host]] tables"),
    ("[network]\ndelay = 5", 'network.delay: unknown key; did you mean "delay_ms"?'),
    ("[network]\ndelay_ms = 60001", "network.delay_ms: must be 0 to 60000, not 60001"),
    ("[network]\ndelay_ms = '5'", 'network.delay_ms: must be a number, not "5"'),
    ("[network]\ndelay_ms = 0.0001", "network.delay_ms: must be a whole number of us, not 0.0001"),
    ("[network]\ndelay_ms = nan", "network.delay_ms: must be 0 to 60000, not NaN"),
    ("[network]\nprofile = 'home-wify'", 'network.profile: there is no profile "home-wify"; did you mean "home-wifi"?'),
    ("[network]\njitter = 'table:none-such'", "network.jitter: "),
    ("[network]\nrate_trace = 'none-such'", "network.rate_trace: "),
    ("[network]\nloss = 'none'\nloss_percent = 3", 'network.loss_percent: has no effect with loss = "none"'),
    ("[network]\nloss_trace = '01'\nloss_percent = 3", "network: loss_percent and loss_trace belong to different laws; name one with `loss`"),
    ("[network]\nloss = 'four-state'", "network.loss: needs four_state_percent"),
    ("[network]\nloss = 'trace'", "network.loss: needs loss_trace"),
    ("[network]\nrate_mbps = 1\nrate_trace = 'lte-drive'", "network.rate_trace: is given together with rate_mbps; a path has one rate"),
    ("[network]\norder = 'fifo'\nreorder_percent = 3", 'network.reorder_percent: has no effect with order = "fifo"'),
    ("[network]\nfour_state_percent = [1, 2]", "network.four_state_percent: must have at least 5 entries, not 2"),
    ("[network.path.'0->2']\ndelay_ms = 1", 'network.path."0->2": there is no peer 2; the peers are 0 to 1'),
    ("[network.path.'0-1']\ndelay_ms = 1", 'network.path.0-1: is no path; write "0->1", "0<->1", "0->*" or "*->0"'),
    ("[network.path.'0->1']\ndlay_ms = 1", 'network.path."0->1".dlay_ms: unknown key; did you mean "delay_ms"?'),
    ("[network.relay.path.'0->1']\ndelay_ms = -1", 'network.relay.path."0->1".delay_ms: must be 0 to 60000, not -1'),
    (EVENT.format("blackot"), 'event[0]: kind "blackot" is unknown; '),
    ("[[event]]\nat_s = 1", 'event[0]: is missing "kind"'),
    (EVENT.format("hidden"), "event[0].peers: is missing"),
    (EVENT.format("hidden") + "peers = [1]\npaths = ['0->1']", "event[0].paths: unknown key; "),
    (EVENT.format("hidden") + "peers = [2]", "event[0].peers: there is no peer 2; the peers are 0 to 1"),
    (EVENT.format("crash") + "peers = [1]\nfor_s = 2", "event[0].for_s: unknown key; "),
    (EVENT.format("reload") + "peers = [1]", "event[0].for_s: is missing"),
    (EVENT.format("stall") + "peers = [1]\nfor_s = 0", "event[0].for_s: must be 0.001 to 86400, not 0"),
    (EVENT.format("blackout") + "paths = ['0->4']", "event[0].paths: there is no peer 4; the peers are 0 to 1"),
    (EVENT.format("partition") + "groups = [[0], [0, 1]]", "event[0].groups: peer 0 is named twice"),
    (EVENT.format("relay"), "event[0]: needs a table [network.relay]"),
    (EVENT.format("link"), "event[0]: changes nothing; give keys of [network]"),
    (EVENT.format("link") + "delai_ms = 4", 'event[0].delai_ms: unknown key; did you mean "delay_ms"?'),
    (EVENT.replace("1\n", "11\n").format("blackout"), "event[0].at_s: 11 is after the length of all episodes (see limit_s), 10 s"),
    ("limit_s = 5\n" + EVENT.replace("1\n", "6\n").format("blackout"), "event[0].at_s: 6 is after limit_s, 5 s"),
    ("[expect]\ndesync = 0", 'expect.desync: unknown figure; did you mean "desyncs"?'),
    ("[expect]\nend_reason = 'complete'", "expect.end_reason: must be one of completed, "),
    ("[expect]\nrows = { min = 5, max = 4 }", "expect.rows.min: is above max (4)"),
    ("[expect]\nrows = { mx = 4 }", "expect.rows.mx: unknown key; "),
    ("[expect]\nrows = {}", "expect.rows: must have a min or a max"),
    ("[expect]\nrows = [1]", "expect.rows: must be a number, not a list"),
    ("[expect]\nrtt_p50_ms = { max = 0.0001 }", "expect.rtt_p50_ms.max: must be a whole number of us, not 0.0001"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_a_mistake_is_named_with_its_path(text: str, expected: str) -> None:
    top, table = (text, "") if "[" not in text else (text[: text.index("[")], text[text.index("[") :])
    found = problems(table, base=top + BASE if top else BASE)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_mistakes_of_the_game() -> None:
    assert problems("", BASE.replace("counter-v1", "conter-v1"))[0].startswith(
        'game.id: there is no game "conter-v1"; did you mean "counter-v1"?'
    )
    assert problems("[game.params]\nplayrs = 2")[0].startswith("game.params: ")
    assert problems("[game.params]\nplayers = 2.5") == [
        "game.params.players: must be a whole number, a string or true/false, not 2.5"
    ]
    assert problems("", "name = 'x'\n[[player]]\n[[player]]\n") == ["game: is missing"]
    assert problems("", "name = 'x'\n[game]\nid = 'counter-v1'\n") == ["player: is missing"]


def test_all_problems_are_told_at_once() -> None:
    text = "\n".join(
        ["[session]\nfram_rate_hz = 3\n[network]\ndelay_ms = -1\n[expect]\ndesync = 0", EVENT.format("x")]
    )
    found = problems(text + EVENT.format("hidden") + "peers = [7]\n")
    assert [message.partition(": ")[0] for message in found] == [
        "session.fram_rate_hz",
        "network.delay_ms",
        "event[0]",
        "event[1].peers",
        "expect.desync",
    ]


def test_the_message_of_the_error_has_the_source_and_every_problem() -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_table({"seeed": 1}, source="my.toml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "my.toml: 3 problems"
    assert [line.strip() for line in lines[1:]] == caught.value.problems


def test_every_key_with_a_unit_has_its_field_in_the_canonical_form() -> None:
    """A key that is misspelt in the models would otherwise fail only when somebody uses it."""
    pairs: list[tuple[type[schema.Table], type[Any], set[str]]] = [
        (schema.GameTable, scenario.GameSetup, set()),
        (schema.SessionTable, scenario.SessionSetup, set()),
        (schema.PlayerTable, scenario.PlayerSetup, set()),
        (schema.HostTable, scenario.HostSetup, {"peer"}),
        (schema.LinkTable, LinkSetup, set()),
    ]
    for table, setup, own in pairs:
        keys = {canonical_key(key)[0] for key in table.model_fields if key not in own}
        assert keys == {item.name for item in fields(setup)}


def test_the_choices_are_those_of_the_canonical_form() -> None:
    assert get_args(schema.LinkTable.model_fields["loss"].annotation) == scenario.LOSS_MODELS
    assert get_args(schema.LinkTable.model_fields["order"].annotation) == scenario.ORDERS
    for shape in scenario.JITTER_SHAPES:
        assert link(f'jitter = "{shape}"').jitter == shape
    assert expectations.WORDS["end_reason"] == tuple(reason.value for reason in EndReason)


def test_every_profile_can_be_used_and_overridden() -> None:
    for name in profile_names():
        assert link(f'profile = "{name}"\ndelay_ms = 1').delay_us == 1_000


def test_the_json_schema_knows_keys_ranges_and_defaults() -> None:
    table = schema.json_schema()
    json.dumps(table)
    assert table["additionalProperties"] is False
    assert set(table["required"]) == {"game", "player"}
    session = table["$defs"]["SessionTable"]["properties"]
    assert session["prediction_window_frames"]["maximum"] == 60
    assert session["interrupt_ms"]["default"] == 500
    assert session["time_sync"]["enum"] == ["skip", "window", "speed", "none"]
    assert table["$defs"]["NetworkTable"]["properties"]["ge_loss_bad_percent"]["default"] == 100


def test_the_reference_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "scenario-reference.md").read_text(encoding="utf-8")
    assert page == schema.reference_markdown(), "write it again: docs/scenario-reference.md"


def test_the_reference_page_has_every_key_and_every_kind() -> None:
    page = schema.reference_markdown()
    for table in (schema.SessionTable, schema.HostTable, schema.LinkTable, schema.ScenarioTable):
        for key in table.model_fields:
            assert f"| `{key}` |" in page
    union = get_args(schema.AnyEvent)[0]
    for event in get_args(union):
        assert f'`kind = "{kind_of(event)}"`' in page

"""Finding, reading and overriding scenario files, and what ships."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollback_core.errors import UsageError
from scenarios.load import ScenarioError, load_scenario, shipped
from scenarios.scenario import Scenario, from_table, scenario_hash, to_json

NAMES = [name for name, _, _ in shipped()]

TEXT = """
[game]
id = "counter-v1"
max_steps = 300
[[player]]
[[player]]
[network]
delay_ms = 40
[[event]]
at_s = 2
kind = "blackout"
for_s = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    return path


def problems(name: str, *overrides: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(name, overrides=overrides)
    assert isinstance(caught.value, UsageError)
    return caught.value.problems


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_scenario_is_sound(name: str) -> None:
    made = load_scenario(name)
    assert made.name == name
    assert made.summary
    assert made.group
    # With a liar nothing can be expected.
    assert any(bound.key == "desyncs" for bound in made.expect) or made.name == "lying-peer", (
        "desyncs = 0 is the least that a scenario expects"
    )
    assert from_table(json.loads(to_json(made))) == made
    length_s = (
        made.game.episodes * (made.game.max_steps + made.game.countdown_frames) / made.session.frame_rate_hz
    )
    assert length_s <= 60, "shipped scenarios run in every test"


def test_shipped_lists_by_group_and_covers_every_impairment() -> None:
    listed = shipped()
    assert listed == sorted(listed, key=lambda item: (item[1], item[0]))
    assert len(listed) >= 34
    assert {group for _, group, _ in listed} >= {
        *("latency", "jitter", "loss", "burst", "asymmetric", "bufferbloat", "blackout", "focus", "stall"),
        *("drift", "drop", "n-players", "third-party", "lockstep", "transport", "time-sync", "delay"),
    }
    assert {"demo", "reference", "three-games", "deep-rollback"} <= set(NAMES)


def test_shipped_scenarios_differ() -> None:
    hashes = {scenario_hash(load_scenario(name)) for name in NAMES}
    assert len(hashes) == len(NAMES)


def test_the_reference_scenario_is_what_the_benchmarks_say() -> None:
    made = load_scenario("reference")
    link = made.network.paths[0].link
    assert (made.game.max_steps, made.session.frame_rate_hz) == (3_600, 60)
    assert (made.session.prediction_window_frames, made.session.input_delay_frames) == (8, 3)
    assert (link.delay_us, link.loss_ppm, made.players[0].hold_frames) == (50_000, 50_000, 12)


def test_a_file_is_named_after_itself(file: Path) -> None:
    made = load_scenario(str(file))
    assert made.name == "mine"
    assert made.events[0].at_us == 2_000_000


def test_the_seed_can_be_given(file: Path) -> None:
    assert load_scenario(str(file)).seed == 1
    assert load_scenario(str(file), seed=99).seed == 99
    with pytest.raises(ScenarioError, match="seed: must be 0 to"):
        load_scenario(str(file), seed=-1)


def test_a_profile_beside_the_file(file: Path) -> None:
    (file.parent / "attic.toml").write_text('summary = "attic"\n[link]\ndelay_ms = 12\n')
    made = load_scenario(
        str(file), overrides=["network.profile=./attic.toml", 'network.path."0->1".loss_percent=1']
    )
    assert made.network.paths[0].link.loss_ppm == 10_000
    file.write_text(TEXT.replace("delay_ms = 40", 'profile = "./attic.toml"'))
    assert load_scenario(str(file)).network.paths[0].link.delay_us == 12_000
    assert "network.profile: ./none.toml" in problems(str(file), "network.profile=./none.toml")[0]


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("seed=5", lambda s: s.seed, 5),
        ("session.frame_rate_hz = 60", lambda s: s.session.frame_rate_hz, 60),
        ('network.path."0->1".delay_ms=80.5', lambda s: s.network.paths[0].link.delay_us, 80_500),
        ("network.path.0->1.delay_ms=80", lambda s: s.network.paths[0].link.delay_us, 80_000),
        ("event[0].at_s=0.1", lambda s: s.events[0].at_us, 100_000),
        ("player[1].bot=idle", lambda s: s.players[1].bot, "idle"),
        ('player[1].bot="idle"', lambda s: s.players[1].bot, "idle"),
        ("player[2].bot=idle", lambda s: len(s.players), 3),
        ("event=[]", lambda s: s.events, ()),
        ("expect.rows={ min = 3 }", lambda s: s.expect[0].minimum, 3),
        ("host[0].peer=1", lambda s: len(s.hosts), 2),
    ],
)
def test_a_value_can_be_set(file: Path, override: str, read: Any, value: object) -> None:
    assert read(load_scenario(str(file), overrides=[override])) == value


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("session", "--set session: must be PATH=VALUE"),
        ("=3", "--set =3: must be PATH=VALUE"),
        ("sess ion=3", "--set sess ion=3: must be PATH=VALUE"),
        ("player[4].bot=idle", "--set player[4].bot=idle: player has 2 entries"),
        ("player.bot=idle", "--set player.bot=idle: player is no table"),
        ("game.id.x=1", "--set game.id.x=1: game.id is no table"),
        ("session.frame_rate_hz=", 'session.frame_rate_hz: must be a number, not ""'),
        ("session.frame_rate=60", 'session.frame_rate: unknown key; did you mean "frame_rate_hz"?'),
        ("seed=1\nsessions=2", 'seed: must be a number, not "1\nsessions=2"'),
        ("seed=2026-01-01", "seed: must be a number, not 2026-01-01"),
    ],
)
def test_a_wrong_override_is_told(file: Path, override: str, expected: str) -> None:
    assert problems(str(file), override) == [expected]


def test_a_name_that_is_none() -> None:
    assert problems("latency-100") == ['there is no scenario "latency-100"; did you mean "latency-100ms"?']
    assert problems("xyzzy") == ['there is no scenario "xyzzy"; `sametick scenarios` lists those that ship']


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert problems(str(tmp_path / "none.toml"))[0].startswith("cannot be read: ")
    assert problems(str(tmp_path / "none"))[0].startswith("cannot be read: ")
    cases = {
        "syntax.toml": b"seed = = 3",
        "twice.toml": b"seed = 3\nseed = 4",
        "bytes.toml": b"\xff\xfe",
        "deep.toml": b"x = " + b"[" * 100_000,
        "deep.json": b"[" * 100_000,
        "digits.json": b'{"seed": ' + b"9" * 5_000 + b"}",
        "list.json": b"[1]",
        "empty.json": b"",
        "large.toml": b"#" * 4_000_001,
        "empty.toml": b"",
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        assert problems(str(tmp_path / name)), name


EVENT: dict[str, Any] = {"at_us": 1, "kind": "crash", "peers": [], "groups": [], "paths": [], "patch": {}}
NETWORK: dict[str, Any] = {"transport": "datagram", "paths": [], "relay": []}


class TestCanonical:
    @pytest.fixture
    def made(self) -> Scenario:
        return load_scenario("relay-switch")

    def write(self, tmp_path: Path, made: Scenario, **changes: Any) -> str:
        table = {**json.loads(to_json(made)), **changes}
        path = tmp_path / "case.json"
        path.write_text(json.dumps(table))
        return str(path)

    def test_is_read_back(self, tmp_path: Path, made: Scenario) -> None:
        path = self.write(tmp_path, made)
        assert load_scenario(path) == made
        assert load_scenario(path, seed=5, overrides=["session.frame_rate_hz=60"]).session.frame_rate_hz == 60

    @pytest.mark.parametrize("name", NAMES)
    def test_of_every_shipped_scenario_is_read_back(self, tmp_path: Path, name: str) -> None:
        made = load_scenario(name)
        assert load_scenario(self.write(tmp_path, made)) == made

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"format": 2}, "format: 2; this build reads format 1"),
            ({"seed": "7"}, "seed: "),
            ({"seed": 1.5}, "seed: "),
            ({"sed": 7}, "sed: unknown key"),
            ({"players": [{"bot": "idle", "peer": 0, "hold": 3}]}, "hold"),
            ({"hosts": []}, "network.paths: must be every ordered pair of the 0 peers, sorted"),
            ({"events": [EVENT | {"peers": [9]}]}, "events[0]: there is no peer 9"),
            ({"events": [EVENT | {"paths": ["0->7"]}]}, "events[0].paths: 0->7 there is no peer 7"),
            ({"network": NETWORK}, "network.paths: must be every"),
            ({"network": NETWORK | {"paths": 3}}, "network.paths: "),
            ({"game": {"id": "counter-v1", "max_steps": None}}, "game.max_steps: "),
        ],
    )
    def test_mistakes(self, tmp_path: Path, made: Scenario, changes: dict[str, Any], expected: str) -> None:
        assert expected in "\n".join(problems(self.write(tmp_path, made, **changes)))

    def test_a_bad_link_is_told(self, tmp_path: Path, made: Scenario) -> None:
        table = json.loads(to_json(made))
        table["network"]["paths"][0]["link"]["loss"] = "sometimes"
        assert "loss" in problems(self.write(tmp_path, made, network=table["network"]))[0]

"""One value set anew, or one for all; what cannot be set is told with the place and what to do."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from scenarios.load import load_scenario, shipped
from scenarios.problems import ScenarioError
from scenarios.scenario import PathSetup, to_json

TEXT = """
[game]
id = "counter-v1"
[[player]]
bot = "random"
[[player]]
bot = "idle"
hold_frames = 3
[[host]]
peer = 1
clock_drift_ppm = 100
[network]
delay_ms = 10
[network.path."0->1"]
profile = "lte"
delay_ms = 70
[network.relay]
delay_ms = 5
[network.relay.path."1->0"]
delay_ms = 9
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    return path


def delays(paths: Iterable[PathSetup]) -> set[int]:
    return {path.link.delay_us for path in paths}


def problem(file: Path, override: str) -> str:
    with pytest.raises(ScenarioError) as error:
        load_scenario(str(file), overrides=[override])
    [told] = error.value.problems
    return told


@pytest.mark.parametrize("name", [name for name, _, _ in shipped()])
def test_every_path_of_every_scenario_has_what_is_set_for_all(name: str) -> None:
    scenario = load_scenario(name, overrides=["network.path.*.delay_ms=321"])
    assert delays(scenario.network.paths) == {321_000}
    plain = load_scenario(name)
    assert delays(scenario.network.relay) == delays(plain.network.relay), "the relay is another network"


def test_the_relay_has_paths_of_its_own(file: Path) -> None:
    scenario = load_scenario(str(file), overrides=["network.relay.path.*.delay_ms=1"])
    assert delays(scenario.network.relay) == {1_000}
    assert delays(scenario.network.paths) == {10_000, 70_000}


def test_what_is_set_for_all_leaves_the_rest_of_each_alone(file: Path) -> None:
    before, after = (
        load_scenario(str(file), overrides=overrides) for overrides in ((), ["network.path.*.delay_ms=40"])
    )
    assert [path.link.loss for path in before.network.paths] == [
        path.link.loss for path in after.network.paths
    ]


@pytest.mark.parametrize("override", ["player[*].hold_frames=6", "player.*.hold_frames=6"])
def test_every_entry_of_a_list(file: Path, override: str) -> None:
    assert [player.hold_frames for player in load_scenario(str(file), overrides=[override]).players] == [6, 6]


def test_only_the_entries_that_are_there(file: Path) -> None:
    scenario = load_scenario(str(file), overrides=["host[*].clock_drift_ppm=7"])
    assert [host.clock_drift_ppm for host in scenario.hosts] == [0, 7]


def test_a_canonical_scenario_has_lists_too(file: Path) -> None:
    case = file.with_suffix(".json")
    case.write_text(to_json(load_scenario(str(file))))
    scenario = load_scenario(str(case), overrides=["network.paths[*].link.delay_us=3"])
    assert delays(scenario.network.paths) == {3}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("network.path.*=1", "ends in *; name what is set for all, as in network.path.*.delay_ms"),
        ("event[*].at_s=1", "event has 0 entries; write one, or name it: event[0]"),
        (
            "session.*.x=1",
            "session.* stands for nothing; there are network.path.*, player[*], host[*], event[*]",
        ),
        (
            "game.id.*.x=1",
            "game.id.* stands for nothing; there are network.path.*, player[*], host[*], event[*]",
        ),
        (
            "player[7].*.x=1",
            "player[7].* stands for nothing; there are network.path.*, player[*], host[*], event[*]",
        ),
        ("*.x=1", ".* stands for nothing; there are network.path.*, player[*], host[*], event[*]"),
    ],
)
def test_a_star_that_stands_for_nothing_is_told(file: Path, override: str, told: str) -> None:
    assert problem(file, override) == f"--set {override}: {told}"


def test_a_value_that_one_of_all_cannot_have_is_told_at_its_own_place(file: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        load_scenario(str(file), overrides=["network.path.*.loss_percent=101"])
    assert [told.partition(": ")[0] for told in error.value.problems] == [
        "network.loss_percent",
        'network.path."0->1".loss_percent',
    ]

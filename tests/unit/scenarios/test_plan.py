"""A plan becomes cells that are scenarios, or every fault of it is named."""

from pathlib import Path

import pytest

from scenarios.load import load_scenario
from scenarios.plan import Plan, load_plan, shipped_plans
from scenarios.problems import ScenarioError
from scenarios.scenario import to_json

HEAD = 'scenario = "latency-100ms"\n'


def plan(folder: Path, text: str) -> Plan:
    file = folder / "mine.toml"
    file.write_text(HEAD + text)
    return load_plan(str(file))


@pytest.mark.parametrize("name", shipped_plans())
def test_a_shipped_plan_is_sound_and_says_what_for(name: str) -> None:
    found = load_plan(name)
    assert found.table.summary
    assert len(found.cells) >= 15
    assert len({cell.overrides for cell in found.cells}) == len(found.cells)


def test_bursts_have_the_share_of_loss_and_the_mean_length_that_their_labels_say() -> None:
    """A stretch of loss ends with one chance and begins with another; the labels are what comes of both."""
    found = load_plan("bursts")
    met = set()
    for cell in found.cells:
        link = found.scenario(cell, 0).network.paths[0].link
        share = link.ge_good_to_bad_ppm / (link.ge_good_to_bad_ppm + link.ge_bad_to_good_ppm)
        label = f"{100 * share:.2g} %, {1e6 / link.ge_bad_to_good_ppm:g}"
        assert cell.labels["loss, mean burst"] == label
        met.add((label, cell.labels["session.prediction_window_frames"]))
    assert len(met) == 3 * 5 * 5, "shares, bursts, windows"


def test_a_grid_is_every_combination(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        '[axes]\n"network.delay_ms" = [10, 20]\n[axes.game]\n'
        'short = { "game.max_steps" = 60 }\nlong = { "game.max_steps" = 90, "session.frame_rate_hz" = 60 }\n',
    )
    assert [cell.labels for cell in found.cells] == [
        {"network.delay_ms": delay, "game": game} for delay in ("10", "20") for game in ("short", "long")
    ]
    scenario = found.scenario(found.cells[3], 0)
    assert {path.link.delay_us for path in scenario.network.paths} == {20_000}
    assert (scenario.game.max_steps, scenario.session.frame_rate_hz) == (90, 60)


def test_an_axis_of_all_paths_reaches_also_those_with_a_table_of_their_own(tmp_path: Path) -> None:
    head = HEAD.replace("latency-100ms", "demo")
    file = tmp_path / "mine.toml"
    axes = '"network.path.*.delay_ms" = [20, 40]\n"player.*.hold_frames" = [5, 9]\n'
    file.write_text(f"{head}[axes]\n{axes}")
    found = load_plan(str(file))
    assert len(found.cells) == 4
    last = found.scenario(found.cells[-1], 0)
    assert {path.link.delay_us for path in last.network.paths} == {40_000}
    assert {player.hold_frames for player in last.players} == {9}
    assert found.cells[-1].labels == {"network.path.*.delay_ms": "40", "player.*.hold_frames": "9"}


def test_zip_takes_the_axes_side_by_side(tmp_path: Path) -> None:
    axes = '[axes]\n"network.delay_ms" = [10, 20]\n"network.loss_percent" = [1, 2]\n'
    found = plan(tmp_path, f'combine = "zip"\n{axes}')
    assert [tuple(cell.labels.values()) for cell in found.cells] == [("10", "1"), ("20", "2")]
    with pytest.raises(ScenarioError, match=r"one length: network.delay_ms has 2, network.loss"):
        plan(tmp_path, f'combine = "zip"\n{axes}'.replace("[1, 2]", "[1]"))


def test_random_draws_are_the_seeds(tmp_path: Path) -> None:
    text = 'combine = "random"\nsamples = 30\nseed = {}\n[axes]\n"network.delay_ms" = [1, 2, 3, 4]\n'
    draws = [
        [cell.labels["network.delay_ms"] for cell in plan(tmp_path, text.format(seed)).cells]
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert set(draws[0]) == {"1", "2", "3", "4"}


def test_repeats_differ_in_their_seed_alone(tmp_path: Path) -> None:
    found = plan(tmp_path, 'repeats = 2\n[axes]\n"network.delay_ms" = [10]\n')
    first, second = (found.scenario(found.cells[0], repeat) for repeat in (0, 1))
    assert first.seed != second.seed
    assert first.network == second.network


def test_the_scenarios_own_expectations_are_left_out_and_the_plans_are_kept(tmp_path: Path) -> None:
    axes = '[axes]\n"network.delay_ms" = [10]\n'
    assert plan(tmp_path, axes).scenario(plan(tmp_path, axes).cells[0], 0).expect == ()
    found = plan(tmp_path, f'{axes}[expect]\nend_reason = "completed"\nrows = {{ min = 5 }}\n')
    kept = {item.key: item for item in found.scenario(found.cells[0], 0).expect}
    assert set(kept) == {"end_reason", "rows"}
    assert kept["rows"].minimum == 5


def test_expectations_on_times_are_kept(tmp_path: Path) -> None:
    expect = "[expect]\nrtt_p50_ms = { max = 1 }\nsimulated_ms = 2\n"
    found = plan(tmp_path, f'[axes]\n"network.delay_ms" = [50]\n{expect}')
    kept = {item.key: item for item in found.scenario(found.cells[0], 0).expect}
    assert kept["rtt_p50_us"].maximum == 1_000
    assert kept["simulated_us"].minimum == kept["simulated_us"].maximum == 2_000


def test_a_canonical_scenario_is_held_to_the_plan_too(tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    file.write_text(to_json(load_scenario("latency-100ms")))
    (tmp_path / "mine.toml").write_text(
        f'scenario = "{file}"\n[axes]\n"game.max_steps" = [60]\n[expect]\nrows = 60\n'
    )
    found = load_plan(str(tmp_path / "mine.toml"))
    assert [item.key for item in found.scenario(found.cells[0], 0).expect] == ["rows"]


@pytest.mark.parametrize(
    ("axes", "is_told"),
    [
        ('"network.delay_ms" = [1]\n[axes.x]\na = { "network.delay_ms" = 2 }\n', True),
        ('"network.delay_ms" = [1]\n"network.path.*.delay_ms" = [2]\n', True),
        ('"network.path.*.delay_ms" = [1]\n"network.delay_ms" = [2]\n', True),
        ('\'network.path."0->1".delay_ms\' = [1]\n"network.path.*.delay_ms" = [2]\n', True),
        ('"player[0].hold_frames" = [5]\n"player.*.hold_frames" = [6]\n', True),
        ('"network.path.*.delay_ms" = [1]\n\'network.path."0->1".delay_ms\' = [2]\n', False),
        ('"network.delay_ms" = [1]\n"network.loss_percent" = [2]\n', False),
    ],
)
def test_no_axis_takes_from_another_what_its_label_says(tmp_path: Path, axes: str, is_told: bool) -> None:
    text = f"[axes]\n{axes}"
    if not is_told:
        assert plan(tmp_path, text).cells
        return
    with pytest.raises(ScenarioError, match=r"sets .* again, which .* has set"):
        plan(tmp_path, text)


def test_all_that_is_played_is_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    game, scenario, trace = (tmp_path / name for name in ("own.py", "own.toml", "own.trace"))
    game.write_text("from scenarios.games.counter import Counter\n")
    trace.write_text("1\n2\n")
    text = '[game]\nid = "own.py:Counter"\nmax_steps = 60\n[[player]]\n[[player]]\n[network]\n'
    scenario.write_text(f'{text}rate_trace = "./own.trace"\nqueue_bytes = 9000\n')

    def digest() -> str:
        (tmp_path / "mine.toml").write_text('scenario = "own.toml"\n[axes]\n"network.delay_ms" = [1]\n')
        return load_plan("mine.toml").digest

    digests = [digest()]
    for file in (scenario, game, trace):
        file.write_text(f"# a remark\n{file.read_text()}")
        digests.append(digest())
    assert digests[0] == digests[1], "the same scenario"
    assert len(set(digests)) == 3, "code and tables are not compared but by their bytes"
    scenario.write_text(scenario.read_text().replace("max_steps = 60", "max_steps = 61"))
    assert digest() not in digests


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "axes: is missing"),
        ("repeats = 0\n[axes]\nx = [1]\n", "repeats: input should be greater than or equal to 1"),
        ("colour = 1\n[axes]\nx = [1]\n", "colour: unknown key; known: summary, scenario, combine"),
        ("repeat = 1\n[axes]\nx = [1]\n", 'repeat: unknown key; did you mean "repeats"?'),
        ("[set]\nnetwork.delay_ms = 4\n[axes]\nx = [1]\n", "set.network: needs one value; a path is quoted"),
        ("[expect]\nrows = []\n[axes]\nx = [1]\n", "expect.rows: needs a value, or a table with min and max"),
        ("[expect]\nrow = 1\n[axes]\nx = [1]\n", 'expect.row: unknown figure; did you mean "rows"?'),
        ("[expect]\nrows = { mx = 1 }\n[axes]\nx = [1]\n", "expect.rows.mx: unknown key"),
        ("[settle]\nhalf_width_percent = 51\n[axes]\nx = [1]\n", "half_width_percent: must be 0.0001 to 50"),
        ("[axes]\nseed = [1, 2]\n", 'axes.seed: seed: runs take theirs from the plan\'s own "seed"'),
        ("[set]\nseed = 1\n[axes]\nx = [1]\n", 'set: seed: runs take theirs from the plan\'s own "seed"'),
        (
            '[axes.x]\na = { "expect.rows" = 1 }\n',
            "axes.x: expect.rows: what runs are held to stands in [expect]",
        ),
        ('[axes]\n"network.delay" = [1]\n', "cell 0 (network.delay = 1)"),
        (
            '[axes]\n"network.path.*.dlay_ms" = [1]\n',
            'network.dlay_ms: unknown key; did you mean "delay_ms"?',
        ),
        ('[axes]\n"event[*].at_s" = [1]\n', "event has 0 entries; write one, or name it: event[0]"),
        ("[axes]\nnetwork.delay_ms = [1]\n", "axes.network: needs a list of values, or labels with settings"),
        ("[axes]\nnetwork.delay_ms = [1]\n", 'a path is quoted, as in "network.delay_ms" = [20, 40]'),
        ('[axes]\n"network.loss_percent" = [1, 101]\n', "cell 1 (network.loss_percent = 101)"),
        ("samples = 3\n[axes]\nx = [1]\n", 'samples: needed with combine = "random", and only there'),
        ("[axes\n", "line 2"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ScenarioError) as error:
        plan(tmp_path, text)
    assert told in str(error.value)


def test_a_plan_that_is_not_there() -> None:
    with pytest.raises(ScenarioError, match="no such plan; known: bursts, input-delay"):
        load_plan("nothing")
    with pytest.raises(ScenarioError, match=r"no such file$"):
        load_plan("nothing.toml")


def test_a_folder_called_like_a_plan_is_not_in_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bursts").mkdir()
    assert load_plan("bursts").name == "bursts"


def test_a_whole_number_settles(tmp_path: Path) -> None:
    found = plan(tmp_path, '[axes]\n"network.delay_ms" = [10]\n[settle]\nhalf_width_percent = 1\n')
    assert found.table.settle is not None
    assert found.table.settle.half_width_percent == 1


def test_the_digest_is_of_what_is_said(tmp_path: Path) -> None:
    text = '[axes]\n"network.delay_ms" = [10]\n'
    digests = [
        plan(tmp_path, each).digest for each in (text, f"# a remark\n{text}", text.replace("10", "11"))
    ]
    assert digests[0] == digests[1] != digests[2]

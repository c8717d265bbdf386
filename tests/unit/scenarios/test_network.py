import math
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from netsim import network_data
from netsim.link_model import LinkModel
from rollback_core.errors import UsageError
from scenarios.network import (
    TABLE_SCALE,
    load_profile,
    load_table,
    load_trace,
    profile_names,
    profile_summary,
    table_names,
    trace_names,
)
from scenarios.problems import ScenarioError
from scenarios.scenario import LinkSetup


def shipped(folder: str) -> dict[str, str]:
    found = {item.name: item.read_text() for item in resources.files("scenarios").joinpath(folder).iterdir()}
    return {name.rpartition(".")[0]: text for name, text in found.items() if not name.startswith("__")}


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_loads_says_what_it_is_and_lets_datagrams_by(name: str) -> None:
    link = LinkModel(load_profile(name), seed=3, source=0, target=1)
    arrived = sum(bool(link.send(index * 33_333, 60)) for index in range(3_000))
    assert arrived > 3_000 * 0.8
    assert 10 <= len(profile_summary(name)) <= 100
    assert shipped("profiles")[name].startswith("# "), "on what its figures rest"


def test_the_named_profiles_are_what_their_figures_say() -> None:
    assert load_profile("perfect") == LinkSetup()
    average, bad = load_profile("average"), load_profile("bad")
    for link, low_ms, high_ms, loss_percent in ((average, 30, 60, 1), (bad, 100, 200, 5)):
        assert link.jitter == "uniform"
        assert (link.delay_us - link.jitter_us, link.delay_us + link.jitter_us) == (
            low_ms * 1000,
            high_ms * 1000,
        )
        assert link.loss_ppm == loss_percent * 10_000
    wifi = load_profile("home-wifi")
    assert (1_000_000 / wifi.ge_good_to_bad_ppm, 1_000_000 / wifi.ge_bad_to_good_ppm) == (200, 2)


def test_bad_wifi_has_the_measured_median_and_ninth_decile_before_it_keeps_the_order() -> None:
    link = replace(load_profile("bad-wifi"), order="free", loss="none", jitter_correlation_ppm=0)
    model = LinkModel(link, seed=1, source=0, target=1)
    hop_ms = sorted((model.send(0, 60)[0] - 12_000) / 1_000 for _ in range(20_001))
    assert abs(hop_ms[10_000] - 22) < 1
    assert abs(hop_ms[18_000] - 100) < 3


@pytest.mark.parametrize("name", table_names())
def test_the_shipped_tables_are_what_the_formulas_give(name: str) -> None:
    assert load_table(name) == network_data.table_entries(name)
    assert shipped("tables")[name] == network_data.table_text(name)


@pytest.mark.parametrize("name", trace_names())
def test_the_shipped_traces_are_what_the_seed_gives(name: str) -> None:
    assert shipped("traces")[name] == network_data.trace_texts()[name]
    assert set(trace_names()) == set(network_data.trace_texts())


def test_a_table_has_mean_zero_and_deviation_one_but_for_what_is_cut_off() -> None:
    values = [value / TABLE_SCALE for value in load_table("normal")]
    assert abs(fmean(values)) < 1e-4
    assert abs(pstdev(values) - 1) < 1e-3
    pareto = [network_data.pareto_quantile((index + 0.5) / 200_000) for index in range(200_000)]
    assert abs(fmean(pareto)) < 1e-3
    # What lies beyond x0 = mean + 4 deviations is put to x0: the mean falls by x0**-2 / 2 over the deviation.
    cut_at = 1.5 + 4 * math.sqrt(0.75)
    lowered = cut_at**-2 / 2 / math.sqrt(0.75)
    assert abs(fmean(load_table("pareto")) / TABLE_SCALE + lowered) < 1e-3


def test_the_handover_trace_has_its_gaps() -> None:
    times = load_trace("5g-handover")
    gaps = [after - before for before, after in zip((0, *times), times, strict=False) if after - before > 10]
    assert len(gaps) == times[-1] // 4_000 == 5
    assert all(50 <= gap <= 94 for gap in gaps)


def test_a_profile_table_and_trace_can_be_files_of_ones_own(tmp_path: Path) -> None:
    table, trace, profile = (tmp_path / name for name in ("t.dist", "r.trace", "p.toml"))
    table.write_text("# mine\n 1 2\n-3\n")
    trace.write_text("0\n2\n2\n")
    profile.write_text(
        f'summary = "mine"\n[link]\nloss_percent = 2.5\nrate_trace = "{trace}"\njitter = "table:{table}"\n'
    )
    link = load_profile(str(profile))
    assert (link.loss, link.loss_ppm, link.rate_trace) == ("bernoulli", 25_000, str(trace))
    assert load_table(str(table)) == (1, 2, -3)
    assert load_trace(str(trace)) == (0, 2, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('summary = "x"\n[link]\ndelay_sm = 3', 'link.delay_sm: unknown key; did you mean "delay_ms"?'),
        ('summary = "x"\n[link]\ndelay_ms = "3"', "link.delay_ms: "),
        ('summary = "x"\n[link]\nrate_trace = "no-such"', "link.rate_trace: "),
        ('summary = "x"\n[link]\nloss_percent = 1\nloss_trace = "01"', "link: "),
        ('summary = "x"', "link: is missing"),
        ("[link]", "summary: is missing"),
        ("summary = \n", "line 1"),
    ],
)
def test_a_bad_profile_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_profile(str(file))
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "text", "said"),
    [
        (".dist", "1", "entries"),
        (".dist", "1 2 40000", "line 1: 40000 does not fit in 16 bits"),
        (".dist", "1 2\n3 x", "line 2: 'x' is not a whole number"),
        (".dist", "1 2 " + "9" * 5_000, "line 1: "),
        (".trace", "", "lines, not 0"),
        (".trace", "0\n0", "later than at 0"),
        (".trace", "5\n\n4", "line 3: 4 is before the line above"),
        (".trace", "-1\n4", "line 1: -1 is before"),
        (".trace", "1 2", "line 1: '1 2' is not a whole number"),
    ],
)
def test_a_bad_table_or_trace_is_refused_with_the_line(
    tmp_path: Path, suffix: str, text: str, said: str
) -> None:
    file = tmp_path / f"bad{suffix}"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        (load_table if suffix == ".dist" else load_trace)(str(file))
    assert said in str(caught.value)


def test_unknown_names_and_unreadable_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match='did you mean "home-wifi"'):
        load_profile("home-wfi")
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_profile(str(tmp_path / "none.toml"))
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_table(str(tmp_path))
    (tmp_path / "latin.dist").write_bytes(b"# \xe9\n1 2")
    with pytest.raises(ScenarioError, match="UTF-8"):
        load_table(str(tmp_path / "latin.dist"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("up", 1),
        ("mtu_bytes", -1),
        ("loss", "heavy"),
        ("loss_ppm", 1_000_001),
        ("loss_ppm", 0.5),
        ("loss_ppm", True),
        ("four_state_ppm", (1, 2, 3)),
        ("four_state_ppm", (600_000, 0, 0, 0, 600_000)),
        ("four_state_ppm", [1, 2, 3, 4, 5]),
        ("loss_trace", "012"),
        ("rate_bps", 10**13),
        ("rate_trace", 5),
        ("slot_us", -5),
        ("delay_us", 3_600_000_001),
        ("jitter", "poisson"),
        ("jitter", "table:"),
        ("jitter_correlation_ppm", -1),
        ("order", "lifo"),
        ("reorder_ppm", 2_000_000),
    ],
)
def test_a_link_setup_names_the_field_that_is_wrong(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^{field}: "):
        LinkSetup(**{field: value})  # type: ignore[arg-type]


def test_a_link_setup_refuses_models_without_what_they_need() -> None:
    for loss, field in (("four-state", "four_state_ppm"), ("trace", "loss_trace")):
        with pytest.raises(UsageError, match=f"^{field}: "):
            LinkSetup(loss=loss)
    with pytest.raises(UsageError, match=r"^rate_trace: "):
        LinkSetup(rate_bps=5, rate_trace="lte-drive")
    for name in profile_names():
        assert LinkSetup(**asdict(load_profile(name))) == load_profile(name)

"""The page of a campaign says what the tables say, in words, numbers and pictures, without the network."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import pandas
import pytest
from page_words import words

from netsim import sweep
from netsim.intervals import wilson
from reports.campaign import confidence, sentence, write_campaign
from reports.errors import ResultError
from reports.read_campaign import (
    AXIS,
    CONTROLLER_MEASURES,
    MEASURES,
    WORK,
    CampaignFolder,
    axis_names,
    is_campaign,
    read_campaign,
)

DELAYS = ("20", "100", "200")
WINDOWS = ("4", "8")
GAMES = ("counter", "slime")


def campaign(
    folder: Path,
    *,
    slower: float = 0.0,
    failed: int = 0,
    half: float = 0.5,
    delays: Sequence[str] = DELAYS,
    runs: int = 3,
) -> CampaignFolder:
    rows = []
    for game in GAMES:
        for delay in delays:
            for window in WINDOWS:
                low, high = wilson(0 if rows else failed, runs)
                row: dict[str, object] = {
                    "cell": len(rows),
                    "axis: game": game,
                    "axis: network.delay_ms": delay,
                    "axis: session.prediction_window_frames": window,
                    "runs": runs,
                    "failed": failed if not rows else 0,
                    "failed_low": low,
                    "failed_high": high,
                    "worst_repeat": 2,
                    "busiest_repeat": 1,
                    "steps_per_s": 60.0 + len(rows),
                    "steps_per_s ±": half,
                }
                columns = dict.fromkeys(each.column for each in (*MEASURES, *CONTROLLER_MEASURES))
                for place, column in enumerate(columns):
                    row[column] = int(delay) / int(window) / (place + 1) + slower * (delay == "200")
                    row[f"{column} ±"] = half
                rows.append(row)
    folder.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame(rows).to_parquet(folder / "cells.parquet")
    summary = {
        "ok": not failed,
        "plan": "delay-window",
        "summary": "how far a window goes",
        "command": "sametick sweep 'my plans/delay-window.toml' --out out/mine",
        "not_played": [],
        "cells": len(rows),
        "missing_cells": 0,
        "runs": runs * len(rows),
        "failed_runs": failed,
        "content_hash": "0123456789abcdef" * 4,
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return read_campaign(folder)


def page(found: CampaignFolder, before: CampaignFolder | None = None) -> str:
    return write_campaign(found, found.path / "report.html", before=before).read_text("utf-8")


def test_what_is_said_first() -> None:
    sound = {"runs": 300, "cells": 100, "failed_runs": 0, "not_played": []}
    assert sentence(sound) == "300 runs of 100 cells: every law held."
    assert "fewer than 1 % of such runs fail" in confidence(sound)
    assert confidence({**sound, "not_played": ["cell 3: its process died, 2 times"]}) == ""
    broken = {**sound, "failed_runs": 2}
    assert sentence(broken).startswith("300 runs of 100 cells: 2 broke a law or an expectation")
    assert "Wilson" in confidence(broken)


def test_columns_are_named_as_sweeps_write_them() -> None:
    """Reports know no producer: the names are part of the files, and stand on both sides."""
    assert AXIS == sweep.AXIS
    assert {measure.column for measure in (*MEASURES, *CONTROLLER_MEASURES, WORK)} <= set(sweep.MEANS)


def test_a_heat_map_for_each_measure_with_a_panel_for_each_value_of_the_third_axis(tmp_path: Path) -> None:
    text = page(campaign(tmp_path))
    assert text.count("<svg") == len(MEASURES)
    for measure in MEASURES:
        assert f"Heat map of {measure.title} over" in text
    for panel in ("prediction window frames 4", "prediction window frames 8"):
        assert f">{panel}<" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text), "nothing is fetched"
    assert page(campaign(tmp_path)) == text, "byte for byte"


def test_cells_that_fail_stand_first_and_lead_to_what_was_kept(tmp_path: Path) -> None:
    (tmp_path / "failures" / "cell-00000-repeat-1").mkdir(parents=True)
    text = page(campaign(tmp_path, failed=1))
    assert '<a href="failures/cell-00000-repeat-1/scenario.json">failure</a>' in text
    assert text.index("failures/cell-00000") < text.index('<th scope="row" class="number">11</th>')
    assert 'class="wrong"' in text


def test_cells_with_most_work_stand_first_with_their_scenario(tmp_path: Path) -> None:
    text = page(campaign(tmp_path))
    section = text[text.index("Most work") :]
    linked = re.findall(r'href="scenarios/cell-(\d+)-repeat-1.json"', section)
    assert linked == [f"{cell:05}" for cell in range(11, 1, -1)]
    assert words(section).startswith("Most work Cells with the most steps")


def test_controllers_stand_side_by_side_with_what_tells_them_apart(tmp_path: Path) -> None:
    assert "Controllers" not in words(page(campaign(tmp_path)))
    mine = campaign(tmp_path, half=0.3)
    cells = mine.cells.rename(columns={"axis: game": "axis: session.time_sync"})
    cells["skipped_percent"] = [0.0] * 6 + [0.25] * 6
    cells["frame_advantage_p95_frames"] = [8.5] * 6 + [0.25] * 6
    cells["stalled_percent"] = 0.0
    text = words(page(CampaignFolder(mine.summary, cells, tmp_path)))
    assert "Controllers (time sync)" in text
    # Of six cells with ± 0.3 each the mean has ± 0.3 / √6.
    assert re.search(r"counter 8\.50 ± 0\.12 0\.00 ± 0\.12 .* slime 0\.25 ± 0\.12 0\.25 ± 0\.12 ", text)
    assert "Frame advantage, 95th percentile (frames) delay ms prediction window frames counter slime" in text
    assert "20 4 8.50 ± 0.30 0.25 ± 0.30 20 8 8.50 ± 0.30 0.25 ± 0.30" in text
    section = text[text.index("Controllers (") : text.index("Axis by axis")]
    assert "Stalled ticks (%)" not in section, "what is the same everywhere tells nothing"


def test_before_and_after_names_what_chance_does_not_explain(tmp_path: Path) -> None:
    before = campaign(tmp_path / "before")
    same = page(campaign(tmp_path / "same"), before)
    assert "What has changed" in same
    assert "12 cells in both campaigns." in same
    assert "In each the same share of runs fails, and no mean differs by more than chance explains." in same
    slower = page(campaign(tmp_path / "after", slower=2.0), before)
    assert slower.count("+2.00 ± 0.71") == len(MEASURES) * len(GAMES) * len(WINDOWS)


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    """With one run a cell there is no interval: that no difference was found means nothing then."""
    before = campaign(tmp_path / "before", half=math.inf)
    once = page(campaign(tmp_path / "once", slower=50.0), before)
    assert "In 12 of them means could not be compared" in once
    assert "Of the means nothing is known." in once
    other = page(campaign(tmp_path / "other", delays=("20", "300")), campaign(tmp_path / "first"))
    assert "4 cells in both campaigns. 8 in the earlier one only. 4 in this one only." in other
    none = page(campaign(tmp_path / "none", delays=("300",)), before)
    assert "Nothing can be compared." in none


def test_failures_that_came_stand_first_among_the_changes(tmp_path: Path) -> None:
    before = campaign(tmp_path / "before", half=math.inf)
    text = words(page(campaign(tmp_path / "after", failed=1), before))
    row = "counter 20 4 failed runs 0 of 3 (0 to 56 %) 1 of 3 (6 to 79 %) +33 % (-29 to +79): may be chance"
    assert row in text


def test_failures_that_chance_does_not_explain_are_said_to_be_so(tmp_path: Path) -> None:
    """The figures of Newcombe's own example, table II (a): 56 of 70 and 48 of 80 differ by 5.2 to 33.4 %."""
    before = campaign(tmp_path / "before", failed=48, runs=80)
    after = campaign(tmp_path / "after", failed=56, runs=70)
    assert "+20 % (+5 to +33): more than chance" in words(page(after, before))
    assert "-20 % (-33 to -5): more than chance" in words(page(before, after))


def test_runs_without_figures_have_dashes(tmp_path: Path) -> None:
    mine = campaign(tmp_path, failed=3)
    columns = [column for each in MEASURES for column in (each.column, f"{each.column} ±")]
    mine.cells.loc[0, columns] = math.nan
    assert "nan" not in words(page(mine)).lower()
    mine.cells[columns] = math.nan
    text = words(page(mine)).lower()
    assert "nan" not in text
    assert "– % in every cell" in text


def test_axes_that_end_alike_have_as_many_steps_as_tell_them_apart() -> None:
    alike = [f'axis: network.path."{way}".delay_ms' for way in ("0->1", "1->0")]
    names = axis_names([*alike, "axis: session.time_sync", "axis: up to 1.5 s"])
    assert list(names.values()) == [
        '"0->1".delay ms',
        '"1->0".delay ms',
        "time sync",
        "up to 1.5 s",
    ]


def test_the_page_says_how_to_play_it_again_and_its_links_hold_from_where_it_is(tmp_path: Path) -> None:
    mine = campaign(tmp_path / "mine", failed=1)
    (mine.path / "failures" / "cell-00000-repeat-1").mkdir(parents=True)
    text = write_campaign(mine, tmp_path / "pages" / "x.html").read_text("utf-8")
    assert "Campaign delay-window: how far a window goes" in text
    assert 'href="../mine/failures/cell-00000-repeat-1/scenario.json"' in text
    assert "sametick sweep &#39;my plans/delay-window.toml&#39; --out out/mine" in text


def test_campaigns_of_other_axes_are_not_compared(tmp_path: Path) -> None:
    mine = campaign(tmp_path / "mine")
    other = CampaignFolder(mine.summary, mine.cells.rename(columns={"axis: game": "axis: sport"}), tmp_path)
    with pytest.raises(ResultError, match="has other axes"):
        page(mine, other)


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "not JSON"), ("[]", "expected object"), ('{"plan": "x"}', "missing")],
)
def test_what_is_no_campaign(tmp_path: Path, text: str, told: str) -> None:
    assert not is_campaign(tmp_path)
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(ResultError, match=told):
        read_campaign(tmp_path)


def test_a_campaign_without_its_tables(tmp_path: Path) -> None:
    mine = campaign(tmp_path)
    mine.cells.drop(columns="failed").to_parquet(tmp_path / "cells.parquet")
    with pytest.raises(ResultError, match="has no column failed"):
        read_campaign(tmp_path)
    (tmp_path / "cells.parquet").unlink()
    with pytest.raises(ResultError, match="is no campaign"):
        read_campaign(tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps({**mine.summary, "runs": 0}))
    with pytest.raises(ResultError, match="no cell has been played"):
        read_campaign(tmp_path)

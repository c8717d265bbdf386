"""The page of a campaign says what the tables say, in words, numbers and pictures, without the network."""

import json
import re
from pathlib import Path

import pandas
import pytest

from netsim import sweep
from reports.campaign import (
    AXIS,
    MEASURES,
    CampaignFolder,
    confidence,
    is_campaign,
    read_campaign,
    sentence,
    write_campaign,
)
from reports.errors import ResultError

DELAYS = ("20", "100", "200")
WINDOWS = ("4", "8")
GAMES = ("counter", "slime")


def campaign(folder: Path, *, slower: float = 0.0, failed: int = 0) -> CampaignFolder:
    rows = []
    for game in GAMES:
        for delay in DELAYS:
            for window in WINDOWS:
                row: dict[str, object] = {
                    "cell": len(rows),
                    "axis: game": game,
                    "axis: network.delay_ms": delay,
                    "axis: session.prediction_window_frames": window,
                    "runs": 3,
                    "failed": failed if not rows else 0,
                    "failed_high": 1.0,
                }
                for place, measure in enumerate(MEASURES):
                    row[measure.column] = int(delay) / int(window) / (place + 1) + slower * (delay == "200")
                    row[f"{measure.column} ±"] = 0.5
                rows.append(row)
    folder.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame(rows).to_parquet(folder / "cells.parquet")
    summary = {
        "ok": not failed,
        "plan": "delay-window",
        "cells": len(rows),
        "missing_cells": 0,
        "runs": 3 * len(rows),
        "failed_runs": failed,
        "content_hash": "0123456789abcdef" * 4,
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return read_campaign(folder)


def page(found: CampaignFolder, before: CampaignFolder | None = None) -> str:
    return write_campaign(found, found.path / "report.html", before=before).read_text("utf-8")


def test_what_is_said_first() -> None:
    sound = {"runs": 300, "cells": 100, "failed_runs": 0}
    assert sentence(sound) == "300 runs of 100 cells: every law held."
    assert "fewer than 1 % of such runs fail" in confidence(sound)
    broken = {"runs": 300, "cells": 100, "failed_runs": 2}
    assert sentence(broken) == "300 runs of 100 cells: 2 broke a law or an expectation."
    assert "Wilson" in confidence(broken)


def test_columns_are_named_as_sweeps_write_them() -> None:
    """Reports know no producer: the names are part of the files, and stand on both sides."""
    assert AXIS == sweep.AXIS
    assert {measure.column for measure in MEASURES} <= set(sweep.MEANS)


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


def test_before_and_after_names_what_chance_does_not_explain(tmp_path: Path) -> None:
    before = campaign(tmp_path / "before")
    same = page(campaign(tmp_path / "same"), before)
    assert "What has changed" in same
    assert "<p>Nothing.</p>" in same
    slower = page(campaign(tmp_path / "after", slower=2.0), before)
    assert slower.count("+2.00 ± 0.71") == len(MEASURES) * len(GAMES) * len(WINDOWS)


def test_campaigns_of_other_axes_are_not_compared(tmp_path: Path) -> None:
    mine = campaign(tmp_path / "mine")
    other = CampaignFolder(mine.summary, mine.cells.rename(columns={"axis: game": "axis: sport"}), tmp_path)
    with pytest.raises(ResultError, match="has other axes"):
        page(mine, other)


def test_what_is_no_campaign(tmp_path: Path) -> None:
    assert not is_campaign(tmp_path)
    with pytest.raises(ResultError, match="is no campaign"):
        read_campaign(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(ResultError, match="is no campaign"):
        read_campaign(tmp_path)

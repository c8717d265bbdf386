"""A run as one HTML file that opens offline: verdict, figures, one time axis, tables, how to repeat it."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from reports.compare import compare_tables
from reports.errors import NotComparableError
from reports.headlines import (
    broken_expectations,
    exercised_sentence,
    headlines,
    incoming_loss,
    peer_name,
    run_title,
    violations,
)
from reports.metrics import METRIC_GROUPS, formatted
from reports.palette import player_hue
from reports.plots import distributions
from reports.quantities import count, milliseconds, plural, seconds, share
from reports.read_result import ResultFolder
from reports.render import render, write_text
from reports.scenario_text import scenario_text
from reports.timeline import timeline

REPORT_FILE: Final = "report.html"
_TEMPLATE: Final = "report.html.jinja2"

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """Another run told beside this one: `href` leads to its report, from this one's folder."""

    title: str
    sentence: str
    command: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What the tables in the folder say when they are read again for the page."""

    sentence: str
    is_ok: bool


def write_report(result: ResultFolder, target: Path, *, companion: Companion | None = None) -> Path:
    """Write the page of a run to `target` (its folder is made) and give the path back."""
    return write_text(render_page(result, companion=companion), target)


def render_page(result: ResultFolder, *, companion: Companion | None = None) -> str:
    """The page as text. Equal results give equal pages, byte for byte."""
    table = result.table
    return render(
        _TEMPLATE,
        table=table,
        subtitle=run_title(table),
        headlines=headlines(table),
        violations=[{**oracle, "place": _place(oracle["violation"] or {})} for oracle in violations(table)],
        broken=broken_expectations(table),
        exercised=exercised_sentence(table),
        companion=companion,
        timeline=timeline(table),
        distributions=distributions(table),
        peers=[_peer_heading(peer) for peer in table["peers"]],
        metric_groups=_metric_groups(table),
        paths=[_path_row(path) for path in table["paths"]],
        events=[_event_row(event) for event in table["events"]],
        exercise_rows=_exercise_rows(table),
        versions=_versions(table),
        scenario_text=scenario_text(table["scenario"]),
        files=check_files(result),
    )


def _peer_heading(peer: Table) -> Table:
    return {
        "name": peer_name(peer),
        "hue": player_hue(min(peer["players"], default=peer["peer"])),
        "end": _end_words(peer["end"]),
    }


def _place(violation: Table) -> str:
    words = {"frame": "frame", "player": "player", "peer": "seen at peer"}
    parts = [
        f"{word} {count(violation[key])}" for key, word in words.items() if violation.get(key) is not None
    ]
    return ", ".join(parts).capitalize()


def _end_words(end: Table) -> str:
    words = str(end["reason"]).replace("_", " ").replace("-", " ")
    if end.get("frame") is not None:
        words += f" at frame {count(end['frame'])}"
    if end.get("peer") is not None:
        words += f" (peer {end['peer']})"
    return words


def _metric_groups(table: Table) -> list[Table]:
    groups = []
    for title, metrics in METRIC_GROUPS:
        rows = []
        for metric in metrics:
            cells = [formatted(metric, peer["metrics"]) for peer in table["peers"]]
            if metric.is_incoming_loss:
                cells = [incoming_loss(table, peer["peer"]) for peer in table["peers"]]
            if any(cell is not None for cell in cells):
                shown = [cell if cell is not None else "–" for cell in cells]
                rows.append({"label": metric.label, "cells": shown, "meaning": metric.meaning})
        if rows:
            groups.append({"title": title, "rows": rows})
    return groups


def _path_row(path: Table) -> Table:
    def delay(key: str) -> str:
        value = path.get(key)
        return "–" if value is None else milliseconds(value)

    return {
        "name": f"{path['source']} → {path['target']}",
        "cells": [
            count(path["sent"]),
            count(path["delivered"]),
            f"{count(path['lost'])} ({share(path['lost'], path['sent'])})",
            count(path.get("duplicated", 0)),
            count(path.get("reordered", 0)),
            f"{path.get('bytes', 0) / 1000:,.1f}",
            delay("delay_p50_us"),
            delay("delay_p95_us"),
            delay("delay_max_us"),
        ],
    }


def _event_row(event: Table) -> Table:
    on = [f"peer {peer}" for peer in event["peers"]] + [path.replace("->", " → ") for path in event["paths"]]
    return {
        "at": seconds(event["at_us"]),
        "length": seconds(event["for_us"]) if event["for_us"] else "–",
        "kind": event["kind"],
        "label": event["label"].replace("->", " → "),
        "on": ", ".join(on) or "everything",
    }


def _exercise_rows(table: Table) -> list[tuple[str, str]]:
    return [
        (key.replace("_", " "), count(number) if number else "not in this run")
        for key, number in table["exercised"].items()
    ]


def _versions(table: Table) -> list[tuple[str, str]]:
    length = ("played", seconds(table["simulated_us"]))
    if table["kind"] == "sim":
        speed = table["simulated_us"] / max(1, table["wall_us"])
        told = f"{seconds(table['simulated_us'])} in {seconds(table['wall_us'])}, {speed:,.0f}× real time"
        length = ("simulated", told)
    return [
        *((name, str(version)) for name, version in table["versions"].items()),
        ("build", table["build_id"]),
        ("scenario hash", table["scenario_hash"]),
        ("trace hash", table["trace_hash"]),
        ("sha256 of the data", table["data"]["sha256"]),
        length,
    ]


def check_files(result: ResultFolder) -> FileCheck | None:
    """Read the shared tables again: a verdict from the files themselves, not from who wrote them.

    None where there are not two tables to compare. Where peers were lost, tables may end early: then
    the rows that both have must be equal.
    """
    files = [result.shared[peer] for peer in sorted(result.shared)]
    if len(files) < 2:
        return None
    rows = 0
    for left, right in itertools.pairwise(files):
        try:
            found = compare_tables(left, right)
        except NotComparableError as error:
            return FileCheck(sentence=f"The tables in the folder cannot be compared: {error}.", is_ok=False)
        rows = max(rows, found.rows)
        if found.difference is not None and not found.difference.is_missing_row:
            place = replace(found.difference, file=f"{left.name} and {right.name}").sentence
            return FileCheck(sentence=f"The tables in the folder differ. {place}.", is_ok=False)
        if found.difference is not None:
            rows = found.difference.row
    text = (
        f"The {len(files)} shared tables beside this page were read again: {plural(rows, 'row')}, all equal."
    )
    return FileCheck(sentence=text, is_ok=True)

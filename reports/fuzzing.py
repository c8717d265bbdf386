"""What fuzzing came to, as one HTML file: verdict, the work of each law, how often each condition was met."""

import math
from pathlib import Path
from typing import Any, Final

from reports.quantities import count, milliseconds, no_failure_in, plural, seconds
from reports.read_result import read_shaped
from reports.render import render, write_text
from reports.tables import write_table

FUZZ_FILE: Final = "fuzz.json"
_TEMPLATE: Final = "fuzzing.html.jinja2"

Table = dict[str, Any]

_SHAPE: Final[Table] = {
    "ok": bool,
    "command": str,
    "ended_at_utc": str,
    "build": str,
    "profile": str,
    "seed": int,
    "jobs": int,
    "cases": int,
    "frames": int,
    "seconds": float,
    "reached": dict,
    "must_reach": list,
    "missed": list,
    "laws": dict,
    "comparisons": dict,
    "least_room": dict,
    "not_played": list,
}


def read_fuzzing(folder: Path) -> Table:
    """What `sametick fuzz` has left in the folder. Raises ResultError."""
    return read_shaped(folder / FUZZ_FILE, _SHAPE, "make it anew with: sametick fuzz --out DIR")


def write_fuzzing(table: Table, target: Path) -> Path:
    """Write the page to `target`, and what it counts beside it."""
    most = max(table["reached"].values(), default=0)
    conditions = [_condition(table, name, most) for name in table["reached"]]
    half = -(-len(conditions) // 2)
    text = render(
        _TEMPLATE,
        table=table,
        sentence=sentence(table),
        confidence=confidence(table),
        figures=_figures(table),
        laws=_laws(table),
        met=_met(table),
        columns=[column for column in (conditions[:half], conditions[half:]) if column],
    )
    page = write_text(text, target)
    must_reach = table["must_reach"]
    met = [(name, cases, name in must_reach) for name, cases in table["reached"].items()]
    write_table(("condition", "cases", "must_be_met"), met, target.parent, "conditions")
    worked = [(law, _name(table, law), table["comparisons"].get(law, 0)) for law in _law_ids(table)]
    write_table(("law", "name", "comparisons"), worked, target.parent, "laws")
    return page


def sentence(table: Table) -> str:
    failure = table.get("failure")
    if failure is not None:
        return str(failure["sentence"])
    if not table["cases"] and not table["not_played"]:
        return "Nothing was played."
    told = f"{plural(table['cases'], 'scenario')} that nobody thought of: every law held in each."
    if table.get("stopped"):
        told += " Then it was stopped."
    if table["not_played"]:
        return f"{told} But {plural(len(table['not_played']), 'batch', 'batches')} could not be played."
    if table["missed"]:
        return f"{told} But {plural(len(table['missed']), 'condition')} that must be met never was."
    return told


def confidence(table: Table) -> str:
    if table.get("failure") is not None or table["not_played"]:
        return ""  # what no process came through may have failed
    return no_failure_in(table["cases"], "case")


def _figures(table: Table) -> list[Table]:
    comparisons = sum(table["comparisons"].values())
    met = sum(1 for cases in table["reached"].values() if cases)
    workers = "one process" if table["jobs"] == 1 else f"{table['jobs']} processes"
    pace = f"{count(60 * table['cases'] / max(0.1, table['seconds']))} a minute "
    if table.get("failure") is not None:
        pace = ""  # the first shrinking is in the time
    took = seconds(1_000_000 * round(table["seconds"]))
    missed = ", ".join(table["missed"])
    return [
        _figure("Cases", count(table["cases"]), f"{pace}in {workers}; {took}"),
        _figure("Frames", count(table["frames"]), "played by all peers together"),
        _figure("Comparisons", count(comparisons), f"made by {len(table['comparisons'])} laws"),
        _figure(
            "Conditions met",
            f"{met} of {len(table['reached'])}",
            f"never: {missed}" if missed else "that a long campaign should meet sometimes",
            is_wrong=bool(missed),
        ),
    ]


def _figure(title: str, value: str, meaning: str, *, is_wrong: bool = False) -> Table:
    return {"title": title, "value": value, "meaning": meaning, "is_wrong": is_wrong}


def _laws(table: Table) -> list[Table]:
    """A row each, also for laws that had nothing to compare: an empty pass is to be seen."""
    made = table["comparisons"]
    most = max(made.values(), default=0)
    return [
        {
            "id": law,
            "name": _name(table, law),
            "says": table["laws"].get(law, {}).get("says", ""),
            "count": count(made.get(law, 0)) if made.get(law, 0) else "never",
            "bar": bar_percent(made.get(law, 0), most),
            "room": room_told(table["least_room"].get(law)),
        }
        for law in _law_ids(table)
    ]


def _law_ids(table: Table) -> list[str]:
    return [*table["laws"], *(law for law in table["comparisons"] if law not in table["laws"])]


def _name(table: Table, law: str) -> str:
    return str(table["laws"].get(law, {}).get("name", ""))


def _met(table: Table) -> str:
    if table["missed"]:
        return "Red: this profile must meet it, and never did."
    if all(table["reached"].get(name) for name in table["must_reach"]):
        return "All that this profile must meet were met."
    return "What this profile must meet, a run that is cut short need not: only what the quick one must."


def room_told(room: Table | None) -> str:
    """What was left of a law's bound, at the least."""
    if room is None:
        return "–"
    if room["unit"] == "us":
        return milliseconds(room["room"])
    return plural(room["room"], room["unit"].removesuffix("s"))


def _condition(table: Table, name: str, most: int) -> Table:
    cases = table["reached"][name]
    return {
        "name": name,
        "count": count(cases) if cases else "never",
        "bar": bar_percent(cases, most),
        "is_missed": name in table["missed"],
    }


def bar_percent(value: float, most: float) -> float:
    """The length of a bar on a scale of tens, where one of a million is still to be seen."""
    return round(100 * math.log10(1 + value) / math.log10(1 + most), 1) if most > 0 else 0.0

"""Planted bugs as one HTML file: which law notices which, after how many cases, what the laws are worth."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reports.fuzzing import bar_percent
from reports.quantities import count, plural
from reports.read_result import read_shaped
from reports.render import render, write_text
from reports.tables import write_table

if TYPE_CHECKING:
    from markupsafe import Markup

MUTANTS_FILE: Final = "mutants.json"
_TEMPLATE: Final = "mutants.html.jinja2"

Table = dict[str, Any]

_SHAPE: Final[Table] = {
    "ok": bool,
    "command": str,
    "ended_at_utc": str,
    "build": str,
    "hunts": int,
    "is_whole": bool,
    "most_cases": int,
    "survivors": list,
    "not_hunted": list,
    "bugs": [
        {
            "name": str,
            "summary": str,
            "median_cases": int,
            "median_seconds": float,
            "laws": dict,
            "is_dead": bool,
        }
    ],
    "noticed_by": list,
    "laws": dict,
    "alone": dict,
    "twins": list,
    "not_expressible": [{"bug": str, "reason": str}],
}


def read_mutants(folder: Path) -> Table:
    """What `sametick mutants` has left in the folder. Raises ResultError."""
    return read_shaped(folder / MUTANTS_FILE, _SHAPE, "make it anew with: sametick mutants --out DIR")


def write_mutants(table: Table, target: Path) -> Path:
    """Write the page to `target`, and the kill matrix beside it."""
    text = render(
        _TEMPLATE,
        table=table,
        sentence=sentence(table),
        figures=_figures(table),
        columns=[_column(table, law) for law in table["noticed_by"]],
        rows=[_row(table, bug) for bug in table["bugs"]],
        alone=[{"id": law, "name": _name(table, law), "bugs": bugs} for law, bugs in table["alone"].items()],
        twins=[" and ".join(pair) for pair in table["twins"]],
        silent=_silent(table) if table["is_whole"] else [],
        not_expressible=[
            {"bug": with_code(each["bug"]), "reason": with_code(each["reason"])}
            for each in table["not_expressible"]
        ],
    )
    page = write_text(text, target)
    laws = table["noticed_by"]
    write_table(
        ("bug", "hunts", "is_dead", "median_cases", "median_seconds", *laws),
        [
            (
                *(bug["name"], table["hunts"], bug["is_dead"], bug["median_cases"], bug["median_seconds"]),
                *(bug["laws"].get(law, 0) for law in laws),
            )
            for bug in table["bugs"]
        ],
        target.parent,
        "kill-matrix",
    )
    return page


def sentence(table: Table) -> str:
    planted = plural(len(table["bugs"]), "bug")
    told = f"{planted} planted, each noticed in every hunt."
    if table["survivors"]:
        told = f"{planted} planted, {count(len(table['survivors']))} of them not always noticed."
    if table.get("stopped"):
        told += " Then it was stopped."
    if table["not_hunted"]:
        told += f" {count(len(table['not_hunted']))} could not be hunted."
    return told


def _figures(table: Table) -> list[Table]:
    bugs = table["bugs"]
    dead = sum(1 for bug in bugs if bug["is_dead"])
    cases = [bug["median_cases"] for bug in bugs]
    most, hardest = max(((bug["median_cases"], bug["name"]) for bug in bugs), default=(0, "–"))
    frames = [bug["small"]["frames"] for bug in bugs if bug.get("small")]
    hunts = plural(table["hunts"], "hunt")
    return [
        {
            "title": "Bugs noticed",
            "value": f"{dead} of {len(bugs)}",
            "meaning": f"in each of {hunts}, every hunt with cases of its own",
            "is_wrong": dead < len(bugs),
        },
        {
            "title": "Cases until noticed",
            "value": count(statistics.median(cases)) if cases else "–",
            "meaning": f"median; the most are {count(most)}, for {hardest}",
            "is_wrong": False,
        },
        {
            "title": "Frames that show it",
            "value": count(statistics.median(frames)) if frames else "–",
            "meaning": "median length of the scenarios made small",
            "is_wrong": False,
        },
        {
            "title": "Alone",
            "value": count(len(table["alone"])),
            "meaning": "laws, each with a bug that nothing else notices",
            "is_wrong": False,
        },
    ]


def _name(table: Table, law: str) -> str:
    """Of an error nothing: its id is its name."""
    return str(table["laws"].get(law, {}).get("name", ""))


def _silent(table: Table) -> list[str]:
    """Laws that no bug has broken."""
    return [f"{law} ({_name(table, law)})" for law in table["laws"] if law not in table["noticed_by"]]


def _column(table: Table, law: str) -> Table:
    noticed = sum(1 for bug in table["bugs"] if law in bug["laws"])
    return {"id": law, "name": _name(table, law), "noticed": noticed}


def _row(table: Table, bug: Table) -> Table:
    hunts, small = table["hunts"], bug.get("small")
    most = max(each["median_cases"] for each in table["bugs"])
    size = "–"
    if small is not None:
        size = f"{small['peers']} × {count(small['frames'])}"
        size += f", {plural(small['events'], 'event')}" if small["events"] else ""
    return {
        "name": bug["name"],
        "summary": bug["summary"],
        "is_dead": bug["is_dead"],
        "cases": count(bug["median_cases"]),
        "bar": bar_percent(bug["median_cases"], most),
        "seconds": f"{bug['median_seconds']:.1f}",
        "small": size,
        "marks": [_mark(law, bug["laws"].get(law, 0), hunts) for law in table["noticed_by"]],
        "noticed_by": [
            {"law": law, "times": "" if times == hunts else f" ({times})"}
            for law, times in bug["laws"].items()
        ],
    }


def _mark(law: str, times: int, hunts: int) -> Table:
    """A shade and a sign, each of which is enough; and words for who hears the page."""
    if not times:
        return {"shade": "", "sign": "", "words": ""}
    if times == hunts:
        return {"shade": "all", "sign": "●", "words": f"{law} in every hunt"}
    return {"shade": "some", "sign": str(times), "words": f"{law} in {times} of {hunts} hunts"}


def with_code(text: str) -> "Markup":
    """Names between backticks as code; all else is escaped."""
    from markupsafe import Markup, escape

    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )

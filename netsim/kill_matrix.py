"""Which law notices which planted bug, after how many cases: as a table for result files, and as a page."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from netsim.hunt import DETERMINISM, Record
from netsim.laws import law_order, laws
from netsim.planted_bugs import ACROSS_PROCESSES, NOT_EXPRESSIBLE, PATCHES
from scenarios.scenario import Scenario

Table = dict[str, Any]

_SAME_TRACE: Final = "One scenario, seed and build give the same trace in every process."


def kill_table(records: Iterable[Record]) -> Table:
    """All of it, ready for JSON; bugs in the order of the records."""
    bugs = [_bug(each) for each in records]
    columns = sorted({law for bug in bugs for law in bug["laws"]}, key=law_order)
    known = {**laws(), DETERMINISM: {"name": "determinism", "says": _SAME_TRACE}}
    fired = {law: [bug["name"] for bug in bugs if law in bug["laws"]] for law in columns}
    alone = {
        law: [bug["name"] for bug in bugs if set(bug["laws"]) == {law}] for law in columns if law in known
    }
    stopped = {
        bug["name"]: list(bug["laws"]) for bug in bugs if bug["laws"] and not known.keys() & bug["laws"]
    }
    return {
        "hunts": max((len(bug["cases"]) for bug in bugs), default=0),
        "bugs": bugs,
        "is_whole": {bug["name"] for bug in bugs} == set(PATCHES),
        "noticed_by": columns,
        "laws": known,
        "alone": {law: names for law, names in alone.items() if names},
        "by_no_law": stopped,
        "twins": [
            [a, b]
            for at, a in enumerate(columns)
            for b in columns[at + 1 :]
            if fired[a] == fired[b] and len(fired[a]) > 1
        ],
        "not_expressible": [{"bug": bug, "reason": reason} for bug, reason in NOT_EXPRESSIBLE],
    }


def _bug(record: Record) -> Table:
    return {
        "name": record.name,
        "summary": PATCHES[record.name].summary,
        "cases": [kill.cases for kill in record.kills],
        "median_cases": record.median_cases,
        "seconds": [round(kill.seconds, 2) for kill in record.kills],
        "median_seconds": round(record.median_seconds, 2),
        "laws": dict(sorted(record.laws.items(), key=_most_first)),
        "small": _size(record.small),
        "is_dead": record.is_dead,
    }


def _most_first(item: tuple[str, int]) -> tuple[int, tuple[str, int, str]]:
    return -item[1], law_order(item[0])


def _size(scenario: Scenario | None) -> Table | None:
    if scenario is None:
        return None
    frames = scenario.game.episodes * scenario.game.max_steps
    return {"peers": scenario.peer_count, "frames": frames, "events": len(scenario.events)}


def markdown(table: Table) -> str:
    """The page docs/planted-bugs.md."""
    hunts = table["hunts"]
    lines = [
        "# Planted bugs",
        "",
        "Known bugs of rollback libraries, planted one at a time in our own core, and what the fuzzer says.",
        "`sametick mutants --page FILE` writes this page. See a bug by `sametick fuzz --patch NAME`, or in",
        "its small case: `sametick sim tests/corpus/planted/NAME.json --patch NAME`. Fuzzing never meets",
        f"{_quoted(sorted(ACROSS_PROCESSES))}: two processes are set against each other.",
        "",
        f"Cases and seconds until a law broke are medians over the seeds 1 to {hunts}. Small is the least",
        "scenario that still shows it: peers × frames of play, and events.",
        "",
        "| bug | what it does | cases | seconds | small | noticed by |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for bug in table["bugs"]:
        noticed = ", ".join(law if n == hunts else f"{law} ({n})" for law, n in bug["laws"].items())
        lines.append(
            f"| `{bug['name']}` | {bug['summary']} | {bug['median_cases']:,} |"
            f" {bug['median_seconds']:.1f} | {_size_words(bug['small'])} | {noticed or '**nothing**'} |"
        )
    columns = table["noticed_by"]
    lines += [
        "",
        f"A number in brackets: in so many of {hunts} hunts only. An error's name: in those hunts by no",
        "law, an error stopped the run before one was broken.",
        "",
        "## Bug × law",
        "",
        f"| bug | {' | '.join(columns)} |",
        f"| --- |{' :-: |' * len(columns)}",
    ]
    for bug in table["bugs"]:
        cells = " | ".join(_mark(bug["laws"].get(law, 0), hunts) for law in columns)
        lines.append(f"| `{bug['name']}` | {cells} |")
    lines += ["", "●: in every hunt; ○: in some.", "", *_worth(table), ""]
    lines += [
        "## Not to be expressed here",
        "",
        *(f"- {each['bug']}: {each['reason']}." for each in table["not_expressible"]),
        "",
    ]
    return "\n".join(lines)


def _worth(table: Table) -> list[str]:
    """Which laws say something of their own, and which nothing."""
    lines = ["## What the laws are worth", ""]
    for law, bugs in table["alone"].items():
        lines.append(f"- {law} alone notices {_quoted(bugs)}.")
    if table["by_no_law"]:
        stopped = (f"`{bug}` ({', '.join(errors)})" for bug, errors in table["by_no_law"].items())
        lines.append(f"- By no law, an error stops it: {', '.join(stopped)}.")
    silent = [law for law in table["laws"] if law not in table["noticed_by"]]
    if table["is_whole"] and silent:
        lines.append(
            f"- Broken by none: {', '.join(silent)}. That they can fail, their negative controls show."
        )
    if table["twins"]:
        lines.append(f"- Always together: {'; '.join(f'{a} and {b}' for a, b in table['twins'])}.")
    return lines


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _mark(count: int, hunts: int) -> str:
    return "" if not count else "●" if count == hunts else "○"


def _size_words(small: Table | None) -> str:
    if small is None:
        return "–"
    events = small["events"]
    told = f", {events} event{'s' * (events > 1)}" if events else ""
    return f"{small['peers']} × {small['frames']}{told}"

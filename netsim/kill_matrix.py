"""The page that says which law notices which planted bug, and after how many cases."""

from collections import Counter
from collections.abc import Iterable

from netsim.hunt import Record
from netsim.planted_bugs import NOT_EXPRESSIBLE, PATCHES
from scenarios.scenario import Scenario


def matrix(records: Iterable[Record]) -> str:
    """The page docs/planted-bugs.md."""
    records = list(records)
    hunts = max((len(each.kills) for each in records), default=0)
    columns = sorted({law for each in records for law in each.laws}, key=_law_order)
    lines = [
        "# Planted bugs",
        "",
        "Known bugs of rollback libraries, planted one at a time in our own core, and what the fuzzer says.",
        "`sametick mutants --page FILE` writes this page. See a bug by `sametick fuzz --patch NAME`, or in",
        "its small case: `sametick sim tests/corpus/planted/NAME.json --patch NAME`.",
        "",
        f"Cases and seconds until a law broke are medians over the seeds 1 to {hunts}. Small is the least",
        "scenario that still shows it: peers × frames of play, and events.",
        "",
        "| bug | what it does | cases | seconds | small | noticed by |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for each in records:
        laws = ", ".join(
            f"{law}" if n == len(each.kills) else f"{law} ({n})" for law, n in _sorted(each.laws)
        )
        lines.append(
            f"| `{each.name}` | {PATCHES[each.name].summary} | {each.median_cases:,} |"
            f" {each.median_seconds:.1f} | {_size(each.small)} | {laws or '**nothing**'} |"
        )
    lines += [
        "",
        f"A number in brackets: in so many of {hunts} hunts only. An error's name: the core's own checks",
        "stop it.",
        "",
        "## Bug × law",
        "",
        f"| bug | {' | '.join(columns)} |",
        f"| --- |{' :-: |' * len(columns)}",
    ]
    for each in records:
        cells = " | ".join(_mark(each.laws[law], len(each.kills)) for law in columns)
        lines.append(f"| `{each.name}` | {cells} |")
    lines += ["", "●: in every hunt; ○: in some.", "", *_remarks(records), ""]
    lines += [
        "## Not to be expressed here",
        "",
        *(f"- {bug}: {reason}." for bug, reason in NOT_EXPRESSIBLE),
        "",
    ]
    return "\n".join(lines)


def _remarks(records: list[Record]) -> list[str]:
    """Which laws say nothing of their own."""
    fired = {law: frozenset(each.name for each in records if each.laws[law]) for law in _all_laws(records)}
    alone = {law: [e.name for e in records if set(e.laws) == {law}] for law in fired}
    lines = ["## What the laws are worth", ""]
    for law in sorted(fired, key=_law_order):
        if alone[law]:
            names = ", ".join(f"`{name}`" for name in alone[law])
            lines.append(f"- {law} alone notices {names}.")
    twins = [
        f"{a} and {b}"
        for a in sorted(fired, key=_law_order)
        for b in sorted(fired, key=_law_order)
        if _law_order(a) < _law_order(b) and fired[a] == fired[b] and len(fired[a]) > 1
    ]
    if twins:
        lines.append(f"- Always together: {'; '.join(twins)}.")
    return lines


def _all_laws(records: list[Record]) -> set[str]:
    return {law for each in records for law in each.laws}


def _sorted(laws: Counter[str]) -> list[tuple[str, int]]:
    return sorted(laws.items(), key=lambda item: (-item[1], _law_order(item[0])))


def _law_order(law: str) -> tuple[str, int, str]:
    """O2 before O10, laws before errors."""
    digits = law[1:].partition("-")[0]
    return (law[:1] if digits.isdigit() else "~", int(digits) if digits.isdigit() else 0, law)


def _mark(count: int, hunts: int) -> str:
    return "" if not count else "●" if count == hunts else "○"


def _size(scenario: Scenario | None) -> str:
    if scenario is None:
        return "–"
    frames = scenario.game.episodes * scenario.game.max_steps
    events = len(scenario.events)
    return f"{scenario.peer_count} × {frames}" + (f", {events} event{'s' * (events > 1)}" if events else "")

"""The page of docs/evidence about the mutants, and what is wrong with a run."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from judgement import Verdict

from netsim.build import build_id

LEAST_KILLED = 0.95


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a mutant may live. It holds for the change that it names only: numbers move as code does."""

    after: str
    is_equivalent: bool
    reason: str


def problems(verdicts: dict[str, Verdict], reasons: dict[str, Reason], *, is_partial: bool) -> list[str]:
    """One line each; none if the run is sound."""
    found = []
    for name, verdict in sorted(verdicts.items()):
        reason = reasons.get(name)
        is_fit = reason is not None and reason.after == verdict.after
        if not verdict.killed_by and not is_fit:
            found.append(f"{name} survives without a reason: {verdict.before}  →  {verdict.after}")
        if verdict.killed_by and is_fit:
            found.append(f"{name} has a reason to survive, but {verdict.killed_by} kills it")
    if not is_partial:
        found += [
            f"{name} has a reason, but is not in the sample" for name in sorted(reasons.keys() - verdicts)
        ]
        share = sum(bool(verdict.killed_by) for verdict in verdicts.values()) / len(verdicts)
        if share < LEAST_KILLED:
            found.append(f"only {share:.1%} are killed")
    return found


def page(
    names: Iterable[str],
    verdicts: dict[str, Verdict],
    reasons: dict[str, Reason],
    *,
    made_by: str,
    facts: dict[str, str],
) -> str:
    """Counts by module, then every survivor with its reason."""
    made, sampled, killed, hung, equal = (Counter[str]() for _ in range(5))
    made.update(_module(name) for name in names)
    for name, verdict in verdicts.items():
        sampled[_module(name)] += 1
        killed[_module(name)] += bool(verdict.killed_by)
        hung[_module(name)] += verdict.has_hung
        equal[_module(name)] += not verdict.killed_by and name in reasons and reasons[name].is_equivalent
    lines = [
        "# Soak: mutmut's mutants of the core",
        "",
        f"{made_by}.",
        "",
        "| module | mutants | in the sample | killed | by hanging | survived | equivalent |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    survived = sampled - killed
    counts = (made, sampled, killed, hung, survived, equal)
    rows = [(module, *(count[module] for count in counts)) for module in sorted(made)]
    rows.append(("all", *(count.total() for count in counts)))
    lines += [
        "| " + " | ".join(f"{cell:,}" if type(cell) is int else str(cell) for cell in row) + " |"
        for row in rows
    ]
    share = sum(killed.values()) / len(verdicts)
    lines += ["", f"{share:.1%} of the sample are killed.", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in {"build id": f"`{build_id()}`", **facts}.items()]
    lines += ["", "## Survivors", ""]
    for name, verdict in sorted(verdicts.items()):
        if not verdict.killed_by:
            reason = reasons[name].reason if name in reasons else "no reason yet"
            lines.append(f"- {name}, line {verdict.line}, `{verdict.before}` → `{verdict.after}`: {reason}")
    return "\n".join(lines) + "\n"


def _module(name: str) -> str:
    return name.partition(".")[0]

"""Which law notices which planted bug: runs them all and writes the table of docs/planted-bugs.md.

`python -m netsim.planted_table [FILE]` writes FILE, or prints; exit 1 if a bug goes unnoticed.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from netsim.planted import PATCHES, planted
from netsim.run import run_scenario
from scenarios.load import load_scenario

EXPECTATION = "expectation"
ERROR = "error"  # the core stops by an exception of its own checks
SEEDS_TRIED = 3

NOT_EXPRESSIBLE: tuple[tuple[str, str], ...] = (
    (
        "checksum of a predicted frame; checksum read before a queued replay",
        "checksums are taken of committed frames only, and those are never replayed",
    ),
    (
        "row of an unconfirmed frame promoted at the end of an episode",
        "the recorder is given committed frames only; an episode's end is a frame like any other",
    ),
    (
        "inputs forgotten that a slow partner still needs",
        "only committed frames are forgotten, and a frame is committed when every member holds it",
    ),
    (
        "packet of an earlier episode or session accepted",
        "frames number the whole match, and tags are of both peers' incarnations",
    ),
    (
        "a prediction kept from the episode of prediction before",
        "a misprediction is found by comparing what was used with what came, frame by frame",
    ),
    (
        "focus flag taken from a notification",
        "there is no notification: the flag is a part of the input (`focus-not-in-input` is its nearest kin)",
    ),
    (
        "RTT taken for the one-way time",
        "equal for both peers, it cancels in half the difference of advantages",
    ),
    (
        "wall clock stepped",
        "the core has no clock; the host's is monotonic (`drift-clock-step` plays a step)",
    ),
)
"""Bugs of other libraries that have no counterpart here, each with the reason."""


@dataclass(frozen=True, slots=True)
class Kill:
    """What noticed one planted bug in its scenario, on how many of the seeds tried."""

    name: str
    laws: tuple[str, ...]
    seeds: int


def laws_broken(name: str, seed: int | None = None) -> tuple[str, ...]:
    """The laws that do not hold with this bug planted, in its scenario; () if it goes unnoticed."""
    scenario = load_scenario(PATCHES[name].scenario, seed=seed)
    with planted(name):
        try:
            result = run_scenario(scenario)
        except Exception as error:  # a sick core may fail in any way
            return (ERROR, type(error).__name__)
    laws = [oracle["id"] for oracle in result.table["oracles"] if not oracle["ok"]]
    if not all(item["ok"] for item in result.table["expectations"]):
        laws.append(EXPECTATION)
    return tuple(laws)


def kills(names: Iterable[str] = PATCHES) -> list[Kill]:
    """All of them, with the scenario's own seed and others."""
    found = []
    for name in names:
        first = laws_broken(name)
        others = [laws_broken(name, seed) for seed in range(2, SEEDS_TRIED + 1)]
        found.append(Kill(name, first, sum(bool(laws) for laws in [first, *others])))
    return found


def markdown(found: list[Kill]) -> str:
    """The page."""
    lines = [
        "# Planted bugs",
        "",
        "Known bugs of rollback libraries, planted one at a time in our own core, and what notices them.",
        "This page is written by `python -m netsim.planted_table docs/planted-bugs.md`; run one yourself",
        "with `sametick sim SCENARIO --patch NAME`. The laws are those of a run's report.",
        "",
        f"| bug | what it does | scenario | broken laws | seeds of {SEEDS_TRIED} |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kill in found:
        patch = PATCHES[kill.name]
        laws = " ".join(kill.laws) or "**none**"
        lines.append(f"| `{kill.name}` | {patch.summary} | `{patch.scenario}` | {laws} | {kill.seeds} |")
    lines += [
        "",
        f"`{EXPECTATION}`: a bound that the scenario itself states. `{ERROR}`: the core's own checks stop",
        "it; the error's name follows.",
        "",
        "## Not to be expressed here",
        "",
        *(f"- {bug}: {reason}." for bug, reason in NOT_EXPRESSIBLE),
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    found = kills()
    text = markdown(found)
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0 if all(kill.laws for kill in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

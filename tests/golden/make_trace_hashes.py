"""The golden trace hashes. To write the file anew, or to hold it against this Python, from the root:

    python tests/golden/make_trace_hashes.py [--check | --print]

A trace hash covers every datagram, every figure of the links and every row, under a fixed build id.
One that changes says that behaviour changed: write the file anew only when that was meant. Needs
simpy and pydantic only, so that every Python at hand can be asked (`every_python.sh` beside this).
"""

import json
import platform
import sys
from pathlib import Path
from typing import Final

from netsim.run import run_scenario
from scenarios.load import load_scenario

PATH: Final = Path(__file__).with_name("trace-hashes.json")
BUILD: Final = "golden-build"
SCENARIOS: Final = (
    "latency-100ms",  # constant
    "jitter-heavy-tail",  # floats in the tables
    "burst-four-state",
    "stream-bad-wifi",
    "focus-suspended-2s",
    "drop-split-view",
    "multi-episode-lossy-ends",
    "n-kitchen-3",
)


def trace_hashes() -> dict[str, str]:
    return {name: run_scenario(load_scenario(name), build=BUILD).table["trace_hash"] for name in SCENARIOS}


def main(arguments: list[str]) -> int:
    found = trace_hashes()
    if "--print" in arguments:
        sys.stdout.write(json.dumps(found) + "\n")
        return 0
    if "--check" not in arguments:
        PATH.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return 0
    known = json.loads(PATH.read_text("utf-8"))
    wrong = [name for name in {**known, **found} if known.get(name) != found.get(name)]
    sys.stdout.write(
        f"{platform.python_version()}: {len(found) - len(wrong)} of {len(known)} equal {wrong}\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

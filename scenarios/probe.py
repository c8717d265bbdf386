"""A game's trajectory on request, as JSON: the same code answers in a child process and in Pyodide."""

import json
import sys
from typing import Any

from rollback_core.errors import UsageError
from rollback_core.simulation import Simulation
from rollback_core.trajectory import trajectory_digests, trajectory_frame
from scenarios.registry import create_game


def answer(request_json: str) -> str:
    """The answer to one request, or to each of a list of them (a host may take seconds to start).

    A request has game, params, frames and seed. The answer has "digests" of all frames; asked for one
    "frame", the canonical bytes of its "state" and "outcome"; or "refused" or "error" with a reason.
    """
    request = json.loads(request_json)
    if isinstance(request, list):
        return json.dumps([_answer(each) for each in request])
    return json.dumps(_answer(request))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    def make() -> Simulation:
        return create_game(request["game"], request["params"])

    try:
        make()
    except UsageError as error:
        return {"refused": str(error), "python": _version()}
    try:
        if request.get("frame") is not None:
            state, outcome = trajectory_frame(make, request["frame"], request["seed"])
            return {"state": state.hex(), "outcome": outcome.hex(), "python": _version()}
        digests = trajectory_digests(make, request["frames"], request["seed"])
    except Exception as error:  # a game is foreign code: what it raises is the answer
        return {"error": f"{type(error).__name__}: {error}", "python": _version()}
    return {"digests": digests, "python": _version()}


def _version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def main() -> None:
    """Request on standard input, answer as the last line of standard output."""
    text = answer(sys.stdin.read())
    sys.stdout.write(f"\n{text}\n")


if __name__ == "__main__":
    main()

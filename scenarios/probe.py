"""A game's trajectory on request, as JSON: the same code answers in a child process and in Pyodide."""

import json
import sys

from rollback_core.errors import UsageError
from rollback_core.trajectory import trajectory_digests, trajectory_frame
from scenarios.registry import create_game


def answer(request_json: str) -> str:
    """Digests of all frames, or with "frame" the canonical bytes of one; "refused" or "error" if it cannot.

    The request has game, params, frames and seed.
    """
    request = json.loads(request_json)
    try:
        create_game(request["game"], request["params"])
    except UsageError as error:
        return json.dumps({"refused": str(error), "python": _version()})

    def make():  # type: ignore[no-untyped-def]
        return create_game(request["game"], request["params"])

    try:
        if request.get("frame") is not None:
            state, outcome = trajectory_frame(make, request["frame"], request["seed"])
            return json.dumps({"state": state.hex(), "outcome": outcome.hex(), "python": _version()})
        digests = trajectory_digests(make, request["frames"], request["seed"])
    except Exception as error:  # a game is foreign code: what it raises is the answer
        return json.dumps({"error": f"{type(error).__name__}: {error}", "python": _version()})
    return json.dumps({"digests": digests, "python": _version()})


def _version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def main() -> None:
    """Request on standard input, answer as the last line of standard output."""
    text = answer(sys.stdin.read())
    sys.stdout.write(f"\n{text}\n")


if __name__ == "__main__":
    main()

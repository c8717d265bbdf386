"""Two fixed matches and the digest of all that they send and commit; runs as a script on any Python.

PYTHONPATH=.:tests/support python tests/support/session_trace.py > tests/golden/session-trace.json
"""

import hashlib
import json

from mesh import Mesh, Path, terms_for

from rollback_core.commands import FocusChanged, SetDelay
from rollback_core.events import Committed
from rollback_core.recorder import csv_text, shared_row


def traces() -> dict[str, str]:
    """Name of the run -> digest of its datagrams, in order of sending, its events and its rows."""
    bad = Path(delay_us=40_000, jitter_us=30_000, loss_permille=150, duplicate_permille=50, seed=3)
    two = Mesh(terms_for(episodes=2, countdown_frames=5), path=bad)
    two.at(600_000, lambda: two.command(0, SetDelay(4)))
    two.at(900_000, lambda: two.command(1, FocusChanged(False)))
    two.at(1_100_000, lambda: two.command(1, FocusChanged(True)))
    four = Mesh(terms_for(range(4), max_steps=90, interrupt_us=200_000, reconnect_limit_us=600_000), path=bad)
    four.at(900_000, lambda: four.crash(2))
    return {"two peers": digest(two.run()), "four peers, one crashes": digest(four.run())}


def digest(mesh: Mesh) -> str:
    found = hashlib.sha256()
    for sent_us, source, target, data in mesh.trace:
        found.update(b"%d %d %d %s\n" % (sent_us, source, target, data.hex().encode()))
    for peer in range(len(mesh.peers)):
        for event in mesh.events[peer]:
            if type(event) is not Committed:
                found.update(f"{peer} {event!r}\n".encode())
        rows = [row for row in map(shared_row, mesh.history(peer)) if row is not None]
        found.update(csv_text(rows).encode())
        found.update(csv_text(mesh.peers[peer].recorder.take_local()).encode())
    return found.hexdigest()


if __name__ == "__main__":
    print(json.dumps(traces(), indent=2))

"""`sametick replay`: simulate an input log again and hold the recorded rows against it."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from reports.quantities import count, plural
from rollback_core.errors import UsageError
from rollback_core.recorder import csv_text
from sametick.failure import EXIT_FAILED, EXIT_OK, Mistake

INPUTS_FILE: Final = "inputs.json"
_RESULT_FILE: Final = "result.json"
_REMEDY: Final = "give an inputs.json of: sametick sim NAME --out DIR"

Table = dict[str, Any]


def replay_path(path: Path, *, to_frame: int | None, is_json: bool) -> int:
    """Replay DIR or an inputs.json; every shared table beside it is verified."""
    from netsim.replay import replay

    file = path / INPUTS_FILE if path.is_dir() else path
    if to_frame is not None and to_frame < 0:
        raise Mistake(f"frame {to_frame}", "--to", "give a frame from 0 on")
    inputs = _read_inputs(file)
    try:
        result = replay(inputs, to_frame)
    except UsageError as error:
        raise Mistake(str(error), str(file), _REMEDY) from None
    lines = text_rows([result.header, *result.rows])
    checks = [
        {"file": table.name, **verify(lines, table, is_cut=to_frame is not None)}
        for table in shared_tables(file.parent)
    ]
    is_ok = all(check["difference"] is None for check in checks)
    if is_json:
        found = {"ok": is_ok, "rows": len(result.rows), "final_frame": result.final_frame}
        print(
            json.dumps({**found, "state_digest": result.state_digest, "tables": checks}, ensure_ascii=False)
        )
    else:
        _print(result.final_frame, str(result.state_digest), len(result.rows), checks)
        if not is_ok and (words := other_build(file.parent)):
            Console(highlight=False).print(Text(f"  {words}"), soft_wrap=True)
    return EXIT_OK if is_ok else EXIT_FAILED


def _read_inputs(file: Path) -> Table:
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Mistake(f"not JSON: {error}", str(file), _REMEDY) from None
    if not isinstance(table, dict):
        raise Mistake("not an input log", str(file), _REMEDY)
    return table


def other_build(folder: Path) -> str:
    """What to say if another build recorded the folder; "" if this one did, or if nobody can know."""
    from live.sources import build_id as live_build_id
    from netsim.build import build_id

    try:
        table = json.loads((folder / _RESULT_FILE).read_text(encoding="utf-8"))
        recorded = table["build_id"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    here = live_build_id() if table.get("kind") == "live" else build_id()
    if recorded == here:
        return ""
    return f"recorded by build {str(recorded)[:8]}, this is {here[:8]}: a game changed in between differs"


def shared_tables(folder: Path) -> list[Path]:
    """`player-<i>.csv` beside the inputs, in order; the local tables are not meant to be equal."""
    found = [file for file in folder.glob("player-*.csv") if file.stem.removeprefix("player-").isdecimal()]
    return sorted(found, key=lambda file: int(file.stem.removeprefix("player-")))


def text_rows(rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """The rows as a reader of the written table gets them."""
    return list(csv.reader(io.StringIO(csv_text(rows), newline="")))


def verify(replayed: Sequence[Sequence[str]], table: Path, *, is_cut: bool) -> Table:
    """Rows verified, and the first place where the recorded table is not what the replay gives.

    A peer that left early recorded fewer rows than the replay has; those that it has must be equal.
    """
    with table.open(encoding="utf-8", newline="") as stream:
        recorded = list(csv.reader(stream))
    if not recorded or recorded[0] != list(replayed[0]):
        return {"rows": 0, "difference": "the columns differ"}
    if len(recorded) > len(replayed) and not is_cut:
        return {
            "rows": len(replayed) - 1,
            "difference": f"{len(recorded) - len(replayed)} rows more than the replay",
        }
    pairs = list(zip(recorded, replayed, strict=False))
    for index, (have, want) in enumerate(pairs):
        if have != list(want):
            cells = zip(replayed[0], have, want, strict=False)
            column, left, right = next(((n, a, b) for n, a, b in cells if a != b), ("(row)", "", ""))
            place = f"row {index:,} (frame {want[0]}), {column}"
            return {"rows": index - 1, "difference": f"{place}: recorded {left}, replayed {right}"}
    return {"rows": len(pairs) - 1, "difference": None}


def _print(final_frame: int, digest: str, rows: int, checks: Sequence[Table]) -> None:
    screen = Console(highlight=False)
    end = f"replayed to frame {count(final_frame)}, {plural(rows, 'row')}, final state {digest[:16]}"
    screen.print(Text(f"  {end}"), soft_wrap=True)
    for check in checks:
        if check["difference"] is None:
            words = f"{check['file']}: {plural(check['rows'], 'row')} equal to the replay"
            screen.print(Text("✓ ", style="bold green") + Text(words), soft_wrap=True)
        else:
            screen.print(
                Text("✗ ", style="bold red") + Text(f"{check['file']}: {check['difference']}"), soft_wrap=True
            )
    if not checks:
        screen.print(Text("  no player-<i>.csv beside it: nothing to verify against"))

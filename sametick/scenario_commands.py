"""`sametick scenarios` and `sametick schema`: what can be run, and how a scenario is written."""

import itertools
import json

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from sametick.failure import EXIT_OK


def list_scenarios(*, is_json: bool) -> int:
    """One line each, by group."""
    from scenarios.load import shipped

    found = shipped()
    if is_json:
        print(json.dumps([{"name": n, "group": g, "summary": s} for n, g, s in found], ensure_ascii=False))
        return EXIT_OK
    screen = Console(highlight=False)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("group", "name", "what it is"):
        grid.add_column(title, no_wrap=title != "what it is")
    for group, members in itertools.groupby(found, key=lambda item: item[1]):
        for index, (name, _, summary) in enumerate(members):
            grid.add_row("" if index else group, Text(name, style="bold"), summary)
    screen.print(grid)
    screen.print(Text(" run one: sametick sim NAME      write one: sametick schema", style="dim"))
    return EXIT_OK


def print_schema() -> int:
    """The JSON Schema of scenario files, for editors."""
    from scenarios.schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return EXIT_OK

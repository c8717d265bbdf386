"""`sametick scenarios` and `sametick schema`: what can be run, and how a scenario is written."""

import itertools
import json

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from sametick.failure import EXIT_OK
from sametick.run_tables import typed


def list_scenarios(*, is_json: bool) -> int:
    """One line each, by group."""
    from scenarios.load import shipped

    found = shipped()
    if is_json:
        print(json.dumps([{"name": n, "group": g, "summary": s} for n, g, s in found], ensure_ascii=False))
        return EXIT_OK
    screen = Console(highlight=False)
    grid = Grid(box=None, pad_edge=False, show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for group, members in itertools.groupby(found, key=lambda item: item[1]):
        grid.add_row(Text(group, style="dim"))
        for name, _, summary in members:
            grid.add_row(Text(f"  {name} ", style="bold"), summary)
    screen.print(grid)
    line = f" {len(found)} in all      run one: {typed('sametick sim')} NAME"
    screen.print(Text(line, style="dim"), soft_wrap=True)
    return EXIT_OK


def print_schema() -> int:
    """The JSON Schema of scenario files, for editors."""
    from scenarios.schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return EXIT_OK

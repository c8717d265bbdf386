"""Templates into pages: one set-up for all of them, and the one way in which a page is written."""

from pathlib import Path
from typing import Any

from reports.palette import DARK, INK, PLAYER_HUES, QUIET, RULE, WRONG
from reports.quantities import count, plural


def render(template: str, **values: Any) -> str:
    """The page as text. Equal values give equal pages; one that is missing is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    colours = {"ink": INK, "quiet": QUIET, "rule": RULE, "wrong": WRONG, "hues": PLAYER_HUES, "dark": DARK}
    return environment.get_template(template).render(colours=colours, count=count, plural=plural, **values)


def write_text(text: str, target: Path) -> Path:
    """Write the page to `target` (its folder is made) and give the path back."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="\n")
    return target

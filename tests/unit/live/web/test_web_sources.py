"""What the page's files promise: typed, no markup from text, nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[4] / "live" / "web"
MODULES = sorted(WEB.glob("*.js"))
FILES = sorted(path for path in WEB.iterdir() if path.is_file())

# Ways to make markup or code of a string, and addresses of other machines.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write"
    r"|\beval\(|new Function|setAttribute\(\"(?:on|style)"
    r"|(?:https?|wss?):\/\/(?!www\.w3\.org/2000/svg)"
)
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)")


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_is_typed_and_says_what_it_is(path: Path) -> None:
    first, second = path.read_text().splitlines()[:2]
    assert first == "// @ts-check"
    assert re.match(r"// [A-Z].*[.:]$", second)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_markup_from_text_and_no_other_machine(path: Path) -> None:
    assert FORBIDDEN.findall(path.read_text()) == []


def test_the_page_has_nothing_inline_so_that_a_strict_policy_holds() -> None:
    assert INLINE.findall((WEB / "index.html").read_text()) == []


@pytest.mark.parametrize(
    "line",
    ["a.innerHTML = b", "eval(x)", "fetch('https://example.org')", 'e.setAttribute("onclick", x)'],
)
def test_the_search_finds_what_is_forbidden(line: str) -> None:
    assert FORBIDDEN.search(line)


@pytest.mark.parametrize("line", ["<p style='a'>", "<script>x</script>", '<a onclick="x">'])
def test_the_search_finds_what_is_inline(line: str) -> None:
    assert INLINE.search(line)


def test_every_element_that_a_module_asks_for_is_in_the_page() -> None:
    page = (WEB / "index.html").read_text()
    asked = {match for path in MODULES for match in re.findall(r"element\(\"([\w-]+)\"", path.read_text())}
    assert asked
    assert {each for each in asked if f'id="{each}"' not in page} == set()


def test_files_are_named_only_by_what_exists() -> None:
    page = (WEB / "index.html").read_text()
    assert {
        each for each in re.findall(r"\{\{static\}\}/([\w.]+)", page) if not (WEB / each).exists()
    } == set()

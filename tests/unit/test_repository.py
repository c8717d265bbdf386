"""Promises about the files themselves: what must not be in them, and what they say of each other."""

import importlib.metadata
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements/*.txt"))
PAGES = sorted(path for path in ROOT.glob("**/*.md") if not {".venv", "node_modules"} & set(path.parts))

# The patterns are put together from pieces, so that this file does not match itself.
REGISTRY_HOST = (
    "(?:" + "|".join(["py" + "pi", "python" + "hosted", "np" + "mjs", "yarn" + "pkg"]) + r")\.(?:org|com|io)"
)
MACHINE_PATH = (
    r"(?<![\w.\-/}])/(?:" + "|".join(["ro" + "ot", "ho" + "me", "Us" + "ers", "wo" + "rk", "op" + "t"]) + ")/"
)
EMAIL = r"[\w.+\-]+" + "@" + r"[\w\-]+(?:\.[\w\-]+)*\.[a-z]{2,}\b"
OUTSIDE = (
    r"\.\./sha" + r"red\b|\b(?:" + "|".join(["DES" + "IGN", "FEAT" + "URES", "ORA" + "CLES"]) + r")\.md\b"
)
ISSUE = r"\b[Ii]ss" + r"ue #?\d"


def our_files() -> list[Path]:
    """Tracked files, and new ones that git would take."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def our_lines() -> Iterator[tuple[str, str]]:
    for path in our_files():
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode().splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        (REGISTRY_HOST, "https://files.python" + "hosted.org/packages"),
        (MACHINE_PATH, "see /ho" + "me/me/notes"),
        (EMAIL, "write to someone" + "@example.org"),
        (OUTSIDE, "as ../sha" + "red/x says"),
        (ISSUE, "fixes iss" + "ue #12"),
    ],
    ids=["registry host", "machine path", "e-mail", "page outside", "issue number"],
)
def test_no_file_holds_what_belongs_elsewhere(pattern: str, example: str) -> None:
    assert re.search(pattern, example), "the pattern finds nothing"
    assert [place for place, line in our_lines() if re.search(pattern, line)] == []


def test_tests_have_no_soft_spots() -> None:
    soft = "|".join(
        [
            r"\.sl" + r"eep\(",
            "xf" + "ail",
            "fla" + "ky",
            r"mark\.sk" + "ip",
            r"pytest\.sk" + "ip",
            "rer" + "uns",
        ]
    )
    found = [place for place, line in our_lines() if place.startswith("tests/") and re.search(soft, line)]
    assert found == []


# --- locks ---


def lock_entries(lock: Path) -> list[str]:
    joined = lock.read_text().replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_is_exact_hashed_and_names_no_address(lock: Path) -> None:
    assert "://" not in lock.read_text()
    entries = lock_entries(lock)
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9.\-]+==\S+ .*--hash=sha256:[0-9a-f]{64}\b", entry), entry[:80]


def locked_names(stem: str) -> set[str]:
    return {entry.split("==")[0] for entry in lock_entries(ROOT / f"requirements/{stem}.txt")}


def test_locks_cover_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]

    def names(*groups: list[str]) -> set[str]:
        return {canonicalize_name(Requirement(text).name) for group in groups for text in group}

    assert names(project["dependencies"]) <= locked_names("runtime")
    assert names(project["dependencies"], extras["live"]) <= locked_names("live")
    assert names(project["dependencies"], *extras.values()) <= locked_names("dev")


def test_locks_agree_on_versions() -> None:
    developed = {entry.split(" --hash")[0].strip() for entry in lock_entries(ROOT / "requirements/dev.txt")}
    shipped = {entry.split(" --hash")[0].strip() for entry in lock_entries(ROOT / "requirements/runtime.txt")}
    assert shipped <= developed


def test_node_lock_is_hashed_and_names_no_address() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for entry in packages.values():
        entry.pop("funding", None)  # where a project asks for money; nothing is loaded from there
    text = json.dumps(packages)
    assert "://" not in text
    assert '"resolved"' not in text
    assert all(entry["integrity"].startswith("sha512-") for name, entry in packages.items() if name)
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text().split()


# --- licences ---


def installed_closure(name: str) -> set[str]:
    """The distributions that installing `name` pulls in, here and without extras of `name`."""
    found: set[str] = set()
    waiting = [Requirement(name)]
    while waiting:
        wanted = waiting.pop()
        distribution = importlib.metadata.distribution(wanted.name)
        if wanted.name in found:
            continue
        found.add(wanted.name)
        for text in distribution.requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)
            ):
                waiting.append(needed)
    return found


def licence_words(name: str) -> str:
    metadata = importlib.metadata.metadata(name)
    classifiers = [text for text in metadata.get_all("Classifier") or () if text.startswith("License")]
    return " ; ".join(
        [metadata.get("License-Expression") or (metadata.get("License") or "")[:200], *classifiers]
    )


def test_nothing_we_need_at_run_time_is_copyleft() -> None:
    closure = installed_closure("sametick") - {"sametick"}
    assert {"numpy", "simpy", "pydantic"} <= closure
    strong = re.compile(r"\bA?GPL|(?<!Lesser )General Public Licen[cs]e", re.IGNORECASE)
    assert strong.search("GPL-3.0-only")
    assert not strong.search("LGPL-2.1")
    found = {name: words for name in sorted(closure) if strong.search(words := licence_words(name))}
    assert found == {}


# --- what the pages say ---


def dev_commands() -> set[str]:
    usage = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  ([a-z]+)\b", usage, re.MULTILINE))


def test_dev_explains_exactly_the_commands_it_has() -> None:
    cases = set(re.findall(r"^    ([a-z]+)\)", (ROOT / "dev").read_text(), re.MULTILINE))
    assert dev_commands() == cases


def test_dev_commands_on_the_pages_exist() -> None:
    named = {word for page in PAGES for word in re.findall(r"\./dev ([a-z]+)", page.read_text())}
    assert {"demo", "test"} <= named
    assert named <= dev_commands() | {"help"}


def test_dev_live_serves_what_it_is_asked_for_and_nothing_else() -> None:
    command = [ROOT / "dev", "live", "--game", "no-such-game"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 2
    assert "no-such-game" in answer.stderr


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    pages = sorted(path.name for path in ROOT.glob("docs/adr/[0-9]*.md"))
    assert re.findall(r"\]\((\d{4}-[^)]*)\)", index) == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))


def test_ci_runs_the_tests_and_nothing_more() -> None:
    script = ROOT / ".ci/run"
    assert script.read_text() == '#!/bin/sh\ncd "$(dirname "$0")/.." && exec ./dev test\n'
    assert script.stat().st_mode & 0o111
    assert (ROOT / "dev").stat().st_mode & 0o111


def test_licence_and_changelog_speak_of_this_version() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("MIT License\n")
    assert "sametick maintainers" in licence
    assert f"## {importlib.metadata.version('sametick')}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_changelog_names_every_case_of_the_corpus() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    cases = [f"tests/corpus/{path.name}" for path in sorted(ROOT.glob("tests/corpus/*.json"))]
    assert cases
    assert [case for case in cases if f"`{case}`" not in text] == []

"""The page is one file, the same bytes each time, opens offline, can be read aloud, and tells no lies."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

from reports.page import Companion, check_files, render_page, write_report
from reports.palette import WRONG
from reports.read_result import ResultFolder, read_result

VOID = {"meta", "br", "link", "img", "hr", "input"}
NAMESPACE = re.compile(r'xmlns(:\w+)?="[^"]*"')


class Page(HTMLParser):
    """What a reader needs of a page: balanced tags, ids, captions and labels."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()
        self.labelled_by: list[str] = []
        self.plots: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags[tag] += 1
        self.ids.update([values["id"] or ""] if "id" in values else [])
        if "aria-labelledby" in values:
            self.labelled_by.append(values["aria-labelledby"] or "")
        if values.get("role") == "img":
            self.plots.append(values.get("aria-label") or "")
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sample: ModuleType) -> Path:
    path: Path = sample.write_sample(tmp_path_factory.mktemp("run"), seconds=20)
    return path


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return render_page(read_result(folder))


@pytest.fixture(scope="module")
def wrong_text(tmp_path_factory: pytest.TempPathFactory, sample: ModuleType) -> str:
    path = sample.write_sample(tmp_path_factory.mktemp("wrong"), seconds=20, wrong=True)
    return render_page(read_result(path))


def test_same_bytes_twice(folder: Path, text: str, tmp_path: Path) -> None:
    page = write_report(read_result(folder), tmp_path / "a" / "page.html")
    assert page.read_bytes() == text.encode()


def test_same_bytes_in_another_process_with_another_hash_seed(folder: Path, text: str) -> None:
    code = (
        "import hashlib, sys, pathlib\n"
        "from reports.page import render_page\n"
        "from reports.read_result import ResultFolder, read_result\n"
        "print(hashlib.sha256(render_page(read_result(pathlib.Path(sys.argv[1]))).encode()).hexdigest())"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=root,
        env={"PYTHONHASHSEED": "4711", "PYTHONPATH": str(root), "HOME": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == hashlib.sha256(text.encode()).hexdigest()


def test_nothing_is_loaded_from_elsewhere(text: str) -> None:
    without_namespaces = NAMESPACE.sub("", text)
    assert not re.findall(r"https?:|//\w+\.\w", without_namespaces)
    assert not re.findall(r"<(?:link|script|img|iframe)\b|@import|url\((?!#)", without_namespaces)


@pytest.mark.parametrize("kind", ["sound", "wrong"])
def test_the_page_is_well_formed_and_can_be_read_aloud(kind: str, text: str, wrong_text: str) -> None:
    page = Page(text if kind == "sound" else wrong_text)
    assert page.open == []
    assert [name for name, times in page.ids.items() if times > 1] == []
    assert set(page.labelled_by) <= set(page.ids)
    assert page.tags["table"] == page.tags["caption"] > 4
    assert page.tags["svg"] == len(page.plots) == 2
    assert all(len(label) > 100 for label in page.plots)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))


def test_text_in_plots_is_text(text: str) -> None:
    plots = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    words = re.findall(r"<text[^>]*>([^<]+)</text>", plots)
    assert {"player 0", "rollback depth", "blackout 0→1", "window 8", "network"} <= set(words)


def test_red_means_wrong(text: str, wrong_text: str) -> None:
    body = text.split("</style>")[1]
    assert 'class="wrong"' not in body
    assert "✗" not in body
    assert "What went wrong" not in body
    assert WRONG not in body
    assert 'class="wrong"' in wrong_text
    for words in (
        "What went wrong",
        "Frame 1,208",
        "input of player 1 is 0 at peer 0",
        "--patch row-at-confirm",
    ):
        assert words in wrong_text


def test_a_violation_is_told_with_its_place_if_it_has_one(tmp_path: Path, sample: ModuleType) -> None:
    result = read_result(sample.write_sample(tmp_path, seconds=2, wrong=True))
    violation = next(oracle["violation"] for oracle in result.table["oracles"] if oracle["violation"])
    assert "<strong>Frame 1,208, player 1, seen at peer 0:</strong>" in render_page(result)
    violation.update(frame=None, player=None, peer=None)
    bare = render_page(result)
    assert "<strong>" not in bare
    assert violation["message"] in bare
    assert bare.count("Again: ") == 1


def test_the_page_repeats_the_run(text: str) -> None:
    assert "sametick sim home-wifi-vs-4g --seed 7" in text
    for words in ("a07e" * 16, "6d1c" * 16, "slime-v1", "prefix agreement", "prediction_window_frames = 8"):
        assert words in text


def test_names_are_words_and_not_markup(tmp_path: Path, sample: ModuleType) -> None:
    hostile = '<b onload="x">$\\frac$ & "quoted"'
    folder = sample.write_sample(tmp_path, seconds=2)
    result = read_result(folder)
    result.table["verdict"]["sentence"] = hostile
    result.table["events"][0]["label"] = hostile
    result.table["scenario"]["name"] = hostile
    page = render_page(result)
    assert "<b " not in page
    assert Page(page).open == []


def test_a_companion_is_linked_relatively(folder: Path) -> None:
    companion = Companion(
        title="Beside it", sentence="Another run.", command="again", href="planted/index.html"
    )
    page = render_page(read_result(folder), companion=companion)
    assert '<a href="planted/index.html">' in page


def test_tables_are_read_again_and_a_changed_cell_shows(tmp_path: Path, sample: ModuleType) -> None:
    folder = sample.write_sample(tmp_path, seconds=2)
    sound = check_files(read_result(folder))
    assert sound is not None
    assert sound.is_ok
    assert "60 rows" in sound.sentence
    table = folder / "player-1.csv"
    table.write_text(table.read_text().replace("True", "False", 1))
    changed = check_files(read_result(folder))
    assert changed is not None
    assert not changed.is_ok
    assert 'class="wrong">The tables in the folder differ' in render_page(read_result(folder))


def test_a_table_that_ends_early_is_equal_as_far_as_it_goes(tmp_path: Path, sample: ModuleType) -> None:
    folder = sample.write_sample(tmp_path, seconds=2)
    table = folder / "player-1.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:31]))
    found = check_files(read_result(folder))
    assert found is not None
    assert found.is_ok
    assert "30 rows" in found.sentence


@pytest.mark.parametrize("peers", [1, 3, 8])
def test_other_numbers_of_peers(tmp_path: Path, sample: ModuleType, peers: int) -> None:
    page = Page(render_page(read_result(sample.write_sample(tmp_path, seconds=2, peers=peers))))
    assert page.open == []
    assert [name for name, times in page.ids.items() if times > 1] == []


def test_a_run_in_which_nothing_happened(tmp_path: Path, sample: ModuleType) -> None:
    folder = sample.write_sample(tmp_path, seconds=1, faults=False)
    result = read_result(folder)
    for item in result.table["peers"] + result.table["paths"]:
        item["series"] = {key: [] for key in item["series"]}
    for peer in result.table["peers"]:
        peer["depth_histogram"], peer["metrics"] = [], {}
    result.table["exercised"] = {"rollbacks": 0}
    page = render_page(result)
    assert "a pass says little here" in page
    assert Page(page).open == []


def test_a_live_match_says_what_was_not_observed(sample: ModuleType, tmp_path: Path) -> None:
    table = sample.sample_table(faults=False)
    table |= {"kind": "live", "paths": []}
    for peer in table["peers"]:
        del peer["metrics"]["input_to_present_max_frames"]
    text = render_page(ResultFolder(tmp_path, table, {}, {}))
    assert "not measured in this run" in text
    assert "were not observed in this run" in text
    assert "real time" not in text

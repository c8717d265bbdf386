"""Two workers, the page and the server between them played by the test, on a clock that jumps."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from live.client import relay_frames
from live.client.browser import Browser, controls_of, with_named_bytes
from live.client.participant import Participant
from live.client.presses import STAGES
from live.client.relay_frames import Entry
from scenarios.games.drawing import PLAYER_COLOURS
from scenarios.registry import create_game

GAME = "slime-v1"
DELAY_FRAMES = 2
RELAY_US = 20_000  # one way through the server
PAINT_US = 3_000  # from the answer to the picture


def match_message(peer: int) -> dict[str, Any]:
    return {
        "type": "match",
        "match_id": "m",
        "peer": peer,
        "terms": {
            "session_id": "s",
            "build_id": "b",
            "game_id": GAME,
            "action_count": 6,
            "seed": 3,
            "seats": [0, 1],
            "countdown_frames": 60,
            "max_steps": 120,
        },
        "config": {"input_delay_frames": DELAY_FRAMES},
        "game": {"id": GAME, "params": {}},
        "ice": {"servers": [], "policy": "all"},
        "paths": {
            "topology": "relay",
            "is_direct_allowed": False,
            "is_relay_allowed": True,
            "direct_wait_us": 0,
        },
    }


WELCOME = {
    "type": "welcome",
    "v": 1,
    "participant_id": "p",
    "token": "t",
    "build_id": "b",
    "heartbeat_us": 5_000_000,
    "game": {"id": GAME, "params": {}},
    "texts": {},
    "options": {"show_hud": True, "is_ready_asked": False, "is_again_offered": True},
}


@dataclass
class Page:
    """One page: takes answers, keeps what was shown, paints a while later."""

    browser: Browser
    number: int
    wake_us: int = 0
    inbox: list[tuple[int, list[Any], list[bytes]]] = field(default_factory=list)  # (at, call, blobs)
    views: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)

    def call(self, at_us: int, *call: Any, blobs: tuple[bytes, ...] = ()) -> None:
        self.inbox.append((at_us, list(call), list(blobs)))
        self.inbox.sort(key=lambda entry: entry[0])

    def next_us(self) -> int:
        return min(self.wake_us, self.inbox[0][0] if self.inbox else self.wake_us)


class World:
    """A server that relays, welcomes and matches; nothing is lost on its way."""

    def __init__(self) -> None:
        self.now_us = 0
        self.pages = []
        for number in range(2):
            browser = Browser(Participant(1 + number, "b", {"browser": "test"}), self.clock)
            self.pages.append(Page(browser, number))
        for page in self.pages:
            page.call(0, "server", True)

    def clock(self) -> int:
        self.now_us += 50_000  # each look at the clock: the measurement of a step is soon over
        return self.now_us

    def run(self, until_us: int) -> None:
        while True:
            page = min(self.pages, key=Page.next_us)
            if page.next_us() > until_us:
                self.now_us = max(self.now_us, until_us)
                return
            self.now_us = max(self.now_us, page.next_us())
            self.step(page)

    def step(self, page: Page) -> None:
        calls, blobs = [], []
        while page.inbox and page.inbox[0][0] <= self.now_us:
            _, call, data = page.inbox.pop(0)
            if call[0] == "relayed":
                blobs += data
                call = ["relayed", len(blobs) - 1]
            calls.append(call)
        wake_us, text, *out = page.browser.exchange(self.now_us, json.dumps(calls) if calls else "", blobs)
        assert wake_us > self.now_us
        page.wake_us = wake_us
        if not text:
            assert out == []
            return
        answer = json.loads(text)
        for effect in answer["effects"]:
            self.carry_out(page, effect, out)
        if "view" in answer:
            view = answer["view"]
            page.views.append(view)
            if view["timed"]:
                page.call(self.now_us + PAINT_US, "drawn", view["serial"], self.now_us + PAINT_US)

    def carry_out(self, page: Page, effect: list[Any], blobs: list[bytes]) -> None:
        match effect:
            case ["text", text]:
                self.answer(page, json.loads(text))
            case ["relay", index]:
                for peer, flags, data in relay_frames.decode(blobs[index]):
                    (frame,) = relay_frames.encode([Entry(page.number, flags, data)])
                    self.pages[peer].call(self.now_us + RELAY_US, "relayed", 0, blobs=(frame,))
            case _:
                raise AssertionError(effect)

    def answer(self, page: Page, message: dict[str, Any]) -> None:
        page.texts.append(message)
        match message["type"]:
            case "hello":
                page.call(self.now_us + 1, "text", json.dumps(WELCOME))
            case "loaded":
                page.call(self.now_us + 1, "text", json.dumps(match_message(page.number)))
            case "chunk":
                acked = {key: message[key] for key in ("match_id", "table", "serial")}
                page.call(self.now_us + 1, "text", json.dumps({"type": "acked", **acked}))
            case "finished":
                verdict = {"episode": 0, "is_equal": True, "replay": "equal", "sha256": ""}
                text = json.dumps({"type": "verdict", "match_id": "m", **verdict})
                page.call(self.now_us + 1, "text", text)

    def log(self, page: Page, kind: str) -> list[dict[str, Any]]:
        chunks = [json.loads(each["data"]) for each in page.texts if each.get("table") == "log"]
        return [event[2] for chunk in chunks for event in chunk["events"] if event[1] == kind]

    def frames(self, page: Page) -> list[list[Any]]:
        chunks = [json.loads(each["data"]) for each in page.texts if each.get("table") == "frames"]
        return [frame for chunk in chunks for frame in chunk["frames"]]

    def rows(self, page: Page) -> str:
        chunks = [json.loads(each["data"]) for each in page.texts if each.get("table") == "frames"]
        return "".join(chunk["rows"] for chunk in chunks)


def playing(world: World, page: Page) -> None:
    """Run on until the countdown of this page is over."""
    while not (page.views and page.views[-1]["screen"] == "playing" and page.views[-1]["countdown"] is None):
        world.run(world.now_us + 10_000)
        assert world.now_us < 30_000_000
    while page.browser.participant.peer.game.phase_name != "playing":  # type: ignore[union-attr]
        world.run(world.now_us + 10_000)


def test_two_workers_play_a_match_and_upload_equal_rows() -> None:
    world = World()
    left, right = world.pages
    playing(world, left)
    for at_ms in range(0, 3000, 170):
        at_us = world.now_us + at_ms * 1000
        left.call(at_us, "key", (at_ms // 170) % 3, True, at_us)
        left.call(at_us + 80_000, "key", (at_ms // 170) % 3, False, at_us + 80_000)
    world.run(world.now_us + 20_000_000)
    assert left.views[-1]["screen"] == right.views[-1]["screen"] == "ended"
    assert left.views[-1]["overlay"]["todo"] == "You can close this page."
    assert left.views[-1]["overlay"]["button"]["command"] == "reload"
    assert len(world.rows(left).splitlines()) >= 120
    assert world.rows(left) == world.rows(right)
    assert any(each["type"] == "finished" and each["reason"] == "completed" for each in left.texts)
    taken = [actions[0] for actions, *_ in world.frames(left)]
    assert len(set(taken)) >= 4, "keys became actions"
    assert taken[-5:] == [0] * 5, "and no longer than they were held"


def test_a_press_is_shown_after_the_input_delay_and_logged_with_its_stages() -> None:
    world = World()
    left = world.pages[0]
    playing(world, left)
    for press in range(8):
        at_us = world.now_us + press * 210_000
        left.call(at_us, "key", press % 3, True, at_us)
        left.call(at_us + 30_000, "key", press % 3, False, at_us + 30_000)
    world.run(world.now_us + 20_000_000)
    logged = world.log(left, "press")
    assert len(logged) == 8
    for press in logged:
        assert press["pressed_us"] <= press["taken_us"] < press["stepped_us"] < press["drawn_us"]
        assert press["pictures"] == DELAY_FRAMES + 1
    [report] = [each for each in left.texts if each["type"] == "finished"]
    figures = report["metrics"]
    assert figures["presses"] == 8
    assert figures["input_to_present_max_frames"] == max(press["pictures"] for press in logged)
    for name, begin, end in STAGES:
        times = sorted(press[end] - press[begin] for press in logged)
        assert (figures[f"{name}_p50_us"], figures[f"{name}_p95_us"]) == (times[3], times[7])


def test_the_page_is_told_its_seat_its_keys_and_the_options_once() -> None:
    world = World()
    right = world.pages[1]
    playing(world, right)
    told = [view["controls"] for view in right.views if "controls" in view]
    assert [each["title"] for each in told] == ["", "You are orange"]
    assert told[1]["seats"] == [{"name": "right", "colour": PLAYER_COLOURS[1]}]
    assert [view["options"] for view in right.views if "options" in view] == [WELCOME["options"]]


def test_a_view_goes_out_only_when_it_is_another() -> None:
    world = World()
    playing(world, world.pages[0])
    views = [{**view, "serial": 0, "timed": False} for view in world.pages[0].views]
    assert [view["serial"] for view in world.pages[0].views] == list(range(1, len(views) + 1))
    for before, after in itertools.pairwise(views):
        assert before != after


def test_a_call_that_is_no_door_is_a_mistake_of_the_page() -> None:
    browser = Browser(Participant(1, "b"), lambda: 0)
    with pytest.raises(ValueError, match="'fly' is no door"):
        browser.exchange(0, '[["fly", 1]]', [])


def test_keys_without_a_game_and_buttons_that_do_not_exist_do_nothing() -> None:
    world = World()
    page = world.pages[0]
    page.call(0, "key", 0, True, 0)
    page.call(0, "release")
    playing(world, page)
    page.call(world.now_us, "key", 99, True, world.now_us)
    page.call(world.now_us, "key", 99, False, world.now_us)
    world.run(world.now_us + 100_000)
    assert page.views[-1]["screen"] == "playing"


def test_a_seat_of_two_players_has_both_colours() -> None:
    controls = controls_of(create_game("kitchen-v1").spec, (0, 1))
    assert controls["title"] == "You are blue and orange"


def test_bytes_of_effects_are_named_by_their_place_beside_them() -> None:
    out: list[bytes] = []
    effects = [("relay", b"a"), ("text", "t"), ("direct", 1, 2, b"b"), ("disconnect", 1, 2)]
    named = [with_named_bytes(effect, out) for effect in effects]
    assert named == [["relay", 0], ["text", "t"], ["direct", 1, 2, 1], ["disconnect", 1, 2]]
    assert out == [b"a", b"b"]

"""What a person is told, in every situation, in the study's words where it has some."""

import pytest

from live.client.screen import TEXTS, ended_notice, hud, notice
from rollback_core.events import Ended, EndReason


@pytest.mark.parametrize("key", TEXTS)
def test_every_notice_says_what_is_and_leaves_no_place_unfilled(key: str) -> None:
    found = notice(key, {}, have=1, need=2, round=2, rounds=3)
    assert set(found) == {"title", "reason", "todo"}
    assert found["title"]
    assert not any("{" in text for text in found.values())


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_is_explained_and_what_is_nobodys_doing_has_a_code(reason: EndReason) -> None:
    found = ended_notice(Ended(reason, 9, None, ""), {})
    assert found["title"]
    assert ("code" in found) == (reason.value not in TEXTS)
    if "code" in found:
        assert found["code"] == reason.value.upper()


def test_a_study_has_its_own_words_where_it_gives_them() -> None:
    found = notice("left", {"left": {"title": "Auf Wiedersehen"}})
    assert found["title"] == "Auf Wiedersehen"
    assert found["todo"] == notice("left", {})["todo"]


def test_before_a_match_the_figures_are_empty() -> None:
    assert hud(None, 0) == {"rtt_us": None, "rollback_depth": 0, "path": "none", "frames_behind": 0}

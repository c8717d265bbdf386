"""A press is followed from the key to the picture that shows it."""

from hypothesis import given
from hypothesis import strategies as st

from live.client.presses import MAX_PENDING, Presses

PERIOD_US = 1000


@given(
    delay_frames=st.integers(0, 5),
    press_at_us=st.lists(st.integers(0, 30 * PERIOD_US), min_size=1, max_size=20, unique=True),
    painted=st.lists(st.booleans(), min_size=60, max_size=60),
    frames=st.lists(st.integers(0, 4), min_size=60, max_size=60),
)
def test_every_press_is_seen_once_and_its_stages_are_in_order(
    delay_frames: int, press_at_us: list[int], painted: list[bool], frames: list[int]
) -> None:
    presses = Presses()
    waiting = sorted(press_at_us)
    current = 0
    seen: list[dict[str, int]] = []
    for tick, (is_painted, played) in enumerate(
        zip([*painted, True], [*frames, delay_frames + 1], strict=True)
    ):
        now_us = tick * PERIOD_US
        while waiting and waiting[0] <= now_us:
            presses.pressed(waiting.pop(0))
        first = current + delay_frames
        current += played
        presses.ticked(now_us, first, current + delay_frames, current)
        is_awaited = presses.shown(tick)
        if is_painted:
            finished = presses.drawn(tick, now_us + 300)
            assert bool(finished) == is_awaited
            seen += finished
    assert [press["pressed_us"] for press in seen] == sorted(press_at_us)
    for press in seen:
        assert press["pressed_us"] <= press["taken_us"] <= press["stepped_us"] <= press["drawn_us"]
        assert 0 < press["pictures"] <= delay_frames + 1, "whatever was painted"


def test_a_picture_of_frames_that_were_caught_up_on_counts_once() -> None:
    presses = Presses()
    presses.pressed(0)
    presses.ticked(10, 2, 3, 1)  # takes it for frame 2
    assert not presses.shown(1)
    presses.ticked(20, 3, 3, 1)  # a stall: the same picture
    assert not presses.shown(2)
    presses.ticked(90, 3, 8, 6)
    assert presses.shown(3)
    [press] = presses.drawn(3, 95)
    assert press == {"pressed_us": 0, "taken_us": 10, "stepped_us": 90, "drawn_us": 95, "pictures": 2}


def test_pictures_that_the_page_was_too_busy_to_paint_are_not_counted_as_delay() -> None:
    presses = Presses()
    presses.pressed(0)
    for tick in range(8):
        presses.ticked(10 + tick, tick + 2, tick + 3, tick + 1)
        presses.shown(tick)
    [press] = presses.drawn(7, 95)
    assert (press["pictures"], press["stepped_us"], press["drawn_us"]) == (3, 12, 95)


def test_a_painted_view_without_presses_says_nothing() -> None:
    presses = Presses()
    assert not presses.shown(1)
    assert presses.drawn(1, 5) == []


def test_a_page_that_paints_nothing_costs_bounded_memory() -> None:
    presses = Presses()
    for tick in range(4 * MAX_PENDING):
        presses.pressed(tick)
        presses.ticked(tick, tick, tick + 1, tick + 1)
        presses.shown(tick)
    assert len(presses.drawn(4 * MAX_PENDING - 1, 0)) == MAX_PENDING

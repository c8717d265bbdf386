"""Chunks on their way: all of them, each the same every time, never more than the window at once."""

from hypothesis import given
from hypothesis import strategies as st

from live.client.uploads import MAX_IN_FLIGHT, TABLES, Uploads

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(TABLES), st.integers(1, 30)),
        st.tuples(st.just("send"), st.just(""), st.just(0)),
        st.tuples(st.just("ack"), st.sampled_from(TABLES), st.integers(0, 40)),
        st.tuples(st.just("rewind"), st.just(""), st.just(0)),
    ),
    max_size=50,
)


@given(STEPS)
def test_every_chunk_leaves_until_it_is_acknowledged(steps: list[tuple[str, str, int]]) -> None:
    uploads = Uploads()
    made: dict[str, list[str]] = {name: [] for name in TABLES}
    stored: dict[str, dict[int, str]] = {name: {} for name in TABLES}

    def send() -> None:
        for name, serial, data in uploads.to_send():
            assert stored[name].setdefault(serial, data) == data == made[name][serial]

    for what, name, number in steps:
        match what:
            case "add":
                for _ in range(number):
                    made[name].append(f"{name} {len(made[name])}")
                    uploads.add(name, made[name][-1])
            case "send":
                send()
            case "ack":
                uploads.acked(name, min(number, len(stored[name]) - 1))
            case "rewind":
                uploads.rewind()
    while not uploads.is_empty:
        uploads.rewind()
        send()
        for name in TABLES:
            uploads.acked(name, len(stored[name]) - 1)
    assert stored == {name: dict(enumerate(data)) for name, data in made.items()}
    assert uploads.counts() == {name: len(data) for name, data in made.items()}


def test_no_more_than_the_window_is_under_way() -> None:
    uploads = Uploads()
    for number in range(3 * MAX_IN_FLIGHT):
        uploads.add("frames", str(number))
    assert len(uploads.to_send()) == MAX_IN_FLIGHT
    assert uploads.to_send() == []
    uploads.acked("frames", 3)
    assert [serial for _, serial, _ in uploads.to_send()] == list(range(MAX_IN_FLIGHT, MAX_IN_FLIGHT + 4))


def test_acknowledgements_of_nothing_change_nothing() -> None:
    uploads = Uploads()
    uploads.add("log", "a")
    uploads.acked("log", 0)  # it has not left yet
    uploads.acked("nonsense", 0)
    assert not uploads.is_empty
    assert uploads.to_send() == [("log", 0, "a")]

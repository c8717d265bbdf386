"""Signals come once and in order, whatever happens to the messages that carry them."""

from hypothesis import example, given
from hypothesis import strategies as st

from live.client.signaling import MAX_MESSAGE_BYTES, MAX_PENDING, RESEND_US, SignalStream

Actions = st.lists(
    st.one_of(
        st.tuples(st.just("queue"), st.integers(0, 1), st.integers(1, 40)),
        st.tuples(st.just("send"), st.integers(0, 1), st.integers(0, 2_000_000)),
        st.tuples(st.just("deliver"), st.integers(0, 1), st.integers(0, 50)),
        st.tuples(st.just("double"), st.integers(0, 1), st.integers(0, 50)),
        st.tuples(st.just("lose"), st.integers(0, 1), st.integers(0, 50)),
        st.tuples(st.just("rewind"), st.integers(0, 1), st.just(0)),
    ),
    max_size=60,
)


@given(Actions)
@example([(what, 0, 1) for what in ("queue", "send", "queue", "send", "deliver")])  # the second first
@example([(what, 0, 1) for what in ("queue", "send", "double", "deliver")])
def test_everything_arrives_once_and_in_order(actions: list[tuple[str, int, int]]) -> None:
    streams = [SignalStream(), SignalStream()]
    queued: list[list[int]] = [[], []]
    taken: list[list[int]] = [[], []]  # by receiver
    under_way: list[list[tuple[list[dict[str, object]], int]]] = [[], []]  # by sender
    now_us = 0

    def deliver(sender: int, at: int) -> None:
        items, ack = under_way[sender][at]
        taken[1 - sender] += [body["n"] for body in streams[1 - sender].receive(items, ack)]

    for what, side, number in actions:
        waiting = under_way[side]
        match what:
            case "queue":
                for _ in range(number):
                    streams[side].queue({"n": len(queued[side])})
                    queued[side].append(len(queued[side]))
            case "send":
                now_us += number
                waiting += streams[side].messages(now_us)
            case "rewind":
                streams[side].rewind()
            case "deliver" if waiting:  # any of them: the server may reorder
                deliver(side, number % len(waiting))
                del waiting[number % len(waiting)]
            case "double" if waiting:
                deliver(side, number % len(waiting))
            case "lose" if waiting:
                del waiting[number % len(waiting)]
        for receiver in range(2):
            assert taken[receiver] == queued[1 - receiver][: len(taken[receiver])]

    for _ in range(4):  # from now on nothing is lost
        now_us += RESEND_US
        for side in range(2):
            under_way[side] += streams[side].messages(now_us)
            while under_way[side]:
                deliver(side, 0)
                del under_way[side][0]
    assert taken == [queued[1], queued[0]]
    assert [stream.pending for stream in streams] == [0, 0]


@given(st.lists(st.integers(0, 30_000), max_size=20))
def test_messages_stay_below_the_servers_limit(sizes: list[int]) -> None:
    stream = SignalStream()
    for size in sizes:
        stream.queue({"sdp": "x" * size})
    for items, _ in stream.messages(0):
        assert sum(len(item["body"]["sdp"]) for item in items) <= MAX_MESSAGE_BYTES


def test_a_partner_that_never_answers_costs_no_memory() -> None:
    stream = SignalStream()
    for number in range(2 * MAX_PENDING):
        stream.queue({"n": number})
    assert stream.pending == MAX_PENDING


def test_silence_needs_no_wake() -> None:
    stream = SignalStream()
    assert stream.next_wake_us() is None
    assert stream.messages(0) == []
    stream.queue({"n": 0})
    stream.messages(5)
    assert stream.next_wake_us() == 5 + RESEND_US
    stream.receive([], 1)
    assert stream.next_wake_us() is None

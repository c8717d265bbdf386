"""Candidates lead to the relay or nowhere: no address of a peer passes."""

from hypothesis import given
from hypothesis import strategies as st

from live.impairment.candidates import LEFT_OUT, Address, rewritten, rewritten_candidate

FRONT = ("127.0.0.9", 9)

HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.just("3f0c.local"), st.text(max_size=9)
)
LINES = st.builds(
    "candidate:{} 1 {} 2113937151 {} {} typ {}{}".format,
    st.integers(1, 99),
    st.sampled_from(["udp", "UDP", "tcp", "TCP"]),
    HOSTS,
    st.integers(0, 65535),
    st.sampled_from(["host", "srflx", "relay"]),
    st.sampled_from(["", " generation 0 ufrag ab+/ network-cost 999", " raddr 0.0.0.0 rport 9"]),
)


def front_of(_: Address) -> Address:
    return FRONT


@given(LINES)
def test_a_candidate_is_the_relays_or_none(line: str) -> None:
    changed = rewritten_candidate(line, front_of)
    fields = line.split(" ")
    is_carried = fields[2].lower() == "udp" and fields[4].count(".") == 3 and ":" not in fields[4]
    if changed is None:
        assert not is_carried or not fields[4].replace(".", "").isdecimal()
        return
    assert is_carried
    expected = [*fields]
    expected[4:6] = [FRONT[0], str(FRONT[1])]
    assert changed.split(" ") == expected


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    rewritten_candidate(text, front_of)
    rewritten({"kind": "offer", "attempt": 1, "sdp": text}, front_of)


def test_each_candidate_of_a_description_is_looked_at() -> None:
    sdp = (
        "v=0\r\nc=IN IP4 0.0.0.0\r\na=candidate:1 1 udp 1 10.0.0.1 5000 typ host\r\n"
        "a=candidate:2 1 tcp 1 10.0.0.1 5001 typ host\r\na=candidate:3 1 udp 1 fd00::1 5002 typ host\r\n"
        "a=end-of-candidates\r\n"
    )
    expected = (
        "v=0\r\nc=IN IP4 0.0.0.0\r\na=candidate:1 1 udp 1 127.0.0.9 9 typ host\r\na=end-of-candidates\r\n"
    )
    body = rewritten({"kind": "answer", "attempt": 3, "sdp": sdp}, front_of)
    assert body == {"kind": "answer", "attempt": 3, "sdp": expected}


def test_a_candidate_left_out_still_takes_its_place_in_the_stream() -> None:
    candidate = {"candidate": "candidate:1 1 udp 1 3f.local 5000 typ host", "sdpMid": "0"}
    body = rewritten({"kind": "candidate", "attempt": 2, "candidate": candidate}, front_of)
    assert body == {"kind": LEFT_OUT, "attempt": 2}


def test_what_is_no_candidate_passes() -> None:
    for body in (
        {"kind": "again", "attempt": 1},
        {"kind": "candidate", "attempt": 1, "candidate": None},
        {"kind": "candidate", "attempt": 1, "candidate": {"candidate": "", "sdpMid": "0"}},
    ):
        assert rewritten(body, front_of) == body

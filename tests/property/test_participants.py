"""Whole participants on a bad network and a bad server: the data come out equal, complete and once."""

import json
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st
from live_world import LiveWorld, Setup

from live.client.participant import Stage

PLAY_US = 200_000  # everybody is connected by then
LONGEST_US = 4_000_000  # well below what ends a session


@dataclass(frozen=True, slots=True)
class Fault:
    """`what` for `for_us`, from `at_us`; `a` and `b` are taken modulo the number of peers."""

    what: str
    at_us: int
    for_us: int
    a: int
    b: int


FAULTS = st.builds(
    Fault,
    st.sampled_from(["direct", "one-way", "relay", "socket", "all"]),
    st.integers(0, 6_000_000),
    st.integers(50_000, LONGEST_US),
    st.integers(0, 3),
    st.integers(0, 3),
)

SETUPS = st.builds(
    Setup,
    seed=st.integers(0, 10_000),
    peers=st.integers(2, 4),
    frames=st.integers(30, 120),
    episodes=st.integers(1, 2),
    loss_prob=st.sampled_from([0.0, 0.1, 0.3]),
    delay_us=st.integers(0, 100_000),
    jitter_us=st.integers(0, 60_000),
    signal_loss_prob=st.sampled_from([0.0, 0.3]),
    signal_dup_prob=st.sampled_from([0.0, 0.3]),
    direct_wait_us=st.sampled_from([0, 500_000]),
)


def plan(world: LiveWorld, fault: Fault) -> None:
    a = fault.a % world.setup.peers
    b = (a + 1 + fault.b % (world.setup.peers - 1)) % world.setup.peers
    cuts = {"one-way": {(a, b)}, "direct": {(a, b), (b, a)}, "all": {(a, b), (b, a)}}.get(fault.what, set())

    def begin() -> None:
        world.cut_direct |= cuts
        if fault.what in ("relay", "all"):
            world.is_relay_cut = True
        if fault.what in ("socket", "all"):
            world.break_line(a)

    def heal() -> None:
        world.cut_direct -= cuts
        if fault.what in ("relay", "all"):
            world.is_relay_cut = False

    world.at(fault.at_us, begin)
    world.at(fault.at_us + fault.for_us, heal)


def someone_has_closed(world: LiveWorld) -> bool:
    """Whoever is through closes its channels; what lingers then may go through the server."""
    return any(
        participant.peer is not None and participant.peer.session.life.is_closed
        for participant in world.participants
    )


@settings(max_examples=60)
@given(setup=SETUPS, faults=st.lists(FAULTS, max_size=4))
def test_data_are_equal_whatever_the_ways_do(setup: Setup, faults: list[Fault]) -> None:
    world = LiveWorld(setup)
    for fault in faults:
        plan(world, fault)
    world.run()
    assert world.stages() == ["ended"] * setup.peers
    assert [world.reports[peer]["reason"] for peer in range(setup.peers)] == ["completed"] * setup.peers
    first = world.frames(0)
    assert first[1].count("\n") == setup.frames * setup.episodes
    for peer in range(1, setup.peers):
        assert world.frames(peer) == first
    for peer in range(setup.peers):
        assert sum(chunk["rows"].count("\n") for chunk in world.table(peer, "local")) == first[1].count("\n")
        assert len(world.log(peer, "ended")) == 1


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    at_us=st.integers(PLAY_US, 2_000_000),
    for_us=st.integers(300_000, LONGEST_US),
    is_one_way=st.booleans(),
)
@example(0, 223_805, 528_415, False)
def test_direct_again_once_it_has_healed(seed: int, at_us: int, for_us: int, is_one_way: bool) -> None:
    """A cut of the direct way never stops the game, and the relay is not used for ever."""
    world = LiveWorld(Setup(seed=seed, frames=600))
    plan(world, Fault("one-way" if is_one_way else "direct", at_us, for_us, 0, 0))
    relayed = 0

    def note() -> None:
        nonlocal relayed
        relayed = world.sent_relayed

    # The longest wait between two tries here is ten seconds, and a game lasts twenty.
    world.at(at_us + for_us + 11_000_000, note)
    world.run(until=lambda: someone_has_closed(world))
    assert 0 < relayed == world.sent_relayed
    world.run()
    assert world.frames(0) == world.frames(1)
    for peer in range(2):
        assert not world.log(peer, "interrupted")
        assert world.ways(peer)[-1] == "direct"


def test_nobody_relays_while_all_is_well() -> None:
    world = LiveWorld(Setup(frames=300))
    world.run(until=lambda: someone_has_closed(world))
    assert world.sent_relayed == 0
    world.run()
    assert [world.ways(peer) for peer in range(2)] == [["none", "direct"]] * 2


def test_blocked_from_the_start_everything_is_relayed() -> None:
    world = LiveWorld(Setup(frames=120))
    world.cut_direct |= {(0, 1), (1, 0)}
    world.run()
    assert world.sent_direct == 0 < world.sent_relayed
    assert [world.ways(peer) for peer in range(2)] == [["none", "relay"]] * 2
    local = world.table(0, "local")
    assert {line.rsplit(",", 1)[1] for chunk in local for line in chunk["rows"].split()} == {"relay"}


def test_both_cut_the_game_pauses_and_goes_on() -> None:
    world = LiveWorld(Setup(frames=120))
    plan(world, Fault("all", 2_000_000, 2_000_000, 0, 0))
    seen = []
    world.at(3_500_000, lambda: seen.append(world.participants[1].view()))
    world.run()
    assert seen[0]["overlay"]["title"] == "One moment"
    for peer in range(2):
        assert len(world.log(peer, "interrupted")) == len(world.log(peer, "resumed")) == 1
    assert world.frames(0) == world.frames(1)


def test_one_of_four_leaves_and_the_others_play_on() -> None:
    world = LiveWorld(Setup(peers=4, frames=150, game="kitchen-v1", layout="exchange"))
    world.at(3_000_000, lambda: world.tell(2, lambda p: p.leave("enough", world.now_us)))
    world.run()
    reasons = [world.reports[peer]["reason"] for peer in range(4)]
    assert reasons == ["completed", "completed", "left", "completed"]
    whole = world.frames(0)
    assert world.frames(1) == world.frames(3) == whole
    left, rows = world.frames(2)
    assert whole[0][: len(left)] == left
    assert whole[1].startswith(rows)
    assert whole[0][-1][2] == 0b100
    for peer in (0, 1, 3):
        rows = world.table(peer, "local")[-1]["rows"]
        assert rows.split()[-1].rsplit(",", 1)[1] == "direct", "who has left carries nothing"


def test_one_of_three_vanishes_and_the_others_play_on() -> None:
    world = LiveWorld(Setup(peers=3, frames=150))
    world.at(3_000_000, lambda: world.vanish(1))
    world.run()
    assert [world.reports[peer]["reason"] for peer in (0, 2)] == ["completed"] * 2
    assert world.frames(0) == world.frames(2)
    for peer in (0, 2):
        assert [fields["players"] for _, fields in world.log(peer, "left")] == [[1]]
        rows = "".join(chunk["rows"] for chunk in world.table(peer, "local")).split()
        assert rows[-1].rsplit(",", 1)[1] == "direct", "who is gone carries nothing"


def test_the_partner_of_one_who_vanished_keeps_everything_and_is_told() -> None:
    world = LiveWorld(Setup(frames=600))
    world.at(3_000_000, lambda: world.vanish(1))
    world.run()
    assert world.reports[0]["reason"] == "disconnected"
    frames, rows = world.frames(0)
    assert world.reports[0]["frame"] == len(frames) - 1
    assert rows
    view = world.participants[0].view()
    assert view["screen"] == "ended"
    assert view["overlay"]["title"] == "Your partner is gone"


def test_the_partner_of_a_closed_page_is_told_at_once() -> None:
    world = LiveWorld(Setup(frames=600))
    world.at(3_000_000, lambda: world.close_page(1))
    world.run(until=lambda: world.participants[0].view()["screen"] == "ended")
    assert world.now_us < 3_000_000 + 200_000
    assert world.participants[0].view()["overlay"]["title"] == "Your partner has left"
    world.run()
    assert world.reports[0]["reason"] == "peer-left"
    assert world.reports[0]["frame"] == len(world.frames(0)[0]) - 1 > 30


def test_who_leaves_the_lobby_says_so() -> None:
    world = LiveWorld(Setup())
    participant = world.participants[0]
    world.run(until=lambda: participant.stage is Stage.WAITING)
    participant.leave("enough", world.now_us)
    texts = [json.loads(effect[1])["type"] for effect in participant.drain_effects() if effect[0] == "text"]
    assert texts[-1] == "bye"
    assert participant.stage is Stage.ENDED


def test_a_report_lost_with_its_socket_is_given_again() -> None:
    world = LiveWorld(Setup())
    world.run(until=lambda: world.participants[0].stage is Stage.SAVING)
    world.break_line(0)
    world.run()
    assert world.stages() == ["ended"] * 2
    assert world.frames(0) == world.frames(1)


def test_chunks_are_stored_once_however_often_the_socket_breaks() -> None:
    world = LiveWorld(Setup(frames=300))
    for at_us in range(1_000_000, 12_000_000, 700_000):
        world.at(at_us, lambda: world.break_line(0))
    world.run()
    assert world.doubled_chunks > 0
    assert world.frames(0) == world.frames(1)

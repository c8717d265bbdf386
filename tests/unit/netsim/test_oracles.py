"""Each law can fail: a stub of a host that breaks just that law is noticed, and one that keeps it is not."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from netsim import faults
from netsim.ledger import Ledger
from netsim.oracle import Oracle
from netsim.oracles_desync import Attribution, DesyncDetection
from netsim.oracles_doors import (
    LOOK_EVERY,
    Bounds,
    EventOrder,
    HostileBytes,
    ReliableItems,
    Silence,
    TickPlan,
)
from netsim.oracles_quality import (
    ConfirmationLag,
    FullRate,
    OwedSkips,
    Progress,
    Responsiveness,
    SameEnd,
    TimeSyncTruce,
)
from netsim.oracles_safety import (
    DropAgreement,
    Immutability,
    Mispredictions,
    PrefixAgreement,
    Provenance,
    Reference,
    SpeculationNotes,
)
from netsim.planted import planted
from netsim.run import play, run_scenario
from netsim.shared_data import SessionData, TablesTold, verdict_of_data
from netsim.watch import OracleWatch
from netsim.world import World, build_world, make_match
from netsim.wrong_game import ROW, WrongGame
from rollback_core.events import (
    Committed,
    CommittedFrame,
    DesyncAttributed,
    DesyncDetected,
    Ended,
    EndReason,
    FrameOutcome,
    Interrupted,
    PlayersLeft,
    Resumed,
    RolledBack,
    Started,
)
from rollback_core.life import State
from rollback_core.recorder import Recorder
from scenarios.load import load_scenario

ROOT = Path(__file__).parents[3]
SILENCED = str(ROOT / "tests" / "corpus" / "planted" / "silence-not-excused.json")


def frame(number: int, actions: tuple[int, ...] = (0, 0), **changes: Any) -> CommittedFrame:
    return CommittedFrame(number, actions, 3, 0, 0, None)._replace(**changes)


def host(index: int = 0, **session: Any) -> Any:
    """As much of a host as a law looks at."""
    fields: dict[str, Any] = {
        "state": State.RUNNING,
        "life": SimpleNamespace(is_running=True),
        "epoch": 1,
        "ended": None,
        "links": {},
    }
    return SimpleNamespace(
        index=index,
        incarnation=1,
        is_running=True,
        is_gone=False,
        was_reloaded=False,
        peer=SimpleNamespace(session=SimpleNamespace(**{**fields, **session})),
    )


def world_of(name: str) -> World:
    return build_world(load_scenario(name), "test", ())


def desync_detection(wrong: Iterable[int] = ()) -> DesyncDetection:
    """In a session without trouble, in which these frames of peer 1 are wrong."""
    reference = Reference(make_match(load_scenario("latency-lan")), frozenset([1] if wrong else []))
    if wrong:
        reference.wrong[1].extend(wrong)
    return DesyncDetection(world_of("latency-lan"), reference)


def holding(states: list[Any], base: int = 0) -> Any:
    """A host whose timeline holds these states, that of frame `base` first."""
    timeline = SimpleNamespace(base=base, states=states, state=lambda number: states[number - base])
    stub = host(match=SimpleNamespace(timeline=timeline))
    stub.peer.game = SimpleNamespace(game=None)
    return stub


def completed(last: int, comparisons: int, index: int = 0) -> Any:
    """A host whose session was played to its end, with one partner, who was as well."""
    return host(
        index,
        epoch=0,
        ended=Ended(EndReason.COMPLETED, last, None, ""),
        life=SimpleNamespace(is_running=False),
        committed_frame=last,
        links={1 - index % 2: SimpleNamespace(is_done=True, is_member=True)},
        desync=SimpleNamespace(exchange=SimpleNamespace(comparisons=comparisons)),
    )


def message(oracle: Oracle) -> str:
    assert oracle.violation is not None
    return oracle.violation.message


class TestSafety:
    def test_o1_two_peers_with_different_inputs_of_one_frame(self) -> None:
        oracle = PrefixAgreement()
        for index, action in ((0, 1), (1, 1)):
            oracle.committed(host(index), frame(0, (action, 0)))
        assert oracle.violation is None
        oracle.committed(host(0), frame(1, (1, 0)))
        oracle.committed(host(1), frame(1, (2, 0)))
        assert oracle.violation is not None
        assert (oracle.violation.frame, oracle.violation.peer) == (1, 1)

    @pytest.mark.parametrize("change", [{"focus_mask": 1}, {"left_mask": 2}])
    def test_o1_sees_focus_and_status(self, change: dict[str, int]) -> None:
        oracle = PrefixAgreement()
        oracle.committed(host(0), frame(0))
        oracle.committed(host(1), frame(0, **change))
        assert oracle.violation is not None

    def test_o2_an_input_that_nobody_submitted(self) -> None:
        ledger = Ledger(2)
        ledger.inputs = [[(1, True)], [(2, True)]]
        oracle = Provenance(ledger)
        oracle.committed(host(), frame(0, (1, 2)))
        assert oracle.violation is None
        oracle.committed(host(), frame(0, (1, 3)))
        assert "submitted was (2, True)" in message(oracle)
        late = Provenance(ledger)
        late.committed(host(), frame(1, (1, 2)))
        assert "never submitted" in message(late)

    def test_o2_what_the_ledger_cannot_explain(self) -> None:
        ledger = Ledger(2, unexplained=["player 0 frame 3: queued something"])
        oracle = Provenance(ledger)
        oracle.finish()
        assert "queued something" in message(oracle)

    def test_o3_a_state_or_row_that_the_inputs_do_not_give(self) -> None:
        scenario = load_scenario("latency-lan")
        data = run_scenario(scenario, oracles=False).data.frames[0][:200]
        for spoil in (False, True):
            oracle = Reference(make_match(scenario))
            stub = holding([], 10_000)
            for each in data:
                row = each.outcome
                if spoil and row is not None and row.t == 40:
                    each = each._replace(outcome=row._replace(rewards=(9.0,) * len(row.rewards)))
                oracle.committed(stub, each)
            assert (oracle.violation is not None) is spoil
            assert oracle.checks == 0, "rows alone are not counted"

    @pytest.mark.parametrize("spoil", [float, bool, None])
    def test_o3_a_value_that_is_equal_and_not_the_same(self, spoil: Any) -> None:
        scenario = load_scenario("latency-lan")
        match = make_match(scenario)
        states, frames = [match.save_state()], []
        for each in run_scenario(scenario, oracles=False).data.frames[0][:50]:
            frames.append(each._replace(outcome=match.step(each.actions)))
            states.append(match.save_state())
        if spoil is not None:
            *outer, inner = states[42]
            at = inner.index(0)
            states[42] = (*outer, (*inner[:at], spoil(0), *inner[at + 1 :]))
        oracle = Reference(make_match(scenario))
        for first in range(0, 48, 4):
            oracle.committed_all(holding(states), frames[first : first + 4])
        assert oracle.checks == 48
        assert (oracle.violation is not None) is (spoil is not None)
        if oracle.violation is not None:
            assert oracle.violation.frame == 42

    def test_o3_minus_nothing_as_a_reward(self) -> None:
        scenario = load_scenario("latency-lan")
        for is_same in (True, False):
            oracle = Reference(make_match(scenario))
            match = make_match(scenario)
            for each in run_scenario(scenario, oracles=False).data.frames[0][:50]:
                states = [match.save_state()]
                outcome = match.step(each.actions)
                if outcome is not None and not is_same:
                    outcome = outcome._replace(rewards=tuple(-reward for reward in outcome.rewards))
                    assert outcome.rewards == (0.0, 0.0)
                oracle.committed_all(holding(states, each.frame), [each._replace(outcome=outcome)])
            assert (oracle.violation is None) is is_same

    def test_o3_snapshots_that_are_not_plain(self) -> None:
        class Odd:
            """A game whose states cannot be compared but by their bytes."""

            def save_state(self) -> Any:
                return object()

            def step(self, actions: Any) -> None:
                return None

            def encode_state(self, state: Any) -> bytes:
                return b"odd" if state == "odd" else b"even"

        for state, is_right in ((object(), True), ("odd", False)):
            oracle = Reference(Odd())  # type: ignore[arg-type]
            for first in (0, 2):
                oracle.committed_all(holding([state] * 5), [frame(first), frame(first + 1)])
            assert oracle.checks == 4
            assert (oracle.violation is None) is is_right

    def test_o3_a_peer_that_diverges_is_excused_from_then_on(self) -> None:
        scenario = load_scenario("latency-lan")
        frames = run_scenario(scenario, oracles=False).data.frames[0][:60]
        for wrong, is_excused in ((49, False), (50, True)):
            oracle = Reference(make_match(scenario), frozenset([0]))
            stub = holding([], 10_000)
            stub.peer.game = SimpleNamespace(game=WrongGame(make_match(scenario).game))
            stub.peer.game.game.diverge(ROW, 50)
            for each in frames:
                row = each.outcome
                if each.frame == wrong and row is not None:
                    each = each._replace(outcome=row._replace(rewards=(9.0, 9.0)))
                oracle.committed(stub, each)
            assert (oracle.violation is None) is is_excused
            assert oracle.wrong[0] == ([wrong] if is_excused else [])

    @pytest.mark.parametrize("late_frames", [0, 30])
    def test_o3_nothing_differs_before_the_moment_from_which_it_may(
        self, late_frames: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first_unsettled = faults._first_unsettled
        monkeypatch.setattr(faults, "_first_unsettled", lambda host: first_unsettled(host) + late_frames)
        table = run_scenario(load_scenario("diverging-peer")).table
        [found] = [oracle for oracle in table["oracles"] if oracle["id"] == "O3"]
        assert found["ok"] is (late_frames == 0)

    def test_o4_a_rollback_of_what_is_committed(self) -> None:
        for first, is_right in ((3, True), (2, False)):
            oracle = Immutability()
            oracle.committed_all(host(), [frame(number) for number in range(3)])
            oracle.event(host(), RolledBack(first, 2, 1, 0, 1))
            assert (oracle.violation is None) is is_right

    def test_o4_a_gap_a_repetition_and_a_frontier_that_goes_back(self) -> None:
        for numbers in ((0, 2), (0, 1, 1)):
            oracle = Immutability()
            for number in numbers:
                oracle.committed(host(), frame(number))
            assert oracle.violation is not None
        for frontiers in (((5, 3), (4, 3)), ((5, 3), (5, 2)), ((5, 6),)):
            oracle = Immutability()
            for confirmed, committed in frontiers:
                oracle.after_tick(host(match=SimpleNamespace(confirmed=confirmed, committed=committed)), 1)
            assert oracle.violation is not None, frontiers
        oracle = Immutability()
        for confirmed, committed in ((5, 3), (5, 5), (9, 5)):
            oracle.after_tick(host(match=SimpleNamespace(confirmed=confirmed, committed=committed)), 1)
        assert oracle.violation is None

    @pytest.mark.parametrize(
        ("rollbacks", "resimulated", "mended", "told"),
        [
            (1, 2, True, ""),
            (0, 0, False, "0 rollbacks of 0 frames; 2 frames were wrong"),
            (1, 3, True, "1 rollbacks of 3 frames; 2 frames were wrong"),
            (1, 2, False, "a known input differs from the one used"),
        ],
    )
    def test_o5_to_o8(self, rollbacks: int, resimulated: int, mended: bool, told: str) -> None:
        queue = SimpleNamespace(base=0, end=4, actions=[0, 0, 7, 7])
        timeline = SimpleNamespace(current=4, base=0, used=[(0,)] * 4)
        match = SimpleNamespace(
            timeline=timeline, queues=[queue], rollbacks=0, resimulated=0, window=8, left={}
        )
        stub = host(match=match)
        oracle = Mispredictions()
        oracle.before_tick(stub)
        match.rollbacks, match.resimulated = rollbacks, resimulated
        if mended:
            timeline.used = [(0,), (0,), (7,), (7,)]
        oracle.after_tick(stub, 0)
        assert (oracle.violation.message if oracle.violation else "") == told

    def test_o6_a_rollback_deeper_than_the_window(self) -> None:
        queue = SimpleNamespace(base=0, end=4, actions=[7, 7, 7, 7])
        timeline = SimpleNamespace(current=4, base=0, used=[(0,)] * 4)
        match = SimpleNamespace(
            timeline=timeline, queues=[queue], rollbacks=0, resimulated=0, window=3, left={1: 2}
        )
        stub = host(match=match)
        oracle = Mispredictions()
        oracle.before_tick(stub)
        match.rollbacks, match.resimulated = 1, 4
        timeline.used = [(7,)] * 4
        oracle.after_tick(stub, 0)
        assert message(oracle) == "rollback of 4 frames, window 3"

    @pytest.mark.parametrize(
        ("told", "is_right"),
        [
            ((2, 2, 0, 0, 7), True),
            ((2, 2, 1, 0, 5), True),
            ((3, 1, 0, 0, 7), False),
            ((2, 3, 0, 0, 7), False),
            ((2, 2, 2, 0, 0), False),
            ((2, 2, 1, 0, 7), False),
            ((2, 2, 0, 7, 0), False),
        ],
    )
    def test_o5_to_o8_what_is_told_of_a_rollback(self, told: tuple[int, ...], is_right: bool) -> None:
        queues = [
            SimpleNamespace(base=0, end=4, actions=actions)
            for actions in ([0, 0, 7, 7], [0, 0, 5, 5], [0, 0, 0, 0])
        ]
        timeline = SimpleNamespace(current=4, base=0, used=[(0, 0, 0)] * 4)
        match = SimpleNamespace(timeline=timeline, queues=queues, rollbacks=0, resimulated=0, window=8)
        stub = host(match=match)
        oracle = Mispredictions()
        oracle.before_tick(stub)
        match.rollbacks, match.resimulated = 1, 2
        timeline.used = [(0, 0, 0), (0, 0, 0), (7, 5, 0), (7, 5, 0)]
        oracle.after_tick(stub, 0)
        oracle.event(stub, RolledBack(*told))
        assert (oracle.violation is None) is is_right
        oracle.event(stub, RolledBack(*told))
        assert oracle.violation is not None, "it is told a second time"

    @pytest.mark.parametrize(
        ("told", "is_running", "is_right"),
        [
            ((2, 2, 1, 0, 7), False, True),
            ((2, 2, 1, 0, 7), True, False),
            ((1, 3, 1, 0, 7), False, False),  # that input was known already
            ((2, 3, 1, 0, 7), False, False),
            ((2, 2, 1, 7, 7), False, False),
            ((2, 2, 1, 0, 5), False, False),
        ],
    )
    def test_o5_to_o8_what_is_told_of_the_rollback_of_an_end(
        self, told: tuple[int, ...], is_running: bool, is_right: bool
    ) -> None:
        queues = [SimpleNamespace(base=0, end=end, actions=[0] * end) for end in (5, 2)]
        timeline = SimpleNamespace(current=4, base=0, used=[(0, 0)] * 4)
        match = SimpleNamespace(timeline=timeline, queues=queues, rollbacks=0, resimulated=0, window=8)
        stub = host(match=match)
        oracle = Mispredictions()
        oracle.before_tick(stub)
        oracle.after_tick(stub, 0)
        timeline.used = [(0, 0), (0, 0), (0, 7), (0, 7)]
        stub.peer.session.life.is_running = is_running
        oracle.event(stub, RolledBack(*told))
        assert (oracle.violation is None) is is_right

    def test_a11_a_note_that_is_not_what_was_known(self) -> None:
        for mask, is_right in ((2, True), (0, False), (3, False)):
            queues = [SimpleNamespace(end=9), SimpleNamespace(end=3)]
            timeline = SimpleNamespace(current=5)
            stub = host(match=SimpleNamespace(queues=queues, timeline=timeline))
            oracle = SpeculationNotes()
            oracle.before_tick(stub)
            timeline.current = 6
            oracle.after_tick(stub, 1)
            oracle.committed(stub, frame(5, speculative_mask=mask))
            assert (oracle.violation is None) is is_right

    def test_a11_a_frame_that_no_tick_has_stepped_has_assumed_nothing(self) -> None:
        for mask, is_right in ((0, True), (1, False)):
            oracle = SpeculationNotes()
            oracle.committed(host(), frame(5, speculative_mask=mask))
            assert (oracle.violation is None) is is_right

    def test_o9_a_false_alarm_and_a_detector_that_never_compares(self) -> None:
        oracle = desync_detection()
        oracle.event(host(), DesyncDetected(1, 60, 31, "state.mix", "1", "2", True))
        assert "state.mix" in message(oracle)
        for comparisons, is_right in ((10, True), (0, False), (9, False)):
            oracle = desync_detection()
            oracle.after_tick(completed(602, comparisons), 1)
            oracle.finish()
            assert (oracle.violation is None) is is_right

    @pytest.mark.parametrize(
        ("checked", "located", "why"),
        [
            (60, 41, ""),
            (120, 41, "found here, due at frame 60"),
            (60, 31, "found here, due at frame 41"),
            (None, None, "never noticed"),
        ],
    )
    def test_o9_a_peer_that_diverges_is_noticed_at_its_frame(
        self, checked: int | None, located: int | None, why: str
    ) -> None:
        oracle = desync_detection(wrong=range(41, 200))
        oracle.committed_all(host(1), [frame(number) for number in range(130)])
        stub = completed(129, 2)
        oracle.after_tick(stub, 1)
        if checked is not None and located is not None:
            oracle.event(stub, DesyncDetected(1, checked, 1, "", "", "", False))
            oracle.event(stub, DesyncDetected(1, checked, located, "state.mix", "1", "2", True))
        oracle.finish()
        assert why in message(oracle) if why else oracle.violation is None

    def test_o9_a_peer_that_diverges_is_noticed_in_time(self) -> None:
        oracle = desync_detection(wrong=range(41, 200))
        oracle.committed_all(host(1), [frame(number) for number in range(130)])
        match = SimpleNamespace(window=8)
        late = 60 + 8 + oracle._round_trip_frames + 1
        for committed in (late - 1, late):
            assert oracle.violation is None
            oracle.after_tick(host(committed_frame=committed, match=match, links={1: None}), 1)
        assert "not noticed in time" in message(oracle)

    def test_o9_what_was_wrong_only_between_two_comparisons_need_not_be_noticed(self) -> None:
        oracle = desync_detection(wrong=range(41, 60))
        oracle.committed_all(host(1), [frame(number) for number in range(130)])
        oracle.after_tick(completed(129, 2), 1)
        oracle.finish()
        assert oracle.violation is None

    def test_o13_cuts_that_differ_and_a_cut_below_what_is_committed(self) -> None:
        oracle = DropAgreement()
        oracle.event(host(0), PlayersLeft((2,), (40,), (2,)))
        assert oracle.checks == 0, "there is nothing to compare it with"
        oracle.event(host(1), PlayersLeft((2,), (41,), (2,)))
        oracle.committed(host(0), frame(40))
        assert oracle.violation is None, "nobody has gone on in the odd view"
        oracle.committed(host(1), frame(40))
        assert message(oracle) == "players (2,) cut at (41,), others go on with players (2,) cut at (40,)"
        oracle = DropAgreement()
        oracle.committed(host(0), frame(40))
        oracle.event(host(1), PlayersLeft((2,), (40,), (2,)))
        oracle.committed(host(1), frame(40))
        assert "frame 40 is committed" in message(oracle)
        oracle = DropAgreement()
        oracle.committed(host(0), frame(39))
        for index in (0, 1):
            oracle.event(host(index), PlayersLeft((2,), (40,), (2,)))
            oracle.committed(host(index), frame(40 + index))
        assert oracle.violation is None
        assert oracle.checks == 1

    @pytest.mark.parametrize("goes_on", [True, False])
    def test_o13_two_decisions_of_one_epoch(self, goes_on: bool) -> None:
        oracle = DropAgreement()
        oracle.event(host(3), PlayersLeft((2,), (40,), (2,)))  # the first to decide, and it stays alone
        for index in (0, 1):
            oracle.event(host(index), PlayersLeft((3,), (40,), (3,)))
            oracle.committed(host(index), frame(41))
        assert oracle.violation is None
        for index in (0, 1):  # and a second loss, of which the odd one knows nothing
            oracle.event(host(index), PlayersLeft((2,), (50,), (2,)))
            oracle.committed(host(index), frame(51))
        assert oracle.violation is None
        assert oracle.checks == 3
        if goes_on:
            oracle.committed(host(3), frame(40))
            assert message(oracle) == "players (2,) cut at (40,), others go on with players (3,) cut at (40,)"

    def test_o13_two_views_entered_at_once(self) -> None:
        oracle = DropAgreement()
        views = [PlayersLeft((2,), (40,), (2,)), PlayersLeft((3,), (41,), (3,))]
        for view in views:  # when the host hears of the first, the session is in the second
            oracle.event(host(0, epoch=2), view)
        for epoch, view in enumerate(views, 1):
            oracle.event(host(1, epoch=epoch), view)
            oracle.committed(host(1), frame(39 + epoch))
        oracle.committed(host(0), frame(41))
        assert oracle.violation is None
        assert oracle.checks == 2

    @pytest.mark.parametrize(
        "what",
        [
            "states",
            "used",
            "outcomes",
            "queue",
            "rollback",
            "checksums",
            "checksum that was compared",
            "datagram",
        ],
    )
    def test_o14_whatever_grows_is_noticed(self, what: str) -> None:
        def sized(name: str) -> list[int]:
            return [0] * (100_000 if name == what else 10)

        timeline = SimpleNamespace(
            states=sized("states"), used=sized("used"), outcomes=sized("outcomes"), current=5
        )
        queues = [SimpleNamespace(actions=sized("queue"))]
        match = SimpleNamespace(timeline=timeline, window=8, queues=queues, committed=3)
        compared = 60 if what == "checksum that was compared" else 120
        exchange = SimpleNamespace(waiting=len(sized("checksums")), oldest=compared, agreed=60)
        stub = host(match=match, desync=SimpleNamespace(exchange=exchange))
        stub.peer.recorder = SimpleNamespace(pending_rollbacks={3 if what == "rollback" else 4: []})
        world = world_of("latency-lan")
        world.network.largest_datagram = 1_201 if what == "datagram" else 1_200
        oracle = Bounds(world)
        for _ in range(LOOK_EVERY):
            oracle.after_tick(stub, 1)
        assert what in message(oracle)

    @pytest.mark.parametrize(
        "events",
        [
            [Started(8), Started(8)],
            [Committed((frame(0),))],
            [Started(8), Resumed(1, 5)],
            [Started(8), Interrupted(1), Interrupted(1)],
            [Started(8), Ended(EndReason.COMPLETED, 5, None, ""), Committed((frame(6),))],
            [Started(8), Ended(EndReason.LEFT, 5, 0, ""), Ended(EndReason.COMPLETED, 5, None, "")],
        ],
    )
    def test_o16_events_out_of_order(self, events: list[Any]) -> None:
        oracle = EventOrder()
        for each in events:
            oracle.event(host(), each)
        assert oracle.violation is not None

    def test_o16_a_life_in_order(self) -> None:
        oracle = EventOrder()
        end = Ended(EndReason.COMPLETED, 5, None, "")
        for each in [Started(8), Interrupted(1), Resumed(1, 9), Interrupted(1), Committed((frame(0),)), end]:
            oracle.event(host(), each)
        assert oracle.violation is None


class TestQuality:
    def world(self, hosts: list[Any], now_us: int = 0) -> Any:
        world = build_world(load_scenario("latency-100ms"), "test", ())
        env = SimpleNamespace(now=now_us)
        paths = world.network.paths
        return SimpleNamespace(
            scenario=world.scenario,
            env=env,
            hosts=hosts,
            faults=SimpleNamespace(active=0),
            network=SimpleNamespace(paths=paths),
        )

    def test_o10_confirmation_that_stands_still_and_a_session_that_never_ends(self) -> None:
        stub = host(confirmed_frame=7, current_frame=9)
        world = self.world([stub])
        oracle = Progress(world)
        for second in range(20):
            world.env.now = second * 1_000_000
            stub.peer.session.confirmed_frame += 1
            oracle.after_tick(stub, 1)
        assert oracle.violation is None
        for second in range(20, 30):
            world.env.now = second * 1_000_000
            oracle.after_tick(stub, 0)
        assert "no input confirmed" in message(oracle)
        oracle = Progress(world)
        oracle.finish()
        assert "not ended" in message(oracle)

    def test_o11_confirmation_that_lags_more_than_the_path_explains(self) -> None:
        for confirmed, is_right in ((97, True), (96, False)):
            terms = SimpleNamespace(period_us=33_333)
            fields = {"current_frame": 101, "delay_frames": 2, "terms": terms}
            hosts = [host(index, confirmed_frame=confirmed, **fields) for index in (0, 1)]
            oracle = ConfirmationLag(self.world(hosts, now_us=9_000_000))
            assert oracle.applies
            oracle.after_tick(hosts[0], 1)
            assert oracle.checks == 1
            assert (oracle.violation is None) is is_right

    def test_o15_both_peers_made_to_wait(self) -> None:
        hosts = [host(index, play=SimpleNamespace(skipped_ticks=0)) for index in (0, 1)]
        world = self.world(hosts, now_us=9_000_000)
        oracle = TimeSyncTruce(world)
        assert oracle.applies
        hosts[0].peer.session.play.skipped_ticks = 1
        oracle.after_tick(hosts[0], 0)
        assert oracle.violation is None
        world.env.now += 500_000
        hosts[1].peer.session.play.skipped_ticks = 1
        oracle.after_tick(hosts[1], 0)
        assert message(oracle) == "both peers waited within one second"

    @pytest.mark.parametrize(("shown", "told"), [(0, ""), (1, "shown after 3 presented frames, delay 2")])
    def test_a19_a_press_that_is_shown_late(self, shown: int, told: str) -> None:
        queue = SimpleNamespace(last_action=3)
        timeline = SimpleNamespace(current=10, base=0, used=[(3,)] * 20)
        stub = host(
            input_end=12,
            delay_frames=2,
            local_players=(0,),
            match=SimpleNamespace(queues=[queue], timeline=timeline),
        )
        stub.peer.presented_frames = 0
        oracle = Responsiveness()
        for _ in range(3):
            oracle.before_tick(stub)
            stub.peer.session.input_end += 1
            timeline.current += 1
            oracle.after_tick(stub, 1)
            stub.peer.presented_frames += 1 + shown * (timeline.current == 12)
        assert (oracle.violation.message if oracle.violation else "") == told

    def test_a19_a_press_that_is_not_what_is_shown(self) -> None:
        timeline = SimpleNamespace(current=10, base=0, used=[(2,)] * 20)
        stub = host(
            input_end=12,
            delay_frames=2,
            local_players=(0,),
            match=SimpleNamespace(queues=[SimpleNamespace(last_action=3)], timeline=timeline),
        )
        stub.peer.presented_frames = 0
        oracle = Responsiveness()
        for _ in range(3):
            oracle.before_tick(stub)
            stub.peer.session.input_end += 1
            timeline.current += 1
            oracle.after_tick(stub, 1)
            stub.peer.presented_frames += 1
        assert message(oracle) == "shown (2,), pressed (3,)"

    def test_a12_ends_that_differ(self) -> None:
        for last, is_right in ((50, True), (49, False)):
            hosts = [
                host(index, ended=Ended(EndReason.COMPLETED, 50 if index else last, None, ""))
                for index in (0, 1)
            ]
            oracle = SameEnd(self.world(hosts))
            oracle.finish()
            assert (oracle.violation is None) is is_right


class TestData:
    def verdict(self, spoil: Any) -> dict[str, bool]:
        scenario = load_scenario("latency-lan")
        world = build_world(scenario, "test", ())
        data = run_scenario(scenario, oracles=False).data
        entries, _ = verdict_of_data(world, spoil(data))
        return {entry["id"]: entry["ok"] for entry in entries}

    def test_tables_as_they_are(self) -> None:
        assert self.verdict(lambda data: data) == {"D1": True, "D2": True}

    def test_d1_one_cell_of_one_peer(self) -> None:
        def spoil(data: SessionData) -> SessionData:
            texts = list(data.shared_csv)
            texts[1] = texts[1].replace("true", "false", 1)
            return SessionData(data.frames, texts, data.local_rows)

        assert not self.verdict(spoil)["D1"]

    def test_d2_the_same_cell_of_both(self) -> None:
        def spoil(data: SessionData) -> SessionData:
            texts = [text.replace("0.0", "1.0", 1) for text in data.shared_csv]
            return SessionData(data.frames, texts, data.local_rows)

        assert self.verdict(spoil) == {"D1": True, "D2": False}

    def test_d2_a_table_that_lacks_the_last_row_of_its_frames(self) -> None:
        def spoil(data: SessionData) -> SessionData:
            texts = [text[: text.rindex("\n", 0, -1) + 1] for text in data.shared_csv]
            return SessionData(data.frames, texts, data.local_rows)

        assert self.verdict(spoil) == {"D1": True, "D2": False}

    def test_d3_recorders_that_all_lose_the_last_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        takes = Recorder.take_shared
        monkeypatch.setattr(Recorder, "take_shared", lambda recorder: takes(recorder)[:-4])
        table = run_scenario(load_scenario("latency-lan")).table
        broken = [oracle for oracle in table["oracles"] if not oracle["ok"]]
        assert [oracle["id"] for oracle in broken] == ["D3"], "D1 and D2 see equal tables, and a true replay"
        assert "the shared table has" in broken[0]["violation"]["message"]

    @pytest.mark.parametrize(
        ("what", "why"),
        [
            ("", ""),
            ("frame", "the shared table has"),
            ("committed", "frames were told"),
            ("rollbacks", "rollbacks, "),
            ("row", "the local table has"),
            ("told", "the local table has"),
            ("speculative", "the local table has"),
        ],
    )
    def test_d3_tables_that_are_not_what_was_told(self, what: str, why: str) -> None:
        row = FrameOutcome(0, 0, (0, 0), (0.0, 0.0), (False, False), (False, False), ((), ()), 0)
        told = [
            frame(0),
            *(frame(number, outcome=row._replace(t=number - 1), speculative_mask=2) for number in (1, 2, 3)),
        ]
        rollbacks = [RolledBack(2, 1, 1, 0, 1), RolledBack(2, 2, 1, 0, 1)]
        counts = {"committed": 3, "rollbacks": 2}
        counts |= {what: 5} if what in counts else {}
        stub = host(match=SimpleNamespace(**counts))
        oracle = TablesTold()
        for rollback in rollbacks:
            oracle.event(stub, rollback)
        oracle.committed_all(stub, told)
        texts = ["", "1:1:0:1;2:1:0:1", ""]
        rows: list[tuple[Any, ...]] = [
            (number, 0, number - 1, False, True, texts[number - 1], 5, "") for number in (1, 2, 3)
        ]
        if what == "row":
            del rows[-1]
        elif what == "told":
            rows[1] = (*rows[1][:5], "1:1:0:1", *rows[1][6:])
        elif what == "speculative":
            rows[0] = (*rows[0][:3], True, *rows[0][4:])
        kept = [told[0], told[2]] if what == "frame" else told
        world = SimpleNamespace(hosts=[stub], is_another_session=False)
        oracle.compare(world, SessionData([kept], [""], [[("header",), *rows]]))  # type: ignore[arg-type]
        assert oracle.checks == 4
        assert why in message(oracle) if why else oracle.violation is None


@pytest.mark.parametrize(
    ("law", "bug", "scenario", "told"),
    [
        ("O7", "loads-the-present", "latency-100ms", "1 loads in a tick with 0 rollbacks"),
        ("O10-rate", "window-not-kept", "latency-over-window", "frames in"),
        ("O15-skip", "waits-for-nobody", "drift-fast-timer", "are owed, and none was left out"),
        ("O16-silence", "silence-not-excused", SILENCED, "was silent for"),
        ("O18", "foreign-tag-accepted", "hostile-datagrams", "a foreign datagram"),
        ("O23", "retransmission-starved", "loss-busy-control", "was not sent again for"),
        ("O23", "stale-items-not-acknowledged", "loss-busy-control", "were not acknowledged"),
        ("A19", "delay-never-falls", "delay-down-both", "frames ahead, delay"),
    ],
)
def test_a_law_of_what_goes_through_the_doors(law: str, bug: str, scenario: str, told: str) -> None:
    """These look at so much of a peer that a sick one is easier to make than a stub."""
    with planted(bug):
        table = run_scenario(load_scenario(scenario)).table
    [found] = [oracle for oracle in table["oracles"] if oracle["id"] == law]
    assert not found["ok"]
    assert told in found["violation"]["message"]


def test_o10_peers_that_do_not_agree_to_play_though_nothing_disturbs_them() -> None:
    with planted("newest-echo-only"):
        table = run_scenario(load_scenario("latency-window-by-rtt", overrides=["network.delay_ms=100"])).table
    [found] = [oracle for oracle in table["oracles"] if oracle["id"] == "O10"]
    assert "did not agree to play" in found["violation"]["message"]


def test_o10_stalls_that_the_network_does_not_explain() -> None:
    slow, fast = (load_scenario(name) for name in ("latency-over-window", "latency-lan"))
    oracles: list[FullRate] = []

    class Feeder:
        def after_tick(self, host: Any, played: int) -> None:
            for oracle in oracles:
                oracle.after_tick(host, played)

        def events(self, host: Any, events: list[Any]) -> None:
            pass

    world = build_world(slow, "test", (Feeder(),))
    oracles += [FullRate(world), FullRate(dataclasses.replace(world, scenario=fast))]
    play(world)
    for oracle in oracles:
        oracle.finish()
    right, wrong = oracles
    assert right.violation is None
    assert right.checks > 100
    assert "stalls, though window and delay cover the network" in message(wrong)


def test_o12_an_accusation() -> None:
    oracle = Attribution(desync_detection())
    oracle.event(host(), Committed((frame(0), frame(1))))
    assert (oracle.violation, oracle.checks) == (None, 2)
    oracle.event(host(), DesyncAttributed(60, (2,)))
    assert message(oracle) == "peers (2,) are accused"


@pytest.mark.parametrize(
    ("named", "why"),
    [((1,), ""), ((0, 2), "peers (0, 2) are accused"), ((), "peers [1] differ and were not named")],
)
def test_o12_the_one_that_diverges_is_named(named: tuple[int, ...], why: str) -> None:
    desyncs = desync_detection(wrong=range(41, 200))
    desyncs.committed_all(host(1), [frame(number) for number in range(130)])
    oracle = Attribution(desyncs)
    for index in range(3):
        stub = completed(129, 2, index)
        oracle.event(stub, Committed((frame(0),)))
        if named:
            oracle.event(stub, DesyncAttributed(60, named))
    oracle.finish()
    assert message(oracle) == why if why else oracle.violation is None


def test_every_law_of_a_run_has_its_negative_control_here() -> None:
    watch = OracleWatch()
    watch.begin(build_world(load_scenario("latency-lan"), "test", ()))
    tested = {
        *(PrefixAgreement, Provenance, Reference, Immutability, Mispredictions, SpeculationNotes),
        *(TickPlan, DesyncDetection, Attribution, DropAgreement, Bounds, EventOrder),
        *(Silence, HostileBytes, ReliableItems),
        *(Progress, FullRate, ConfirmationLag, Responsiveness, SameEnd, TimeSyncTruce, OwedSkips),
        TablesTold,
    }
    assert {type(oracle) for oracle in watch.oracles} == tested
    page = (ROOT / "docs" / "what-we-check.md").read_text("utf-8")
    told = set(re.findall(r"[ADO]\d[\w-]*", page))
    assert {oracle.id for oracle in watch.oracles} <= told

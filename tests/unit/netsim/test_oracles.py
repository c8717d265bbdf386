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
from netsim.oracles_bounds import LOOK_EVERY, OF_CONTAINERS, TAKEN_BY_THE_HOST, Bounds, _Kept
from netsim.oracles_desync import Attribution, DesyncDetection
from netsim.oracles_doors import Deadlines, EventOrder, HostileBytes, ReliableItems, Silence, TickPlan
from netsim.oracles_quality import (
    ConfirmationLag,
    FullRate,
    Progress,
    Responsiveness,
    SameEnd,
)
from netsim.oracles_safety import (
    DropAgreement,
    Immutability,
    PrefixAgreement,
    Provenance,
    Reference,
)
from netsim.oracles_sizes import SizedToTheNetwork
from netsim.oracles_speculation import Mispredictions, SpeculationNotes
from netsim.oracles_time_sync import FrameGap, OwedSkips, TimeSyncTruce
from netsim.planted import planted
from netsim.run import play, run_scenario
from netsim.shared_data import SessionData, TablesTold, verdict_of_data
from netsim.watch import OracleWatch
from netsim.world import World, build_world, make_match
from netsim.wrong_game import ROW, WrongGame
from rollback_core.episodes import PLAYING
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
from rollback_core.link import NO_HEAD
from rollback_core.play import COMMIT_BATCH
from rollback_core.recorder import Recorder
from scenarios.load import load_scenario
from scenarios.scenario import Event, HostSetup

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


def drifting(kind: str, drift_ppm: int, delays_ms: tuple[int, int]) -> World:
    """Two peers, the first of which has a clock that is so much too fast; the second comes late."""
    scenario = load_scenario("latency-100ms")
    paths = tuple(
        dataclasses.replace(path, link=dataclasses.replace(path.link, delay_us=1_000 * delay_ms))
        for path, delay_ms in zip(scenario.network.paths, delays_ms, strict=True)
    )
    scenario = dataclasses.replace(
        scenario,
        network=dataclasses.replace(scenario.network, paths=paths),
        session=dataclasses.replace(scenario.session, time_sync=kind),
        hosts=(HostSetup(clock_drift_ppm=drift_ppm), HostSetup(start_us=900_000)),
    )
    return build_world(scenario, "test", ())


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


def completed(
    last: int, comparisons: int, index: int = 0, others: Iterable[int] | None = None, **exchange: Any
) -> Any:
    """A host whose session was played to its end, with these partners (one other), who all were as well."""
    partners = [1 - index % 2] if others is None else others
    known = {"comparisons": comparisons, "oldest": None, "agreed": last, "is_clean": False}
    return host(
        index,
        epoch=0,
        ended=Ended(EndReason.COMPLETED, last, None, ""),
        life=SimpleNamespace(is_running=False),
        committed_frame=last,
        links={
            peer: SimpleNamespace(peer=peer, is_done=True, is_member=True, control=SimpleNamespace(pending=0))
            for peer in partners
        },
        match=SimpleNamespace(timeline=SimpleNamespace(base=0)),
        desync=SimpleNamespace(exchange=SimpleNamespace(**{**known, **exchange})),
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

    def test_o9_a_false_alarm(self) -> None:
        oracle = desync_detection()
        oracle.event(host(), DesyncDetected(1, 60, 31, "state.mix", "1", "2", True))
        assert "state.mix" in message(oracle)

    @pytest.mark.parametrize(
        ("comparisons", "more", "why"),
        [
            (11, {}, ""),
            (10, {}, "10 comparisons, at least 11 were due"),
            (0, {}, "0 comparisons"),
            (11, {"oldest": 60}, "not compared with everyone"),
            (11, {"agreed": 600}, "not compared at the end"),
        ],
    )
    def test_o9_a_detector_that_never_compares(
        self, comparisons: int, more: dict[str, int], why: str
    ) -> None:
        for has_left in (False, True):  # of two partners one, whom nothing is due from then
            oracle = desync_detection()
            stub = completed(602, comparisons, others=(1, 2) if has_left else (1,), **more)
            if has_left:
                stub.peer.session.links[2].is_member = stub.peer.session.links[2].is_done = False
            oracle.after_tick(stub, 1)
            oracle.finish()
            assert why in message(oracle) if why else oracle.violation is None

    def test_o9_of_a_session_that_was_not_played_to_its_end_no_number_is_due(self) -> None:
        for change in ("ended", "is_done"):
            oracle = desync_detection()
            stub = completed(602, 0)
            if change == "ended":
                stub.peer.session.ended = Ended(EndReason.LEFT, 602, None, "")
            else:
                stub.peer.session.links[1].is_done = False
            oracle.after_tick(stub, 1)
            oracle.finish()
            assert oracle.violation is None

    @pytest.mark.parametrize(
        ("checked", "located", "why"),
        [
            (60, 41, ""),
            (120, 41, "found here, due at frame 60"),
            (60, 31, "found here, due at frame 41"),
            (None, 41, "located, but never told before"),
            (None, None, "never noticed"),
        ],
    )
    def test_o9_a_peer_that_diverges_is_noticed_at_its_frame(
        self, checked: int | None, located: int | None, why: str
    ) -> None:
        oracle = desync_detection(wrong=range(41, 200))
        oracle.committed_all(host(1), [frame(number) for number in range(130)])
        stub = completed(129, 3)
        oracle.after_tick(stub, 1)
        if checked is not None:
            oracle.event(stub, DesyncDetected(1, checked, 1, "", "", "", False))
        if located is not None:
            oracle.event(stub, DesyncDetected(1, checked or 60, located, "state.mix", "1", "2", True))
        oracle.finish()
        assert why in message(oracle) if why else oracle.violation is None

    @pytest.mark.parametrize(
        "excuse", ["", "its partner has not noticed", "something is on its way", "the frame is gone"]
    )
    def test_o9_both_notice_and_never_find_out_where(self, excuse: str) -> None:
        oracle = desync_detection(wrong=range(41, 200))
        oracle.committed_all(host(1), [frame(number) for number in range(130)])
        pair = completed(129, 3), completed(129, 3, 1)
        for stub in pair:
            oracle.after_tick(stub, 1)
        oracle.event(pair[0], DesyncDetected(1, 60, 1, "", "", "", False))
        if excuse != "its partner has not noticed":
            oracle.event(pair[1], DesyncDetected(0, 60, 1, "", "", "", False))
        if excuse == "something is on its way":
            pair[1].peer.session.links[0].control.pending = 1
        if excuse == "the frame is gone":
            pair[1].peer.session.match.timeline.base = 42
        if excuse:
            assert not oracle._can_be_located(0, 1)
        else:
            oracle.finish()
            assert message(oracle) == "peer 1 differs, never located"

    def test_o9_a_peer_that_diverges_is_noticed_and_located_in_time(self) -> None:
        for is_noticed in (False, True):
            oracle = desync_detection(wrong=range(41, 200))
            oracle.committed_all(host(1), [frame(number) for number in range(130)])
            if is_noticed:
                oracle.event(host(), DesyncDetected(1, 60, 1, "", "", "", False))
            match = SimpleNamespace(window=8)
            late = 60 + 8 + oracle._round_trip_frames * (1 + is_noticed) + COMMIT_BATCH
            for committed in (late - 1, late):
                assert oracle.violation is None
                oracle.after_tick(host(committed_frame=committed, match=match, links={1: None}), 1)
            assert f"not {'located' if is_noticed else 'noticed'} in time" in message(oracle)

    def test_o9_what_was_wrong_only_between_two_comparisons_need_not_be_noticed(self) -> None:
        oracle = desync_detection(wrong=range(41, 60))
        oracle.committed_all(host(1), [frame(number) for number in range(130)])
        oracle.after_tick(completed(129, 3), 1)
        oracle.finish()
        assert oracle.violation is None

    def test_o9_is_told_what_runs_commit(self) -> None:
        """A law that asks for nothing holds always: a calm run with a wrong peer puts it to the test."""
        scenario = load_scenario("latency-lan", overrides=("game.max_steps=150",))
        wrong = Event(at_us=1_000_000, kind="diverge", peers=(1,))
        run = run_scenario(dataclasses.replace(scenario, events=(wrong,), expect=()), build="laws")
        [told] = [oracle for oracle in run.table["oracles"] if oracle["id"] == "O9"]
        assert told["ok"]
        assert told["room"] is not None

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


class TestBounds:
    """Of a session that is played for two seconds, and then has too much of something."""

    def played(self, name: str = "drop-one-of-four") -> World:
        world = world_of(name)
        world.env.run(until=2_000_000)
        return world

    def looked(self, world: World) -> Bounds:
        oracle = Bounds(world)
        for _ in range(LOOK_EVERY):
            oracle.after_tick(world.hosts[0], 1)
        return oracle

    def test_o14_every_container_has_its_bound_and_is_noticed_when_it_grows(self) -> None:
        world = self.played()
        assert self.looked(world).violation is None
        kept = _Kept(world.hosts[0].peer, 0, 0)
        names = [name for name, _, _ in kept.places]
        assert {"Match._kept", "ControlStream._pending", "InputQueue.changes", "Membership.votes"} <= set(
            names
        )
        for name, owner, slot in kept.places:
            if name in TAKEN_BY_THE_HOST:
                continue
            whole = getattr(owner, slot)
            more: Any = range(100_000)
            if name in OF_CONTAINERS:
                more = [more]
            grown = dict(enumerate(more)) if type(whole) is dict else type(whole)(more)
            setattr(owner, slot, grown)
            try:
                oracle = Bounds(world)
                oracle._look(world.hosts[0], 400)
                assert name in message(oracle)
            finally:
                setattr(owner, slot, whole)

    def test_o14_what_is_kept_and_has_no_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("netsim.oracles_bounds.TAKEN_BY_THE_HOST", frozenset())
        assert "Peer.events: no bound is known for it" in message(self.looked(self.played()))

    def test_o14_what_is_done_with_and_still_there(self) -> None:
        world = self.played()
        peer = world.hosts[0].peer
        peer.recorder.pending_rollbacks = {peer.session.committed_frame: []}
        assert message(self.looked(world)) == "a rollback is still noted"
        world = self.played()
        exchange = world.hosts[0].peer.session.desync.exchange
        exchange._mine[exchange.agreed] = b""
        assert message(self.looked(world)) == "a checksum that was compared is still kept"

    def test_o14_a_datagram_too_large(self) -> None:
        world = self.played()
        world.network.largest_datagram = 1_201
        assert message(self.looked(world)) == "datagram of 1201 bytes"

    def test_o14_inputs_that_are_not_acknowledged(self) -> None:
        for behind, is_right in ((2 * (8 + 12 + 1), True), (2 * (8 + 12 + 1) + 1, False)):
            world = self.played()
            session = world.hosts[0].peer.session
            session.links[1].acked = session.input_end - behind
            oracle = self.looked(world)
            assert (oracle.violation is None) is is_right
            assert is_right or "inputs unacknowledged, bound 42" in message(oracle)

    @pytest.mark.parametrize(
        ("figure", "by", "told"),
        [("sent_datagrams", 150, "datagrams at 64 ticks"), ("sent_bytes", 150_000, "bytes at 64 ticks")],
    )
    def test_o14_more_is_sent_than_the_rules_of_sending_make(self, figure: str, by: int, told: str) -> None:
        world = self.played()
        oracle = self.looked(world)
        link = world.hosts[0].peer.session.links[1]
        for _ in range(LOOK_EVERY):
            oracle.after_tick(world.hosts[0], 1)
        assert oracle.violation is None
        setattr(link, figure, getattr(link, figure) + by)
        oracle._look(world.hosts[0], 400)
        assert told in message(oracle)

    def test_o14_peers_that_tick_in_turn_are_all_looked_at(self) -> None:
        world = self.played()
        oracle = Bounds(world)
        for _ in range(LOOK_EVERY):
            for each in world.hosts:
                oracle.after_tick(each, 1)
        assert {peer for peer, _ in oracle._kept} == {0, 1, 2, 3}


class TestSilence:
    """Interrupted after 500 ms, given up after 2 s; one poll every 100 ms."""

    def run(self, told: dict[int, Any], *, until_ms: int, heard_ms: int = 0, **link: Any) -> Silence:
        world = world_of("latency-lan")
        terms = dataclasses.replace(world.terms, interrupt_us=500_000, reconnect_limit_us=2_000_000)
        fields = {"peer": 1, "received": 0, "is_member": True, "is_done": False, "expected_head": b"head"}
        partner = SimpleNamespace(**{**fields, **link})
        stub = host(links={1: partner})
        oracle = Silence(dataclasses.replace(world, terms=terms))
        stub.local_now_us = lambda: 0
        oracle.event(stub, Started(8))
        for now_ms in range(100, until_ms + 1, 100):
            stub.local_now_us = lambda now_ms=now_ms: now_ms * 1_000
            partner.received += now_ms <= heard_ms
            oracle.after_tick(stub, 1)
            if now_ms in told:
                oracle.event(stub, told[now_ms])
        return oracle

    @pytest.mark.parametrize(("told_ms", "is_right"), [(500, True), (600, False), (9_000, False)])
    def test_o16_an_interruption_that_comes_late_or_never(self, told_ms: int, is_right: bool) -> None:
        oracle = self.run({told_ms: Interrupted(1)}, until_ms=1_000)
        assert (oracle.violation is None) is is_right
        if not is_right:
            assert "silent for 500 ms and was not told silent" in message(oracle)

    def test_o16_an_interruption_that_comes_early(self) -> None:
        assert self.run({500: Interrupted(1)}, until_ms=500).violation is None
        # It may have come just after the poll before; and two ticks of the scenario, 33 ms, are allowed.
        assert self.run({500: Interrupted(1)}, until_ms=500, heard_ms=100).violation is None
        assert "silent for 433 ms at most" in message(
            self.run({500: Interrupted(1)}, until_ms=500, heard_ms=200)
        )

    @pytest.mark.parametrize(("until_ms", "is_right"), [(2_000, True), (2_100, False)])
    def test_o16_a_partner_that_is_never_given_up(self, until_ms: int, is_right: bool) -> None:
        oracle = self.run({500: Interrupted(1)}, until_ms=until_ms)
        assert (oracle.violation is None) is is_right
        if not is_right:
            assert "silent for 2000 ms and was not given up" in message(oracle)

    def test_o16_a_resumption_without_a_word(self) -> None:
        oracle = self.run({500: Interrupted(1), 700: Resumed(1, 700)}, until_ms=800)
        assert "was not told silent" in message(oracle)

    @pytest.mark.parametrize("link", [{"is_member": False}, {"is_done": True}, {"expected_head": NO_HEAD}])
    def test_o16_who_is_out_or_done_or_voted_against_is_not_waited_for(self, link: dict[str, Any]) -> None:
        assert self.run({}, until_ms=9_000, **link).violation is None

    def test_o16_a_peer_that_was_away_itself_has_not_listened(self) -> None:
        world = world_of("latency-lan")
        fields = {"peer": 1, "received": 0, "is_member": True, "is_done": False, "expected_head": b"head"}
        stub = host(links={1: SimpleNamespace(**fields)})
        oracle = Silence(world)
        away_us = world.terms.interrupt_us + 1
        for now_us in (0, away_us, 2 * away_us, 3 * away_us):
            stub.local_now_us = lambda now_us=now_us: now_us
            oracle.after_tick(stub, 1)
        assert oracle.violation is None


class TestQuality:
    def world(self, hosts: list[Any], now_us: int = 0) -> Any:
        world = build_world(load_scenario("latency-100ms"), "test", ())
        env = SimpleNamespace(now=now_us)
        paths = world.network.paths
        return SimpleNamespace(
            scenario=world.scenario,
            terms=world.terms,
            env=env,
            hosts=hosts,
            faults=SimpleNamespace(active=0),
            network=SimpleNamespace(paths=paths),
        )

    def still(self, index: int = 0, *, partners: int = 1, **session: Any) -> Any:
        """A host whose session neither confirms nor commits, unless somebody counts that up."""
        match = SimpleNamespace(confirmed=7, committed=7)
        others = [other for other in range(partners + 1) if other != index]
        links = {other: SimpleNamespace(peer=other, is_member=True, is_interrupted=False) for other in others}
        return host(index, **{"match": match, "links": links, "current_frame": 9, **session})

    def test_o10_progress_that_stops_and_a_session_that_never_ends(self) -> None:
        hosts = [self.still(index) for index in (0, 1)]
        for stops in ("confirmed", "committed"):
            world = self.world(hosts)
            oracle = Progress(world)
            for second in range(30):
                world.env.now = second * 1_000_000
                match = hosts[0].peer.session.match
                match.confirmed += second < 20 or stops != "confirmed"
                match.committed += second < 20 or stops != "committed"
                oracle.after_tick(hosts[0], 1)
                assert second > 20 or oracle.violation is None
            assert "no input confirmed and committed for 5 s" in message(oracle)
            assert oracle.checks == 20
        oracle = Progress(world)
        oracle.finish()
        assert "not ended" in message(oracle)

    @pytest.mark.parametrize("what", ["gone", "cut", "other view", "left", "agreeing", "hidden"])
    def test_o10_survivors_progress_or_end_once_a_loss_must_be_decided(self, what: str) -> None:
        """Two votes at most, of three, and each takes the reconnect limit at most."""
        hosts = [self.still(index, partners=2) for index in range(3)]
        world = self.world(hosts)
        setup = dataclasses.replace(
            world.scenario.session, reconnect_limit_us=3_000_000, pause_on_hidden=what == "hidden"
        )
        world.scenario = dataclasses.replace(
            world.scenario, hosts=world.scenario.hosts[:1] * 3, session=setup, events=()
        )
        latest_s = 5 + 2 * 3
        for other in hosts:
            other.is_hidden = what == "hidden"
        match what:
            case "gone":
                hosts[2].is_running = False
            case "cut":
                world.network.paths[1, 0].blocks = 1
            case "other view":
                hosts[2].peer.session.epoch = 2
            case "left":
                hosts[0].peer.session.links[2].is_member = False
                hosts[2].is_running = False
                latest_s = 5
            case "agreeing":
                hosts[2].peer.session.state = State.HANDSHAKE
        oracle = Progress(world)
        oracle.event(hosts[0], Started(8))
        for second in range(latest_s + 2):
            assert oracle.violation is None, second
            world.env.now = second * 1_000_000
            oracle.after_tick(hosts[0], 0)
        if what in ("agreeing", "hidden"):
            assert oracle.violation is None
        else:
            assert f"for {latest_s} s" in message(oracle)

    def test_o10_a_fault_gives_time_and_so_does_news_of_the_view(self) -> None:
        hosts = [self.still(index) for index in (0, 1)]
        world = self.world(hosts)
        fault = Event(at_us=2_000_000, kind="blackout", for_us=6_000_000, paths=("0->1",))
        world.scenario = dataclasses.replace(world.scenario, events=(fault,))
        oracle = Progress(world)
        for second in range(30):
            world.env.now = second * 1_000_000
            if second == 10:
                oracle.event(hosts[1], PlayersLeft((2,), (4,), (2,)))
            oracle.after_tick(hosts[0], 0)
            # Over at 8 s, then three to settle, and five.
            assert (oracle.violation is None) is (second <= 16), second

    @pytest.mark.parametrize("trouble", ["interrupted", "queued"])
    def test_o10_five_seconds_count_from_when_all_hear_what_is_new(self, trouble: str) -> None:
        """A burst of loss, or old hellos that fill a thin path."""
        hosts = [self.still(index) for index in (0, 1)]
        world = self.world(hosts)
        oracle = Progress(world)
        for tenth in range(400):
            world.env.now = tenth * 100_000
            if trouble == "interrupted":
                hosts[1].peer.session.links[0].is_interrupted = tenth < 200
            else:
                world.network.paths[1, 0].link._busy_until_ns = 20_000_000_000 + 3_000_000_000
            oracle.after_tick(hosts[0], 0)
            limit = 250 if trouble == "interrupted" else 280
            assert (oracle.violation is None) is (tenth < limit), tenth

    @pytest.mark.parametrize(
        ("confirmed", "committed", "told"),
        [
            (97, 90, ""),
            (96, 91, "4 frames unconfirmed, bound 3"),
            (97, 89, "11 frames uncommitted, bound 10"),
        ],
    )
    def test_o11_what_lags_more_than_the_path_explains(
        self, confirmed: int, committed: int, told: str
    ) -> None:
        hosts = [self.playing(index, confirmed, committed) for index in (0, 1)]
        oracle = ConfirmationLag(self.world(hosts, now_us=9_000_000))
        oracle.after_tick(hosts[0], 1)
        assert oracle.checks == 1
        assert (oracle.violation.message if oracle.violation else "") == told

    @pytest.mark.parametrize(
        ("committed", "epoch", "is_right"), [(68, 0, True), (67, 0, False), (67, 1, True)]
    )
    def test_o11_nobody_commits_whatever_is_lost(self, committed: int, epoch: int, is_right: bool) -> None:
        """Two windows of 8, the longest delay of 12, and a batch of 4."""
        hosts = [self.playing(index, 93, committed, epoch) for index in (0, 1)]
        oracle = ConfirmationLag(self.world(hosts, now_us=0))
        oracle.after_tick(hosts[0], 1)
        assert (oracle.violation is None) is is_right

    def playing(self, index: int, confirmed: int, committed: int, epoch: int = 0) -> Any:
        """A host at frame 101 with a delay of 2 frames."""
        match = SimpleNamespace(
            timeline=SimpleNamespace(current=101), window=8, confirmed=confirmed, committed=committed
        )
        play = SimpleNamespace(delay_frames=2)
        return host(index, match=match, play=play, current_frame=101, epoch=epoch)

    @pytest.mark.parametrize(
        ("kind", "drift_ppm", "delays_ms", "ahead", "is_right"),
        [
            ("window", 0, (100, 100), (4, 0), True),  # three and a tick
            ("window", 0, (100, 100), (5, 0), False),
            ("window", 0, (200, 100), (5, 0), True),  # half of three frames' asymmetry more
            ("window", 0, (200, 100), (0, 3), False),
            ("speed", 0, (100, 100), (1, 0), True),
            ("speed", 0, (100, 100), (2, 0), False),
            ("speed", 20_000, (100, 100), (2, 0), True),
            ("skip", 20_000, (100, 100), (9, 0), True),  # six in an interval of 240 ticks and a mean of 40
            ("skip", 20_000, (100, 100), (10, 0), False),
        ],
    )
    def test_o15_a_gap_that_time_sync_should_have_closed(
        self, kind: str, drift_ppm: int, delays_ms: tuple[int, int], ahead: tuple[int, int], is_right: bool
    ) -> None:
        world = drifting(kind, drift_ppm, delays_ms)
        oracle = FrameGap(world)
        assert oracle.applies
        for settled in (False, True):
            self.play_on(world, oracle, 2_000 * settled, ahead)
            assert (oracle.violation is None) is (is_right or not settled)
            assert oracle.checks == 2 * settled

    def play_on(self, world: World, oracle: FrameGap, frame: int, ahead: tuple[int, int]) -> None:
        for each, frames in zip(world.hosts, ahead, strict=True):
            session = each.peer.session
            session.life.is_running = True
            session.match.timeline.game.phase = PLAYING
            session.match.timeline.current = frame + frames
        for each in world.hosts:
            oracle.after_tick(each, 1)

    @pytest.mark.parametrize(
        ("kind", "drift_ppm", "levelled_at"),
        [
            ("skip", 0, 2 * 297 + 2 * 11 + 7),  # nine frames in 240 ticks, a mean of 40, and the news
            ("skip", 20_000, 4 * 297 + 2 * 11 + 7),  # three, less the drift
            ("window", 20_000, 109 + 2 * 11 + 7),
            ("speed", 0, 11 * 1000 // 60 + 200 + 7),
            ("speed", 20_000, 11 * 1000 // 40 + 200 + 7),
        ],
    )
    def test_o15_what_lies_between_the_peers_at_first_is_levelled_against_the_drift(
        self, kind: str, drift_ppm: int, levelled_at: int
    ) -> None:
        world = drifting(kind, drift_ppm, (100, 100))
        oracle = FrameGap(world)
        self.play_on(world, oracle, 0, (0, 10))
        self.play_on(world, oracle, levelled_at - 1, (0, 0))
        assert oracle.checks == 0
        self.play_on(world, oracle, levelled_at, (0, 0))
        assert oracle.checks == 2

    @pytest.mark.parametrize(
        ("kind", "drift_ppm", "applies"),
        [("skip", 26_000, True), ("skip", 27_000, False), ("speed", 59_999, True), ("speed", 60_000, False)],
    )
    def test_o15_clocks_that_differ_by_more_than_the_rule_can_take_off(
        self, kind: str, drift_ppm: int, applies: bool
    ) -> None:
        assert FrameGap(drifting(kind, drift_ppm, (100, 100))).applies is applies

    def test_o15_a_stall_levels_in_its_own_way(self) -> None:
        world = world_of("latency-100ms")
        oracle = FrameGap(world)
        for each in world.hosts:
            each.peer.session.life.is_running = True
            each.peer.session.match.timeline.game.phase = PLAYING
            each.peer.session.match.timeline.current = 2_000
        world.hosts[0].peer.session.match.timeline.current += 9
        world.hosts[1].peer.session.play.stalled_ticks = 1
        for _ in range(2):  # at the stall, and from there on
            oracle.after_tick(world.hosts[0], 1)
        assert (oracle.violation, oracle.checks) == (None, 0)
        world.hosts[0].peer.session.match.timeline.current += 1_000
        oracle.after_tick(world.hosts[0], 1)
        assert "1009 frames ahead, bound 4.0" in message(oracle)

    @pytest.mark.parametrize(
        ("drift_ppm", "rounds", "apart_us", "is_right"),
        [
            (0, (0, 0), 500_000, False),
            (0, (0, 0), 9_000_000, False),  # nothing has turned the lead
            (0, (0, 1), 500_000, True),
            (90, (2, 2), 999_999, False),
            (90, (2, 2), 1_000_000, True),
        ],
    )
    def test_o15_both_peers_made_to_wait(
        self, drift_ppm: int, rounds: tuple[int, int], apart_us: int, is_right: bool
    ) -> None:
        hosts = [
            host(
                index,
                play=SimpleNamespace(skipped_ticks=0),
                match=SimpleNamespace(timeline=SimpleNamespace(game=SimpleNamespace(episode=rounds[index]))),
            )
            for index in (0, 1)
        ]
        world = self.world(hosts, now_us=9_000_000)
        setups = (HostSetup(clock_drift_ppm=drift_ppm, start_us=500_000), HostSetup())
        world.scenario = dataclasses.replace(world.scenario, hosts=setups)
        oracle = TimeSyncTruce(world)
        assert oracle.applies
        hosts[0].peer.session.play.skipped_ticks = 1
        oracle.after_tick(hosts[0], 0)
        assert oracle.violation is None
        world.env.now += apart_us
        hosts[1].peer.session.play.skipped_ticks = 1
        oracle.after_tick(hosts[1], 0)
        assert oracle.checks == 2
        if is_right:
            assert oracle.violation is None
        else:
            assert message(oracle) == f"both peers waited, {apart_us / 1e6:.2f} s apart"

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
        ("O14", "kept-frames-never-forgotten", "latency-lan", "Match._kept"),
        ("O15-gap", "time-sync-off", "drift-fast-timer", "frames ahead, bound"),
        ("O15-skip", "waits-for-nobody", "drift-fast-timer", "are owed, and none was left out"),
        ("O16-deadline", "lingers-too-long", "drop-leave", "closed after 2313 ms, limit 2000 ms"),
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


@pytest.mark.parametrize("is_cut", [True, False])
def test_o10_an_attacker_excuses_from_ending_only_where_the_way_is_cut(is_cut: bool) -> None:
    case = ROOT / "tests" / "corpus" / "an-attacker-carries-frames-across.json"
    scenario = load_scenario(str(case))
    events = tuple(event for event in scenario.events if is_cut or event.kind != "partition")
    # Before the focus timeout, so that it cannot have ended.
    result = run_scenario(dataclasses.replace(scenario, events=events, limit_us=10_000_000))
    [found] = [oracle for oracle in result.table["oracles"] if oracle["id"] == "O10"]
    assert found["ok"] == is_cut
    assert is_cut or "not ended" in found["violation"]["message"]


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


@pytest.mark.parametrize(
    ("sized", "bug", "told"),
    [
        ("input_delay_policy", None, ""),
        ("window_policy", None, ""),
        ("input_delay_policy", "rtt-for-the-one-way-time", "a delay of 10 frames, 7 at the most asked for"),
        ("window_policy", "window-of-the-round-trip", "a window of 8 frames, 3 to 5 asked for"),
    ],
)
def test_a6_what_follows_the_network_follows_half_the_round_trip(
    sized: str, bug: str | None, told: str
) -> None:
    scenario = load_scenario("latency-100ms")
    follows = {"input_delay_policy": "adaptive", "window_policy": "rtt"}[sized]
    fields: dict[str, Any] = {"prediction_window_frames": 0, sized: follows}
    session = dataclasses.replace(scenario.session, **fields)
    with planted(bug):
        table = run_scenario(dataclasses.replace(scenario, session=session)).table
    [found] = [oracle for oracle in table["oracles"] if oracle["id"] == "A6"]
    assert found["checks"] > 900
    assert (found["violation"] or {"message": ""})["message"] == told


def test_o12_an_accusation() -> None:
    oracle = Attribution(desync_detection())
    oracle.event(host(), Committed((frame(0), frame(1))))
    assert (oracle.violation, oracle.checks) == (None, 0)
    oracle.event(host(), DesyncAttributed(60, (2,)))
    assert (message(oracle), oracle.checks) == ("peers (2,) are accused", 1)


@pytest.mark.parametrize(
    ("named", "why"),
    [((1,), ""), ((0, 2), "peers (0, 2) are accused"), ((), "peers [1] differ and were not named")],
)
def test_o12_the_one_that_diverges_is_named(named: tuple[int, ...], why: str) -> None:
    desyncs = desync_detection(wrong=range(41, 200))
    desyncs.committed_all(host(1), [frame(number) for number in range(130)])
    oracle = Attribution(desyncs)
    for index in range(3):
        stub = completed(129, 6, index, [peer for peer in range(3) if peer != index])
        desyncs.after_tick(stub, 1)
        if named:
            oracle.event(stub, DesyncAttributed(60, named))
    oracle.finish()
    assert message(oracle) == why if why else oracle.violation is None


@pytest.mark.parametrize("others", [(1,), (1, 2)])
def test_o12_of_four_those_who_are_left_name_it_if_they_are_more_than_two(others: tuple[int, ...]) -> None:
    desyncs = desync_detection(wrong=range(41, 200))
    desyncs.committed_all(host(1), [frame(number) for number in range(130)])
    oracle = Attribution(desyncs)
    stub = completed(129, 6, 0, (1, 2, 3))
    for peer in {1, 2, 3} - {*others}:
        stub.peer.session.links[peer].is_member = stub.peer.session.links[peer].is_done = False
    desyncs.after_tick(stub, 1)
    oracle.finish()
    assert (oracle.violation is None) is (len(others) < 2)


def test_every_law_of_a_run_has_its_negative_control_here() -> None:
    watch = OracleWatch()
    watch.begin(build_world(load_scenario("latency-lan"), "test", ()))
    tested = {
        *(PrefixAgreement, Provenance, Reference, Immutability, Mispredictions, SpeculationNotes),
        *(TickPlan, DesyncDetection, Attribution, DropAgreement, Bounds, EventOrder),
        *(Silence, Deadlines, HostileBytes, ReliableItems),
        *(Progress, FullRate, ConfirmationLag, Responsiveness, SameEnd, TimeSyncTruce, FrameGap, OwedSkips),
        *(SizedToTheNetwork, TablesTold),
    }
    assert {type(oracle) for oracle in watch.oracles} == tested
    page = (ROOT / "docs" / "what-we-check.md").read_text("utf-8")
    told = set(re.findall(r"[ADO]\d[\w-]*", page))
    assert {oracle.id for oracle in watch.oracles} <= told

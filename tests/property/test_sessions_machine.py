"""The doors in any legal order: a machine of two or three sessions, whatever the network and the game do."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from mesh import new_match, terms_for

from rollback_core.commands import FocusChanged, Leave, PeerGone, Ready, SetDelay, TransportChanged
from rollback_core.config import PeerConfig
from rollback_core.errors import SimulationError
from rollback_core.events import Closed, Committed, CommittedFrame, Ended, Event, Started
from rollback_core.life import State
from rollback_core.session import Session
from rollback_core.simulation import StepOutcome
from scenarios.games.counter import ACTION_COUNT, Counter

MAX_DELAY = 6


class Moody(Counter):
    """Raises whenever it is asked for what it is told to fail at."""

    failing = ""

    def _do(self, what: str) -> None:
        if what == self.failing:
            raise ValueError("told to")

    def step(self, actions: Any, /) -> StepOutcome:
        self._do("step")
        return super().step(actions)

    def save_state(self) -> Any:
        self._do("save")
        return super().save_state()

    def load_state(self, state: Any, /) -> None:
        self._do("load")
        super().load_state(state)

    def encode_state(self, state: Any, /) -> bytes:
        self._do("encode")
        return super().encode_state(state)


class Doors(RuleBasedStateMachine):
    """Time passes, datagrams come in any order, twice or not at all, people and games do as they like."""

    @initialize(
        peers=st.integers(2, 3),
        episodes=st.integers(1, 2),
        window=st.integers(0, 8),
        interval=st.sampled_from([0, 1, 7]),
        pauses=st.booleans(),
        delays=st.lists(st.integers(0, MAX_DELAY), min_size=3, max_size=3),
        rounds=st.sampled_from([0, 8, 8, 8, 16]),
    )
    def begin(
        self,
        peers: int,
        episodes: int,
        window: int,
        interval: int,
        pauses: bool,
        delays: list[int],
        rounds: int,
    ) -> None:
        self.now_us = 1_000
        terms = terms_for(
            range(peers),
            episodes=episodes,
            max_steps=12,
            prediction_window_frames=window,
            max_input_delay_frames=MAX_DELAY,
            checksum_interval_frames=interval,
            pause_on_hidden=pauses,
        )
        self.games = [Moody(peers) for _ in range(peers)]
        self.sessions = [
            Session(
                terms,
                PeerConfig(peer=peer, incarnation=peer + 1, input_delay_frames=delays[peer]),
                new_match(terms, self.games[peer]),
                self.now_us,
            )
            for peer in range(peers)
        ]
        self.committed: list[list[CommittedFrame]] = [[] for _ in range(peers)]
        self.queued: list[list[tuple[int, bool]]] = [[] for _ in range(peers)]
        self.events: list[list[Event]] = [[] for _ in range(peers)]
        self.air: list[tuple[int, int, bytes]] = []
        for peer in range(peers):
            self.drain(peer)
        self.all_goes_well_for_a_while(rounds, 0)

    def drain(self, peer: int) -> None:
        session = self.sessions[peer]
        for event in session.drain_events():
            self.events[peer].append(event)
            if isinstance(event, Committed):
                self.committed[peer] += event.frames
        assert session.drain_events() == []
        for target, data in session.datagrams_to_send(self.now_us):
            self.air.append((peer, target, data))
        assert session.next_timer_us() > 0

    def one(self, peer: int) -> tuple[int, Session]:
        peer %= len(self.sessions)
        return peer, self.sessions[peer]

    @rule(us=st.one_of(st.integers(0, 40_000), st.integers(0, 800_000)))
    def time_passes(self, us: int) -> None:
        self.now_us += us

    @rule(peer=st.integers(0, 2), action=st.integers(0, ACTION_COUNT - 1), frames=st.integers(0, 3))
    def tick(self, peer: int, action: int, frames: int) -> None:
        peer, session = self.one(peer)
        before = session.input_end
        allowed = {action, 0, ACTION_COUNT, *(queued for queued, _ in self.queued[peer][-1:])}
        try:
            session.tick(self.now_us, [action], frames)
        except SimulationError:
            assert self.games[peer].failing
            assert session.ended is not None
        queue = session.match.queues[peer]
        for frame in range(before, session.input_end):
            self.queued[peer].append((queue.action(frame), queue.is_focused(frame)))
            assert queue.action(frame) in allowed
        self.drain(peer)

    @precondition(lambda self: self.air)
    @rule(at=st.integers(0, 10_000), stays=st.booleans(), is_old=st.booleans())
    def a_datagram_comes(self, at: int, stays: bool, is_old: bool) -> None:
        """Mostly the oldest on its way, now and then any; once or twice."""
        index = at % len(self.air) if is_old else 0
        source, target, data = self.air[index]
        if not stays:
            del self.air[index]
        self.deliver(source, target, data)

    @rule()
    def all_come(self) -> None:
        air, self.air = self.air, []
        for source, target, data in air:
            self.deliver(source, target, data)

    @precondition(lambda self: self.air)
    @rule(count=st.integers(1, 30))
    def some_are_lost(self, count: int) -> None:
        del self.air[:count]

    @rule(peer=st.integers(0, 2), data=st.binary(max_size=40))
    def noise_comes(self, peer: int, data: bytes) -> None:
        peer, session = self.one(peer)
        self.deliver(next(iter(session.links)), peer, data)

    def deliver(self, source: int, target: int, data: bytes) -> None:
        self.sessions[target].receive_datagram(source, data, self.now_us)
        self.drain(target)

    @rule(peer=st.integers(0, 2))
    def a_timer_fires(self, peer: int) -> None:
        """Early as well: that is harmless."""
        peer, session = self.one(peer)
        session.handle_timer(self.now_us)
        assert session.next_timer_us() > self.now_us
        self.drain(peer)

    @rule(peer=st.integers(0, 2), delay=st.integers(0, MAX_DELAY))
    def the_delay_is_set(self, peer: int, delay: int) -> None:
        self.command(peer, SetDelay(delay))

    @rule(peer=st.integers(0, 2), focused=st.booleans())
    def the_page_is_hidden_or_shown(self, peer: int, focused: bool) -> None:
        self.command(peer, FocusChanged(focused))

    @rule(peer=st.integers(0, 2))
    def the_player_is_ready(self, peer: int) -> None:
        self.command(peer, Ready())

    @rule(peer=st.integers(0, 2))
    def the_path_changes(self, peer: int) -> None:
        self.command(peer, TransportChanged(next(iter(self.one(peer)[1].links))))

    @precondition(lambda self: self.has_played)
    @rule(peer=st.integers(0, 2), is_gone=st.booleans())
    def a_player_leaves(self, peer: int, is_gone: bool) -> None:
        other = next(iter(self.one(peer)[1].links))
        self.command(peer, PeerGone(other) if is_gone else Leave("enough"))

    @precondition(lambda self: self.has_played)
    @rule(peer=st.integers(0, 2), failing=st.sampled_from(["step", "save", "load", "encode"]))
    def the_game_will_fail(self, peer: int, failing: str) -> None:
        self.games[self.one(peer)[0]].failing = failing

    def command(self, peer: int, command: Any) -> None:
        peer, session = self.one(peer)
        session.command(command, self.now_us)
        self.drain(peer)

    @rule(rounds=st.integers(1, 8), action=st.integers(0, ACTION_COUNT - 1))
    def all_goes_well_for_a_while(self, rounds: int, action: int) -> None:
        """Or nothing would ever be played."""
        for _ in range(rounds):
            self.all_tick_and_hear_nothing(1, action)
            self.all_come()

    @rule(rounds=st.integers(1, 4), action=st.integers(0, ACTION_COUNT - 1))
    def all_tick_and_hear_nothing(self, rounds: int, action: int) -> None:
        for _ in range(rounds):
            self.now_us += 16_667
            for peer in range(len(self.sessions)):
                self.command(peer, Ready())
                self.a_timer_fires(peer)
                self.tick(peer, (action + peer) % ACTION_COUNT, 1)

    @property
    def has_played(self) -> bool:
        return any(len(frames) > 3 for frames in self.committed)

    @invariant()
    def committed_pasts_agree_and_are_what_was_queued(self) -> None:
        if not hasattr(self, "committed"):
            return
        longest = max(self.committed, key=len)
        for frames in self.committed:
            assert [(f.actions, f.focus_mask, f.left_mask, f.outcome) for f in frames] == [
                (f.actions, f.focus_mask, f.left_mask, f.outcome) for f in longest[: len(frames)]
            ]
            assert [frame.frame for frame in frames] == list(range(len(frames)))
        for frame in longest:
            for peer, queued in enumerate(self.queued):
                if not frame.left_mask >> peer & 1:
                    focused = bool(frame.focus_mask >> peer & 1)
                    assert (frame.actions[peer], focused) == queued[frame.frame]

    @invariant()
    def frontiers_and_lives_are_in_order(self) -> None:
        if not hasattr(self, "committed"):
            return
        for session, events in zip(self.sessions, self.events, strict=True):
            assert session.committed_frame <= session.confirmed_frame
            assert session.committed_frame < session.current_frame
            kinds = [type(event) for event in events if isinstance(event, (Started, Ended, Closed))]
            assert kinds in [[Started, Ended, Closed][:n] for n in range(4)] + [[Ended], [Ended, Closed]]
            assert (session.state is State.CLOSED) == (Closed in kinds)
            match = session.match
            for player, queue in enumerate(match.queues):
                for frame in range(match.timeline.base, min(queue.end, match.timeline.current)):
                    used = match.timeline.used[frame - match.timeline.base][player]
                    if frame >= match.first_incorrect:
                        break
                    if frame >= queue.base:
                        assert used == queue.action(frame)


TestDoors = Doors.TestCase
TestDoors.settings = settings(stateful_step_count=40, max_examples=100, deadline=None)

"""No datagram of a session is longer than 1200 bytes, whatever is played and however long nobody answers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from rollback_core import wire
from rollback_core.commands import Ready
from rollback_core.config import MatchTerms, PeerConfig
from rollback_core.episodes import Episodes
from rollback_core.life import State
from rollback_core.messages import Inputs
from rollback_core.session import Session
from rollback_core.simulation import DrawItem, GameSpec, StepOutcome


class Wide:
    """A game of any number of players and actions in which nothing happens."""

    def __init__(self, players: int, action_count: int) -> None:
        self.spec = GameSpec(
            id="wide-v1", agents=tuple(f"p{index}" for index in range(players)), action_count=action_count
        )

    def reset(self, seed: int) -> None:
        pass

    def step(self, actions: Sequence[int], /) -> StepOutcome:
        none = (False,) * len(actions)
        return StepOutcome((0.0,) * len(actions), none, none, ((),) * len(actions), False)

    def save_state(self) -> int:
        return 0

    def load_state(self, state: Any, /) -> None:
        pass

    def encode_state(self, state: Any, /) -> bytes:
        return b""

    def render(self) -> list[DrawItem]:
        return []


@given(
    local=st.integers(1, 7),
    action_count=st.sampled_from([2, 255, 256, 65_535]),
    window=st.sampled_from([8, 60]),
    delay=st.sampled_from([0, 60]),
    answered=st.integers(0, 30),
)
def test_worst_inputs_stay_within_the_limit(
    local: int, action_count: int, window: int, delay: int, answered: int
) -> None:
    terms = MatchTerms(
        session_id="s",
        build_id="b",
        game_id="wide-v1",
        action_count=action_count,
        seed=1,
        seats=(0,) * local + (1,),
        prediction_window_frames=window,
        max_input_delay_frames=60,
        interrupt_us=29_000_000,
    )
    peers = [
        Session(
            terms,
            PeerConfig(peer=me, input_delay_frames=delay if me == 0 else 0),
            Episodes(Wide(local + 1, action_count), seed=1),
            0,
        )
        for me in range(2)
    ]
    width = 1 if action_count <= 255 else 2
    now_us = 0
    sent: list[Inputs] = []
    for tick in range(answered + 2 * (window + delay) + 20):
        now_us += terms.period_us
        for me, peer in enumerate(peers):
            if peer.state is State.HANDSHAKE:
                peer.handle_timer(now_us)
            peer.command(Ready(), now_us)
            # Every frame another action for every player: no run is longer than one frame.
            action = action_count - 1 - tick % 2
            peer.tick(now_us, (action,) * (local if me == 0 else 1))
            for to, data in peer.datagrams_to_send(now_us):
                assert len(data) <= wire.MAX_DATAGRAM_BYTES
                if data[4] == wire.KIND_INPUTS and me == 0:
                    message = wire.decode(data, local, width, action_count + 1)
                    assert isinstance(message, Inputs)
                    sent.append(message)
                if me == 0 or tick < answered or peer.state is State.HANDSHAKE:
                    peers[to].receive_datagram(me, data, now_us)
    assert sent
    several = any(b.first == a.first + a.length and b.length for a, b in pairwise(sent))
    event(f"more than one datagram a tick: {several}")
    # The partner holds all that was sent, in spite of the cut into datagrams.
    assert peers[1].match.queues[0].end == peers[0].match.queues[0].end
    assert peers[1].match.queues[local - 1].actions[-1] == peers[0].match.queues[local - 1].actions[-1]

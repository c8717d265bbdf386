"""Whole sessions in memory: peers, a bad network and the people, with time jumping from wake to wake.

Needs nothing that is not in the standard library, so that other Pythons can run it as they are.
Everything is a function of the arguments. Players' actions are a function of (seed, player, frame)
so that the same match can be played over any network; `straight_play` says what must come out.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from rollback_core.commands import Command, Ready
from rollback_core.config import MatchTerms, PeerConfig
from rollback_core.episodes import FINISHED, PLAYING, WAITING, Episodes
from rollback_core.errors import SimulationError
from rollback_core.events import CommittedFrame, Event
from rollback_core.life import State
from rollback_core.peer import Peer
from rollback_core.simulation import Simulation
from rollback_core.timers import NEVER
from scenarios.games.counter import ACTION_COUNT, Counter

SECOND_US = 1_000_000
MAX_STEPS_AT_ONCE = 5_000  # more than eight peers do that wake from a sleep of seconds
Act = Callable[[int, int], int]
"""(player, frame) -> action"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One direction between two peers. Jitter above the time between datagrams reorders them."""

    delay_us: int = 20_000
    jitter_us: int = 0
    loss_permille: int = 0
    duplicate_permille: int = 0
    cuts: tuple[tuple[int, int], ...] = ()  # sent in [from, to): lost
    seed: int = 0


def acting(seed: int, hold: int = 3) -> Act:
    """Actions that last for about `hold` frames, so that predictions are now right and now wrong."""

    def act(player: int, frame: int) -> int:
        mixed = (seed * 1_000_003 + player * 8_191 + frame // hold) * 2_654_435_761 & 0xFFFF_FFFF
        mixed = (mixed ^ mixed >> 15) * 2_246_822_519 & 0xFFFF_FFFF
        return (mixed ^ mixed >> 13) % ACTION_COUNT

    return act


def terms_for(seats: Sequence[int] = (0, 1), **fields: Any) -> MatchTerms:
    """Terms of a short match of the counter game at 60 frames a second."""
    basic: dict[str, Any] = {
        "session_id": "test",
        "build_id": "build",
        "game_id": "counter-v1",
        "action_count": ACTION_COUNT,
        "seed": 7,
        "seats": tuple(seats),
        "max_steps": 60,
        "frame_rate_hz": 60,
        "checksum_interval_frames": 20,
    }
    return MatchTerms(**{**basic, **fields})


def new_match(terms: MatchTerms, game: Simulation | None = None) -> Episodes:
    return Episodes(
        Counter(len(terms.seats)) if game is None else game,
        seed=terms.seed,
        count=terms.episodes,
        max_steps=terms.max_steps,
        countdown_frames=terms.countdown_frames,
    )


def straight_play(
    terms: MatchTerms, delays: Sequence[int], act: Act, game: Simulation | None = None
) -> list[CommittedFrame]:
    """The match as it would be with one process and no network: what every peer must commit.

    `delays` is the constant input delay of every peer. An input is submitted `delay` frames before it
    counts: what it is hangs on the phase of the match then.
    """
    match = new_match(terms, game)
    neutral = match.game.spec.neutral_action
    phases: list[int] = []
    frames: list[CommittedFrame] = []
    everyone = (1 << len(terms.seats)) - 1
    while match.phase != FINISHED:
        frame = len(frames)
        phases.append(match.phase)
        actions = []
        for player, seat in enumerate(terms.seats):
            submitted = frame - delays[seat]
            phase = phases[submitted] if submitted >= 0 else None
            if phase == PLAYING:
                actions.append(act(player, frame))
            else:
                actions.append(match.ready_action if phase == WAITING else neutral)
        used = tuple(actions)
        frames.append(CommittedFrame(frame, used, everyone, 0, 0, match.step(used)))
    return frames


def replayed(terms: MatchTerms, frames: Iterable[CommittedFrame]) -> list[CommittedFrame]:
    """The same inputs through a fresh game."""
    match = new_match(terms)
    return [frame._replace(outcome=match.step(frame.actions)) for frame in frames]


def shared(frames: Iterable[CommittedFrame]) -> list[CommittedFrame]:
    """Without what may differ between peers."""
    return [frame._replace(speculative_mask=0) for frame in frames]


def agree_on_common_prefix(histories: Sequence[Sequence[CommittedFrame]]) -> bool:
    longest = max(histories, key=len)
    return all(list(history) == list(longest[: len(history)]) for history in histories)


class Mesh:
    """`run` until nothing is left to do. What peer p committed is `history(p)`; its events `events[p]`.

    `epochs[p]` is what p's clock shows when the run begins. `order` is the order in which peers are
    served that are due at the same instant. `meddle` sees every datagram on its way and gives those
    that take its place.
    """

    def __init__(
        self,
        terms: MatchTerms,
        *,
        path: Path | Callable[[int, int], Path] = Path(),
        configs: Mapping[int, Mapping[str, Any]] | None = None,
        terms_of: Mapping[int, MatchTerms] | None = None,
        games: Mapping[int, Simulation] | None = None,
        act: Act | None = None,
        epochs: Sequence[int] | None = None,
        order: Sequence[int] | None = None,
        absent: Iterable[int] = (),
        meddle: Callable[["Mesh", int, int, bytes], list[bytes]] | None = None,
    ) -> None:
        count = terms.peer_count
        self.terms = terms
        self.now_us = 0
        self.act = acting(1) if act is None else act
        self.order = tuple(range(count)) if order is None else tuple(order)
        self.epochs = (0,) * count if epochs is None else tuple(epochs)
        self.meddle = meddle
        self.events: list[list[Event]] = [[] for _ in range(count)]
        self.errors: list[SimulationError | None] = [None] * count
        self.trace: list[tuple[int, int, int, bytes]] = []  # (sent at, source, target, datagram)
        self.gone: set[int] = set(absent)
        self.unready: set[int] = set()
        self._histories: list[list[CommittedFrame]] = [[] for _ in range(count)]
        self._asleep_until = [0] * count
        self._heap: list[tuple[int, int, int, int, bytes]] = []
        self._scheduled: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._steps_now = 0
        self._configs = dict(configs or {})
        self._terms_of = dict(terms_of or {})
        self._paths: dict[tuple[int, int], tuple[Path, Random]] = {}
        for source in range(count):
            for target in range(count):
                plan = path if isinstance(path, Path) else path(source, target)
                self._paths[source, target] = (plan, Random(plan.seed * 64 + source * 8 + target))
        self.peers = [self._new_peer(peer, (games or {}).get(peer)) for peer in range(count)]

    def _new_peer(self, peer: int, game: Simulation | None, **fields: Any) -> Peer:
        terms = self._terms_of.get(peer, self.terms)
        config = PeerConfig(peer=peer, **{**self._configs.get(peer, {}), **fields})
        return Peer(terms, config, new_match(terms, game), self.clock(peer))

    def clock(self, peer: int) -> int:
        """What the peer's clock shows."""
        return self.now_us + self.epochs[peer]

    # What can happen to peers.

    def at(self, at_us: int, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._scheduled, (at_us, self._count, do))

    def command(self, peer: int, command: Command) -> None:
        if peer in self.gone:
            return
        self.peers[peer].session.command(command, self.clock(peer))
        self.peers[peer].absorb(self.clock(peer))
        self._drain(peer)

    def crash(self, peer: int) -> None:
        self.gone.add(peer)

    def restart(self, peer: int, incarnation: int) -> None:
        self.gone.discard(peer)
        self.peers[peer] = self._new_peer(peer, None, incarnation=incarnation)
        self.events[peer] = []
        self._histories[peer] = []

    def suspend(self, peer: int, until_us: int) -> None:
        """The machine is suspended; what arrives waits."""
        self._asleep_until[peer] = until_us

    # Running.

    def history(self, peer: int) -> list[CommittedFrame]:
        """Everything the peer has committed."""
        self._histories[peer].extend(self.peers[peer].recorder.take_shared())
        return self._histories[peer]

    def kinds(self, peer: int, kind: type) -> list[Any]:
        return [event for event in self.events[peer] if type(event) is kind]

    @property
    def is_over(self) -> bool:
        return all(self.is_closed(peer) for peer in range(len(self.peers)))

    def is_closed(self, peer: int) -> bool:
        return peer in self.gone or self.peers[peer].session.state is State.CLOSED

    def run(self, limit_us: int = 60 * SECOND_US, until: Callable[["Mesh"], bool] | None = None) -> "Mesh":
        """Until everyone has closed, `until` is true, or the clock has come to `limit_us`."""
        while not self.is_over and not (until is not None and until(self)) and self.step(limit_us):
            pass
        return self

    def step(self, limit_us: int = NEVER) -> bool:
        """Do the next thing there is to do; False if there is none before the limit."""
        wakes = [(self._wake_at(peer), place, peer) for place, peer in enumerate(self.order)]
        wake_us, _, peer = min(wakes)
        arrives_us = self._heap[0][0] if self._heap else NEVER
        planned_us = self._scheduled[0][0] if self._scheduled else NEVER
        next_us = min(wake_us, arrives_us, planned_us)
        if next_us >= limit_us:
            return False
        self._steps_now = self._steps_now + 1 if next_us <= self.now_us else 0
        if self._steps_now > MAX_STEPS_AT_ONCE:
            raise RuntimeError(f"the peers never stop at {self.now_us} us")
        self.now_us = max(self.now_us, next_us)
        if planned_us == next_us:
            heapq.heappop(self._scheduled)[2]()
        elif arrives_us == next_us:
            _, number, source, target, data = heapq.heappop(self._heap)
            if self.now_us < self._asleep_until[target]:
                heapq.heappush(self._heap, (self._asleep_until[target], number, source, target, data))
            elif target not in self.gone:
                self.peers[target].receive_datagram(source, data, self.clock(target))
                self._drain(target)
        else:
            self._wake(peer)
        return True

    def _wake_at(self, peer: int) -> int:
        if peer in self.gone:
            return NEVER
        wake_us = self.peers[peer].next_wake_us()
        return NEVER if wake_us == NEVER else max(wake_us - self.epochs[peer], self._asleep_until[peer])

    def _wake(self, peer: int) -> None:
        it = self.peers[peer]
        session = it.session
        now_us = self.clock(peer)
        if session.state is State.RUNNING and it.game.phase == WAITING and peer not in self.unready:
            session.command(Ready(), now_us)
        # The frame that this sample will count for.
        frame = max(session.input_end, session.current_frame + session.delay_frames)
        try:
            it.wake(now_us, [self.act(player, frame) for player in session.local_players])
        except SimulationError as error:
            self.errors[peer] = error
        self._drain(peer)

    def _drain(self, peer: int) -> None:
        it = self.peers[peer]
        self.events[peer].extend(it.drain_events())
        for target, data in it.datagrams_to_send(self.clock(peer)):
            self.trace.append((self.now_us, peer, target, data))
            passed = [data] if self.meddle is None else self.meddle(self, peer, target, data)
            for each in passed:
                self._send(peer, target, each)

    def _send(self, source: int, target: int, data: bytes) -> None:
        plan, chance = self._paths[source, target]
        # The same draws for every datagram, so that one property of a path leaves the others as they are.
        lost = chance.getrandbits(20) * 1000 >> 20 < plan.loss_permille
        copies = 1 + (chance.getrandbits(20) * 1000 >> 20 < plan.duplicate_permille)
        delays = [plan.delay_us + (chance.getrandbits(20) * plan.jitter_us >> 20) for _ in range(2)]
        if lost or any(first <= self.now_us < last for first, last in plan.cuts):
            return
        for delay_us in delays[:copies]:
            self._count += 1
            heapq.heappush(self._heap, (self.now_us + delay_us, self._count, source, target, data))


def changing(cuts: Iterable[tuple[int, int]], from_us: int, to_us: int, path: Path) -> Callable[..., Path]:
    """`path` everywhere, but nothing passes in these (source, target) directions in [from, to)."""
    blocked = frozenset(cuts)

    def at(source: int, target: int) -> Path:
        if (source, target) not in blocked:
            return path
        return Path(
            delay_us=path.delay_us,
            jitter_us=path.jitter_us,
            loss_permille=path.loss_permille,
            duplicate_permille=path.duplicate_permille,
            cuts=(*path.cuts, (from_us, to_us)),
            seed=path.seed,
        )

    return at

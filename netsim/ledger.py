"""What the applications really submitted, kept outside the core: the truth that data are checked by.

For every player and frame the ledger holds what the application asked for at the tick that queued the
input, or the fill that an increase of the delay explains. It is written from the host's side of the
door: the actions handed to `tick`, the frame, the delay and the phase at that moment.
"""

from dataclasses import dataclass, field

from netsim.host import Host
from rollback_core.episodes import PLAYING, WAITING
from rollback_core.life import State


@dataclass(slots=True)
class Ledger:
    """`inputs[player][frame]` is (action, focused) as it must be in every peer's data."""

    players: int
    inputs: list[list[tuple[int, bool]]] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    neutral_action: int = 0
    ready_action: int = 0
    _before: dict[int, tuple[int, int, int, int, int, int]] = field(default_factory=dict)
    _incarnations: dict[int, int] = field(default_factory=dict)
    _actions: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inputs = [[] for _ in range(self.players)]

    def before_tick(self, host: Host, actions: tuple[int, ...]) -> None:
        session = host.peer.session
        if session.state is not State.RUNNING:
            self._before.pop(host.index, None)
            return
        match = session.match
        if self._incarnations.setdefault(host.index, host.incarnation) != host.incarnation:
            # Reloaded before the others had begun: nobody holds anything of its former self.
            self._incarnations[host.index] = host.incarnation
            for player in session.local_players:
                self.inputs[player] = []
        self._before[host.index] = (
            session.input_end,
            match.timeline.current,
            session.delay_frames,
            host.peer.game.phase,
            host.peer.game.episode,
            match.rollbacks,
        )
        self._actions[host.index] = actions

    def after_tick(self, host: Host, played: int) -> None:
        before = self._before.get(host.index)
        if before is None:
            return
        end_before, current, delay, phase, episode, rollbacks = before
        session = host.peer.session
        game = host.peer.game
        end = session.input_end
        focused = not host.is_hidden
        may_be = {game.phase, phase}
        if game.episode != episode:
            may_be.add(WAITING)  # all may have been ready for the next round already
        if played > 1 or session.match.rollbacks != rollbacks:
            # A round may be played within one tick, of catch-up or after its end was taken back.
            may_be.add(PLAYING)
        for player, action in zip(session.local_players, self._actions[host.index], strict=True):
            known = self.inputs[player]
            queue = session.match.queues[player]
            if len(known) != end_before:
                self.unexplained.append(f"player {player}: inputs were queued outside a tick")
                return
            allowed = set()
            if PLAYING in may_be:
                allowed.add(action if focused else self.neutral_action)
            if may_be != {PLAYING}:
                allowed.add(self.neutral_action)
                if WAITING in may_be and focused:
                    allowed.add(self.ready_action)
            for frame in range(end_before, end):
                real = (queue.action(frame), queue.is_focused(frame))
                if frame < current + delay:
                    expected = known[-1] if known else (self.neutral_action, True)
                    explained = real == expected
                else:
                    explained = real[0] in allowed and real[1] == focused
                if not explained:
                    self.unexplained.append(
                        f"player {player} frame {frame}: queued {real}, submitted one of {sorted(allowed)}"
                        f" focused={focused}"
                    )
                known.append(real)

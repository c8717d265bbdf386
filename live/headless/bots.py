"""Bots as participants: they come to a server by the same protocol as people and play to the end."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from live.client.participant import Participant
from live.client.terms import Params
from live.headless.host import HeadlessHost, LoopLag, measure_game
from live.sources import build_id
from rollback_core.events import EndReason
from rollback_core.peer import Peer
from rollback_core.simulation import GameSpec
from scenarios.policies import Policy, create_policy
from scenarios.scenario import Scenario

STAGGER_S: Final = 0.003  # between two arrivals: ticks that all fall together lose datagrams past 28 pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class BotPlan:
    """`seats` bots come to `url`; `policy` is as in scenarios. `leave_after_s` 0: play to the end.

    With a `scenario` every player's policy, holding and seed are the scenario's, as in the simulator.
    `game` is what the server must play, if it matters.
    """

    url: str
    seats: int
    policy: str = "random"
    hold_frames: int = 12
    seed: int = 1
    leave_after_s: float = 0
    game: str | None = None
    scenario: Scenario | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotOutcome:
    """What became of one bot."""

    number: int
    participant: Participant
    lag: LoopLag

    @property
    def match_id(self) -> str | None:
        seat = self.participant.seat
        return None if seat is None else seat.offer.match_id

    def table(self) -> dict[str, Any]:
        """For people and machines: one row."""
        participant, seat = self.participant, self.participant.seat
        row: dict[str, Any] = {
            "bot": self.number,
            "match_id": self.match_id,
            "stage": participant.stage.value,
            "refusal": participant.refusal,
            "verdict": participant.verdicts[-1] if participant.verdicts else None,
            "late_wakes": self.lag.late,
            "wakes": self.lag.wakes,
            "worst_lag_us": self.lag.worst_us,
        }
        if seat is not None:
            metrics = seat.metrics.table(seat.peer)
            row |= {
                "peer": seat.offer.peer,
                "end": None if seat.ended is None else seat.ended.reason.value,
                "path": seat.peer.recorder.path,
                **metrics,
            }
        return row

    @property
    def is_sound(self) -> bool:
        """It played, its match's data are equal and true, and the server's are those recorded here."""
        verdicts, seat = self.participant.verdicts, self.participant.seat
        if not verdicts or seat is None or seat.ended is None:
            return False
        verdict = verdicts[-1]
        if not verdict["is_equal"] or verdict["replay"] == "differs":
            return False
        # Who left early holds only the beginning of the table.
        return seat.ended.reason is not EndReason.COMPLETED or verdict["sha256"] == seat.rows_sha256


class _Hands:
    """The policies of one bot's players, made when the match is known."""

    def __init__(self, plan: BotPlan, number: int) -> None:
        self._plan = plan
        self._number = number
        self._policies: list[Policy] = []

    def act(self, peer: Peer) -> Sequence[int]:
        session = peer.session
        if not self._policies:
            self._policies = [self._policy(peer.game.game.spec, player) for player in session.local_players]
        game, frame = peer.game.game, session.input_end
        return [
            policy.act(game, player, frame)
            for policy, player in zip(self._policies, session.local_players, strict=True)
        ]

    def _policy(self, spec: GameSpec, player: int) -> Policy:
        plan, scenario = self._plan, self._plan.scenario
        if scenario is None:
            name, seed, hold_frames = plan.policy, plan.seed + self._number, plan.hold_frames
        else:
            setup = scenario.players[player]
            name, seed, hold_frames = setup.bot, scenario.seed, setup.hold_frames
        return create_policy(
            name, seed=seed, player=player, spec=spec, game_id=spec.id, hold_frames=hold_frames
        )


async def run_bots(plan: BotPlan, on_progress: Callable[[int, int], None] | None = None) -> list[BotOutcome]:
    """Play with all of them at once, in this process.

    A group of ConnectionErrors if the server is not there, of UsageErrors if it plays another game.
    """
    build = build_id()
    costs: dict[str, int] = {}
    done = 0

    def measure(game_id: str, params: Params) -> int:
        """Once for all: measuring stops the loop, and with it every bot that plays already."""
        key = json.dumps([game_id, params], sort_keys=True)
        if key not in costs:
            costs[key] = measure_game(game_id, params)
        return costs[key]

    async def one(number: int) -> BotOutcome:
        nonlocal done
        await asyncio.sleep(number * STAGGER_S)
        act = _Hands(plan, number).act
        host = HeadlessHost(plan.url, number + 1, build, act, game=plan.game, measure=measure)
        if plan.leave_after_s:
            asyncio.get_running_loop().call_later(plan.leave_after_s, host.leave, "the time is up")
        participant = await host.run()
        done += 1
        if on_progress is not None:
            on_progress(done, plan.seats)
        return BotOutcome(number=number, participant=participant, lag=host.lag)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(plan.seats)]
    return [task.result() for task in tasks]

"""`python -m sametick.environments`: which public environments can be played with rollback, at what cost.

Every environment of the list is built, adapted, checked with every property and measured, in a
process of its own; one that is refused or fails is shown with the reason. With `--write FILE` the
table goes between the marks in that file.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rollback_core import adapters
from rollback_core.conformance import check_simulation
from rollback_core.errors import UsageError
from sametick.check import measure
from scenarios import envs

_BEGIN: Final = "<!-- table: python -m sametick.environments --write docs/environments.md -->"
_END: Final = "<!-- end of table -->"
_FRAMES: Final = 120  # several episodes of the shorter ones; the slowest takes about a minute
_DEADLINE_S: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One public environment: where it comes from and how a game is made of it."""

    name: str
    package: str
    make: Callable[[], adapters.EnvSimulation]


def _gym(env_id: str, package: str, constants: str = "", register: str = "") -> Candidate:
    def make() -> adapters.EnvSimulation:
        if register:  # some packages enter their envs into the registry only when asked
            gymnasium = envs.load("gymnasium")
            gymnasium.register_envs(envs.load(register))
        return envs.gymnasium_env(env_id, constants)

    return Candidate(name=env_id, package=package, make=make)


def _parallel(
    name: str, package: str, module: str, function: str = "parallel_env", **options: Any
) -> Candidate:
    def make() -> adapters.EnvSimulation:
        build = getattr(envs.load(module), function)
        return adapters.adapt(lambda: build(**options), id=name)

    return Candidate(name=name, package=package, make=make)


def candidates() -> list[Candidate]:
    """The list, by package."""
    butterfly, mpe = "pettingzoo.butterfly", "mpe2"
    return [
        Candidate(name="Overcooked cramped room", package="cogrid", make=envs.cogrid_overcooked),
        Candidate(
            name="Overcooked counter circuit",
            package="cogrid",
            make=lambda: envs.cogrid_overcooked("counter-circuit"),
        ),
        Candidate(name="simple_spread_v3", package="mpe2", make=envs.mpe2_simple_spread),
        Candidate(name="simple_tag_v3", package="mpe2", make=envs.mpe2_simple_tag),
        _parallel("simple_adversary_v3", mpe, "mpe2.simple_adversary_v3"),
        _parallel("simple_crypto_v3", mpe, "mpe2.simple_crypto_v3"),
        _parallel("simple_push_v3", mpe, "mpe2.simple_push_v3"),
        _parallel("simple_reference_v3", mpe, "mpe2.simple_reference_v3"),
        _parallel("simple_speaker_listener_v4", mpe, "mpe2.simple_speaker_listener_v4"),
        _parallel("simple_world_comm_v3", mpe, "mpe2.simple_world_comm_v3"),
        _parallel("simple_spread_v3, continuous", mpe, "mpe2.simple_spread_v3", continuous_actions=True),
        Candidate(name="rps_v2", package="pettingzoo", make=envs.pettingzoo_rps),
        Candidate(name="knights_archers_zombies_v11", package="pettingzoo", make=envs.pettingzoo_knights),
        Candidate(name="cooperative_pong_v6", package="pettingzoo", make=envs.pettingzoo_pong),
        _parallel("pursuit_v5", "pettingzoo", "pettingzoo.sisl.pursuit.pursuit"),
        _parallel("multiwalker_v9", "pettingzoo, Box2D", "pettingzoo.sisl.multiwalker.multiwalker"),
        _parallel(
            "pistonball_v6, 8 pistons",
            "pettingzoo, pymunk",
            f"{butterfly}.pistonball.pistonball",
            n_pistons=8,
            continuous=False,
        ),
        _parallel("connect_four_v3", "pettingzoo", "pettingzoo.classic.connect_four.connect_four", "env"),
        _gym("CartPole-v1", "gymnasium"),
        _gym("MountainCar-v0", "gymnasium"),
        _gym("Acrobot-v1", "gymnasium"),
        _gym("Pendulum-v1", "gymnasium"),
        _gym("Blackjack-v1", "gymnasium"),
        _gym("CliffWalking-v1", "gymnasium", "P"),
        _gym("FrozenLake-v1", "gymnasium", "P"),
        _gym("Taxi-v4", "gymnasium", "P"),
        _gym("LunarLander-v3", "gymnasium, Box2D"),
        _gym("MiniGrid-DoorKey-6x6-v0", "minigrid", register="minigrid"),
        _gym("ALE/Pong-v5", "ale-py", register="ale_py"),
    ]


def row(candidate: Candidate, frames: int, seed: int) -> dict[str, Any]:
    """What became of one environment, as plain data."""
    facts: dict[str, Any] = {"name": candidate.name, "package": candidate.package}
    try:
        game = candidate.make()
    except UsageError as error:
        kind = "absent" if "not installed" in str(error) else "refused"
        return {**facts, "verdict": kind, "reason": str(error)}
    report = check_simulation(candidate.make, frames=frames, seed=seed)
    facts |= {
        "adapter": game.saves_by,
        "players": len(game.spec.agents),
        "actions": game.spec.action_count,
        "kind": "PettingZoo" if adapters.is_parallel(game.env) else "Gymnasium",
    }
    found = report.counterexample
    if found is not None:
        what = f"{found.property}, frame {found.frame}, {found.field}: {found.expected!r} ≠ {found.actual!r}"
        return {**facts, "verdict": "unfit", "reason": what[:300]}
    if not report.is_fit:
        return {**facts, "verdict": "unfit", "reason": "a property could not be tried"}
    costs = measure(game, frames, seed)
    return {
        **facts,
        "verdict": "fit",
        "step_us": costs.step_us,
        "save_us": costs.save_us,
        "load_us": costs.load_us,
        "state_bytes": costs.state_bytes,
        "rollback_frames": costs.rollback_frames,
    }


def survey(names: list[str], frames: int, seed: int) -> list[dict[str, Any]]:
    """A row per environment, each from its own process: one that crashes takes no other with it."""
    rows = []
    for candidate in candidates():
        if names and candidate.name not in names:
            continue
        print(f"… {candidate.name}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "sametick.environments", "--one", candidate.name]
        command += ["--frames", str(frames), "--seed", str(seed)]
        facts = {"name": candidate.name, "package": candidate.package}
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DEADLINE_S)
        except subprocess.TimeoutExpired:
            rows.append({**facts, "verdict": "unfit", "reason": f"no answer within {_DEADLINE_S} s"})
            continue
        lines = done.stdout.splitlines()
        if done.returncode == 0 and lines:
            rows.append(json.loads(lines[-1]))
        else:
            reason = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1]
            rows.append({**facts, "verdict": "unfit", "reason": f"its process failed: {reason}"})
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| environment | package | verdict | as | players | actions | step | save | load | state | fits |",
        "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each in rows:
        head = f"| {each['name']} | {each['package']} |"
        if each["verdict"] == "fit":
            costs = " | ".join(f"{each[key]:,.0f} µs" for key in ("step_us", "save_us", "load_us"))
            lines.append(
                f"{head} fit | {each['kind']}, {each['adapter']} | {each['players']} | {each['actions']} | "
                f"{costs} | {each['state_bytes']:,} B | {each['rollback_frames']} |"
            )
        else:
            word = {"absent": "not installed", "refused": "refused", "unfit": "unfit"}[each["verdict"]]
            reason = str(each["reason"]).replace("|", "\\|")
            lines.append(f"{head} {word}: {reason} | | | | | | | | |")
    return "\n".join(lines)


def write_table(path: Path, table: str) -> None:
    """Put the table between the marks of the file."""
    text = path.read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{path}: the marks of the table are missing")
    path.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sametick.environments", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--frames", type=int, default=_FRAMES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--one", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        candidate = next(each for each in candidates() if each.name == options.one)
        print("\n" + json.dumps(row(candidate, options.frames, options.seed)))
        return
    rows = survey(options.names, options.frames, options.seed)
    if options.write is not None:
        write_table(options.write, markdown(rows))
    else:
        print(json.dumps(rows, indent=2) if options.json else markdown(rows))


if __name__ == "__main__":
    main()

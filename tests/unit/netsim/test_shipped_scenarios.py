"""Every shipped scenario keeps what it expects and every law, with its own seed and with another.

All of them, third-party environments included, with both seeds: about 30 s on one core. `./dev check`
plays each once; `./dev soak scenarios` plays twenty seeds.
"""

import pytest

from netsim.run import run_scenario
from scenarios.load import load_scenario, shipped

NAMES = [name for name, _, _ in shipped()]
THIRD_PARTY = [name for name in NAMES if name.startswith("env-")]
OTHER_SEED = 20_261_123


def check(name: str, seed: int | None) -> None:
    result = run_scenario(load_scenario(name, seed=seed))
    assert result.ok, f"{result.table['command']}: {result.table['verdict']['sentence']}"
    checks = {oracle["id"]: oracle["checks"] for oracle in result.table["oracles"]}
    # With a liar only O4 of these is a law.
    assert min(checks[law] for law in ("O2", "O3", "O4") if law in checks) >= result.table["data"]["rows"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in THIRD_PARTY])
def test_scenario_keeps_its_promises(name: str) -> None:
    check(name, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in THIRD_PARTY])
def test_scenario_keeps_its_promises_with_another_seed(name: str) -> None:
    check(name, OTHER_SEED)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, OTHER_SEED])
@pytest.mark.parametrize("name", THIRD_PARTY)
def test_scenario_of_a_third_party_environment(name: str, seed: int | None) -> None:
    check(name, seed)


def test_the_library_covers_every_group() -> None:
    groups = {group for _, group, _ in shipped()}
    assert len(NAMES) >= 75
    assert groups >= {"latency", "jitter", "loss", "blackout", "drop", "focus", "delay", "drift", "episodes"}
    assert groups >= {"asymmetric", "bufferbloat", "burst", "lockstep", "n-players", "stall", "time-sync"}

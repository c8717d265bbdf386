"""Every shipped scenario keeps what it expects and every law, with its own seed and with another.

All of them, third-party environments included, with both seeds: about 30 s on one core.
"""

import pytest

from netsim.run import run_scenario
from scenarios.load import load_scenario, shipped

NAMES = [name for name, _, _ in shipped()]
THIRD_PARTY = [name for name in NAMES if name.startswith("env-")]
OTHER_SEED = 20_261_123


def check(name: str) -> None:
    for seed in (None, OTHER_SEED):
        result = run_scenario(load_scenario(name, seed=seed))
        assert result.ok, f"{result.table['command']}: {result.table['verdict']['sentence']}"
        laws = {oracle["id"]: oracle["checks"] for oracle in result.table["oracles"]}
        assert laws["O1"] + laws["O2"] + laws["O3"] > 0 or not result.table["data"]["rows"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in THIRD_PARTY])
def test_scenario_keeps_its_promises(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", THIRD_PARTY)
def test_scenario_of_a_third_party_environment(name: str) -> None:
    check(name)


def test_all_of_them_reach_what_a_campaign_must_reach() -> None:
    """Non-vacuity: what the names promise is really in the library."""
    groups = {group for _, group, _ in shipped()}
    assert len(NAMES) >= 70
    assert groups >= {"latency", "jitter", "loss", "blackout", "drop", "focus", "delay", "drift"}

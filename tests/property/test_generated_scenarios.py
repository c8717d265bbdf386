"""Every law holds on whole scenarios that nobody thought of; `sametick fuzz` looks at many more of them."""

import os

from hypothesis import event, given, settings, target

from netsim.coverage import conditions
from netsim.generated import scenarios
from netsim.run import run_scenario
from scenarios.scenario import Scenario, to_json

EXAMPLES = {"quick": 40, "default": 300}.get(os.environ.get("HYPOTHESIS_PROFILE", "default"))
COUNTS = settings(max_examples=EXAMPLES) if EXAMPLES else settings()


@given(scenarios())
@COUNTS
def test_every_law_holds(scenario: Scenario) -> None:
    result = run_scenario(scenario)
    for name in conditions(scenario, result.table):
        event(name)
    target(float(result.table["exercised"]["rollbacks"]), label="rollbacks")
    assert result.ok, f"{result.table['verdict']['sentence']}\n{to_json(scenario)}"

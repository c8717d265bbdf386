"""What a run amounts to: expectations held against figures, and one sentence for people."""

from typing import Any

from rollback_core.events import EndReason
from scenarios.scenario import Expectation, Scenario


def tested_expectations(scenario: Scenario, table: dict[str, Any]) -> list[dict[str, Any]]:
    """The `expectations` entry of result.json."""
    return [_tested(expectation, table) for expectation in scenario.expect]


def _tested(expectation: Expectation, table: dict[str, Any]) -> dict[str, Any]:
    values = _figures(expectation.key, table)
    ok = bool(values) and all(_holds(expectation, value) for value in values)
    actual = " / ".join("none" if value is None else str(value) for value in values)
    return {"key": expectation.key, "bound": _bound(expectation), "actual": actual, "ok": ok}


def _figures(key: str, table: dict[str, Any]) -> list[Any]:
    """One value per peer that was there to the end, or one for the run."""
    if key.startswith("exercised_"):
        return [table["exercised"][key.removeprefix("exercised_")]]
    if key == "rows":
        return [table["data"]["rows"]]
    if key == "simulated_us":
        return [table["simulated_us"]]
    peers = [peer for peer in table["peers"] if not peer["crashed"]]
    if key == "end_reason":
        return [peer["end"]["reason"] for peer in peers]
    return [peer["metrics"][key] for peer in peers]


def _holds(expectation: Expectation, value: Any) -> bool:
    if value is None:
        return False
    if expectation.text is not None:
        return bool(value == expectation.text)
    return not (
        (expectation.minimum is not None and value < expectation.minimum)
        or (expectation.maximum is not None and value > expectation.maximum)
    )


def _bound(expectation: Expectation) -> str:
    low, high = expectation.minimum, expectation.maximum
    if expectation.text is not None:
        return f"= {expectation.text}"
    if low == high:
        return f"= {low}"
    return " and ".join(
        text
        for text in (f">= {low}" if low is not None else "", f"<= {high}" if high is not None else "")
        if text
    )


def holds(table: dict[str, Any]) -> bool:
    """Every law and every expectation, and nobody's game failed."""
    told = (*table["oracles"], *table["expectations"])
    return all(each["ok"] for each in told) and not _failed_games(table)


def _failed_games(table: dict[str, Any]) -> list[str]:
    ends = [(peer["peer"], peer["end"]) for peer in table["peers"]]
    return [
        f"The game failed on peer {peer}: {end['detail']}"
        for peer, end in ends
        if end["reason"] == EndReason.GAME_FAILED.value
    ]


def sentence(table: dict[str, Any]) -> str:
    """The verdict as a sentence: first whether the data can be trusted, then what was felt."""
    data = table["data"]
    if not data["equal"]:
        return f"The peers' data differ: {data['first_difference']}."
    if not data["true"]:
        return f"The data are equal but not what the inputs give: {data['first_difference']}."
    broken = [oracle for oracle in table["oracles"] if not oracle["ok"]]
    if broken:
        first = broken[0]
        return f"A law does not hold: {first['name']} ({first['id']}), {first['violation']['message']}."
    failed = _failed_games(table)
    if failed:
        return f"{failed[0]}."
    missed = [item for item in table["expectations"] if not item["ok"]]
    if missed:
        item = missed[0]
        return f"Expected {item['key']} {item['bound']}, it was {item['actual']}."
    if data["promise"]:
        return f"Every law holds; {data['promise']} ({data['rows']} rows)."
    return f"All peers' data are equal and true; {_stalls(table)}."


def _stalls(table: dict[str, Any]) -> str:
    stalled = [
        f"player {'+'.join(map(str, peer['players']))} stalled for {peer['metrics']['stalled_ticks']} ticks"
        for peer in table["peers"]
        if peer["metrics"]["stalled_ticks"]
    ]
    return ", ".join(stalled) if stalled else "nobody stalled"

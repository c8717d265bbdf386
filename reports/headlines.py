"""What a run comes down to: names for its peers, its four figures, and what was exercised."""

from dataclasses import dataclass
from typing import Any

from reports.quantities import milliseconds, plural, seconds, share

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One large figure. `is_ok` is None where it is a measure and not a verdict."""

    title: str
    value: str
    meaning: str
    is_ok: bool | None


def peer_name(peer: Table) -> str:
    """ "player 1", or "peer 1 (players 1, 2)" where several play at one peer."""
    players = peer["players"]
    if players == [peer["peer"]]:
        return f"player {peer['peer']}"
    if not players:
        return f"peer {peer['peer']}"
    noun = "player" if len(players) == 1 else "players"
    return f"peer {peer['peer']} ({noun} {', '.join(map(str, players))})"


def incoming_loss(table: Table, peer: int) -> str:
    """The share of the datagrams sent to `peer` that never came."""
    paths = [path for path in table["paths"] if path["target"] == peer]
    return share(sum(path["lost"] for path in paths), sum(path["sent"] for path in paths))


def frame_us(table: Table) -> float:
    """The length of a frame."""
    rate_hz: int = table["scenario"]["session"]["frame_rate_hz"]
    return 1_000_000 / max(1, rate_hz)


def run_title(table: Table) -> str:
    """What was played: "slime-v1 · demo · home Wi-Fi against LTE · 60 s of play · seed 7 · 2 peers".

    A summary often names the game and the length itself; nothing is said twice.
    """
    scenario = table["scenario"]
    summary = scenario.get("summary", "")
    parts = [] if scenario["game"]["id"] in summary else [scenario["game"]["id"]]
    parts += [scenario["name"]] + ([summary] if summary else [])
    if "of play" not in summary:
        parts.append(f"{seconds(round(table['data']['rows'] * frame_us(table), -5))} of play")
    return " · ".join([*parts, f"seed {scenario['seed']}", plural(len(table["peers"]), "peer")])


def headlines(table: Table) -> tuple[Headline, ...]:
    """Equal, true, local response, worst stall: what a reader should know first."""
    return (_equal(table), _true(table), _response(table), _stall(table))


def equal_words(table: Table) -> str:
    """Whose rows are equal and how many; or the first difference."""
    data, peers = table["data"], table["peers"]
    if not data["equal"]:
        return f"first difference: {data.get('first_difference') or 'not located'}"
    who = "both players'" if len(peers) == 2 else f"all {len(peers)} peers'"
    rows = plural(data["rows"], "row")
    if data.get("promise"):  # of a simulated run in which a peer was made to diverge, or to lie
        return f"{rows} are equal, byte for byte; {data['promise']}"
    if len({peer["end"]["frame"] for peer in peers}) > 1:
        return f"{who} rows are equal, byte for byte, as far as each got; the longest table has {rows}"
    return f"{who} {rows} are equal, byte for byte"


def _equal(table: Table) -> Headline:
    data = table["data"]
    meaning = equal_words(table)
    value = "✓ equal" if data["equal"] else "✗ different"
    return Headline(title="The players' data", value=value, meaning=meaning, is_ok=data["equal"])


def _true(table: Table) -> Headline:
    is_true = table["data"]["true"]
    meaning = (
        "equal to a replay without a network" if is_true else "a replay without a network gives other rows"
    )
    value = "✓ true" if is_true else "✗ not true"
    return Headline(title="Against a replay", value=value, meaning=meaning, is_ok=is_true)


def _response(table: Table) -> Headline:
    if all(peer["metrics"].get("input_to_present_max_frames") is None for peer in table["peers"]):
        return Headline(title="Local response", value="–", meaning="not measured in this run", is_ok=None)
    worst, delay = 0, 0
    for peer in table["peers"]:
        metrics = peer["metrics"]
        if (metrics.get("input_to_present_max_frames") or 0) >= worst:
            worst = metrics.get("input_to_present_max_frames") or 0
            delay = metrics.get("input_delay_frames", 0)
    span = milliseconds(worst * frame_us(table))
    meaning = f"from a key press to the screen, at worst ({span}); the input delay is {delay}"
    return Headline(title="Local response", value=plural(worst, "frame"), meaning=meaning, is_ok=None)


def _stall(table: Table) -> Headline:
    worst = max(table["peers"], key=lambda peer: peer["metrics"].get("longest_stall_ticks", 0))
    ticks = worst["metrics"].get("longest_stall_ticks", 0)
    if not ticks:
        return Headline(title="Worst stall", value="none", meaning="no player ever had to wait", is_ok=None)
    total = sum(peer["metrics"].get("stalled_ticks", 0) for peer in table["peers"])
    meaning = f"{plural(ticks, 'tick')} at {peer_name(worst)}; {plural(total, 'tick')} of waiting in all"
    value = milliseconds(ticks * frame_us(table))
    return Headline(title="Worst stall", value=value, meaning=meaning, is_ok=None)


def exercised_sentence(table: Table) -> str:
    """What the run put to the test: "445 rollbacks, 3 blackouts, 60 checksum comparisons"."""
    parts = [
        plural(number, key.removesuffix("s").replace("_", " "))
        for key, number in table["exercised"].items()
        if number
    ]
    return ", ".join(parts) if parts else "nothing: a pass says little here"


def violations(table: Table) -> list[Table]:
    """The oracles that did not hold."""
    return [oracle for oracle in table["oracles"] if not oracle["ok"]]


def broken_expectations(table: Table) -> list[Table]:
    return [expectation for expectation in table["expectations"] if not expectation["ok"]]

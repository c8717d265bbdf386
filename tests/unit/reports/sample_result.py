"""Result folders as a run would write them, drawn from a seed: a minute of play over a bad network.

The figures hang together (lag rises and players stall during a blackout, lost datagrams add up), so
that a report of a sample looks like a report of a run.
"""

import json
import math
import random
from pathlib import Path
from typing import Any

SAMPLE_US = 100_000
FRAME_RATE_HZ = 30
WINDOW_FRAMES = 8
ORACLES = (
    ("O1", "prefix agreement", "Up to the shorter committed prefix every peer holds the same inputs."),
    (
        "O2",
        "provenance",
        "Every input is what its player submitted, or a fill that the ledger explains.",
    ),
    ("O3", "reference", "Replaying the confirmed inputs through a fresh game gives every committed state."),
    ("O4", "immutability", "What was once exposed as committed never changes."),
    ("O5", "no silent misprediction", "Whenever a tick returns, every known input is the one that was used."),
    ("O6", "bounds", "No rollback is deeper than the window, and the loaded cell is that frame's."),
    ("O7", "plan grammar", "Load at most once, then steps without a gap, then advance or stall."),
    ("O8", "minimal work", "A rollback only for a real mismatch; resimulated frames equal the minimum."),
)


def sample_table(
    *, seed: int = 7, peers: int = 2, seconds: int = 60, faults: bool = True, wrong: bool = False
) -> dict[str, Any]:
    """A `result.json`. `wrong`: the run that a planted bug spoilt."""
    rng = random.Random(seed)
    times = list(range(SAMPLE_US, seconds * 1_000_000 + 1, SAMPLE_US))
    events = _events(peers, seconds) if faults else []
    blocked = [event for event in events if event["kind"] == "blackout"]
    paths = [
        _path(rng, source, target, times, [e for e in blocked if f"{source}->{target}" in e["paths"]])
        for source in range(peers)
        for target in range(peers)
        if source != target
    ]
    peer_rows = [_peer(rng, peer, times, blocked, seconds) for peer in range(peers)]
    frames = seconds * FRAME_RATE_HZ
    oracles = [_oracle(key, name, law, rng, wrong) for key, name, law in ORACLES]
    name = "home-wifi-vs-4g"
    sentence = "All peers' data are equal and true; player 1 stalled 46 ticks at the blackout."
    if wrong:
        sentence = "The peers' data differ from frame 1208 on: prefix agreement is violated."
    return {
        "format": 1,
        "kind": "sim",
        "scenario": _scenario(name, seed, peers, events, seconds),
        "scenario_hash": "6d1c" * 16,
        "build_id": "3f9c" * 16,
        "versions": {"sametick": "0.1.0", "python": "3.11.7"},
        "command": f"sametick sim {name} --seed {seed}" + (" --patch row-at-confirm" if wrong else ""),
        "trace_hash": "a07e" * 16,
        "simulated_us": seconds * 1_000_000 + 2_400_000,
        "wall_us": 145_000,
        "verdict": {"ok": not wrong, "sentence": sentence},
        "data": {
            "rows": frames,
            "sha256": "9a41" * 16,
            "equal": not wrong,
            "true": not wrong,
            "first_difference": "frame 1208, actions.right: 0 ≠ 2" if wrong else None,
        },
        "peers": peer_rows,
        "paths": paths,
        "events": events,
        "oracles": oracles,
        "expectations": [
            {"key": "desyncs", "bound": "= 0", "actual": "0 / 0", "ok": True},
            {"key": "rollback_depth_p95_frames", "bound": "<= 4", "actual": "3 / 6", "ok": not wrong},
        ],
        "exercised": {
            "rollbacks": sum(peer["metrics"]["rollbacks"] for peer in peer_rows),
            "stalls": sum(peer["metrics"]["stalled_ticks"] for peer in peer_rows),
            "checksum_comparisons": 60,
            "drops": 0,
            "suspensions": 0,
            "interruptions": len(blocked),
            "delay_changes": 1 if faults else 0,
            "blackouts": len(blocked),
        },
    }


def _events(peers: int, seconds: int) -> list[dict[str, Any]]:
    unit = seconds * 1_000_000 // 60
    every = [f"{a}->{b}" for a in range(peers) for b in range(peers) if a != b]

    def event(at: int, length: int, kind: str, label: str, **rest: Any) -> dict[str, Any]:
        return {"at_us": at, "for_us": length, "kind": kind, "label": label, "peers": [], "paths": [], **rest}

    return [
        event(9 * unit, 1_500_000, "blackout", "blackout 0->1", paths=["0->1"]),
        event(21 * unit, 1_500_000, "blackout", "blackout", paths=every),
        event(30 * unit, 0, "delay", "input delay 2 to 4", peers=[0]),
        event(36 * unit, 5_000_000, "hidden", "player 1 hidden", peers=[1]),
        event(49 * unit, 900_000, "blackout", "blackout 1->0", paths=["1->0"]),
    ]


def _inside(at_us: int, events: list[dict[str, Any]], after_us: int = 0) -> bool:
    return any(e["at_us"] < at_us <= e["at_us"] + e["for_us"] + after_us for e in events)


def _peer(
    rng: random.Random, peer: int, times: list[int], blocked: list[dict[str, Any]], seconds: int
) -> dict[str, Any]:
    depth, advantage, confirmation, commit, stalled = [], [], [], [], []
    drift = 0.6 if peer % 2 else -0.6
    lag = 4
    for at in times:
        dark = _inside(at, blocked)
        lag = lag + 3 if dark else max(4, lag - 12)
        confirmation.append(min(lag, WINDOW_FRAMES + 2) + rng.choice((0, 0, 1)))
        commit.append(lag + 5 + rng.choice((0, 1, 1, 2)))
        stalled.append(3 if dark and lag > WINDOW_FRAMES + 4 else 0)
        deep = WINDOW_FRAMES if _inside(at, blocked, 200_000) else rng.choice((2, 3, 3, 4, 5))
        depth.append(deep if rng.random() < 0.35 else 0)
        drift += rng.uniform(-0.12, 0.12) - 0.03 * drift
        advantage.append(round(drift + (2 * math.sin(at / 9e6) if dark else 0.0), 3))
    histogram = [[d, sum(1 for x in depth if x == d)] for d in range(1, WINDOW_FRAMES + 1)]
    histogram = [pair for pair in histogram if pair[1]]
    rollbacks = sum(count for _, count in histogram)
    resimulated = sum(d * count for d, count in histogram)
    frames = seconds * FRAME_RATE_HZ
    return {
        "peer": peer,
        "players": [peer],
        "end": {"reason": "completed", "frame": frames - 1, "peer": None},
        "metrics": {
            "frames": frames,
            "rollbacks": rollbacks,
            "rollback_depth_p50_frames": 3,
            "rollback_depth_p95_frames": 5 + peer % 2,
            "rollback_depth_max_frames": max((d for d, _ in histogram), default=0),
            "resimulated_frames": resimulated,
            "resimulated_minimum_frames": resimulated,
            "stalled_ticks": sum(stalled),
            "longest_stall_ticks": 46 if any(stalled) else 0,
            "skipped_ticks": 12,
            "confirmation_lag_p50_frames": 4,
            "confirmation_lag_p95_frames": 7,
            "confirmation_lag_max_frames": max(confirmation),
            "commit_lag_p50_frames": 9,
            "commit_lag_p95_frames": 14,
            "commit_lag_max_frames": max(commit),
            "input_to_present_max_frames": 2,
            "input_delay_frames": 2,
            "dropped_inputs": 0,
            "rtt_p50_us": 96_300,
            "rtt_max_us": 171_000,
            "sent_bytes_per_s": 1_044,
            "sent_datagrams": frames + 74,
            "received_datagrams": int(frames * 0.95),
            "rejected_datagrams": 0,
            "checksum_comparisons": 30,
            "desyncs": 0,
            "interruptions": len(blocked),
            "speculative_frames": frames * 4 // 5,
        },
        "depth_histogram": histogram,
        "series": {
            "t_us": times,
            "rollback_depth": depth,
            "frame_advantage": advantage,
            "confirmation_lag": confirmation,
            "commit_lag": commit,
            "stalled": stalled,
        },
    }


def _path(
    rng: random.Random, source: int, target: int, times: list[int], blocked: list[dict[str, Any]]
) -> dict[str, Any]:
    delay: list[int | None] = []
    lost = []
    for at in times:
        dark = _inside(at, blocked)
        delay.append(None if dark else 40_000 + 12_000 * source + int(rng.expovariate(1 / 6_000)))
        lost.append(3 if dark else sum(rng.random() < 0.05 for _ in range(3)))
    known = sorted(value for value in delay if value is not None)
    sent = 3 * len(times)
    return {
        "source": source,
        "target": target,
        "sent": sent,
        "delivered": sent - sum(lost),
        "lost": sum(lost),
        "duplicated": 3,
        "reordered": 41,
        "bytes": sent * 35,
        "delay_p50_us": known[len(known) // 2],
        "delay_p95_us": known[len(known) * 95 // 100],
        "delay_max_us": known[-1],
        "series": {"t_us": times, "delay_us": delay, "lost": lost},
    }


def _oracle(key: str, name: str, law: str, rng: random.Random, wrong: bool) -> dict[str, Any]:
    violation = None
    if wrong and key == "O1":
        violation = {
            "frame": 1208,
            "player": 1,
            "peer": 0,
            "message": "input of player 1 is 0 at peer 0 and 2 at peer 1",
            "command": "sametick sim home-wifi-vs-4g --seed 7 --patch row-at-confirm",
        }
    checks = rng.randrange(1_000, 40_000)
    return {
        "id": key,
        "name": name,
        "law": law,
        "ok": violation is None,
        "checks": checks,
        "violation": violation,
    }


def _scenario(name: str, seed: int, peers: int, events: list[dict[str, Any]], seconds: int) -> dict[str, Any]:
    link = {"up": True, "loss": "bernoulli", "loss_ppm": 50_000, "delay_us": 40_000, "jitter": "normal"}
    link |= {"jitter_us": 6_000, "rate_bps": 0, "four_state_ppm": []}
    ordered = [(a, b) for a in range(peers) for b in range(peers) if a != b]
    return {
        "format": 1,
        "name": name,
        "seed": seed,
        "summary": "home Wi-Fi against LTE",
        "group": "asymmetric",
        "limit_us": 0,
        "game": {
            "id": "slime-v1",
            "params": {},
            "episodes": 2,
            "max_steps": seconds * FRAME_RATE_HZ // 2,
            "countdown_frames": 0,
        },
        "session": {
            "frame_rate_hz": FRAME_RATE_HZ,
            "input_delay_frames": 2,
            "prediction_window_frames": WINDOW_FRAMES,
            "time_sync": "window",
        },
        "players": [{"bot": "random", "hold_frames": 12, "peer": peer} for peer in range(peers)],
        "hosts": [{"clock_drift_ppm": 20 * peer, "clock_offset_us": 0} for peer in range(peers)],
        "network": {
            "transport": "datagram",
            "paths": [{"source": a, "target": b, "link": dict(link)} for a, b in ordered],
            "relay": [],
        },
        "events": [
            {key: event[key] for key in ("at_us", "for_us", "kind", "paths", "peers")} for event in events
        ],
        "expect": [{"key": "desyncs", "minimum": 0, "maximum": 0, "text": None}],
    }


def sample_rows(*, seed: int = 7, rows: int = 200) -> list[list[str]]:
    """A shared table, header first, as text cells."""
    rng = random.Random(seed)
    header = ["frame", "episode", "t"]
    for column in ("actions", "rewards", "terminateds", "truncateds"):
        header += [f"{column}.{agent}" for agent in ("left", "right")]
    header += ["isFocused.left", "isFocused.right"]
    table = [header]
    for frame in range(rows):
        point = rng.choice((0.0, 0.0, 0.0, 1.0))
        cells: list[object] = [frame, frame // 100, frame % 100, rng.randrange(6), rng.randrange(6)]
        cells += [point, -point, frame % 100 == 99, frame % 100 == 99, False, False, True, rng.random() < 0.9]
        table.append([str(cell) for cell in cells])
    return table


def write_sample(folder: Path, *, seed: int = 7, **options: Any) -> Path:
    """A whole result folder."""
    table = sample_table(seed=seed, **options)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps(table), encoding="utf-8")
    lines = [",".join(row) for row in sample_rows(seed=seed, rows=table["data"]["rows"])]
    for peer in table["peers"]:
        text = "\n".join(lines) + "\n"
        (folder / f"player-{peer['peer']}.csv").write_text(text, encoding="utf-8", newline="")
        local = "frame,episode,t,presentedAtUs,path\n0,0,0,33333,direct\n"
        (folder / f"player-{peer['peer']}.local.csv").write_text(local, encoding="utf-8", newline="")
    return folder

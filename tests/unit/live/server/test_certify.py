"""A certificate is given to data that are equal and true, and to nothing else."""

from typing import Any

import pytest

from live.server.certify import certify, inputs_table, replay_apart, replayed_rows
from live.server.uploads import Upload
from rollback_core.recorder import csv_text, shared_header
from scenarios.registry import create_game

GAME: dict[str, Any] = {"id": "counter-v1", "params": {}}
OFFER: dict[str, Any] = {
    "game": GAME,
    "terms": {"seed": 5, "episodes": 1, "max_steps": 40, "countdown_frames": 0},
}
HEADER = csv_text([shared_header(create_game("counter-v1").spec)])
READY = 4  # counter-v1 has four actions


def true_upload(frames: int = 41) -> Upload:
    """What an honest peer uploads: the first frame is everybody's readiness."""
    played = [([READY, READY], 3, 0)] + [([f % 4, f // 3 % 4], 3, 0) for f in range(frames - 1)]
    rows = replayed_rows(inputs_table(OFFER, played))[len(HEADER) :]
    return Upload(frames=played, rows=rows)


async def verdict_of(left: Upload, right: Upload, complete: tuple[bool, bool] = (True, True)) -> Any:
    return await certify([left, right], OFFER, are_complete=complete, header=HEADER)


@pytest.mark.asyncio
async def test_honest_peers_are_equal_and_true() -> None:
    verdict = await verdict_of(true_upload(), true_upload())
    assert (verdict.is_equal, verdict.replay, verdict.rows) == (True, "equal", 40)
    assert verdict.episodes == ({"episode": 0, "rows": 40, "is_equal": True, "replay": "equal"},)


@pytest.mark.asyncio
async def test_one_changed_cell_is_found_and_named() -> None:
    honest = true_upload()
    lines = honest.rows.splitlines()
    cells = lines[20].split(",")
    cells[3] = "3" if cells[3] != "3" else "0"
    tampered = Upload(
        frames=honest.frames, rows="\n".join([*lines[:20], ",".join(cells), *lines[21:]]) + "\n"
    )
    verdict = await verdict_of(honest, tampered)
    assert not verdict.is_equal
    assert verdict.difference.startswith("frame 21, actions.player-0:")


@pytest.mark.asyncio
async def test_peers_that_tell_the_same_lie_are_equal_but_not_true() -> None:
    honest = true_upload()
    lie = Upload(frames=honest.frames, rows=honest.rows.replace(",0.0,", ",1.0,", 1))
    verdict = await verdict_of(lie, lie)
    assert (verdict.is_equal, verdict.replay) == (True, "differs")


@pytest.mark.asyncio
async def test_inputs_that_differ_behind_equal_rows_are_found() -> None:
    honest = true_upload()
    other = Upload(frames=[*honest.frames[:5], ([0, 0], 1, 0), *honest.frames[6:]], rows=honest.rows)
    verdict = await verdict_of(honest, other)
    assert verdict.difference == "the inputs of the peers differ"


@pytest.mark.asyncio
async def test_who_left_early_has_a_prefix() -> None:
    whole, part = true_upload(), true_upload(20)
    assert (await verdict_of(whole, part, (True, False))).is_equal
    verdict = await verdict_of(whole, part, (True, True))
    assert verdict.difference == "peers that completed have tables of different length"


@pytest.mark.asyncio
async def test_a_game_that_hangs_is_not_replayable() -> None:
    inputs = inputs_table(
        {**OFFER, "game": {"id": "counter-v1", "params": {"work": 1_000_000}}}, true_upload().frames
    )
    text, why = await replay_apart(inputs, deadline_s=0.3)
    assert text is None
    assert "more than" in why


@pytest.mark.asyncio
async def test_inputs_that_are_none_are_not_replayable() -> None:
    upload = Upload(frames=[([9, 9], 3, 0)], rows="")
    verdict = await verdict_of(upload, upload)
    assert (verdict.is_equal, verdict.replay) == (True, "not-replayable")
    assert "actions" in verdict.difference


@pytest.mark.asyncio
async def test_what_cannot_be_read_is_neither_equal_nor_hidden() -> None:
    honest, other = true_upload(), true_upload()
    broken = Upload(frames=other.frames, rows=other.rows, problem="log chunk 3 is not JSON")
    verdict = await verdict_of(honest, broken)
    assert (verdict.is_equal, verdict.replay) == (False, "equal")
    assert verdict.difference == "peer 1's upload cannot be read: log chunk 3 is not JSON"


@pytest.mark.asyncio
@pytest.mark.parametrize("episode", ["9" * 5_000, "٣", "-1", "x", ""])
async def test_a_row_of_no_episode_is_a_difference_and_no_more(episode: str) -> None:
    honest = true_upload()
    lines = honest.rows.splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([cells[0], episode, *cells[2:]])
    liar = Upload(frames=honest.frames, rows="\n".join(lines) + "\n")
    verdict = await verdict_of(honest, liar)
    assert not verdict.is_equal

"""`sametick bots` as its users meet it: the table, the JSON, the exit codes."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_server import config_for, running_server, short_scenario

pytestmark = pytest.mark.asyncio


@dataclass(frozen=True, slots=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


async def called(*words: str) -> Result:
    """In a process of its own, as the server in this one writes to the same streams."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sametick", "bots", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Result(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["nonsense"], "no address of a server"),
        (["http://127.0.0.1:9/"], "no server there"),
        (["http://127.0.0.1:9/", "--scenario", "no-such"], "no-such"),
    ],
)
async def test_mistakes_are_told_in_three_lines(words: list[str], part: str) -> None:
    result = await called(*words)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0].startswith("✗ ")
    assert lines[-1].startswith("  to do: ")
    assert part in result.stderr
    assert result.stdout == ""


@pytest.mark.slow
async def test_a_pair_plays_and_is_told_as_a_table_and_as_json(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario(steps=60))) as server:
        table = await called(server.url, "--game", "counter-v1")
        assert table.exit_code == 0, table.stderr
        assert "1 matches, all data equal and true" in table.stdout
        told = await called(server.url, "--json")
        assert told.exit_code == 0, told.stderr
        found = json.loads(told.stdout)
        assert found["ok"] is True
        assert [bot["end"] for bot in found["bots"]] == ["completed"] * 2


@pytest.mark.slow
async def test_another_game_is_a_mistake_and_no_match_a_failure(tmp_path: Path) -> None:
    async with running_server(config_for(tmp_path, short_scenario(steps=60))) as server:
        other = await called(server.url, "--game", "slime-v1")
        assert other.exit_code == 2
        assert "plays counter-v1, not slime-v1" in other.stderr
        alone = await called(server.url, "--seats", "1", "--seconds", "0.5")
        assert alone.exit_code == 1, alone.stderr

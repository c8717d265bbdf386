"""Every task comes to its result or is named, whatever becomes of the processes that play it."""

import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from netsim.workers import Lost, Task, played

SHORT_S = 0.05  # of the tests' own clocks, which stand still until a task has shown that it hangs


def tasks(*arguments: Any) -> list[Task]:
    return [Task(f"task {number}", (each,)) for number, each in enumerate(arguments)]


def double(number: int) -> int:
    return 2 * number


def with_process(number: int) -> tuple[int, int]:
    return number, os.getpid()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("survived")


def die_once(mark: Path) -> int:
    """The process that played it at last; the first one is killed."""
    if not mark.exists():
        mark.touch()
        die()
    return os.getpid()


def die_at_one(number: int) -> int:
    return die() if number == 1 else number


def hang_once(mark: Path) -> str:
    if not mark.exists():
        mark.touch()
        threading.Event().wait()
    return "done"


def hang(folder: Path) -> str:
    (folder / str(os.getpid())).touch()
    threading.Event().wait()
    return "never"


class Odd(Exception):
    """Cannot be made again from what it says."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(left + right)


def fail(kind: str) -> int:
    if kind == "odd":
        raise Odd("told ", "oddly")
    raise FileNotFoundError(2, "gone", "a file")


def lock(_: int) -> object:
    return threading.Lock()


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_task_has_its_result_whatever_the_number_of_processes(jobs: int) -> None:
    found = [(task.name, result) for task, result in played(double, tasks(*range(7)), jobs)]
    assert sorted(found) == [(f"task {number}", 2 * number) for number in range(7)]


def test_no_more_processes_than_asked_for_and_each_plays_many_tasks() -> None:
    found = [result for _, result in played(with_process, tasks(*range(20)), 2)]
    processes = {result[1] for result in found if isinstance(result, tuple)}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes


def test_tasks_are_taken_as_workers_get_free() -> None:
    taken = itertools.count()
    endless = (Task(str(number), (number,)) for number in taken)
    results = played(double, endless, 2)
    for _ in range(3):
        next(results)
    results.close()
    assert next(taken) <= 5, "two being played, and three that are done"


def test_a_worker_that_is_killed_costs_its_task_a_second_try_in_another_process(tmp_path: Path) -> None:
    marks = [tmp_path / name for name in "abc"]
    for mark in marks[1:]:
        mark.touch()
    found = {task.name: result for task, result in played(die_once, tasks(*marks), 1)}
    assert set(found) == {"task 0", "task 1", "task 2"}
    assert all(isinstance(result, int) for result in found.values())


def test_a_task_that_kills_every_worker_is_named_and_the_others_are_played() -> None:
    found = {task.name: result for task, result in played(die_at_one, tasks(*range(5)), 2)}
    assert found.pop("task 1") == Lost("task 1", "its process died, 2 times")
    assert found == {f"task {number}": number for number in (0, 2, 3, 4)}


def stopped_until(shown: Callable[[], int]) -> Callable[[], float]:
    """A clock that stands still, but for a leap past every limit whenever a further task hangs."""
    return lambda: 1_000.0 * shown()


def test_a_worker_that_hangs_costs_its_task_a_second_try(tmp_path: Path) -> None:
    mark = tmp_path / "hangs"
    clock = stopped_until(lambda: mark.exists())
    [(task, result)] = played(hang_once, tasks(mark), 1, limit_s=SHORT_S, clock=clock)
    assert (task.name, result) == ("task 0", "done")


def test_a_task_that_always_hangs_is_named_and_its_processes_are_gone(tmp_path: Path) -> None:
    clock = stopped_until(lambda: len(list(tmp_path.iterdir())))
    [(_, result)] = played(hang, tasks(tmp_path), 1, limit_s=SHORT_S, clock=clock)
    assert result == Lost("task 0", "its process did not answer any more, 2 times")
    processes = [int(file.name) for file in tmp_path.iterdir()]
    assert len(processes) == 2
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_whoever_stops_asking_ends_the_workers(tmp_path: Path) -> None:
    def clock() -> float:
        if any(tmp_path.iterdir()):
            raise KeyboardInterrupt
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        list(played(hang, tasks(tmp_path), 1, limit_s=SHORT_S, clock=clock))
    [process] = [int(file.name) for file in tmp_path.iterdir()]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_what_a_task_raises_is_raised_with_its_place() -> None:
    with pytest.raises(FileNotFoundError) as error:
        list(played(fail, tasks("file"), 1))
    assert error.value.filename == "a file"
    assert "in fail" in error.value.__notes__[0]
    with pytest.raises(RuntimeError, match="told oddly"):
        list(played(fail, tasks("odd"), 1))
    with pytest.raises(TypeError, match="pickle"):
        list(played(lock, tasks(1), 1))

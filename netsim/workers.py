"""Tasks played by worker processes. One that dies or hangs costs its task a second try, and nothing else.

In concurrent.futures and in loky one death breaks the whole pool, and neither has a limit per task; pebble
has both right but is LGPL, and what the simulator needs carries permissive licences: hence these lines.
"""

import contextlib
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Final, TypeVar

T = TypeVar("T")

HOUR_S: Final = 3_600.0  # a run with its laws takes seconds, a batch of them minutes
TRIES: Final = 2  # what ended one worker may have been the machine; what ended two was the task


@dataclass(frozen=True, slots=True)
class Task:
    """Arguments for the function that is played; they go through pickle. People know it by its name."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Instead of a result: no worker came through this task."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def played(
    function: Callable[..., T],
    tasks: Iterable[Task],
    jobs: int,
    *,
    limit_s: float = HOUR_S,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Task, T | Lost]]:
    """Each task with its result, in the order in which they are done, by so many processes.

    Tasks are taken from the iterable as workers get free. What the function raises is raised here. Whoever
    stops asking ends the workers. `limit_s` is of wall time, for one try. It guards against a process that
    does not answer any more and is no verdict: let it be far beyond what a task can take.
    """
    coming = iter(tasks)
    again: list[Task] = []
    free: list[_Worker] = []
    busy: dict[Connection, _Worker] = {}
    try:
        while True:
            while len(busy) < jobs:
                is_second = bool(again)
                task = again.pop() if again else next(coming, None)
                if task is None:
                    break
                worker = _Worker() if is_second or not free else free.pop()
                worker.give(function, task, 1 + is_second, clock() + limit_s)
                busy[worker.pipe] = worker
            if not busy:
                return
            for worker, answer in _answers(busy, clock):
                del busy[worker.pipe]
                if isinstance(answer, _Answer):
                    free.append(worker)
                    yield worker.task, answer.value
                    continue
                worker.end()
                if worker.number < TRIES:
                    again.append(worker.task)
                else:
                    yield worker.task, Lost(worker.task.name, f"{answer}, {TRIES} times")
    finally:
        for worker in (*free, *busy.values()):
            worker.end()


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Any
    error: Exception | None = None


class _Worker:
    """A process that plays a task at a time, and the near end of the pipe to it."""

    def __init__(self) -> None:
        context = get_context("spawn")  # nothing is shared: a task is a function of its arguments
        self.pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end,), daemon=True)
        self._process.start()
        far_end.close()  # only the process has it now: its death ends the pipe

    def give(self, function: Callable[..., Any], task: Task, number: int, deadline: float) -> None:
        """Let it play the task, for the `number`-th time, until the deadline."""
        self.task = task
        self.number = number
        self.deadline = deadline
        with contextlib.suppress(BrokenPipeError):  # it is dead already: the answer will say so
            self.pipe.send((function, task.arguments))

    def answer(self) -> _Answer | str:
        """What it answers, or what has become of it. Raises what the task has raised."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            return "its process died"
        assert isinstance(answer, _Answer)
        if answer.error is not None:
            raise answer.error
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _answers(
    busy: dict[Connection, _Worker], clock: Callable[[], float]
) -> Iterator[tuple[_Worker, _Answer | str]]:
    """Wait for the next answers or the next deadline; what each worker says, or why it does not."""
    nearest = min(worker.deadline for worker in busy.values())
    ready = wait(list(busy), max(0.0, nearest - clock()))
    now = clock()
    for pipe, worker in list(busy.items()):
        if pipe in ready:
            yield worker, worker.answer()
        elif worker.deadline <= now:
            yield worker, "its process did not answer any more"


def _serve(pipe: Connection) -> None:
    """In the worker: play what comes until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who gives the tasks, and ends us
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            function, arguments = pipe.recv()
            try:
                answer = pickle.dumps(_Answer(function(*arguments)))
            except Exception as error:  # whatever it is: it is raised where the task came from
                answer = pickle.dumps(_Answer(None, _sendable(error)))
            pipe.send_bytes(answer)


def _sendable(error: Exception) -> Exception:
    """The error with the place where it arose; if it cannot go through a pipe, its words."""
    told = traceback.format_exc()
    error.add_note(told)
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an error's class may ask for more than pickle gives it
        return RuntimeError(told)
    return error

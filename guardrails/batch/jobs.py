"""Tags many files, on one core or several: the same lines, in the same order, either way.

A worker reads and tags a file. A file that is large beside the others is read by the parent, which
hands its runs out one by one. A few units are under way at a time, so memory is bounded by those:
runs of large files, lines of the others. What cannot be read is told among the lines, and nothing
after it is lost.
"""

import signal
from collections import deque
from collections.abc import Collection, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from guardrails.batch.lines import encode
from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun
from guardrails.batch.tagging import tag_run
from guardrails.core.mast import FailureMode
from guardrails.errors import GuardrailsError, TraceError, UsageError

AHEAD = 3
"""Units under way for each worker: enough that none waits while a long one ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file, or a run of one, of which there is no line."""

    source: str
    said: str
    """One line for a person; it names the file."""
    bug: bool = False
    """True when it is our fault."""


Item = bytes | Unread
"""A line of `guardrails.batch.lines`, without its end, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of each run."""

    modes: frozenset[FailureMode] = frozenset()
    """Those of interest; empty: all."""
    judge: str = ""
    """A language model that adds what it finds; empty for none."""


def tag_files(
    paths: Sequence[Path],
    *,
    jobs: int = 1,
    modes: Collection[FailureMode] = (),
    judge: str = "",
) -> Iterator[Item]:
    """Yield the tagged runs of files, file by file, each in its own order.

    Args:
        paths: Files of traces.
        jobs: Processes. 1 works in this one.
        modes: Those of interest; empty: all.
        judge: A language model that adds what it finds, such as `openai:gpt-5`.

    Raises:
        GuardrailsError: A worker died.
        UsageError: The judge cannot be set up.
    """
    wanted = Asked(modes=frozenset(modes), judge=judge)
    if jobs > 1:
        yield from _spread(paths, jobs=jobs, asked=wanted)
        return
    for path in paths:
        yield from tag_file(path, wanted)


def tag_file(path: Path, asked: Asked) -> Iterator[Item]:
    """Yield the lines of one file; what stops the reading comes last."""
    for read in _read(path):
        yield read if isinstance(read, Unread) else _tagged(read, str(path), asked)


def large_files(paths: Sequence[Path], *, jobs: int) -> frozenset[Path]:
    """Return the files that hold more than one job's share of all bytes.

    Read by one worker, such a file would keep the others waiting at the end.
    """
    sizes = {path: _size(path) for path in paths}
    whole = sum(sizes.values())
    return frozenset(path for path, size in sizes.items() if size * jobs > whole)


def _spread(paths: Sequence[Path], *, jobs: int, asked: Asked) -> Iterator[Item]:
    # Spawned, not forked: the parent may have threads (a test runner, a notebook).
    pool = ProcessPoolExecutor(
        max_workers=jobs, mp_context=get_context("spawn"), initializer=_leave_interrupts
    )
    running: deque[Future[list[Item]] | Unread] = deque()
    try:
        for task in _tasks(paths, pool, large_files(paths, jobs=jobs), asked):
            running.append(task)
            if len(running) >= jobs * AHEAD:
                yield from _done(running.popleft())
        while running:
            yield from _done(running.popleft())
    except BrokenProcessPool as error:
        raise GuardrailsError(
            "a worker process died, most likely for want of memory; fewer --jobs need less"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _tasks(
    paths: Sequence[Path],
    pool: ProcessPoolExecutor,
    large: frozenset[Path],
    asked: Asked,
) -> Iterator[Future[list[Item]] | Unread]:
    """Hand out work, a file or a run at a time, in the order in which lines are wanted."""
    for path in paths:
        if path not in large:
            with _interrupts_held():
                task = pool.submit(_work_on_file, path, asked)
            yield task
            continue
        for read in _read(path):
            if isinstance(read, Unread):
                yield read
                continue
            with _interrupts_held():
                task = pool.submit(_work_on_run, read, str(path), asked)
            yield task


def _done(task: Future[list[Item]] | Unread) -> list[Item]:
    return [task] if isinstance(task, Unread) else task.result()


def _work_on_file(path: Path, asked: Asked) -> list[Item]:
    return list(tag_file(path, asked))


def _work_on_run(run: RecordedRun, source: str, asked: Asked) -> list[Item]:
    return [_tagged(run, source, asked)]


def _read(path: Path) -> Iterator[RecordedRun | Unread]:
    """Yield the runs of a file, and at last what stopped the reading, if anything did."""
    source = str(path)
    try:
        yield from read_runs(path)
    except TraceError as error:
        yield Unread(source=source, said=_line(str(error)))
    except OSError as error:
        yield Unread(source=source, said=f"{source}: cannot read it: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001  # one broken file must not cost the others
        yield Unread(source=source, said=_bug(source, error), bug=True)


def _tagged(run: RecordedRun, source: str, asked: Asked) -> Item:
    try:
        return encode(tag_run(run, source=source, modes=asked.modes, judge=asked.judge))
    except UsageError:
        raise  # a judge that cannot be set up is so for every run
    except Exception as error:  # noqa: BLE001  # one run must not cost the others
        return Unread(source=source, said=_bug(f"{source}: run {run.run_id}", error), bug=True)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the parent, which cancels what has not begun."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _interrupts_held() -> Generator[None]:
    """Start workers with Ctrl-C held back: one that is still loading would print a traceback.

    They inherit it, and this process takes its own again afterwards. Windows has no such mask.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _bug(where: str, error: Exception) -> str:
    return _line(
        f"{where}: unexpected {type(error).__name__}: {error}. This is a bug in guarded-agent: "
        "please open an issue"
    )


def _line(text: str) -> str:
    return " ".join(text.split())

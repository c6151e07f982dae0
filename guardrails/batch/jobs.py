"""Tags many files, on one core or several: the same lines, in the same order, either way.

Units of work are handed out in the order of their lines, a few at a time. What cannot be read is
told among the lines, and nothing after it is lost.
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from pathlib import Path

from guardrails.batch.items import Asked, Item, Unread
from guardrails.batch.units import Files, Runs, Unit, units_of
from guardrails.batch.workers import interrupts_held, leave_interrupts, spawning
from guardrails.core.mast import FailureMode
from guardrails.errors import GuardrailsError

AHEAD = 3
"""Units under way for each worker: enough that none waits while the next is made."""
HELD = 32
"""Units for each worker whose lines may wait for those of one before them. Lines are small, and a
worker that waited with them would be idle."""

_Task = Future[list[Item]]


def tag_files(
    paths: Sequence[Path],
    *,
    jobs: int = 1,
    modes: Collection[FailureMode] = (),
    judge: str = "",
    context: BaseContext | None = None,
) -> Iterator[Item]:
    """Yield the tagged runs of files, file by file, each in its own order.

    Args:
        paths: Files of traces.
        jobs: Processes. 1 works in this one.
        modes: Those of interest; empty: all.
        judge: A language model that adds what it finds, such as `openai:gpt-5`.
        context: How processes are started; None spawns them.

    Raises:
        GuardrailsError: A worker died.
        UsageError: The judge cannot be set up.
    """
    asked = Asked(modes=frozenset(modes), judge=judge)
    if jobs > 1:
        yield from _spread(paths, jobs=jobs, asked=asked, context=context or spawning())
        return
    from guardrails.batch.work import tag_unit  # noqa: PLC0415  # see `_work`

    yield from tag_unit(Files(paths=tuple(paths)), asked)


def _spread(
    paths: Sequence[Path], *, jobs: int, asked: Asked, context: BaseContext
) -> Iterator[Item]:
    pool = ProcessPoolExecutor(max_workers=jobs, mp_context=context, initializer=leave_interrupts)
    try:
        tasks = (_begun(unit, pool, asked) for unit in units_of(paths, jobs=jobs))
        yield from _in_order(tasks, jobs=jobs)
    except BrokenProcessPool as error:
        raise GuardrailsError(
            "a worker process died, most likely for want of memory; fewer --jobs need less"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begun(unit: Unit, pool: ProcessPoolExecutor, asked: Asked) -> _Task:
    """Hand a unit to a worker; what could not be read is done already."""
    if isinstance(unit, Unread):
        done: _Task = Future()
        done.set_result([unit])
        return done
    with interrupts_held():
        return pool.submit(_work, unit, asked)


def _in_order(tasks: Iterator[_Task], *, jobs: int) -> Iterator[Item]:
    """Yield what tasks bring, in their order, and begin no more of them than are due."""
    held: deque[_Task] = deque()
    for task in tasks:
        held.append(task)
        while len(busy := [one for one in held if not one.done()]) >= jobs * AHEAD:
            wait(busy, return_when=FIRST_COMPLETED)
        while held and (held[0].done() or len(held) >= jobs * HELD):
            yield from held.popleft().result()
    for task in held:
        yield from task.result()


def _work(unit: Files | Runs, asked: Asked) -> list[Item]:
    # Loaded by workers alone: this process has enough to do, and would load it before they start.
    from guardrails.batch.work import tag_unit  # noqa: PLC0415

    return list(tag_unit(unit, asked))

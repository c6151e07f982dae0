"""The engine of one machine: processes that take a unit each.

A process that dies costs the units that it had in hand, which are begun again. One that keeps dying
over the same work ends the command, which can then be asked to go on.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from multiprocessing.context import BaseContext
from typing import Final

from guardrails.batch.scale.manifest import Manifest, records
from guardrails.batch.scale.places import place_of
from guardrails.batch.scale.plan import Unit
from guardrails.batch.scale.work import Done, Job, do_unit
from guardrails.batch.workers import interrupts_held, leave_interrupts, spawning
from guardrails.errors import GuardrailsError, UsageError

AHEAD: Final = 2
"""Units under way for each process, so that none waits while the next is handed out."""
DEATHS: Final = 3
"""Deaths of processes without a unit done in between, after which the work is given up."""


def done_locally(
    units: Sequence[Unit],
    job: Job,
    manifest: Manifest,
    *,
    jobs: int,
    context: BaseContext | None = None,
) -> Iterator[Done]:
    """Do units, and yield their records as they are done.

    Args:
        units: Those to do.
        job: What they have in common.
        manifest: Of the output, to see what a process that died had done.
        jobs: Processes; 1 works in this one.
        context: How processes are started; None spawns them.

    Raises:
        GuardrailsError: Processes kept dying.
        UsageError: An input changed, or several processes cannot share a place.
    """
    if jobs <= 1:
        yield from (do_unit(unit, job) for unit in units)
        return
    alone = [one for one in (job.output, *(u.source for u in units)) if one.startswith("memory:")]
    if alone:
        raise UsageError(f"{alone[0]}: memory:// is of one process: take --jobs 1")
    pending = {unit.number: unit for unit in units}
    deaths = 0
    while pending:
        before = len(pending)
        try:
            for done in _pool(list(pending.values()), job, jobs, context or spawning()):
                del pending[done.unit]
                yield done
        except BrokenProcessPool as error:
            # What a process had put in place before it died is done, whoever heard of it.
            for done in _unheard(pending, job, manifest):
                del pending[done.unit]
                yield done
            deaths = deaths + 1 if len(pending) == before else 1
            if deaths >= DEATHS:
                unit = next(iter(pending.values()))
                raise GuardrailsError(
                    f"{deaths} worker processes died one after the other, near {unit.source}, most "
                    "likely for want of memory; the same command with fewer --jobs goes on"
                ) from error


def _pool(units: Sequence[Unit], job: Job, jobs: int, context: BaseContext) -> Iterator[Done]:
    pool = ProcessPoolExecutor(max_workers=jobs, mp_context=context, initializer=prepare)
    waiting: set[Future[Done]] = set()
    try:
        for unit in units:
            with interrupts_held():
                waiting.add(pool.submit(do_unit, unit, job))
            while len(waiting) >= jobs * AHEAD:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in finished)
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in finished)
    finally:
        pool.shutdown(cancel_futures=True)


def _unheard(pending: Mapping[int, Unit], job: Job, manifest: Manifest) -> list[Done]:
    there = records(place_of(job.output), manifest)
    return [done for number, done in there.items() if number in pending]


def prepare() -> None:
    """Leave Ctrl-C to the parent, and leave with it: without it nobody would end this process."""
    leave_interrupts()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: object) -> None:
    join = getattr(parent, "join")  # noqa: B009  # its class is private
    join()
    os._exit(1)

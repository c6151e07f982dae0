"""Deals cases out to lanes: side by side, then, one at a time, those that touch what is shared.

A case that could not be set up is tried once more when all others are done.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import queue
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.gates.cases.model import Case
from benchmarks.gates.live.ground import Ground
from benchmarks.gates.live.lane import Lane, LaneSpec
from benchmarks.gates.results import CaseResult
from e2e.clusters.leash import put_on

END = None
"""Sent to a lane that has nothing left to do."""

LANE_STARTS_AFTER_SECONDS = 1.0
"""Between two lanes: eight apps at the same second would make all of them late."""

QUIET_LANES = 2
"""For cases that could not be set up at first."""

OnResult = Callable[[CaseResult], None]


def run_cases(ground: Ground, cases: Sequence[Case], on_result: OnResult) -> list[CaseResult]:
    """Run all cases.

    Args:
        ground: The cluster and its lanes.
        cases: In any order; those that are exclusive run after the others, on one lane.
        on_result: Told of each case as it ends; twice of one that could not be set up at first.

    Returns:
        One result per case, in the order of the cases.
    """
    numbered = list(enumerate(cases, start=1))
    results = _once(ground, ground.lanes, numbered, on_result)
    # What was not brought about in time on a busy machine gets another chance on a quieter one.
    again = [
        (number + len(cases), case)
        for number, case in numbered
        if results[number].not_run and ground.lanes[0].can_run(case)
    ]
    quiet = _once(ground, ground.lanes[:QUIET_LANES], again, on_result)
    results |= {number - len(cases): result for number, result in quiet.items()}
    return [results[number] for number, _ in numbered]


def _once(
    ground: Ground,
    lanes: Sequence[LaneSpec],
    numbered: Sequence[tuple[int, Case]],
    on_result: OnResult,
) -> dict[int, CaseResult]:
    """Run each case once, those that touch what is shared after the others and one at a time."""
    shared = [pair for pair in numbered if not pair[1].exclusive]
    alone = [pair for pair in numbered if pair[1].exclusive]
    results: dict[int, CaseResult] = {}
    for some, batch in ((lanes, shared), (ground.lanes[:1], alone)):
        if batch:
            results |= _deal(some, batch, on_result)
    return results


def _deal(
    lanes: Sequence[LaneSpec], batch: Sequence[tuple[int, Case]], on_result: OnResult
) -> dict[int, CaseResult]:
    context = mp.get_context("spawn")
    tasks: Any = context.Queue()
    answers: Any = context.Queue()
    workers = [
        context.Process(
            target=_work, args=(os.getpid(), spec, tasks, answers), name=f"lane-{spec.number}"
        )
        for spec in lanes[: len(batch)]
    ]
    try:
        for pair in batch:
            tasks.put(pair)
        for worker in workers:
            tasks.put(END)
            worker.start()
            time.sleep(LANE_STARTS_AFTER_SECONDS)
        return _collect(workers, answers, len(batch), on_result)
    finally:
        tasks.cancel_join_thread()  # cases that nobody took must not keep this process
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
            worker.join()


def _collect(
    workers: Sequence[BaseProcess], answers: Any, expected: int, on_result: OnResult
) -> dict[int, CaseResult]:
    found: dict[int, CaseResult] = {}
    while len(found) < expected:
        try:
            number, result = answers.get(timeout=1.0)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise RuntimeError(
                    f"all lanes ended with {expected - len(found)} cases left; see above"
                ) from None
            continue
        found[number] = result
        on_result(result)
    for worker in workers:
        worker.join()
    return found


def _work(parent: int, spec: LaneSpec, tasks: Any, answers: Any) -> None:
    """Be a lane: start its alerting and take cases until there are none."""
    put_on(parent)  # a run that is killed takes its lanes with it, and they their servers
    lane = Lane(spec)
    try:
        lane.start()
        while (task := tasks.get()) is not END:
            number, case = task
            answers.put((number, lane.run(case, number=number)))
    except KeyboardInterrupt:
        sys.stderr.write(f"lane {spec.number}: interrupted\n")
    finally:
        lane.monitoring.stop()

"""The engine of many machines: Ray Data maps the same function over the same units.

Ray is given units and brings records; traces and rows stay out of its object store. A task whose
worker dies is begun again by Ray, on another machine if need be.
"""

import logging
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from guardrails.batch.scale.plan import Unit
from guardrails.batch.scale.work import Done, Job, do_unit
from guardrails.errors import GuardrailsError, UsageError

STORE_BYTES: Final = 128 << 20
"""Object store of a Ray that is started here. Only units and records pass through it; Ray would
take a third of the machine's memory."""
STARTS: Final = 3
"""Attempts to start a Ray here: on a machine that is busy, its own limit of 30 s is short."""
_SLOW: Final = "timed out during startup"
BLOCKS: Final = 1_000
"""Tasks at most; beyond, one takes several units."""

Ray = Any
"""Ray's module or a value of it, which has no types that hold."""


def done_by_ray(units: Sequence[Unit], job: Job, *, jobs: int, address: str) -> Iterator[Done]:
    """Do units on Ray, and yield their records as they are done.

    Args:
        units: Those to do.
        job: What they have in common.
        jobs: Processors of a Ray that is started here.
        address: A cluster that is there; empty: one is started here, and ended afterwards.

    Raises:
        UsageError: Ray is not installed or not reached, or an input changed.
        GuardrailsError: Workers kept dying.
    """
    if not units:
        return
    ray = _required("ray")
    with _connected(ray, jobs=jobs, address=address):
        yield from _mapped(ray, units, job, folder=str(Path.cwd()))


def _mapped(ray: Ray, units: Sequence[Unit], job: Job, *, folder: str) -> Iterator[Done]:
    data = _required("ray.data")
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    items = [{"unit": msgspec.json.encode(unit)} for unit in units]
    shared = {"job": msgspec.json.encode(job), "folder": folder}
    blocks = min(len(items), BLOCKS)
    mapped = data.from_items(items, override_num_blocks=blocks).map(task, fn_kwargs=shared)
    try:
        for row in mapped.iter_rows():
            if row["refused"]:
                raise UsageError(row["refused"])
            yield msgspec.json.decode(row["done"], type=Done)
    except ray.exceptions.RayError as error:
        said = str(error).strip().splitlines()
        raise GuardrailsError(
            f"Ray gave up: {said[-1] if said else type(error).__name__}; the same command goes on "
            "where it stopped"
        ) from error


def task(item: dict[str, bytes], *, job: bytes, folder: str) -> dict[str, object]:
    """Do one unit. What the caller did wrong is an answer, so that Ray does not try it again."""
    if os.path.isdir(folder):  # noqa: PTH112  # paths as they were given, where they mean the same
        os.chdir(folder)
    unit = msgspec.json.decode(item["unit"], type=Unit)
    try:
        done = do_unit(unit, msgspec.json.decode(job, type=Job))
    except UsageError as error:
        return {"done": b"", "refused": str(error)}
    return {"done": msgspec.json.encode(done), "refused": ""}


@contextmanager
def _connected(ray: Ray, *, jobs: int, address: str) -> Generator[None]:
    """Use a Ray that this process is connected to already, another, or one of our own."""
    if ray.is_initialized():
        if address:
            raise UsageError("--ray-address: this process is connected to a Ray already")
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_DATA_LOG_LEVEL", "ERROR")  # standard error is for what went wrong
    if address:
        _start(ray, f"--ray-address {address}", starts=1, address=address)
    else:
        _start(
            ray,
            "Ray on this machine",
            starts=STARTS,
            address="local",
            num_cpus=jobs,
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )
    try:
        yield
    finally:
        ray.shutdown()


def _start(ray: Ray, where: str, *, starts: int, **options: object) -> None:
    """Connect to Ray; one of our own is started again if it was too slow for itself."""
    for left in reversed(range(starts)):
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except Exception as error:  # Ray raises just this when a start takes more than 30 s
            ray.shutdown()
            if not left or _SLOW not in str(error):
                said = " ".join(str(error).split())
                raise UsageError(f"{where}: cannot use it: {said}") from error
        else:
            return


def _required(name: str) -> Ray:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError("--engine ray needs Ray: pip install 'guarded-agent[ray]'") from error

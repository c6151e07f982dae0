"""Tags a data set into another one, by the engine that was asked for; goes on where it stopped."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.context import BaseContext

from guardrails.batch.scale.local import done_locally
from guardrails.batch.scale.manifest import begun, completed, manifest_for, records
from guardrails.batch.scale.places import place_of
from guardrails.batch.scale.plan import PassedOver, planned
from guardrails.batch.scale.settings import Settings
from guardrails.batch.scale.work import Job


class Engine(StrEnum):
    """What does the work."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What an output holds."""

    rows: int
    bad: int
    """Rows in the quarantine."""
    bugs: int
    """Those of them that are our fault."""
    parts: int
    units: int
    resumed: int
    """Units that were done before this command."""
    passed: tuple[PassedOver, ...]


def tag_dataset(
    sources: Sequence[str],
    output: str,
    *,
    settings: Settings,
    engine: Engine = Engine.LOCAL,
    jobs: int = 1,
    ray_address: str = "",
    context: BaseContext | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Summary:
    """Tag all runs of some sources into a folder.

    Args:
        sources: Paths or URLs of files, folders or patterns.
        output: Path or URL of the folder. What the same call left there is gone on with.
        settings: What decides the rows.
        engine: What does the work; the rows are the same.
        jobs: Processes, or processors of a Ray that is started here; 0: one per core.
        ray_address: A Ray cluster that is there; empty: one is started here.
        context: How processes are started; None spawns them.
        tell: Is called with the units done and all of them, as they are done.

    Raises:
        UsageError: A source is not there or changed, or the output holds other rows.
        GuardrailsError: Workers kept dying.
    """
    place = place_of(output)
    units, passed = planned(sources, columns=settings.columns)
    manifest = begun(place, manifest_for(units, settings))
    done = records(place, manifest)
    resumed = len(done)
    job = Job(output=place.url, digest=manifest.digest, settings=settings)
    pending = [unit for unit in units if unit.number not in done]
    jobs = jobs or os.cpu_count() or 1
    match engine:
        case Engine.LOCAL:
            working = done_locally(pending, job, manifest, jobs=jobs, context=context)
        case Engine.RAY:
            from guardrails.batch.scale.rayengine import done_by_ray  # noqa: PLC0415  # an extra

            working = done_by_ray(pending, job, jobs=jobs, address=ray_address)
    for one in working:
        done[one.unit] = one
        if tell is not None:
            tell(len(done), len(units))
    completed(place, manifest, done.values())
    found = done.values()
    return Summary(
        rows=sum(one.rows for one in found),
        bad=sum(one.bad for one in found),
        bugs=sum(one.bugs for one in found),
        parts=sum(len(one.parts) for one in found),
        units=len(units),
        resumed=resumed,
        passed=tuple(passed),
    )

"""Tagged runs of data sets as lines, in their order, for whoever wants a stream and no data set."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext

from guardrails.batch.items import Item, Unread, unread
from guardrails.batch.lines import encode
from guardrails.batch.scale.local import AHEAD, prepare
from guardrails.batch.scale.plan import Unit
from guardrails.batch.scale.rows import Broken
from guardrails.batch.scale.settings import Settings
from guardrails.batch.scale.work import tagged_rows
from guardrails.batch.workers import interrupts_held, spawning
from guardrails.errors import GuardrailsError


def lines_of(
    units: Sequence[Unit], settings: Settings, *, jobs: int, context: BaseContext | None = None
) -> Iterator[Item]:
    """Yield the lines of units, in their order, and why others are missing.

    Args:
        units: Of `guardrails.batch.scale.plan.planned`.
        settings: What is asked of each trace.
        jobs: Processes; 1 works in this one.
        context: How processes are started; None spawns them.

    Raises:
        GuardrailsError: A worker died.
        UsageError: A file changed meanwhile.
    """
    if jobs <= 1 or any(unit.source.startswith("memory:") for unit in units):
        for unit in units:
            yield from _items(unit, settings)
        return
    with interrupts_held():
        pool = ProcessPoolExecutor(jobs, mp_context=context or spawning(), initializer=prepare)
    held: deque[Future[list[Item]]] = deque()
    try:
        for unit in units:
            with interrupts_held():
                held.append(pool.submit(_lines, unit, settings))
            if len(held) >= jobs * AHEAD:
                yield from held.popleft().result()
        while held:
            yield from held.popleft().result()
    except BrokenProcessPool as error:
        raise GuardrailsError(
            "a worker process died, most likely for want of memory; fewer --jobs need less, and "
            "--output FOLDER/ loses nothing by it"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _lines(unit: Unit, settings: Settings) -> list[Item]:
    return list(_items(unit, settings))


def _items(unit: Unit, settings: Settings) -> Iterator[Item]:
    for found in tagged_rows(unit, settings):
        yield _unread(found, unit.source) if isinstance(found, Broken) else encode(found)


def _unread(broken: Broken, source: str) -> Unread:
    said = unread(source, f"{source}: row {broken.name}: {broken.reason}")
    return Unread(source=source, said=said.said, bug=broken.bug)

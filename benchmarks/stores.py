"""What it costs to write down a decision, in each store of the sidecar.

`python -m benchmarks.stores [--seconds N] [--only NAME …]`. A record of usual size is appended
again and again, to a run of each thread's own, by 1 thread and by 8. Redis and PostgreSQL are
started on loopback; both answer when the record is on the disk, as SQLite does, unless the row says
otherwise.
"""

import argparse
import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.tables import quantile, save, show
from e2e.sidecar.databases import postgres_server, redis_server
from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import Record, RunRow, RunStore
from guardrails.sidecar.stores.opening import open_store

THREADS = (1, 8)
EVENT_BYTES = 2_000
"""Of a tool's result as an event: the middle of what agents see is 1 to 4 kB."""
DECISION_BYTES = 300
SNAPSHOT_BYTES = 60_000
"""Of a session after some hundred steps."""
SNAPSHOT_EVERY = 64
"""As the service does."""

Opened = Callable[[ExitStack], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A store to measure."""

    name: str
    durability: str
    """What is so when an append is answered."""
    opened: Opened
    """Starts what is needed, and returns the URL."""


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each figure (default 4)")
    parser.add_argument("--only", nargs="*", default=[], help="stores to measure (default: all)")
    arguments = parser.parse_args()
    seconds: float = arguments.seconds
    load = {"load before": os.getloadavg()[0]}
    rows: list[dict[str, object]] = []
    for setup in SETUPS:
        if arguments.only and setup.name not in arguments.only:
            continue
        with ExitStack() as stack:
            store = open_store(setup.opened(stack))
            stack.callback(store.close)
            rows += [_row(setup, store, threads=threads, seconds=seconds) for threads in THREADS]
    load["load after"] = os.getloadavg()[0]
    show(
        f"Appending a record of {EVENT_BYTES + DECISION_BYTES:,} bytes ({seconds:.0f} s each)", rows
    )
    print(f"load average: {load['load before']:.1f} to {load['load after']:.1f}")
    print(f"written: {save('stores', {'appends': rows, 'seconds': seconds, **load})}")


def _row(setup: Setup, store: RunStore, *, threads: int, seconds: float) -> dict[str, object]:
    times = _measured(store, threads=threads, seconds=seconds)
    took = [each for part in times for each in part]
    return {
        "store": setup.name,
        "answered when": setup.durability,
        "threads": threads,
        "appends/s": len(took) / seconds,
        "p50 ms": quantile(took, 0.5) * 1_000,
        "p99 ms": quantile(took, 0.99) * 1_000,
        "load p50 ms": quantile(_loads(store), 0.5) * 1_000,
    }


def _measured(store: RunStore, *, threads: int, seconds: float) -> list[list[float]]:
    """Return how long each append took, of each thread."""
    times: list[list[float]] = [[] for _ in range(threads)]
    failed: list[BaseException] = []
    ready = threading.Barrier(threads)

    def work(at: int) -> None:
        try:
            _append(store, RunId(f"{threads}-{at}"), times[at], seconds=seconds, ready=ready)
        except BaseException as error:  # noqa: BLE001  # raised where it is seen
            failed.append(error)
            ready.abort()

    workers = [threading.Thread(target=work, args=(at,)) for at in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failed:
        raise failed[0]
    return times


def _append(
    store: RunStore, run: RunId, took: list[float], *, seconds: float, ready: threading.Barrier
) -> None:
    now = datetime.now(UTC)
    row = RunRow(run=run, key=run, policy="{}", created=now, changed=now, seq=1)
    store.create(row, _record(1))
    ready.wait()
    seq, clock = 1, time.perf_counter
    until = clock() + seconds
    while (began := clock()) < until:
        seq += 1
        store.append(run, _record(seq))
        took.append(clock() - began)
        if seq % SNAPSHOT_EVERY == 0:  # counted in the rate, as the service pays for it too
            store.snapshot(run, seq=seq, data=_SNAPSHOT)


def _loads(store: RunStore) -> list[float]:
    """Return how long it takes to read a run, as a replica does that sees it first."""
    took: list[float] = []
    for _ in range(50):
        began = time.perf_counter()
        store.load(RunId("1-0"))
        took.append(time.perf_counter() - began)
    return took


def _record(seq: int) -> Record:
    return Record(seq=seq, number=seq - 1, event=_EVENT, decision=_DECISION)


def _text(size: int) -> bytes:
    return json.dumps({"output": "pod checkout-7d9 Running 1/1 " * (size // 29)}).encode()[:size]


_EVENT, _DECISION, _SNAPSHOT = _text(EVENT_BYTES), _text(DECISION_BYTES), os.urandom(SNAPSHOT_BYTES)


@contextlib.contextmanager
def _file() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="guarded-agent-bench-", dir=_DISK) as folder:
        yield Path(folder) / "runs.db"


_DISK = os.environ.get("GUARDED_AGENT_BENCH_DISK")
"""A folder on the disk to measure; else the usual temporary one."""


def _sqlite(options: str) -> Opened:
    return lambda stack: f"sqlite:{stack.enter_context(_file())}{options}"


def _redis(options: Sequence[str]) -> Opened:
    return lambda stack: stack.enter_context(redis_server(options=options)).url


def _postgres(options: Sequence[str]) -> Opened:
    return lambda stack: stack.enter_context(postgres_server(options=options)).url


SETUPS = (
    Setup(name="memory", durability="it is in memory", opened=lambda _: "memory:"),
    Setup(name="sqlite", durability="on the disk", opened=_sqlite("")),
    Setup(
        name="sqlite-normal",
        durability="with the kernel",
        opened=_sqlite("?synchronous=normal"),
    ),
    Setup(
        name="redis",
        durability="on the disk",
        opened=_redis(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]),
    ),
    Setup(
        name="redis-everysec",
        durability="with the kernel",
        opened=_redis(["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]),
    ),
    Setup(name="postgresql", durability="on the disk", opened=_postgres([])),
    Setup(
        name="postgresql-off",
        durability="in memory there",
        opened=_postgres(["-c", "synchronous_commit=off"]),
    ),
)


if __name__ == "__main__":
    main()

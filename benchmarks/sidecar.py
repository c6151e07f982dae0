"""What the service takes: decisions per second over HTTP, their latency, and memory of open runs.

`python -m benchmarks.sidecar [--seconds N] [--clients N] [--repeats N] [--only STORE …]`. Service,
cluster and clients are a process each. All is as shipped: policy, limits, tokens, metrics, logs.
Runs are opened before time counts, and no gate is asked meanwhile. The line `nothing` is of a
server that does no more than arithmetic, for as long as a decision takes: what this machine allows
at that rate. Each figure is the median of the repeats.
"""

import argparse
import operator
import os

from benchmarks.clients import CALLS_OF_A_RUN, Load, Spent, fill, measured, run
from benchmarks.floor import floor
from benchmarks.service import STORES, Serving, served
from benchmarks.tables import quantile, save, show

RUNS = 1_000
"""Open runs whose memory is measured."""
TURNS = 10
"""Turns of each of them: 30 facts, with results of 3.6 kB, the size of a list of pods."""
PACED = 1_000
"""Decisions per second that latency is promised at."""
TURNS_PACED = 300
"""Whole turns per second: 900 facts, 600 requests."""
ARITHMETIC = 390
"""Microseconds of processor time that a decision takes, less those of the HTTP server."""
AT_MOST = 3_000
"""Decisions per second that runs are opened for beforehand."""


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--clients", type=int, default=32, help="connections (default 32)")
    parser.add_argument("--repeats", type=int, default=3, help="of each (default 3)")
    parser.add_argument("--only", nargs="*", default=[], help="stores to measure (default: all)")
    given = parser.parse_args()
    loads = [
        _load(given.seconds, given.clients, rate=rate, whole=whole)
        for rate, whole in ((0, False), (PACED, False), (0, True), (TURNS_PACED, True))
    ]
    load = {"load before": os.getloadavg()[0]}
    rows: list[dict[str, object]] = []
    for store in [one for one in STORES if one in (given.only or STORES)]:
        with served(store) as serving:
            rows += [_median(store, one, serving, given.repeats) for one in loads]
    with floor(ARITHMETIC) as serving:
        rows += [_median("nothing", one, serving, given.repeats) for one in loads[:2]]
    show("Decisions on tool calls over HTTP", rows)
    memory: list[dict[str, object]] = []
    for store in ("memory", "sqlite"):
        with served(store) as serving:
            memory.append(memory_row(store, serving))
    show(f"Memory of {RUNS} open runs of {TURNS} turns", memory)
    load["load after"] = os.getloadavg()[0]
    print(f"load average: {load['load before']:.1f} to {load['load after']:.1f}")
    print(f"written: {save('sidecar', {'decisions': rows, 'memory': memory, **load})}")


def _load(seconds: float, clients: int, *, rate: int, whole: bool) -> Load:
    """Return a load, with as many runs as it may need."""
    ready = int((rate or AT_MOST) * seconds / CALLS_OF_A_RUN) + clients
    return Load(clients=clients, seconds=seconds, rate=rate, whole=whole, ready=ready)


def _median(store: str, load: Load, serving: Serving, repeats: int) -> dict[str, object]:
    """Put a load on a service some times; return the line whose p99 is the median."""
    rows = [row_of(store, load, run(measured(serving, load))) for _ in range(repeats)]
    return sorted(rows, key=operator.itemgetter("p99 ms"))[repeats // 2]


def row_of(store: str, load: Load, spent: Spent) -> dict[str, object]:
    """Return one line of the table."""
    count = len(spent.seconds)
    return {
        "store": store,
        "asked": "whole turns" if load.whole else "calls",
        "asked per s": load.rate or None,
        "per s": count / spent.over,
        "p50 ms": quantile(spent.seconds, 0.5) * 1e3,
        "p99 ms": quantile(spent.seconds, 0.99) * 1e3,
        "max ms": max(spent.seconds) * 1e3,
        "CPU µs each": spent.processor / count * 1e6,
        "runs opened meanwhile": spent.opened_late,
    }


def memory_row(store: str, serving: Serving) -> dict[str, object]:
    """Measure what open runs hold on to, in MB of resident memory."""
    before = serving.resident()
    run(fill(serving.port, runs=RUNS, turns=TURNS))
    after = serving.resident()
    return {
        "store": store,
        "runs": RUNS,
        "facts each": 3 * TURNS,
        "before MB": before,
        "after MB": after,
        "for the runs MB": after - before,
        "kB a run": (after - before) * 1024 / RUNS,
    }


if __name__ == "__main__":
    main()

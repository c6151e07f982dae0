"""Does the service's memory stay flat? Sessions open, decide, end and expire, all the time.

`python -m benchmarks.soak [--minutes N] [--store STORE] [--pause SECONDS]`. Agents ask by the
decision API and by the model proxy. Some claim that all is well and are judged, some give up, some
are never heard of again. Runs are deleted a minute after their end, so that after a while as many
go as come. The table has a line for each part of the time; memory's slope is that of the samples
after the first third.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.clients import Connected, asked, connected, run, told
from benchmarks.proxy import TOOLS, beginning, message_of, proxy_settings, results_of
from benchmarks.service import STORES, Serving, served
from benchmarks.tables import save, show
from benchmarks.upstream import CLAIM, MODEL, PATH, upstream

AGENTS: Final = 16
"""By the API."""
PROXIED: Final = 8
"""Through the proxy."""
TURNS: Final = 20
PAUSE_SECONDS: Final = 0.05
"""Between two turns of an agent unless told otherwise, so that the load is even and the machine is
not full."""
SAMPLE_SECONDS: Final = 5.0
LINES: Final = 12
"""Of the table."""
WARM: Final = 1 / 3
"""Part of the time in which memory may still grow."""
RETENTION: Final = {"ended": "60s", "open": "60s", "every": "10s"}
_PENDING: Final = 8
"""How often an end is asked for again while the gate is at work; then it is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The service at one time."""

    minutes: float
    resident: float
    """MB."""
    files: int
    threads: int
    stored: float
    """MB."""
    events: int
    """Facts that were stated so far, without the guard's own."""
    runs: int
    """Runs that were opened so far."""


@dataclass(slots=True, kw_only=True)
class Soak:
    """What is going on."""

    until: float
    port: int
    pause: float
    counts: Counter[str] = field(default_factory=Counter[str])
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def rest(self, by_chance: random.Random) -> None:
        """Wait until the next turn."""
        await asyncio.sleep(self.pause * by_chance.uniform(0.5, 1.5))

    @property
    def over(self) -> bool:
        """True once agents are to stop."""
        return time.monotonic() > self.until


def main() -> None:
    """Run, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default 60)")
    parser.add_argument("--store", default="sqlite", choices=STORES)
    parser.add_argument(
        "--pause",
        type=float,
        default=PAUSE_SECONDS,
        help=f"seconds between two turns of an agent (default {PAUSE_SECONDS})",
    )
    given = parser.parse_args()
    load = {"load before": os.getloadavg()[0]}
    with upstream() as port:
        more = {**proxy_settings(port), "retention": RETENTION}
        with served(given.store, more=more) as serving:
            samples, counts = run(soaked(serving, given.minutes, given.pause))
    every = max(1, len(samples) // LINES)
    rows = [row_of(one) for one in samples[::every]]
    show(f"{given.minutes:g} minutes of sessions, {given.store} store", rows)
    slope = slope_of(samples)
    print(", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())))
    print(f"memory after the first third: {slope['MB an hour']:+.1f} MB an hour, ", end="")
    print(f"{slope['kB per 1,000 events']:+.1f} kB per 1,000 events")
    load["load after"] = os.getloadavg()[0]
    everything = [row_of(one) for one in samples]
    results = {"samples": everything, "slope": slope, "counts": dict(counts), **load}
    print(f"written: {save('soak', results)}")


async def soaked(
    serving: Serving, minutes: float, pause: float
) -> tuple[list[Sample], Counter[str]]:
    """Let agents work, and look at the service meanwhile."""
    soak = Soak(until=time.monotonic() + minutes * 60, port=serving.port, pause=pause)
    samples: list[Sample] = []
    async with asyncio.TaskGroup() as group:
        for at in range(AGENTS):
            group.create_task(_agent(soak, at))
        for at in range(AGENTS, AGENTS + PROXIED):
            group.create_task(_proxied(soak, at))
        began = time.monotonic()
        while not soak.over:
            await asyncio.sleep(SAMPLE_SECONDS)
            samples.append(_sample(serving, soak, time.monotonic() - began))
    return samples, soak.counts


def _sample(serving: Serving, soak: Soak, seconds: float) -> Sample:
    return Sample(
        minutes=seconds / 60,
        resident=serving.resident(),
        files=serving.files(),
        threads=serving.threads(),
        stored=serving.stored(),
        events=soak.counts["facts"],
        runs=soak.counts["runs by the API"] + soak.counts["runs through the proxy"],
    )


async def _agent(soak: Soak, at: int) -> None:
    """Work by the API, one run after the other."""
    by_chance = random.Random(at)  # noqa: S311  # how runs end
    client = await connected(soak.port, caller=at)
    while not soak.over:
        path = await client.opened()
        soak.counts["runs by the API"] += 1
        number = 0
        for turn in range(1, TURNS + 1):
            facts = told(turn)
            events = [{"number": number + n, "fact": one} for n, one in enumerate(facts, 1)]
            number += len(facts) + 1
            await client.post(f"{path}/events", {"events": events, "since": number})
            await client.post(f"{path}/decisions", {"number": number, **asked(turn)})
            soak.counts["facts"] += len(facts) + 1
            await soak.rest(by_chance)
        end = by_chance.choice(("claims", "gives up", "is not heard of again"))
        soak.counts[f"runs whose agent {end}"] += 1
        if end == "claims":
            claim = {"kind": "mitigated", "text": "It is fixed."}
            await _ended(soak, client, path, {"exit": "final_answer", "claim": claim}, number + 1)
        elif end == "gives up":
            await _ended(soak, client, path, {"exit": "cancelled"}, number + 1)
    client.close()


async def _ended(
    soak: Soak, client: Connected, path: str, end: dict[str, object], number: int
) -> None:
    soak.counts["facts"] += 1
    for _ in range(_PENDING):
        answer = json.loads(await client.post(f"{path}/end", {**end, "number": number, "wait": 5}))
        if answer["decision"] is not None:
            soak.counts[f"ends: {answer['decision']['verdict']}"] += 1
            return
    soak.counts["ends: left alone"] += 1


async def _proxied(soak: Soak, at: int) -> None:
    """Work through the proxy, one conversation after the other."""
    by_chance = random.Random(at)  # noqa: S311  # how runs end
    client = await connected(soak.port, caller=at)
    while not soak.over:
        messages = beginning(f"checkout is down, case {next(soak.numbers)}")
        soak.counts["runs through the proxy"] += 1
        stream = by_chance.random() < 0.5  # half of them
        for _ in range(TURNS):
            body = {"model": MODEL, "messages": messages, "tools": TOOLS, "stream": stream}
            message = message_of(await client.post(PATH, body))
            if not message.get("tool_calls"):
                break
            messages += [message, *results_of(message)]
            soak.counts["facts"] += 3
            await soak.rest(by_chance)
        if by_chance.random() < 0.5:  # half of them
            messages.append({"role": "user", "content": CLAIM})
            body = {"model": MODEL, "messages": messages, "tools": TOOLS}
            message_of(await client.post(PATH, body))
            soak.counts["claims through the proxy"] += 1
            soak.counts["facts"] += 2
    client.close()


def row_of(one: Sample) -> dict[str, object]:
    """Return one line of the table."""
    return {
        "minutes": one.minutes,
        "resident MB": one.resident,
        "files": one.files,
        "threads": one.threads,
        "store MB": one.stored,
        "facts": one.events,
        "runs": one.runs,
    }


def slope_of(samples: Sequence[Sample]) -> dict[str, float]:
    """Return how memory grows after the first third, by least squares."""
    late = samples[int(len(samples) * WARM) :]
    memory = [one.resident for one in late]
    hour = _slope([one.minutes / 60 for one in late], memory)
    event = _slope([one.events / 1e3 for one in late], memory)
    return {"MB an hour": hour, "kB per 1,000 events": event * 1024}


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    both = zip(xs, ys, strict=True)
    return sum((x - mean_x) * (y - mean_y) for x, y in both) / spread if spread else 0.0


if __name__ == "__main__":
    main()

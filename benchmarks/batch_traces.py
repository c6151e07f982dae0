"""Synthetic traces as large as real ones: seeded, made of invented words, of any number.

Sizes are drawn from quantiles of 276 runs of a LangGraph SRE agent (`sre_runs_dev.jsonl.gz` of
GUARDRAILS_DATA), which `python -m benchmarks.batch` sets beside those that were made. Nothing of
their text is here.
"""

import json
import random
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

pa: Any = import_module("pyarrow")  # it has no types
pq: Any = import_module("pyarrow.parquet")

SEED: Final = 20261127
AT: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
"""The quantiles below."""
CALLS: Final = (4, 4, 10, 13, 15, 19, 30, 46)
"""Calls of a run; 12.7 on average."""
RESULT: Final = (0, 63, 104, 420, 3_051, 6_831, 16_000, 16_000)
"""Characters of a result; 2,111 on average."""
SAID: Final = (0, 0, 188, 296, 422, 2_555, 5_221, 16_000)
"""Characters of a model turn; 684 on average."""
TRACE: Final = (2_593, 11_013, 41_937, 58_196, 96_280, 138_891, 273_165, 401_484)
"""Bytes of a trace as JSON; 70,762 on average. What calls and turns leave of it is state of the
graph that no reader looks into."""
GROUP: Final = 200
"""Traces of a row group: some 14 MB unpacked."""
MODELS: Final = ("acme:large", "acme:small", "other:medium")
FAULTS: Final = ("memory too small", "wrong secret", "wrong port", "image missing")
_BAD: Final = 1_000
"""One trace in so many is broken."""
_TOOLS: Final = ("kubectl_get", "kubectl_describe", "get_logs", "get_traces", "get_services")
_SERVICES: Final = ("cart", "orders", "payment", "search", "stock", "mail", "users", "ads")


def write(folder: Path, number: int) -> int:
    """Write a data set of traces; return how many of them are broken.

    Args:
        folder: Where; it is made.
        number: Traces. Those of a smaller number are the first of a larger one.
    """
    folder.mkdir(parents=True)
    dice = random.Random(SEED)  # noqa: S311  # the same traces every time
    words = _Words(dice)
    broken = 0
    schema = pa.schema(
        {"run_id": pa.string(), "payload": pa.string(), "model": pa.string(), "fault": pa.string()}
    )
    with pq.ParquetWriter(folder / "traces.parquet", schema, compression="zstd") as writer:
        for first in range(0, number, GROUP):
            rows = [_row(n, dice, words) for n in range(first, min(first + GROUP, number))]
            broken += sum(row["payload"].endswith("…") for row in rows)
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return broken


def sized(quantiles: Sequence[int], at: float) -> int:
    """Return the size at a share of all: between two quantiles, sizes are spread evenly.

    Args:
        quantiles: Those at `AT`.
        at: In [0, 1).
    """
    upper = next(n for n, q in enumerate(AT) if q > at)
    share = (at - AT[upper - 1]) / (AT[upper] - AT[upper - 1])
    return round(quantiles[upper - 1] + share * (quantiles[upper] - quantiles[upper - 1]))


def quantiles_of(values: Sequence[int]) -> list[int]:
    """Return the quantiles that sizes are drawn from."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in AT]


class _Words:
    """Gives text that packs about as well as output of programs: lines of few words and numbers."""

    def __init__(self, dice: random.Random) -> None:
        lines = [self._line(dice) for _ in range(40_000)]
        self._text = "\n".join(lines)

    def some(self, size: int, dice: random.Random) -> str:
        """Return so many characters."""
        start = dice.randrange(len(self._text) - size)
        return self._text[start : start + size]

    @staticmethod
    def _line(dice: random.Random) -> str:
        service = dice.choice(_SERVICES)
        pod = f"{service}-{dice.getrandbits(36):09x}-{dice.getrandbits(20):05x}"
        state = dice.choice(("Running", "Running", "Running", "CrashLoopBackOff", "Pending"))
        return f"{pod}   1/1   {state}   {dice.randrange(20)}   {dice.randrange(600)}m   shop"


def _row(number: int, dice: random.Random, words: _Words) -> dict[str, str]:
    trace = json.dumps(_trace(number, dice, words))
    if dice.randrange(_BAD) == 0:
        trace = trace[: len(trace) // 2] + "…"
    return {
        "run_id": f"run-{number:07d}",
        "payload": trace,
        "model": dice.choice(MODELS),
        "fault": dice.choice(FAULTS),
    }


def _trace(number: int, dice: random.Random, words: _Words) -> dict[str, object]:
    at = dice.random()  # for both: what makes more calls is larger
    size, calls = sized(TRACE, at), sized(CALLS, at)
    agents = max(1, calls // 4)
    analyses = [_analysis(agent, calls // agents, dice, words) for agent in range(agents)]
    right = dice.random() < 0.4
    trace: dict[str, object] = {
        "_run_id": f"state-{number}",
        "app_name": "shop",
        "target_namespace": "shop",
        "symptoms": [f"{dice.choice(_SERVICES)} answers with errors"],
        "rca_tasks": [analysis["task"] for analysis in analyses],
        "rca_analyses_list": analyses,
        "final_report": {"root_cause": f"{dice.choice(_SERVICES)}: {dice.choice(FAULTS)}."},
        "testbed": {"fault_name": "shop"},
        "evaluation": {"localization": right, "rca_score": 5 if right else 1},
    }
    left = size - len(json.dumps(trace))
    if left > 0:
        trace["problematic_traces"] = {"seen": words.some(left, dice)}
    return trace


def _analysis(number: int, calls: int, dice: random.Random, words: _Words) -> dict[str, object]:
    service = dice.choice(_SERVICES)
    return {
        "task": {
            "priority": number + 1,
            "investigation_goal": f"Look at {service}.",
            "target_resource": service,
        },
        "message_history": [one for _ in range(calls) for one in _turn(service, dice, words)],
        "diagnosis": f"{service} is {dice.choice(FAULTS)}",
    }


def _turn(service: str, dice: random.Random, words: _Words) -> Iterator[dict[str, object]]:
    call = {"name": dice.choice(_TOOLS), "args": {"name": service, "tail": dice.randrange(90)}}
    said = words.some(sized(SAID, dice.random()), dice)
    yield {"type": "AIMessage", "content": said, "tool_calls": [call]}
    yield {"type": "ToolMessage", "content": words.some(sized(RESULT, dice.random()), dice)}

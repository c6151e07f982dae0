"""What it costs to take secrets out of a fact, by what stands in it."""

import json
import time

from benchmarks.tables import quantile
from guardrails.core.events import AnyFact, ModelReplied, ToolCall, ToolRequested, ToolReturned
from guardrails.core.ids import CallId
from guardrails.engine.scrub import scrubbed

REPEATS = 300
CALL = CallId("c1")
COMMAND = json.dumps({"command": "kubectl get pods -n shop -l app=checkout"})
POD = "checkout-5d8f7c6b9d-x2x4q  1/1  Running  0  17m\n"
LINE = "2026-01-15T12:00:07Z INFO checkout/server.go:41 request id=req-00a1 path=/cart status=200\n"
REFERENCE = "- name: API_TOKEN\n  valueFrom: {secretKeyRef: {name: api, key: token}}\n"
TOLD = '{"level": "info", "msg": "auth ok", "token": "Zq81mPw0vTxy", "user": "joe"}\n'


def _returned(line: str, characters: int) -> ToolReturned:
    text = (line * (characters // len(line) + 1))[:characters]
    return ToolReturned(call_id=CALL, tool="kubectl", text=text, size=characters)


FACTS: dict[str, AnyFact] = {
    "a reply with a call": ModelReplied(
        text="Looking at the pods of checkout next.",
        tool_calls=(ToolCall(call_id=CALL, tool="kubectl", arguments=COMMAND),),
    ),
    "a call": ToolRequested(call_id=CALL, tool="kubectl", arguments=COMMAND),
    "4 kB of pods": _returned(POD, 4_000),
    "4 kB of log lines": _returned(LINE, 4_000),
    "16 kB of log lines": _returned(LINE, 16_000),
    "100 kB of log lines": _returned(LINE, 100_000),
    "4 kB with a name of a secret in every other line": _returned(REFERENCE, 4_000),
    "4 kB with a secret in every line": _returned(TOLD, 4_000),
}


def scrub_rows() -> list[dict[str, object]]:
    """A row per fact, in µs of CPU and, for what a busy machine adds, of wall time."""
    return [_row(name, fact) for name, fact in FACTS.items()]


def _row(name: str, fact: AnyFact) -> dict[str, object]:
    wall: list[float] = []
    cpu: list[float] = []
    for _ in range(REPEATS):
        began, worked = time.perf_counter(), time.thread_time()
        scrubbed(fact)
        wall.append((time.perf_counter() - began) * 1e6)
        cpu.append((time.thread_time() - worked) * 1e6)
    return {
        "fact": name,
        "CPU p50 µs": quantile(cpu, 0.5),
        "CPU p99 µs": quantile(cpu, 0.99),
        "p50 µs": quantile(wall, 0.5),
        "p99 µs": quantile(wall, 0.99),
    }

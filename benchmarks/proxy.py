"""What the model proxy adds to a turn of an agent.

`python -m benchmarks.proxy [--conversations N] [--only STORE …]`. An agent sends its whole history
with each turn, as all do: directly to a scripted server, and through the proxy to the same one, in
turns. Whatever the machine does meanwhile, both see. The differences are between two requests that
came one after the other.
"""

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.clients import OUTPUT, Connected, connected, run
from benchmarks.service import STORES, served
from benchmarks.tables import quantile, save, show
from benchmarks.upstream import MODEL, PATH, upstream
from guardrails.testing.demo_app import NAMESPACE

TOOLS: Final = [
    {
        "type": "function",
        "function": {
            "name": "kubectl",
            "description": "Run kubectl.",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
            },
        },
    }
]
SYSTEM: Final = "You are an SRE. Find the cause, mend it, and say what you did. " * 40
"""600 tokens of instructions."""
MESSAGES: Final = 62
"""Of a whole conversation: its task, 30 turns and their results."""
ANY: Final = "any but the first"
SIZES: Final = {
    "4 to 8 messages": range(4, 9),
    "56 to 61 messages": range(56, 62),
    ANY: range(3, MESSAGES),
}
"""Lengths of the history that are told apart. The first request opens the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One turn, both ways, in seconds."""

    direct: float
    proxied: float


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=12, help="of each kind (default 12)")
    parser.add_argument("--only", nargs="*", default=["memory", "sqlite"], choices=STORES)
    given = parser.parse_args()
    load = {"load before": os.getloadavg()[0]}
    rows: list[dict[str, object]] = []
    for store in given.only:
        with upstream() as port, served(store, more=proxy_settings(port)) as serving:
            both: list[Pair] = []
            for stream in (False, True):
                before = serving.processor_seconds()
                pairs = run(measured(serving.port, port, given.conversations, stream=stream))
                took = serving.processor_seconds() - before
                turns = given.conversations * MESSAGES // 2
                found = [
                    row_of(store, size, [one for at in sizes for one in pairs[at]], stream=stream)
                    for size, sizes in SIZES.items()
                ]
                rows += [{**row, "CPU ms each": took / turns * 1e3} for row in found]
                both += [one for at in SIZES[ANY] for one in pairs[at]]
            rows.append({**row_of(store, ANY, both, stream=None), "CPU ms each": None})
    show("A turn of an agent, directly and through the proxy", rows)
    load["load after"] = os.getloadavg()[0]
    print(f"load average: {load['load before']:.1f} to {load['load after']:.1f}")
    print(f"written: {save('proxy', {'turns': rows, **load})}")


def proxy_settings(port: int) -> dict[str, object]:
    """Return the settings of a service that is a proxy of a server on loopback."""
    upstreams = {"chat": {"base_url": f"http://127.0.0.1:{port}/v1", "api_key_env": "PATH"}}
    return {"proxy": {"upstreams": upstreams, "incident": {"namespaces": [NAMESPACE]}}}


def row_of(
    store: str, size: str, pairs: Sequence[Pair], *, stream: bool | None
) -> dict[str, object]:
    """Return one line of the table; `stream` is None for whole and streamed replies together."""
    added = [one.proxied - one.direct for one in pairs]
    return {
        "store": store,
        "history": size,
        "stream": "both" if stream is None else "yes" if stream else "no",
        "turns": len(pairs),
        "direct p50 ms": quantile([one.direct for one in pairs], 0.5) * 1e3,
        "proxied p50 ms": quantile([one.proxied for one in pairs], 0.5) * 1e3,
        "added p50 ms": quantile(added, 0.5) * 1e3,
        "added p99 ms": quantile(added, 0.99) * 1e3,
    }


async def measured(
    proxy: int, direct: int, conversations: int, *, stream: bool
) -> dict[int, list[Pair]]:
    """Hold conversations; return the pairs by how many messages the history had."""
    found: defaultdict[int, list[Pair]] = defaultdict(list)
    ways = (await connected(direct), await connected(proxy))
    for number in range(conversations):
        messages = beginning(f"checkout is down, case {number}, {time.time_ns()}")
        while len(messages) < MESSAGES:
            body = {"model": MODEL, "messages": messages, "tools": TOOLS, "stream": stream}
            first, second = ways if len(messages) % 4 else ways[::-1]
            one, _ = await timed(first, body)
            other, answer = await timed(second, body)
            if first is ways[0]:
                found[len(messages)].append(Pair(direct=one, proxied=other))
            else:
                found[len(messages)].append(Pair(direct=other, proxied=one))
            message = message_of(_) if first is ways[1] else message_of(answer)
            messages += [message, *results_of(message)]
    for way in ways:
        way.close()
    return found


async def timed(way: Connected, body: dict[str, Any]) -> tuple[float, bytes]:
    """Send a request; return how long it took, and its answer."""
    began = time.perf_counter()
    answer = await way.post(PATH, body)
    return time.perf_counter() - began, answer


def beginning(task: str) -> list[dict[str, Any]]:
    """Return how a conversation begins."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}]


def message_of(answer: bytes) -> dict[str, Any]:
    """Return the message of an answer, put together where it came as a stream."""
    if not answer.startswith(b"data:") and b"\ndata:" not in answer:
        return json.loads(answer)["choices"][0]["message"]
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for line in answer.decode().splitlines():
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            _join(message, choice["delta"])
    return message


def _join(message: dict[str, Any], delta: dict[str, Any]) -> None:
    message["content"] += delta.get("content") or ""
    for part in delta.get("tool_calls") or ():
        calls: list[dict[str, Any]] = message.setdefault("tool_calls", [])
        if part["index"] == len(calls):
            empty = {"name": "", "arguments": ""}
            calls.append({"id": part["id"], "type": "function", "function": empty})
        told: dict[str, str | None] = part.get("function") or {}
        for name in ("name", "arguments"):
            calls[part["index"]]["function"][name] += told.get(name) or ""


def results_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a result for each call of a message."""
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": f"{OUTPUT}\n{call['id']}"}
        for call in message.get("tool_calls") or ()
    ]


if __name__ == "__main__":
    main()

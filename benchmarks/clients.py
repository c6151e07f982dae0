"""Clients of the service that do no more than HTTP asks, as they must not be the limit."""

import asyncio
import gc
import json
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import uvloop

from benchmarks.service import CALLERS, Serving, token_of
from guardrails.testing.demo_app import NAMESPACE

T = TypeVar("T")

HOST: Final = "127.0.0.1"
INCIDENT: Final = {"task": "checkout is down", "namespaces": [NAMESPACE]}
SESSIONS: Final = "/v1/sessions"
OUTPUT: Final = "\n".join(f"checkout-{n:05d}  1/1  Running  0  {n}m" for n in range(100))
"""A result of 3.6 kB, the size of a list of pods."""
CALLS_OF_A_RUN: Final = 100
"""Calls that an agent makes before it takes the next run; the shipped budget is 150."""
_SUCCESS: Final = "http/1.1 2"


class Connected:
    """A client on one kept connection.

    Args:
        reader: Of the connection.
        writer: Of the connection.
        token: Who it is.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, token: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._token = token

    async def post(
        self, path: str, body: Mapping[str, object], *, also: Sequence[str] = ()
    ) -> bytes:
        """Send a request, and return the body of its answer.

        Args:
            path: Where to.
            body: Sent as JSON.
            also: How the first line of an answer may begin that is no success and no failure of
                the benchmark: `http/1.1 429`.

        Raises:
            RuntimeError: The answer is no success.
        """
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {self._token}\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        self._writer.write(head.encode() + data)
        said = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        answer = await self._body(said)
        if not said.startswith((_SUCCESS, *also)):
            raise RuntimeError(f"{path}: {said.splitlines()[0]}: {answer.decode()}")
        return answer

    async def _body(self, head: str) -> bytes:
        _, found, rest = head.partition("content-length: ")
        if found:
            return await self._reader.readexactly(int(rest.partition("\r\n")[0]))
        parts: list[bytes] = []
        while size := int(await self._reader.readline(), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)

    async def opened(self) -> str:
        """Open a run, and return its path."""
        answer = json.loads(await self.post(SESSIONS, {"incident": INCIDENT}))
        return f"{SESSIONS}/{answer['run']}"

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def connected(port: int, *, caller: int = 0) -> Connected:
    """Connect to the service as one of its callers."""
    reader, writer = await asyncio.open_connection(HOST, port)
    return Connected(reader, writer, token=token_of(caller % CALLERS))


def run(work: Coroutine[object, object, T]) -> T:
    """Do what clients do, on the faster loop.

    Without the garbage collector: it would stop all clients for 50 to 100 ms each time, and that
    would be told of the service.
    """
    gc.collect()
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(work)
        finally:
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What clients do."""

    clients: int
    """Connections. Each is an agent: it asks once it has the answer before."""
    seconds: float
    rate: float = 0.0
    """Decisions per second of all together, at random times; 0 for as many as go."""
    whole: bool = False
    """Whether turns are whole: beside each decision a batch with the result before and the
    model's reply."""
    ready: int = 0
    """Runs that are opened before time counts."""


@dataclass(slots=True)
class Pool:
    """Runs that are open, and not in use."""

    paths: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    opened_late: int = 0
    """Runs that had to be opened while time counted."""

    async def take(self, client: Connected, caller: int) -> str:
        """Return a run that a caller may use."""
        mine = self.paths.get(caller)
        if mine:
            return mine.pop()
        self.opened_late += 1
        return await client.opened()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a load came to."""

    seconds: Sequence[float]
    """Of each decision; at a rate from when it was due: what waits for the one before is late."""
    over: float
    """Seconds that all took together."""
    opened_late: int
    processor: float
    """Seconds of processor time that the service took meanwhile: comparable on a busy machine."""


async def measured(serving: Serving, load: Load) -> Spent:
    """Put a load on the service."""
    port = serving.port
    spent: list[float] = []
    clients = [await connected(port, caller=at) for at in range(load.clients)]
    pool = Pool()
    each = -(-load.ready // load.clients)
    async with asyncio.TaskGroup() as group:
        for at, client in enumerate(clients):
            group.create_task(_fill(pool, at, client, each))
    began, before = time.perf_counter(), serving.processor_seconds()
    async with asyncio.TaskGroup() as group:
        for at, client in enumerate(clients):
            group.create_task(_ask(client, at, pool, load, spent.append, began=began))
    over = time.perf_counter() - began
    for client in clients:
        client.close()
    took = serving.processor_seconds() - before
    return Spent(seconds=spent, over=over, opened_late=pool.opened_late, processor=took)


async def _fill(pool: Pool, at: int, client: Connected, runs: int) -> None:
    pool.paths[at] = [await client.opened() for _ in range(runs)]


async def _ask(  # one argument per part of the schedule
    client: Connected,
    at: int,
    pool: Pool,
    load: Load,
    note: Callable[[float], None],
    *,
    began: float,
) -> None:
    """Ask for decisions until it is over; each in its turn, as an agent does."""
    by_chance = random.Random(at)  # noqa: S311  # times of arrival
    each = load.rate / load.clients
    due, number, calls, path = began, 0, 0, ""
    while True:
        now = time.perf_counter()
        due = due + by_chance.expovariate(each) if each else now
        if max(due, now) >= began + load.seconds:
            return
        if due > now:
            await asyncio.sleep(due - now)
        if calls % CALLS_OF_A_RUN == 0:
            path, number = await pool.take(client, at), 0
        calls += 1
        if load.whole:
            facts = told(calls)
            events = [{"number": number + n, "fact": one} for n, one in enumerate(facts, 1)]
            number += len(facts)
            await client.post(f"{path}/events", {"events": events})
            due = max(due, time.perf_counter()) if not each else due
        number += 1
        await client.post(f"{path}/decisions", {"number": number, **asked(calls)})
        note(time.perf_counter() - due)


def asked(turn: int) -> dict[str, object]:
    """Return the call that an agent makes in a turn."""
    arguments = json.dumps({"command": f"kubectl get pods -n {NAMESPACE} --limit={turn}"})
    return {"call_id": f"c{turn}", "tool": "kubectl", "arguments": arguments}


def told(turn: int) -> list[dict[str, object]]:
    """Return what an agent states before the call of a turn: the result before, and its reply."""
    text = f"{OUTPUT}\n{turn - 1}"
    result: dict[str, object] = {
        "type": "tool_returned",
        "call_id": f"c{turn - 1}",
        "tool": "kubectl",
        "text": text,
    }
    reply: dict[str, object] = {
        "type": "model_replied",
        "text": "Looking at the pods.",
        "tool_calls": [asked(turn)],
    }
    return [result, reply] if turn % CALLS_OF_A_RUN != 1 else [reply]


async def fill(port: int, *, runs: int, turns: int) -> None:
    """Open runs, and let each of them go on for some turns."""
    for at in range(runs):
        client = await connected(port, caller=at)
        path = await client.opened()
        number = 0
        for turn in range(1, turns + 1):
            facts = [*told(turn), {"type": "tool_requested", **asked(turn)}]
            events = [{"number": number + n, "fact": one} for n, one in enumerate(facts, 1)]
            number += len(facts)
            await client.post(f"{path}/events", {"events": events})
        client.close()

"""What filtering costs while a conversation grows: by a turn at a time, and all at once.

The conversations are made of turns of real ones, one behind another, since real ones of 200
messages and 100,000 tokens are few. Each turn has ids of its own, so that nothing is a repetition
that was none.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages

from benchmarks.hygiene.conversations import Conversation
from benchmarks.hygiene.rivals import readable
from benchmarks.tables import quantile
from guardrails.engine import Guard, SessionKey
from guardrails.hygiene.context import Context
from guardrails.hygiene.shapes.openai import OpenAIShape
from guardrails.integrations.sending import to_send
from guardrails.policy.models import HygieneSettings, Settings

Json = dict[str, Any]

MESSAGES = 200
TOKENS = 100_000
"""Of a conversation, at 3.6 characters a token as `Measure` assumes."""
PER_MESSAGE = int(TOKENS * 3.6 / MESSAGES)
GROWN = 15
"""Turns by which each conversation grows while the clock runs."""
MADE = 8
"""Conversations; with `GROWN` turns each they give p99 a sample to stand on."""
BUDGETS = (150_000, 100_000, 50_000)
"""All fits; about all fits, as by default; half of it has to go."""

Send = Callable[[Sequence[Any]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds of the calls of one kind."""

    path: str
    budget: int
    cold: Sequence[float]
    grown: Sequence[float]


def costs(found: Sequence[Conversation]) -> list[Cost]:
    """Measure both paths at every budget."""
    lists = [made(found, seed) for seed in range(MADE)]
    return [
        _measured(path, budget, lists)
        for budget in BUDGETS
        for path in ("Context.cleaned", "to_send")
    ]


def row(cost: Cost) -> dict[str, object]:
    """Give one line of the table."""
    return {
        "path": cost.path,
        "budget, tokens": f"{cost.budget:,}",
        "cold p50 ms": quantile(cost.cold, 0.5),
        "cold p99 ms": quantile(cost.cold, 0.99),
        "a turn more p50 ms": quantile(cost.grown, 0.5),
        "a turn more p99 ms": quantile(cost.grown, 0.99),
    }


def made(found: Sequence[Conversation], seed: int) -> list[list[Json]]:
    """Return the turns of a conversation of some 200 messages and 100,000 tokens."""
    chance = Random(seed)  # noqa: S311  # a choice of samples, not of secrets
    pool = [turn for one in found for turn in _turns(one.messages)]
    chance.shuffle(pool)
    turns: list[list[Json]] = [[{"role": "user", "content": "The shop answers slowly. Why?"}]]
    messages, characters = 1, 0
    for number, turn in enumerate(pool):
        size = sum(len(str(message["content"])) for message in turn)
        if characters + size > PER_MESSAGE * (messages + len(turn) + 4):
            continue
        turns.append([_numbered(message, number) for message in turn])
        messages, characters = messages + len(turn), characters + size
        if messages >= MESSAGES:
            break
    return turns


def _measured(path: str, budget: int, lists: Sequence[Sequence[Sequence[Json]]]) -> Cost:
    cold: list[float] = []
    grown: list[float] = []
    settings = HygieneSettings(tokens=budget)
    for turns in lists:
        read, sender = _PATHS[path](turns, settings)
        cold.append(_timed(sender(), read[-1]))
        send = sender()
        for known in read[:-GROWN]:
            send(known)
        grown += [_timed(send, more) for more in read[-GROWN:]]
    return Cost(path=path, budget=budget, cold=cold, grown=grown)


def _timed(send: Send, messages: Sequence[Any]) -> float:
    """Return the milliseconds of one call.

    It waits for nothing, so the thread's time is its time, whatever else the machine does.
    """
    gc.collect()
    gc.disable()
    began = time.thread_time()
    send(messages)
    spent = time.thread_time() - began
    gc.enable()
    return spent * 1000


def _by_context(
    turns: Sequence[Sequence[Json]], settings: HygieneSettings
) -> tuple[list[Sequence[Any]], Callable[[], Send]]:
    whole = OpenAIShape().read([message for turn in turns for message in turn])
    return list(_growing(turns, whole)), lambda: Context(settings).cleaned


def _by_messages(
    turns: Sequence[Sequence[Json]], settings: HygieneSettings
) -> tuple[list[Sequence[Any]], Callable[[], Send]]:
    whole: list[BaseMessage] = convert_to_messages(readable([m for turn in turns for m in turn]))

    def sender() -> Send:
        session = Guard(settings=Settings(hygiene=settings)).begin(
            SessionKey("bench"), adapter="langgraph"
        )
        return lambda messages: to_send(session, messages)

    return list(_growing(turns, whole)), sender


_PATHS = {"Context.cleaned": _by_context, "to_send": _by_messages}


def _growing(turns: Sequence[Sequence[Json]], whole: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield the list as it is after each turn."""
    end = 0
    for turn in turns:
        end += len(turn)
        yield whole[:end]


def _turns(messages: Sequence[Json]) -> Iterator[list[Json]]:
    """Yield each assistant's message that calls, with its results."""
    turn: list[Json] = []
    for message in messages:
        if message["role"] == "tool" and turn:
            turn.append(message)
            continue
        if len(turn) > 1:
            yield turn
        turn = [message] if message.get("tool_calls") else []
    if len(turn) > 1:
        yield turn


def _numbered(message: Json, number: int) -> Json:
    """Give a message of a turn ids that no other turn has."""
    if message["role"] == "tool":
        return {**message, "tool_call_id": f"{number}-{message['tool_call_id']}"}
    calls = [{**call, "id": f"{number}-{call['id']}"} for call in message["tool_calls"]]
    return {**message, "tool_calls": calls}

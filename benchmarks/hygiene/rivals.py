"""What filters are compared with: nothing, and LangChain's two ways to make room."""

# LangGraph and LangChain leave their generics open in nearly every signature:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, cast

from langchain.agents.middleware.context_editing import ClearToolUsesEdit
from langchain_core.messages import (
    AnyMessage,
    BaseMessage,
    convert_to_messages,
    convert_to_openai_messages,
    trim_messages,
)
from langchain_core.messages.utils import count_tokens_approximately

from guardrails.hygiene.clean import cleaned
from guardrails.hygiene.shapes.openai import OpenAIShape
from guardrails.hygiene.tokens import Measure
from guardrails.policy.models import HygieneSettings

Json = dict[str, Any]
Rival = Callable[[Sequence[Json], int], list[Json]]
"""Makes a list fit into a budget of tokens, as LangChain counts them approximately."""

PER_TOKEN = 4.0
"""Characters of a token in LangChain's count, so that all are measured alike."""


def nothing(messages: Sequence[Json], tokens: int) -> list[Json]:
    """Return the list as it is."""
    del tokens
    return list(messages)


def context_editing(messages: Sequence[Json], tokens: int) -> list[Json]:
    """`ContextEditingMiddleware`: results of older calls are cleared, the newest three stay."""
    found = cast("list[AnyMessage]", deepcopy(convert_to_messages(readable(messages))))
    ClearToolUsesEdit(trigger=tokens, keep=3).apply(found, count_tokens=_count)
    return _back(found)


def trimming(messages: Sequence[Json], tokens: int) -> list[Json]:
    """`SummarizationMiddleware`'s trimming: the newest messages that fit, and the instructions."""
    found = trim_messages(
        convert_to_messages(readable(messages)),
        max_tokens=tokens,
        token_counter=count_tokens_approximately,
        strategy="last",
        start_on=("human", "ai"),
        include_system=True,
    )
    return _back(found)


def ours(messages: Sequence[Json], tokens: int) -> list[Json]:
    """All filters in their order."""
    shape, measure = OpenAIShape(), Measure(per_token=PER_TOKEN)
    left = cleaned(shape.read(messages), HygieneSettings(tokens=tokens), measure=measure)
    return shape.write(messages, left.messages)


OURS = "guarded-agent"
RIVALS: dict[str, Rival] = {
    "no filter": nothing,
    "ContextEditing": context_editing,
    "trimming": trimming,
    OURS: ours,
}


def _count(messages: Sequence[BaseMessage]) -> int:
    return count_tokens_approximately(messages)


def readable(messages: Sequence[Json]) -> list[Json]:
    """Return messages whose arguments LangChain can read; some models wrote others."""
    return [
        {**m, "tool_calls": [_with_object(call) for call in m["tool_calls"]]}
        if m.get("tool_calls")
        else m
        for m in messages
    ]


def _with_object(call: Json) -> Json:
    try:
        json.loads(call["function"]["arguments"])
    except ValueError:
        written = json.dumps({"input": call["function"]["arguments"]})
        return {**call, "function": {**call["function"], "arguments": written}}
    return call


def _back(messages: Sequence[BaseMessage]) -> list[Json]:
    return convert_to_openai_messages(list(messages))

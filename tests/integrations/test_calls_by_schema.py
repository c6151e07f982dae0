"""What is known of tools, and how messages with broken calls are mended in every form."""

import gc
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool, Tool, tool
from langgraph.graph.message import add_messages
from pydantic import BaseModel, BeforeValidator, ConfigDict

from guardrails.hygiene.context import Context
from guardrails.hygiene.left import Left
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.sent import again, sent_chat, shown_again
from guardrails.integrations import toolspecs
from guardrails.integrations.mending import mend
from guardrails.integrations.messages import arguments_json
from guardrails.integrations.surgery import update_to
from guardrails.integrations.toolspecs import fault_in, shown_in, spec_of
from guardrails.policy.models import HygieneSettings

# Tools


@tool
def get_pods(namespace: str, limit: int = 5) -> str:
    """List pods."""
    return f"{namespace} {limit}"


@pytest.mark.parametrize(
    "form",
    [
        get_pods,
        {"type": "function", "function": {"name": "get_pods", "parameters": {"type": "object"}}},
        {"name": "get_pods", "description": "List.", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "get_pods"},
    ],
)
def test_a_tool_is_known_in_every_form(form: Any) -> None:
    """As LangChain has it, and as clients of OpenAI and Anthropic send it."""
    shown = shown_in([form])
    assert list(shown.specs) == ["get_pods"]
    assert "did you mean get_pods?" in shown.fault("get_pod", "{}")


def test_beside_a_tool_without_a_name_no_name_is_unknown() -> None:
    """A provider's own tool may be called anything."""
    shown = shown_in([get_pods, {"type": "web_search_preview"}])
    assert shown.fault("web_search", "{}") == ""
    assert shown.fault("get_pods", "{}") != ""


def test_tools_of_one_name_that_differ_take_everything() -> None:
    """Agents of a graph may each have their own."""

    @tool("get_pods")
    def other(pod: str) -> str:
        """Get one."""
        return pod

    both = shown_in([get_pods]).with_more(shown_in([other]))
    assert both.fault("get_pods", '{"pod": "web-1"}') == ""


def _listed(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


class Lenient(BaseModel):
    """Takes more than its schema says."""

    names: Annotated[list[str], BeforeValidator(_listed)]


class Open(BaseModel):
    """Takes what it does not name."""

    model_config = ConfigDict(extra="allow")
    name: str


def _nothing(**given: Any) -> str:
    return str(given)


def made(schema: Any) -> StructuredTool:
    """Make a tool of a schema."""
    return StructuredTool(name="made", description="Made.", func=_nothing, args_schema=schema)


@pytest.mark.parametrize(
    ("one", "arguments"),
    [
        (made(Lenient), {"names": "a,b"}),
        (made(Open), {"name": "a", "more": 1}),
        (Tool(name="old", description="Old.", func=str), {"input": "a"}),
        (made({"type": "object", "properties": {"a": {}}, "additionalProperties": True}), {"b": 1}),
    ],
)
def test_a_tool_has_the_last_word_on_what_it_takes(one: Any, arguments: dict[str, Any]) -> None:
    """Validators, open models and tools of one text."""
    assert fault_in(one, arguments, arguments_json(arguments)) == ""


def test_what_it_would_drop_or_refuse_is_told() -> None:
    """An unknown argument, one that is missing, and one that no validator reads."""
    assert "has no argument ns" in fault_in(made(Lenient), {"ns": "a"}, '{"ns":"a"}')
    assert "needs names" in fault_in(made(Lenient), {}, "{}")
    assert "must be" in fault_in(made(Lenient), {"names": 3}, '{"names":3}')


def test_schemas_are_kept_no_longer_than_their_tools() -> None:
    """Agents are made by the request in servers; a cache must not keep their tools."""
    before = len(toolspecs._specs)  # what is kept shows nowhere else
    one = made(Lenient)
    assert spec_of(one) is spec_of(one)
    del one
    gc.collect()
    assert len(toolspecs._specs) <= before  # as above


# Mending


BROKEN = '{"namespace": "shop",}'
WHOLE = {"namespace": "shop"}


@pytest.mark.parametrize(
    ("block", "whole"),
    [
        (
            {
                "type": "tool_use",
                "id": "c1",
                "name": "get_pods",
                "input": {},
                "partial_json": BROKEN,
            },
            {"type": "tool_use", "id": "c1", "name": "get_pods", "input": WHOLE},
        ),
        (
            {"type": "function_call", "call_id": "c1", "name": "get_pods", "arguments": BROKEN},
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "get_pods",
                "arguments": '{"namespace":"shop"}',
            },
        ),
        (
            {"type": "invalid_tool_call", "id": "c1", "name": "get_pods", "args": BROKEN},
            {"type": "tool_call", "id": "c1", "name": "get_pods", "args": WHOLE},
        ),
    ],
    ids=["anthropic", "openai-responses", "langchain"],
)
def test_blocks_that_repeat_a_call_are_mended_with_it(
    block: dict[str, Any], whole: dict[str, Any]
) -> None:
    """Else the provider would be sent the broken text again."""
    message = AIMessage([{"type": "text", "text": "I look."}, block])
    message.invalid_tool_calls = [broken("c1")]
    assert mend(message, shown_in([get_pods])) == {"c1": "a comma was left over"}
    assert message.content == [{"type": "text", "text": "I look."}, whole]
    assert message.tool_calls[0]["args"] == WHOLE
    assert message.invalid_tool_calls == []


def broken(call_id: str | None, name: str = "get_pods") -> Any:
    """Write a call that LangChain could not read."""
    return {"type": "invalid_tool_call", "id": call_id, "name": name, "args": BROKEN, "error": ""}


def test_a_call_of_a_tool_that_nobody_showed_is_left() -> None:
    """It is answered instead, with an id if it has none."""
    message = AIMessage("", invalid_tool_calls=[broken(None, "other")])
    assert mend(message, shown_in([get_pods])) == {}
    assert message.invalid_tool_calls[0]["id"]
    assert message.tool_calls == []


# Histories


HISTORY = [
    HumanMessage("web is down", id="0"),
    AIMessage("a", id="1"),
    ToolMessage("b", tool_call_id="c", id="2"),
    AIMessage("d", id="3"),
]


@given(
    st.lists(st.sampled_from(range(4)), unique=True),
    st.lists(st.integers(min_value=0, max_value=4), max_size=2),
)
def test_an_update_makes_the_history_that_is_wanted(kept: list[int], notes: list[int]) -> None:
    """By LangGraph's own reducer: what goes, what is changed, and what comes between."""
    after: list[Any] = [HISTORY[at].model_copy(update={"content": "x"}) for at in sorted(kept)]
    for at in notes:
        after.insert(min(at, len(after)), HumanMessage("note"))
    found: Any = add_messages(list(HISTORY), list(update_to(HISTORY, after)))
    assert [(m.type, m.content) for m in found] == [(m.type, m.content) for m in after]


# Plain lists


def test_a_plain_list_is_cleaned_in_its_own_form() -> None:
    """For a proxy: secrets hidden, steps taken back gone, and what was left out told."""
    asked = {"id": "c1", "type": "function", "function": {"name": "get_pod", "arguments": "{}"}}
    chat = [
        {"role": "user", "content": "web is down"},
        {"role": "assistant", "content": None, "tool_calls": [asked]},
        {"role": "tool", "tool_call_id": "c1", "content": "no such tool"},
    ]
    context = Context(HygieneSettings())
    found = sent_chat(chat, context=context, taken_back={"c1": "there is no get_pod"})
    assert found.messages == [
        chat[0],
        {"role": "user", "content": "[taken back: there is no get_pod]"},
    ]
    assert [removal.why for removal in found.removals] == [Left.TAKEN_BACK] * 2
    assert found.changed
    same = sent_chat(chat, context=context)
    assert (same.changed, same.messages) == (False, chat)


def test_a_result_is_shown_again_without_secrets_and_not_too_long() -> None:
    """By its call's id; None where there is no such result."""
    rows = "\n".join(f"pod-{n} Running" for n in range(4000))
    messages = [Message(role=Role.TOOL, text=f"password: hunter2hunter2\n{rows}", call_id="c1")]
    shown = shown_again(messages, "c1")
    assert shown == again(messages[0].text)
    assert shown is not None
    assert len(shown) <= 20_000
    assert "hunter2" not in shown
    assert shown_again(messages, "c2") is None

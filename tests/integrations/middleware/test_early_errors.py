"""Wrong calls in agents of `create_agent`: mended, sent back, and taken back."""

from typing import Annotated, Any

import pytest
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    ToolMessage,
    convert_to_openai_messages,
)
from langchain_core.tools import InjectedToolCallId, StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import InjectedState, ToolRuntime
from pydantic import BaseModel, Field

from guardrails.core.decisions import Reason
from guardrails.core.events import (
    ModelReplied,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.testing.scripted import call, turn
from tests.hygiene.lists import openai_is_valid
from tests.integrations.middleware.conftest import get_pods

PASS = GateVerdict.PASS
DONE = turn("Fixed.")


def valid(rig: Any) -> bool:
    """Tell whether every list that reached the model was one that providers take."""
    return all(openai_is_valid(convert_to_openai_messages(_plain(s))) for s in rig.model.seen)


def _plain(messages: list[Any]) -> list[Any]:
    """Write calls that could not be read as calls, as providers' clients send them."""
    return [
        m.model_copy(
            update={
                "tool_calls": [
                    *m.tool_calls,
                    *({**c, "type": "tool_call", "args": {}} for c in m.invalid_tool_calls),
                ],
                "invalid_tool_calls": [],
            }
        )
        if isinstance(m, AIMessage)
        else m
        for m in messages
    ]


# Mending


def test_arguments_with_one_reading_are_mended_and_run(make_rig: Any) -> None:
    """The message in the state is the same one with the call in its place; the trace tells."""
    rig = make_rig(PASS)
    rig.build(turn(malformed=[("get_pods", '{"namespace": "prod",}')]), DONE)
    result = rig.run()
    rig.sound(result, Outcome.RESOLVED)
    said = result["messages"][1]
    assert said.invalid_tool_calls == []
    assert said.tool_calls[0]["args"] == {"namespace": "prod"}
    assert result["messages"][2].text == "checkout-1 CrashLoopBackOff in prod"
    (mended,) = rig.facts(ModelReplied)[0].tool_calls
    assert mended.mended == "a comma was left over"
    assert rig.facts(ToolRequested)[0].fault == ""


def test_a_message_that_ran_out_of_room_is_not_mended(make_rig: Any) -> None:
    """What can be read may not be all that was meant."""
    rig = make_rig(PASS)
    cut = turn(malformed=[("get_pods", '{"namespace": "prod",}')], finish_reason="length")
    rig.build(cut, DONE)
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.facts(ToolReturned)[0].status is ToolStatus.BLOCKED


def test_in_shadow_nothing_is_mended(make_rig: Any) -> None:
    """The agent is left as it is."""
    rig = make_rig(PASS, mode="shadow")
    rig.build(turn(malformed=[("get_pods", '{"namespace": "prod",}')]), DONE)
    assert rig.run()["messages"][1].tool_calls == []


class Report(BaseModel):
    """A structured answer."""

    cause: str


def test_a_structured_answer_is_mended_too(make_rig: Any) -> None:
    """It is read from the message after it was mended, so it ends the run as any other."""
    rig = make_rig(PASS)
    rig.build(
        turn(malformed=[("Report", '{"cause": "oom",}')]), response_format=ToolStrategy(Report)
    )
    result = rig.run()
    assert result["structured_response"] == Report(cause="oom")


def test_a_valid_call_runs_beside_a_malformed_one(make_rig: Any) -> None:
    """Each is answered; the one that could not be read says why."""
    rig = make_rig(PASS)
    rig.build(
        turn(calls=[call("get_pods")], malformed=[("patch_deployment", '{"name": "ch')]), DONE
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    texts = {m.name: m.text for m in rig.model.seen[1] if isinstance(m, ToolMessage)}
    assert texts["get_pods"].startswith("checkout-1")
    assert texts["patch_deployment"].startswith("Not run: the arguments of patch_deployment")
    assert valid(rig)


def test_who_writes_nothing_but_malformed_calls_is_stopped(make_rig: Any) -> None:
    """Taken back as often as the policy says, then a person takes over."""
    rig = make_rig(PASS, hygiene={"rewinds": 2})
    rig.build(turn(malformed=[("get_pods", '{"namespace": "pr')]), at_end="repeat")
    rig.sound(rig.run(), Outcome.ESCALATED)
    assert rig.turns == 6
    assert rig.ended.reason == Reason.BAD_CALL
    assert valid(rig)


# Tools and their arguments


def test_an_unknown_tool_is_answered_with_the_nearest(make_rig: Any) -> None:
    """Before any tool node says that there is none."""
    rig = make_rig(PASS)
    rig.build(turn(calls=[call("get_pod")]), DONE)
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.model.seen[1][-1].text == (
        "Not run: there is no tool get_pod; did you mean get_pods? "
        "It takes namespace (text, may be left out)."
    )


def test_an_argument_that_the_tool_would_drop_is_told(make_rig: Any) -> None:
    """LangChain drops it in silence, and the tool looks elsewhere."""
    rig = make_rig(PASS)
    rig.build(turn(calls=[call("get_pods", ns="prod")]), DONE)
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert "get_pods has no argument ns; did you mean namespace?" in rig.model.seen[1][-1].text
    assert rig.facts(ToolRequested)[0].fault


@tool
def injected(
    pod: str,
    state: Annotated[dict[str, Any], InjectedState],
    call_id: Annotated[str, InjectedToolCallId],
    runtime: ToolRuntime,
) -> str:
    """Look at a pod."""
    return f"{pod} {len(state['messages'])} {bool(call_id)} {runtime.tool_call_id == call_id}"


class Replicas(BaseModel):
    """Arguments with a model of their own."""

    replicas: int = Field(description="how many")


def _scale(replicas: int) -> str:
    return f"scaled to {replicas}"


OWN = StructuredTool.from_function(_scale, name="scale", description="Scale.", args_schema=Replicas)
MCP = StructuredTool(
    name="mcp_query",
    description="Ask.",
    func=lambda **given: f"asked {given}",
    args_schema={
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
    },
)
OPEN = StructuredTool(
    name="mcp_open", description="Ask.", func=lambda **given: "ok", args_schema={"type": "object"}
)


@pytest.mark.parametrize(
    "asked",
    [
        call("injected", pod="web-1"),
        call("scale", replicas="2"),
        call("mcp_query", query="up"),
        call("mcp_open", anything=1),
    ],
    ids=lambda c: c["name"],
)
def test_what_a_tool_takes_is_not_called_wrong(make_rig: Any, asked: Any) -> None:
    """Injected arguments are nobody's fault, numbers may be text, MCP tools bring a schema."""
    rig = make_rig(PASS)
    rig.build(turn(calls=[asked]), DONE, tools=[injected, OWN, MCP, OPEN])
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert [r.status for r in rig.facts(ToolReturned)] == [ToolStatus.OK]
    assert rig.facts(ToolRequested)[0].fault == ""


def test_a_tool_that_another_middleware_brings_is_known(make_rig: Any) -> None:
    """It is bound to the model by one hook and run by another; nobody else knows of it."""

    @tool
    def dynamic(query: str) -> str:
        """Ask something that was found at run time."""
        return f"found {query}"

    class Brings(AgentMiddleware):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            """Show it."""
            return handler(request.override(tools=[*request.tools, dynamic]))

        async def awrap_model_call(self, request: Any, handler: Any) -> Any:
            """Show it."""
            return await handler(request.override(tools=[*request.tools, dynamic]))

        def wrap_tool_call(self, request: Any, handler: Any) -> Any:
            """Run it."""
            return handler(request.override(tool=dynamic) if request.tool is None else request)

        async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
            """Run it."""
            ours = request.tool is None
            return await handler(request.override(tool=dynamic) if ours else request)

    rig = make_rig(PASS)
    rig.build(turn(calls=[call("dynamic", query="x")]), DONE, after=(Brings(),))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.model.seen[1][-1].text == "found x"


# Taken back


def wrong(number: int) -> AIMessage:
    """Write a turn with a wrong call."""
    return turn(f"Look {number}.", calls=[call("get_pod", call_id=f"wrong{number}")])


@pytest.mark.parametrize("saver", [None, InMemorySaver], ids=["plain", "checkpointed"])
def test_wrong_steps_leave_the_history(make_rig: Any, saver: Any) -> None:
    """The graph's own state has one line in their place, and the trace says so."""
    rig = make_rig(PASS)
    rig.build(
        wrong(1), wrong(2), turn(calls=[call("get_pods")]), DONE, checkpointer=saver and saver()
    )
    result = rig.run(thread="t")
    rig.sound(result, Outcome.RESOLVED)
    assert [m.type for m in rig.model.seen[1]] == ["human", "ai", "tool"]
    assert [m.type for m in rig.model.seen[2]] == ["human", "human"]
    assert [m.type for m in result["messages"]] == ["human", "human", "ai", "tool", "ai"]
    assert result["messages"][1].text.startswith("[taken back: There is no tool get_pod;")
    (taken,) = rig.facts(StepTakenBack)
    assert (taken.call_ids, taken.steps) == (("wrong1", "wrong2"), 2)
    assert valid(rig)


def test_what_ran_beside_a_wrong_call_stays(make_rig: Any) -> None:
    """It happened: only the wrong call and its result leave the turn."""
    rig = make_rig(PASS)
    both = [
        turn(calls=[call("get_pods", namespace=f"n{n}"), call("get_pod", call_id=f"wrong{n}")])
        for n in range(2)
    ]
    rig.build(*both, DONE)
    result = rig.run()
    rig.sound(result, Outcome.RESOLVED)
    kinds = ["human", "ai", "tool", "ai", "tool", "human"]
    assert [m.type for m in rig.model.seen[2]] == kinds
    assert [len(m.tool_calls) for m in rig.model.seen[2] if isinstance(m, AIMessage)] == [1, 1]
    assert [m.type for m in result["messages"]] == [*kinds, "ai"]
    assert rig.facts(StepTakenBack)[0].steps == 0
    assert valid(rig)


def test_others_see_the_clean_history(make_rig: Any) -> None:
    """Middleware listed after the guard reads it before the model does."""
    seen: list[list[str]] = []

    class Reads(AgentMiddleware):
        def before_model(self, state: Any, runtime: Any) -> None:
            """Remember what is there."""
            seen.append([m.type for m in state["messages"]])

    rig = make_rig(PASS)
    rig.build(wrong(1), wrong(2), DONE, after=(Reads(),))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert seen[2] == ["human", "human"]


def test_numbers_that_come_again_are_other_calls(make_rig: Any) -> None:
    """Some models count their calls anew in every turn; a later good one stays."""
    rig = make_rig(PASS)
    again = [turn(calls=[call("get_pod", call_id="0")]) for _ in range(2)]
    rig.build(*again, turn(calls=[call("get_pods", call_id="0")]), DONE)
    result = rig.run()
    rig.sound(result, Outcome.RESOLVED)
    assert [m.type for m in rig.model.seen[3]] == ["human", "human", "ai", "tool"]


# Recall


def long_list(namespace: str = "shop") -> str:
    """List many things."""
    return "\n".join(f"{namespace}-{n} Running 1/1" for n in range(60))


LISTS = tool("get_list")(long_list)


def test_a_result_that_was_left_out_can_be_seen_again(make_rig: Any) -> None:
    """The agent has the tool beside its own; it is no evidence, and the guard counts no call."""
    rig = make_rig(PASS)
    look = [turn(calls=[call("get_list", call_id=f"c{n}")]) for n in range(2)]
    rig.build(*look, turn(calls=[call("recall", pointer="c0")]), DONE, tools=[LISTS])
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert [t["function"]["name"] for t in rig.model.tools] == ["get_list", "recall"]
    assert list(rig.model.tools[1]["function"]["parameters"]["properties"]) == ["pointer"]
    left = [m for m in rig.model.seen[2] if isinstance(m, ToolMessage)]
    assert left[0].text.startswith("[left out")
    assert rig.model.seen[3][-1].text == long_list()
    assert [fact.tool for fact in rig.facts(ToolRequested)] == ["get_list"] * 2


def test_recall_is_never_denied_by_a_phase(make_rig: Any) -> None:
    """It reads the agent's own history, whatever the run is at."""
    rig = make_rig(PASS, fsm={"machine": "mitigation", "alignment": "none"})
    rig.build(
        turn(calls=[call("get_pods", call_id="c0")]),
        turn(calls=[call("recall", pointer="c0")]),
        turn("I give up."),
        at_end="repeat",
    )
    rig.run()
    assert rig.model.seen[2][-1].text.startswith("checkout-1")
    assert all("recall" in {t["function"]["name"] for t in rig.model.tools} for _ in rig.model.seen)


def test_a_tool_of_that_name_is_the_users(make_rig: Any) -> None:
    """Ours steps back, and theirs is guarded like any other."""

    @tool
    def recall(product: str) -> str:
        """Recall a product."""
        return f"{product} is recalled"

    rig = make_rig(PASS)
    rig.build(turn(calls=[call("recall", product="x")]), DONE, tools=[recall])
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert [t["function"]["name"] for t in rig.model.tools] == ["recall"]
    assert rig.model.seen[1][-1].text == "x is recalled"
    assert [fact.tool for fact in rig.facts(ToolRequested)] == ["recall"]


def test_without_filters_there_is_nothing_to_recall(make_rig: Any) -> None:
    """Then the model is shown no such tool; nor is one whose agent has no tools."""
    rig = make_rig(PASS, PASS, hygiene={"filters": ()})
    rig.build(DONE, tools=[get_pods])
    rig.run()
    assert [t["function"]["name"] for t in rig.model.tools] == ["get_pods"]
    bare = make_rig(PASS)
    bare.build(DONE, tools=[])
    bare.sound(bare.run(), Outcome.RESOLVED)
    assert bare.model.tools == []


def test_a_long_result_comes_shorter_and_secrets_stay_hidden(make_rig: Any) -> None:
    """What is shown again passes the same filters as what is sent."""

    @tool
    def get_all() -> str:
        """List everything."""
        rows = "\n".join(f"pod-{n} Running" for n in range(4000))
        return f"password: hunter2hunter2\n{rows}"

    rig = make_rig(PASS)
    rig.build(
        turn(calls=[call("get_all", call_id="c0")]),
        turn(calls=[call("recall", pointer="c0")]),
        turn(calls=[call("recall", pointer="c9")]),
        DONE,
        tools=[get_all],
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    shown = rig.model.seen[2][-1].text
    assert len(shown) <= 20_000
    assert "hunter2" not in shown
    assert rig.model.seen[3][-1].text.startswith("There is no result 'c9'.")


def test_a_persons_words_stay_where_they_are(make_rig: Any) -> None:
    """Only the wrong steps go."""
    rig = make_rig(PASS)
    rig.build(wrong(1), wrong(2), DONE)
    given = {"messages": [HumanMessage("checkout is down"), HumanMessage("it began at 9")]}
    rig.run(given)
    assert [m.text for m in rig.model.seen[2]][:2] == ["checkout is down", "it began at 9"]

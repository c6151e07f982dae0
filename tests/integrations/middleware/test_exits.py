"""Every exit of `create_agent`, sync and async. Row names are those of the exit table.

A row passes when the run has a typed outcome in result and trace, was accepted only on a passing
report, and a refusal reached the model.
"""

from typing import Any

import pytest
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ToolCallLimitMiddleware,
    hook_config,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.runtime import RunControl
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from guardrails.core.events import ExitKind, RunPaused, RunResumed, ToolRequested, ToolReturned
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.engine import SessionKey
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.testing.scripted import call, turn

FAIL, PASS, UNKNOWN = GateVerdict.FAIL, GateVerdict.PASS, GateVerdict.UNKNOWN


class Report(BaseModel):
    """The final report."""

    summary: str


def test_b0_prime_refused_final_answer_goes_back_to_the_model(make_rig: Any) -> None:
    """A false claim is refused with the facts; the next one is accepted."""
    rig = make_rig(FAIL, PASS)
    rig.build(turn("All fixed."), turn("", calls=[call("patch_deployment")]), turn("Fixed now."))
    result = rig.run()
    rig.sound(result, Outcome.RESOLVED)
    assert rig.exits == [ExitKind.FINAL_ANSWER, ExitKind.FINAL_ANSWER]
    assert "status.updatedReplicas" in rig.feedback(1)
    assert result["messages"][-1].text == "Fixed now."


def test_b0_prime_claims_without_proof_end_unresolved(make_rig: Any) -> None:
    """Refusals are a budget; what comes after it does not read as a success."""
    rig = make_rig(FAIL)
    rig.build(turn("All fixed."), at_end="repeat")
    rig.sound(rig.run(), Outcome.UNRESOLVED)
    assert rig.model.asked == 5


def test_b1_return_direct_tool_is_refused_and_then_accepted(make_rig: Any) -> None:
    """A direct-return tool leaves from the tools node; the door is behind it."""
    rig = make_rig(FAIL, PASS)
    rig.build(
        turn(calls=[call("report_back", text="all is fixed")]),
        turn(calls=[call("report_back", text="fixed now")]),
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.DIRECT_RETURN, ExitKind.DIRECT_RETURN]
    assert rig.gate.requests[0].claim.text == "all is fixed"
    assert "Not accepted" in rig.feedback(1)


@pytest.mark.parametrize("guard_first", [True, False])
def test_b2_model_call_limit_cannot_spin_at_the_door(make_rig: Any, *, guard_first: bool) -> None:
    """A limit that ends the run again and again is not refused without a model turn between."""
    rig = make_rig(FAIL)
    limit = ModelCallLimitMiddleware(run_limit=1, exit_behavior="end")
    rig.build(
        turn(calls=[call("get_pods")]),
        before=() if guard_first else (limit,),
        after=(limit,) if guard_first else (),
    )
    rig.sound(rig.run(), Outcome.UNRESOLVED)
    assert rig.exits == [ExitKind.MIDDLEWARE_END, ExitKind.MIDDLEWARE_END]
    assert rig.model.asked == 1


@pytest.mark.parametrize("guard_first", [True, False])
def test_b2_tool_call_limit_end_comes_to_the_door(make_rig: Any, *, guard_first: bool) -> None:
    """A tool limit that jumps to the end after the model is judged like any other end."""
    rig = make_rig(FAIL, PASS)
    limit = ToolCallLimitMiddleware(run_limit=1, exit_behavior="end")
    rig.build(
        turn(calls=[call("get_pods")]),
        turn(calls=[call("get_pods")]),
        turn("Fixed by the rollout."),
        before=() if guard_first else (limit,),
        after=(limit,) if guard_first else (),
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.MIDDLEWARE_END, ExitKind.FINAL_ANSWER]
    assert "Not accepted" in rig.feedback()


def test_b3_structured_answer_is_refused_and_never_stale(make_rig: Any) -> None:
    """A refused structured answer is cleared, the accepted one stays."""
    rig = make_rig(FAIL, PASS)
    rig.build(
        turn(calls=[call("Report", summary="fixed")]),
        turn(calls=[call("Report", summary="fixed at last")]),
        response_format=ToolStrategy(Report),
    )
    result = rig.run()
    rig.sound(result, Outcome.RESOLVED)
    assert rig.exits == [ExitKind.STRUCTURED, ExitKind.STRUCTURED]
    assert result["structured_response"] == Report(summary="fixed at last")


def test_b3_unproved_structured_answer_is_withheld(make_rig: Any) -> None:
    """Code that reads only the structured answer does not get a false one."""
    rig = make_rig(FAIL)
    rig.build(
        turn(calls=[call("Report", summary="fixed")]),
        at_end="repeat",
        response_format=ToolStrategy(Report),
    )
    rig.sound(rig.run(), Outcome.UNRESOLVED)


def test_b3_plain_text_ends_a_structured_agent_at_the_door(make_rig: Any) -> None:
    """A text where a structure was asked for is judged as a final answer."""
    rig = make_rig(FAIL, PASS)
    rig.build(
        turn("It is fixed."),
        turn(calls=[call("Report", summary="fixed")]),
        response_format=ToolStrategy(Report),
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.FINAL_ANSWER, ExitKind.STRUCTURED]


def test_b3_prime_invalid_structure_beside_a_tool_is_no_answer(make_rig: Any) -> None:
    """LangChain ends the run without any answer; the door sends it back."""
    rig = make_rig(FAIL, PASS)
    rig.build(
        turn(calls=[call("Report", wrong=1), call("get_pods")]),
        turn(calls=[call("Report", summary="fixed")]),
        at_end="repeat",
        response_format=ToolStrategy(Report),
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits[-1] is ExitKind.STRUCTURED


def test_b4_guard_listed_last_still_refuses(make_rig: Any) -> None:
    """Declared jumps reach the model from any place in the list."""

    class Other(AgentMiddleware):
        def after_agent(self, state: Any, runtime: Any) -> None:
            """Do nothing, but stand between."""

        def after_model(self, state: Any, runtime: Any) -> None:
            """Do nothing, but stand between."""

    rig = make_rig(FAIL, PASS)
    rig.build(turn(""), turn("Fixed."), turn("Fixed now."), before=(Other(),))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.EMPTY, ExitKind.FINAL_ANSWER, ExitKind.FINAL_ANSWER]


def test_b6_model_error_leaves_with_an_outcome(make_rig: Any) -> None:
    """The exception reaches the caller, and the run is aborted in the trace."""
    rig = make_rig(PASS)
    rig.build(ConnectionError("provider is down"))
    with pytest.raises(ConnectionError, match="provider is down"):
        rig.run()
    rig.sound_trace(Outcome.ABORTED)


def test_b6_tool_error_leaves_with_an_outcome(make_rig: Any) -> None:
    """The same for a tool that raises."""

    @tool
    def get_logs() -> str:
        """Read logs."""
        raise TimeoutError("no route to host")

    rig = make_rig(PASS)
    rig.build(turn(calls=[call("get_logs"), call("get_pods")]), tools=[get_logs, get_pods_too])
    with pytest.raises(TimeoutError, match="no route"):
        rig.run()
    rig.sound_trace(Outcome.ABORTED)


@tool
def get_pods_too() -> str:
    """List pods."""
    return "none"


def test_b7_interrupt_in_a_tool_is_a_pause(make_rig: Any) -> None:
    """An interrupted run has not ended; resumed, it is one run with one call."""

    @tool
    def ask_person(question: str) -> str:
        """Ask the person on call."""
        return interrupt(question)

    rig = make_rig(PASS)
    rig.build(
        turn(calls=[call("ask_person", question="restart?")]),
        turn("Fixed."),
        tools=[ask_person],
        checkpointer=InMemorySaver(),
    )
    paused = rig.run(thread="t")
    assert paused["__interrupt__"][0].value == "restart?"
    assert rig.recorder.ended == []
    rig.sound(rig.run(Command(resume="yes"), thread="t"), Outcome.RESOLVED)
    assert len(rig.facts(ToolRequested)) == len(rig.facts(ToolReturned)) == 1
    assert len(rig.facts(RunPaused)) == len(rig.facts(RunResumed)) == 1


def test_b8_goto_end_from_a_tool_changes_nothing(make_rig: Any) -> None:
    """LangGraph ignores it: the model is asked again and the end comes to the door."""

    @tool
    def get_out() -> Any:
        """Leave."""
        return Command(goto=END, update={"messages": [ToolMessage("left", tool_call_id="x1")]})

    rig = make_rig(PASS)
    rig.build(turn(calls=[call("get_out", call_id="x1")]), turn("Fixed."), tools=[get_out])
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.FINAL_ANSWER]


def _inside(rig: Any) -> Any:
    """Put the agent into a graph that it can hand off to."""
    parent = StateGraph(MessagesState)
    parent.add_node("agent", rig.agent, destinations=("other", END))
    parent.add_node("other", lambda _: {"messages": [AIMessage("other took over")]})
    parent.add_edge(START, "agent")
    rig.agent = parent.compile()
    return rig


def _handoff(goto: str) -> Any:
    @tool
    def transfer(note: str = "") -> Any:
        """Hand over."""
        return Command(
            graph=Command.PARENT, goto=goto, update={"messages": [AIMessage(f"handed: {note}")]}
        )

    return transfer


def test_b8_prime_handoff_to_another_agent_is_an_escalation(make_rig: Any) -> None:
    """Nobody outside owns the run, so for the guard it ends here, handed to someone else."""
    rig = make_rig(PASS)
    rig.build(turn(calls=[call("transfer")]), tools=[_handoff("other")])
    _inside(rig).run()
    rig.sound_trace(Outcome.ESCALATED)
    assert rig.exits == [ExitKind.HANDOFF]


def test_b8_prime_handoff_to_the_end_is_a_claim(make_rig: Any) -> None:
    """Forwarding an answer to the outer graph's end is refused like the answer itself."""
    rig = make_rig(FAIL, PASS)
    rig.build(
        turn(calls=[call("transfer", note="all is fixed")]),
        turn(calls=[call("transfer", note="fixed now")]),
        tools=[_handoff(END)],
    )
    _inside(rig).run()
    rig.sound_trace(Outcome.RESOLVED)
    assert rig.gate.requests[0].claim.text == "handed: all is fixed"
    refused = [m for m in rig.model.seen[1] if isinstance(m, ToolMessage)]
    assert "Not accepted" in refused[-1].text


def test_b9_the_guard_never_jumps_to_its_own_node(make_rig: Any) -> None:
    """An ended run passes the closing node once: no loop, one verdict."""
    rig = make_rig(PASS)
    rig.build(turn("Fixed."))
    steps = rig.stream("updates", recursion_limit=8)
    assert sum("GuardrailMiddleware.after_agent" in s for s in steps) == 1
    rig.sound_trace(Outcome.RESOLVED)


def test_b12_two_guards_need_two_names(make_rig: Any) -> None:
    """LangChain refuses equal names; with two names both judge, the first has the last word."""
    strict, rig = make_rig(FAIL, PASS), make_rig(PASS)
    with pytest.raises(AssertionError, match="duplicate"):
        rig.build(turn("Fixed."), after=(GuardrailMiddleware(using=strict.guard),))
    second = GuardrailMiddleware(using=strict.guard, name="Guardrail[strict]")
    rig.build(turn("Fixed."), turn("Fixed now."), after=(second,))
    rig.sound(rig.run(), Outcome.RESOLVED)
    strict.sound_trace(Outcome.RESOLVED)
    assert strict.exits == [ExitKind.FINAL_ANSWER, ExitKind.FINAL_ANSWER]
    assert rig.exits == [ExitKind.FINAL_ANSWER]


def test_b16_history_without_the_models_messages_is_not_an_answer(make_rig: Any) -> None:
    """A filter that takes out the model's messages ends the agent; the door sends it back."""

    class Amnesia(AgentMiddleware):
        done = False

        def after_model(self, state: Any, runtime: Any) -> Any:
            """Forget everything, once."""
            if self.done:
                return None
            self.done = True
            kept = [m for m in state["messages"] if not isinstance(m, AIMessage)]
            return {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), *kept]}

    rig = make_rig(FAIL, PASS)
    rig.build(turn(calls=[call("get_pods")]), turn("Fixed."), after=(Amnesia(),))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.MIDDLEWARE_END, ExitKind.FINAL_ANSWER]


def test_b17_malformed_call_is_sent_back_at_once(make_rig: Any) -> None:
    """A call that does not parse is no end; its result says so and the history stays valid."""
    rig = make_rig(PASS)
    rig.build(turn(malformed=[("get_pods", '{"namespace": ')]), turn("Fixed."))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.FINAL_ANSWER]
    assert [m.type for m in rig.model.seen[1]] == ["human", "ai", "tool"]
    assert rig.model.seen[1][-1].text == (
        "Not run: the arguments of get_pods are no JSON object: the call was cut off. "
        "It takes namespace (text, may be left out)."
    )


@pytest.mark.parametrize("early", ["none", "warn"])
def test_b17_without_early_errors_a_malformed_call_is_a_refused_end(
    make_rig: Any, early: str
) -> None:
    """Then it counts as a refusal, so that a model that writes nothing else still ends."""
    rig = make_rig(PASS, hygiene={"early": early}, budgets={"refusals": 2})
    rig.build(turn(malformed=[("get_pods", '{"namespace": ')]), at_end="repeat")
    rig.sound(rig.run(), Outcome.ESCALATED)
    assert set(rig.exits) == {ExitKind.MALFORMED}
    assert "could not be parsed" in rig.feedback(1)


def test_b18_empty_answer_is_sent_back_at_once(make_rig: Any) -> None:
    """An empty message concludes nothing."""
    rig = make_rig(PASS)
    rig.build(turn("  "), turn("Fixed."))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert rig.exits == [ExitKind.EMPTY, ExitKind.FINAL_ANSWER]
    assert "empty" in rig.feedback(1)


def test_b18_model_that_says_nothing_for_ever_is_stopped(make_rig: Any) -> None:
    """Empty answers count as refusals, so they end."""
    rig = make_rig(PASS)
    rig.build(turn(""), at_end="repeat")
    rig.sound(rig.run(), Outcome.ESCALATED)
    assert rig.model.asked == 5


def test_b20_second_turn_on_a_thread_has_fresh_budgets(make_rig: Any) -> None:
    """Each invocation is a run of its own, with its own budgets and no stale outcome."""
    rig = make_rig(PASS, budgets={"steps": 2})
    rig.build(*[turn(calls=[call("get_pods")]), turn("Fixed.")] * 2, checkpointer=InMemorySaver())
    first = rig.run(thread="t")
    rig.sound(first, Outcome.RESOLVED)
    second = rig.run("and again", thread="t")
    rig.sound(second, Outcome.RESOLVED)
    assert first["guardrails_outcome"]["run"] != second["guardrails_outcome"]["run"]
    assert rig.guard.find(SessionKey("t")).result().run == second["guardrails_outcome"]["run"]
    assert not {"guardrails_sessions", "guardrails_room", "remaining_steps"} & second.keys()


def test_b21_stream_shows_which_answer_was_refused(make_rig: Any) -> None:
    """Streaming cannot take back tokens; an event names the refused message, and it is marked."""
    rig = make_rig(FAIL, PASS)
    rig.build(turn("All fixed."), turn("Fixed now."))
    parts = rig.stream(["messages", "custom", "values"])
    ours = [p["guardrails"] for m, p in parts if m == "custom" and "guardrails" in p]
    refused = [p for p in ours if p["type"] in {"refused", "ended"}]
    assert [e["type"] for e in refused] == ["refused", "ended"]
    spoken = [p[0].id for m, p in parts if m == "messages" and p[0].text.startswith("All")]
    assert refused[0]["message_id"] == spoken[0]
    final = [p for m, p in parts if m == "values"][-1]
    marked = next(m for m in final["messages"] if m.id == spoken[0])
    assert marked.response_metadata["guardrails"] == {"refused": "gate-failed"}


def test_b22_question_before_the_agent_costs_no_model_call(make_rig: Any) -> None:
    """Another middleware's interrupt before the agent pauses the run before it begins."""

    class Clarify(AgentMiddleware):
        def before_agent(self, state: Any, runtime: Any) -> Any:
            """Ask which namespace is meant."""
            answer = interrupt("which namespace?")
            return {"messages": [HumanMessage(answer)]}

    rig = make_rig(PASS)
    rig.build(turn("Fixed."), after=(Clarify(),), checkpointer=InMemorySaver())
    assert "__interrupt__" in rig.run(thread="t")
    assert rig.model.asked == 0
    rig.sound(rig.run(Command(resume="shop"), thread="t"), Outcome.RESOLVED)


def test_b23_drained_run_goes_on_where_it_stood(make_rig: Any) -> None:
    """A drain is a pause: the session is found again and the end comes to the door."""
    control = RunControl()

    @tool
    def get_nodes() -> str:
        """List nodes."""
        control.request_drain("SIGTERM")
        return "node-1"

    rig = make_rig(PASS)
    rig.build(
        turn(calls=[call("get_nodes")]),
        turn("Fixed."),
        tools=[get_nodes],
        checkpointer=InMemorySaver(),
    )
    with pytest.raises(GraphDrained):
        rig.run(thread="t", control=control)
    assert rig.recorder.ended == []
    rig.sound(rig.run(None, thread="t"), Outcome.RESOLVED)
    assert len({e.run for e in rig.recorder.events}) == 1


def test_b26_agent_that_never_stops_is_stopped_by_a_budget(make_rig: Any) -> None:
    """Long before LangGraph's limit of 9,999 supersteps."""
    rig = make_rig(FAIL, budgets={"steps": 7})
    rig.build(turn(calls=[call("get_pods"), call("get_pods")]), at_end="repeat")
    result = rig.run()
    rig.sound(result, Outcome.UNRESOLVED)
    assert rig.model.asked == 8
    answered = {m.tool_call_id for m in result["messages"] if isinstance(m, ToolMessage)}
    asked = {c["id"] for m in result["messages"] if m.type == "ai" for c in m.tool_calls}
    assert asked == answered


def test_b26_recursion_limit_is_met_at_the_door(make_rig: Any) -> None:
    """A small recursion limit of the caller ends in an outcome, not in an exception."""
    rig = make_rig(FAIL)
    rig.build(turn(calls=[call("get_pods")]), at_end="repeat")
    result = rig.run(recursion_limit=20)
    rig.sound(result, Outcome.UNRESOLVED)
    assert result["guardrails_outcome"]["reason"] == "recursion-limit"


def test_tool_call_budget_stops_within_the_turn(make_rig: Any) -> None:
    """Calls over the budget do not run, and the model is not asked again."""
    rig = make_rig(FAIL, budgets={"tool_calls": 2})
    rig.build(turn(calls=[call("get_pods") for _ in range(4)]))
    result = rig.run()
    rig.sound(result, Outcome.UNRESOLVED)
    assert rig.model.asked == 1


def test_dangling_calls_of_another_middlewares_end_are_answered(make_rig: Any) -> None:
    """A jump to the end with open calls leaves a history that providers accept."""

    class Leave(AgentMiddleware):
        @hook_config(can_jump_to=["end"])
        def after_model(self, state: Any, runtime: Any) -> Any:
            """Leave at once, with a word."""
            if state["messages"][-1].tool_calls:
                return {"jump_to": "end", "messages": [AIMessage("leaving")]}
            return None

    rig = make_rig(FAIL, PASS)
    rig.build(turn(calls=[call("get_pods")]), turn("Fixed."), after=(Leave(),))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert [m.type for m in rig.model.seen[1]] == ["human", "ai", "tool", "ai", "human"]


def test_b3_refused_structure_is_not_claimed_again_by_a_limit(make_rig: Any) -> None:
    """When a limit ends the run before the next turn, the refused answer is not still there."""
    rig = make_rig(FAIL)
    limit = ModelCallLimitMiddleware(run_limit=1, exit_behavior="end")
    rig.build(
        turn(calls=[call("Report", summary="fixed")]),
        response_format=ToolStrategy(Report),
        after=(limit,),
    )
    rig.sound(rig.run(), Outcome.UNRESOLVED)
    assert rig.exits == [ExitKind.STRUCTURED, ExitKind.MIDDLEWARE_END]


def test_b2_silent_end_after_a_refused_submission_comes_to_the_door(make_rig: Any) -> None:
    """The model is owed one turn after a refused call; if none comes, the run ends."""

    @tool(return_direct=True)
    def submit(answer: str) -> str:
        """Submit the answer."""
        return answer

    class Once(AgentMiddleware):
        @hook_config(can_jump_to=["end"])
        def before_model(self, state: Any, runtime: Any) -> Any:
            """Allow one model call, and leave without a word after it."""
            spoken = any(m.type == "ai" for m in state["messages"])
            return {"jump_to": "end"} if spoken else None

    rig = make_rig(FAIL)
    rig.build(turn(calls=[call("submit", answer="fixed")]), tools=[submit], after=(Once(),))
    rig.sound(rig.run(recursion_limit=50), Outcome.UNRESOLVED)
    assert rig.model.asked == 1

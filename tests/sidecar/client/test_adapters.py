"""Adapters over a guard in process and over the service: the same agent gives the same trace."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import msgspec
import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from guardrails.core.decisions import Decision
from guardrails.core.events import Event, RunStarted
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.hooks import RunEnded
from guardrails.engine import Guard, SessionKey
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard
from guardrails.integrations.tools import guard_tools
from guardrails.policy.models import Budgets, Settings
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE
from tests.sidecar.client.conftest import ABOUT, Remote, Serve
from tests.sidecar.client.loopback import scripted

FAIL, PASS, UNKNOWN = GateVerdict.FAIL, GateVerdict.PASS, GateVerdict.UNKNOWN
LOOK = turn("looking", calls=[call("kubectl", command="kubectl get pods -n shop")])
BOTH = turn(
    "looking twice",
    calls=[
        call("kubectl", command="kubectl get pods -n shop"),
        call("kubectl", command="kubectl get events -n shop"),
    ],
)
MEND = turn("mending", calls=[call("kubectl", command="kubectl rollout restart deploy/checkout")])
DROP = turn("dropping", calls=[call("kubectl", command="kubectl delete ns shop")])
DONE = turn("It is fixed.")
NOTHING = turn("")
ASKS = turn("asking", calls=[call("asks", question="which one?")])
BREAKS = turn("breaking", calls=[call("breaks", command="x")])


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return f"ran {command}"


@tool
def breaks(command: str) -> str:
    """Break."""
    raise ValueError(f"broke on {command}")


@tool
def asks(question: str) -> str:
    """Ask a person."""
    return f"the person says {interrupt(question)}"


TOOLS = [kubectl, breaks, asks]
SMALL = FREE.model_copy(
    update={"budgets": Budgets(steps=5, tool_calls=9, refusals=2, unknown_refusals=1)}
)
STRICT = Settings.model_validate({"effects": {"destructive": "block"}})
"""With the machine, early errors and everything else that is on by default."""

Run = Callable[[Guard, list[Any]], None]
THREAD = {"configurable": {"thread_id": "thread"}}
INPUT = {"messages": [("user", "checkout is down")]}


def _played(agent: Any) -> None:
    given: Any = INPUT
    for _ in range(5):
        state = agent.invoke(given, THREAD)
        if "__interrupt__" not in state:
            return
        given = Command(resume="that one")


def middleware(using: Guard, script: list[Any]) -> None:
    """Run `create_agent` with the middleware."""
    _played(
        create_agent(
            ScriptedModel(turns=script, at_end="repeat"),
            TOOLS,
            middleware=[GuardrailMiddleware(using=using)],
            checkpointer=InMemorySaver(),
        )
    )


def middleware_async(using: Guard, script: list[Any]) -> None:
    """Run it on an event loop."""
    agent = create_agent(
        ScriptedModel(turns=script, at_end="repeat"),
        TOOLS,
        middleware=[GuardrailMiddleware(using=using)],
        checkpointer=InMemorySaver(),
    )

    async def played() -> None:
        given: Any = INPUT
        for _ in range(5):
            state = await agent.ainvoke(given, THREAD)
            if "__interrupt__" not in state:
                return
            given = Command(resume="that one")

    asyncio.run(played())


def graph(using: Guard, script: list[Any]) -> None:
    """Run a guarded graph."""
    model = ScriptedModel(turns=script, at_end="repeat")
    _played(guard(create_agent(model, TOOLS, checkpointer=InMemorySaver()), using=using))


def driven(using: Guard, script: list[Any]) -> None:
    """Run it from outside."""
    agent = create_agent(
        ScriptedModel(turns=script, at_end="repeat"), TOOLS, checkpointer=InMemorySaver()
    )
    asyncio.run(drive(agent, INPUT, using=using, config=THREAD, answer=lambda _: "that one"))


def tools_only(using: Guard, script: list[Any]) -> None:
    """Run an agent of which only the tools are guarded."""
    _played(
        create_agent(
            ScriptedModel(turns=script, at_end="repeat"),
            guard_tools(TOOLS, using=using),
            checkpointer=InMemorySaver(),
        )
    )


ADAPTERS: dict[str, Run] = {
    one.__name__: one for one in (middleware, middleware_async, graph, driven, tools_only)
}
SCENARIOS: dict[str, tuple[Settings, Sequence[GateVerdict], list[Any]]] = {
    "refused-then-accepted": (SMALL, (FAIL, PASS), [LOOK, DONE, MEND, DONE, DONE]),
    "refused-too-often": (SMALL, (FAIL,), [LOOK, DONE, DONE, DONE, DONE, DONE]),
    "unknown-evidence": (SMALL, (UNKNOWN,), [LOOK, DONE, DONE, DONE, DONE]),
    "budget-spent": (SMALL, (FAIL,), [*[LOOK] * 9, DONE]),
    "empty-answer": (SMALL, (PASS,), [LOOK, NOTHING, DONE, DONE]),
    "interrupted": (SMALL, (PASS,), [LOOK, ASKS, DONE]),
    "tool-breaks": (SMALL, (PASS,), [BREAKS, DONE]),
    "blocked": (STRICT, (FAIL, PASS), [LOOK, DROP, LOOK, MEND, DONE, LOOK, DONE, DONE, DONE]),
}


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_trace_is_the_same_in_process_and_over_the_service(
    serve: Serve, remote: Remote, scenario: str, adapter: str
) -> None:
    """Events, decisions, findings and ends, in their order, apart from ids, times and wording."""
    settings, verdicts, script = SCENARIOS[scenario]
    here, there = Recorder(), Recorder()
    local = Guard(settings=settings, gate=scripted(*verdicts), incident=ABOUT, hooks=[here])
    service = serve(settings=settings, gate=scripted(*verdicts))
    far = remote(service.endpoint, hooks=[there])
    raised = [_error(ADAPTERS[adapter], using, list(script)) for using in (local, far)]
    assert raised == ([_BROKE] * 2 if raised[0] else ["", ""])
    assert len(here.events) > len(script[:2])
    ours, theirs = _comparable(here), _comparable(there)
    differs = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
    assert not differs, differs[0]
    assert len(ours) == len(theirs)
    assert {one.outcome for one in there.ended} == {one.outcome for one in here.ended}


def _error(run: Run, using: Guard, script: list[Any]) -> str:
    try:
        run(using, script)
    except Exception as error:  # noqa: BLE001  # what leaves an agent must be the same too
        return repr(error)
    return ""


def _comparable(recorder: Recorder) -> list[object]:
    """Return what a trace says, without what differs between any two runs."""
    kept: list[object] = []
    for record in recorder.records:
        match record:
            case Event(fact=RunStarted()):
                kept.append("RunStarted")
            case Event():
                kept.append((record.seq, record.step, record.agent, _plain(record.fact)))
            case Decision():
                kept.append(_plain(record))
            case Finding():
                kept.append((record.mode, record.steps))
            case RunEnded():
                kept.append((record.outcome, record.reason, record.steps, record.refusals))
            case _:
                pass
    return kept


_BROKE = "ValueError('broke on x')"

_VARIES = frozenset(
    {"run", "at", "message_id", "call_id", "started_at", "ended_at", "settles_by", "digest"}
)


def _plain(value: Any) -> Any:
    """Return a value without ids and times, at any depth."""
    built = msgspec.to_builtins(value)

    def without(part: Any) -> Any:
        match part:
            case dict():
                fields = cast("dict[str, Any]", part)
                return {k: without(v) for k, v in fields.items() if k not in _VARIES}
            case list() | tuple():
                return [without(one) for one in cast("Sequence[Any]", part)]
            case _:
                return part

    return without(built)


@pytest.mark.parametrize("kind", ["middleware", "graph"])
def test_a_thread_goes_on_in_another_program(serve: Serve, remote: Remote, kind: str) -> None:
    """The one that asked has died; the one that resumes finds the run at the service."""
    service = serve(settings=SMALL, gate=scripted(PASS))
    saver = InMemorySaver()

    def agent(script: list[Any]) -> Any:
        using = remote(service.endpoint)
        if kind == "graph":
            model = ScriptedModel(turns=script, at_end="repeat")
            return guard(create_agent(model, TOOLS, checkpointer=saver), using=using)
        return create_agent(
            ScriptedModel(turns=script, at_end="repeat"),
            TOOLS,
            middleware=[GuardrailMiddleware(using=using)],
            checkpointer=saver,
        )

    state = agent([LOOK, ASKS]).invoke(INPUT, THREAD)
    assert "__interrupt__" in state
    done = agent([DONE]).invoke(Command(resume="that one"), THREAD)
    assert done["guardrails_outcome"]["outcome"] == "resolved"
    (row,) = service.store.rows()
    facts = service.facts(row.run)
    assert [facts.count(one) for one in ("RunPaused", "RunResumed", "GateReported")] == [1, 1, 1]


def test_parallel_threads_share_one_guard(serve: Serve, remote: Remote) -> None:
    """Each thread of LangGraph is a run of its own, and its numbers have no gap."""
    service = serve(settings=SMALL, gate=scripted(PASS))
    using = remote(service.endpoint)
    agents: list[Any] = [
        create_agent(
            ScriptedModel(turns=[BOTH, LOOK, DONE]),
            TOOLS,
            middleware=[GuardrailMiddleware(using=using)],
            checkpointer=InMemorySaver(),
        )
        for _ in range(6)
    ]

    def run(number: int) -> str:
        config = {"configurable": {"thread_id": f"t{number}"}}
        return agents[number].invoke(INPUT, config)["guardrails_outcome"]["outcome"]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(run, range(6))) == ["resolved"] * 6
    for number in range(6):
        session = using.find(SessionKey(f"t{number}"))
        assert session is not None
        records = list(service.store.records(session.run))
        numbers = [one.number for one in records if one.number]
        assert numbers == list(range(1, len(numbers) + 1))

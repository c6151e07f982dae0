"""A question stops the agent before it is asked anything, and an answer lets it go on."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from guardrails.core.decisions import Reason
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident, Workload
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.engine import Guard
from guardrails.integrations.asking import answers_in, payload_of
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard as guarded
from guardrails.policy.models import Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn

WHICH = Question(
    id="which-workload:web",
    kind=QuestionKind.WHICH_WORKLOAD,
    text="Which web?",
    why="there are two",
    about=Workload(name="web"),
    candidates=(
        Candidate(id="shop/web", label="web in shop", namespace="shop"),
        Candidate(id="test/web", label="web in test", namespace="test"),
    ),
)
APPROVAL = Question(
    id="approval",
    kind=QuestionKind.APPROVAL,
    text="May changes be made?",
    why="it says so",
    candidates=(Candidate(id="approved", label="Approved"),),
)
INCIDENT = Incident(task="web is down", namespaces=("shop", "test"))
PASS = GateVerdict.PASS
ran: list[str] = []


class Asks(ScriptedGate):
    """Asks which workload is meant, as long as the incident has two namespaces."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions of the newest run."""
        return (WHICH,) if len(self.opened[-1].namespaces) > 1 else ()


@tool
def get_pods(namespace: str) -> str:
    """List pods."""
    return f"web in {namespace}"


@tool
def get_logs(namespace: str) -> str:
    """Read logs."""
    return f"boom in {namespace}"


@tool
def scale_deployment(name: str) -> str:
    """Scale a deployment."""
    ran.append(name)
    return f"{name} scaled"


def script() -> list[Any]:
    """Look, say what is wrong, mend, look, conclude."""
    said = "I suspect that deployment `web` was scaled to zero."
    return [
        turn(said, calls=[call("get_pods", namespace="shop"), call("get_logs", namespace="shop")]),
        turn("I scale it.", calls=[call("scale_deployment", name="web")]),
        turn("Now it is well.", calls=[call("get_pods", namespace="test")]),
        turn("It is mended."),
    ]


def a_guard(*, ask: Any = None, **settings: Any) -> tuple[Guard, Recorder]:
    """A guard whose gate asks and then passes."""
    records = Recorder()
    chosen = Settings.model_validate({"fsm": {"settle": 0, **settings}})
    using = Guard(gate=Asks(PASS), hooks=[records], incident=INCIDENT, settings=chosen, ask=ask)
    return using, records


def an_agent(kind: str, using: Guard, saver: Any, model: ScriptedModel) -> Any:
    """The agent under test, guarded as middleware or from outside."""
    tools = [get_pods, get_logs, scale_deployment]
    if kind == "middleware":
        middleware = [GuardrailMiddleware(using=using)]
        return create_agent(model, tools, middleware=middleware, checkpointer=saver)
    return guarded(create_agent(model, tools, checkpointer=saver), using=using)


def run(agent: Any, given: Any, way: str) -> Any:
    """Invoke an agent on one thread."""
    config: Any = {"configurable": {"thread_id": "t"}}
    if way == "sync":
        return agent.invoke(given, config)
    return asyncio.run(agent.ainvoke(given, config))


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Forget what earlier tests changed."""
    ran.clear()


STARTED = {"messages": [("user", "web is down")]}


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("kind", ["middleware", "graph"])
def test_a_graph_stands_still_until_somebody_answers(kind: str, way: str) -> None:
    """The model is not asked before; what is shown is what inboxes read."""
    model = ScriptedModel(turns=script())
    using, records = a_guard()
    agent = an_agent(kind, using, InMemorySaver(), model)
    paused = run(agent, STARTED, way)
    (shown,) = paused["__interrupt__"]
    assert shown.value == payload_of([WHICH])
    assert (model.asked, records.ended) == (0, [])
    result = run(agent, Command(resume="1"), way)
    assert result["guardrails_outcome"]["outcome"] == Outcome.RESOLVED
    assert ran == ["web"]
    assert len(records.ended) == 1
    assert any("says: shop/web" in str(m.content) for m in model.seen[0])


@pytest.mark.parametrize("kind", ["middleware", "graph"])
def test_another_process_takes_the_answer(kind: str) -> None:
    """All that outlives the first is the checkpoint; the question is found again."""
    saver = InMemorySaver()
    using, _ = a_guard()
    run(an_agent(kind, using, saver, ScriptedModel(turns=script())), STARTED, "sync")
    using, records = a_guard()
    agent = an_agent(kind, using, saver, ScriptedModel(turns=script()))
    result = run(
        agent, Command(resume={"decisions": [{"type": "respond", "message": "1"}]}), "sync"
    )
    assert result["guardrails_outcome"]["outcome"] == Outcome.RESOLVED
    assert [e.outcome for e in records.ended] == [Outcome.RESOLVED]


@pytest.mark.parametrize("kind", ["middleware", "graph"])
def test_a_graph_that_cannot_be_resumed_changes_nothing(kind: str) -> None:
    """Without a checkpointer nobody can answer: it reads on and is handed over."""
    model = ScriptedModel(turns=script(), at_end="repeat")
    using, records = a_guard()
    result = run(an_agent(kind, using, None, model), STARTED, "sync")
    assert result["guardrails_outcome"]["outcome"] == Outcome.ESCALATED
    assert ran == []
    assert Reason.AMBIGUOUS in {d.reason for d in records.decisions}


@pytest.mark.parametrize("kind", ["middleware", "graph"])
def test_a_program_may_ask_in_its_own_way(kind: str) -> None:
    """Its function is called with the question, and no interrupt is needed."""
    asked: list[str] = []

    async def ask(question: Question) -> str:
        asked.append(question.id)
        return "web in shop"

    using, _ = a_guard(ask=ask)
    result = run(an_agent(kind, using, None, ScriptedModel(turns=script())), STARTED, "sync")
    assert result["guardrails_outcome"]["outcome"] == Outcome.RESOLVED
    assert asked == [WHICH.id]


@pytest.mark.parametrize(("said", "outcome"), [("2", Outcome.RESOLVED), (None, Outcome.ESCALATED)])
async def test_a_driven_run_asks_before_it_begins(said: str | None, outcome: Outcome) -> None:
    """Whoever answers its interrupts answers its questions too; nobody is no answer."""
    payloads: list[Any] = []

    def answer(payload: Any) -> str | None:
        payloads.append(payload)
        return said

    using, records = a_guard()
    model = ScriptedModel(turns=script(), at_end="repeat")
    graph = create_agent(model, [get_pods, get_logs, scale_deployment])
    driven = await drive(graph, STARTED, using=using, answer=answer)
    assert driven.result.outcome is outcome
    assert payloads == [(payload_of([WHICH]),)]
    assert bool(ran) is (said is not None)
    assert len(records.ended) == 1


def test_nobody_is_asked_where_the_policy_says_so() -> None:
    """Then the agent guesses, as it would without a guard."""
    using, _ = a_guard(questions="none")
    agent = an_agent("middleware", using, InMemorySaver(), ScriptedModel(turns=script()))
    assert "__interrupt__" not in run(agent, STARTED, "sync")
    assert ran == ["web"]


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("1", {WHICH.id: "1"}),
        ("", {}),
        (None, {}),
        ({WHICH.id: "1", APPROVAL.id: "approved"}, {WHICH.id: "1", APPROVAL.id: "approved"}),
        ({"answers": {APPROVAL.id: "approved"}}, {APPROVAL.id: "approved"}),
        (["1", "approved"], {WHICH.id: "1", APPROVAL.id: "approved"}),
        ([{"type": "response", "args": "1"}], {WHICH.id: "1"}),
        ([{"type": "ignore"}, {"type": "response", "args": "approved"}], {APPROVAL.id: "approved"}),
        ({"decisions": [{"type": "respond", "message": "2"}]}, {WHICH.id: "2"}),
        ({"decisions": [{"type": "reject"}]}, {}),
        ({"type": "edit", "args": {"answer": "2"}}, {WHICH.id: "2"}),
        (7, {}),
    ],
)
def test_replies_of_every_usual_shape_are_read(reply: Any, read: dict[str, str]) -> None:
    """LangChain's decisions, inbox responses, plain words, and answers by question."""
    assert answers_in(reply, (WHICH, APPROVAL)) == read


def test_the_answer_stands_behind_the_task_and_not_in_the_thread() -> None:
    """The model is told in every turn; the caller's messages stay the caller's."""
    model = ScriptedModel(turns=script())
    using, _ = a_guard()
    agent = an_agent("middleware", using, InMemorySaver(), model)
    run(agent, STARTED, "sync")
    result = run(agent, Command(resume="1"), "sync")
    for seen in model.seen:
        said = [m for m in seen if isinstance(m, HumanMessage)]
        assert "A person was asked" in str(said[1].content)
    assert not any("A person was asked" in str(m.content) for m in result["messages"])

"""Questions of a run at the service: an agent waits, an operator answers, the run goes on."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from guardrails.core.evidence import GateVerdict
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.engine import Session, SessionKey
from guardrails.errors import DeniedError
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.sidecar.client import Endpoint, at_service
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE
from tests.sidecar.api.apps import AskingGate, Tokens
from tests.sidecar.client.conftest import Remote, Serve
from tests.sidecar.client.loopback import WITHIN, Line, Loopback, scripted
from tests.sidecar.client.test_adapters import INPUT, THREAD, TOOLS

QUESTION = Question(
    id="namespace",
    kind=QuestionKind.WHICH_NAMESPACE,
    text="Which namespace is it?",
    candidates=(
        Candidate(id="shop", label="shop", namespace="shop"),
        Candidate(id="bank", label="bank", namespace="bank"),
    ),
)
SCRIPT = [turn("looking", calls=[call("kubectl", command="kubectl get pods -n shop")]), turn("Ok.")]
OPERATOR = "t-operator"
KEY = SessionKey("thread")


@pytest.fixture
def asking(serve: Serve) -> Loopback:
    """A service that wants tokens, and whose gate has a question."""
    return serve(gate=AskingGate(QUESTION), auth=Tokens)


def _as(service: Loopback, token: str) -> Endpoint:
    return replace(service.endpoint, token=token)


def _people(service: Loopback, token: str = OPERATOR) -> httpx2.Client:
    headers = {"authorization": f"Bearer {token}"}
    return httpx2.Client(base_url=service.url, headers=headers, timeout=10)


def _answer(service: Loopback, token: str = OPERATOR, *, path: str = "answers") -> int:
    """Answer the only open run's question at the service, as a person would."""
    body = {"question": "namespace", "text": "shop", "by": "on-call"}
    with _people(service, token) as person:
        (row,) = person.get("/v1/sessions?open=true").json()["sessions"]
        given = {"detail": "nobody is there"} if path == "unanswered" else body
        return person.post(f"/v1/sessions/{row['run']}/{path}", json=given).status_code


def _agent(using: Any, saver: InMemorySaver | None = None) -> Any:
    return create_agent(
        ScriptedModel(turns=SCRIPT),
        TOOLS,
        middleware=[GuardrailMiddleware(using=using)],
        checkpointer=saver or InMemorySaver(),
    )


def test_an_interrupted_graph_goes_on_when_an_operator_has_answered(
    asking: Loopback, remote: Remote
) -> None:
    """The agent's token cannot answer; what it is resumed with then counts for nothing."""
    agent = _agent(remote(_as(asking, "t-agent")))
    assert "__interrupt__" in agent.invoke(INPUT, THREAD)
    assert _answer(asking, "t-agent") == 403
    assert _answer(asking) == 200
    done = agent.invoke(Command(resume="bank"), THREAD)
    assert done["guardrails_outcome"]["outcome"] == "resolved"
    (row,) = asking.store.rows()
    assert asking.facts(row.run).count("QuestionAnswered") == 1


@pytest.mark.parametrize("path", ["answers", "unanswered"])
def test_an_agent_that_asks_at_the_service_waits_for_it(
    asking: Loopback, remote: Remote, path: str
) -> None:
    """With `ask=at_service` no graph has to stand still; without an answer it goes on too."""
    agent = _agent(remote(_as(asking, "t-agent"), ask=at_service))
    answering = threading.Timer(0.5, _answer, (asking,), {"path": path})
    answering.start()
    done = agent.invoke(INPUT, THREAD)
    answering.join(WITHIN)
    assert done["guardrails_outcome"]["outcome"]
    (row,) = asking.store.rows()
    facts = asking.facts(row.run)
    asked_for = "QuestionAnswered" if path == "answers" else "QuestionsExpired"
    assert facts.count(asked_for) == 1
    assert facts.count("QuestionAnswered") == (path == "answers")


async def test_an_answer_at_the_service_relieves_the_person_here(
    asking: Loopback, remote: Remote
) -> None:
    """Whoever answers first; the other one is asked no longer."""
    relieved = asyncio.Event()

    async def nobody(question: Question) -> str | None:
        assert question.id == "namespace"
        try:
            return await asyncio.sleep(WITHIN, "bank")
        finally:
            relieved.set()

    using = remote(_as(asking, "t-agent"), ask=nobody)
    agent = create_agent(ScriptedModel(turns=SCRIPT), TOOLS)
    running = asyncio.create_task(drive(agent, INPUT, using=using, config=THREAD))
    await asyncio.sleep(0.5)
    assert await asyncio.to_thread(_answer, asking) == 200
    driven = await asyncio.wait_for(running, WITHIN)
    assert relieved.is_set()
    assert driven.result.outcome == "resolved"
    session = using.find(KEY)
    assert session is None or [one.choice for one in session.state.answered] == ["shop"]


async def test_nobody_is_waited_for_longer_than_the_policy_says(
    serve: Serve, remote: Remote
) -> None:
    """Then the run goes on without changes, and an agent may say so."""
    fsm = FREE.fsm.model_copy(update={"answer_within": 0.3})
    service = serve(
        gate=AskingGate(QUESTION), auth=Tokens, settings=FREE.model_copy(update={"fsm": fsm})
    )
    using = remote(_as(service, "t-agent"), ask=at_service)
    agent = create_agent(ScriptedModel(turns=SCRIPT), TOOLS)
    await asyncio.wait_for(drive(agent, INPUT, using=using, config=THREAD), WITHIN)
    (row,) = service.store.rows()
    assert service.facts(row.run).count("QuestionsExpired") == 1


def test_a_graph_that_is_resumed_with_an_answer_of_its_own_is_denied(
    asking: Loopback, remote: Remote
) -> None:
    """An agent must not answer what it was asked itself."""
    agent = _agent(remote(_as(asking, "t-agent")))
    assert "__interrupt__" in agent.invoke(INPUT, THREAD)
    with pytest.raises(DeniedError, match="needs role operator"):
        agent.invoke(Command(resume="bank"), THREAD)
    (row,) = asking.store.rows()
    assert "QuestionAnswered" not in asking.facts(row.run)


def test_an_allowance_whose_answer_was_lost_is_one(
    serve: Serve, remote: Remote, line: Callable[[Loopback], Line]
) -> None:
    """It is sent again, and the run has it once; another reason is another allowance."""
    service = serve(gate=scripted(GateVerdict.PASS))
    wire = line(service)
    using = remote(Endpoint(url=wire.url, patience=5.0))
    session = using.begin(KEY, adapter="test")
    wire.lose = 1
    first = _allowed(using, session, reason="we scale by hand tonight")
    assert wire.lost == 1
    assert _allowed(using, session, reason="we scale by hand tonight") == first
    assert service.facts(session.run).count("LossAllowed") == 1
    _allowed(using, session, reason="it was never needed")
    assert service.facts(session.run).count("LossAllowed") == 2


def _allowed(using: Any, session: Session, *, reason: str) -> Any:
    return using.allow(
        session,
        check="autoscaler-kept",
        kind="HorizontalPodAutoscaler",
        name="checkout",
        reason=reason,
        by="on-call",
    )

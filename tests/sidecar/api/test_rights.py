"""Who may do what: by role, and agents with their own runs only."""

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.core.questions import Question, QuestionKind
from tests.sidecar.api.apps import (
    CLAIM,
    INCIDENT,
    LOOK,
    AskingGate,
    calling,
    full_app,
    opened,
)

ANSWER = {"question": "q-1", "text": "shop"}
LOSS = {
    "check": "replicas-kept",
    "kind": "Deployment",
    "name": "checkout",
    "reason": "the sale is over",
    "by": "on-call",
}
QUESTION = Question(id="q-1", kind=QuestionKind.WHICH_NAMESPACE, text="Which namespace?")


async def test_nobody_comes_in_without_a_token_but_probes() -> None:
    """The middleware says who asks."""
    async with calling(full_app(tokens=True)) as client:
        statuses = {
            path: (await client.get(path)).status_code
            for path in ("/healthz", "/readyz", "/v1/sessions", "/metrics", "/openapi.json")
        }
        assert statuses == {
            "/healthz": 200,
            "/readyz": 200,
            "/v1/sessions": 401,
            "/metrics": 401,
            "/openapi.json": 401,
        }


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        ("agent", {"answers", "allowances"}),
        (
            "viewer",
            {"", "events", "decisions", "end", "look", "unanswered"} | {"answers", "allowances"},
        ),
        ("operator", set[str]()),
    ],
)
async def test_each_role_may_do_its_part(role: str, refused: set[str]) -> None:
    """An agent must not answer its own question, and a viewer changes nothing."""
    app = full_app(GateVerdict.FAIL, tokens=True)
    async with calling(app, token="t-agent") as agent, calling(app, token=f"t-{role}") as client:
        run = await opened(agent)
        bodies = {
            "events": {"events": [{"number": 1, "fact": LOOK}]},
            "decisions": {"number": 2, "call_id": "c", "tool": "get_pods"},
            "end": {"number": 3, **CLAIM},
            "look": {},
            "unanswered": {},
            "answers": ANSWER,
            "allowances": LOSS,
        }
        asked = {"": await client.post("/v1/sessions", json={"incident": INCIDENT})}
        for part, body in bodies.items():
            asked[part] = await client.post(f"/v1/sessions/{run}/{part}", json=body)
        assert {part for part, answer in asked.items() if answer.status_code == 403} == refused
        for part in refused:
            assert f"has '{role}'" in asked[part].json()["detail"]


async def test_a_person_answers_and_the_run_may_go_on() -> None:
    """Who answered is the caller, if they do not say."""
    app = full_app(gate=AskingGate(QUESTION), tokens=True)
    async with calling(app, token="t-agent") as agent, calling(app, token="t-operator") as person:
        run = await opened(agent)
        asked = (await agent.get(f"/v1/sessions/{run}/questions")).json()
        assert [one["id"] for one in asked["questions"]] == ["q-1"]
        wrong = await person.post(f"/v1/sessions/{run}/answers", json={**ANSWER, "question": "q"})
        assert wrong.status_code == 409
        assert wrong.json()["detail"] == "no question 'q' is open; open: q-1"
        left = (await person.post(f"/v1/sessions/{run}/answers", json=ANSWER)).json()
        assert left["questions"] == []
        assert left["answered"][0]["by"] == "on-call"


async def test_an_agent_may_say_that_nobody_answers() -> None:
    """The run goes on without changes then."""
    app = full_app(gate=AskingGate(QUESTION), tokens=True)
    async with calling(app, token="t-agent") as agent:
        run = await opened(agent)
        body = (await agent.post(f"/v1/sessions/{run}/unanswered", json={})).json()
        assert body["unanswered"] is True


async def test_a_loss_that_a_person_allows_is_noted() -> None:
    """With who answers for it."""
    app = full_app(GateVerdict.FAIL, tokens=True)
    async with calling(app, token="t-operator") as person:
        run = await opened(person)
        answer = await person.post(f"/v1/sessions/{run}/allowances", json=LOSS)
        assert answer.status_code == 201
        assert (answer.json()["check"], answer.json()["by"]) == ("replicas-kept", "on-call")
        state = (await person.get(f"/v1/sessions/{run}")).json()
        assert [one["name"] for one in state["allowances"]] == ["checkout"]


async def test_a_look_that_is_not_due_does_nothing() -> None:
    """And says so."""
    async with calling(full_app(GateVerdict.PASS)) as client:
        run = await opened(client)
        answer = await client.post(f"/v1/sessions/{run}/look", json={})
        assert answer.json() == {"looked": False, "seq": 1}

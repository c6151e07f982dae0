"""Which run a request belongs to: grown, edited, summarized and repeated conversations."""

import asyncio

import httpx2
import msgspec
import pytest

from guardrails.core.events import QuestionAsked
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.proxy.stage import Agent, Reply, Stage, calling, said, stage

FAIL, PASS = GateVerdict.FAIL, GateVerdict.PASS
LOOK = ("c1", "kubectl get pods -n shop")
MORE = ("c2", "kubectl get events -n shop")
THIRD = ("c3", "kubectl describe pod web-1 -n shop")


def _runs(on: Stage) -> int:
    return len(on.store.rows())


async def test_a_conversation_is_one_run() -> None:
    """Each result is stated once, however often the agent sends it."""
    async with stage(calling(LOOK), calling(MORE), said("It is fixed.")) as on:
        agent = on.agent()
        await agent.to_the_end()
        assert _runs(on) == 1
        assert await on.facts(agent.run) == [
            "run_started",
            *("model_replied", "tool_requested", "tool_returned") * 2,
            *("model_replied", "end_requested", "gate_reported"),
        ]


async def test_the_task_is_what_the_user_wrote() -> None:
    """The rest of the incident is what the settings say."""
    async with stage(said("It is fixed."), incident={"namespaces": ["shop"]}) as on:
        agent = on.agent("web is slow")
        await agent.to_the_end()
        incident = (await on.service.run(agent.run)).session.state.incident
        assert incident == Incident(task="web is slow", namespaces=("shop",))


async def test_a_request_that_is_repeated_gets_the_same_turn() -> None:
    """A client that lost the connection asks again; no model is asked, and no fact stated."""
    async with stage(calling(LOOK), said("It is fixed.")) as on:
        agent = on.agent()
        first = await agent.post()
        again = await agent.post()
        assert again.json() == first.json()
        assert len(on.model.asked) == 1
        facts = await on.facts(agent.run)
        await agent.turn()
        assert await on.facts(agent.run) == facts


async def test_an_error_is_not_repeated() -> None:
    """The next time the model is asked again, and the news of the request are not doubled."""
    broken = Reply(body={"error": {"message": "overloaded"}}, status=503)
    async with stage(calling(LOOK), broken, said("It is fixed.")) as on:
        agent = on.agent()
        await agent.turn()
        assert (await agent.post()).status_code == 503
        await agent.to_the_end()
        facts = await on.facts(agent.run)
        assert facts.count("tool_returned") == 1
        assert facts.count("error_raised") == 1


async def test_two_requests_at_once_are_answered_one_after_the_other() -> None:
    """The second one is the first one again, and gets its turn."""
    async with stage(calling(LOOK), calling(MORE)) as on:
        agent = on.agent()
        one, two = await asyncio.gather(agent.post(), agent.post())
        assert one.json() == two.json()
        assert _runs(on) == 1


async def test_clients_with_different_keys_do_not_share_a_run() -> None:
    """They may have the same task, from the same alert."""
    async with stage(calling(LOOK), calling(LOOK)) as on:
        for key in ("a", "b"):
            await on.agent(headers={"authorization": f"Bearer {key}"}).turn()
        assert _runs(on) == 2


async def test_old_results_that_the_agent_cut_change_nothing() -> None:
    """Agents make room; the calls are still known."""
    async with stage(calling(LOOK), calling(MORE), said("It is fixed.")) as on:
        agent = on.agent()
        await agent.turn()
        await agent.turn()
        agent.messages[3]["content"] = "[cut]"
        await agent.to_the_end()
        assert _runs(on) == 1
        assert (await on.facts(agent.run)).count("tool_returned") == 2


async def test_a_history_that_lost_its_beginning_belongs_to_its_run() -> None:
    """Half of its calls are known."""
    async with stage(calling(LOOK), calling(MORE), calling(THIRD), said("It is fixed.")) as on:
        agent = on.agent()
        for _ in range(3):
            await agent.turn()
        del agent.messages[2:4]
        agent.messages[1]["content"] = "checkout is down (shortened)"
        await agent.to_the_end()
        assert _runs(on) == 1
        assert (await on.facts(agent.run)).count("tool_returned") == 3


async def test_a_conversation_goes_on_from_its_summary() -> None:
    """The request for it is no turn of the run, and what is in it no end."""
    summary = "We looked at the pods of shop: web-1 is ready, and checkout restarts."
    async with stage(calling(LOOK), said(summary), calling(MORE), said("It is fixed.")) as on:
        agent = on.agent()
        await agent.turn()
        before = await on.facts(agent.run)
        agent.says("Please summarize the conversation so far.")
        response = await agent.post()
        assert response.json()["choices"][0]["message"]["content"] == summary
        assert await on.facts(agent.run) == before
        assert on.gate.requests == []
        system = agent.messages[0]
        agent.messages[:] = [system, {"role": "user", "content": f"So far:\n{summary}\nGo on."}]
        await agent.to_the_end()
        assert _runs(on) == 1
        assert await on.outcome(agent.run) == "resolved"


async def test_a_request_for_a_title_is_passed_through() -> None:
    """It quotes the task under other instructions, and has no tools."""
    async with stage(said("Checkout outage"), calling(LOOK)) as on:
        title = Agent(
            on.client,
            [
                {"role": "system", "content": "Give this conversation a title."},
                {"role": "user", "content": "checkout is down"},
            ],
            tools=None,
        )
        response = await title.post()
        assert response.json()["choices"][0]["message"]["content"] == "Checkout outage"
        assert "x-guarded-agent-run" not in response.headers
        assert _runs(on) == 0
        await on.agent().turn()
        assert _runs(on) == 1
        assert on.proxy.counts["auxiliary"] == 1


async def test_agents_without_tools_are_guarded_where_the_settings_say_so() -> None:
    """Some call their tools by text."""
    async with stage(said("It is fixed."), verdicts=(PASS,), auxiliary="guard") as on:
        agent = on.agent(tools=None)
        await agent.to_the_end()
        assert await on.outcome(agent.run) == "resolved"


async def test_calls_that_the_agent_goes_on_without_came_to_nothing() -> None:
    """The user broke them off and wrote something else."""
    async with stage(calling(LOOK), said("It is fixed.")) as on:
        agent = on.agent()
        await agent.turn()
        del agent.messages[2:]
        agent.says("No, wait: look at the nodes first.")
        await agent.to_the_end()
        facts = await on.facts(agent.run)
        assert _runs(on) == 1
        assert facts.count("tool_returned") == 1
        assert facts.count("message_passed") == 1


async def test_what_a_person_writes_after_the_end_is_another_run() -> None:
    """A new task has budgets of its own."""
    async with stage(said("It is fixed."), calling(LOOK), said("Fixed too.")) as on:
        agent = on.agent()
        await agent.to_the_end()
        first = agent.run
        agent.says("Now cart is down.")
        await agent.to_the_end()
        assert agent.run != first
        incident = (await on.service.run(agent.run)).session.state.incident
        assert incident is not None
        assert incident.task == "Now cart is down."
        assert await on.outcome(agent.run) == "resolved"


async def test_a_run_that_is_named_takes_all_conversations() -> None:
    """The first one is the lead's; others are agents of their own, and end nothing."""
    async with stage(calling(LOOK), said("The pods are fine."), said("It is fixed.")) as on:
        await on.service.open(Incident(task="checkout is down"), run="r1")
        named = {"x-guarded-agent-run": "r1"}
        lead = on.agent(headers=named)
        await lead.turn()
        helper = Agent(
            on.client,
            [
                {"role": "system", "content": "You look at pods."},
                {"role": "user", "content": "Look at shop."},
            ],
            headers=named,
        )
        assert await helper.to_the_end() == "The pods are fine."
        assert await on.outcome("r1") is None
        await lead.to_the_end()
        assert await on.outcome("r1") == "resolved"
        agents = {
            msgspec.json.decode(record.event).get("agent", "") for record in on.store.records("r1")
        }
        assert len(agents) == 2


async def test_a_run_that_nobody_opened_is_named_in_the_error() -> None:
    """A mistyped header must not open another run."""
    async with stage(said("x")) as on:
        response = await on.agent(headers={"x-guarded-agent-run": "nope"}).post()
        assert response.status_code == 404
        assert "nope" in response.json()["error"]["message"]
        assert _runs(on) == 0


async def test_a_question_is_put_to_whoever_talks_with_the_agent() -> None:
    """Where people write the user messages, the next one is the answer."""
    question = Question(
        id="which",
        kind=QuestionKind.WHICH_NAMESPACE,
        text="Which namespace is meant?",
        candidates=(Candidate(id="shop", label="shop", namespace="shop"),),
    )
    async with stage(calling(LOOK), said("It is fixed."), people_answer=True) as on:
        live = await on.service.open(Incident(task="checkout is down"), run="r1")
        live.decided(lambda: live.session.observe(QuestionAsked(question=question)))
        agent = on.agent(headers={"x-guarded-agent-run": "r1"})
        asked = await agent.to_the_end()
        assert "Which namespace is meant?" in asked
        assert on.model.asked == []
        agent.says("shop")
        await agent.to_the_end()
        assert live.session.state.answered[0].choice == "shop"
        assert "A person was asked what is meant" in str(on.model.shown(0))


async def test_without_anybody_to_ask_the_run_only_reads() -> None:
    """A program that writes the user messages must not answer its own question."""
    question = Question(id="which", kind=QuestionKind.WHICH_NAMESPACE, text="Which namespace?")
    async with stage(calling(LOOK)) as on:
        live = await on.service.open(Incident(task="checkout is down"), run="r1")
        live.decided(lambda: live.session.observe(QuestionAsked(question=question)))
        await on.agent(headers={"x-guarded-agent-run": "r1"}).turn()
        assert live.session.state.unanswered


async def test_another_process_goes_on_with_a_conversation() -> None:
    """It finds it in the store, by what the agent sends."""
    store = MemoryRuns()
    async with stage(calling(LOOK), store=store) as on:
        agent = on.agent()
        await agent.turn()
        messages = agent.messages
    async with stage(said("It is fixed."), store=store) as on:
        agent = on.agent()
        agent.messages = messages
        await agent.to_the_end()
        assert _runs(on) == 1
        assert await on.outcome(agent.run) == "resolved"


async def test_several_replies_at_once_are_refused() -> None:
    """Only one of them could be guarded."""
    async with stage(said("x")) as on:
        response = await on.agent().post(n=2)
        assert response.status_code == 400
        assert "one" in response.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": "m"}'])
async def test_what_is_no_request_is_told_so(body: bytes) -> None:
    """In the error's shape of the format, without asking anybody."""
    async with stage() as on:
        response: httpx2.Response = await on.client.post("/v1/chat/completions", content=body)
        assert response.status_code == 400
        assert response.json()["error"]["message"]
        assert on.model.asked == []

"""One run: events as they come, findings and gate, a question that is answered there, the end."""

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.core.questions import Candidate, Question, QuestionKind
from tests.sidecar.api.apps import AskingGate, Tokens, opened
from tests.sidecar.client.conftest import Serve
from tests.sidecar.client.loopback import PatientGate, scripted
from tests.sidecar.client.test_questions import QUESTION
from tests.top.stage import LARGE, NASTY, SMALL, ended, known_as, people, staged, stated

LOOK = {"type": "model_replied", "text": "I look at the pods."}
CALL = {"type": "tool_requested", "call_id": "c1", "tool": "kubectl"}


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x50"])
async def test_events_come_as_they_happen_until_the_outcome(
    serve: Serve, size: tuple[int, int]
) -> None:
    """From the beginning; a refused end and its facts, then the accepted one and what it means."""
    service = serve(gate=scripted(GateVerdict.FAIL, GateVerdict.PASS))
    async with people(service) as agent, staged(service.endpoint, size=size) as stage:
        run = await opened(agent, run="checkout-1", key="thread-1", model="openai:gpt-5")
        await stage.sees("checkout-1")
        await stage.press("enter")
        await stage.sees("key thread-1", "works", "openai:gpt-5", "has judged no end", "run ")
        await stated(agent, run, 1, **LOOK)
        await stage.sees("model", "I look at the pods.", "step 1/60")
        await stated(agent, run, 2, **CALL, arguments='{"command": "get pods -n shop"}')
        await stage.sees("call", "kubectl get pods -n shop")
        returned = {"type": "tool_returned", "call_id": "c1", "tool": "kubectl"}
        await stated(agent, run, 3, **returned, text="web 0/1 CrashLoopBackOff")
        await stage.sees("result", "web 0/1 CrashLoopBackOff")
        await ended(agent, run, 4)
        await stage.sees("claim", "mitigated: Rolled back.", "rollout-complete: Deployment", "fail")
        await stated(agent, run, 5, **LOOK)
        await ended(agent, run, 6)
        await stage.sees("resolved: the incident is fixed, on evidence", "1 refusal")
        await stage.press("g")
        await stage.sees("report   pass (state)")
        assert [len(line) for line in stage.lines] == [size[0]] * size[1]
        await stage.press("escape")
        await stage.sees("no runs; open", without="report")


async def test_a_gate_at_work_says_what_it_waits_for(serve: Serve) -> None:
    """In the list and in the run, and until when."""
    gate = PatientGate(GateVerdict.PASS)
    service = serve(gate=gate)
    async with people(service) as agent, staged(service.endpoint) as stage:
        run = await opened(agent, run="checkout-1")
        await ended(agent, run, 1)
        await stage.sees("gate", "the gate judges its")
        await stage.press("enter")
        await stage.sees("gate judges an end (final_answer)")
        await stage.press("g")
        await stage.sees("at work  it judges an end", "claim    mitigated: Rolled back.")
        gate.let_go.set()
        await stage.sees("resolved", "report   pass")


async def test_findings_come_with_what_shows_them(serve: Serve) -> None:
    """In the list by weight, in the run with steps and quotes."""
    service = serve()
    async with people(service) as agent, staged(service.endpoint) as stage:
        run = await opened(agent, run="checkout-1")
        await stage.sees("checkout-1")
        await stage.press("enter", "f")
        await stage.sees("no finding holds")
        returned = {"type": "tool_returned", "tool": "kubectl", "text": "web 0/1 CrashLoopBackOff"}
        for number in range(6):
            call_id = f"c{number}"
            asked = {**CALL, "call_id": call_id, "arguments": '{"command": "get pods -n shop"}'}
            await stated(agent, run, 3 * number + 1, **LOOK)
            await stated(agent, run, 3 * number + 2, **asked)
            await stated(agent, run, 3 * number + 3, **returned, call_id=call_id)
        await stage.sees("structural: FM-1.3 Step repetition", "steps 1, 2", "web 0/1 CrashLoop")
        await stage.press("escape")
        await stage.sees("1S")


async def test_a_question_is_answered_and_the_run_goes_on(serve: Serve) -> None:
    """By whoever has role operator; the answer is theirs by the name of their token."""
    service = serve(gate=AskingGate(QUESTION), auth=Tokens)
    async with (
        people(service, "t-agent") as agent,
        staged(known_as(service, "t-operator")) as stage,
    ):
        run = await opened(agent, run="checkout-1")
        await stage.sees("asks 1", "role operator")
        await stage.press("enter")
        await stage.sees("QUESTION Which namespace is it?", "1. shop", "2. bank", "a to answer")
        await stage.press("a", *"1", "enter")
        await stage.sees("answer", "1 (by on-call)", "works", without="QUESTION")
        write = {**CALL, "arguments": '{"command": "rollout undo deploy/web -n shop"}'}
        await stated(agent, run, 1, **write)
        await stage.sees("kubectl rollout undo deploy/web -n shop")
    assert service.facts("checkout-1").count("QuestionAnswered") == 1


async def test_whoever_only_reads_is_told_so(serve: Serve) -> None:
    """There is nothing to write into."""
    service = serve(gate=AskingGate(QUESTION), auth=Tokens)
    async with people(service, "t-agent") as agent, staged(known_as(service, "t-viewer")) as stage:
        run = await opened(agent, run="checkout-1")
        await stage.sees("asks 1")
        await stage.press("enter")
        await stage.sees("QUESTION", "answering needs role operator; this token has viewer")
        await stage.press("a", *"1", "enter")
        await stated(agent, run, 1, **LOOK)
        await stage.sees("I look at the pods.", "QUESTION")
    assert "QuestionAnswered" not in service.facts("checkout-1")


async def test_an_answer_that_is_refused_is_told_and_kept(serve: Serve) -> None:
    """A role may change while somebody writes; what they wrote is still there."""
    service = serve(gate=AskingGate(QUESTION), auth=Tokens)
    async with (
        people(service, "t-agent") as agent,
        staged(known_as(service, "t-operator")) as stage,
    ):
        await opened(agent, run="checkout-1")
        await stage.sees("asks 1")
        await stage.press("enter")
        await stage.sees("QUESTION")
        stage.app._list._asker._transport._token._text = "t-viewer"
        await stage.press("a", *"bank", "enter")
        await stage.sees("NOT ANSWERED", "needs role operator", "bank")
        stage.app._list._asker._transport._token._text = "t-operator"
        await stage.press("enter")
        await stage.sees("bank (by on-call)", without="NOT ANSWERED")


async def test_a_question_that_somebody_else_answers_takes_no_words_for_the_next(
    serve: Serve,
) -> None:
    """What was being written was meant for it, and is dropped."""
    other = Question(id="target", kind=QuestionKind.WHICH_TARGET, text="Which target?")
    service = serve(gate=AskingGate(QUESTION, other))
    async with people(service) as person, staged(service.endpoint) as stage:
        run = await opened(person, run="checkout-1")
        await stage.sees("asks 2")
        await stage.press("enter")
        await stage.sees("QUESTION (1 of 2) Which namespace is it?")
        await stage.press("a", *"ban")
        await stage.sees("ban")
        body = {"question": "namespace", "text": "shop"}
        assert (await person.post(f"/v1/sessions/{run}/answers", json=body)).status_code == 200
        await stage.sees("QUESTION Which target?", "That question is answered")
        await stage.press("enter")
        assert service.facts(run).count("QuestionAnswered") == 1


async def test_a_stream_that_breaks_goes_on_where_it_was(serve: Serve) -> None:
    """Nothing is missed and nothing is told twice; while it is gone that is said."""
    service = serve()
    async with staged(service.endpoint) as stage:
        async with people(service) as agent:
            run = await opened(agent, run="checkout-1")
            await stated(agent, run, 1, type="model_replied", text="the first")
        await stage.sees("checkout-1")
        await stage.press("enter")
        await stage.sees("the first")
        service.stop()
        await stage.sees("NOT CONNECTED", "the first")
        service.start()
        async with people(service) as agent:
            await stated(agent, run, 2, type="model_replied", text="the second")
        screen = await stage.sees("the second", without="NOT CONNECTED")
        assert (screen.count("the first"), screen.count("the second")) == (1, 1)


async def test_a_run_that_is_deleted_is_told(serve: Serve) -> None:
    """A service that never heard of it says so; the picture stays."""
    service = serve()
    async with people(service) as agent, staged(service.endpoint) as stage:
        await opened(agent, run="checkout-1")
        await stage.sees("checkout-1")
        await stage.press("enter")
        await stage.sees("has judged no end")
        service.stop()
        service.store = type(service.store)()
        service.start()
        await stage.sees("does not have it: no run", "it may have been deleted")


async def test_what_models_tools_and_questions_say_stays_text(serve: Serve) -> None:
    """Neither markup nor an escape sequence does anything."""
    asked = Question(
        id="q1",
        kind=QuestionKind.WHICH_NAMESPACE,
        text=f"Where? {NASTY}",
        candidates=(Candidate(id=f"shop{NASTY}", label="[b]shop[/b]"),),
    )
    service = serve(gate=AskingGate(asked))
    about = {"task": NASTY, "namespaces": ["shop"]}
    async with people(service) as agent, staged(service.endpoint, size=(200, 50)) as stage:
        run = await opened(agent, run="r1", incident=about, key="[b]k[/b]", model="[red]m[/]")
        await stated(agent, run, 1, type="model_replied", text=NASTY)
        await stated(agent, run, 2, **CALL, arguments='{"command": "[bold]\\u001b[2Jget"}')
        await stage.sees("r1")
        await stage.press("enter")
        screen = await stage.sees("[red]x[/] [2J", "[b]k[/b]", "[red]m[/]", "[b]shop[/b]", "[bold]")
        assert screen.count("[red]x[/] [2J]8;;http://evil") >= 4
        assert not [c for c in screen if not c.isprintable() and c != "\n"]

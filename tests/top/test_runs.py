"""The list: what it shows, how it is sorted and filtered, and what it does without a service."""

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.top.asking import Scope
from guardrails.top.options import Options
from tests.sidecar.api.apps import AskingGate, Tokens, opened
from tests.sidecar.client.conftest import Serve
from tests.sidecar.client.loopback import PatientGate, scripted
from tests.sidecar.client.test_questions import QUESTION
from tests.top.stage import LARGE, NASTY, SMALL, ended, known_as, people, staged, stated

LOOK = {"type": "model_replied", "text": "I look."}


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x50"])
async def test_runs_are_shown_as_they_stand(serve: Serve, size: tuple[int, int]) -> None:
    """What it is at, its steps and what it waits for; new runs and steps appear by themselves."""
    service = serve(gate=PatientGate(GateVerdict.PASS))
    async with people(service) as agent, staged(service.endpoint, size=size) as stage:
        await stage.sees("no runs; open", "RUN", "STATE", "WAITS FOR", "Filter", "Quit")
        run = await opened(agent, run="checkout-1", model="openai:gpt-5")
        await stage.sees("checkout-1", "works", "0/60", "checkout is")
        await stated(agent, run, 1, **LOOK)
        await stage.sees("1/60")
        await ended(agent, run, 2)
        await stage.sees("gate", "1 run: 1 at the gate")
        assert [len(line) for line in stage.lines] == [size[0]] * size[1]
        assert ("openai:gpt-5" in stage.screen) == (size == LARGE)


async def test_those_that_ask_a_person_stand_first(serve: Serve) -> None:
    """Whatever began first; the number of questions is told."""
    gate = AskingGate(QUESTION)
    service = serve(gate=gate)
    async with people(service) as agent, staged(service.endpoint) as stage:
        await opened(agent, run="a-asks")
        await stage.sees("a-asks", "asks 1", "1 answer of a person")
        gate.questions = ()
        await opened(agent, run="b-works")
        await stage.sees("2 runs: 1 ask, 1 work")
        gate.questions = (QUESTION,)
        await opened(agent, run="c-asks")
        await stage.sees("3 runs: 2 ask, 1 work")
        shown = [line.split()[0] for line in stage.lines[3:6]]
        assert shown == ["a-asks", "c-asks", "b-works"]


async def test_a_filter_is_words_and_is_taken_away_by_escape(serve: Serve) -> None:
    """It looks into the tasks too; what it left is told."""
    service = serve()
    async with people(service) as agent, staged(service.endpoint) as stage:
        await opened(agent, run="checkout-1")
        about = {"task": "the ledger is late", "namespaces": ["bank"]}
        await opened(agent, run="ledger-1", incident=about)
        await stage.sees("checkout-1", "ledger-1")
        await stage.press("slash", *"LATE", "enter")
        await stage.sees("1 with 'LATE'", "ledger-1", without="checkout-1")
        await stage.press("escape")
        await stage.sees("checkout-1", "ledger-1")


async def test_order_and_choice_are_changed_by_keys(serve: Serve) -> None:
    """Sorted by each thing in turn, backwards, and ended runs besides; the cursor keeps its run."""
    service = serve(gate=scripted(GateVerdict.PASS))
    async with people(service) as agent, staged(service.endpoint) as stage:
        for name in ("a1", "b1", "c1"):
            await opened(agent, run=name)
        await ended(agent, "b1", 1)
        await stage.sees("a1", "c1", without="b1")
        await stage.press("r")
        await stage.sees("attention backwards")
        shown = [line[:2] for line in stage.lines if line[:2] in {"a1", "c1"}]
        assert shown == ["c1", "a1"]
        for order in ("changed", "age", "findings", "steps", "run", "attention"):
            await stage.press("s")
            await stage.sees(f"by {order}")
        await stage.press("a")
        await stage.sees("b1", "resolved", "ended, by", without="a1 ")
        await stage.press("a")
        await stage.sees("a1", "b1", "c1", "all, by")


async def test_what_agents_write_stays_text(serve: Serve) -> None:
    """Escape sequences never reach the terminal, and markup is shown as it is."""
    service = serve()
    about = {"task": NASTY, "namespaces": ["shop"]}
    async with people(service) as agent, staged(service.endpoint, size=(200, 30)) as stage:
        await opened(agent, run="r1", incident=about, key="[b]k[/b]", model="[red]m[/]")
        screen = await stage.sees("r1", "[red]x[/] [2J]8;;http://evil", "[b]k[/b]", "[red]m[/]")
        assert not [c for c in screen if not c.isprintable() and c != "\n"]


async def test_a_service_that_goes_away_leaves_the_last_picture(serve: Serve) -> None:
    """It is told, and when the service is back the picture is of now."""
    service = serve()
    async with people(service) as agent, staged(service.endpoint) as stage:
        await opened(agent, run="checkout-1")
        await stage.sees("checkout-1")
        service.stop()
        await stage.sees("NOT CONNECTED", "cannot be reached", "tried again", "checkout-1")
        service.start()
        async with people(service) as again:
            await opened(again, run="second-1")
        await stage.sees("checkout-1", "second-1", without="NOT CONNECTED")


async def test_a_token_that_is_taken_away_is_told(serve: Serve) -> None:
    """With what to check; the picture stays."""
    service = serve(auth=Tokens)
    async with staged(known_as(service, "t-viewer")) as stage:
        await stage.sees("role viewer")
        stage.app._list._asker._transport._token._text = "t-nobody"
        await stage.sees("NOT CONNECTED", "does not accept the token")


async def test_a_thousand_runs_are_shown_and_sorted(serve: Serve) -> None:
    """All of them by a few answers, each of which reads a part; the cursor reaches the last."""
    service = serve()
    about = Incident(task="checkout is down", namespaces=("shop",))
    for number in range(1_000):
        await service.service.open(about, run=f"run-{number:04}")
    async with staged(service.endpoint, options=Options(interval=0.2, scope=Scope.ALL)) as stage:
        await stage.sees("1000 runs: 1000 work", "only the 1000 changed last")
        await stage.press("end")
        await stage.sees("run-0999")
        await stage.press("slash", *"0500", "enter")
        await stage.sees("1 with '0500'", "run-0500")


async def test_the_help_names_the_keys_and_closes(serve: Serve) -> None:
    """On the smallest terminal too."""
    async with staged(serve().endpoint) as stage:
        await stage.press("question_mark")
        await stage.sees("The list", "Enter      open the run")
        await stage.press("escape")
        await stage.sees("no runs", without="The list")

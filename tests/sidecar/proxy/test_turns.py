"""Whole runs through the proxy: ends judged, calls held, and what the agent sees of it."""

from guardrails.core.evidence import GateVerdict
from guardrails.policy.models import Budgets, HygieneSettings, Settings
from tests.settings import FREE, NO_MACHINE
from tests.sidecar.proxy.stage import calling, said, stage

FAIL, PASS = GateVerdict.FAIL, GateVerdict.PASS
LOOK = ("c1", "kubectl get pods -n shop")
MEND = ("c2", "kubectl rollout restart deployment/checkout -n shop")


async def test_a_false_claim_is_refused_and_an_honest_fix_accepted() -> None:
    """The agent sees its next call, and not that it was wrong in between."""
    async with stage(
        calling(LOOK),
        said("It is fixed."),
        calling(MEND),
        said("Now it is."),
        verdicts=(FAIL, PASS),
    ) as on:
        agent = on.agent()
        assert await agent.to_the_end() == "Now it is."
        assert [m["content"] for m in agent.messages if m["role"] == "assistant"][
            -1
        ] == "Now it is."
        assert "It is fixed." not in str(agent.messages)
        assert await on.outcome(agent.run) == "resolved"
        shown = on.model.shown(2)
        assert shown[-2]["content"] == "It is fixed."
        assert "Not accepted" in shown[-1]["content"]


async def test_a_refused_end_stays_in_what_the_model_is_sent() -> None:
    """Otherwise it would claim the same again as soon as the next result is in."""
    async with stage(
        calling(LOOK), said("It is fixed."), calling(MEND), said("Now."), verdicts=(FAIL, PASS)
    ) as on:
        await on.agent().to_the_end()
        roles = [m["role"] for m in on.model.shown(3)]
        assert roles == [
            *("system", "user", "assistant", "tool"),
            *("assistant", "user", "assistant", "tool"),
        ]


async def test_the_agent_streams_and_gets_the_same() -> None:
    """Nothing of the refused end is in its stream."""
    async with stage(
        said("It is fixed."), said("It is not mine to fix; I give up."), verdicts=(FAIL, FAIL)
    ) as on:
        response = await on.agent().post(stream=True)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "It is fixed." not in response.text
        assert response.text.rstrip().endswith("data: [DONE]")
        assert on.model.asked[0]["stream"] is True


async def test_a_blocked_call_is_asked_again_and_never_delivered() -> None:
    """Its model is told why, in the same request."""
    policy = Settings(
        fsm=NO_MACHINE, hygiene=HygieneSettings(early="none"), effects={"destructive": "block"}
    )
    async with stage(
        calling(("c1", "kubectl delete namespace shop")),
        calling(LOOK),
        said("Done."),
        policy=policy,
    ) as on:
        agent = on.agent()
        await agent.to_the_end()
        assert len(agent.ran) == 1
        assert "delete" not in agent.ran[0]
        told = on.model.shown(1)[-1]
        assert told["role"] == "tool"
        assert told["content"].startswith("Not run: `kubectl delete`")
        facts = await on.facts(agent.run)
        assert facts.count("tool_requested") == facts.count("tool_returned") == 2


async def test_of_parallel_calls_the_allowed_are_delivered() -> None:
    """The blocked one is answered beside their results, in the turn as the model wrote it."""
    policy = Settings(
        fsm=NO_MACHINE, hygiene=HygieneSettings(early="none"), effects={"destructive": "block"}
    )
    async with stage(
        calling(("a", "kubectl get pods -n shop"), ("b", "kubectl delete namespace shop")),
        said("Done."),
        policy=policy,
    ) as on:
        agent = on.agent()
        await agent.to_the_end()
        assert agent.ran == ['{"command":"kubectl get pods -n shop"}']
        shown = on.model.shown(1)
        assert [call["id"] for call in shown[2]["tool_calls"]] == ["a", "b"]
        results = {m["tool_call_id"]: m["content"] for m in shown if m["role"] == "tool"}
        assert results["a"].startswith("NAME READY")
        assert results["b"].startswith("Not run")
        facts = await on.facts(agent.run)
        assert facts.count("tool_requested") == facts.count("tool_returned") == 2


async def test_arguments_with_a_slip_are_mended() -> None:
    """The agent's own parser would have broken on them."""
    policy = Settings(fsm=NO_MACHINE)
    async with stage(calling(("c1", '{"command": "kubectl get pods",}')), policy=policy) as on:
        agent = on.agent()
        await agent.turn()
        assert agent.ran == ['{"command": "kubectl get pods"}']


async def test_a_call_that_was_cut_off_is_sent_back() -> None:
    """Half a command never reaches the agent, whatever its parser makes of it."""
    policy = Settings(fsm=NO_MACHINE)
    async with stage(
        calling(("c1", '{"command": "kubectl delete pod web')),
        calling(("c2", "kubectl get pods")),
        policy=policy,
    ) as on:
        agent = on.agent()
        await agent.turn()
        assert agent.ran == ['{"command":"kubectl get pods"}']
        assert "cut off" in on.model.shown(1)[-1]["content"]


async def test_wrong_steps_are_taken_back_from_what_the_model_is_sent() -> None:
    """One line stands for both; their calls are in no history any more."""
    policy = Settings(fsm=NO_MACHINE)
    async with stage(
        calling(("w1", "{}")),
        calling(("w2", "{}")),
        calling(("c3", "kubectl get pods")),
        said("Done."),
        policy=policy,
    ) as on:
        agent = on.agent()
        await agent.to_the_end()
        for at in (2, 3):
            assert "w1" not in str(on.model.shown(at))
            assert "w2" not in str(on.model.shown(at))
            assert "[taken back: " in str(on.model.shown(at))
        assert "step_taken_back" in await on.facts(agent.run)


async def test_an_empty_answer_is_no_end() -> None:
    """The model is asked for one, in the same request."""
    async with stage(said(""), said("It is fixed.")) as on:
        agent = on.agent()
        assert await agent.to_the_end() == "It is fixed."
        assert "was empty" in on.model.shown(1)[-1]["content"]


async def test_a_claim_that_is_never_confirmed_is_not_passed_on() -> None:
    """What ends the conversation is the outcome."""
    refusals = FREE.budgets.refusals
    script = [said(f"Fixed, number {at}.") for at in range(refusals + 1)]
    async with stage(*script, verdicts=(FAIL,)) as on:
        agent = on.agent()
        words = await agent.to_the_end()
        assert words.startswith("The incident is not resolved (outcome: unresolved")
        assert "Fixed, number" not in words
        assert await on.outcome(agent.run) == "unresolved"


async def test_what_an_agent_says_when_it_gives_up_is_passed_on_with_the_outcome() -> None:
    """It may hold what a person needs to take over."""
    async with stage(said("I could not resolve this: the image does not exist. I give up.")) as on:
        agent = on.agent()
        words = await agent.to_the_end()
        assert words.startswith("I could not resolve this")
        assert "(outcome: unresolved" in words


async def test_a_spent_budget_ends_the_run() -> None:
    """Calls of the turn that is too much are not delivered."""
    policy = Settings(
        fsm=NO_MACHINE, hygiene=HygieneSettings(early="none"), budgets=Budgets(steps=1)
    )
    async with stage(
        calling(LOOK), calling(("c2", "kubectl get pods -A")), policy=policy, verdicts=(FAIL,)
    ) as on:
        agent = on.agent()
        words = await agent.to_the_end()
        assert "outcome: unresolved" in words
        assert len(agent.ran) == 1
        again = await agent.to_the_end()
        assert again == words
        assert len(on.model.asked) == 2


async def test_a_finish_call_is_judged_before_it_is_delivered() -> None:
    """Refused, it is answered; accepted, it runs, and the model may have its last word."""
    async with stage(
        calling(("s1", "it is fixed", "submit")),
        calling(("s2", "it is fixed now", "submit")),
        said("Submitted."),
        verdicts=(FAIL, PASS),
    ) as on:
        agent = on.agent()
        assert await agent.to_the_end() == "Submitted."
        assert agent.ran == ['{"command":"it is fixed now"}']
        assert await on.outcome(agent.run) == "resolved"


async def test_in_shadow_mode_nothing_is_held_and_everything_recorded() -> None:
    """The run still gets its outcome."""
    policy = Settings(fsm=NO_MACHINE, mode="shadow", effects={"destructive": "block"})
    async with stage(
        calling(("c1", "kubectl delete pod web-1 -n shop")),
        said("It is fixed."),
        policy=policy,
        verdicts=(FAIL,),
    ) as on:
        agent = on.agent()
        assert await agent.to_the_end() == "It is fixed."
        assert len(agent.ran) == 1
        assert await on.outcome(agent.run) == "unresolved"

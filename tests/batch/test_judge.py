"""A model as judge, over real HTTP: what it is shown, what of its answers counts, what fails."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from guardrails.batch.eventlog import EventLog, call_of
from guardrails.batch.judge import FAILURES_IN_A_ROW, judge_run, judged
from guardrails.batch.judging import segments
from guardrails.batch.judging.asking import JUDGED, instructions
from guardrails.batch.judging.segments import TEXT, TURNS, segments_of
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import AgentHandedOff
from guardrails.core.findings import Finding
from guardrails.core.ids import RunId
from guardrails.core.mast import FailureMode
from guardrails.errors import UsageError
from tests.batch.chatserver import ChatServer, serving

MODEL = "openai:gpt-scripted"
SECRET = "ghp_" + "a1B2" * 9


def tag(**changed: Any) -> dict[str, Any]:
    """Return a tag that holds for `run_of_one`, changed."""
    return {
        "mode": "FM-2.6",
        "steps": [1],
        "quotes": ["I will only read the logs of cart", "kubectl delete pod cart-5c4b"],
        "why": "says that it reads and deletes",
        "confidence": 0.6,
    } | changed


def answer(*tags: dict[str, Any]) -> str:
    return json.dumps({"tags": list(tags)})


def run_of_one(*, turns: int = 1) -> RecordedRun:
    """Return a run of one agent, which does something else than it says in its first turn."""
    log = EventLog("r1")
    log.started("Errors on cart. Find the cause. Do not delete anything.")
    for number in range(1, turns + 1):
        log.replied("I will only read the logs of cart." if number == 1 else f"Turn {number}.")
        command = {"command": "kubectl delete pod cart-5c4b" if number == 1 else "kubectl get po"}
        call = call_of(f"c{number}", "kubectl", command)
        log.requested(call)
        log.returned(call, f"done, and the token is {SECRET}")
    log.ended("The cause is found.")
    return run_of(log)


def run_of(log: EventLog) -> RecordedRun:
    return RecordedRun(run_id=log.run, format="test", events=log.events)


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """Serve a model that finds nothing, until its script is changed."""
    with serving(lambda _: answer()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server


def by_rule(**fields: Any) -> Finding:
    mode = FailureMode.REASONING_ACTION_MISMATCH
    return Finding(run=RunId("r1"), seq=3, mode=mode, detector="ByRule", **fields)


def test_what_a_judge_quotes_becomes_a_finding(chat: ChatServer) -> None:
    """Marked as judged, signed, with its quotes and steps."""
    chat.script = lambda _: answer(tag())
    (found,) = judge_run(run_of_one(), model=MODEL)
    assert (found.mode, found.detector, found.judged) == ("FM-2.6", "Judge", True)
    assert found.steps == (1,)
    assert found.evidence == (
        "I will only read the logs of cart",
        "kubectl delete pod cart-5c4b",
    )
    assert found.confidence == 0.6
    assert (found.run, found.seq) == (RunId("r1"), 3)
    assert found.why == "says that it reads and deletes"


def test_nobody_is_too_sure(chat: ChatServer) -> None:
    """Judges are moderately good; the confidence of one is capped."""
    chat.script = lambda _: answer(tag(confidence=1.0))
    (found,) = judge_run(run_of_one(), model=MODEL)
    assert found.confidence == 0.7


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"mode": "FM-1.3"}, "mode"),
        ({"mode": "nonsense"}, "mode"),
        ({"quotes": ["it was never said", "nor was this written"]}, "quote"),
        ({"quotes": []}, "quote"),
        ({"quotes": ["kubectl delete pod cart-5c4b"]}, "quote"),
        ({"quotes": ["kubectl", "cart"]}, "quote"),
        ({"mode": "FM-1.1", "quotes": ["Do not delete anything."]}, "quote"),
        ({"steps": [7]}, "step"),
        ({"steps": [1, 7]}, "step"),
        ({"steps": []}, "step"),
        ({"confidence": 0}, "confidence"),
        ({"confidence": -1}, "confidence"),
    ],
)
def test_what_does_not_hold_is_dropped_and_counted(
    chat: ChatServer, changed: dict[str, Any], why: str
) -> None:
    """A mode of the rules, words that nobody said, one place of two, a step that is not there."""
    chat.script = lambda _: answer(tag(**changed))
    result = judged(run_of_one(), model=MODEL)
    assert result.findings == ()
    assert dict(+result.dropped) == {why: 1}


def test_one_bad_quote_does_not_take_the_good_ones_along(chat: ChatServer) -> None:
    """What is left is enough for the mode, or the tag goes."""
    quotes = ["Do not delete anything.", "kubectl delete pod cart-5c4b", "it was never said"]
    chat.script = lambda _: answer(tag(mode="FM-1.1", quotes=quotes))
    (found,) = judge_run(run_of_one(), model=MODEL)
    assert found.evidence == tuple(quotes[:2])


def test_white_space_and_numbers_of_lines_are_not_told_apart(chat: ChatServer) -> None:
    """A judge breaks lines anew, and takes along what a line begins with."""
    quotes = ["[step 1] says: I will  only read\nthe logs of cart", "kubectl delete pod cart-5c4b"]
    chat.script = lambda _: answer(tag(quotes=quotes))
    assert len(judge_run(run_of_one(), model=MODEL)) == 1


def test_only_so_many_tags_of_an_answer_are_read(chat: ChatServer) -> None:
    """A model that tags everything says nothing."""
    chat.script = lambda _: answer(*[tag()] * 30)
    result = judged(run_of_one(), model=MODEL)
    assert len(result.findings) == 1
    assert result.dropped["number"] == 22


def test_what_a_rule_found_is_not_found_again(chat: ChatServer) -> None:
    """The same mode of the same agent in the same step is one failure."""
    chat.script = lambda _: answer(tag())
    rule = by_rule(steps=(1,))
    result = judged(run_of_one(), model=MODEL, findings=[rule])
    assert result.findings == (rule,)
    assert result.dropped["known"] == 1
    elsewhere = by_rule(steps=(5,))
    assert len(judge_run(run_of_one(), model=MODEL, findings=[elsewhere])) == 2


@pytest.mark.parametrize("reply", ["I would rather talk.", '{"tags": 3}', "", 400, 401, 500])
def test_a_model_that_fails_loses_nothing(chat: ChatServer, reply: str | int) -> None:
    """Words in place of the form, a refusal, a broken server: the rules' findings stay."""
    chat.script = lambda _: reply
    rule = by_rule(steps=(1,))
    result = judged(run_of_one(), model=chat_model(chat), findings=[rule])
    assert result.findings == (rule,)
    assert sum(result.failed.values()) == 1


def chat_model(chat: ChatServer) -> Any:
    """Return a model of the server that does not try again."""
    from langchain_openai import ChatOpenAI  # noqa: PLC0415  # a second to import

    return ChatOpenAI(model="gpt-scripted", base_url=chat.url, api_key="none", max_retries=0)


def test_a_provider_that_is_down_is_not_asked_for_every_segment(chat: ChatServer) -> None:
    """After some failures in a row the rest of the run is left."""
    chat.script = lambda _: 500
    result = judged(run_of_one(turns=TURNS * 5), model=chat_model(chat))
    assert (result.segments, result.skipped) == (FAILURES_IN_A_ROW, 5 - FAILURES_IN_A_ROW)


def test_a_run_has_a_highest_price(chat: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of thousands of turns costs no more than its first segments, and says so."""
    monkeypatch.setattr("guardrails.batch.judge.SEGMENTS", 2)
    result = judged(run_of_one(turns=TURNS * 4), model=MODEL)
    assert (result.segments, result.skipped, len(chat.asked)) == (2, 2, 2)


def test_the_judge_is_told_the_modes_and_the_form(chat: ChatServer) -> None:
    """Those for which words must be understood, and a schema that the provider enforces."""
    judge_run(run_of_one(), model=MODEL)
    (body,) = chat.asked
    told = body["messages"][0]["content"]
    assert all(mode.value in told for mode in JUDGED)
    assert "FM-1.3" not in instructions()
    assert body["response_format"]["type"] == "json_schema"


def test_no_secret_leaves_the_machine(chat: ChatServer) -> None:
    """Traces of others hold what their tools returned; it is redacted before it is sent."""
    judge_run(run_of_one(), model=MODEL)
    assert SECRET not in json.dumps(chat.asked)
    assert "redacted" in chat.questions[0]


def test_each_agent_is_judged_by_itself(chat: ChatServer) -> None:
    """With its own task, and the words that reached it."""
    log = EventLog("r2")
    log.started("Errors on cart.")
    log.passed("Look at the Services of cart.", to="network", kind="task", agent="lead")
    log.replied("It has no endpoints at all.", agent="network")
    log.passed("cart has no endpoints", to="lead", kind="report", agent="network")
    log.replied("The disk of cart is full.", agent="lead")
    judge_run(run_of(log), model=MODEL)
    lead, network = chat.questions
    assert "Agent: lead" in lead
    assert "is told by network (report): cart has no endpoints" in lead
    assert "It has no endpoints at all." not in lead
    assert "Task of this agent: Look at the Services of cart." in network
    assert "The disk of cart is full." not in network


def test_a_finding_names_the_agent_that_was_judged(chat: ChatServer) -> None:
    """Quotes are looked for in that agent's segment only."""
    log = EventLog("r3")
    log.started("Errors on cart.")
    log.passed("cart has no endpoints", to="lead", kind="report", agent="network")
    log.replied("The disk of cart is full.", agent="lead")
    both = ["cart has no endpoints", "The disk of cart is full."]
    chat.script = lambda _: answer(tag(mode="FM-2.5", quotes=both))
    (found,) = judge_run(run_of(log), model=MODEL)
    assert (found.mode, found.agent) == (FailureMode.IGNORED_INPUT, "lead")


def test_segments_are_bounded() -> None:
    """By turns and by characters, whatever a tool returned; every turn is in exactly one."""
    log = EventLog("r4")
    log.started("Errors on cart.")
    for number in range(40):
        log.replied(f"Turn {number}.")
        call = call_of(f"c{number}", "kubectl", {"command": "kubectl logs cart"})
        log.requested(call)
        log.returned(call, "x" * 15_000)
    cut = segments_of(log.events)
    assert all(len(one.text) <= segments.CHARACTERS + 2 * TEXT for one in cut)
    turns = [line.step for one in cut for line in one.lines if line.text.startswith("says")]
    assert turns == list(range(1, 41))
    assert max(sum(x.text.startswith("says") for x in one.lines) for one in cut) <= TURNS


def test_an_agent_without_turns_is_not_judged() -> None:
    """There is nothing that it said or did."""
    log = EventLog("r5")
    log.started("Errors on cart.")
    log.note(AgentHandedOff(to="network"))
    assert segments_of(log.events) == ()


@pytest.mark.parametrize("model", ["nobody:gpt-x", "gpt"])
def test_a_model_that_is_none_is_an_error_that_says_so(model: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match="judge"):
        judge_run(run_of_one(), model=model)


def test_without_langchain_the_extra_is_named() -> None:
    """And nothing here loads LangChain before it is needed."""
    code = (
        "import sys\n"
        "import guardrails.batch.judge as judge\n"
        "assert 'langchain' not in sys.modules and 'langchain_core' not in sys.modules\n"
        "sys.modules['langchain'] = None\n"
        "from guardrails.errors import UsageError\n"
        "class Run: events = ()\n"
        "try:\n    judge.judge_run(Run(), model='openai:gpt-5')\n"
        "except UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "guarded-agent[openai]" in done.stdout

"""Whatever agents, models and clusters say stays text; a page lets nothing in but what is ours."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from guardrails.core.evidence import GateVerdict
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.errors import StoreError
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.testing.gates import scripted_report
from tests.reports.runs import HOSTILE
from tests.sidecar.api.apps import CLAIM, AskingGate, HeldGate, opened
from tests.sidecar.ui.stage import TOKENS, Stage

PLAIN = HOSTILE.replace("\x1b", "")
ATTRIBUTES = frozenset(
    {
        *("action", "aria-label", "aria-labelledby", "autocomplete", "checked", "charset", "class"),
        *("content", "data-label", "data-stream", "defer", "for", "hidden", "href", "id", "lang"),
        *("maxlength", "method", "name", "placeholder", "rel", "role", "rows", "scope", "size"),
        *("src", "tabindex", "type", "value", "required"),
    }
)


class Elements(HTMLParser):
    """Notes each element with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self) -> set[str]:
        """Return the names of all attributes."""
        return {name for _, attributes in self.found for name in attributes}


class _Gate(AskingGate):
    """A gate whose question and report hold what an attacker wrote into a cluster."""

    async def evaluate(self, request: Any, *, on_progress: Any = None) -> Any:
        del request, on_progress
        report = scripted_report(GateVerdict.FAIL)
        (fact,) = report.evidence
        planted = replace(fact, observed=PLAIN)
        return replace(report, evidence=(planted,), summary=PLAIN)


def hostile(folder: Path) -> Stage:
    """A stage on which everything that others say is an attack."""
    candidate = Candidate(id=PLAIN, label=PLAIN)
    question = Question(
        id=PLAIN,
        kind=QuestionKind.APPROVAL,
        text=PLAIN,
        why=PLAIN,
        candidates=(candidate,),
    )
    return Stage(folder, gate=_Gate(question))


async def played(agent: httpx2.AsyncClient) -> str:
    run = await opened(
        agent,
        incident={"task": PLAIN, "namespaces": ["shop"]},
        key=PLAIN.replace("\n", " "),
        model=PLAIN[:200],
    )
    facts = [
        {"type": "model_replied", "text": PLAIN},
        {"type": "tool_requested", "call_id": "c", "tool": "get", "arguments": "{}"},
        {"type": "tool_returned", "call_id": "c", "tool": "get", "text": PLAIN},
        {"type": "model_replied", "text": PLAIN},
    ]
    stated = [{"number": n, "fact": fact, "agent": PLAIN[:100]} for n, fact in enumerate(facts, 1)]
    answer = await agent.post(f"/v1/sessions/{run}/events", json={"events": stated})
    assert answer.status_code == 200, answer.text
    claim = {"exit": "final_answer", "claim": {"kind": "mitigated", "text": PLAIN}}
    ended = await agent.post(f"/v1/sessions/{run}/end", json={"number": 5, **claim})
    assert ended.status_code == 200, ended.text
    return run


async def test_planted_markup_is_text_on_every_page(tmp_path: Path) -> None:
    """In tasks, keys, models, tools, results, questions, claims, evidence and names."""
    stage = hostile(tmp_path)
    async with stage.api() as agent, stage.signed_in("operator") as person:
        run = await played(agent)
        for path, times in (("/ui", 3), (f"/ui/runs/{run}", 8)):
            answer = await person.get(path, params={"q": "<script>"} if path == "/ui" else {})
            page = Elements(answer.text)
            assert page.attributes() <= ATTRIBUTES
            scripts = [a for tag, a in page.found if tag == "script"]
            assert len(scripts) == 1
            assert str(scripts[0]["src"]).startswith("/ui/static/live.js?v=")
            assert not any(tag in {"img", "iframe", "object", "style"} for tag, _ in page.found)
            assert page.text.count("<script>alert(1)</script>") >= times, path


@pytest.mark.parametrize(
    "path", ["/ui", "/ui/sign-in", "/ui/runs/nothing", "/ui/static/live.js", "/ui/static/none"]
)
async def test_every_answer_says_what_a_browser_may_do_with_it(tmp_path: Path, path: str) -> None:
    """Also those that say that something is wrong."""
    stage = Stage(tmp_path)
    async with stage.signed_in("viewer") as client:
        answer = await client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    if answer.headers["content-type"].startswith("text/html"):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not any("style" in a for _, a in Elements(answer.text).found)
        assert "<style" not in answer.text


async def test_the_report_has_no_part_in_the_sign_in(tmp_path: Path) -> None:
    """Its own script runs, by its hash; whatever else got in would be of no origin."""
    stage = hostile(tmp_path)
    async with stage.api() as agent, stage.signed_in("viewer") as viewer:
        run = await played(agent)
        answer = await viewer.get(f"/ui/runs/{run}/report")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy
    assert "sandbox allow-scripts; frame-ancestors 'none'" in policy
    assert "allow-same-origin" not in policy
    assert answer.text.startswith("<!doctype html>")
    assert Elements(answer.text).text.count("<script>alert(1)</script>") >= 4


async def test_a_run_that_is_not_there_is_a_page_that_says_so(tmp_path: Path) -> None:
    """With the way back."""
    async with Stage(tmp_path).signed_in("viewer") as client:
        for path in ("/ui/runs/gone", "/ui/runs/gone/report", "/ui/runs/gone/events"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert "gone" in answer.text
            assert 'href="/ui"' in answer.text


async def test_a_store_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """As a page, with its status."""

    class Broken(MemoryRuns):
        def rows(self, **_: object) -> Any:
            raise StoreError("the disk is gone")

    async with Stage(tmp_path, store=Broken()).signed_in("viewer") as client:
        answer = await client.get("/ui")
    assert answer.status_code == 503
    assert "the disk is gone" in answer.text


async def test_a_run_says_what_its_gate_waits_for(tmp_path: Path) -> None:
    """On its own page and in the list, while the gate is at work."""
    gate = HeldGate()
    stage = Stage(tmp_path, gate=gate)
    async with stage.api() as agent, stage.signed_in("viewer") as viewer:
        run = await opened(agent)
        asked = {"number": 1, "wait": 0, **CLAIM}
        assert (await agent.post(f"/v1/sessions/{run}/end", json=asked)).status_code == 202
        await gate.at_work.wait()
        page = Elements((await viewer.get(f"/ui/runs/{run}")).text).text
        assert "the gate looks at the cluster" in page
        assert "the rollout of checkout" in page
        listed = Elements((await viewer.get("/ui")).text).text
        assert "at work" in listed
        assert "the rollout of checkout" in listed
        gate.let.set()
        await agent.post(f"/v1/sessions/{run}/end", json={**asked, "wait": 5})
        assert "resolved" in Elements((await viewer.get(f"/ui/runs/{run}")).text).text


async def test_an_api_token_opens_pages_without_a_cookie(tmp_path: Path) -> None:
    """For a proxy in front that signs people in, and for whoever asks by hand."""
    stage = Stage(tmp_path)
    async with stage.browser() as client:
        headers = {"authorization": f"Bearer {TOKENS['viewer']}"}
        assert (await client.get("/ui", headers=headers)).status_code == 200
        root = await client.get("/", headers=headers)
        assert root.headers["location"] == "/ui"

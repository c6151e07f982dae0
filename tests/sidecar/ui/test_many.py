"""A thousand runs under way, in a real browser: the list loads, moves, and is searched."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from guardrails.core.evidence import GateVerdict
from guardrails.core.questions import Question, QuestionKind
from tests.browser import watched
from tests.sidecar.api.apps import AskingGate
from tests.sidecar.ui.stage import TOKENS, Stage
from tests.sidecar.ui.test_board import QUESTION, begun, ended, said
from tests.sidecar.ui.test_live import shot, sign_in
from tests.sidecar.ui.test_pages import PLAIN, hostile, played

pytestmark = pytest.mark.timeout(300)
RUNS = 1_000
ELEMENTS = 1_500
"""That a page of fifty runs has at most."""


@dataclass(frozen=True)
class Loop:
    """A service in a thread of its own, and a way to have things done in it."""

    url: str
    do: Callable[[Coroutine[Any, Any, Any]], Any]


@contextlib.contextmanager
def looped(stage: Stage) -> Iterator[Loop]:
    """Serve a stage on loopback beside a browser, which wants a thread for itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=120)

    config = uvicorn.Config(stage.app, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.run_coroutine_threadsafe(server.serve(), loop)

    async def started() -> int:
        while not server.started:  # noqa: ASYNC110  # it has no event to wait for
            await asyncio.sleep(0.005)
        return int(server.servers[0].sockets[0].getsockname()[1])

    try:
        yield Loop(url=f"http://127.0.0.1:{do(started())}", do=do)
    finally:
        stage.health.stopping.begin()
        server.should_exit = True
        serving.result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


def test_a_thousand_runs_stay_usable(chromium: Browser, tmp_path: Path) -> None:
    """Fifty are in the page, whatever happens; a search and an address find the others."""
    expect.set_options(timeout=30_000)
    stage = Stage(tmp_path, GateVerdict.FAIL)
    with looped(stage) as loop, watched(chromium) as found:
        runs = loop.do(begun(stage.service, RUNS))
        page = found.page
        sign_in(page, loop.url, TOKENS["operator"])
        expect(page.locator("#state")).to_have_text("Live")
        expect(page.locator("#bar")).to_contain_text("1000 under way")
        assert page.locator("#rows tr").count() == 50
        shot(found, tmp_path, "many")

        async def all_go_on() -> None:
            for number in (1, 2):
                for run in runs:
                    await said(stage.service, run, number)

        loop.do(all_go_on())
        expect(page.locator(f"#run-{runs[-1]} [data-label=Steps]")).to_contain_text("2 of")
        loop.do(ended(stage.service, runs[-1], 3))
        (newest,) = loop.do(begun(stage.service, 1, task="payment is slow"))
        expect(page.locator("#rows tr").first).to_have_id(f"run-{newest}")
        expect(page.locator(f"#run-{runs[-1]}")).to_have_count(0)
        assert page.locator("#rows tr").count() == 50
        assert page.locator("*").count() < ELEMENTS

        page.get_by_label("Search").fill("payment")
        expect(page.locator("#rows tr")).to_have_count(1)
        assert page.url.endswith("/ui?q=payment")
        page.get_by_label("Search").fill("")
        page.get_by_label("ended").check()
        expect(page.locator("#rows tr")).to_have_count(1)
        expect(page.locator("#rows tr")).to_have_id(f"run-{runs[-1]}")
        page.get_by_label("all").check()
        page.get_by_role("link", name="Older").click()
        expect(page.locator("#bar")).to_contain_text("51 to 100 of 1001")
        expect(page.locator("#state")).to_have_text("Live")
        assert page.locator("#rows tr").count() == 50
        assert found.wrong == []


def test_the_focus_stays_while_runs_go_on(chromium: Browser, tmp_path: Path) -> None:
    """An update takes no focus in the list."""
    expect.set_options(timeout=30_000)
    stage = Stage(tmp_path, GateVerdict.FAIL)
    with looped(stage) as loop, watched(chromium) as found:
        first, _ = loop.do(begun(stage.service, 2))
        page = found.page
        sign_in(page, loop.url, TOKENS["operator"])
        expect(page.locator("#state")).to_have_text("Live")
        link = page.locator(f"#run-{first} a")
        link.focus()
        loop.do(said(stage.service, first))
        expect(page.locator(f"#run-{first} [data-label=Steps]")).to_contain_text("1 of")
        assert link.evaluate("one => one === document.activeElement")
        loop.do(begun(stage.service, 1))
        expect(page.locator("#rows tr")).to_have_count(3)
        assert link.evaluate("one => one === document.activeElement")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/ui/runs/{first}")
        assert found.wrong == []


def test_a_half_written_answer_stays_when_another_question_is_answered(
    chromium: Browser, tmp_path: Path
) -> None:
    """Somebody else answers the first one meanwhile; the words, the place and the focus stay."""
    expect.set_options(timeout=30_000)
    approval = Question(id="q-2", kind=QuestionKind.APPROVAL, text="May it change things?")
    stage = Stage(tmp_path, gate=AskingGate(QUESTION, approval))
    with looped(stage) as loop, watched(chromium) as found:
        (run,) = loop.do(begun(stage.service, 1))
        page = found.page
        sign_in(page, loop.url, TOKENS["operator"], to=f"/ui/runs/{run}")
        expect(page.locator("#state")).to_have_text("Live")
        expect(page.locator("#questions textarea")).to_have_count(2)
        box = page.locator("#questions textarea").nth(1)
        box.press_sequentially("Yes, but only")
        loop.do(stage.service.answer(run, question="q-1", text="shop", by="another"))
        expect(page.locator("#questions textarea")).to_have_count(1)
        expect(page.locator("#questions")).to_contain_text("by another")
        page.keyboard.type(" the checkout")
        expect(page.locator("#questions textarea")).to_have_value("Yes, but only the checkout")
        page.get_by_role("button", name="Answer").click()
        expect(page.locator("#questions")).to_contain_text("Yes, but only the checkout")
        assert found.wrong == []


def test_nothing_that_was_planted_runs(chromium: Browser, tmp_path: Path) -> None:
    """On the list, in the run, in what is sent while it is open, and in the report."""
    expect.set_options(timeout=30_000)
    stage = hostile(tmp_path)

    async def play() -> str:
        async with stage.api() as agent:
            return await played(agent)

    with looped(stage) as loop, watched(chromium) as found:
        page = found.page
        sign_in(page, loop.url, TOKENS["operator"])
        expect(page.locator("#state")).to_have_text("Live")
        run = loop.do(play())
        expect(page.locator("#rows")).to_contain_text("<script>alert(1)</script>")
        page.goto(f"{loop.url}/ui/runs/{run}")
        expect(page.locator("#state")).to_have_text("Live")
        loop.do(stage.service.answer(run, question=PLAIN, text=PLAIN, by=PLAIN))
        expect(page.locator("#questions")).to_contain_text("by <script>")
        assert page.locator("#regions img, #regions script").count() == 0
        shot(found, tmp_path, "hostile")
        page.goto(f"{loop.url}/ui/runs/{run}/report")
        expect(page.locator("#timeline")).to_contain_text("<script>alert(1)</script>")
        assert page.locator("img").count() == 0
        assert found.wrong == []
        assert all(url.startswith(loop.url) for url in found.asked)

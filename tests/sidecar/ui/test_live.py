"""A run from its question to its report, as a person sees it in a browser while it goes on."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Watched, watched
from tests.cli.serving import SRE, Serving
from tests.sidecar.ui.conftest import VIEWER, Agent

pytestmark = pytest.mark.timeout(300)
TASK = "Is the shop well?"
WITHIN = 30_000
"""Milliseconds that something may take on a busy machine; nothing waits for all of it."""


def sign_in(page: Page, url: str, token: str, *, to: str = "/ui") -> None:
    """Come in by the form, from the page that was asked for."""
    page.goto(f"{url}{to}")
    page.get_by_label("Token of a viewer or an operator").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}{to}")


def shot(found: Watched, folder: Path, name: str) -> None:
    """Take a picture at two widths, and hold the page to what every page has to be."""
    page = found.page
    for width in (1280, 420):
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} wide at {width}"
        assert found.faults() == []
    page.set_viewport_size({"width": 1280, "height": 900})
    assert found.wrong == []


def test_a_question_is_answered_in_the_page_and_the_run_goes_on(
    chromium: Browser, service: Serving, agent: Agent, tmp_path: Path
) -> None:
    """The run stands still until then, ends by its evidence, and leaves a report."""
    expect.set_options(timeout=WITHIN)
    with watched(chromium) as found, watched(chromium) as beside:
        page, listed = found.page, beside.page
        sign_in(page, service.url, SRE)
        shot(found, tmp_path, "empty")
        sign_in(listed, service.url, SRE)
        with agent("fine", "--task", TASK, "-n", "shoop") as process:
            # It comes by itself: nobody loads the page again.
            row = listed.locator("#rows tr")
            expect(row).to_contain_text("1 question")
            shot(beside, tmp_path, "list-asking")
            page.goto(service.url + str(row.locator("a").get_attribute("href")))
            expect(page.locator("#state")).to_have_text("Live")
            expect(page.locator("#head")).to_contain_text("It waits for a person's answer")
            shot(found, tmp_path, "run-asking")
            assert process.poll() is None
            page.get_by_label("namespace shop").check()
            page.get_by_role("button", name="Answer").click()
            expect(page.locator("#questions")).to_contain_text("by sre")
            expect(page.locator("#gate")).to_contain_text("It waits for:")
            expect(listed.locator("#rows tr")).to_contain_text("at work")
            shot(found, tmp_path, "run-judged")
            expect(page.locator("#head")).to_contain_text("It has ended")
            assert process.wait(timeout=30) == 0
        expect(page.locator("#state")).to_have_text("The run has ended")
        expect(page.locator("#head .outcome")).to_have_text(re.compile("resolved"))
        expect(listed.locator("#rows tr")).to_contain_text("resolved")
        shot(found, tmp_path, "run-ended")
        page.get_by_role("link", name="Read the report").click()
        expect(page.locator("h1")).to_contain_text("The incident is fixed")
        assert page.locator("#timeline tbody tr").count() > 3
        assert found.wrong == beside.wrong == []


def test_a_viewer_sees_the_question_and_no_way_to_answer(
    chromium: Browser, service: Serving, agent: Agent, tmp_path: Path
) -> None:
    """And is told what it would take."""
    expect.set_options(timeout=WITHIN)
    with watched(chromium, dark=True) as found, agent("fine", "--task", TASK, "-n", "shoop"):
        page = found.page
        page.goto(f"{service.url}/ui")
        shot(found, tmp_path, "sign-in")
        sign_in(page, service.url, VIEWER)
        expect(page.locator("#rows tr")).to_contain_text("1 question")
        shot(found, tmp_path, "list-dark")
        page.locator("#rows a").click()
        expect(page.locator("#questions")).to_contain_text("To answer takes an operator's token")
        assert page.locator("#regions form").count() == 0
        shot(found, tmp_path, "run-viewer")

"""Reports in a real browser: nothing runs that was planted, and everybody can read them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from guardrails.core.evidence import EvidenceState, GateVerdict
from guardrails.core.trace import StoredRun
from guardrails.policy.models import Budgets
from guardrails.reports.building import report_of
from guardrails.reports.page import html
from tests.browser import browser, opened, watched
from tests.reports.runs import (
    ALERT,
    ALLOWED,
    BAD,
    FILTERED,
    GOOD,
    HOSTILE,
    LOST,
    OLD,
    PLANTED,
    call,
    fact,
    judged,
    told,
)
from tests.reports.test_building import asked_and_answered
from tests.settings import FREE

pytestmark = pytest.mark.timeout(300)


def _hostile() -> StoredRun:
    seen = fact("rollout-complete", EvidenceState.VIOLATED, name=HOSTILE, observed=HOSTILE)
    return told(
        [
            *call(1, "kubectl get x", f"{HOSTILE}\n{HOSTILE}"),
            *judged(GateVerdict.FAIL, seen, changes=PLANTED),
        ],
        task=HOSTILE,
    )


def _long() -> StoredRun:
    facts = [one for n in range(1_000) for one in call(n, f"kubectl get pods {n}", "a\nb\n" * 40)]
    return told([*facts, *judged(GateVerdict.FAIL, BAD)])


RUNS = {
    "refused": lambda: told(judged(GateVerdict.FAIL, GOOD, OLD, BAD, LOST, ALLOWED)),
    "accepted": lambda: told(
        [
            *call(1, "kubectl get pods", "NAME\ncheckout-1 0/1"),
            *judged(GateVerdict.FAIL, BAD),
            FILTERED,
            *call(2, "kubectl scale deploy checkout --replicas 2", "scaled"),
            *judged(GateVerdict.PASS, GOOD, ALLOWED),
        ]
    ),
    "escalated": lambda: told(
        judged(GateVerdict.UNKNOWN, ALERT) * 3,
        policy=FREE.model_copy(update={"budgets": Budgets(refusals=1)}),
    ),
    "clarified": asked_and_answered,
    "hostile": _hostile,
    "long": _long,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each run's page as a file."""
    folder = tmp_path_factory.mktemp("pages")
    for name, run in RUNS.items():
        (folder / f"{name}.html").write_text(html(report_of(run())))
    return {name: folder / f"{name}.html" for name in RUNS}


@pytest.mark.parametrize("name", [name for name in RUNS if name != "long"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (420, True)])
def test_a_page_has_no_faults_and_fetches_nothing(
    chromium: Browser, pages: dict[str, Path], name: str, *, width: int, dark: bool
) -> None:
    """No error, no dialog, no request; axe-core finds nothing serious; nothing is cut off."""
    with watched(chromium, width=width, dark=dark) as found:
        page = opened(found, pages[name])
        assert found.wrong == []
        assert found.asked == [pages[name].as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert found.faults() == []
        assert found.wrong == []


def test_planted_scripts_do_not_run_and_can_be_read(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    """The page shows them as they were planted."""
    with watched(chromium) as found:
        page = opened(found, pages["hostile"])
        for place in ("dl.facts", "table.cluster"):
            assert "<script>alert(1)</script>" in page.inner_text(place)
        page.click("summary >> nth=0")
        assert found.wrong == []
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 1


def test_evidence_is_filtered_by_words_and_by_state(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    """What holds is out of the way until it is asked for."""
    with watched(chromium) as found:
        page = opened(found, pages["refused"])
        rows = page.locator("#evidence-1 tbody tr:visible")
        assert rows.count() == 3
        page.check("[data-filters] input[type=checkbox]")
        assert rows.count() == 5
        page.fill("[data-filters] input[type=search]", "autoscaler")
        assert rows.count() == 1
        assert "1 of 5 shown" in page.inner_text("[data-filters] [aria-live]")


def test_kinds_of_lines_are_hidden_with_the_keyboard(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    """Buttons say whether they are pressed."""
    with watched(chromium) as found:
        page = opened(found, pages["accepted"])
        button = page.get_by_role("button", name="read", exact=True)
        button.focus()
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "false"
        assert page.locator("tr[data-kind=read]:visible").count() == 0
        page.keyboard.press("Enter")
        assert page.locator("tr[data-kind=read]:visible").count() == 1


def test_without_scripts_everything_is_shown(chromium: Browser, pages: dict[str, Path]) -> None:
    """A mail client, or a strict host, shows the whole report."""
    page = chromium.new_page(java_script_enabled=False)
    page.goto(pages["refused"].as_uri())
    assert page.locator("#evidence-1 tbody tr:visible").count() == 5
    assert page.locator("[data-filters]:visible").count() == 0
    page.close()


def test_a_run_of_a_thousand_steps_is_usable(chromium: Browser, pages: dict[str, Path]) -> None:
    """Its page is some megabytes, and hiding a kind takes no seconds."""
    assert pages["long"].stat().st_size < 8_000_000
    with watched(chromium) as found:
        page = opened(found, pages["long"])
        page.get_by_role("button", name="result", exact=True).click(timeout=10_000)
        assert page.locator("tr[data-kind=result]:visible").count() == 0
        assert page.locator("tr[data-kind=read]:visible").count() == 1_000
        assert found.wrong == []

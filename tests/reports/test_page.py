"""The page needs nothing else, and whatever came from elsewhere stays text in it."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from guardrails.core.events import AnyFact, QuestionAsked
from guardrails.core.evidence import EvidenceState, GateVerdict
from guardrails.core.questions import Question, QuestionKind
from guardrails.reports.building import report_of
from guardrails.reports.page import MORE, html
from tests.reports.runs import HOSTILE, PLANTED, call, fact, judged, told

TAGS = frozenset(
    {
        *("html", "head", "meta", "title", "style", "script", "body", "header", "main", "footer"),
        *("a", "p", "h1", "h2", "h3", "dl", "div", "dt", "dd", "time", "nav", "ul", "li"),
        *("section", "article", "span", "details", "summary", "pre", "code", "br", "small", "q"),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "strong"),
        *("svg", "g", "rect", "text", "line", "label", "input", "button"),
    }
)
ATTRIBUTES = frozenset(
    {
        *("lang", "charset", "http-equiv", "content", "name", "href", "class", "id", "hidden"),
        *("aria-label", "aria-labelledby", "aria-controls", "aria-live", "aria-pressed"),
        *("aria-hidden", "role", "tabindex", "scope", "datetime", "type", "value", "placeholder"),
        *("viewbox", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "text-anchor"),
        *("data-state", "data-kind", "data-filters", "rowspan", "colspan"),
    }
)


class Elements(HTMLParser):
    """Notes each element with its attributes, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _hostile() -> list[AnyFact]:
    question = Question(id="q", kind=QuestionKind.APPROVAL, text=HOSTILE, why=HOSTILE)
    seen = fact("rollout-complete", EvidenceState.VIOLATED, name=HOSTILE, observed=HOSTILE)
    command = "kubectl annotate pod x note=" + HOSTILE.replace("\x1b", "")
    return [
        *call(1, command, f"{HOSTILE}\n{HOSTILE}", failed=True),
        *judged(GateVerdict.FAIL, seen, changes=PLANTED),
        QuestionAsked(question=question),
    ]


def _read(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    return parser


def test_only_our_own_elements_and_attributes_are_in_it() -> None:
    """Planted markup is none."""
    found = _read(html(report_of(told(_hostile(), task=HOSTILE)))).found
    assert {tag for tag, _ in found} <= TAGS
    assert {name for _, attributes in found for name in attributes} <= ATTRIBUTES
    assert sum(tag == "script" for tag, _ in found) == 1
    assert all((a.get("href") or "#").startswith("#") for _, a in found)


def test_planted_markup_stands_there_as_text() -> None:
    """A reader sees what was planted, where it was planted."""
    text = "".join(_read(html(report_of(told(_hostile(), task=HOSTILE)))).texts)
    assert text.count("<script>alert(1)</script>") >= 13
    assert text.count("<img src=x onerror=alert(2)>") >= 13


def test_its_policy_lets_in_only_what_is_in_it() -> None:
    """Nothing is fetched, and a script that got in all the same would not run."""
    page = html(report_of(told(_hostile())))
    policy = next(
        a["content"] for tag, a in _read(page).found if a.get("http-equiv") and tag == "meta"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_no_style_stands_in_an_attribute() -> None:
    """The policy would not let it in."""
    assert not any("style" in a for _, a in _read(html(report_of(told(_hostile())))).found)


def test_it_opens_with_the_outcome_and_why() -> None:
    """Before any table."""
    page = html(report_of(told(judged(GateVerdict.PASS, fact("a-b", EvidenceState.SATISFIED)))))
    text = " ".join("".join(_read(page).texts).split())
    began = text.index("Skip to the report") + len("Skip to the report ")
    assert text[began:].startswith("resolved The incident is fixed, on evidence")
    assert "<title>resolved: run " in page


def test_what_is_behind_a_line_is_clipped_and_says_so() -> None:
    """A page of a long run can be opened."""
    page = html(report_of(told(call(1, "kubectl logs x", "first\n" + "y" * 10_000))))
    assert "y" * (MORE - 6) in page
    assert "y" * MORE not in page
    assert "more characters: see the trace" in page


@pytest.mark.parametrize("facts", [[], _hostile()[:1]], ids=["empty", "one"])
def test_a_run_of_nothing_has_a_page(facts: list[AnyFact]) -> None:
    """It says that nobody asked to end."""
    assert "Nobody asked to end" in html(report_of(told(facts)))

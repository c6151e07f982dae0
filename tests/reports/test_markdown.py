"""Markdown for people's eyes: short, and harmless wherever it is shown."""

from markdown_it import MarkdownIt
from markdown_it.token import Token

from guardrails.core.evidence import EvidenceState, GateVerdict
from guardrails.reports.building import report_of
from guardrails.reports.markdown import FACTS, code, markdown
from tests.reports.runs import BAD, HOSTILE, LOST, call, fact, judged, told

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def _inline(text: str) -> list[Token]:
    return [child for token in PARSER.parse(text) for child in token.children or ()]


def test_foreign_text_is_code_and_nothing_else() -> None:
    """No link, image, mention or markup comes of it, in tables too."""
    seen = fact("rollout-complete", EvidenceState.VIOLATED, name=HOSTILE, observed=HOSTILE)
    facts = [*call(1, "kubectl delete pod x", HOSTILE), *judged(GateVerdict.FAIL, seen)]
    text = markdown(report_of(told(facts, task=HOSTILE)))
    for token in _inline(text):
        if token.type != "code_inline":
            assert token.type not in {"html_inline", "image", "link_open"}
            assert "@team" not in token.content
            assert "alert(" not in token.content
    assert not any(token.type == "html_block" for token in PARSER.parse(text))
    assert sum("alert(1)" in token.content for token in _inline(text)) >= 3


def test_a_table_keeps_its_columns() -> None:
    """A bar in a cell would begin another one."""
    seen = fact("rollout-complete", EvidenceState.VIOLATED, observed="a | b")
    rows = markdown(report_of(told(judged(GateVerdict.FAIL, seen)))).splitlines()
    (row,) = [row for row in rows if row.startswith("| violated")]
    assert row.count("|") == 6


def test_many_facts_are_counted() -> None:
    """A comment stays a comment."""
    facts = [fact("rollout-complete", EvidenceState.VIOLATED, name=f"w{n}") for n in range(40)]
    text = markdown(report_of(told(judged(GateVerdict.FAIL, *facts))))
    assert text.count("| violated |") == FACTS
    assert f"{40 - FACTS} more" in text


def test_it_says_outcome_losses_and_changes() -> None:
    """What somebody who takes over wants first."""
    facts = [*call(1, "kubectl scale deploy x --replicas 2", "ok"), *judged(GateVerdict.FAIL, BAD)]
    text = markdown(report_of(told([*facts, *judged(GateVerdict.PASS, LOST)])))
    assert text.startswith("## ✅ resolved: ")
    assert "### What the agent changed" in text
    assert "`kubectl kubectl scale deploy x --replicas 2` (ok)" in text
    assert "### What the reference had, and the end has not" in text


def test_backticks_do_not_end_a_code_span() -> None:
    """However many there are."""
    for text in ("`", "a``b", "```", "` x `"):
        (token,) = _inline(code(text))
        assert token.type == "code_inline"
        assert token.content.strip() == text.strip()

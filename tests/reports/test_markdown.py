"""Markdown for people's eyes: short, and harmless wherever it is shown."""

from markdown_it import MarkdownIt
from markdown_it.token import Token

from guardrails.core.evidence import (
    ClusterChanges,
    EvidenceState,
    GateVerdict,
    ReferenceSource,
)
from guardrails.reports.building import report_of
from guardrails.reports.markdown import FACTS, code, markdown
from tests.reports.runs import AT, BAD, HOSTILE, LOST, PLANTED, call, fact, judged, told

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def _inline(text: str) -> list[Token]:
    return [child for token in PARSER.parse(text) for child in token.children or ()]


def test_foreign_text_is_code_and_nothing_else() -> None:
    """No link, image, mention or markup comes of it, in tables too."""
    seen = fact("rollout-complete", EvidenceState.VIOLATED, name=HOSTILE, observed=HOSTILE)
    facts = [
        *call(1, "kubectl delete pod x", HOSTILE),
        *judged(GateVerdict.FAIL, seen, changes=PLANTED),
    ]
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


def test_it_says_what_is_different_in_the_cluster() -> None:
    """Field by field, also where nobody is blamed for it; and not at all where nothing is."""
    text = markdown(report_of(told(judged(GateVerdict.PASS, BAD))))
    assert "### What is different in the cluster from a snapshot from before the incident" in text
    assert (
        "- `Deployment shop/checkout` changed: `spec.template.spec.containers[web].image` "
        "`checkout:1` → `checkout:2`; `spec.paused` none → `true`; 4 more fields"
    ) in text
    assert "- `HorizontalPodAutoscaler shop/checkout` deleted\n" in text
    assert "- and 7 more" in text
    none = ClusterChanges(since=AT, against=ReferenceSource.SNAPSHOT)
    for changes in (none, None):
        assert "different" not in markdown(
            report_of(told(judged(GateVerdict.PASS, BAD, changes=changes)))
        )


def test_backticks_do_not_end_a_code_span() -> None:
    """However many there are."""
    for text in ("`", "a``b", "```", "` x `"):
        (token,) = _inline(code(text))
        assert token.type == "code_inline"
        assert token.content.strip() == text.strip()

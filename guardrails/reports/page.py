"""The report as one HTML file that needs nothing else: no network, no folder beside it.

Everything that came from an agent or a cluster is untrusted. The templates escape all of it, no
text is put into a script or an attribute that runs, and a policy in the page's head lets only our
own style and script in, by their hashes.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Final, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from guardrails.core.evidence import EvidenceState
from guardrails.reports.drawing import clock, overview
from guardrails.reports.values import Kind, RunReport, Seen
from guardrails.reports.wording import count, sentence

MORE: Final = 4_000
"""Characters of what is behind a line that the page shows. The trace holds the rest, and a page of
1,000 steps stays at some megabytes."""
_CLIPPED: Final = "\n… {:,} more characters: see the trace"
_ROOM: Final = "guardrails.reports"


def html(report: RunReport) -> str:
    """Return the page of a run."""
    return (
        environment()
        .get_template("run.html.j2")
        .render(
            report=report,
            picture=overview(report),
            kinds=[kind for kind in Kind if any(line.kind is kind for line in report.timeline)],
            **shared(),
        )
    )


@cache
def environment() -> Environment:
    """Return what renders the templates of this room; every value is escaped."""
    made = Environment(
        loader=PackageLoader("guardrails.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = cast("dict[str, Callable[..., object]]", made.filters)
    filters |= {"clock": clock, "clipped": clipped, "state": state_of, "percent": percent}
    filters["times"] = count
    filters["sentence"] = sentence
    return made


@cache
def shared() -> dict[str, object]:
    """Return what every page holds: style, script, and the policy that lets only them in."""
    style, script = look() + _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; style-src '{_hashed(style)}'; script-src '{_hashed(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": policy}  # noqa: S704  # our own


@cache
def look() -> str:
    """Return the style that pages of the service share with reports."""
    return _asset("look.css")


def clipped(text: str) -> str:
    """Return the beginning of a long text, and say how much is left out.

    >>> clipped("x" * 5_000).splitlines()[-1]
    '… 1,000 more characters: see the trace'
    """
    left = len(text) - MORE
    return text if left <= 0 else text[:MORE] + _CLIPPED.format(left)


def state_of(fact: Seen) -> str:
    """Return the word for a piece of evidence: held against nobody and allowed are told apart."""
    if not fact.counts:
        return "aside"
    if fact.allowed_by and fact.state is not EvidenceState.SATISFIED:
        return "allowed"
    return "settling" if fact.settling else str(fact.state)


def percent(share: float | None) -> str:
    """Write a share; a dash for one that is not known.

    >>> percent(0.256), percent(None)
    ('26 %', '-')
    """
    return "-" if share is None else f"{share * 100:.0f} %"


def _asset(name: str) -> str:
    return (files(_ROOM) / "templates" / name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

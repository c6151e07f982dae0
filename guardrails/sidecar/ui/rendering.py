"""Writes pages and the parts of them that change; every value is escaped.

What is sent while a page is open is written here too, so that the script in the browser only puts
it in its place.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from typing import Final, cast
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from guardrails.core.mast import MODES
from guardrails.core.outcome import Outcome
from guardrails.sidecar.auth.roles import Caller, Role
from guardrails.sidecar.ui.board import Wanted, Window
from guardrails.sidecar.ui.following import RunView
from guardrails.sidecar.ui.lines import RunLine, Stage, by_weight, clipped
from guardrails.sidecar.ui.pages import Pages

FINDINGS: Final = 50
"""Findings that a page shows; the report has all."""
QUOTE: Final = 600
"""Characters of a quote, a claim or a line that a page shows."""
_ROOM: Final = "guardrails.sidecar.ui"
MEDIA: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_OWN: Final = ("ui.css", "live.js", "icon.svg")
REGIONS: Final = ("head", "questions", "gate", "findings", "facts", "activity")
"""The parts of a run's page that change, each by itself."""


class Rendering:
    """Writes pages.

    Args:
        pages: What reports have too.
        authenticated: Whether callers are asked for a token.
    """

    def __init__(self, pages: Pages, *, authenticated: bool) -> None:
        self._pages = pages
        self._authenticated = authenticated
        own = {name: (files(_ROOM) / "static" / name).read_bytes() for name in _OWN}
        self.assets = {"look.css": pages.look.encode(), **own}
        """The files that pages are made with, by name."""

    @cached_property
    def _environment(self) -> Environment:
        made = Environment(
            loader=PackageLoader(_ROOM),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters = cast("dict[str, Callable[..., object]]", made.filters)
        filters |= {"clock": self._pages.clock, "moment": moment, "clip": clipped}
        known = cast("dict[str, object]", made.globals)
        known |= {"asset": self._asset, "modes": MODES, "quote_length": QUOTE}
        known["authenticated"] = self._authenticated
        return made

    def _asset(self, name: str) -> str:
        digest = hashlib.sha256(self.assets[name]).hexdigest()[:16]
        return f"/ui/static/{name}?v={digest}"

    def _write(self, template: str, **values: object) -> str:
        return self._environment.get_template(f"{template}.html.j2").render(**values)

    # Pages

    def sign_in(self, *, to: str, wrong: str = "", plain: bool = False) -> str:
        """Write the page that asks for a token.

        Args:
            to: Where to go then.
            wrong: Why the last token is none.
            plain: Whether others on the network could read it.
        """
        return self._write("sign_in", to=to, wrong=wrong, plain=plain, caller=None)

    def problem(self, *, title: str, detail: str, status: int, caller: Caller | None) -> str:
        """Write a page that says what went wrong."""
        return self._write("problem", title=title, detail=detail, status=status, caller=caller)

    def runs(self, window: Window, *, typed: str, caller: Caller | None) -> str:
        """Write the list."""
        return self._write(
            "runs",
            window=window,
            typed=typed,
            rows=[self.row(one) for one in window.lines],
            bar=self.bar(window, typed=typed),
            stages=[("", "all"), ("asks", "asking"), ("open", "under way"), ("ended", "ended")],
            query=address(window.wanted, typed=typed),
            caller=caller,
        )

    def run(self, view: RunView, *, caller: Caller | None) -> str:
        """Write the page of a run."""
        may_answer = caller is None or caller.role is Role.OPERATOR
        return self._write(
            "run",
            view=view,
            regions=self.regions(view, may_answer=may_answer),
            caller=caller,
        )

    # Parts

    def row(self, line: RunLine) -> str:
        """Write one run of the list."""
        accepted = line.outcome in {Outcome.RESOLVED, Outcome.DIAGNOSED}
        return self._write("row", line=line, accepted=accepted)

    def bar(self, window: Window, *, typed: str) -> str:
        """Write how many runs there are, and the way to the other pages."""

        def other(page: int) -> str:
            wanted = Wanted(stage=window.wanted.stage, words=window.wanted.words, page=page)
            return "/ui" + address(wanted, typed=typed)

        page = window.wanted.page
        return self._write(
            "bar",
            window=window,
            before=other(page - 1) if page > 1 else "",
            after=other(page + 1) if page < window.pages else "",
        )

    def regions(self, view: RunView, *, may_answer: bool) -> dict[str, str]:
        """Write the parts of a run's page, by name."""
        outcome = view.state.outcome
        values: dict[str, object] = {
            "view": view,
            "state": view.state,
            "may_answer": may_answer,
            "accepted": outcome is not None and outcome.accepted,
            "meaning": "" if outcome is None else self._pages.meaning(outcome),
            "findings": by_weight(view.state.findings)[:FINDINGS],
        }
        return {name: self._write(f"run_{name}", **values) for name in REGIONS}


def address(wanted: Wanted, *, typed: str) -> str:
    """Return the query of what a viewer looks for, as it stands in an address."""
    stage = wanted.stage
    given = {
        "q": typed,
        "show": "" if stage is None else str(stage),
        "page": str(wanted.page) if wanted.page > 1 else "",
    }
    found = urlencode({key: value for key, value in given.items() if value})
    return f"?{found}" if found else ""


def wanted_of(query: dict[str, str]) -> tuple[Wanted, str]:
    """Read what a viewer looks for, and what they typed; no stage and no page mean all, and 1."""
    typed = query.get("q", "")[:200]
    stage = next((one for one in Stage if one == query.get("show")), None)
    page = query.get("page", "")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) <= 6 else 1  # noqa: PLR2004
    return Wanted(stage=stage, words=tuple(typed.lower().split()), page=max(1, number)), typed


def moment(at: datetime | None) -> str:
    """Write a time.

    >>> moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02 03:04:05'
    """
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

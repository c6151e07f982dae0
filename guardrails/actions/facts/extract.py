"""From the output of a call to what it says of objects: which form it has, and who reads it.

Nothing here raises, whatever the text. What is cut, redacted or compressed gives no fact.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, cast

import msgspec

from guardrails.actions.facts.alerts import alerts_in, series_in
from guardrails.actions.facts.asked import Ask
from guardrails.actions.facts.blocks import yaml_documents
from guardrails.actions.facts.described import described_in
from guardrails.actions.facts.events import warnings_in
from guardrails.actions.facts.fact import GONE, STATUS, Place, Shown, shown
from guardrails.actions.facts.objects import objects_in
from guardrails.actions.facts.tables import Layout, headerless_layout, layout_of, read_rows
from guardrails.actions.kinds import kind_of

READ_LIMIT: Final = 16_000
"""Characters read of one output: as many as an event keeps of it. The rest is behind what a model
reads with care, and the time of a call stays bounded."""

_BEGINNING: Final = (
    r"(?:Output: ?)?(?:(?P<json>[\[{])|(?P<yaml>apiVersion: \S)|(?P<described>Name:[ \t]+\S)"
    r"|(?P<table>(?:[A-Z][A-Z_-]*(?: [A-Z]+)?|Alertname)(?:(?: {2,}|[ \t]*\t)[A-Z]|[ \t]*$))"
    r"|(?P<rollout>Waiting for (?:deployment|daemon set|\d|rollout)|deployment \"|daemon set \""
    r"|error: deployment \"|statefulset rolling update|partitioned roll out))"
)
"""What can be read, behind whatever a harness prints first."""
_BEGINS_TEXT = re.compile(_BEGINNING, re.MULTILINE)
_BEGINS_LINE = re.compile(rf"\n(?=[\[{{A-Zadesp]){_BEGINNING}", re.MULTILINE)
"""The same on a later line. The engine skips to a newline and looks at one letter behind it, which
takes a tenth of a search for `^`."""
_NOT_FOUND = re.compile(
    r'(?:\(NotFound\): |Resource )(?P<kind>[a-z.0-9-]+)(?: "|/)'
    r'(?P<name>[a-z0-9][-a-z0-9.]*)"? not found'
)
"""How kubectl says it, and a common MCP server around it."""
_ROLLED = re.compile(
    r"(?P<waits>Waiting for )?(?P<fails>error: )?(?P<kind>deployment|daemon set|statefulset) "
    r'"(?P<name>[a-z0-9][-a-z0-9.]*)" (?P<said>.*)'
)
_TOOL_TEXT: Final = frozenset({"text", "output", "stdout", "content", "result", "stdout_text"})
"""Keys under which tools wrap what a command printed."""


def facts_in(text: str, asked: Sequence[Ask]) -> Sequence[Shown]:
    r"""Return what an output says of objects, in its order; a later entry for the same one counts.

    Args:
        text: The output, as the agent got it.
        asked: What its call asked for.

    >>> from guardrails.actions.facts.asked import Ask
    >>> rows = "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   0/1     Pending   0          5s"
    >>> list(facts_in(rows, [Ask("pod", "shop")]))
    [('pod/shop/web-1', ('ready', 'status', 'restarts'), ('0/1', 'Pending', '0'))]
    """
    text = unwrapped(text)
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # half a surrogate cannot be stored
    if len(text) >= READ_LIMIT:
        # The last line may be cut within a name, which then names something that is not there.
        text = text[: text.rfind("\n", 0, READ_LIMIT) + 1]
    return _Reading(text, asked).read()


def unwrapped(text: str) -> str:
    """Take what a command printed out of the JSON that a tool put around it."""
    if text[:1] not in {"[", "{"} or len(text) > 4 * READ_LIMIT:
        return text
    if '"text"' not in text[:200] and not any(f'"{key}"' in text[:80] for key in _TOOL_TEXT):
        return text
    return _inner_text(_decoded(text)) or text


def _inner_text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(filter(None, map(_inner_text, cast("list[object]", value))))
    if not isinstance(value, dict):
        return ""
    fields = cast("dict[str, object]", value)
    return next((t for k in _TOOL_TEXT if isinstance(t := fields.get(k), str)), "")


_REPLIES = frozenset({"url", "query"})
"""What is asked by address or by query answers in JSON; a table in it is somebody's prose."""


class _Reading:
    """One output, read from its beginning."""

    def __init__(self, text: str, asked: Sequence[Ask]) -> None:
        self.text = text
        self.asked = asked
        kinds = {ask.kind for ask in asked}
        self.only_json = kinds <= _REPLIES
        kinds -= _REPLIES
        self.kind = next(iter(kinds)) if len(kinds) == 1 and "all" not in kinds else ""
        spaces = {ask.namespace for ask in asked}
        self.namespace = next(iter(spaces)) if len(spaces) == 1 else ""
        self.found: list[Shown] = []

    def read(self) -> list[Shown]:
        """Read piece after piece, each from where the one before it ended."""
        if "not found" in self.text:
            self.found += _not_found(self.text, self.asked)
        at = begun = 0
        found = _BEGINS_TEXT.match(self.text) or _BEGINS_LINE.search(self.text)
        while found is not None:
            begun += 1
            form = found.lastgroup or ""
            start = found.start(form)
            match form:
                case "json":
                    at = self._json(start)
                case _ if self.only_json:
                    at = found.end()
                case "yaml":
                    at = self._yaml(start)
                case "described":
                    at = self._described(start)
                case "rollout":
                    at = self._rollout(start)
                case _:
                    at = self._table(start)
            if at <= start or begun > _PIECES:
                break
            # A piece ends behind its last newline, where the next one may begin.
            found = _BEGINS_LINE.search(self.text, at - 1)
        if not begun and not self.only_json:
            self._headerless()
        return self.found

    def _json(self, start: int) -> int:
        body = self.text[start:].rstrip()
        value = _decoded(body)
        if value is None:
            end = max(body.rfind("\n}"), body.rfind("\n]"))
            value = _decoded(body[: end + 2]) if end > 0 else None
        if value is None:
            return len(self.text)
        alerts = [*alerts_in(value), *series_in(value)]
        self.found += alerts or objects_in(value, kind=self.kind, namespace=self.namespace)
        return len(self.text)

    def _yaml(self, start: int) -> int:
        for document in yaml_documents(self.text[start:]):
            self.found += objects_in(document, kind=self.kind, namespace=self.namespace)
        return len(self.text)

    def _described(self, start: int) -> int:
        self.found += described_in(self.text[start:], kind=self.kind, namespace=self.namespace)
        return len(self.text)

    def _rollout(self, start: int) -> int:
        end = self.text.find("\n", start)
        line = self.text[start : end if end >= 0 else len(self.text)]
        found = _ROLLED.search(line)
        if found is not None:
            state = "waiting" if found["waits"] else "failed" if found["fails"] else ""
            state = state or ("complete" if "successfully rolled out" in found["said"] else "")
            place = Place(
                found["kind"].replace("daemon set", "daemonset"), self.namespace, found["name"]
            )
            self.found += [shown(place, {"rollout": state})] if state else []
        return start + len(line) + 1

    def _table(self, start: int) -> int:
        end = self.text.find("\n", start)
        header = self.text[start : end if end >= 0 else len(self.text)]
        layout = layout_of(header, kind=self.kind, namespace=self.namespace)
        if layout is None:
            if "OBJECT" in header and "REASON" in header:
                self.found += warnings_in(self.text[start:], namespace=self.namespace)
                return len(self.text)
            return start + len(header) + 1
        return self._rows(start + len(header) + 1, layout)

    def _rows(self, start: int, layout: Layout) -> int:
        lines = self.text[start:].split("\n")
        rows, count = read_rows(lines, layout)
        self.found += rows
        return start + sum(map(len, lines[:count])) + count

    def _headerless(self) -> None:
        if "Warning" in self.text and self.kind in {"event", ""}:
            self.found += warnings_in(self.text, namespace=self.namespace)
        if self.kind:
            lines = self.text.strip("\n").split("\n")
            layout = headerless_layout(lines[0], kind=self.kind, namespace=self.namespace)
            if layout is not None:
                self.found += read_rows(lines, layout)[0]


_PIECES: Final = 64
"""Most beginnings tried: `kubectl get all` prints a dozen tables at most."""


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _not_found(text: str, asked: Sequence[Ask]) -> Iterator[Shown]:
    for found in _NOT_FOUND.finditer(text):
        kind, name = kind_of(found["kind"]), found["name"]
        spaces = {ask.namespace for ask in asked if ask.name in {name, ""}}
        namespace = next(iter(spaces)) if len(spaces) == 1 else ""
        yield shown(Place(kind, namespace, name), {STATUS: GONE})

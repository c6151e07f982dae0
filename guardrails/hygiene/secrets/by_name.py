"""Secrets that their name tells: `password=…`, `"token": "…"`, headers, flags, name/value pairs.

The names are found by a search for their stems in the lower-cased text; what stands around each
decides what is its value and how far it reaches. JSON, YAML, environments, command lines, headers
and connection strings need no parsers of their own for that.
"""

import re
import string
from collections.abc import Iterable, Iterator

from guardrails.hygiene.secrets.keys import NAMED, is_secret, kind_of
from guardrails.hygiene.secrets.screen import ESCAPED, screen
from guardrails.hygiene.secrets.spans import Span

_STEMS = tuple(
    re.compile(stem)
    for stem in (
        *("pass(?:w|p|c|\\b|[_0-9])", "pwd", "secret", "token", "key", "auth"),
        *("credential", "cookie"),
    )
)
"""`credential` covers its plural; `pass` alone is in too many words."""
SIGNS = (
    (
        r"(?i-u:pass(?:w|p|c|\b|[_0-9])|pwd|secret|token|key|auth|credential|cookie)[\w.\-]*"
        r"(?:\\+[nrt]|[\\\"'`\]\s,])*(?:[:=>']|(?i-u:value))"
    ),
    r"--[\w.\-]*(?i-u:pass|pwd|secret|token|key|auth|credential|cookie)",
)
"""A stem, the rest of its name, and a sign that a value follows, however deep in escapes; or a
flag, behind which a blank is sign enough."""
may_show = screen(*SIGNS, ESCAPED)
_LONGEST_NAME = 80
_IN_NAMES = string.ascii_letters + string.digits + "_.-"
"""Letters of nearly all names; the rest are looked at one by one."""
_SHORTEST_DIGITS = 4
"""Digits that are a password and no count, where a variable can hold nothing but text."""
_LONGEST_VALUE = 20_000
"""Characters read of one value: a certificate chain in base64 fits."""

_LONGEST_BARE = 8_000
"""Characters of one without quotes; a text made to stall its reader holds thousands of names."""
_REST = re.compile(r"[\w.\-]{0,48}+")
_AFTER = re.compile(
    r"(?P<shut>[\"'`]?\]?)[ \t]{0,40}(?P<sign>=>|:=|=|:)(?![:=~])[ \t]{0,40}"
    r"(?:\[\s{0,40}(?=[\"']))?"
    r"|(?P<pair>[\"']?\s{0,200}(?:,\s{0,200})?[\"']?value[\"']?[ \t]{0,8}:[ \t]{0,8})"
    r"|(?P<sql>[ \t]{1,4}(?='))"
    r"|(?P<flag>[\"']?[ \t]{1,8}|[\"']\s{0,200},\s{0,200}(?=[\"'])|\n[ \t]{0,200}-[ \t]{1,8})"
    r"|(?P<tag>>)"
)
"""What can stand between a name and its value."""
_LEAD = re.compile(
    r"[\s>|*#-]*(?:(?:export|set|ENV|ARG|declare -x|\d{1,7}[:-])[ \t]*)?(?:[\w.\[\]]+[.])?[\"'`]?$"
)
"""What may stand on a line before a name that is still the first thing on it."""
_HEADER = re.compile(
    r"(?:x-|private-token|authorization|proxy-authorization|api-?key|cookie|set-c)"
)
_SCHEME = re.compile(
    r"(?:Bearer|Basic|Token|ApiKey|Negotiate|Splunk|GenieKey|Key|SSWS)[ \t]+", re.IGNORECASE
)
_DOUBLE = re.compile(r'"((?:[^"\\\n]++|\\.)*+)')
_SINGLE = re.compile(r"'((?:[^'\\\n]++|\\.|'')*+)")
_ESCAPE = r"|\\(?![\"'nrtu/\\])"
"""A backslash belongs to a bare value unless it escapes what JSON escapes."""
_BARE = re.compile(rf"(?:[^\s\"'`\\,;&)}}\]<>|]{_ESCAPE})++")
_WORD = re.compile(rf"(?:[^\s\"'`\\]{_ESCAPE})++")
_LINE = re.compile(rf"(?:[^\n\r\"'\\]{_ESCAPE})++")
_TEXT = re.compile(r"[^<\n]++(?=</)")
_BLOCK = re.compile(r"[|>][+-]?\d?[ \t]*\n")


def spans(text: str, names: Iterable[Span]) -> Iterator[Span]:
    """Give the secrets of a text that stand behind the telling names in it."""
    covered = range(0)
    for start, end, kind in names:
        if start in covered:
            continue
        after = _AFTER.match(text, end)
        if after is None:
            continue
        if after["flag"] and not text.startswith("--", start):
            continue
        if after["tag"] and text[start - 1 : start] != "<":
            continue
        if after["sql"] and kind != "password" and not text.startswith("--", start):
            continue
        span = _Place(text, name=text[start:end], start=start, after=after).read(kind)
        if span is not None:
            covered = range(span.start, span.end)
            yield span


def telling_names(text: str) -> Iterator[Span]:
    """Give the names in a text that say that a secret may follow."""
    if not may_show(text):
        return
    lower = text.lower()
    if len(lower) != len(text):
        lower = text.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "I").lower()
    for stem in _STEMS:
        upto = 0
        for found in stem.finditer(lower):
            if found.start() < upto:
                continue
            start = _name_start(text, found.start())
            rest = _REST.match(text, found.end())
            upto = found.end() if rest is None else rest.end()
            kind = kind_of(text[start:upto].rstrip(".-"))
            if kind is not None:
                yield Span(start, upto, kind)


def _name_start(text: str, at: int) -> int:
    r"""Give where a name begins; the `n` of an escaped `\n` is no part of it."""
    least = max(at - _LONGEST_NAME, 0)
    at = least + len(text[least:at].rstrip(_IN_NAMES))
    while at > least and (text[at - 1].isalnum() or text[at - 1] in "_.-"):
        at -= 1
    return at + 1 if text[at - 1 : at] == "\\" and text[at] in "nrt" else at


class _Place:
    """Where a value stands: which signs end it, and how sure it is that it is one."""

    def __init__(self, text: str, *, name: str, start: int, after: re.Match[str]) -> None:
        self.text = text
        self.at = after.end()
        self.sign = after["sign"]
        self.paired = any(after[group] is not None for group in ("pair", "flag", "sql"))
        self.schemed = False
        self.tagged = after["tag"] is not None
        self.joined = self.sign == "=" and text[self.at - 1] == "="
        self.variable = self.joined and name.isupper()
        self.flag = name.startswith("-")
        before = text[start - 1 : start]
        self.header = before != "/" and _HEADER.match(name.lower()) is not None
        self.opened = before in {'"', "'", "`"} and not after["shut"]
        self.first = self._is_first(start)

    def _is_first(self, start: int) -> bool:
        least = max(start - 200, 0)
        line = self.text.rfind("\n", least, start) + 1
        if line == 0 and least > 0:
            return False
        return _LEAD.match(self.text, line, start) is not None

    def read(self, kind: str) -> Span | None:
        quote = self.text[self.at : self.at + 1]
        if quote in {"{", "["}:
            return None
        if quote in {'"', "'"}:
            return self._quoted(kind, quote=quote)
        heads = self.sign == ":" and (self.first or self.opened)
        if heads and (block := _BLOCK.match(self.text, self.at)):
            return self._block(kind, start=block.end())
        if self.sign == ":" and self.text[self.at - 1] == ":" and not self.header:
            return None
        return self._bare(kind)

    def _quoted(self, kind: str, *, quote: str) -> Span | None:
        pattern = _DOUBLE if quote == '"' else _SINGLE
        found = pattern.match(self.text, self.at, self.at + _LONGEST_VALUE)
        if found is None:
            return None
        return self._judged(kind, found.start(1), found.end(1), quoted=True)

    def _bare(self, kind: str) -> Span | None:
        start = self.at
        if kind == "authorization" and (scheme := _SCHEME.match(self.text, start)):
            start, self.schemed = scheme.end(), True
        pattern = self._pattern(kind)
        found = pattern.match(self.text, start, start + _LONGEST_BARE)
        if found is None:
            return None
        end = found.end()
        if pattern is _LINE:
            end = start + len(self.text[start:end].partition(" #")[0].rstrip())
        return self._judged(kind, start, end, quoted=False)

    def _pattern(self, kind: str) -> re.Pattern[str]:
        if self.tagged:
            return _TEXT
        if kind == "cookie" or (kind == "password" and self.first and self.sign == ":"):
            return _LINE
        if self.first or self.opened or self.flag or self.paired:
            return _WORD
        return _BARE

    def _judged(self, kind: str, start: int, end: int, *, quoted: bool) -> Span | None:
        value = self.text[start:end]
        if kind == "authorization":
            if scheme := _SCHEME.match(value):
                start += scheme.end()
                value = self.text[start:end]
            elif not self.schemed and (" " in value or not any(c.isdigit() for c in value)):
                return None
        sure = quoted or self.first or self.paired or self.tagged or self.sign == "="
        sure = sure or self.schemed or self.header or self.opened
        if kind == NAMED and not sure:
            return None
        untyped = self.variable or self.paired or (self.joined and kind == "password")
        text_only = quoted or (untyped and len(value) >= _SHORTEST_DIGITS)
        if not is_secret(value, kind=kind, quoted=text_only, sure=sure):
            return None
        return Span(start, end, "secret" if kind == NAMED else kind)

    def _block(self, kind: str, *, start: int) -> Span | None:
        """Read a YAML block scalar: the lines that are indented deeper than its name."""
        return block_scalar(self.text, start, kind=kind)


def block_scalar(text: str, start: int, *, kind: str) -> Span | None:
    """Give the lines of a YAML block scalar whose first line starts at `start`."""
    indent = len(text[start : start + 200]) - len(text[start : start + 200].lstrip(" "))
    if indent == 0:
        return None
    end = start
    while text.startswith(" " * indent, end):
        line_end = text.find("\n", end)
        end = len(text) if line_end < 0 else line_end + 1
        if end - start > _LONGEST_VALUE:
            break
    end = start + len(text[start:end].rstrip())
    value = text[start + indent : end]
    if not is_secret(value, kind=kind, quoted=True, sure=True):
        return None
    return Span(start + indent, end, "secret" if kind == NAMED else kind)

"""A reader of almost-JSON: one object, with the slips that models make and no doubt about meaning.

Each slip that it accepts has one reading, so that nothing is guessed: a text that was not closed,
an unknown escape or a bare word are refused. Pieces are copied as they were written, so that no
value changes. `json-repair` was tried: it closes whatever is open, and half a command would run.
"""

import json
import re
from dataclasses import dataclass, field

CUT_OFF = "the call was cut off"
_DEEPEST = 100
"""Levels of brackets. Tool arguments have at most ten; Python's own stack ends at a thousand."""
_SHOWN = 20
"""Characters quoted of what was not expected."""

_SPACE = re.compile(r"[\s\ufeff]*")
_LINE_COMMENT = re.compile(r"(?://|#)[^\n]*")
_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRING = {
    '"': re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL),
    "'": re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL),
}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])", re.ASCII)
_NUMBER_BEGUN = re.compile(r"-?[\d.eE+-]*", re.ASCII)
_WORD = re.compile(r"[A-Za-z_$][\w$]*(?:-[\w$]+)*", re.ASCII)
_LITERALS = {
    "true": "true",
    "false": "false",
    "null": "null",
    "True": "true",
    "False": "false",
    "None": "null",
}
_PIECE = re.compile(r'\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.|["\x00-\x1f]', re.DOTALL)
"""What cannot simply be copied from a text in whatever quotes into JSON's."""
_ESCAPES = frozenset('"\\/bfnrt')
_UNICODE_ESCAPE = len("\\u0000")


class UnreadableError(ValueError):
    """A text that has no single reading as an object; its message says why."""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """A text, how far it is read, and what was wrong with it."""

    text: str
    at: int = 0
    depth: int = 0
    wrong: dict[str, None] = field(default_factory=dict[str, None])

    @property
    def next(self) -> str:
        """The next character, or nothing at the end."""
        return self.text[self.at : self.at + 1]

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Read what a pattern finds here."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def note(self, slip: str) -> None:
        """Keep what was wrong, once."""
        self.wrong[slip] = None

    def refuse(self) -> UnreadableError:
        """Say where the text has no reading."""
        if not self.next:
            return UnreadableError(CUT_OFF)
        shown = self.text[self.at : self.at + _SHOWN]
        return UnreadableError(f"`{shown}` at character {self.at + 1} was not expected")


def read_object(text: str) -> tuple[str, tuple[str, ...]]:
    """Read one object.

    Returns:
        The object as JSON text, and what was wrong, in clauses.

    Raises:
        UnreadableError: The text has no single reading as one object.

    >>> read_object("{'replicas': 2,}")
    ('{"replicas": 2}', ('single quotes were used', 'a comma was left over'))
    """
    reading = _Reading(text=text)
    _skip(reading)
    if reading.next != "{":
        raise reading.refuse()
    found = _value(reading)
    _skip(reading)
    while reading.next and reading.next in "}],;":
        reading.note("a closing mark was left over")
        reading.at += 1
        _skip(reading)
    if reading.next:
        raise reading.refuse()
    return found, tuple(reading.wrong)


def read_text(text: str) -> str:
    """Read a whole text as one quoted string, and return it as JSON.

    Raises:
        UnreadableError: It is not one string.
    """
    reading = _Reading(text=text.strip())
    found = _string(reading)
    if reading.next:
        raise reading.refuse()
    return found


def _skip(reading: _Reading) -> None:
    """Pass over space and comments."""
    while True:
        reading.match(_SPACE)
        if reading.match(_BLOCK_COMMENT) is not None:
            reading.note("it held a comment")
        elif reading.match(_LINE_COMMENT) is not None:
            reading.note("it held a comment")
            if not reading.next and reading.depth:
                # In a text without line breaks the comment may have swallowed the rest.
                raise UnreadableError("a comment runs to its end")
        elif reading.text.startswith("/*", reading.at):
            raise UnreadableError(CUT_OFF)
        else:
            return


def _value(reading: _Reading) -> str:
    _skip(reading)
    match reading.next:
        case "{" | "[" as bracket:
            if reading.depth >= _DEEPEST:
                raise UnreadableError(f"it is nested deeper than {_DEEPEST} levels")
            reading.at += 1
            reading.depth += 1
            found = _members(reading) if bracket == "{" else _items(reading)
            reading.depth -= 1
            return found
        case '"' | "'":
            return _string(reading)
        case _:
            return _scalar(reading)


def _scalar(reading: _Reading) -> str:
    start = reading.at
    number = reading.match(_NUMBER)
    if number is not None:
        if not reading.next:
            raise UnreadableError(CUT_OFF)  # `1` may be the beginning of `10`
        return number
    word = reading.match(_WORD) or ""
    literal = _LITERALS.get(word)
    if literal is None:
        at_end = not reading.next and any(known.startswith(word) for known in _LITERALS)
        reading.at = start
        reading.match(_NUMBER_BEGUN)
        if at_end or not reading.next:
            raise UnreadableError(CUT_OFF)
        reading.at = start
        raise reading.refuse()
    if literal != word:
        reading.note("Python's words stood for JSON's")
    return literal


def _members(reading: _Reading) -> str:
    members: list[str] = []
    keys: set[str] = set()
    while not _closed(reading, "}", after_comma=bool(members)):
        key = _key(reading)
        plain = json.loads(key)
        if plain in keys:
            raise UnreadableError(f"`{plain[:_SHOWN]}` stands in it twice")
        keys.add(plain)
        _skip(reading)
        if reading.next != ":":
            raise reading.refuse()
        reading.at += 1
        members.append(f"{key}: {_value(reading)}")
        if not _goes_on(reading, "}"):
            break
    return "{" + ", ".join(members) + "}"


def _items(reading: _Reading) -> str:
    items: list[str] = []
    while not _closed(reading, "]", after_comma=bool(items)):
        items.append(_value(reading))
        if not _goes_on(reading, "]"):
            break
    return "[" + ", ".join(items) + "]"


def _closed(reading: _Reading, closing: str, *, after_comma: bool) -> bool:
    _skip(reading)
    if reading.next != closing:
        return False
    if after_comma:
        reading.note("a comma was left over")
    reading.at += 1
    return True


def _goes_on(reading: _Reading, closing: str) -> bool:
    """Read what follows a member: a comma, or an end.

    Where the text ends with something open, more may have followed: a name that would have told
    one object from all. A mark that closes something further out shows that the text goes to its
    end, and that the inner one was forgotten.
    """
    _skip(reading)
    if reading.next == ",":
        reading.at += 1
        return True
    if reading.next == closing:
        reading.at += 1
        return False
    forgotten = reading.next in {"}", "]"} and reading.depth > 1
    if not forgotten:
        raise reading.refuse()
    reading.note("a closing brace was missing" if closing == "}" else "a bracket was missing")
    return False


def _key(reading: _Reading) -> str:
    if reading.next and reading.next in _STRING:
        return _string(reading)
    word = reading.match(_WORD)
    if word is None or not reading.next:
        raise reading.refuse()
    reading.note("a key had no quotes")
    return f'"{word}"'


def _string(reading: _Reading) -> str:
    quote = reading.next
    pattern = _STRING.get(quote)
    if pattern is None:
        raise reading.refuse()
    raw = reading.match(pattern)
    if raw is None:
        raise UnreadableError(CUT_OFF)
    if quote == "'":
        reading.note("single quotes were used")
    return f'"{_PIECE.sub(lambda piece: _copied(piece[0], reading), raw[1:-1])}"'


def _copied(piece: str, reading: _Reading) -> str:
    """Write one escape, quote or control character as JSON writes it."""
    if piece == '"':
        return '\\"'
    if piece[0] != "\\":
        reading.note("a line break or tab was not escaped")
        return json.dumps(piece)[1:-1]
    if piece[1] in _ESCAPES or (piece[1] == "u" and len(piece) == _UNICODE_ESCAPE):
        return piece
    reading.note("an escape was not JSON's")
    if piece == "\\'":
        return "'"
    if piece[1] == "x" and len(piece) > len("\\x"):
        return f"\\u00{piece[2:]}"
    # `\$` is `$` to some languages and `\$` to others.
    raise UnreadableError(f"the escape `{piece}` has more than one reading")

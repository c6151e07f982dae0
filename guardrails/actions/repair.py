"""Arguments of a tool call that are no JSON object, read where there is only one way to read them.

A call that was cut off is never mended, not even between two arguments: half a command would run,
or a deletion without the name that it was to be of. The model writes it again, which costs a turn.
"""

import re
from dataclasses import dataclass

import msgspec

from guardrails.actions.tolerant import UnreadableError, read_object, read_text

_FENCE_BEFORE = re.compile(r"\s*```[\w+-]*[ \t]*(?=[\n{])")
_FENCE_AFTER = re.compile(r"\n?[ \t]*```\s*$")
_MOST_WRAPPED = 3
"""Texts within texts: some gateways encode once more what is encoded already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """Arguments as a JSON object."""

    text: str
    """JSON text; the very text that was given if that was an object."""
    wrong: str = ""
    """What was wrong, in clauses; empty if nothing was."""


def repaired_arguments(text: str) -> Repaired | None:
    """Read a call's arguments as a JSON object, with every complete key and value unchanged.

    Args:
        text: The arguments as the model wrote them.

    Returns:
        The object, or None where the text has no single reading; `unreadable_because` says why.

    >>> repaired_arguments('{"pod": "web-1",}')
    Repaired(text='{"pod": "web-1"}', wrong='a comma was left over')
    >>> repaired_arguments('{"kind": "pod"') is None
    True
    """
    try:
        return _read(text, wrapped=0)
    except UnreadableError:
        return None


def unreadable_because(text: str) -> str:
    """Say why arguments cannot be read as a JSON object; empty if they can.

    >>> unreadable_because('{"command": "kubectl delete pod web')
    'the call was cut off'
    """
    try:
        _read(text, wrapped=0)
    except UnreadableError as error:
        return str(error)
    return ""


def _read(text: str, *, wrapped: int) -> Repaired:
    if not text.strip() or text.strip() in {"null", "None"}:
        return Repaired(text="{}", wrong="there were no arguments")
    value = _decoded(text)
    if isinstance(value, dict):
        return Repaired(text=text)
    if isinstance(value, str):
        return _unwrapped(value, wrapped=wrapped)
    if isinstance(value, list):
        raise UnreadableError("it is a list and not an object")
    if value is not None:
        raise UnreadableError("it is a single value and not an object")
    inner = _FENCE_AFTER.sub("", _FENCE_BEFORE.sub("", text, count=1))
    fenced = ("a code fence stood around it",) if inner != text else ()
    if inner.lstrip()[:1] in {"'", '"'}:
        lexeme = read_text(inner)
        return _unwrapped(msgspec.json.decode(lexeme, type=str), wrapped=wrapped)
    found, wrong = read_object(inner)
    if not isinstance(_decoded(found), dict):
        raise UnreadableError("it holds something that JSON does not know")
    return Repaired(text=found, wrong=", and ".join((*fenced, *wrong)))


def _unwrapped(text: str, *, wrapped: int) -> Repaired:
    """Read an object that was encoded as a text once more."""
    if wrapped >= _MOST_WRAPPED or not text.lstrip().startswith(("{", '"', "'", "```")):
        raise UnreadableError("it is a text and not an object")
    found = _read(text, wrapped=wrapped + 1)
    clauses = ("the object was written as a text", found.wrong)
    return Repaired(text=found.text, wrong=", and ".join(filter(None, clauses)))


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None

"""Small readings of words that several detectors share: names in a text, and what is said of them.

All of it looks at a final report, a task or a message: rare events, so a search may cost something.
"""

import re
from collections.abc import Iterator
from typing import Final

from guardrails.actions.sentences import holds_any, read

NAME: Final = r"[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?"
"""A name of an object as tools write it, with a kind or a namespace before it perhaps."""

CORE: Final = 1_200
"""Characters of a report taken for its conclusion; what follows lists evidence and next steps."""

_SENTENCE = re.compile(r"[^.!?;\n]+(?:[.!?;](?=\S)[^.!?;\n]+)*")
_ITEM = re.compile(r"[\"'\[](?:(?<=\[)\s*[\"']|(?<!\[)\s*(?:,\s*[\"']|\]))")
"""Where one text of a JSON list begins, ends, or both: reports are often structured. The first
letter stands alone, so that a search need not try every place."""
_CAUSE = re.compile(r"\broot[ _-]*causes?\b|\bdiagnosis\b|\bconclusion\b", re.IGNORECASE)
_PLAIN = re.compile(r"[^a-z0-9]")
_CONTAINER = re.compile(r"\bcontainers?\b[^\n,]{0,20}$", re.IGNORECASE)
_NEAR = 32
"""Characters before a name in which it is called a container's."""
_FIELDS = 160
"""Characters around the name of a container in JSON that hold its image too."""
_TOKEN = re.compile(r"[a-z0-9-]*")
_GENERATED = re.compile(r"[a-z0-9]*\d[a-z0-9]*|[bcdfghjklmnpqrstvwxz]{5,10}")
"""What controllers append to a workload's name: Kubernetes picks its letters without vowels."""


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text; a dot within a word ends none."""
    for item in _ITEM.split(text):
        for found in _SENTENCE.finditer(item):
            yield found[0].strip()


def sentences_with(cues: tuple[str, ...], text: str) -> Iterator[str]:
    """Yield those of a text's sentences that hold any of the letters.

    No sentence goes beyond its line, so that only lines which hold them are split.

    Args:
        cues: The letters, in lower case.
        text: The text.

    >>> list(sentences_with(("disk",), "The pod waits. Its Disk is full. Why?"))
    ['Its Disk is full']
    """
    lowered = read(text).lowered
    present = [cue for cue in cues if cue in lowered]
    for item in _ITEM.split(text) if present else ():
        if not holds_any(present, item.lower()):
            continue
        for line in item.split("\n"):
            if not holds_any(present, line.lower()):
                continue
            for found in _SENTENCE.finditer(line):
                if holds_any(present, found[0].lower()):
                    yield found[0].strip()


def conclusion(text: str) -> str:
    r"""Return the part of a report that says what is wrong.

    The line in which the cause is announced, else how the report begins.

    >>> conclusion("Looked at pods.\nRoot cause: checkout has no memory.\nEvidence: …")
    'Root cause: checkout has no memory.'
    """
    found = _CAUSE.search(text)
    if found is None:
        return text[:CORE]
    begins = text.rfind("\n", 0, found.start()) + 1
    ends = text.find("\n", found.end() + 2)  # a heading's text may stand in the next line
    return text[begins : len(text) if ends < 0 else ends][:CORE]


def names(text: str, name: str) -> bool:
    """Tell whether a text speaks of an object: by its name, or by a pod that belongs to it.

    >>> names("pods: cart-7d4b9c-x2x", "cart"), names("pods: cart-redis-0", "cart")
    (True, False)
    """
    return any(True for _ in _places(text, name))


def shows(text: str, name: str) -> bool:
    """Tell whether a result shows an object of this name, or somebody who depends on it.

    What a container is called inside its pod is a name that nothing outside uses, and neither is
    a folder's.

    >>> shows("Created container web", "web"), shows("upstream http://web:8080", "web")
    (False, True)
    """
    return any(
        not (_of_container(text, *place) or _of_path(text, *place)) for place in _places(text, name)
    )


def _places(text: str, name: str) -> Iterator[tuple[int, int]]:
    if name not in text:  # most texts, and far cheaper than the rest
        return
    for found in re.finditer(rf"(?<![\w.-]){re.escape(name)}(?!\w)", text):
        tail = _TOKEN.match(text, found.end())
        rest = (tail[0] if tail else "").rstrip("-")
        if not rest or all(_GENERATED.fullmatch(part) for part in rest.split("-")[1:]):
            yield found.span()


def _of_path(text: str, begins: int, ends: int) -> bool:
    """Tell whether a name is a folder's; `http://web/` and `service/web` are none."""
    return text[begins - 1 : begins] == "/" != text[begins - 2 : begins - 1] and (
        text[ends : ends + 1] == "/"
    )


def _of_container(text: str, begins: int, ends: int) -> bool:
    """Tell whether a name is a container's: by the word before it, its heading, or its image."""
    if _CONTAINER.search(text, max(0, begins - _NEAR), begins) is not None:
        return True
    if text[begins - 2 : begins] == "  " and text[ends : ends + 2] == ":\n":
        return True  # the heading of a container in what `kubectl describe` prints
    around = text[max(0, begins - _FIELDS) : ends + _FIELDS]
    return text[begins - 1 : begins] == '"' and '"image' in around


def letters(text: str) -> str:
    """Return the letters and digits of a text, lower case, without anything between them."""
    return _PLAIN.sub("", text.lower())

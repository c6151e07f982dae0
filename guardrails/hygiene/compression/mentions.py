"""Names and values of a text that its shorter form does not show: a line of them costs little.

Compression keeps lines that say what is wrong. A diagnosis may need a name from a line that says
nothing wrong: the address that a client was given, the file that a flag points at.
"""

import re
from collections.abc import Iterator
from typing import Final

SHARE: Final = 0.25
"""Part of the limit that the line may take."""

LONGEST: Final = 60
"""Characters of a name or value; what is longer is rather a blob."""

_TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@-]{2,60}[A-Za-z0-9]")
_ADDRESS = re.compile(r"^[A-Za-z][\w.-]*:\d{2,5}$|^(?!\d)[\w./-]+\.\w{1,4}:\d+$")
"""`mongodb-rate:27017`, `cmd/geo/db.go:26`."""
_NAME = re.compile(r"^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+$|^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
"""`mongodb-tls`, `url_shorten_client`, `JAEGER_SAMPLE_RATIO`."""
_PATH = re.compile(r"^/?[\w.-]+(?:/[\w.-]+)+(?::[\w.-]+)?$")
"""`etc/tls/ca.pem`, `registry/app:1.4`."""
_WORD = re.compile(
    r"^[A-Z][a-z]+(?:[A-Z][a-zA-Z]+)+$|^[a-z]+(?:\.[a-z]+)+$|^main\.\w+$|^\d{1,3}(?:\.\d{1,3}){3}$"
)
"""`PersistentVolumeClaim`, `mongod.conf`, `10.96.210.47`."""
_PLAIN = re.compile(
    r"^\d[\d:T/Z+-]*$|^[0-9a-f]{7,}$|[0-9a-f]{8}-[0-9a-f]{4}|^v\d"
    r"|^(?:[\w-]+\.)+(?:io|com|org|dev|net)/"
)
"""Times, hashes, versions, label keys."""
_RANKS = (_ADDRESS, _NAME, _PATH, _WORD)


def mentions_left_out(text: str, shown: str, *, room: int) -> str:
    """Return names and values of a text that a shorter one lacks, as a comma list.

    Args:
        text: The whole.
        shown: What is left of it.
        room: Most characters of the list.

    >>> mentions_left_out("dial mongodb-rate:27017 ok", "dial ok", room=80)
    'mongodb-rate:27017'
    """
    found: list[str] = []
    used = 0
    for token in _ranked(text):
        if token in shown:
            continue
        used += len(token) + 2
        if used > room:
            break
        found.append(token)
    return ", ".join(found)


def _ranked(text: str) -> Iterator[str]:
    """Yield telling tokens, each once: addresses, names, paths, and words of the trade."""
    ranked: tuple[list[str], ...] = tuple([] for _ in _RANKS)
    for token in dict.fromkeys(_TOKEN.findall(text)):
        if _PLAIN.search(token):
            continue
        rank = next((at for at, form in enumerate(_RANKS) if form.match(token)), None)
        if rank is not None:
            ranked[rank].append(token)
    yield from (token for tokens in ranked for token in tokens)

"""Names and values in a text that a diagnosis may turn on, whatever its lines say.

Compression keeps lines that say what is wrong. A diagnosis may need a name from a line that says
nothing wrong: the address that a client was given, the file that a flag points at.
"""

import re
from typing import Final

LONGEST: Final = 72
"""Characters of a name or value; what is longer is rather a blob."""

ALSO: Final = "\n[also named: "
"""Begins the line that tells names which a shorter form does not show."""

_TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@-]{2,72}[A-Za-z0-9]")
_PART = re.compile(r"[/:@]+")
_ADDRESS = re.compile(
    r"^[A-Za-z][\w.-]*:\d{2,5}$|^\w{2,10}://[\w.-]+(?::\d+)?[\w./-]*$|^(?!\d)[\w./-]+\.\w{1,4}:\d+$"
)
"""`mongodb-rate:27017`, `http://10.96.49.230:8080/compose`, `cmd/geo/db.go:26`."""
_NAME = re.compile(r"^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+$|^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
"""`mongodb-tls`, `url_shorten_client`, `JAEGER_SAMPLE_RATIO`."""
_PATH = re.compile(r"^/?[\w.-]+(?:/[\w.-]+)+(?::[\w.-]+)?$")
"""`etc/tls/ca.pem`, `registry/app:1.4`."""
_WORD = re.compile(
    r"^[A-Z][a-z]+(?:[A-Z][a-zA-Z]+)+$|^[a-z]\w*(?:\.[A-Za-z]\w*)+$|^\d{1,3}(?:\.\d{1,3}){3}$"
)
"""`PersistentVolumeClaim`, `mongod.conf`, `main.connect`, `10.96.210.47`."""
_PLAIN = re.compile(
    r"^\d[\d:T/Z+-]*$|^[0-9a-f]{7,}$|[0-9a-f]{8}-[0-9a-f]{4}|^v\d"
    r"|^(?:[\w-]+\.)+(?:io|com|org|dev|net)/|^kube-api-access-|-template-hash$"
    r"|(?:^|/)(?:vendor|site-packages|node_modules|usr/local/go)/"
)
"""Times, hashes, versions, label keys, what every pod has, and frames of libraries."""
_RANKS = (_ADDRESS, _NAME, _PATH, _WORD)


def names_in(text: str) -> tuple[str, ...]:
    """Return telling words, each once: addresses, names, paths, and words of the trade.

    >>> names_in("dial mongodb-rate:27017 at 10:01:07 by PodScheduler")
    ('mongodb-rate:27017', 'PodScheduler')
    """
    ranked: tuple[list[str], ...] = tuple([] for _ in _RANKS)
    for token in dict.fromkeys(_TOKEN.findall(text)):
        if len(token) > LONGEST or _PLAIN.search(token):
            continue
        rank = next((at for at, form in enumerate(_RANKS) if form.match(token)), None)
        if rank is not None:
            ranked[rank].append(token)
    return tuple(token for tokens in ranked for token in tokens)


def words_in(text: str) -> frozenset[str]:
    """Return every word that a text shows and that may be a name, and the parts of such words.

    Plain words are none: any text has them, and they are most of it.

    >>> sorted(words_in("pod shop/web-1 runs"))
    ['shop', 'shop/web-1', 'web-1']
    """
    found = {token for token in set(_TOKEN.findall(text)) if not _is_plain(token)}
    parts = [part for token in found if "/" in token or ":" in token for part in _PART.split(token)]
    return frozenset(found.union(parts))


def _is_plain(token: str) -> bool:
    return token.isalpha() and (token.islower() or token.istitle())

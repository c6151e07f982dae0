"""How a cause is said to have worked: retries, a pool, DNS, a rotation. Each leaves words behind.

A mechanism shows in logs, settings, events or metrics under its own name. When a conclusion rests
on one of which no tool said a word, no step could have told whether it is so.
"""

from collections.abc import Iterable
from typing import Final

from guardrails.actions.sentences import Cued, Sentences

_MECHANISMS: Final = {
    "retries": (r"retr(?:y|ies|ied|ying)", ("retr",)),
    "backoff": (r"back-?off", ("backoff", "back-off")),
    "a pool": (r"pool(?:s|ed|ing)?", ("pool",)),
    "timeouts": (r"time-?outs?|timed\s+out|deadline", ("time", "deadline")),
    "name resolution": (r"dns|(?:name|host)\s+resol\w+|resolver", ("dns", "resol")),
    "discovery": (r"discovery", ("discovery",)),
    "rate limits": (r"rate[\s-]?limit\w*|throttl\w+", ("limit", "throttl")),
    "a deadlock": (r"deadlock\w*", ("deadlock",)),
    "a leak": (r"leak\w*", ("leak",)),
    "a race": (r"race\s+condition\w*|racing", ("race", "racing")),
    "a rotation": (r"rotat\w+", ("rotat",)),
    "a firewall or policy": (r"network\s?polic\w+|firewall\w*", ("polic", "firewall")),
    "memory": (r"oom\w*|out\s+of\s+memory", ("oom", "memory")),
    "a cache": (r"cach(?:e|es|ed|ing)", ("cach",)),
    "packet loss": (r"packet\s?loss|packets?\s+(?:are\s+|were\s+)?(?:lost|dropped)", ("packet",)),
    "a partition": (r"network\s+partition\w*", ("partition",)),
    "a hard-coded value": (r"hard-?coded", ("coded",)),
    "a stale value": (r"stale", ("stale",)),
}
"""Mechanisms of causes in post-mortems and in SRE runs, the words by which they go, and the letters
of which some are in such words."""

_WORDS: Final = {
    name: Cued(rf"\b(?:{words})\b", cues) for name, (words, cues) in _MECHANISMS.items()
}


def unshown_mechanisms(cause: Sentences, shown: Iterable[Sentences]) -> tuple[str, ...]:
    """Return the mechanisms that a cause rests on and that nothing shown speaks of.

    Args:
        cause: The words that state the cause.
        shown: What tools returned.

    >>> from guardrails.actions.sentences import read
    >>> shown = (read("GET / 503"), read("pool size 4"))
    >>> unshown_mechanisms(read("its client gives up without retries"), shown)
    ('retries',)
    >>> unshown_mechanisms(read("the pool is exhausted"), shown)
    ()
    """
    named = [name for name, words in _WORDS.items() if words.finds(cause)]
    texts = tuple(shown) if named else ()
    return tuple([name for name in named if not any(map(_WORDS[name].finds, texts))])

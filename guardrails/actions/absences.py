"""What a conclusion takes from things that are not there, and what it denies.

That something is missing is easily said and hard to know: a manifest without a variable does not
show that the program needs one, and a name that is not found may be the wrong name.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from guardrails.actions.conclusions import Conclusion, names_in
from guardrails.actions.sentences import Cued, Sentences

_A_SETTING = (
    r"(?:env(?:ironment)?(?:[ -]?var(?:iable)?s?)?|envs|credentials?|connection[ -]?(?:strings?"
    r"|info\w*|config\w*|env\w*|settings?)|config(?:uration)?s?|settings?|secrets?|configmaps?"
    r"|ur[il]s?|host/port)"
)
_GAP = r"(?:[ ()/*`'\"]+[\w/()*.-]+)"
"""A word of the same clause: a comma ends it."""
_NO_SETTING = Cued(
    r"\b(?:no|without|lacks?|lacked|lacking|missing|absent|absence\s+of|omitted"
    r"|not\s+(?:set|configured|provided|contain\w*|includ\w*|inject\w*)"
    rf"|does\s+not\s+(?:contain|include|set|define)){_GAP}{{0,6}}?[ ()/*`'\"]+{_A_SETTING}\b"
    rf"|\b{_A_SETTING}{_GAP}{{0,5}}?\s+(?:(?:is|are|was|were|being)\s+)?(?:missing|absent|omitted"
    r"|not\s+(?:set|present|configured|provided|injected|found))\b",
    ("env", "credential", "connection", "config", "setting", "secret", "url", "uri", "host/port"),
    ("no", "without", "lack", "missing", "absen", "omitted"),
)
_MANIFEST = re.compile(
    r"\benv(?:ironment)?\b|\benvs\b|\bmanifests?\b|\b(?:pod|deployment)\s+(?:spec|template)"
    r"|\bmount(?:s|ed)?\b|\btemplate\b|\byaml\b",
    re.IGNORECASE,
)
_MANIFEST_CUES = ("env", "manifest", "spec", "template", "mount", "yaml")
_DEMANDED = Cued(
    r"\b(?:env(?:ironment)?[ -]?var\w*|config(?:uration)?|setting|[A-Z]{3,}_[A-Z_]+)\b"
    r"[\W_]+(?:\w+\W+){0,4}?(?:not\s+set|is\s+missing|required|undefined|must\s+be\s+set|is\s+empty)"
    r"|\bmissing\s+(?:required\s+)?(?:env|config|setting)",
    ("required", "undefined", "missing", *(f"{space}set" for space in " \t\n"), " empty"),
    ("env", "config", "setting", "_"),
    flags=re.NOFLAG,
)
_GONE = Cued(
    r"\b(?:missing|absent|absence|(?:does|do|did)\s+not\s+exist|non-?existent|not\s+found|removed"
    r"|deleted|renamed|never\s+created|unregistered|not\s+registered)\b",
    (
        *("missing", "absen", "exist", "found", "removed", "deleted", "renamed", "created"),
        "registered",
    ),
)
_NO_ADDRESS = Cued(
    r"\b(?:no|without|lack(?:s|ed|ing)?|missing)\b(?:[\s/()]+[\w/-]+){0,4}?[\s/(]*"
    r"(?:ur[il]s?|host(?:/port|name)?s?|address(?:es)?|endpoint|connection[ -]?"
    r"(?:string|info\w*|config\w*))\b",
    ("url", "uri", "host", "address", "endpoint", "connection"),
    begins=("no", "without", "lack", "missing"),
)
_ADDRESS_READ = Cued(
    r"\b(?:read|reads|using|connecting\s+to|dial(?:ing)?|resolved)\b[^\n\"']{0,40}?"
    r"\b(?:ur[il]|address|addr|host|endpoint|dsn|connection\s+string)\b[^\n\"']{0,12}?[:=]?\s*"
    r"[\"'`]?(?P<address>[a-z0-9][\w.-]*:\d{2,5})\b",
    begins=("read", "using", "connecting", "dial", "resolved"),
)
_PORT = re.compile(r":\d{2,5}\b")
"""How an address that was read ends: few texts have one, and it costs little to see."""
_NO_ERROR_TRACES = Cued(
    r"\bno\s+(?:\w+\s+)?(?:error(?:ed|ful)?|failed|failing)\s+(?:traces?|spans?)\b",
    ("trace", "span"),
    ("error", "fail"),
    begins=("no",),
)
_ERROR_TRACE = Cued(
    r"\"?(?:has_)?error\"?\s*[:=]\s*\"?true\b|status_?code\"?\s*[:=]\s*\"?(?:error|5\d\d)\b",
    ("error", "status"),
    ("true", "code"),
)


@lru_cache(maxsize=2)
def setting_as_cause(said: Conclusion) -> tuple[str, ...]:
    """Return the sentences that blame a setting which a manifest does not hold; none, if none do.

    One sentence states the cause, and another, or the same, rests it on what a manifest lacks. Two
    judges ask this of every conclusion, one after the other, so that the answer is kept.

    >>> from guardrails.actions.conclusions import read_conclusion
    >>> text = "Root cause: missing credentials. The pod spec has no env vars for them."
    >>> len(setting_as_cause(read_conclusion(text)))
    2
    """
    cause = next(said.causes.that(_NO_SETTING), None)
    if cause is None:
        return ()
    of_manifests = said.sentences.that(_NO_SETTING, _MANIFEST_CUES)
    rest = next((one for one in of_manifests if _MANIFEST.search(one)), None)
    return () if rest is None else tuple(dict.fromkeys((cause, rest)))


def demanded(shown: Iterable[Sentences]) -> bool:
    """Tell whether a program itself says that a setting is missing: then it is."""
    return any(_DEMANDED.search(one) for one in shown)


def said_gone(said: Conclusion) -> Iterator[tuple[str, str]]:
    """Yield the names that the cause calls missing, each with its sentence."""
    for sentence in said.causes.that(_GONE):
        for name in names_in(sentence):
            yield name, sentence


def denied_address(said: Conclusion) -> tuple[str, str] | None:
    """Return what denies that an address was configured, and the address read, quoted beside."""
    if _PORT.search(said.text) is None:
        return None
    denial = next(said.causes.that(_NO_ADDRESS), None)
    if denial is None:
        return None
    read = _ADDRESS_READ.search(said.sentences)
    return None if read is None else (denial, read[0])


def denied_errors(said: Conclusion, shown: Iterable[Sentences]) -> tuple[str, str] | None:
    """Return the words that deny traces with errors, and such a trace, if one was shown."""
    denial = next(said.sentences.that(_NO_ERROR_TRACES), None)
    if denial is None:
        return None
    for result in shown:
        if (trace := _ERROR_TRACE.search(result)) is not None:
            return denial, result.text[max(0, trace.start() - 120) : trace.end() + 120]
    return None

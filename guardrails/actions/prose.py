"""The objects that a text names, and which of them it calls the root cause.

Agents write `kind/name`, `Kind name` and quoted names beside a kind. What a sentence, or the list
under a heading, says of root causes marks the names that follow; words of suffering end it. Nothing
is believed: the gate looks every name up.
"""

import re
from collections.abc import Iterator

import msgspec

from guardrails.actions.kinds import kind_of
from guardrails.actions.resourceids import NAME, is_kind, read_resource_id
from guardrails.actions.tables import tokens
from guardrails.core.claims import NamedEntity

LONGEST_TEXT = 100_000
"""Characters searched for names; the longest final answer in the ITBench traces has 6,000."""

_KIND = (
    r"(?:deployments?|deploy|statefulsets?|sts|daemonsets?|ds|replicasets?|rs|pods?|po|services?|svc"
    r"|nodes?|namespaces?|ns|configmaps?|cm|secrets?|ingress(?:es)?|ing|jobs?|cronjobs?|cj|hpas?|pdb"
    r"|pvcs?|pv|horizontalpodautoscalers?|persistentvolumeclaims?|persistentvolumes?"
    r"|networkpolic(?:y|ies)|netpol|poddisruptionbudgets?|resourcequotas?|quota|serviceaccounts?"
    r"|endpoints|endpointslices?|virtualservices?|destinationrules?|containers?|applications?"
    r"|limitranges?|storageclass(?:es)?|rolebindings?|roles?|(?:pod|network|stress|http|io|dns|jvm)chaos)"
    r"(?:\.[a-z0-9.]*[a-z0-9])?"
)
_FLAGS = re.IGNORECASE | re.ASCII
_A_KIND = re.compile(_KIND, _FLAGS)
_QUOTE = "(?:[`'\"\u201c\u201d\u2018\u2019*]{1,3})"
_IN_NAMESPACE = (
    rf"(?:[`'\"*]*\s*[,(]?\s*(?:in|of|from)\s+(?:the\s+)?(?:namespace\s+{_QUOTE}?(?P<after>{NAME})"
    rf"|{_QUOTE}?(?P<before>{NAME}){_QUOTE}?\s+namespace))?"
)
_SLASHED = re.compile(
    rf"(?<![\w/.:-])(?P<id>(?:[a-z0-9][a-z0-9.-]*/){{1,4}}{NAME})(?![\w/]){_IN_NAMESPACE}", _FLAGS
)
_SPOKEN = re.compile(
    rf"\b(?P<kind>{_KIND})\s+(?:named\s+|called\s+)?(?P<quote>{_QUOTE})?"
    rf"(?:(?P<place>{NAME})/)?(?P<name>{NAME})(?(quote){_QUOTE})(?![\w/]){_IN_NAMESPACE}",
    _FLAGS,
)
_REVERSED = re.compile(
    rf"(?P<quote>{_QUOTE})(?:(?P<place>{NAME})/)?(?P<name>{NAME}){_QUOTE}\s+(?P<kind>{_KIND})\b"
    rf"{_IN_NAMESPACE}",
    _FLAGS,
)
_BLAME = re.compile(
    r"\broot[\s-]*causes?\b|\bcaused\s+by\b|\bculprit\b|\bfaulty\b|\bfault\s+(?:is|was|lies)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\bno|\bnot|n['\u2019]t|\bnever|\bneither|\brather\s+than|\binstead\s+of|\bruled?\s+out)"
    r"(?:\s+\w+){0,3}[\s:]+$",
    re.IGNORECASE,
)
_SUFFERS = re.compile(
    r"\b(?:affect|impact|propagat|cascad|downstream|upstream|victim|symptom|caus(?:es|ing)\b"
    r"|lead(?:s|ing)\s+to|result(?:s|ing)\s+in|so\s+that|which\s+(?:ma[kd]e|calls?)|not\s+the\b)",
    re.IGNORECASE,
)
_BARE_BLAME = re.compile(
    rf"\broot[\s-]*cause\b\W{{0,4}}\s*(?:is|was|=|:|\u2014|-)?\W{{0,3}}\s*(?:the\s+)?"
    rf"(?<![\w`])[`*]{{1,3}}(?P<name>{NAME})[`*]{{1,3}}",
    _FLAGS,
)
_HEADING = re.compile(
    r"^[\W\d]*(?P<title>[A-Za-z][A-Za-z /()-]{2,40}?)[\W]*:[\W]*$|^\s*#+\s*\W*(?P<hash>.+?)\W*$"
    r"|^\s*\*\*(?P<bold>[^*]+)\*\*\W*$"
)
_LONGEST_HEADING = 120
_BEFORE = 60
"""Characters before a word of blame that may deny it."""
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]+)*")


def entities_in_prose(text: str, *, cause: bool = False) -> Iterator[NamedEntity]:
    """Yield the objects that a text names, in its order.

    Args:
        text: At most `LONGEST_TEXT` characters of it are searched.
        cause: Whether everything in it is called the cause by what surrounds it.
    """
    section = cause
    for line in text[:LONGEST_TEXT].split("\n"):
        heading = _HEADING.match(line) if len(line) <= _LONGEST_HEADING else None
        if heading is not None:
            title = heading["title"] or heading["hash"] or heading["bold"] or ""
            section = cause or _blames(title) is not None
        for sentence in _SENTENCE.finditer(line):
            yield from _in_sentence(sentence[0], cause=section)


def _in_sentence(words: str, *, cause: bool) -> Iterator[NamedEntity]:
    found = sorted(_found(words), key=lambda pair: pair[0])
    blame = _blames(words)
    if blame is not None and not found:
        bare = _BARE_BLAME.search(words)
        if bare is not None and not is_kind(bare["name"]):
            yield NamedEntity(name=bare["name"].lower(), root_cause=True)
        return
    after = blame is not None and any(at >= blame.start() for at, _ in found)
    end = _end_of_blame(words, blame, found, after=after)
    for at, entity in found:
        blamed = blame is not None and (blame.start() <= at < end if after else True)
        inherited = cause and blame is None and at < end
        yield msgspec.structs.replace(entity, root_cause=blamed or inherited)


def _blames(words: str) -> re.Match[str] | None:
    """Find the first word of blame that is not denied by those before it."""
    return next((m for m in _BLAME.finditer(words) if not _is_denied(words, m.start())), None)


def _is_denied(words: str, at: int) -> bool:
    return _DENIED.search(words[max(0, at - _BEFORE) : at]) is not None


def _end_of_blame(
    words: str,
    blame: re.Match[str] | None,
    found: list[tuple[int, NamedEntity]],
    *,
    after: bool,
) -> int:
    """Return where the words turn from the cause to what suffers: never before the first name."""
    begins = blame.start() if blame is not None and after else 0
    first = next((at for at, _ in found if at >= begins), len(words))
    turn = _SUFFERS.search(words, first)
    return turn.start() if turn is not None else len(words)


def _found(words: str) -> Iterator[tuple[int, NamedEntity]]:
    for match in _SLASHED.finditer(words):
        entity = read_resource_id(match["id"], known_only=True)
        if entity is not None and _says_kind(match["id"], entity.kind):
            yield match.start(), _placed(entity, match)
    for pattern in (_SPOKEN, _REVERSED):
        for match in pattern.finditer(words):
            if is_kind(match["name"]) or (pattern is _SPOKEN and not _is_name(match)):
                continue
            entity = NamedEntity(
                name=match["name"].lower(),
                kind=kind_of(match["kind"]),
                namespace=(match["place"] or "").lower(),
            )
            yield match.start(), _placed(entity, match)


def _says_kind(id_: str, kind: str) -> bool:
    """Tell a name from a path: `app/config/x` is none, though kubectl knows a kind `app`."""
    parts = id_.split("/")
    return any(_A_KIND.fullmatch(part) and kind_of(part) == kind for part in parts)


def _placed(entity: NamedEntity, match: re.Match[str]) -> NamedEntity:
    """Add the namespace that the words behind a name give."""
    place = entity.namespace or match["after"] or match["before"] or ""
    return msgspec.structs.replace(entity, namespace=place.lower())


def _is_name(match: re.Match[str]) -> bool:
    """Tell a name from the next word of a sentence: `Deployment checkout`, not `pod is`."""
    name = match["name"]
    if match["quote"]:
        return True
    if any(char in name for char in "-0123456789") and name == name.lower():
        return not name.replace(".", "").isdigit()
    return (
        match["kind"][:1].isupper()
        and name == name.lower()
        and name not in _NOT_NAMES
        and len(name) > len("po")
        and not name.endswith(("ed", "ing"))
    )


_NOT_NAMES = tokens(
    "is was are were has have had with that which this from into here there then than what when"
    " where will would should could must does name names spec status template object objects"
    " resource resources account accounts selector selectors image images port ports events logs"
    " level count list now also only still after before because while been being under over both"
    " each more most restart restarts network endpoint endpoints mesh health discovery failure"
    " failures error errors crash crashes state type types called named manifest config version"
    " versions and the for not can may its but all any out was yet via per did get got our own"
    " too who why how one two off let use few new old"
)
"""Words that follow a kind in sentences."""

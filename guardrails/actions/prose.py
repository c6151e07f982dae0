"""The objects that a text names, and which of them it calls the root cause.

Agents write `kind/name`, `Kind name` and quoted names beside a kind. What a sentence, or the list
under a heading, says of root causes marks the names that follow; words of suffering end it. Nothing
is believed: the gate looks every name up.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import msgspec

from guardrails.actions.kinds import kind_of
from guardrails.actions.lettercase import ascii_lowered, folded
from guardrails.actions.resourceids import NAME, is_kind, read_resource_id
from guardrails.actions.tables import tokens
from guardrails.core.claims import NamedEntity

LONGEST_TEXT = 100_000
"""Characters searched for names; the longest final answer in the ITBench traces has 6,000."""

_KINDS = tokens(
    "deployment deployments deploy statefulset statefulsets sts daemonset daemonsets ds replicaset"
    " replicasets rs pod pods po service services svc node nodes namespace namespaces ns configmap"
    " configmaps cm secret secrets ingress ingresses ing job jobs cronjob cronjobs cj hpa hpas pdb"
    " pvc pvcs pv horizontalpodautoscaler horizontalpodautoscalers persistentvolumeclaim"
    " persistentvolumeclaims persistentvolume persistentvolumes networkpolicy networkpolicies"
    " netpol poddisruptionbudget poddisruptionbudgets resourcequota resourcequotas quota"
    " serviceaccount serviceaccounts endpoints endpointslice endpointslices virtualservice"
    " virtualservices destinationrule destinationrules container containers application"
    " applications limitrange limitranges storageclass storageclasses rolebinding rolebindings role"
    " roles podchaos networkchaos stresschaos httpchaos iochaos dnschaos jvmchaos"
)
"""Kinds that agents name in sentences."""


def _by_first_letter(words: frozenset[str]) -> str:
    """Return the pattern of some words, longer before shorter.

    The engine tries the alternatives one by one at every word of a text; one look at the first
    letter rules most of them out.
    """
    ordered = sorted(words, key=lambda word: (word[0], -len(word), word))
    groups = groupby(ordered, key=lambda word: word[0])
    return "|".join(f"{first}(?:{'|'.join(w[1:] for w in same)})" for first, same in groups)


_WORD = rf"(?:{_by_first_letter(_KINDS)})"
_KIND_WORD = re.compile(rf"\b{_WORD}\b", re.ASCII)
"""One look for these words tells where, if anywhere, the patterns for names have to be tried."""
_KIND = rf"{_WORD}(?:\.[a-z0-9.]{{0,251}}[a-z0-9])?"
"""A kind, perhaps with its group, which is a DNS name of at most 253 characters (RFC 1123). Without
that bound a text of `pod.pod.pod.` is read to its end from each of its words: a minute for 100 kB.
"""
_A_KIND = re.compile(_KIND, re.ASCII)
_MARK = "[`'\"\u201c\u201d\u2018\u2019*]"
_QUOTE = f"(?:{_MARK}{{1,3}})"
_IN_NAMESPACE = (
    rf"(?:[`'\"*]*\s*[,(]?\s*(?:in|of|from)\s+(?:the\s+)?(?:namespace\s+{_QUOTE}?(?P<after>{NAME})"
    rf"|{_QUOTE}?(?P<before>{NAME}){_QUOTE}?\s+namespace))?"
)
_SLASHED = re.compile(
    rf"(?<![\w/.:-])(?P<id>(?:[a-z0-9][a-z0-9.-]*/){{1,4}}{NAME})(?![\w/]){_IN_NAMESPACE}", re.ASCII
)
_SPOKEN = re.compile(
    rf"\b(?P<kind>{_KIND})\s+(?:named\s+|called\s+)?(?P<quote>{_QUOTE})?"
    rf"(?:(?P<place>{NAME})/)?(?P<name>{NAME})(?(quote){_QUOTE})(?![\w/]){_IN_NAMESPACE}",
    re.ASCII,
)
_REVERSED = re.compile(
    rf"(?P<quote>{_QUOTE})(?:(?P<place>{NAME})/)?(?P<name>{NAME}){_QUOTE}\s+"
    rf"(?P<kind>{_KIND})\b{_IN_NAMESPACE}",
    re.ASCII,
)
_KIND_BEHIND_MARK = re.compile(rf"{_MARK}\s+{_KIND}\b", re.ASCII)
"""This is in whatever `_REVERSED` finds; it begins with a mark, and few sentences have one.

These patterns read `ascii_lowered` text; those below read `folded` text."""
_BLAME = re.compile(
    r"\broot[\s-]*causes?\b|\bcaused\s+by\b|\bculprit\b|\bfaulty\b|\bfault\s+(?:is|was|lies)\b"
)
_BLAME_SIGNS = ("cause", "culprit", "fault")
"""One of these is in whatever `_BLAME` finds; most sentences have none."""
_DENIED = re.compile(
    r"(?:\bno|\bnot|n['\u2019]t|\bnever|\bneither|\brather\s+than|\binstead\s+of|\bruled?\s+out)"
    r"(?:\s+\w+){0,3}[\s:]+$"
)
_SUFFERS = re.compile(
    r"\b(?:affect|impact|propagat|cascad|downstream|upstream|victim|symptom|caus(?:es|ing)\b"
    r"|lead(?:s|ing)\s+to|result(?:s|ing)\s+in|so\s+that|which\s+(?:ma[kd]e|calls?)|not\s+the\b)"
)
_BARE_BLAME = re.compile(
    rf"\broot[\s-]*cause\b\W{{0,4}}\s*(?:is|was|=|:|\u2014|-)?\W{{0,3}}\s*(?:the\s+)?"
    rf"(?<![\w`])[`*]{{1,3}}(?P<name>{NAME})[`*]{{1,3}}",
    re.ASCII,
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
    text = text[:LONGEST_TEXT]
    section = cause
    for line, low in zip(text.split("\n"), ascii_lowered(text).split("\n"), strict=True):
        heading = _HEADING.match(line) if len(line) <= _LONGEST_HEADING else None
        if heading is not None:
            title = heading["title"] or heading["hash"] or heading["bold"] or ""
            section = cause or _blames(folded(title)) is not None
        for sentence in _SENTENCE.finditer(line):
            start, end = sentence.span()
            small = low[start:end]
            kinds = [kind.span() for kind in _KIND_WORD.finditer(small)]
            found = _found(line[start:end], small, kinds) if kinds else []
            if found:
                yield from _judged(line[start:end], found, cause=section)
            elif "root" in small and ("`" in small or "*" in small):
                yield from _bare(line[start:end], small)


def _judged(
    words: str, found: list[tuple[int, NamedEntity]], *, cause: bool
) -> Iterator[NamedEntity]:
    """Yield the names of a sentence, marked as the cause where it calls them that."""
    said = folded(words)
    blame = _blames(said)
    if blame is None and not cause:
        yield from (entity for _, entity in found)
        return
    after = blame is not None and any(at >= blame.start() for at, _ in found)
    end = _end_of_blame(said, blame, found, after=after)
    for at, entity in found:
        blamed = blame is not None and (blame.start() <= at < end if after else True)
        inherited = cause and blame is None and at < end
        yield msgspec.structs.replace(entity, root_cause=blamed or inherited)


def _bare(words: str, low: str) -> Iterator[NamedEntity]:
    """Yield the name that is called the root cause without its kind. It stands in marks."""
    bare = _BARE_BLAME.search(low)
    if bare is not None and not is_kind(bare["name"]) and _blames(folded(words)) is not None:
        yield NamedEntity(name=bare["name"], root_cause=True)


def _blames(said: str) -> re.Match[str] | None:
    """Find the first word of blame that is not denied by those before it."""
    if not any(sign in said for sign in _BLAME_SIGNS):
        return None
    return next((m for m in _BLAME.finditer(said) if not _is_denied(said, m.start())), None)


def _is_denied(said: str, at: int) -> bool:
    return _DENIED.search(said[max(0, at - _BEFORE) : at]) is not None


def _end_of_blame(
    said: str,
    blame: re.Match[str] | None,
    found: list[tuple[int, NamedEntity]],
    *,
    after: bool,
) -> int:
    """Return where the words turn from the cause to what suffers: never before the first name."""
    begins = blame.start() if blame is not None and after else 0
    first = next((at for at, _ in found if at >= begins), len(said))
    turn = _SUFFERS.search(said, first)
    return turn.start() if turn is not None else len(said)


def _found(words: str, low: str, kinds: list[tuple[int, int]]) -> list[tuple[int, NamedEntity]]:
    """Return the names of a sentence and where they stand, in order.

    Args:
        words: The sentence.
        low: The same in small letters.
        kinds: Where in it kinds stand as words of their own. A name has one beside it.
    """
    found: list[tuple[int, NamedEntity]] = []
    if any(low[end : end + 1] in _GO_ON or low[start - 1 : start] == "/" for start, end in kinds):
        found += _slashed(low)
    found += _spoken(words, low, kinds)
    if _KIND_BEHIND_MARK.search(low) is not None:
        found += (_named(match) for match in _REVERSED.finditer(low) if not is_kind(match["name"]))
    if len(found) > 1:
        found.sort(key=itemgetter(0))
    return found


_GO_ON = frozenset("/.")
"""What follows a kind in `deployment/web` and `deployment.apps/web`."""


def _slashed(low: str) -> Iterator[tuple[int, NamedEntity]]:
    for match in _SLASHED.finditer(low) if "/" in low else ():
        if _KINDS.isdisjoint(match["id"].replace(".", "/").split("/")):
            continue  # Most words with a slash are alternatives or paths.
        entity = read_resource_id(match["id"], known_only=True)
        if entity is not None and _says_kind(match["id"], entity.kind):
            yield match.start(), _placed(entity, match)


def _spoken(
    words: str, low: str, kinds: list[tuple[int, int]]
) -> Iterator[tuple[int, NamedEntity]]:
    end = 0
    for start, _ in kinds:
        match = _SPOKEN.match(low, start) if start >= end else None
        if match is None:
            continue
        end = match.end()
        if _is_name(words, match) and not is_kind(match["name"]):
            yield _named(match)


def _named(match: re.Match[str]) -> tuple[int, NamedEntity]:
    entity = NamedEntity(
        name=match["name"],
        kind=kind_of(match["kind"]),
        namespace=match["place"] or match["after"] or match["before"] or "",
    )
    return match.start(), entity


def _says_kind(id_: str, kind: str) -> bool:
    """Tell a name from a path: `app/config/x` is none, though kubectl knows a kind `app`."""
    parts = id_.split("/")
    return any(_A_KIND.fullmatch(part) and kind_of(part) == kind for part in parts)


def _placed(entity: NamedEntity, match: re.Match[str]) -> NamedEntity:
    """Add the namespace that the words behind a name give."""
    place = match["after"] or match["before"]
    if entity.namespace or not place:
        return entity
    return msgspec.structs.replace(entity, namespace=place)


def _is_name(words: str, match: re.Match[str]) -> bool:
    """Tell a name from the next word of a sentence: `Deployment checkout`, not `pod is`."""
    if match["quote"]:
        return True
    name = match["name"]
    as_written = words.startswith(name, match.start("name"))
    if as_written and not _IN_NAMES.isdisjoint(name):
        return not name.replace(".", "").isdigit()
    return (
        as_written
        and words[match.start("kind")].isupper()
        and name not in _NOT_NAMES
        and len(name) > len("po")
        and not name.endswith(("ed", "ing"))
    )


_IN_NAMES = frozenset("-0123456789")
"""What a name may hold and a word of a sentence does not."""
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

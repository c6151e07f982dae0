"""Facts that every check must hold: pure, repeatable, and honest about what it reads.

Give it the views that the check is for: one in which all is well, and one for each kind of trouble
that it finds. Facts break a copy of each view in every way that a source breaks.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateVerdict,
    ObjectRef,
    SourceRef,
    Tier,
)
from guardrails.gates.asked import Asked
from guardrails.gates.checks import Check, View
from guardrails.gates.composition import look_verdict
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.reads import Read, ReadStatus
from guardrails.gates.snapshot import Snapshot, decode_snapshot, encode_snapshot

BROKEN = (
    Read(status=ReadStatus.FORBIDDEN, message="403 forbidden"),
    Read(status=ReadStatus.UNAUTHORIZED, message="401 unauthorized"),
    Read(status=ReadStatus.TIMEOUT, message="no answer", temporary=True),
    Read(status=ReadStatus.ERROR, message="500 broken", temporary=True),
    Read(status=ReadStatus.UNREACHABLE, message="connection refused", temporary=True),
    Read(status=ReadStatus.GARBLED, message="not JSON", temporary=True),
)
"""How a read goes wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUnderTest:
    """A check, and what it is held to its facts on."""

    check: Check
    views: Sequence[View]
    """Each has a look that the check was made for; at least one gives evidence."""
    spared: frozenset[str] = frozenset()
    """Declared lists that a view does not need (a kind that it asks about only when something else
    points at it), which may therefore be unread without a word."""


CheckFact = Callable[[CheckUnderTest], None]


def it_has_something_to_say(under_test: CheckUnderTest) -> None:
    """One of its views gives evidence; otherwise nothing below would show anything."""
    assert under_test.views, "give at least one view"
    found = [e for view in under_test.views for e in under_test.check.judge(view)]
    assert found, "no view gives any evidence"


def it_is_pure(under_test: CheckUnderTest) -> None:
    """Same view, same evidence, and the view is left as it was."""
    for view in under_test.views:
        before = _encoded(view)
        first = under_test.check.judge(view)
        assert under_test.check.judge(view) == first, "two judgements of one view differ"
        assert _encoded(view) == before, "the check changed its view"


def it_judges_what_was_stored(under_test: CheckUnderTest) -> None:
    """A view read back from JSON gives the same evidence, and so does evidence itself."""
    for view in under_test.views:
        found = under_test.check.judge(view)
        assert under_test.check.judge(_stored(view)) == found, "a stored view is judged otherwise"
        again = msgspec.json.decode(msgspec.json.encode(found), type=list[Evidence])
        assert again == found, "evidence does not survive JSON"


def it_says_what_it_saw(under_test: CheckUnderTest) -> None:
    """Evidence carries the check's id, the look's time, a subject, and what was seen."""
    check = under_test.check
    for view in under_test.views:
        for fact in check.judge(view):
            assert fact.check == check.id, f"evidence of {fact.check} comes from {check.id}"
            assert fact.tier is not Tier.FULL, "tier full is reached by waiting, not by a fact"
            assert fact.at == view.look.at, "evidence is not of the look's time"
            assert _is_named(fact), "evidence without a subject"
            assert fact.observed, f"{fact.state} evidence does not say what was seen"
            violated = fact.state is EvidenceState.VIOLATED
            assert not violated or fact.expected, "a violation does not say what is expected"


def it_declares_what_it_reads(under_test: CheckUnderTest) -> None:
    """It judges the same when everything that it does not declare is taken away.

    What it only reports, and holds against nobody, may speak of more.
    """
    for view in under_test.views:
        bare = _with_looks(view, lambda look: _only_declared(look, under_test.check))
        with_all, without = (under_test.check.judge(v) for v in (view, bare))
        assert [e for e in without if e.counts] == [e for e in with_all if e.counts], (
            "the check reads what it does not declare (lists, objects, http, queries or sources)"
        )


def what_it_cannot_read_is_unknown(under_test: CheckUnderTest) -> None:
    """With any declared list or answer broken, or missing, it says so and is not satisfied."""
    check = under_test.check
    for view in under_test.views:
        if not check.judge(view):
            continue
        for what, broken in _breakages(view, under_test):
            found = check.judge(broken)
            unknown = [e for e in found if e.state is EvidenceState.UNKNOWN]
            verdict = look_verdict(found, required=(check.id,), now=broken.look.at)
            assert verdict is not GateVerdict.PASS, f"satisfied with {what}"
            failed = verdict is GateVerdict.FAIL
            assert unknown or failed, f"not a word about {what}"


FACTS: tuple[CheckFact, ...] = (
    it_has_something_to_say,
    it_is_pure,
    it_judges_what_was_stored,
    it_says_what_it_saw,
    it_declares_what_it_reads,
    what_it_cannot_read_is_unknown,
)
"""Every fact, for `pytest.mark.parametrize`."""


def run_fact(fact: CheckFact, under_test: CheckUnderTest) -> None:
    """Hold a check to one fact.

    Raises:
        AssertionError: It does not hold; the message says of what.
    """
    try:
        fact(under_test)
    except AssertionError as error:
        raise AssertionError(f"{under_test.check.id}: {fact.__name__}: {error}") from error


def hold(under_test: CheckUnderTest) -> None:
    """Hold a check to every fact.

    Raises:
        AssertionError: One does not hold.
    """
    for fact in FACTS:
        run_fact(fact, under_test)


def _encoded(view: View) -> list[bytes]:
    looks = (*view.history, view.reference.snapshot, view.reference.start)
    return [encode_snapshot(look) for look in looks if look is not None]


def _stored(view: View) -> View:
    return _with_looks(view, lambda look: decode_snapshot(encode_snapshot(look), name="stored"))


def _with_looks(view: View, change: Callable[[Snapshot], Snapshot]) -> View:
    reference = view.reference
    changed = replace(
        reference,
        snapshot=None if reference.snapshot is None else change(reference.snapshot),
        start=None if reference.start is None else change(reference.start),
    )
    return replace(view, reference=changed, history=tuple(map(change, view.history)))


def _with_last(view: View, look: Snapshot) -> View:
    return replace(view, history=(*view.history[:-1], look))


def _only_declared(look: Snapshot, check: Check) -> Snapshot:
    asked = Asked(
        http=tuple(a for a in look.asked.http if a.question in check.http),
        objects=tuple(a for a in look.asked.objects if a.question in check.objects),
    )
    # Every check may ask whether there is a Prometheus; those of alerts may read what it says.
    prometheus = look.prometheus
    if prometheus is not None and check.tier is Tier.STATE and not check.needs_prometheus:
        kept = tuple(q for q in prometheus.queries if q.query in check.queries)
        prometheus = msgspec.structs.replace(prometheus, alerts=(), rules=(), queries=kept)
    return msgspec.structs.replace(
        look,
        # The gate itself asks whether an empty namespace exists, by name.
        lists=tuple(x for x in look.lists if x.key.kind in check.lists or x.key.name),
        prometheus=prometheus,
        asked=asked,
    )


def _breakages(view: View, under_test: CheckUnderTest) -> Iterator[tuple[str, View]]:
    """Give the view with one declared read broken or missing, in every way."""
    check, look = under_test.check, view.look
    for kind in check.lists:
        resource = RESOURCES.get(kind)
        lenient = resource is not None and (resource.refusable or resource.optional)
        if kind in under_test.spared or lenient:
            continue
        rest = tuple(x for x in look.lists if x.key.kind != kind)
        mine = [x for x in look.lists if x.key.kind == kind]
        yield f"list {kind} missing", _with_last(view, msgspec.structs.replace(look, lists=rest))
        for read in BROKEN:
            lost = tuple(msgspec.structs.replace(x, read=read, objects=()) for x in mine)
            changed = msgspec.structs.replace(look, lists=(*rest, *lost))
            yield f"list {kind} {read.status}", _with_last(view, changed)
    for read in (None, *BROKEN):
        for what, changed in _unanswered(look, check, read):
            yield what, _with_last(view, changed)


def _unanswered(look: Snapshot, check: Check, read: Read | None) -> Iterator[tuple[str, Snapshot]]:
    how = read.status if read else "missing"
    for question in check.http:
        http = _broken((a for a in look.asked.http), question, read)
        yield f"{question.url} {how}", _asking(look, http=http)
    for question in check.objects:
        objects = _broken((a for a in look.asked.objects), question, read)
        yield f"{question} {how}", _asking(look, objects=objects)
    prometheus = look.prometheus
    for query in check.queries if prometheus is not None else ():
        assert prometheus is not None  # narrowed by the loop
        queries = tuple(
            msgspec.structs.replace(q, read=read, values=()) if q.query == query and read else q
            for q in prometheus.queries
            if q.query != query or read
        )
        state = msgspec.structs.replace(prometheus, queries=queries)
        yield f"query {query} {how}", msgspec.structs.replace(look, prometheus=state)


def _asking(look: Snapshot, **answers: object) -> Snapshot:
    return msgspec.structs.replace(look, asked=msgspec.structs.replace(look.asked, **answers))


def _broken(answers: Iterable[object], question: object, read: Read | None) -> tuple[object, ...]:
    kept: list[object] = []
    for answer in answers:
        if getattr(answer, "question", None) != question:
            kept.append(answer)
        elif read is not None and isinstance(answer, msgspec.Struct):
            kept.append(msgspec.structs.replace(answer, read=read))
    return tuple(kept)


def _is_named(fact: Evidence) -> bool:
    match fact.subject:
        case ObjectRef(kind=kind, name=name):
            # A claim may name an object without saying of what kind it is.
            return bool(kind or name)
        case SourceRef(source=source):
            return bool(source)
        case _:
            return bool(fact.subject.labels)

"""A condition on objects from the policy. What is not there to be judged is unknown.

A path that leads nowhere may be a typing mistake, and a missing object a wrong namespace; only
`exists` asks whether anything is there.
"""

from collections.abc import Sequence

import msgspec

from guardrails.core.evidence import Evidence, ObjectRef, SourceRef, Subject, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.asked import FoundObject, ObjectAnswer, ObjectQuestion
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.custom.settling import settles_by, still_settles, waiting, weighed
from guardrails.gates.custom.values import holds, shown
from guardrails.gates.reads import ReadStatus
from guardrails.policy.custom import CustomCheck, ObjectCondition


def object_check(check: CustomCheck, condition: ObjectCondition) -> Check:
    """Return the check that judges a condition."""
    question = ObjectQuestion(
        kind=condition.kind,
        group=condition.group,
        version=condition.version,
        plural=condition.plural,
        namespace=condition.namespace,
        name=condition.name,
        label_selector=condition.label_selector,
        path=condition.path,
    )

    def judge(view: View) -> list[Evidence]:
        witness = Witness(check=CheckId(f"custom:{check.name}"), at=view.look.at)
        answer = view.look.asked.object_of(question)
        found = _judge(check, condition, question, answer, witness, view)
        return [weighed(check, evidence) for evidence in found]

    return Check(
        id=CheckId(f"custom:{check.name}"),
        judge=judge,
        tier=Tier.STATE,
        objects=(question,),
        required=check.required,
    )


def wanted(condition: ObjectCondition) -> str:
    """Say what a condition asks for.

    >>> wanted(ObjectCondition(kind="Pod", name="a", path="spec.x", at_least=2))
    'at least 2'
    """
    match condition:
        case ObjectCondition(exists=bool(exists)):
            return "something" if exists else "nothing"
        case ObjectCondition(one_of=tuple(choices)):
            return f"one of {', '.join(map(shown, choices))}"
        case ObjectCondition(at_least=least) if least is not None:
            return f"at least {shown(least)}"
        case ObjectCondition(at_most=most) if most is not None:
            return f"at most {shown(most)}"
        case ObjectCondition(not_equals=other) if other is not None:
            return f"not {shown(other)}"
        case _:
            return shown(condition.equals)


def _judge(
    check: CustomCheck,
    condition: ObjectCondition,
    question: ObjectQuestion,
    answer: ObjectAnswer | None,
    witness: Witness,
    view: View,
) -> list[Evidence]:
    whole = _subject(question)
    expected = wanted(condition)
    if answer is None:
        return [witness.unknown(whole, observed="was not asked", expected=expected)]
    if not answer.read.ok:
        unread = witness.unread(SourceRef(source="kubernetes", detail=str(question)), answer.read)
        # A 404 may be an object that is being made anew.
        soon = answer.read.status is ReadStatus.ERROR and still_settles(check, witness, view.scope)
        return [msgspec.structs.replace(unread, temporary=unread.temporary or soon)]
    if not answer.objects:
        soon = still_settles(check, witness, view.scope)
        none = f"{question}: no such object"
        return [witness.unknown(whole, observed=none, expected=expected, temporary=soon)]
    return [_one(check, condition, item, witness, view) for item in answer.objects]


def _one(
    check: CustomCheck,
    condition: ObjectCondition,
    item: FoundObject,
    witness: Witness,
    view: View,
) -> Evidence:
    subject = ObjectRef(
        kind=condition.kind,
        name=item.name,
        namespace=item.namespace,
        uid=item.uid,
        resource_version=item.resource_version,
    )
    values = [msgspec.json.decode(text) for text in item.values]
    verdicts = _verdicts(condition, values)
    expected, field = wanted(condition), condition.path
    seen = ", ".join(map(shown, values)) if values else "nothing at this path"
    if False in verdicts:
        return witness.violated(
            subject,
            field=field,
            observed=seen,
            expected=expected,
            query=str(condition.kind),
            settles_by=settles_by(check, view.scope),
            settling=waiting(check),
        )
    if None in verdicts:
        soon = not values and still_settles(check, witness, view.scope)
        return witness.unknown(
            subject, field=field, observed=seen, expected=expected, temporary=soon
        )
    return witness.satisfied(subject, field=field, observed=seen, expected=expected)


def _verdicts(condition: ObjectCondition, values: Sequence[object]) -> list[bool | None]:
    """Tell for each value whether it is as wanted, or None where that cannot be told."""
    if condition.exists is not None:
        return [bool(values) is condition.exists]
    if not values:
        return [None]
    return [holds(condition, value) for value in values]


def _subject(question: ObjectQuestion) -> Subject:
    if question.name:
        return ObjectRef(kind=question.kind, name=question.name, namespace=question.namespace)
    return SourceRef(source="kubernetes", detail=str(question))

"""An HTTP probe from the policy. A wrong status is a violation; no answer is unknown."""

from guardrails.core.evidence import Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.asked import HttpAnswer, HttpQuestion
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.custom.probe import BODY_LIMIT
from guardrails.gates.custom.settling import settles_by, waiting, weighed
from guardrails.policy.custom import CustomCheck, HttpProbe


def http_check(check: CustomCheck, probe: HttpProbe) -> Check:
    """Return the check that judges a probe."""
    question = HttpQuestion(
        url=probe.url,
        contains=probe.contains,
        timeout_seconds=probe.timeout,
        headers_from_env=tuple(sorted(probe.headers_from_env.items())),
    )

    def judge(view: View) -> list[Evidence]:
        witness = Witness(check=CheckId(f"custom:{check.name}"), at=view.look.at)
        return [weighed(check, _judge(check, probe, question, witness, view))]

    return Check(
        id=CheckId(f"custom:{check.name}"),
        judge=judge,
        tier=Tier.STATE,
        http=(question,),
        required=check.required,
    )


def _judge(
    check: CustomCheck, probe: HttpProbe, question: HttpQuestion, witness: Witness, view: View
) -> Evidence:
    subject = SourceRef(source="http", detail=probe.url)
    expected = f"{probe.status}" + (f" with {probe.contains!r}" if probe.contains else "")
    answer = view.look.asked.http_of(question)
    if answer is None:
        return witness.unknown(subject, observed="was not asked", expected=expected)
    if not answer.read.ok:
        return witness.unread(subject, answer.read)
    right = answer.status == probe.status
    if right and probe.contains and answer.found is None:
        said = f"{answer.status}, and not in the first {BODY_LIMIT >> 20} MiB of the body"
        return witness.unknown(subject, field="body", observed=said, expected=expected)
    if right and answer.found is not False:
        return witness.satisfied(
            subject, field="status", observed=str(answer.status), expected=expected
        )
    return witness.violated(
        subject,
        field="body" if right else "status",
        observed=_seen(answer),
        expected=expected,
        query=f"GET {probe.url}",
        settles_by=settles_by(check, view.scope),
        settling=waiting(check),
    )


def _seen(answer: HttpAnswer) -> str:
    if answer.location:
        return f"{answer.status} to {answer.location}, another host, which is not followed"
    return f"{answer.status}" + (" without the text" if answer.found is False else "")

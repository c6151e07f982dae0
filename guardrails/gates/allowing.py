"""Losses that somebody answers for: set aside, and named in the report with who and why.

A policy allows by pattern and until a day; a person allows one object of one run. Neither can allow
anything but a loss away.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import msgspec

from guardrails.core.allowances import Allowance
from guardrails.core.evidence import Evidence, EvidenceState, ObjectRef, SourceRef
from guardrails.gates.checks import Witness, aside
from guardrails.policy.allowing import ALLOWABLE, AllowedLoss


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may be lost in one run."""

    by_policy: tuple[AllowedLoss, ...] = ()
    by_person: tuple[Allowance, ...] = ()

    def weigh(self, evidence: Iterable[Evidence], *, now: datetime) -> Iterator[Evidence]:
        """Yield the evidence, with allowed losses set aside.

        An entry of the policy whose day is over is named where it would have applied.
        """
        for fact in evidence:
            subject = fact.subject
            loss = fact.counts and fact.state is EvidenceState.VIOLATED and fact.check in ALLOWABLE
            if not loss or not isinstance(subject, ObjectRef):
                yield fact
                continue
            entries = [e for e in self.by_policy if _fits_entry(e, fact, subject)]
            live = next((e for e in entries if not _is_over(e, now)), None)
            person = next((a for a in self.by_person if _fits_person(a, fact, subject)), None)
            if live is not None:
                yield _allowed(fact, f"policy: {live.reason}")
            elif person is not None:
                yield _allowed(fact, f"approved by {person.by}: {person.reason}")
            else:
                yield fact
                yield from (_over(fact, entry) for entry in entries)


def _fits_entry(entry: AllowedLoss, fact: Evidence, subject: ObjectRef) -> bool:
    return (
        entry.check == fact.check
        and entry.kind.lower() == subject.kind.lower()
        and fnmatchcase(subject.name, entry.name)
        and entry.namespace in ("", subject.namespace)
    )


def _fits_person(allowance: Allowance, fact: Evidence, subject: ObjectRef) -> bool:
    return (
        allowance.check == fact.check
        and allowance.kind.lower() == subject.kind.lower()
        and allowance.name == subject.name
        and allowance.namespace in ("", subject.namespace)
    )


def _is_over(entry: AllowedLoss, now: datetime) -> bool:
    return entry.until is not None and now.astimezone(UTC).date() > entry.until


def _allowed(fact: Evidence, by: str) -> Evidence:
    return aside(msgspec.structs.replace(fact, allowed_by=by))


def _over(fact: Evidence, entry: AllowedLoss) -> Evidence:
    witness = Witness(check=fact.check, at=fact.at, tier=fact.tier)
    return aside(
        witness.unknown(
            SourceRef(source="policy", detail=f"gate.allow {entry.kind}/{entry.name}"),
            observed=f"ended on {entry.until}, so it allows nothing any more: {entry.reason}",
        )
    )

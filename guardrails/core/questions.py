"""Questions that only a person can answer, and what an answer says.

A question is put before anything is changed: until it is answered, the run only reads. Its
candidates are what the cluster and the incident allow, so that a click is an answer.
"""

from enum import StrEnum

import msgspec

from guardrails.core.incident import Incident, Workload

replace = msgspec.structs.replace


class QuestionKind(StrEnum):
    """What is not clear."""

    WHICH_NAMESPACE = "which-namespace"
    """None is named, or one that does not exist."""
    WHICH_WORKLOAD = "which-workload"
    """What is named is not there, or there several times."""
    WHICH_ALERT = "which-alert"
    """An alert speaks of an object that is not there and was not."""
    CONTRADICTION = "contradiction"
    """Request and alerts, or parts of the request, speak of different places."""
    WHICH_TARGET = "which-target"
    """Something is to be taken away, and nothing says what."""
    APPROVAL = "approval"
    """Changes are to be approved first, and nobody has."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One possible answer."""

    id: str
    """What a reply names; short and stable, such as `shop/Deployment/web`."""
    label: str
    """For people."""
    namespace: str = ""
    """What it narrows the incident to; empty leaves that as it is."""
    workload: Workload | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question, with everything needed to put it to somebody."""

    id: str
    """The same question has the same id in every run of an incident."""
    kind: QuestionKind
    text: str
    why: str = ""
    """What was seen that makes it one."""
    about: Workload | None = None
    """The workload of the incident that an answer stands in for."""
    candidates: tuple[Candidate, ...] = ()

    def candidate(self, choice: str) -> Candidate | None:
        """Return the candidate that a reply means: by id, by label, or by its number from 1."""
        wanted = choice.strip().lower()
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.candidates):
            return self.candidates[int(wanted) - 1]
        same = (c for c in self.candidates if wanted in {c.id.lower(), c.label.lower()})
        return next(same, None)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person said."""

    question: str
    """Id of the question."""
    text: str
    """As it was given."""
    choice: str = ""
    """Id of the candidate that it means; empty for one in other words."""
    by: str = ""
    """Who answered, as far as the way of asking tells."""


def described(question: Question) -> str:
    """Write a question with its numbered candidates, as lines for a person."""
    lines = [f"{question.text} ({question.why})"]
    lines += [f"{at}. {one.label}" for at, one in enumerate(question.candidates, start=1)]
    return "\n".join(lines)


def narrowed(incident: Incident, question: Question, choice: str) -> Incident:
    """Return the incident with what an answer says of it."""
    chosen = question.candidate(choice)
    if chosen is None:
        return incident
    if chosen.namespace:
        incident = replace(incident, namespaces=(chosen.namespace,))
    if chosen.workload is None:
        return incident
    others = tuple(w for w in incident.workloads if w != question.about)
    return replace(incident, workloads=(*others, chosen.workload))

"""The facts that guards may read: counts of what happened, and nothing that a model says of itself.

Each is a whole number from 0 up. Those under `here.` begin anew whenever a state is entered; the
others count over the whole run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from guardrails.actions.evidence import EvidenceKind

DISTINCT: Final = 64
"""Distinct reads told apart, by kind of evidence; a guard that asks for more is refused. Successful
runs in ITBench's traces make 20 to 40 in all."""

Values = tuple[int, ...]
"""A value for every fact, in the order of `FACTS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that can be counted."""

    name: str
    about: str
    """What it counts, for the reference page."""
    lacking: str
    """What the model is told when there is too little of it; `{n}` is how many are missing."""
    above: str = ""
    """What the model is told when there is too much of it."""
    given: bool = False
    """Whether it lies in how the agent is built, so that asking for it would be vain."""
    most: int | None = None
    """Largest value that it can take, where that is known."""


def _read(kind: EvidenceKind, looked: str) -> Fact:
    return Fact(
        name=f"reads.{kind}",
        about=f"distinct reads of {kind}: the same call counts once",
        lacking=f"look at {looked} ({{n}} more)",
        most=DISTINCT,
    )


_READS = (
    _read(EvidenceKind.ALERTS, "the alerts"),
    _read(EvidenceKind.METRICS, "metrics"),
    _read(EvidenceKind.LOGS, "logs"),
    _read(EvidenceKind.EVENTS, "Kubernetes events"),
    _read(EvidenceKind.OBJECTS, "the objects themselves"),
    _read(EvidenceKind.TRACES, "traces"),
)

KINDS: Final = tuple(kind for kind in EvidenceKind if kind is not EvidenceKind.OTHER)
"""The kinds of evidence that guards can ask for, in the order of their facts."""

FACTS: Final = (
    Fact(name="turns", about="model turns", lacking="go on investigating"),
    Fact(name="calls", about="tool calls that ran", lacking="go on investigating"),
    Fact(
        name="reads",
        about="distinct reads of any kind",
        lacking="look at more of the system ({n} more)",
        most=DISTINCT * (len(KINDS) + 1),
    ),
    *_READS,
    Fact(
        name="sources",
        about="kinds of evidence read at all: alerts, metrics, logs, events, objects, traces",
        lacking="look at {n} more kinds of evidence (alerts, metrics, logs, events, objects)",
        most=len(KINDS),
    ),
    Fact(
        name="hypotheses",
        about="distinct hypotheses stated: what is at fault, by the name of an object",
        lacking="say what you believe is at fault: name the object, and what you saw that shows it",
        most=DISTINCT,
    ),
    Fact(
        name="writes",
        about="changes that ran, or may have run",
        lacking="change what is at fault",
    ),
    Fact(
        name="unchecked",
        about="changed objects that nobody looked at since their change had time to take effect",
        lacking="change what is at fault",
        above="look at what you changed, after it had time to take effect",
    ),
    Fact(
        name="stalled",
        about="model turns in a row that brought no new read, change or hypothesis",
        lacking="go on investigating",
        above="do something that you have not done before",
    ),
    Fact(
        name="idle",
        about="model turns since the last change, or since the start when there was none",
        lacking="see what your last change did",
        above="change what is at fault",
    ),
    Fact(
        name="unseen",
        about="turns of a graph without messages: nodes that show nothing of what they did",
        lacking="go on investigating",
        given=True,
    ),
    Fact(
        name="asked",
        about="1 while the end that is judged was asked for by the agent, else 0",
        lacking="state your conclusion",
        most=1,
    ),
    Fact(name="refusals", about="ends that were refused", lacking="state your conclusion"),
    Fact(
        name="questions",
        about="questions that only a person can answer and nobody has",
        lacking="ask what is meant",
        above="what is meant is not clear yet, and a person was asked",
    ),
    Fact(name="here.turns", about="model turns in this visit", lacking="go on investigating"),
    Fact(name="here.calls", about="calls that ran in this visit", lacking="go on investigating"),
    Fact(
        name="here.reads",
        about="distinct reads in this visit",
        lacking="look at the system as it is now ({n} more)",
    ),
    Fact(name="here.writes", about="changes in this visit", lacking="change what is at fault"),
)

INDEX: Final[Mapping[str, int]] = {fact.name: at for at, fact in enumerate(FACTS)}
"""Place of each fact in `Values`."""

_KINDS_AT = tuple(INDEX[f"reads.{kind}"] for kind in KINDS)


def feasible(known: Mapping[int, int]) -> bool:
    """Tell whether facts can have these values together; a fact that is left out may have any.

    Proofs use it to leave out what no run can reach: more reads in a visit than in the run, say.

    >>> feasible({INDEX["reads"]: 1, INDEX["reads.logs"]: 2})
    False
    """
    for at, value in known.items():
        most = FACTS[at].most
        if most is not None and value > most:
            return False
        whole = known.get(INDEX.get(FACTS[at].name.removeprefix("here."), at))
        if whole is not None and value > whole:
            return False
    parts = (("unchecked", "writes"), ("unseen", "turns"))
    return _reads_add_up(known) and all(_at_most(known, *pair) for pair in parts)


def _reads_add_up(known: Mapping[int, int]) -> bool:
    read = [known[at] for at in _KINDS_AT if at in known]
    touched = sum(1 for value in read if value)
    sources, reads = known.get(INDEX["sources"]), known.get(INDEX["reads"])
    if sources is not None and not touched <= sources <= touched + len(_KINDS_AT) - len(read):
        return False
    if reads is None:
        return True
    return sum(read) + max(0, (sources or 0) - touched) <= reads


def _at_most(known: Mapping[int, int], part: str, whole: str) -> bool:
    there = known.get(INDEX[whole])
    return there is None or known.get(INDEX[part], 0) <= there

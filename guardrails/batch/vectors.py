"""Failure vectors: which modes the failed and the successful runs of a model or an agent show.

Folds tagged runs one at a time and keeps counts only, so any number of runs can be summed up.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from guardrails.batch.lines import TaggedRun, short_id
from guardrails.batch.ratios import Ratio, likelihood_ratio
from guardrails.batch.recorded import Verdict
from guardrails.core.mast import MODES, FailureMode, Weight

UNNAMED = "(not named)"
"""The group of runs whose trace does not say."""
_NUMBERED = re.compile(r"[ _:#-]*\d+$")


class By(StrEnum):
    """What runs are grouped by."""

    MODEL = "model"
    AGENT = "agent"
    """The configuration that the trace names; else each agent of the run, with its own findings."""
    FAULT = "fault"
    OUTCOME = "outcome"
    FORMAT = "format"
    ALL = "all"
    """Everything in one group."""


class ModeShares(msgspec.Struct, frozen=True, kw_only=True):
    """One mode in the runs of a group."""

    mode: str
    name: str
    weight: Weight
    """Of the mode in the published study."""
    shown: int
    """Runs that show it, those of unknown outcome too."""
    failed: int
    """Failed runs that show it."""
    failed_rate: float | None
    """None where no run failed; likewise below."""
    successful: int
    successful_rate: float | None
    ratio: Ratio | None
    """How many times likelier a failed run shows it. None unless there are runs of both kinds and
    one of them shows it: of what never happens nothing is known."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What failed runs spent after the first finding that decided them."""

    runs: int
    """Failed runs with such a finding."""
    steps: float
    """Mean per run; likewise the others."""
    of_steps: float
    """Mean of all steps of the same runs."""
    tokens: float | None
    """None where no trace counts them."""
    seconds: float | None


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """The failure vector of one group."""

    by: By
    name: str
    runs: int
    failed: int
    successful: int
    unknown: int
    """Runs of which the trace does not say how they came out."""
    modes: tuple[ModeShares, ...]
    """All fourteen, in the taxonomy's order."""
    modes_per_failed: float | None
    """Distinct modes of a failed run, on average."""
    modes_per_successful: float | None
    decisive_failed: int
    """Failed runs with a finding that decides."""
    decisive_successful: int
    decisive_ratio: Ratio | None
    spent: Spent | None
    """None where no failed run has a finding that decides."""


@dataclass(slots=True)
class Tally:
    """What is counted of a group."""

    runs: Counter[Verdict] = field(default_factory=Counter[Verdict])
    shown: Counter[tuple[Verdict, str]] = field(default_factory=Counter[tuple[Verdict, str]])
    sets: Counter[frozenset[str]] = field(default_factory=Counter[frozenset[str]])
    """How often failed runs show just these modes together: what a draw of runs is made of."""
    decided: Counter[Verdict] = field(default_factory=Counter[Verdict])
    after: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Failed runs that were decided, their steps after it, and all their steps."""
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    """Failed runs that count tokens, and those after."""
    micros: list[int] = field(default_factory=lambda: [0, 0])
    """Likewise microseconds: whole numbers have one sum, in whatever order they come."""

    def add(self, run: TaggedRun, modes: frozenset[str], decisive: frozenset[str]) -> None:
        """Count one run."""
        self.runs[run.outcome] += 1
        self.shown.update((run.outcome, mode) for mode in modes)
        self.decided[run.outcome] += bool(decisive)
        if run.outcome is not Verdict.WRONG:
            return
        self.sets[modes] += 1
        if run.after_decisive is None or not decisive:
            return
        after = run.after_decisive
        self.after = [self.after[0] + 1, self.after[1] + after.steps, self.after[2] + run.steps]
        if after.tokens is not None:
            self.tokens = [self.tokens[0] + 1, self.tokens[1] + after.tokens]
        if after.seconds is not None:
            self.micros = [self.micros[0] + 1, self.micros[1] + round(after.seconds * 1e6)]

    def take(self, other: "Tally") -> None:
        """Count in what another tally counted, of other runs of the group."""
        self.runs += other.runs
        self.shown += other.shown
        self.sets += other.sets
        self.decided += other.decided
        for mine, theirs in (
            (self.after, other.after),
            (self.tokens, other.tokens),
            (self.micros, other.micros),
        ):
            mine[:] = [a + b for a, b in zip(mine, theirs, strict=True)]


def tallies(runs: Iterable[TaggedRun], *, by: By) -> dict[str, Tally]:
    """Count runs, group by group, the groups in order of their names."""
    found: dict[str, Tally] = {}
    for run in runs:
        for name, modes, decisive in _parts(run, by):
            found.setdefault(name or UNNAMED, Tally()).add(run, modes, decisive)
    return dict(sorted(found.items()))


def together(some: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
    """Put tallies of several sets of runs together, group by group, sorted by name."""
    found: dict[str, Tally] = {}
    for tallied in some:
        for name, tally in tallied.items():
            found.setdefault(name, Tally()).take(tally)
    return dict(sorted(found.items()))


def vector_of(name: str, tally: Tally, *, by: By) -> Vector:
    """Return the vector of a group."""
    failed, successful = tally.runs[Verdict.WRONG], tally.runs[Verdict.RIGHT]
    decided = tally.decided
    per_failed = sum(len(modes) * times for modes, times in tally.sets.items())
    per_successful = sum(n for (how, _), n in tally.shown.items() if how is Verdict.RIGHT)
    return Vector(
        by=by,
        name=name,
        runs=tally.runs.total(),
        failed=failed,
        successful=successful,
        unknown=tally.runs[Verdict.UNKNOWN],
        modes=tuple([_shares(mode, tally) for mode in FailureMode]),
        modes_per_failed=per_failed / failed if failed else None,
        modes_per_successful=per_successful / successful if successful else None,
        decisive_failed=decided[Verdict.WRONG],
        decisive_successful=decided[Verdict.RIGHT],
        decisive_ratio=_ratio(tally, decided[Verdict.WRONG], decided[Verdict.RIGHT]),
        spent=_spent(tally),
    )


def role_of(agent: str) -> str:
    """Return an agent's name without the number that tells it from others of its kind.

    >>> [role_of(name) for name in ("investigator 2", "worker-11", "planner")]
    ['investigator', 'worker', 'planner']
    """
    return _NUMBERED.sub("", agent) or agent


def _parts(run: TaggedRun, by: By) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    modes, decisive = frozenset(run.modes), frozenset(run.decisive)
    match by:
        case By.MODEL:
            yield run.model, modes, decisive
        case By.FAULT:
            yield run.fault, modes, decisive
        case By.OUTCOME:
            yield run.outcome, modes, decisive
        case By.FORMAT:
            yield run.format, modes, decisive
        case By.ALL:
            yield "all runs", modes, decisive
        case By.AGENT:
            if said := run.notes.get("agent"):
                yield said, modes, decisive
                return
            for role in dict.fromkeys(map(role_of, run.agents or ("",))):
                own = [one for one in run.findings if role_of(one.agent) == role]
                decides = [one.mode for one in own if one.severity is Weight.DECISIVE]
                yield role, frozenset(one.mode for one in own), frozenset(decides)


def _shares(mode: FailureMode, tally: Tally) -> ModeShares:
    short = short_id(mode)
    failed, successful = tally.shown[Verdict.WRONG, short], tally.shown[Verdict.RIGHT, short]
    return ModeShares(
        mode=short,
        name=MODES[mode].name,
        weight=MODES[mode].weight,
        shown=failed + successful + tally.shown[Verdict.UNKNOWN, short],
        failed=failed,
        failed_rate=_rate(failed, tally.runs[Verdict.WRONG]),
        successful=successful,
        successful_rate=_rate(successful, tally.runs[Verdict.RIGHT]),
        ratio=_ratio(tally, failed, successful),
    )


def _ratio(tally: Tally, failed: int, successful: int) -> Ratio | None:
    of_failed, of_successful = tally.runs[Verdict.WRONG], tally.runs[Verdict.RIGHT]
    if not of_failed or not of_successful or not failed + successful:
        return None
    return likelihood_ratio(
        failed=failed, of_failed=of_failed, successful=successful, of_successful=of_successful
    )


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _spent(tally: Tally) -> Spent | None:
    runs, steps, of_steps = tally.after
    if not runs:
        return None
    return Spent(
        runs=runs,
        steps=steps / runs,
        of_steps=of_steps / runs,
        tokens=tally.tokens[1] / tally.tokens[0] if tally.tokens[0] else None,
        seconds=tally.micros[1] / tally.micros[0] / 1e6 if tally.micros[0] else None,
    )

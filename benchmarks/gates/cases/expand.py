"""From faults and fake fixes to cases: every fault, claimed mended in every way that applies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from benchmarks.gates.cases.load import CaseError, Library, fill, names_in
from benchmarks.gates.cases.model import Case, Expect, Fake, Fault, Kind, Step

WORKLOADS = ("frontend", "catalog", "checkout", "payment")
"""The Deployments of the app, each with a Service of its name."""

FLAP_SECONDS = 2.0
"""A fault that comes and goes stays this long, and stays away as long."""

LATE_NAMES = ("namespace", "guard", "now", "past", "later")
"""Names that get their value when the case runs."""

T = TypeVar("T")


def cases_of(library: Library, fakes: Mapping[str, Fake] | None = None) -> list[Case]:
    """Return every case, in the order of the faults' names.

    Args:
        library: Whose faults, and whose fake fixes where `fakes` is left out.
        fakes: The fake fixes to try.
    """
    tried = library.fakes if fakes is None else fakes
    return [
        case
        for _, fault in sorted(library.faults.items())
        for case in _of_fault(fault, tried.values())
    ]


def chosen(cases: Iterable[Case], globs: Iterable[str]) -> list[Case]:
    """Return the cases whose id matches one of the globs; all of them without any."""
    patterns = list(globs)
    return [c for c in cases if not patterns or any(fnmatchcase(c.id, p) for p in patterns)]


def facts_of(fault: Fault) -> dict[str, str]:
    """Return a fault's facts, with those that follow from the rest of it."""
    facts = dict(fault.facts)
    if "workload" in facts or "service" in facts:
        mine = {facts.get("workload"), facts.get("service")}
        facts.setdefault("other", next(name for name in WORKLOADS if name not in mine))
    if fault.alerts and "unready" not in facts:
        facts.setdefault("alert-fakes", "yes")
    if fault.alerts:
        names = [alert.get("alertname", "") for alert in fault.alerts]
        facts.setdefault("alertname", names[0])
        facts["alert"] = "yes"
        if {"HighRequestErrorRate", "NoRequestsReceived", "HighRequestLatency"} & set(names):
            facts["request-alert"] = "yes"
        if {"KubePodNotReady", "KubeContainerWaiting", "KubePodCrashLooping"} & set(names):
            facts["pod-alert"] = "yes"
        for name in names:
            facts[f"alert:{name}"] = "yes"
    for part in fault.app:
        facts[f"app:{part}"] = "yes"
    return facts


def applies(fake: Fake, fault: Fault) -> bool:
    """Tell whether a fake fix can be tried on a fault."""
    facts = facts_of(fault)
    wanted = fake.applies
    named = not wanted.faults or any(fnmatchcase(fault.name, glob) for glob in wanted.faults)
    return (
        named and all(f in facts for f in wanted.has) and not any(f in facts for f in wanted.lacks)
    )


def _of_fault(fault: Fault, fakes: Iterable[Fake]) -> Iterator[Case]:
    facts = facts_of(fault)
    base = _Base(_filled(fault, facts))
    fault = base.fault
    yield base.case(Kind.UNFIXED, "", expect=Expect.REFUSE)
    for way in fault.fakes:
        yield base.case(Kind.FAKE, way.name, expect=Expect.REFUSE, steps=way.steps, every=way.every)
    if fault.library:
        for fake in fakes:
            if applies(fake, fault):
                yield base.fake(_filled(fake, facts))
    yield base.case(Kind.FIX, "", expect=Expect.ACCEPT, steps=fault.mend)
    for way in fault.fixes:
        yield base.case(Kind.FIX, way.name, expect=Expect.ACCEPT, steps=way.steps)
    back = fault.inject if fault.regress is None else fault.regress
    if not back:
        return
    yield base.case(Kind.REGRESSION, "", expect=Expect.REFUSE, steps=fault.mend, then=back)
    stay = Step(pause=FLAP_SECONDS)
    yield base.case(
        Kind.FAKE,
        "flapping",
        expect=Expect.REFUSE,
        steps=fault.mend,
        every=FLAP_SECONDS,
        again=(*back, stay, *fault.mend),
    )


class _Base:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def case(  # one keyword per part of a case
        self,
        kind: Kind,
        name: str,
        *,
        expect: Expect,
        steps: tuple[Step, ...] = (),
        then: tuple[Step, ...] = (),
        every: float | None = None,
        again: tuple[Step, ...] = (),
    ) -> Case:
        """Return a case of this fault."""
        return Case(
            id=f"{self.fault.name}/{kind}" + (f":{name}" if name else ""),
            fault=self.fault,
            kind=kind,
            expect=expect,
            steps=steps,
            then=then,
            every=every,
            again=again,
            cleanup=self.fault.cleanup,
            needs=self.fault.needs,
            exclusive=self.fault.exclusive,
        )

    def fake(self, fake: Fake) -> Case:
        """Return the case of a fake fix of the library."""
        fault = self.fault
        before = fault.mend if fake.base == "mended" else ()
        return Case(
            id=f"{fault.name}/{Kind.FAKE}:{fake.name}",
            fault=fault,
            kind=Kind.FAKE,
            expect=Expect.REFUSE,
            steps=(*before, *fake.steps),
            every=fake.every,
            again=fake.steps if fake.every else (),
            cleanup=(*fault.cleanup, *fake.cleanup),
            needs=(*fault.needs, *fake.needs),
            exclusive=fault.exclusive or fake.exclusive,
            row=fake.row,
        )


def _filled(value: T, facts: Mapping[str, str]) -> T:
    late = {name: f"\u27e6{name}\u27e7" for name in LATE_NAMES}
    missing = names_in(value) - set(facts) - set(late)
    if missing:
        raise CaseError(
            f"{getattr(value, 'name', value)}: {', '.join(sorted(missing))} must be among the facts"
        )
    return fill(value, {**facts, **late})

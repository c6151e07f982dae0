"""What every loss is found by: the reference beside what stands in its place now.

Only the reference counts: the start of a run may already hold the fault. What a partial reference
does not hold was never lost, and nothing is gone from a list that could not be read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from guardrails.core.evidence import Evidence, ObjectRef, SourceRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, Judge, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import (
    CronJob,
    DaemonSet,
    Deployment,
    KubeObject,
    PodTemplate,
    StatefulSet,
    Workload,
)
from guardrails.gates.kubernetes.replacement import image_name, replacement_of
from guardrails.gates.kubernetes.topology import is_deleted, kind_of, territory, wanted
from guardrails.gates.snapshot import ReadStatus, Snapshot

T = TypeVar("T", bound=KubeObject)

Owner = Workload | CronJob
"""What holds a template that people wrote; Jobs and ReplicaSets are made by these, or transient."""

TEMPLATE_LISTS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service", "Pod")
"""Where templates are; Services and pods tell what replaced a workload that is gone."""

WORKLOAD_TYPES = (Deployment, StatefulSet, DaemonSet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that the reference had and that is not there any more."""

    subject: ObjectRef
    observed: str
    expected: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Something that makes pods, then and now; under another name where it was replaced."""

    old: Owner
    new: Owner

    @property
    def before(self) -> PodTemplate:
        """The template that the reference had."""
        return template_of(self.old)

    @property
    def after(self) -> PodTemplate:
        """The template that it has now."""
        return template_of(self.new)

    def loss(self, field: str, observed: str, expected: str) -> Loss:
        """Say what it lost, and by which object of the reference that is known."""
        old, new = self.old.metadata.name, self.new.metadata.name
        who = "the reference" if old == new else f"{type(self.old).__name__} {old} in the reference"
        return Loss(
            subject=refer(self.new), field=field, observed=observed, expected=f"{expected} ({who})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One namespace, then and now."""

    namespace: str
    then: Snapshot
    now: Snapshot
    partial: bool = False
    """Whether the reference holds only some objects, and nothing that a server filled in."""

    def had(self, type_: type[T]) -> tuple[T, ...]:
        """Return the reference's objects of a kind."""
        return self.then.objects(type_, self.namespace)

    def has(self, type_: type[T]) -> tuple[T, ...]:
        """Return what stands now and is not on its way out."""
        found = self.now.objects(type_, self.namespace)
        return tuple(x for x in found if x.metadata.deletion_timestamp is None)

    def named(self, type_: type[T]) -> Mapping[str, T]:
        """Return what stands now, by name."""
        return {x.metadata.name: x for x in self.has(type_)}

    def is_read(self, kind: str) -> bool:
        """Tell whether what is missing from the list of a kind is gone."""
        found = self.now.list_of(kind, self.namespace)
        return found is not None and found.read.status is ReadStatus.OK

    def both(self, type_: type[T]) -> Iterator[tuple[T, T | None]]:
        """Yield each object of the reference with the one of its name; nothing when unreadable."""
        if not self.is_read(type_.__name__):
            return
        named = self.named(type_)
        for old in self.had(type_):
            yield old, named.get(old.metadata.name)

    def pairs(self) -> tuple[Pair, ...]:
        """Return everything that makes pods and still stands, with what it was; computed once.

        A workload that is gone is compared with what replaced it, so that nothing is lost by
        renaming; one that nothing replaced is told by `replicas-kept`.
        """
        key = ("pairs", self.namespace)
        known = self.now.derived.get(key)
        if not isinstance(known, _Paired) or known.then is not self.then:
            known = _Paired(then=self.then, pairs=tuple(self._pairs()))
            self.now.derived[key] = known
        return known.pairs

    def _pairs(self) -> Iterator[Pair]:
        land = territory(self.now, self.namespace)
        for kind in WORKLOAD_TYPES:
            for old in self.had(kind):
                new = land.workload(kind_of(old), old.metadata.name)
                if new is None or is_deleted(new):
                    new = replacement_of(
                        old,
                        past=self.then,
                        look=self.now,
                        namespace=self.namespace,
                        replicas=min(1, wanted(old)),
                    )
                if new is not None:
                    yield Pair(old=old, new=new)
        for old, same in self.both(CronJob):
            new = same or self.replacing(old)
            if new is not None:
                yield Pair(old=old, new=new)

    def replacing(self, old: CronJob) -> CronJob | None:
        """Return a CronJob that the reference did not have and that runs one of the same images."""
        known = {x.metadata.name for x in self.had(CronJob)}
        images = _images(old)
        for new in self.has(CronJob):
            if new.metadata.name not in known and not images.isdisjoint(_images(new)):
                return new
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paired:
    then: Snapshot
    pairs: tuple[Pair, ...]


def template_of(item: Owner) -> PodTemplate:
    """Return the pods that something makes, directly or by its Jobs."""
    if isinstance(item, CronJob):
        return item.spec.job_template.spec.template
    return item.spec.template


def _images(item: Owner) -> frozenset[str]:
    return frozenset(image_name(c.image) for c in template_of(item).spec.containers or ())


Find = Callable[[Ground], Iterable[Loss]]
"""Finds the losses of one namespace."""

Compare = Callable[[Pair], Iterable[Loss]]
"""Finds what one template lost."""


def loss_check(name: str, lists: tuple[str, ...], find: Find) -> Check:
    """Make the check of one kind of loss.

    Args:
        name: Its id; ends in `-kept`.
        lists: Kinds that it reads; one that cannot be read is unknown, reference or not.
        find: What is lost in one namespace.
    """
    return Check(id=CheckId(name), judge=_judge(CheckId(name), lists, find), lists=lists)


def template_check(name: str, compare: Compare) -> Check:
    """Make the check of a loss in the templates of workloads and CronJobs."""

    def find(ground: Ground) -> Iterator[Loss]:
        for pair in ground.pairs():
            if pair.old.spec != pair.new.spec:
                yield from compare(pair)

    return loss_check(name, TEMPLATE_LISTS, find)


def _judge(id_: CheckId, lists: tuple[str, ...], find: Find) -> Judge:
    def judge(view: View) -> list[Evidence]:
        then = view.reference.snapshot
        witness = Witness(check=id_, at=view.look.at)
        found = list(unread_lists(witness, view, lists))
        if then is None:
            return found
        for namespace in view.scope.namespaces:
            ground = Ground(
                namespace=namespace, then=then, now=view.look, partial=view.reference.partial
            )
            found.extend(_told(witness, ground, lists, find))
        return found

    return judge


def _told(
    witness: Witness, ground: Ground, lists: tuple[str, ...], find: Find
) -> Iterator[Evidence]:
    losses = list(find(ground))
    for loss in losses:
        yield witness.violated(
            loss.subject, field=loss.field, observed=loss.observed, expected=loss.expected
        )
    if not losses and all(ground.is_read(kind) for kind in lists):
        # One fact for all: a report of 500 workloads must not repeat that each lost nothing.
        yield witness.satisfied(
            SourceRef(source="kubernetes", detail=f"namespace {ground.namespace}"),
            observed="nothing lost",
            expected="as much as the reference had",
        )

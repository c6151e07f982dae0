"""Whether the custom resources that a policy names are well, by what their controllers say.

Read as kstatus reads them: the generation that was seen, `Stalled`, `Reconciling`, `Ready`; and
`Available` and `Degraded`, which many operators write instead. One list per kind and namespace,
so none is read unless `gate.custom_resources` names it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence, ObjectRef, SourceRef
from guardrails.core.ids import CheckId
from guardrails.errors import PolicyError
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.objects import CustomResource, CustomResourceDefinition
from guardrails.gates.kubernetes.resources import custom_resource
from guardrails.gates.kubernetes.topology import condition, latest, reaction_by
from guardrails.gates.snapshot import Snapshot

READY_ID = CheckId("custom-resources-ready")
DEFINED_ID = CheckId("custom-kinds-established")

RECONCILE_SECONDS = 120.0
"""What an operator gets to reconcile. Flux and cert-manager are done within a minute or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What keeps an object from being well."""

    field: str
    observed: str
    since: datetime | None = None
    works: bool = False
    """Its controller is at work."""


def custom_checks(names: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks of the kinds that a policy names; none when it names none.

    Args:
        names: As `certificates.cert-manager.io/v1`: plural, group and version.

    Raises:
        PolicyError: A name does not have this form.
    """
    for name in names:
        if custom_resource(name) is None:
            raise PolicyError(
                f"gate.custom_resources: {name} is not `plural.group/version`, "
                "such as certificates.cert-manager.io/v1"
            )
    if not names:
        return ()
    kinds = tuple(dict.fromkeys(names))
    return (
        Check(id=DEFINED_ID, judge=_Defined(kinds=kinds), lists=("CustomResourceDefinition",)),
        Check(id=READY_ID, judge=_Ready(kinds=kinds), lists=kinds),
    )


def trouble_of(item: CustomResource) -> Trouble | None:
    """Return what is wrong with an object by its own conditions, or None."""
    meta, status = item.metadata, item.status
    if meta.deletion_timestamp is not None:
        return Trouble(
            field="metadata.deletionTimestamp",
            observed="is being deleted",
            since=meta.deletion_timestamp,
            works=True,
        )
    if 0 < status.observed_generation < meta.generation:
        return Trouble(
            field="status.observedGeneration",
            observed=f"{status.observed_generation}, its spec is of {meta.generation}",
            works=True,
        )
    for type_, good in (
        ("Stalled", "False"),
        ("Degraded", "False"),
        ("Reconciling", "False"),
        ("Ready", "True"),
        ("Available", "True"),
    ):
        found = condition(status.conditions, type_)
        if found is not None and found.status != good:
            return Trouble(
                field=f"status.conditions[{type_}]",
                observed=f"{found.status} {found.reason}: {found.message}".rstrip(": "),
                since=found.last_transition_time,
                works=type_ != "Stalled",
            )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    kinds: tuple[str, ...]

    def __call__(self, view: View) -> list[Evidence]:
        """Judge every object of the kinds in scope, and every one that is gone."""
        witness = Witness(check=READY_ID, at=view.look.at)
        found = list(unread_lists(witness, view, self.kinds))
        for namespace in view.scope.namespaces:
            for kind in self.kinds:
                found.extend(_judge_list(witness, view, kind, namespace))
        return found


def _items(look: Snapshot, kind: str, namespace: str) -> dict[str, CustomResource]:
    listed = look.list_of(kind, namespace)
    items = listed.objects if listed is not None and listed.read.ok else ()
    return {x.metadata.name: x for x in items if isinstance(x, CustomResource)}


def _judge_list(witness: Witness, view: View, kind: str, namespace: str) -> Iterator[Evidence]:
    listed, past = view.look.list_of(kind, namespace), view.reference.snapshot
    if listed is None or not listed.read.ok:
        return
    now = _items(view.look, kind, namespace)
    old = _items(past, kind, namespace) if past is not None else {}
    for name, item in now.items():
        evidence = _judge(witness, view, item)
        before = trouble_of(old[name]) if name in old else None
        trouble = trouble_of(item)
        was_so = before is not None and trouble is not None and before.field == trouble.field
        yield aside(evidence) if was_so else evidence
    for name in old.keys() - now.keys():
        yield witness.violated(
            ObjectRef(kind=old[name].of, name=name, namespace=namespace),
            observed="does not exist",
            expected="exists (the reference)",
        )
    if not now and not old:
        yield witness.satisfied(
            SourceRef(source="kubernetes", detail=f"list {kind} in {namespace}"),
            observed="no object of the kind, and none known from before",
        )


def _judge(witness: Witness, view: View, item: CustomResource) -> Evidence:
    meta = item.metadata
    subject = ObjectRef(
        kind=item.of,
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        resource_version=meta.resource_version,
    )
    if item.odd:
        return aside(
            witness.unknown(
                subject, field="status", observed="its status has a shape of its own, not judged"
            )
        )
    trouble = trouble_of(item)
    if trouble is None:
        says = "its conditions are good" if item.status.conditions else "no condition says anything"
        return witness.satisfied(subject, field="status.conditions", observed=says)
    began = latest(trouble.since, view.scope.last_write_at)
    by = began + timedelta(seconds=RECONCILE_SECONDS) if began else None
    return witness.violated(
        subject,
        field=trouble.field,
        observed=trouble.observed,
        expected="its controller is done with it, and content",
        settles_by=latest(by, reaction_by(view.history, view.scope)) if trouble.works else None,
        settling=f"{item.of} {meta.name}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Defined:
    kinds: tuple[str, ...]

    def __call__(self, view: View) -> list[Evidence]:
        """Judge the definitions of the kinds; others are nobody's concern here."""
        witness = Witness(check=DEFINED_ID, at=view.look.at)
        found = list(unread_lists(witness, view, ("CustomResourceDefinition",)))
        names = {kind.partition("/")[0] for kind in self.kinds}
        items = view.look.objects(CustomResourceDefinition, "")
        return [*found, *(_established(witness, i) for i in items if i.metadata.name in names)]


def _established(witness: Witness, item: CustomResourceDefinition) -> Evidence:
    for type_ in ("NamesAccepted", "Established"):
        found = condition(item.status.conditions, type_)
        if found is None or found.status != "True":
            why = f"{found.status} {found.reason}: {found.message}" if found else "not set"
            return witness.violated(
                refer(item),
                field=f"status.conditions[{type_}]",
                observed=why,
                expected="True: the API server serves the kind",
            )
    return witness.satisfied(refer(item), field="status.conditions", observed="Established")

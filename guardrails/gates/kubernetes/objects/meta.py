"""What every object has: identity, owners, conditions, and selectors over labels."""

from datetime import datetime

import msgspec

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
"""Annotation of a ReplicaSet that was brought back: the revisions that it had before."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice that names its Service."""
CHAOS_PAUSED = "experiment.chaos-mesh.org/pause"
"""Annotation by which Chaos Mesh pauses an experiment."""
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False):
    """Something inside an object. Parts hold no cycles, so the collector need not walk them."""


class Annotations(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename={
        "revision": REVISION,
        "revision_history": REVISION_HISTORY,
        "last_applied": LAST_APPLIED,
        "chaos_paused": CHAOS_PAUSED,
        "default_class": DEFAULT_CLASS,
    },
):
    """The annotations that checks read; others may hold secrets and are not kept."""

    revision: str = ""
    revision_history: str = ""
    last_applied: str = ""
    chaos_paused: str = ""
    default_class: str = ""


class OwnerReference(Part, frozen=True, kw_only=True, gc=False):
    """Who controls an object."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Metadata(Part, frozen=True, kw_only=True, gc=False):
    """Identity of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: Annotations | None = None
    owner_references: tuple[OwnerReference, ...] | None = None


class Condition(Part, frozen=True, kw_only=True, gc=False):
    """One entry of `status.conditions`. Found by type: the order varies between states."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None


class Requirement(Part, frozen=True, kw_only=True, gc=False):
    """One entry of `matchExpressions`, over labels or node labels."""

    key: str = ""
    operator: str = ""
    """`In`, `NotIn`, `Exists`, `DoesNotExist`; over nodes also `Gt` and `Lt`."""
    values: tuple[str, ...] | None = None

    def holds(self, labels: dict[str, str]) -> bool:
        """Tell whether labels meet it; `Gt` and `Lt` compare whole numbers."""
        value, wanted = labels.get(self.key), self.values or ()
        match self.operator:
            case "In":
                return value in wanted
            case "NotIn":
                return value not in wanted
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt" if value is not None and wanted:
                return _compares(value, self.operator, wanted[0])
            case _:
                return False


def _compares(value: str, operator: str, bound: str) -> bool:
    try:
        return int(value) > int(bound) if operator == "Gt" else int(value) < int(bound)
    except ValueError:
        return False  # As the scheduler does: what is no number fits nowhere.


class LabelSelector(Part, frozen=True, kw_only=True, gc=False):
    """A selector over labels; an empty one selects everything, as the API documents."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Requirement, ...] | None = None

    def selects(self, labels: dict[str, str] | None) -> bool:
        """Tell whether labels are selected."""
        has = labels or {}
        return (self.match_labels or {}).items() <= has.items() and all(
            r.holds(has) for r in self.match_expressions or ()
        )


class Named(Part, frozen=True, kw_only=True, gc=False):
    """A reference to something by its name alone."""

    name: str = ""
    optional: bool = False
    """For ConfigMaps and Secrets: the pod starts without it."""


class TypedName(Part, frozen=True, kw_only=True, gc=False):
    """A reference by kind and name."""

    kind: str = ""
    name: str = ""


class KubeObjectBase(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename="camel",
    tag_field="kind",
    weakref=True,
):
    """What all kinds share; the tag is the kind, so stored lists decode without a table."""

    metadata: Metadata = Metadata()

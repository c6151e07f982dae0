"""The shapes of the objects that controllers read, so that a malformed one never reaches them.

The API server decodes JSON into Go structs and refuses what does not fit; these are the parts of
those structs that the simulation reads. Unknown fields pass, as with field validation off.
"""

from typing import Any, cast

import msgspec

from guardrails.testing.sim.kinds import Kind, Obj
from guardrails.testing.sim.status import bad_request

Quantity = int | float | str
IntOrString = int | str
Texts = dict[str, str]


class _Part(msgspec.Struct, rename="camel"):
    """A part of an object; every field may be absent or null."""


class _Owner(_Part):
    uid: str
    kind: str
    name: str
    controller: bool | None = None


class _Meta(_Part):
    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    labels: Texts | None = None
    annotations: Texts | None = None
    finalizers: list[str] | None = None
    owner_references: list[_Owner] | None = None
    managed_fields: list[dict[str, Any]] | None = None


class _Expression(_Part):
    key: str
    operator: str
    values: list[str] | None = None


class _Selector(_Part):
    match_labels: Texts | None = None
    match_expressions: list[_Expression] | None = None


class _Reference(_Part):
    name: str | None = None
    key: str | None = None
    optional: bool | None = None


class _EnvSource(_Part):
    config_map_key_ref: _Reference | None = None
    secret_key_ref: _Reference | None = None


class _Env(_Part):
    name: str
    value: str | None = None
    value_from: _EnvSource | None = None


class _EnvFrom(_Part):
    config_map_ref: _Reference | None = None
    secret_ref: _Reference | None = None


class _ContainerPort(_Part):
    container_port: int | None = None
    name: str | None = None
    protocol: str | None = None


class _Resources(_Part):
    requests: dict[str, Quantity] | None = None
    limits: dict[str, Quantity] | None = None


class _Exec(_Part):
    command: list[str] | None = None


class _Action(_Part):
    port: IntOrString | None = None


class _Probe(_Part):
    exec: _Exec | None = None
    http_get: _Action | None = None
    tcp_socket: _Action | None = None
    grpc: _Action | None = None
    initial_delay_seconds: int | None = None


class _Container(_Part):
    name: str | None = None
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    ports: list[_ContainerPort] | None = None
    env: list[_Env] | None = None
    env_from: list[_EnvFrom] | None = None
    resources: _Resources | None = None
    readiness_probe: _Probe | None = None
    liveness_probe: _Probe | None = None
    startup_probe: _Probe | None = None


class _Source(_Part):
    name: str | None = None
    secret_name: str | None = None
    claim_name: str | None = None
    optional: bool | None = None


class _Volume(_Part):
    name: str
    config_map: _Source | None = None
    secret: _Source | None = None
    persistent_volume_claim: _Source | None = None


class _Taint(_Part):
    key: str | None = None
    value: str | None = None
    effect: str | None = None
    operator: str | None = None


class _PodSpec(_Part):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    volumes: list[_Volume] | None = None
    node_name: str | None = None
    node_selector: Texts | None = None
    tolerations: list[_Taint] | None = None
    affinity: dict[str, dict[str, Any] | None] | None = None
    restart_policy: str | None = None
    termination_grace_period_seconds: int | None = None


class _Template(_Part):
    metadata: _Meta | None = None
    spec: _PodSpec | None = None


class _Rolling(_Part):
    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    partition: int | None = None


class _Strategy(_Part):
    type: str | None = None
    rolling_update: _Rolling | None = None


class _WorkloadSpec(_Part):
    replicas: int | None = None
    selector: _Selector | None = None
    template: _Template | None = None
    strategy: _Strategy | None = None
    update_strategy: _Strategy | None = None
    min_ready_seconds: int | None = None
    progress_deadline_seconds: int | None = None
    revision_history_limit: int | None = None
    paused: bool | None = None
    parallelism: int | None = None
    completions: int | None = None
    backoff_limit: int | None = None
    suspend: bool | None = None


class _ServicePort(_Part):
    port: int | None = None
    target_port: IntOrString | None = None
    name: str | None = None
    protocol: str | None = None


class _ServiceSpec(_Part):
    selector: Texts | None = None
    ports: list[_ServicePort] | None = None
    type: str | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    publish_not_ready_addresses: bool | None = None


class _NodeSpec(_Part):
    unschedulable: bool | None = None
    taints: list[_Taint] | None = None


class _QuotaSpec(_Part):
    hard: dict[str, Quantity] | None = None


class _BudgetSpec(_Part):
    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    selector: _Selector | None = None


class _ScaleTarget(_Part):
    kind: str | None = None
    name: str | None = None


class _ScalerSpec(_Part):
    scale_target_ref: _ScaleTarget | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: list[dict[str, Any]] | None = None


class _PolicySpec(_Part):
    pod_selector: _Selector | None = None
    policy_types: list[str] | None = None
    ingress: list[dict[str, Any]] | None = None
    egress: list[dict[str, Any]] | None = None


class _ScaleSpec(_Part):
    replicas: int | None = None


class _CrdNames(_Part):
    plural: str | None = None
    kind: str | None = None
    short_names: list[str] | None = None


class _CrdVersion(_Part):
    name: str
    served: bool | None = None
    subresources: dict[str, Any] | None = None


class _CrdSpec(_Part):
    group: str | None = None
    names: _CrdNames | None = None
    scope: str | None = None
    versions: list[_CrdVersion] | None = None


class _Condition(_Part):
    type: str
    status: str


class _Status(_Part):
    conditions: list[_Condition] | None = None
    phase: str | None = None


class _Object(_Part):
    metadata: _Meta | None = None
    status: _Status | None = None


class _Data(_Object):
    data: Texts | None = None
    string_data: Texts | None = None


_SPECS: dict[str, type[_Part]] = {
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"), _WorkloadSpec),
    "Pod": _PodSpec,
    "Service": _ServiceSpec,
    "Node": _NodeSpec,
    "ResourceQuota": _QuotaSpec,
    "PodDisruptionBudget": _BudgetSpec,
    "HorizontalPodAutoscaler": _ScalerSpec,
    "NetworkPolicy": _PolicySpec,
    "CustomResourceDefinition": _CrdSpec,
}


def _with_spec(spec: type[_Part]) -> type[msgspec.Struct]:
    fields = [("spec", spec | None, None)]
    return msgspec.defstruct("_Spec", fields, bases=(_Object,), rename="camel")


_SHAPES: dict[str, type[msgspec.Struct]] = {
    **{kind: _with_spec(spec) for kind, spec in _SPECS.items()},
    "ConfigMap": _Data,
    "Secret": _Data,
    "Scale": _with_spec(_ScaleSpec),
}


HAS_SPEC = frozenset(_SPECS)
"""Kinds whose `spec` controllers read; when none is sent it is empty, as a Go struct would be."""
_NULLABLE = frozenset({"metadata", "spec", "status"})


def misfit(kind: str, obj: Obj) -> str | None:
    """What does not fit the kind's shape, with its path, or None."""
    try:
        msgspec.convert(obj, _SHAPES.get(kind, _Object))
    except msgspec.ValidationError as error:
        return str(error)
    return None


def fit(kind: Kind, obj: Obj) -> Obj:
    """The object as the API server decodes it: null is absent, and every type is right.

    Raises:
        StatusError: 400 for a field of a wrong type.
    """
    why = misfit(kind.kind, obj)
    if why is not None:
        raise bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}'
        )
    found = {
        key: _without_nulls(value) if key in _NULLABLE else value
        for key, value in obj.items()
        if value is not None or key not in _NULLABLE
    }
    if kind.kind in HAS_SPEC:
        found.setdefault("spec", {})
    found.setdefault("metadata", {})
    return found


def _without_nulls(value: Any) -> Any:  # noqa: ANN401  # a JSON node
    if isinstance(value, dict):
        node = cast("Obj", value)
        return {key: _without_nulls(item) for key, item in node.items() if item is not None}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_without_nulls(item) for item in items]
    return value

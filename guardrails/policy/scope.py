"""Which namespaces an incident is about, when nobody says: those of its alerts and workloads."""

from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter, ValidationError

from guardrails.core.incident import AlertMatcher, Workload
from guardrails.errors import IncidentError
from guardrails.policy.incidentfile import NamespaceName, is_namespace

_LABELS = ("exported_namespace", "namespace")
"""Where an alert says its namespace. An exporter such as kube-state-metrics, scraped without
`honor_labels`, has its own namespace under `namespace` and the object's under the longer name."""

_names = TypeAdapter(tuple[NamespaceName, ...])


def namespaces_of(
    alerts: Iterable[AlertMatcher], workloads: Iterable[Workload] = ()
) -> tuple[str, ...]:
    """Gather the namespaces that alerts and workloads name, each once, in order.

    A label that can be no namespace is of another system (`AWS/EC2`), and no scope.
    """
    found = [
        next((alert.labels[label] for label in _LABELS if alert.labels.get(label)), "")
        for alert in alerts
    ]
    found += [workload.namespace for workload in workloads]
    return tuple(dict.fromkeys(name for name in found if is_namespace(name)))


def check_namespaces(names: Sequence[str]) -> tuple[str, ...]:
    """Check namespaces that were given beside a file.

    Raises:
        IncidentError: One of them can be no namespace.
    """
    try:
        return tuple(dict.fromkeys(_names.validate_python(tuple(names))))
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        said = (first.get("ctx") or {}).get("error", first["msg"])
        raise IncidentError(f"namespace: {said}") from None

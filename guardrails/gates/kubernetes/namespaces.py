"""What is known of a namespace itself."""

from guardrails.gates.kubernetes.objects import Namespace
from guardrails.gates.snapshot import Snapshot


def labels_of(look: Snapshot, namespace: str) -> dict[str, str] | None:
    """Return the labels of a namespace; None when it was not read, or is not there."""
    items = look.objects(Namespace, namespace)
    return next((i.metadata.labels or {} for i in items if i.metadata.name == namespace), None)

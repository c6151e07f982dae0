"""From an incident file to an `Incident`, strictly and with the line of every trouble."""

from collections.abc import Sequence
from pathlib import Path

from guardrails.core.incident import Incident, Workload
from guardrails.errors import IncidentError
from guardrails.policy.alertpayload import read_alert_payload
from guardrails.policy.document import Document
from guardrails.policy.incidentfile import IncidentFile
from guardrails.policy.problems import check
from guardrails.policy.scope import check_namespaces, namespaces_of
from guardrails.policy.yamlfile import read_document

__all__ = ["incident_schema", "load_incident", "read_alert_payload"]


def load_incident(
    path: Path | str, *, task: str | None = None, namespaces: Sequence[str] = ()
) -> Incident:
    """Read an incident file.

    Args:
        path: YAML, or JSON by its suffix.
        task: The task in words, over what the file says.
        namespaces: The scope, over what the file says.

    Returns:
        The incident. Its scope is, in this order: `namespaces`, the file's, or the namespaces of
        its alerts and workloads.

    Raises:
        IncidentError: The file cannot be read or says something it may not; a line per trouble.
    """
    path = Path(path)
    document = read_document(path, what="incident file", error=IncidentError)
    if document.data.keys() >= {"version", "receiver", "alerts"}:
        raise IncidentError(
            f"{path}: this is what Alertmanager sends to webhooks; give it with --alert-payload"
        )
    written = check(document, IncidentFile, error=IncidentError)
    words = (task or "").strip() or written.task
    if not words:
        raise IncidentError(
            f"{path}: task: missing; say in the file, or with --task, what the agent is asked"
        )
    _refuse_repeated_names(written, document)
    alerts = tuple(entry.value() for entry in written.alerts)
    workloads = tuple(entry.value() for entry in written.workloads)
    scope = check_namespaces(namespaces or written.namespaces) or namespaces_of(alerts, workloads)
    _refuse_outsiders(workloads, scope, document)
    return Incident(
        task=words,
        goal=written.goal,
        namespaces=scope,
        workloads=workloads,
        alerts=alerts,
        slo=tuple(entry.value(position=at) for at, entry in enumerate(written.slo, start=1)),
    )


def incident_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of an incident file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **IncidentFile.model_json_schema(by_alias=True),
        "title": "guarded-agent incident",
    }


def _refuse_repeated_names(written: IncidentFile, document: Document) -> None:
    seen: set[str] = set()
    for at, entry in enumerate(written.slo):
        name = entry.value(position=at + 1).name
        if name in seen:
            where = document.at(("slo", at, "name"))
            raise IncidentError(f"{where}: slo[{at}].name: {name!r} stands twice; reports need it")
        seen.add(name)


def _refuse_outsiders(
    workloads: Sequence[Workload], scope: Sequence[str], document: Document
) -> None:
    """A workload outside the scope would never be read, so its health could never be shown."""
    for at, workload in enumerate(workloads):
        if workload.namespace and workload.namespace not in scope:
            raise IncidentError(
                f"{document.at(('workloads', at))}: workloads[{at}]: namespace "
                f"{workload.namespace!r} is not in scope ({', '.join(scope)}); add it to namespaces"
            )

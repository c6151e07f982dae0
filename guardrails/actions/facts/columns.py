"""What the columns of kubectl's tables say, and which kind of object a header is of."""

import re
from typing import Final

from guardrails.actions.tables import tokens

FACTS: Final = {
    "READY": "ready",
    "STATUS": "status",
    "PHASE": "status",
    "STATE": "status",
    "RESTARTS": "restarts",
    "REASON": "reason",
    "NODE": "node",
    "UP-TO-DATE": "updated",
    "AVAILABLE": "available",
    "DESIRED": "desired",
    "CURRENT": "current",
    "REPLICAS": "replicas",
    "MINPODS": "min-replicas",
    "MAXPODS": "max-replicas",
    "TARGETS": "targets",
    "COMPLETIONS": "completions",
    "SUSPEND": "suspend",
    "TYPE": "type",
    "EXTERNAL-IP": "external-ip",
    "PORT(S)": "ports",
    "ENDPOINTS": "endpoints",
    "IMAGES": "image",
    "IMAGE": "image",
    "VOLUME": "volume",
    "CPU(cores)": "cpu",
    "MEMORY(bytes)": "memory",
    "SYNC STATUS": "sync",
    "HEALTH STATUS": "health",
    "ALLOWED DISRUPTIONS": "allowed-disruptions",
    "EXIT CODE": "exit-code",
    "EXITCODE": "exit-code",
}
"""Columns that say something of an object, and what. Ages, addresses and the like say nothing that
an incident turns on."""
NAMES: Final = ("NAME", "POD", "POD_NAME", "POD NAME")
"""Columns that hold the object's name."""
ALERT_NAMES: Final = ("ALERTNAME", "ALERT", "ALERT NAME", "Alertname")
NAMESPACES: Final = ("NAMESPACE", "NS")

_SIGNATURES: Final = (
    ("event", tokens("REASON OBJECT MESSAGE")),
    ("daemonset", tokens("DESIRED CURRENT READY UP-TO-DATE")),
    ("replicaset", tokens("DESIRED CURRENT READY")),
    ("deployment", tokens("READY UP-TO-DATE AVAILABLE")),
    ("pod", tokens("READY STATUS RESTARTS")),
    ("service", tokens("TYPE CLUSTER-IP")),
    ("endpoints", tokens("ENDPOINTS")),
    ("endpointslice", tokens("ADDRESSTYPE")),
    ("node", tokens("STATUS ROLES VERSION")),
    ("persistentvolumeclaim", tokens("STATUS VOLUME CAPACITY")),
    ("horizontalpodautoscaler", tokens("REFERENCE TARGETS MINPODS")),
    ("cronjob", tokens("SCHEDULE SUSPEND")),
    ("job", tokens("COMPLETIONS")),
    ("ingress", tokens("CLASS HOSTS")),
    ("release", tokens("REVISION CHART")),
    ("node", tokens("CPU(cores) CPU%")),
    ("node", tokens("CPU(cores) CPU(%)")),
    ("pod", tokens("CPU(cores) MEMORY(bytes)")),
)
"""Columns by which kubectl's (and helm's) own tables are known, most telling first."""

UNMISTAKABLE: Final = frozenset({"event", "alert", "pod", "deployment", "service", "node"})
"""Kinds whose header says more than what was asked for: a tool that is asked for a service may
list its pods."""

HEADERLESS: Final = {
    ("pod", 5): ("NAME", "READY", "STATUS", "RESTARTS", "AGE"),
    ("deployment", 5): ("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"),
    ("replicaset", 5): ("NAME", "DESIRED", "CURRENT", "READY", "AGE"),
    ("statefulset", 3): ("NAME", "READY", "AGE"),
    ("node", 5): ("NAME", "STATUS", "ROLES", "AGE", "VERSION"),
    ("namespace", 3): ("NAME", "STATUS", "AGE"),
    ("endpoints", 3): ("NAME", "ENDPOINTS", "AGE"),
}
"""Columns of `--no-headers`, or of what `grep` left of a table, by kind and number."""

_COLUMN = re.compile(
    r"[A-Z][A-Z0-9_%/.-]*(?:\([A-Za-z0-9%]+\))?(?: [A-Z][A-Z0-9]*)*"
    r"|Alertname|Starts At|Summary|State"
)
BETWEEN: Final = re.compile(r"\s{2,}|\t")
"""Parts cells; one space may stand inside of them."""


def columns_of(line: str) -> tuple[str, ...]:
    """Give the columns of a header, or nothing if the line is none.

    >>> columns_of("NAME    READY   STATUS    RESTARTS   AGE")
    ('NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE')
    """
    cells = BETWEEN.split(line.strip())
    if not all(_COLUMN.fullmatch(cell) for cell in cells):
        return ()
    named = not set(cells).isdisjoint((*NAMES, *ALERT_NAMES, "OBJECT"))
    return tuple(cells) if named else ()


def kind_by_columns(columns: tuple[str, ...]) -> str:
    """Tell of which kind the rows below a header are; empty if it does not say."""
    if not set(columns).isdisjoint(ALERT_NAMES):
        return "alert"
    found = frozenset(columns)
    return next((kind for kind, signature in _SIGNATURES if signature <= found), "")

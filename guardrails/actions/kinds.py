"""Kubernetes resource names: short names and plurals to the singular kind, and `kind/name` words.

The table is what `kubectl api-resources` prints for a 1.36 server, with the custom resources that
SRE agents meet most. An unknown plural loses its ending by the rules of English plurals, which is
how kinds get their plurals too.
"""

from collections.abc import Iterable

from guardrails.actions.meaning import OPEN, known
from guardrails.core.toolaction import Target

_SHORT_NAMES = (
    "po pod|deploy deployment|rs replicaset|sts statefulset|ds daemonset|svc service|no node"
    "|ns namespace|cm configmap|pvc persistentvolumeclaim|pv persistentvolume|ing ingress"
    "|hpa horizontalpodautoscaler|pdb poddisruptionbudget|netpol networkpolicy|sa serviceaccount"
    "|ep endpoints|ev event|quota resourcequota|limits limitrange|sc storageclass|cj cronjob"
    "|rc replicationcontroller|crd customresourcedefinition|crds customresourcedefinition"
    "|cs componentstatus|csr certificatesigningrequest|pc priorityclass|ingclass ingressclass"
    "|vs virtualservice|dr destinationrule|gw gateway|se serviceentry|pa peerauthentication"
    "|app application|appset applicationset|ks kustomization|hr helmrelease"
    "|vpa verticalpodautoscaler|smon servicemonitor|pmon podmonitor|promrule prometheusrule"
    "|cert certificate|certs certificate|ro rollout"
)
_IRREGULAR = {
    "endpoints": "endpoints",
    "ingresses": "ingress",
    "ingress": "ingress",
    "prometheus": "prometheus",
    "prometheuses": "prometheus",
    "redis": "redis",
    "status": "status",
    "storageclasses": "storageclass",
    "limits": "limitrange",
    "networkpolicies": "networkpolicy",
}
_KINDS: dict[str, str] = {
    **{short: kind for short, _, kind in (p.partition(" ") for p in _SHORT_NAMES.split("|"))},
    **_IRREGULAR,
}


def kind_of(resource: str) -> str:
    """Give the singular lower-case kind of a resource word: `deployments.apps` → `deployment`."""
    word = resource.partition(".")[0].lower()
    found = _KINDS.get(word)
    if found is not None:
        return found
    if word.endswith("chaos"):
        return word  # Chaos Mesh's kinds are their own plurals.
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def resource_targets(
    operands: Iterable[str],
    *,
    namespace: str = "",
    selector: str = "",
    every_namespace: bool = False,
    kind: str = "",
) -> tuple[Target, ...]:
    """Read kubectl's resource operands.

    Args:
        operands: `deploy/web`, `pods a b`, `po,svc`, or bare names if `kind` is given.
        namespace: The namespace of the command, if it names one.
        selector: The label selector, as written.
        every_namespace: Whether the command speaks of all namespaces.
        kind: The kind of bare names, for commands that take no kind (`logs`, `drain`).

    Returns:
        One target per object; a kind without a name if the command means all of them.
    """
    words = list(operands)
    pairs: list[tuple[str, str]] = []
    bare: list[str] = []
    for word in words:
        resource, slash, name = word.partition("/")
        if slash and OPEN not in resource:
            pairs.append((kind_of(resource), known(name)))
        else:
            bare.append(word)
    if bare and kind:
        pairs += [(kind, known(name)) for name in bare]
    elif bare:
        kinds = [kind_of(part) if OPEN not in part else "" for part in bare[0].split(",") if part]
        names = bare[1:] or [""]
        pairs += [(each, known(name)) for each in kinds for name in names]
    if not pairs and selector and kind:
        pairs.append((kind, ""))
    return tuple(
        Target(
            kind=each,
            name=name,
            namespace=namespace,
            selector=selector,
            every_namespace=every_namespace,
        )
        for each, name in pairs
    )

"""Names of objects as one word: `deploy/web`, `shop/Deployment/web`, `apps/v1/Deployment/shop/web`.

Agents write them with and without namespace, group and version. The part that is a kind decides how
the others are read; a word without one names no object.
"""

import re

from guardrails.actions.kinds import kind_of
from guardrails.actions.tables import tokens
from guardrails.core.claims import NamedEntity

NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
"""An RFC 1123 subdomain, in any case: agents capitalize."""
_NAME = re.compile(NAME, re.IGNORECASE | re.ASCII)
_CAMEL = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)*")
"""Kinds that nobody listed are known by how they are written."""
_AROUND = "`'\"\u201c\u201d\u2018\u2019*()[]<>,;: \t"

_KNOWN = tokens(
    "pod deployment statefulset daemonset replicaset replicationcontroller job cronjob service"
    " endpoints endpointslice ingress ingressclass networkpolicy horizontalpodautoscaler"
    " verticalpodautoscaler poddisruptionbudget resourcequota limitrange configmap secret"
    " persistentvolumeclaim persistentvolume storageclass node namespace serviceaccount role"
    " rolebinding clusterrole clusterrolebinding customresourcedefinition priorityclass container"
    " controllerrevision mutatingwebhookconfiguration validatingwebhookconfiguration"
    " virtualservice destinationrule gateway serviceentry peerauthentication authorizationpolicy"
    " sidecar envoyfilter httproute application applicationset kustomization helmrelease rollout"
    " servicemonitor podmonitor prometheusrule certificate schedule podchaos networkchaos"
    " stresschaos httpchaos iochaos dnschaos timechaos jvmchaos"
)
"""Kinds that incidents are about; `kubectl api-resources` of 1.36, Istio, Argo and Chaos Mesh."""


def is_kind(word: str) -> bool:
    """Tell whether a word is a kind, in any of the forms that kubectl takes.

    >>> is_kind("deploy"), is_kind("Ingresses.networking.k8s.io"), is_kind("shop")
    (True, True, False)
    """
    return kind_of(word) in _KNOWN


def read_resource_id(text: str, *, known_only: bool = False) -> NamedEntity | None:
    """Read the name of an object.

    Args:
        text: One word, perhaps quoted.
        known_only: Whether the kind must be one that we know. In sentences it must: paths look
            like names of objects of strange kinds.

    Returns:
        The object, its kind in lower case and singular; None when no part is a kind, or a part
        is no name.

    >>> read_resource_id("otel-demo/Service/ad")
    NamedEntity(name='ad', kind='service', namespace='otel-demo')
    """
    parts = text.strip(_AROUND).split("/")
    if not _MOST_PARTS >= len(parts) > 1 or not all(_NAME.fullmatch(part) for part in parts):
        return None
    place = _kind_among(parts, known_only=known_only)
    if place is None:
        return None
    before, after = parts[:place], parts[place + 1 :]
    match before, after:
        case [], [name]:
            namespace = ""
        case [namespace], [name]:
            pass
        case _, [namespace, name]:  # Group and version, or nothing, stand before the kind.
            pass
        case _:
            return None
    return NamedEntity(name=name.lower(), kind=kind_of(parts[place]), namespace=namespace.lower())


_MOST_PARTS = 5
"""Group, version, kind, namespace, name."""


def _kind_among(parts: list[str], *, known_only: bool) -> int | None:
    """Return which part is the kind. The last is the name, whatever it looks like."""
    candidates = range(len(parts) - 1)
    # `shop/Deployment/web` is how most agents write, so the middle goes before the first.
    for place in (candidates[-1], *candidates[:-1]):
        if is_kind(parts[place]):
            return place
    if known_only:
        return None
    camel = (n for n in reversed(candidates) if _CAMEL.fullmatch(parts[n]))
    return next(camel, None)

"""What a change may have made untrue: the objects that it names, their children, and their owners.

Where it is not known what was changed, everything is in doubt: a fact that is wrongly doubted
costs one more look, and one that is wrongly kept misleads.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from guardrails.actions.facts.fact import ALERT, METRIC, Place
from guardrails.actions.programs import is_program
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, Operation, Target, ToolAction

_CLIENTS = tokens("kubectl oc helm argocd flux istioctl k9s kustomize")
_ELSEWHERE = tokens("file query unit")
"""Targets that are not in a cluster."""
_OF_MANY = tokens(
    "namespace networkpolicy resourcequota limitrange release application kustomization helmrelease"
    " peerauthentication authorizationpolicy virtualservice destinationrule gateway all"
)
"""Kinds that act on other objects of their namespace than those with their name."""
_OF_ALL = tokens(
    "node persistentvolume storageclass priorityclass customresourcedefinition clusterrole"
    " clusterrolebinding mutatingwebhookconfiguration validatingwebhookconfiguration ingressclass"
)
"""Kinds that act across namespaces: the pods of a drained node start anywhere."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change may have touched."""

    places: tuple[Place, ...] = ()
    namespaces: frozenset[str] = frozenset()
    """Those of which everything is in doubt."""
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.places or self.namespaces)

    def among(self, keys: Iterable[str]) -> set[str]:
        """Return the keys of the objects that may have changed.

        Alerts and series follow any change. A session has hundreds of objects and a change names
        one, so those of other namespaces are left out before names are compared.
        """
        if self.everything:
            return set(keys)
        near = {place.namespace for place in self.places} | {""}
        anywhere = any(not place.namespace for place in self.places)
        found: set[str] = set()
        for key in keys:
            kind, space, name = key.split("/", 2)
            whole = space in self.namespaces or (not space and bool(self.namespaces))
            if (
                whole
                or kind in _FOLLOW
                or (
                    (anywhere or space in near)
                    and any(_related(touched, kind, space, name) for touched in self.places)
                )
            ):
                found.add(key)
        return found


_FOLLOW = frozenset({ALERT, METRIC})


def touched_by(action: ToolAction) -> Touched:
    """Return what a call's changes may have touched; nothing for a call that only reads.

    >>> from guardrails.actions.classify import classify
    >>> action = classify("kubectl", '{"command": "kubectl scale deploy web -n shop --replicas=2"}')
    >>> touched_by(action).among(["pod/shop/web-7d4b9-x2x", "pod/shop/cart-0"])
    {'pod/shop/web-7d4b9-x2x'}
    """
    if action.effect not in _CHANGES:
        return Touched()
    places: list[Place] = []
    spaces: set[str] = set()
    changes = [o for o in action.operations if o.effect in _CHANGES and not o.dry_run]
    everything = not changes or (not action.understood and not any(o.targets for o in changes))
    for operation in changes:
        if not operation.targets:
            everything = everything or _may_change_a_cluster(operation)
        for target in operation.targets:
            if _is_elsewhere(target, operation):
                continue
            match _reach(target):
                case Place() as place:
                    places.append(place)
                case str() as namespace:
                    spaces.add(namespace)
                case None:
                    everything = True
    return Touched(places=tuple(places), namespaces=frozenset(spaces), everything=everything)


_CHANGES = (Effect.WRITE, Effect.DESTRUCTIVE)


def _may_change_a_cluster(operation: Operation) -> bool:
    """Tell whether a change without a target reaches a cluster: `tee` and `mkdir` do not."""
    return operation.program in _CLIENTS or not is_program(operation.program)


def _is_elsewhere(target: Target, operation: Operation) -> bool:
    """Tell whether a target is in no cluster: a file here, an address of no API server."""
    if target.kind == "url":
        return _API.search(target.name) is None
    return target.kind in _ELSEWHERE and operation.program not in _CLIENTS


_API = re.compile(r"/api/v\d|/apis/")


def _reach(target: Target) -> Place | str | None:
    """Return the object, or the namespace of which all is touched; None for everything."""
    if target.every_namespace or target.kind in _OF_ALL or target.kind == "url":
        return None
    if target.kind == "namespace":
        return target.name or None
    if target.name and target.kind not in _OF_MANY and target.kind not in _ELSEWHERE:
        return Place(target.kind, target.namespace, target.name)
    return target.namespace or None


def _related(touched: Place, kind: str, namespace: str, name: str) -> bool:
    """Tell whether one is the other, owns it, or belongs to it, by the rule of names.

    A controller's children begin with its name, so a changed pod is in doubt with its deployment,
    and a changed deployment with its pods.
    """
    if touched.namespace != namespace and touched.namespace and namespace:
        return False
    ours = touched.name
    if ours == name or name.startswith(f"{ours}-"):
        return True
    return kind in _OWNERS and ours.startswith(f"{name}-")


_OWNERS = tokens(
    "deployment replicaset statefulset daemonset job cronjob service endpoints rollout"
    " horizontalpodautoscaler"
)
"""Kinds whose own state shows what became of their pods."""

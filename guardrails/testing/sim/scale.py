"""The `scale` subresource: reading and setting a workload's replica count."""

from typing import cast

from guardrails.testing.sim.http import Request
from guardrails.testing.sim.kinds import Kind, Obj, part
from guardrails.testing.sim.patching import json_patch, merge_patch
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.requests import Target, decode_body, media_type
from guardrails.testing.sim.status import bad_request, conflict, method_not_allowed
from guardrails.testing.sim.store import clone


def _selector_text(selector: Obj) -> str:
    labels: dict[str, str] = part(selector, "matchLabels")
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def to_scale(obj: Obj) -> Obj:
    """A workload as `autoscaling/v1` Scale."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Obj = part(obj, "status")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in kept if key in obj["metadata"]},
        "spec": {"replicas": obj["spec"].get("replicas", 0)},
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": _selector_text(part(obj["spec"], "selector")),
        },
    }


def serve(registry: Registry, kind: Kind, target: Target, request: Request) -> Obj:
    """Answer a request for a workload's scale.

    Raises:
        StatusError: 400, 404, 405, 409 or 422.
    """
    with registry.store.lock:
        old = registry.get(kind, target.name, namespace=target.namespace)
        match target.verb:
            case "get":
                return to_scale(old)
            case "update":
                wanted = cast("Obj", decode_body(request))
            case "patch":
                body = decode_body(request)
                if media_type(request) == "application/json-patch+json":
                    wanted = json_patch(to_scale(old), cast("list[Obj]", body))
                else:
                    # Scale has no list with a merge key: strategic and merge patch agree.
                    wanted = merge_patch(to_scale(old), cast("Obj", body))
            case _:
                raise method_not_allowed()
        version = part(wanted, "metadata").get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise conflict(kind, target.name)
        new = clone(old)
        try:
            new["spec"]["replicas"] = wanted["spec"].get("replicas", 0)
        except (KeyError, AttributeError):
            raise bad_request("a Scale needs spec.replicas") from None
        return to_scale(registry.update(kind, new, name=target.name, namespace=target.namespace))

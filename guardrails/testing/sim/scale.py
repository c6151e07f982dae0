"""The `scale` subresource: reading and setting a workload's replica count."""

from guardrails.testing.sim.http import Request
from guardrails.testing.sim.kinds import Kind, Obj, part
from guardrails.testing.sim.patching import patched
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.requests import Target, decode_body, decode_object, media_type
from guardrails.testing.sim.shapes import misfit
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
                wanted = decode_object(request)
            case "patch":
                body = decode_body(request)
                # A Scale has no list with a merge key, so the patch types are the generic ones.
                wanted = patched(to_scale(old), body, content_type=media_type(request))
            case _:
                raise method_not_allowed()
        why = misfit("Scale", wanted)
        if why is not None:
            raise bad_request(f'Scale in version "v1" cannot be handled as a Scale: {why}')
        version = part(wanted, "metadata").get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise conflict(kind, target.name)
        new = clone(old)
        new["spec"]["replicas"] = part(wanted, "spec").get("replicas") or 0
        return to_scale(registry.update(kind, new, name=target.name, namespace=target.namespace))

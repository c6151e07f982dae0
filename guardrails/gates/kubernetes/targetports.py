"""Whether a Service's target port is one that its pods have.

Declaring ports is optional, so what is declared binds only where the serving container declares
anything; a sidecar that declares its own port says nothing about the application beside it.
"""

from collections.abc import Iterator, Sequence

from guardrails.gates.kubernetes.objects import (
    Container,
    ContainerPort,
    Pod,
    ServicePort,
    TemplateContainer,
)
from guardrails.gates.kubernetes.replacement import image_name

HELPERS = frozenset(
    {
        *("istio-proxy", "linkerd-proxy", "consul-dataplane", "kuma-sidecar", "daprd", "proxyv2"),
        *("vault-agent", "cloud-sql-proxy", "cloudsql-proxy", "otc-container", "jaeger-agent"),
        *("fluent-bit", "fluentd", "filebeat", "promtail", "vector", "opentelemetry-collector"),
    }
)
"""Containers that are put beside applications, by their usual name or image."""


def target_of(port: ServicePort) -> int | str:
    """Return the target port: a number, or the name of a container's port."""
    target = port.port if port.target_port is None else port.target_port
    return int(target) if isinstance(target, str) and target.isdigit() else target


def declared_by(pod: Pod) -> Iterator[ContainerPort]:
    """Yield the ports that a pod's running containers declare."""
    for container in pod.spec.containers or ():
        yield from container.ports or ()
    for container in pod.spec.init_containers or ():
        if container.restart_policy == "Always":  # a sidecar keeps running and may serve
            yield from container.ports or ()


def undeclared(
    port: ServicePort, pods: Sequence[Pod], templates: Sequence[TemplateContainer]
) -> bool:
    """Tell whether a numeric target may be served although no container declares it.

    So it is when the application's container declares nothing at all, or when another that
    declares nothing probes or is told the number.
    """
    number = target_of(port)
    return any(_is_served_silently(pod, number, templates) for pod in pods)


def _is_served_silently(
    pod: Pod, number: int | str, templates: Sequence[TemplateContainer]
) -> bool:
    containers = [c for c in pod.spec.containers or () if not is_helper(c)]
    if not containers or not containers[0].ports:
        return True
    silent = {c.name for c in containers if not c.ports}
    return any(t.name in silent and _speaks_of(t, number) for t in templates)


def is_helper(container: Container) -> bool:
    """Tell whether a container only stands beside the program, as the proxy of a mesh does."""
    return container.name in HELPERS or image_name(container.image) in HELPERS


def _speaks_of(container: TemplateContainer, number: int | str) -> bool:
    probes = (container.readiness_probe, container.liveness_probe, container.startup_probe)
    probed = {
        ask.port
        for probe in probes
        if probe is not None
        for ask in (probe.http_get, probe.tcp_socket, probe.grpc)
        if ask is not None
    }
    return number in probed or any(v.value == str(number) for v in container.env or ())


def known_ports(declared: Sequence[ContainerPort]) -> str:
    """Say which ports there are."""
    known = dict.fromkeys(
        f"{d.container_port} ({d.name})" if d.name else str(d.container_port) for d in declared
    )
    return f"; they have {', '.join(known)}" if known else "; they declare none"

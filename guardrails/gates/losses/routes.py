"""Which requests an Ingress lets in: hosts and paths, and whether others now take them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.gates.kubernetes.objects import Ingress
from guardrails.gates.kubernetes.objects.network import IngressBackend


class Route(NamedTuple):
    """One way in."""

    host: str
    path: str
    backend: str
    exact: bool = False

    def __str__(self) -> str:
        """Write it as a URL would be."""
        return f"{self.host or '*'}{self.path}"


def routes_of(ingress: Ingress) -> Iterator[Route]:
    """Yield the routes of an Ingress; its default backend takes every host and path."""
    if ingress.spec.default_backend is not None:
        yield Route("", "/", _backend(ingress.spec.default_backend))
    for rule in ingress.spec.rules or ():
        for path in (rule.http.paths if rule.http else None) or ():
            exact = path.path_type == "Exact"
            yield Route(rule.host, path.path or "/", _backend(path.backend), exact)


def _backend(backend: IngressBackend) -> str:
    if backend.service is not None:
        return backend.service.name
    return backend.resource.name if backend.resource is not None else ""


def is_served(route: Route, by: Sequence[Route]) -> bool:
    """Tell whether requests of a route still have a way in.

    The same host and path may lead to another Service, which is judged where Services are; a
    wider path must lead to the same one, because it led elsewhere before.
    """
    return any(
        other.host in (route.host, "")
        and (
            other.path == route.path
            or (
                not other.exact
                and other.backend == route.backend
                and route.path.startswith(other.path.rstrip("/") + "/")
            )
        )
        for other in by
    )


def encrypted(ingress: Ingress) -> frozenset[str]:
    """Return the hosts that an Ingress has a certificate for; an empty name stands for all."""
    return frozenset(host for tls in ingress.spec.tls or () for host in tls.hosts or ("",))

"""Which Services a workload names: dependency edges read from env variables, commands and args.

Texts are reduced before they are kept (`reduction.py`), but the addresses in them stay. What a
configuration file or a Secret names is not seen here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from guardrails.gates.kubernetes.objects import (
    PodTemplate,
    Service,
    TemplateContainer,
    Workload,
)
from guardrails.gates.kubernetes.topology import Owner, is_deleted, kind_of, territory
from guardrails.gates.snapshot import Snapshot

_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>[^:/\s]+)(?::(?P<port>\d+))?/?"
)
_HOST_NAME = re.compile(r"(?P<what>.*?)_?(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER|SERVICE)(?:_NAME)?")

IMPLIED_PORTS: Mapping[str, int] = {"http": 80, "ws": 80, "https": 443, "wss": 443}
"""Ports of schemes that name none; of other schemes every client has its own default."""

NETWORK_SCHEMES = frozenset(
    (
        *("http", "https", "ws", "wss", "grpc", "grpcs", "tcp", "tls", "udp", "dns", "thrift"),
        *("amqp", "amqps", "kafka", "nats", "mqtt", "redis", "rediss", "memcached", "zipkin"),
        *("postgres", "postgresql", "mysql", "mariadb", "mongodb", "ldap", "ldaps", "smtp"),
    )
)
"""Schemes whose host is a network name. That of `s3://` or `docker://` is not."""

_ELSEWHERE = frozenset({"localhost", "host.docker.internal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One address in a template."""

    field: str
    """Where it stands, below the template's spec: `containers[app].env[PAYMENT_URL]`."""
    host: str
    port: int | None = None
    """None when nothing says it."""
    implied: bool = False
    """The port follows from the scheme alone; a client may be told another elsewhere."""
    plain: bool = False
    """It is an address beyond doubt: a URL of a network scheme, a name with `.svc`, or a host and
    port as the whole value. Any other word with a number may mean something else."""

    def __str__(self) -> str:
        """Write host and port."""
        return self.host if self.port is None or self.implied else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ServiceName:
    """A Service, by name and namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as a cluster name begins."""
        return f"{self.name}.{self.namespace}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A workload that names a Service: a dependency edge."""

    namespace: str
    """Of the caller."""
    owner: Owner
    mention: Mention
    service: ServiceName


def mentions_of(template: PodTemplate) -> tuple[Mention, ...]:
    """Return every address in a template's env variables, commands and arguments."""
    spec = template.spec
    found: list[Mention] = []
    for field, containers in (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
    ):
        for container in containers or ():
            found.extend(_in_container(f"{field}[{container.name}]", container))
    return tuple(found)


def _in_container(where: str, container: TemplateContainer) -> Iterator[Mention]:
    values = {v.name: v.value for v in container.env or () if v.value}
    for name, value in values.items():
        yield from _in_text(f"{where}.env[{name}]", value, port=_port_beside(name, values))
    for field, parts in (("command", container.command), ("args", container.args)):
        for number, part in enumerate(parts or ()):
            yield from _in_text(f"{where}.{field}[{number}]", part, is_value=False)


def _port_beside(name: str, values: Mapping[str, str]) -> int | None:
    """Return the port that `PAYMENT_PORT` gives to `PAYMENT_HOST`."""
    match = _HOST_NAME.fullmatch(name)
    port = values.get(f"{match['what']}_PORT", "") if match and match["what"] else ""
    return int(port) if port.isdecimal() else None


def _in_text(
    field: str, text: str, *, port: int | None = None, is_value: bool = True
) -> Iterator[Mention]:
    words = text.split(" ")
    whole = is_value and len(words) == 1
    for word in words:
        match = _ADDRESS.fullmatch(word)
        if match is None or word.startswith("sha256:") or not _is_name(match["host"]):
            continue
        scheme, host, own = match["scheme"] or "", match["host"], match["port"]
        if scheme and scheme not in NETWORK_SCHEMES and own is None:
            continue
        if not scheme and own is None and not whole and not _is_cluster_name(host):
            continue
        said = int(own) if own else port
        yield Mention(
            field=field,
            host=host,
            port=IMPLIED_PORTS.get(scheme) if said is None else said,
            implied=said is None and scheme in IMPLIED_PORTS,
            plain=bool(scheme) or _is_cluster_name(host) or (whole and said is not None),
        )


def _is_name(host: str) -> bool:
    """Tell names from addresses, numbers and switches."""
    last = host.rpartition(".")[2]
    switch = host.lower() in {"true", "false", "yes", "no", "on", "off"}
    return host not in _ELSEWHERE and not last.isdecimal() and not switch


def _is_cluster_name(host: str) -> bool:
    return "svc" in host.split(".")[2:4]


def resolve(
    host: str, *, namespace: str, services: Mapping[str, Mapping[str, Service]]
) -> ServiceName | None:
    """Return the Service that a host name means to a pod of `namespace`, there or not.

    Args:
        host: As it is written.
        namespace: Of the pod, whose search path completes short names.
        services: By namespace and name; only these namespaces are known.

    Returns:
        None when it lies in a namespace that is not known, or outside the cluster.
    """
    labels = host.rstrip(".").split(".")
    if "svc" in labels:
        labels = labels[: labels.index("svc")]
    elif labels[-2:] == ["cluster", "local"]:
        return None
    here = services.get(namespace, {})
    match labels:
        case [name]:
            return ServiceName(namespace=namespace, name=name)
        case [_, name] if name in here and labels[0] not in services.get(name, {}):
            return ServiceName(namespace=namespace, name=name)  # a pod of a headless Service
        case [name, place] | [_, name, place] if place in services:
            return ServiceName(namespace=place, name=name)
        case _:
            return None


def services_of(look: Snapshot, namespaces: Sequence[str]) -> dict[str, dict[str, Service]]:
    """Return the Services of the namespaces whose list was read, by namespace and name."""
    found: dict[str, dict[str, Service]] = {}
    for namespace in namespaces:
        listed = look.list_of("Service", namespace)
        if listed is not None and listed.read.ok:
            found[namespace] = {s.metadata.name: s for s in look.objects(Service, namespace)}
    return found


def mentions_by(look: Snapshot, namespace: str) -> dict[Owner, tuple[Mention, ...]]:
    """Return what each workload of a namespace names, indexed once per look."""
    known = look.derived.get(("mentions", namespace))
    if isinstance(known, _Mentions):
        return known.by_owner
    found = _Mentions(
        by_owner={
            Owner(kind=kind_of(w), name=w.metadata.name): mentions_of(w.spec.template)
            for w in _standing(look, namespace)
        }
    )
    look.derived["mentions", namespace] = found
    return found.by_owner


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mentions:
    by_owner: dict[Owner, tuple[Mention, ...]]


def _standing(look: Snapshot, namespace: str) -> Iterator[Workload]:
    return (w for w in territory(look, namespace).workloads if not is_deleted(w))


def calls_in(look: Snapshot, namespaces: Sequence[str]) -> tuple[Call, ...]:
    """Return the dependency edges between workloads and Services that exist."""
    services = services_of(look, namespaces)
    return tuple(
        Call(namespace=namespace, owner=owner, mention=mention, service=name)
        for namespace in namespaces
        for owner, mentions in mentions_by(look, namespace).items()
        for mention in mentions
        if (name := resolve(mention.host, namespace=namespace, services=services)) is not None
        and name.name in services.get(name.namespace, {})
    )

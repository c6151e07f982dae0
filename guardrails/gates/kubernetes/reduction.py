"""Cuts objects down before they are kept: no literal value that may be a secret stays readable.

Snapshots are stored. Environment variables, arguments and ConfigMaps hold passwords in many
clusters, so a text is kept only when it is an address, a small number or a switch; of any other a
digest stays, which tells that it changed, and the addresses in it, which tell what it talks to.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from guardrails.gates.kubernetes.applied import slim_applied
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.kubernetes.objects.batch import CronJob, Job
from guardrails.gates.kubernetes.objects.config import ConfigMap
from guardrails.gates.kubernetes.objects.templates import (
    EnvVar,
    Exec,
    Hook,
    HttpGet,
    Lifecycle,
    PodTemplate,
    Probe,
    TemplateContainer,
)
from guardrails.gates.kubernetes.objects.workloads import (
    ControllerRevision,
    DaemonSet,
    Deployment,
    ReplicaSet,
    RevisionData,
    RevisionSpec,
    StatefulSet,
)

REVISIONS_KEPT = 3
"""Templates of old ReplicaSets that are kept, newest first: the faulty one, its mend, and the one
before. Kubernetes keeps ten by default, and 500 Deployments would fill a look with them."""

DIGEST_CHARS = 8
"""Hex digits of a digest: enough to see a change (1 in 4 billion goes unseen), and few enough
that many texts share one, so that a short secret cannot be told from it with certainty."""

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_ADDRESS = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^/@\s\"']*@)?(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?"
    rf"|(?<![\w./@-])(?P<bare>{_HOST}):(?P<bareport>\d{{2,5}})(?![\w.:-])"
    rf"|(?<![\w./@-])(?P<svc>{_LABEL}\.{_LABEL}\.svc(?:\.{_LABEL})*)(?![\w-])"
)
"""A URL, a host with a port, or a cluster name with `.svc`. A bare word may be a password."""

_PLAIN = re.compile(r"\d{1,5}|true|false|yes|no|on|off|", re.IGNORECASE)
_WORD = re.compile(_HOST)
_NAMES_HOST = re.compile(
    r"(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|ENDPOINT|SERVER|SERVICE|"
    r"UPSTREAM|TARGET|BROKERS?|PEERS?)(?:_NAME|_\d+)?$",
    re.IGNORECASE,
)
_NAMES_SECRET = re.compile(r"PASS|SECRET|TOKEN|CRED|PRIVATE|API_?KEY|_KEY$|AUTH|DSN", re.IGNORECASE)


def digest(text: str) -> str:
    """Return a short digest of a text, marked as one."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARS]}"


def addresses(text: str) -> tuple[str, ...]:
    """Return the addresses in a text, without credentials, paths and queries, once each.

    >>> addresses("postgres://user:pw@db.prod:5432/orders and cache:6379")
    ('postgres://db.prod:5432', 'cache:6379')
    """
    found: dict[str, None] = {}
    for match in _ADDRESS.finditer(text):
        if match["host"]:
            port = f":{match['port']}" if match["port"] else ""
            found[f"{match['scheme']}://{match['host']}{port}"] = None
        else:
            found[match["svc"] or f"{match['bare']}:{match['bareport']}"] = None
    return tuple(found)


def reduced(text: str, *, name: str = "") -> str:
    """Return what is kept of a literal value.

    Args:
        text: The value.
        name: Of the variable that holds it: `DB_HOST` may hold a bare host name, `DB_PASSWORD`
            never does.

    Returns:
        The value itself when it is harmless; else its digest and the addresses in it, with a
        blank between.
    """
    if name and _NAMES_SECRET.search(name):
        return digest(text)
    if _PLAIN.fullmatch(text):
        return text
    if name and _NAMES_HOST.search(name) and _WORD.fullmatch(text):
        return text
    found = addresses(text)
    if found == (text.rstrip("/"),):
        return found[0]
    return " ".join((digest(text), *found))


def _reduced_all(parts: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if parts is None else tuple(reduced(part) for part in parts)


def _variable(variable: EnvVar) -> EnvVar:
    if not variable.value:
        return variable
    value = reduced(variable.value, name=variable.name)
    return msgspec.structs.replace(variable, value=value)


def _probe(probe: Probe | None) -> Probe | None:
    if probe is None:
        return None
    run, get = probe.exec, probe.http_get
    return msgspec.structs.replace(
        probe,
        exec=None if run is None else Exec(command=_reduced_all(run.command)),
        http_get=None if get is None else _without_query(get),
    )


def _without_query(get: HttpGet) -> HttpGet:
    return msgspec.structs.replace(get, path=get.path.partition("?")[0])


def _hook(hook: Hook | None) -> Hook | None:
    if hook is None or hook.exec is None:
        return hook
    return msgspec.structs.replace(hook, exec=Exec(command=_reduced_all(hook.exec.command)))


def _lifecycle(lifecycle: Lifecycle | None) -> Lifecycle | None:
    if lifecycle is None:
        return None
    return Lifecycle(pre_stop=_hook(lifecycle.pre_stop), post_start=_hook(lifecycle.post_start))


def _container(container: TemplateContainer) -> TemplateContainer:
    return msgspec.structs.replace(
        container,
        command=_reduced_all(container.command),
        args=_reduced_all(container.args),
        env=None if container.env is None else tuple(map(_variable, container.env)),
        liveness_probe=_probe(container.liveness_probe),
        readiness_probe=_probe(container.readiness_probe),
        startup_probe=_probe(container.startup_probe),
        lifecycle=_lifecycle(container.lifecycle),
    )


def _containers(
    containers: tuple[TemplateContainer, ...] | None,
) -> tuple[TemplateContainer, ...] | None:
    return None if containers is None else tuple(map(_container, containers))


def reduced_template(template: PodTemplate) -> PodTemplate:
    """Return a template with every literal reduced."""
    spec = msgspec.structs.replace(
        template.spec,
        containers=_containers(template.spec.containers),
        init_containers=_containers(template.spec.init_containers),
    )
    return msgspec.structs.replace(template, spec=spec)


def _digests(data: dict[str, str] | None) -> dict[str, str] | None:
    return None if data is None else {key: digest(value) for key, value in data.items()}


def _reduced_spec(item: KubeObject) -> KubeObject:
    replace = msgspec.structs.replace
    match item:
        case Deployment() | StatefulSet() | DaemonSet() | ReplicaSet() | Job():
            template = reduced_template(item.spec.template)
            return replace(item, spec=replace(item.spec, template=template))
        case CronJob():
            made = item.spec.job_template
            job = replace(made.spec, template=reduced_template(made.spec.template))
            spec = replace(item.spec, job_template=replace(made, spec=job))
            return replace(item, spec=spec)
        case ControllerRevision() if item.data is not None:
            spec = RevisionSpec(template=reduced_template(item.data.spec.template))
            return replace(item, data=RevisionData(spec=spec))
        case ConfigMap():
            return replace(item, data=_digests(item.data), binary_data=_digests(item.binary_data))
        case _:
            return item


def slim(item: KubeObject) -> KubeObject:
    """Return an object as it may be kept: literals and the last-applied annotation reduced."""
    reduced_item = _reduced_spec(item)
    notes = item.metadata.annotations
    if notes is None or not notes.last_applied:
        return reduced_item
    annotations = msgspec.structs.replace(notes, last_applied=slim_applied(item, _reduced_spec))
    metadata = msgspec.structs.replace(item.metadata, annotations=annotations)
    return msgspec.structs.replace(reduced_item, metadata=metadata)


def without_old_templates(items: Sequence[KubeObject]) -> list[KubeObject]:
    """Return a whole list in which ReplicaSets of old revisions have no template any more."""
    revisions: defaultdict[str, list[int]] = defaultdict(list)
    for item in items:
        if isinstance(item, ReplicaSet):
            revisions[_owner(item)].append(_revision(item))
    if not revisions:
        return list(items)
    newest = {owner: set(sorted(all_)[-REVISIONS_KEPT:]) for owner, all_ in revisions.items()}
    return [_without_old_template(item, newest) for item in items]


def _owner(item: ReplicaSet) -> str:
    return next((o.uid for o in item.metadata.owner_references or () if o.controller), "")


def _revision(item: ReplicaSet) -> int:
    notes = item.metadata.annotations
    return int(notes.revision) if notes is not None and notes.revision.isdecimal() else 0


def _without_old_template(item: KubeObject, newest: Mapping[str, set[int]]) -> KubeObject:
    if not isinstance(item, ReplicaSet) or item.spec.replicas:
        return item
    owner = _owner(item)
    if not owner or _revision(item) in newest[owner]:
        return item
    return msgspec.structs.replace(
        item, spec=msgspec.structs.replace(item.spec, template=PodTemplate())
    )

"""Whether Istio's policies let through what they let through: mTLS, authorization, membership.

A refusal is plain where a workload that names a Service is turned away, or everybody is. What
only restricts, or hangs on paths and tokens, is reported and left to the alerts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from guardrails.core.evidence import Evidence, ObjectRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.backing import network
from guardrails.gates.kubernetes.edges import Client, Edge, edges_of, parties
from guardrails.gates.kubernetes.namespaces import labels_of
from guardrails.gates.kubernetes.objects import AuthorizationPolicy, PeerAuthentication
from guardrails.gates.kubernetes.objects.mesh import MeshRule, MeshSource
from guardrails.gates.kubernetes.reachability import Party
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS, territory
from guardrails.gates.snapshot import Snapshot

ID = CheckId("mesh-permits")

LISTS = (
    *("PeerAuthentication", "AuthorizationPolicy", "Namespace"),
    *(*WORKLOAD_LISTS, "ReplicaSet", "Pod", "Service"),
)

ROOT = "istio-system"
"""Istio's root namespace, unless it was installed under another; its policies bind the mesh."""

AMBIENT, SIDECAR = "istio.io/dataplane-mode", "istio-injection"
"""Labels of namespaces that put pods into the mesh."""

_INTO = {AMBIENT: "ambient", SIDECAR: "enabled"}

Policy = PeerAuthentication | AuthorizationPolicy


def judge_mesh_policies(view: View) -> list[Evidence]:
    """Judge what the mesh refuses, and who left it."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    judging = _Judging(witness=witness, view=view)
    return [*found, *judging.memberships(), *judging.strict(), *judging.authorization()]


MESH_PERMITS = Check(id=ID, judge=judge_mesh_policies, lists=LISTS)


def binds(policy: Policy, party: Party, look: Snapshot) -> bool:
    """Tell whether a policy applies to pods."""
    home = policy.metadata.namespace
    if home not in {ROOT, party.namespace}:
        return False
    if isinstance(policy, AuthorizationPolicy) and policy.spec.target_refs:
        return _is_attached(policy, party, look)
    labels = (policy.spec.selector.match_labels if policy.spec.selector else None) or {}
    return labels.items() <= party.labels.items()


def _is_attached(policy: AuthorizationPolicy, party: Party, look: Snapshot) -> bool:
    """Tell whether a policy is attached to a Service of the pods."""
    services = network(look, party.namespace).services
    for target in policy.spec.target_refs or ():
        if target.kind == "Service" and target.name in services:
            selector = services[target.name].spec.selector or {}
            if selector and selector.items() <= party.labels.items():
                return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    witness: Witness
    view: View

    def memberships(self) -> Iterator[Evidence]:
        """Judge namespaces that were in the mesh and left it."""
        past = self.view.reference.snapshot
        for namespace in self.view.scope.namespaces:
            now = labels_of(self.view.look, namespace)
            old = labels_of(past, namespace) if past is not None else None
            for label, value in _INTO.items():
                if now is None or old is None or old.get(label) != value:
                    continue
                if now.get(label) == value or any(now.get(n) == v for n, v in _INTO.items()):
                    continue  # From sidecars to ambient, or back, is still the mesh.
                yield self.witness.violated(
                    ObjectRef(kind="Namespace", name=namespace),
                    field=f"metadata.labels[{label}]",
                    observed=now.get(label, "not set"),
                    expected=f"{value} (the reference): its pods are in the mesh",
                )

    def strict(self) -> Iterator[Evidence]:
        """Judge PeerAuthentications that turn away whoever is not in the mesh."""
        for item in self.view.look.objects(PeerAuthentication, ""):
            if _mode(item) != "STRICT":
                continue
            bound = {c: p for c, p in self._parties().items() if binds(item, p, self.view.look)}
            if not any(self._in_mesh(c, p) for c, p in bound.items()):
                continue  # Nothing of the scope enforces it.
            evidence = self._strict(item, list(bound))
            if evidence is not None:
                yield aside(evidence) if self._was_so(item) else evidence

    def _strict(self, item: PeerAuthentication, bound: Sequence[Client]) -> Evidence | None:
        outsiders = [
            e.client
            for e in self._edges()
            if e.target.client in bound and not self._in_mesh(e.client, e.source)
        ]
        strangers = [c for c, p in self._parties().items() if not self._in_mesh(c, p)]
        is_new = self.view.reference.knows("PeerAuthentication", "")
        if not (outsiders or strangers or is_new):
            return None
        known = next(iter((*outsiders, *strangers)), None)
        who = f"{known}, which is" if known is not None else "whoever of outside the scope is"
        evidence = self.witness.violated(
            refer(item),
            field="spec.mtls.mode",
            observed=f"STRICT turns away {who} not in the mesh",
            expected="clients get through, as before",
        )
        return evidence if outsiders or is_new else aside(evidence)

    def authorization(self) -> Iterator[Evidence]:
        """Judge AuthorizationPolicies by whom they turn away."""
        policies = self.view.look.objects(AuthorizationPolicy, "")
        for item in policies:
            bound = {c: p for c, p in self._parties().items() if binds(item, p, self.view.look)}
            if not any(self._in_mesh(c, p) for c, p in bound.items()):
                continue
            evidence = (
                self._deny(item, list(bound))
                if item.spec.action == "DENY"
                else self._allow(item, policies, bound)
                if item.spec.action == "ALLOW"
                else None
            )
            if evidence is not None:
                yield aside(evidence) if self._was_so(item) else evidence

    def _deny(self, item: AuthorizationPolicy, bound: Sequence[Client]) -> Evidence | None:
        rules = item.spec.rules or ()
        is_new = self.view.reference.knows("AuthorizationPolicy", "")
        if any(not (r.from_ or r.to or r.when) for r in rules):
            return self._refuses(item, f"denies every request to {bound[0]}")
        for edge in self._edges():
            hit = edge.target.client in bound and any(self._surely(r, edge.client) for r in rules)
            if hit:
                return self._refuses(item, f"denies {edge.client}, which names {edge.service}")
        if not rules:
            return None
        evidence = self._refuses(item, f"denies some requests to {bound[0]}")
        # To shut out a source that no known client is may be the mend itself.
        return evidence if is_new and any(not r.from_ for r in rules) else aside(evidence)

    def _allow(
        self,
        item: AuthorizationPolicy,
        policies: Sequence[AuthorizationPolicy],
        bound: dict[Client, Party],
    ) -> Evidence | None:
        for client, party in bound.items():
            rules = [
                rule
                for p in policies
                if p.spec.action == "ALLOW" and binds(p, party, self.view.look)
                for rule in p.spec.rules or ()
            ]
            if not rules:
                return self._refuses(item, f"allows nothing to reach {client}")
            for edge in self._edges():
                if edge.target.client == client and not any(
                    self._maybe(rule, edge.client) for rule in rules
                ):
                    words = f"lets {edge.client}, which names {edge.service}, not through"
                    return self._refuses(item, words)
        return None

    def _refuses(self, item: AuthorizationPolicy, observed: str) -> Evidence:
        return self.witness.violated(
            refer(item), field="spec", observed=observed, expected="clients get through, as before"
        )

    def _surely(self, rule: MeshRule, client: Client) -> bool:
        """Tell whether a rule matches every request of a client."""
        named = rule.from_ or ()
        plain = not rule.to and not rule.when
        return plain and any(self._source(f.source, client) is True for f in named)

    def _maybe(self, rule: MeshRule, client: Client) -> bool:
        """Tell whether a rule may match a request of a client."""
        return not rule.from_ or any(
            self._source(f.source, client) is not False for f in rule.from_
        )

    def _source(self, source: MeshSource, client: Client) -> bool | None:
        """Tell whether a client is a source; None when it cannot be told from objects."""
        place, account = client.namespace, self._account(client)
        known = {
            "principals": (source.principals, f"cluster.local/ns/{place}/sa/{account}"),
            "accounts": (source.service_accounts, f"{place}/{account}"),
            "namespaces": (source.namespaces, place),
        }
        for patterns, value in known.values():
            if patterns and not any(_matches(pattern, value) for pattern in patterns):
                return False
        others = (
            *(source.ip_blocks, source.remote_ip_blocks, source.request_principals),
            *(source.not_principals, source.not_service_accounts, source.not_namespaces),
            *(source.not_ip_blocks, source.not_remote_ip_blocks, source.not_request_principals),
        )
        return None if any(others) else True

    def _account(self, client: Client) -> str:
        land = territory(self.view.look, client.namespace)
        workload = land.workload(client.owner.kind, client.owner.name)
        named = workload.spec.template.spec.service_account_name if workload is not None else ""
        return named or "default"

    def _parties(self) -> dict[Client, Party]:
        return parties(self.view.look, self.view.scope.namespaces)

    def _edges(self) -> tuple[Edge, ...]:
        return edges_of(self.view.look, self.view.scope.namespaces)

    def _in_mesh(self, client: Client, party: Party) -> bool:
        """Tell whether pods are in the mesh: by a sidecar, or a label of theirs or of the place."""
        labels = labels_of(self.view.look, party.namespace) or {}
        mode = party.labels.get(AMBIENT, labels.get(AMBIENT, ""))
        pods = territory(self.view.look, party.namespace).by_owner.get(client.owner, ())
        return mode == "ambient" or any(
            c.name == "istio-proxy"
            for pod in pods
            for c in (*(pod.spec.containers or ()), *(pod.spec.init_containers or ()))
        )

    def _was_so(self, item: Policy) -> bool:
        """Tell whether the same policy said the same when all was well."""
        past = self.view.reference.snapshot
        return past is not None and any(
            _key(old) == _key(item) and old.spec == item.spec
            for old in past.objects(type(item), "")
        )


def _key(item: Policy) -> tuple[str, str]:
    return item.metadata.namespace, item.metadata.name


def _mode(item: PeerAuthentication) -> str:
    return item.spec.mtls.mode if item.spec.mtls is not None else ""


def _matches(pattern: str, value: str) -> bool:
    """Compare as Istio does: a star stands for anything, at either end."""
    return fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))

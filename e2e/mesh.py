"""What custom resources of a mesh and of a chaos tool do to a packet, as far as faults need it.

The kinds carry the names and the fields of Istio and Chaos Mesh; the definitions are small ones of
our own, and only deny policies, strict mTLS and dropped packets have an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx2
import msgspec

from e2e.api import NOT_FOUND, KubernetesApi
from e2e.objects import ApiStruct, LabelSelector, Metadata, Pod

T = TypeVar("T")

AMBIENT = "istio.io/dataplane-mode"
"""Label of a namespace whose traffic goes through the mesh, which then counts it."""

EVERYTHING = LabelSelector()


class AuthorizationSpec(ApiStruct, frozen=True, kw_only=True):
    """Whom a policy is about; without rules a DENY policy denies nothing."""

    action: str = "ALLOW"
    selector: LabelSelector = EVERYTHING
    rules: tuple[dict[str, object], ...] = ()


class AuthorizationPolicy(ApiStruct, frozen=True, kw_only=True):
    """`security.istio.io` AuthorizationPolicy."""

    metadata: Metadata
    spec: AuthorizationSpec = AuthorizationSpec()


class MutualTls(ApiStruct, frozen=True, kw_only=True):
    """The mode of a PeerAuthentication."""

    mode: str = "PERMISSIVE"


class AuthenticationSpec(ApiStruct, frozen=True, kw_only=True):
    """Which pods take only encrypted connections."""

    selector: LabelSelector = EVERYTHING
    mtls: MutualTls = MutualTls()


class PeerAuthentication(ApiStruct, frozen=True, kw_only=True):
    """`security.istio.io` PeerAuthentication."""

    metadata: Metadata
    spec: AuthenticationSpec = AuthenticationSpec()


class ChaosSelector(ApiStruct, frozen=True, kw_only=True):
    """The pods that an experiment is about."""

    label_selectors: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class ChaosSpec(ApiStruct, frozen=True, kw_only=True):
    """A network experiment: `partition` and `loss` drop packets here, other actions nothing."""

    action: str = ""
    selector: ChaosSelector = ChaosSelector()


class NetworkChaos(ApiStruct, frozen=True, kw_only=True):
    """`chaos-mesh.org` NetworkChaos."""

    metadata: Metadata
    spec: ChaosSpec = ChaosSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """All custom resources that decide about packets."""

    authorizations: Sequence[AuthorizationPolicy] = ()
    authentications: Sequence[PeerAuthentication] = ()
    chaos: Sequence[NetworkChaos] = ()

    def denies(self, *, source: Pod | None, target: Pod) -> bool:
        """Tell whether a proxy answers for the target that the request is not allowed."""
        labels, home = target.metadata.labels, target.metadata.namespace
        forbidden = any(
            each.metadata.namespace == home
            and each.spec.action == "DENY"
            and each.spec.rules
            and each.spec.selector.matches(labels)
            for each in self.authorizations
        )
        # Users come from outside the mesh, so what they send is not encrypted by it.
        plain = source is None and any(
            each.metadata.namespace == home
            and each.spec.mtls.mode == "STRICT"
            and each.spec.selector.matches(labels)
            for each in self.authentications
        )
        return forbidden or plain

    def drops(self, *, source: Pod | None, target: Pod) -> bool:
        """Tell whether an experiment swallows the packet."""
        ends = [target] if source is None else [source, target]
        return any(
            each.metadata.namespace == end.metadata.namespace
            and each.spec.action in {"partition", "loss"}
            and each.spec.selector.label_selectors.items() <= end.metadata.labels.items()
            for each in self.chaos
            for end in ends
        )


NO_MESH = Mesh()
"""A cluster without any of them."""


def read_mesh(api: KubernetesApi) -> Mesh:
    """Read all of them; kinds that the cluster does not have are none."""
    istio = "/apis/security.istio.io/v1"
    return Mesh(
        authorizations=_listed(api, f"{istio}/authorizationpolicies", AuthorizationPolicy),
        authentications=_listed(api, f"{istio}/peerauthentications", PeerAuthentication),
        chaos=_listed(api, "/apis/chaos-mesh.org/v1alpha1/networkchaos", NetworkChaos),
    )


def _listed(api: KubernetesApi, path: str, item: type[T]) -> Sequence[T]:
    try:
        return api.list(path, item)
    except httpx2.HTTPStatusError as error:
        if error.response.status_code == NOT_FOUND:
            return ()
        raise

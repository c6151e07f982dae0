"""What pods are configured and authorized by. Contents are digests; Secrets are never read."""

from guardrails.gates.kubernetes.objects.meta import KubeObjectBase, Part


class ConfigMap(KubeObjectBase, frozen=True, kw_only=True, tag="ConfigMap"):
    """A ConfigMap: each key with a digest of its value."""

    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = None


class ServiceAccount(KubeObjectBase, frozen=True, kw_only=True, tag="ServiceAccount"):
    """A ServiceAccount; that it is there is all that matters."""


class PolicyRule(Part, frozen=True, kw_only=True, gc=False):
    """What a role allows."""

    api_groups: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    resource_names: tuple[str, ...] | None = None
    verbs: tuple[str, ...] | None = None


class Role(KubeObjectBase, frozen=True, kw_only=True, tag="Role"):
    """A Role."""

    rules: tuple[PolicyRule, ...] | None = None


class RoleRef(Part, frozen=True, kw_only=True, gc=False):
    """The role that a binding gives."""

    kind: str = ""
    name: str = ""


class Grantee(Part, frozen=True, kw_only=True, gc=False):
    """Whom a binding gives a role."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class RoleBinding(KubeObjectBase, frozen=True, kw_only=True, tag="RoleBinding"):
    """A RoleBinding."""

    role_ref: RoleRef = RoleRef()
    subjects: tuple[Grantee, ...] | None = None

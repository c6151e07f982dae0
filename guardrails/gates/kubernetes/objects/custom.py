"""Custom resources of any kind, and the definitions that make them.

All kinds share one struct: what is judged is what most controllers write alike, the generation
that they saw and their conditions.
"""

import msgspec

from guardrails.gates.kubernetes.objects.meta import Condition, KubeObjectBase, Metadata, Part


class CustomStatus(Part, frozen=True, kw_only=True, gc=False):
    """What a controller says of its object."""

    observed_generation: int = 0
    """0 when it says none."""
    conditions: tuple[Condition, ...] | None = None


class CustomResource(KubeObjectBase, frozen=True, kw_only=True, tag="CustomResource"):
    """An object of a kind that a policy names."""

    of: str = ""
    """Its own kind, such as `Certificate`."""
    status: CustomStatus = CustomStatus()
    odd: bool = False
    """Its status has another shape than the usual one, so it says nothing here."""


class _Any(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = ""
    metadata: Metadata = Metadata()
    status: msgspec.Raw = msgspec.Raw(b"null")


def decode_custom(raw: bytes | msgspec.Raw, *, of: str = "") -> CustomResource:
    """Decode an object of any kind.

    Args:
        raw: Its JSON.
        of: What to call its kind when it does not say.

    Raises:
        msgspec.DecodeError: It is not even an object with metadata.
    """
    item = msgspec.json.decode(raw, type=_Any)
    try:
        status = msgspec.json.decode(item.status, type=CustomStatus | None)
    except msgspec.ValidationError:
        # Whoever wrote the kind chose another shape, which is no failure to read.
        return CustomResource(of=item.kind or of, metadata=item.metadata, odd=True)
    return CustomResource(
        of=item.kind or of, metadata=item.metadata, status=status or CustomStatus()
    )


class DefinitionNames(Part, frozen=True, kw_only=True, gc=False):
    """Names that a definition asks for."""

    kind: str = ""
    plural: str = ""


class DefinitionSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a definition; its schemas are not kept."""

    group: str = ""
    names: DefinitionNames = DefinitionNames()


class DefinitionStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a definition."""

    conditions: tuple[Condition, ...] | None = None


class CustomResourceDefinition(
    KubeObjectBase, frozen=True, kw_only=True, tag="CustomResourceDefinition"
):
    """What makes a kind; its name is `plural.group`."""

    spec: DefinitionSpec = DefinitionSpec()
    status: DefinitionStatus = DefinitionStatus()

"""What the agent says when it asks to end. A claim is judged, never believed."""

from enum import StrEnum

import msgspec


class ClaimKind(StrEnum):
    """The four things an end can say."""

    MITIGATED = "mitigated"
    DIAGNOSED = "diagnosed"
    GAVE_UP = "gave_up"
    NEEDS_HUMAN = "needs_human"


class NamedEntity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An object that a diagnosis names as a cause or a victim."""

    name: str
    kind: str = ""
    namespace: str = ""
    root_cause: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claim of one end."""

    kind: ClaimKind
    text: str = ""
    """The agent's own words, clipped; shown to people, never used as evidence."""
    entities: tuple[NamedEntity, ...] = ()
    unread: tuple[str, ...] = ()
    """What it names in a form that cannot be looked up, clipped. Nothing is dropped in silence."""

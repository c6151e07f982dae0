"""What checks may ask beside lists, and the answers as a snapshot stores them.

A check declares its questions; each is asked once per look, at the same time as everything else.
Answers hold only what was asked for: a status and whether a text was found, or the values at one
path. So a stored report shows neither a response's body nor the rest of an object.
"""

import msgspec

from guardrails.gates.reads import Read


class HttpQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GET."""

    url: str
    contains: str = ""
    """A text to look for in the body; empty asks for none."""
    timeout_seconds: float = 5.0
    headers_from_env: tuple[tuple[str, str], ...] = ()
    """Pairs of header and environment variable; the value itself is stored nowhere."""


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came back."""

    question: HttpQuestion
    read: Read = Read()
    """Whether there was an answer at all; a 500 is one."""
    status: int = 0
    location: str = ""
    """Where it would have gone on to, when that was another host and not followed."""
    found: bool | None = None
    """Whether the body holds the text; None when none was asked for, or the body was too long."""


class ObjectQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The values at a path of one object, or of all that a label selector selects."""

    kind: str
    path: str
    group: str = ""
    """Empty for the core group."""
    version: str = "v1"
    plural: str = ""
    """The resource's name in URLs; empty derives it from the kind."""
    namespace: str = ""
    """Empty for kinds without one."""
    name: str = ""
    label_selector: str = ""
    """Used when there is no name."""

    def __str__(self) -> str:
        """Write it as kubectl would be asked: `get Widget main in shop`."""
        place = f" in {self.namespace}" if self.namespace else ""
        if self.name:
            return f"get {self.kind} {self.name}{place}"
        chosen = f" with {self.label_selector}" if self.label_selector else ""
        return f"list {self.kind}{place}{chosen}"


class FoundObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object, and what its path leads to."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    values: tuple[str, ...] = ()
    """Each as JSON text; none when nothing is at the path. Null is nothing."""


class ObjectAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The objects that were found."""

    question: ObjectQuestion
    read: Read = Read()
    objects: tuple[FoundObject, ...] = ()


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every answer of one look."""

    http: tuple[HttpAnswer, ...] = ()
    objects: tuple[ObjectAnswer, ...] = ()

    def http_of(self, question: HttpQuestion) -> HttpAnswer | None:
        """Return the answer to a question, or None when it was not asked."""
        return next((a for a in self.http if a.question == question), None)

    def object_of(self, question: ObjectQuestion) -> ObjectAnswer | None:
        """Return the answer to a question, or None when it was not asked."""
        return next((a for a in self.objects if a.question == question), None)

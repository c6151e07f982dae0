"""Writes the bill of materials of the wheel: CycloneDX 1.6, from the lock.

`required` components come with `pip install guarded-agent`, `optional` ones with an extra. The same
commit gives the same bytes: the time is the commit's, and the serial number is made of the content.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from deploy.release.lock import PROJECT, Locked, Needs, closure

MARKER = "guarded-agent:marker"
"""Property that says where a component is installed, as PEP 508 says it."""

LICENSE = "Apache-2.0"


def bill(
    lock: Mapping[str, Locked], needs: Needs, *, wheel: Path, version: str, at: datetime
) -> str:
    """Return the bill as JSON.

    Args:
        lock: What is pinned.
        needs: What the project asks for.
        wheel: The built file, whose digest names what the bill is about.
        version: Of the wheel.
        at: When its commit was made.

    Raises:
        ValueError: The lock lacks something, or what was made is no CycloneDX.
    """
    required = closure(lock, needs.required)
    everything = closure(lock, needs.required | needs.optional)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    root = Component(
        name=PROJECT,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"pkg:pypi/{PROJECT}@{version}",
        purl=PackageURL("pypi", None, PROJECT, version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        licenses=[LicenseExpression(LICENSE)],
    )
    parts = {
        name: _component(lock[name], required=name in required) for name in sorted(everything)
    }
    bom = Bom(components=parts.values())
    bom.metadata.component = root
    bom.metadata.timestamp = at.astimezone(UTC)
    asked = needs.required | needs.optional
    bom.register_dependency(root, [parts[name] for name in sorted(asked)])
    for name, part in parts.items():
        bom.register_dependency(part, [parts[n] for n in parts if name in lock[n].asked_by])
    bom.serial_number = uuid5(NAMESPACE_URL, f"{root.purl}#{digest}:{_digest_of(parts, lock)}")
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if (refused := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise ValueError(f"the bill of materials is no CycloneDX 1.6: {refused.data}")
    return json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def _component(one: Locked, *, required: bool) -> Component:
    purl = PackageURL("pypi", None, one.name, one.version)
    # A version has many files. A component's own hashes speak of one, so they stand here.
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="every file of this version that the lock allows",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in one.hashes],
    )
    return Component(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        scope=ComponentScope.REQUIRED if required else ComponentScope.OPTIONAL,
        external_references=[files],
        properties=[Property(name=MARKER, value=one.marker)] if one.marker else [],
    )


def _digest_of(parts: Mapping[str, Component], lock: Mapping[str, Locked]) -> str:
    lines = [f"{name} {lock[name]} {part.scope}" for name, part in sorted(parts.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def commit_time(epoch: str) -> datetime:
    """Return the time that SOURCE_DATE_EPOCH stands for."""
    return datetime.fromtimestamp(int(epoch), tz=UTC)

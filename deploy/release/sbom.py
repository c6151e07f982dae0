"""Writes the bill of materials of the wheel: CycloneDX 1.6, from the lock.

`required` components come with `pip install guarded-agent`, `optional` ones with an extra. The same
commit gives the same bytes: the time is the commit's, and the serial number is made of the content.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

import msgspec
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from deploy.release.lock import PROJECT, Lock, Locked, Needs, askers, closure

MARKER = "guarded-agent:marker"
"""Property that says where a component is installed, as PEP 508 says it."""

LICENSE = "Apache-2.0"


class Hash(msgspec.Struct, frozen=True, kw_only=True):
    """A digest of a file."""

    alg: Literal["SHA-256"] = "SHA-256"
    content: str


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files of a component are told apart.

    A version has many files, and a component's own hashes speak of one, so they stand here.
    """

    type: Literal["distribution"] = "distribution"
    url: str
    comment: str = "every file of this version that the lock allows"
    hashes: tuple[Hash, ...]


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that CycloneDX has no field for."""

    name: str
    value: str


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One package, or the wheel itself."""

    bom_ref: str = msgspec.field(name="bom-ref")
    type: Literal["application", "library"]
    name: str
    version: str
    purl: str
    scope: Literal["required", "optional"] | None = None
    hashes: tuple[Hash, ...] = ()
    licenses: tuple[Mapping[str, str], ...] = ()
    external_references: tuple[Reference, ...] = ()
    properties: tuple[Property, ...] = ()


class Dependency(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who needs whom."""

    ref: str
    depends_on: tuple[str, ...]


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the bill is about, and as of when."""

    timestamp: str
    component: Component


class Bill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False, rename="camel"):
    """The part of CycloneDX that is written here."""

    bom_format: Literal["CycloneDX"] = "CycloneDX"
    spec_version: Literal["1.6"] = "1.6"
    serial_number: str
    version: Literal[1] = 1
    metadata: Metadata
    components: tuple[Component, ...]
    dependencies: tuple[Dependency, ...]


def bill(lock: Lock, needs: Needs, *, wheel: Path, version: str, at: datetime) -> str:
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
    everything = sorted(closure(lock, needs.required | needs.optional))
    root = Component(
        bom_ref=_purl(PROJECT, version),
        type="application",
        name=PROJECT,
        version=version,
        purl=_purl(PROJECT, version),
        hashes=(Hash(content=hashlib.sha256(wheel.read_bytes()).hexdigest()),),
        licenses=({"expression": LICENSE},),
    )
    refs = {name: [_purl(name, one.version) for one in lock[name]] for name in everything}
    asked = sorted(needs.required | needs.optional)
    edges = {root.bom_ref: tuple(ref for name in asked for ref in refs[name])} | {
        ref: tuple(on for n in everything if name in askers(lock, n) for on in refs[n])
        for name in everything
        for ref in refs[name]
    }
    found = Bill(
        serial_number="",
        metadata=Metadata(
            timestamp=at.astimezone(UTC).isoformat().replace("+00:00", "Z"), component=root
        ),
        components=tuple(
            _component(one, required=name in required) for name in everything for one in lock[name]
        ),
        dependencies=tuple(Dependency(ref=ref, depends_on=on) for ref, on in edges.items()),
    )
    serial = uuid5(NAMESPACE_URL, msgspec.json.encode(found).decode())
    numbered = msgspec.structs.replace(found, serial_number=serial.urn)
    text = msgspec.json.format(msgspec.json.encode(numbered), indent=2).decode() + "\n"
    refused = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if refused is not None:
        raise ValueError(f"the bill of materials is no CycloneDX 1.6: {str(refused)[:400]}")
    return text


def commit_time(epoch: str) -> datetime:
    """Return the time that SOURCE_DATE_EPOCH stands for."""
    return datetime.fromtimestamp(int(epoch), tz=UTC)


def _component(one: Locked, *, required: bool) -> Component:
    purl = _purl(one.name, one.version)
    return Component(
        bom_ref=purl,
        type="library",
        name=one.name,
        version=one.version,
        purl=purl,
        scope="required" if required else "optional",
        external_references=(
            Reference(url=purl, hashes=tuple(Hash(content=content) for content in one.hashes)),
        ),
        properties=(Property(name=MARKER, value=one.marker),) if one.marker else (),
    )


def _purl(name: str, version: str) -> str:
    return PackageURL("pypi", None, name, version).to_string()

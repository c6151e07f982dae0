"""Reads `requirements.lock`: what is pinned, by which hashes, and who asks for it.

uv notes for each package who asks (`# via`), so what a set of extras needs follows without an
index. An edge that only an extra of development needs is read as an edge too: rather one component
too many than one too few.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
PROJECT = "guarded-agent"

_ENTRY = re.compile(
    r"^(?P<name>[a-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\\n]+))?",
    re.MULTILINE,
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extras>[^\]]*)\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One pinned package."""

    name: str
    version: str
    marker: str
    """Where it is installed, as PEP 508 says it; empty for everywhere."""

    hashes: tuple[str, ...]
    """SHA-256 of every file of that version that an installer may take."""

    asked_by: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the project asks for itself."""

    required: frozenset[str]
    optional: frozenset[str]
    """By any of its extras."""


Lock = Mapping[str, tuple[Locked, ...]]
"""What is pinned, by name; several versions where interpreters take different ones."""


def read_lock(text: str) -> dict[str, tuple[Locked, ...]]:
    """Return what the lock pins.

    Raises:
        ValueError: A package has no hash, so nothing could be held against it.
    """
    starts = list(_ENTRY.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    found: dict[str, tuple[Locked, ...]] = {}
    for match, end in zip(starts, ends, strict=True):
        entry = text[match.start() : end]
        hashes = tuple(sorted(_HASH.findall(entry)))
        if not hashes:
            raise ValueError(f"requirements.lock: {match['name']} has no hash; run `make lock`")
        one = Locked(
            name=match["name"],
            version=match["version"],
            marker=(match["marker"] or "").strip(),
            hashes=hashes,
            asked_by=_asked_by(entry),
        )
        found[one.name] = (*found.get(one.name, ()), one)
    return found


def read_needs(pyproject: str) -> Needs:
    """Return what the project asks for, with and without extras."""
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"]
    required = frozenset(map(name_of, project["dependencies"]))
    asked = frozenset(name_of(line) for lines in extras.values() for line in lines)
    # An extra that names the project stands for other extras, which are all here already.
    return Needs(required=required, optional=asked - required - {PROJECT})


def name_of(requirement: str) -> str:
    """Return the normal name (PEP 503) of a requirement.

    Raises:
        ValueError: There is no name at its beginning.
    """
    match = _REQUIREMENT.match(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} is no requirement")
    return re.sub(r"[-_.]+", "-", match["name"]).lower()


def closure(lock: Lock, names: Iterable[str]) -> frozenset[str]:
    """Return the names with all that they need.

    Raises:
        ValueError: The lock lacks a name that was asked for.
    """
    needed = set(names)
    if missing := sorted(needed - set(lock)):
        raise ValueError(f"requirements.lock lacks {', '.join(missing)}; run `make lock`")
    while more := {n for n in lock if n not in needed and askers(lock, n) & needed}:
        needed |= more
    return frozenset(needed)


def askers(lock: Lock, name: str) -> frozenset[str]:
    """Return who asks for a package, in any of its versions."""
    return frozenset[str]().union(*(one.asked_by for one in lock[name]))


def _asked_by(entry: str) -> frozenset[str]:
    comments = [line.strip(" #") for line in entry.splitlines() if line.lstrip().startswith("#")]
    words = " ".join(comments).removeprefix("via").split()
    return frozenset(word.partition("[")[0] for word in words if not word.startswith("("))

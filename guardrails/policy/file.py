"""The policy file: what it may say, and which line said it.

A file changes what the shipped profiles set: for every profile (`defaults`), for one of them
(under its name), or as a profile of its own that extends one of them.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from guardrails.errors import PolicyError
from guardrails.policy.document import Document
from guardrails.policy.models import Profile, Sections, Strict
from guardrails.policy.problems import check, did_you_mean
from guardrails.policy.shipped import ShippedName, shipped_profiles
from guardrails.policy.yamlfile import read_document

POLICY_SCHEMA = 1
"""Version of the policy file's form; raised when files must change."""


class ProfileEntry(Profile):
    """A profile as a policy file writes it: only what differs."""

    extends: ShippedName | None = None
    """The shipped profile that it starts from. Left out: the shipped profile of the same name, or
    else the built-in defaults."""


class PolicyFile(Strict):
    """A policy file."""

    schema_version: Literal[1]
    """Version of this form. There is one."""
    mode: Literal["enforce", "shadow"] = "enforce"
    """`shadow` decides and records everything, and holds nothing back."""
    profile: str | None = None
    """Use this profile whatever the model is called. Left out: chosen by the model's name."""
    defaults: Sections = Field(default_factory=Sections)
    """Set for every profile, over what the shipped one says."""
    profiles: dict[str, ProfileEntry] = Field(default_factory=dict[str, ProfileEntry])
    """By name. Tried against the model's name in this order, before the shipped ones."""

    def names(self) -> tuple[str, ...]:
        """Name every profile that can be chosen with this file, in the order of trial.

        The file's own globs go first. A shipped profile that the file only adjusts keeps its
        place, or its broad patterns would catch models that belong to a narrower one.
        """
        shipped = shipped_profiles()
        own = (
            name
            for name, entry in self.profiles.items()
            if name not in shipped or "models" in entry.model_fields_set
        )
        return tuple(dict.fromkeys((*own, *shipped)))


def read_policy(path: Path) -> tuple[PolicyFile, Document]:
    """Read and check a policy file.

    Returns:
        The policy, and the document that knows its lines.

    Raises:
        PolicyError: The file cannot be read or says something it may not; a line per trouble.
    """
    document = read_document(path, what="policy file", error=PolicyError)
    _check_version(document)
    policy = check(document, PolicyFile, error=PolicyError)
    if policy.profile is not None and policy.profile not in policy.names():
        hint = did_you_mean(policy.profile, policy.names())
        raise PolicyError(
            f"{document.at(('profile',))}: profile: no profile is called {policy.profile!r}; {hint}"
        )
    return policy, document


def _check_version(document: Document) -> None:
    """Say what is wrong with the version before anything else: all other errors may follow."""
    match document.data.get("schema_version"):
        case None:
            raise PolicyError(
                f"{document.source}:1: schema_version: missing; start the file with "
                f"'schema_version: {POLICY_SCHEMA}'"
            )
        case bool():  # which Python takes for 1
            raise PolicyError(
                f"{document.at(('schema_version',))}: schema_version: not a number; "
                f"write {POLICY_SCHEMA}"
            )
        case int(version) if version > POLICY_SCHEMA:
            raise PolicyError(
                f"{document.at(('schema_version',))}: schema_version: {version} is newer than "
                f"{POLICY_SCHEMA}; update guarded-agent"
            )
        case _:
            return

"""The three profiles that come with the package, and the choice among profiles by model name.

The values and their reasons stand in `profiles/*.yaml`, in the form that people write.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from guardrails.errors import PolicyError
from guardrails.policy.document import Document
from guardrails.policy.models import Profile
from guardrails.policy.problems import check
from guardrails.policy.yamlfile import parse_yaml

ShippedName = Literal["frontier", "mid-tier", "open"]

TRIED: Final[tuple[ShippedName, ...]] = ("mid-tier", "open", "frontier")
"""Order of trial: narrow patterns first (`gpt-5-mini` before `gpt-5*`)."""

FALLBACK: Final[ShippedName] = "mid-tier"
"""For a model that no pattern knows; `profiles/mid-tier.yaml` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedProfile:
    """A profile of ours."""

    profile: Profile
    document: Document


@cache
def shipped_profiles() -> dict[str, ShippedProfile]:
    """Read the shipped profiles, in order of trial. Read once: package data does not change."""
    found: dict[str, ShippedProfile] = {}
    for name in TRIED:
        source = f"profiles/{name}.yaml"
        data = files("guardrails.policy").joinpath(source).read_bytes()
        document = parse_yaml(data, source=source, what="profile", error=PolicyError)
        profile = check(document, Profile, error=PolicyError)
        found[name] = ShippedProfile(profile=profile, document=document)
    return found


def matching_glob(model: str, globs: Iterable[str]) -> str | None:
    """Return the first glob that matches a model's name, case ignored.

    >>> matching_glob("openai:GPT-5", ["*gpt-[5-9]*"])
    '*gpt-[5-9]*'
    """
    name = model.lower()
    return next((glob for glob in globs if fnmatchcase(name, glob.lower())), None)

"""From profile, file, environment and flags to the settings of one run.

Weakest first: built-in defaults, the shipped profile, the file (its `defaults`, then its entry for
the profile), the environment, flags. Nothing is kept between calls.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic.json_schema import GenerateJsonSchema

from guardrails.errors import PolicyError
from guardrails.policy.document import Document
from guardrails.policy.durations import format_duration
from guardrails.policy.file import PolicyFile, read_policy
from guardrails.policy.layers import (
    ENV_PREFIX,
    Layer,
    Origin,
    OriginKind,
    Value,
    flat,
    from_document,
    from_environment,
    from_flags,
    nested,
)
from guardrails.policy.models import Settings, is_machine_file
from guardrails.policy.problems import did_you_mean
from guardrails.policy.shipped import FALLBACK, matching_glob, shipped_profiles

_NO_FLAGS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One setting, and who set it."""

    key: str
    """`gate.require`."""
    value: object
    """As JSON has it; durations are text."""
    origin: Origin


def load_settings(
    *,
    file: Path | None = None,
    profile: str | None = None,
    model: str = "",
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] = _NO_FLAGS,
) -> Settings:
    """Gather the settings of one run.

    Args:
        file: A policy file; None for the shipped profiles alone.
        profile: Name of the profile to use, over everything that would choose one.
        model: The model as `init_chat_model` writes it: `openai:gpt-5`.
        environ: Environment variables; None for the process's own. `GUARDED_AGENT_MODE`,
            `GUARDED_AGENT_PROFILE` and `GUARDED_AGENT_SECTION__NAME` count, empty ones do not.
        flags: Values by dotted key (`{"budgets.steps": 40}`); None means not given.

    Raises:
        PolicyError: Something in any of them is wrong; a line per trouble.

    >>> load_settings(model="openai:gpt-5", environ={}, flags={"budgets.steps": 7}).budgets.steps
    7
    """
    return _resolve(file=file, profile=profile, model=model, environ=environ, flags=flags)[0]


def explain_settings(
    *,
    file: Path | None = None,
    profile: str | None = None,
    model: str = "",
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] = _NO_FLAGS,
) -> tuple[Explained, ...]:
    """Tell each setting with its origin. Arguments and errors as in `load_settings`."""
    settings, origins = _resolve(
        file=file, profile=profile, model=model, environ=environ, flags=flags
    )
    default = Origin(kind=OriginKind.DEFAULT)
    return tuple(
        Explained(key=key, value=value, origin=origins.get(key, default))
        for key, value in flat(settings.model_dump(mode="json")).items()
    )


def with_flags(settings: Settings, flags: Mapping[str, object]) -> Settings:
    """Return settings with some values set over them, by dotted key as in `load_settings`.

    Raises:
        PolicyError: A flag is wrong; a line per trouble.
    """
    values = flat(settings.model_dump()) | {key: v.value for key, v in from_flags(flags).items()}
    return Settings.model_validate(nested(values))


def policy_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a policy file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PolicyFile.model_json_schema(schema_generator=_DurationDefaults),
        "title": "guarded-agent policy",
    }


class _DurationDefaults(GenerateJsonSchema):
    """Writes defaults as people do: the only fractions in a policy are durations."""

    def encode_default(self, dft: object) -> object:
        """Encode a default value."""
        return format_duration(dft) if isinstance(dft, float) else super().encode_default(dft)


def _resolve(
    *,
    file: Path | None,
    profile: str | None,
    model: str,
    environ: Mapping[str, str] | None,
    flags: Mapping[str, object],
) -> tuple[Settings, dict[str, Origin]]:
    variables = os.environ if environ is None else environ
    policy, document = (None, None) if file is None else read_policy(file)
    name, chosen_by = _choose(
        profile=profile, variables=variables, policy=policy, document=document, model=model
    )
    merged: dict[str, Value] = {"profile": Value(value=name, origin=chosen_by)}
    for layer in (
        *_profile_layers(name, policy, document),
        from_environment(variables),
        from_flags(flags),
    ):
        merged.update(layer)
    if file is not None:
        merged = _beside(file, merged)
    settings = Settings.model_validate(nested({key: v.value for key, v in merged.items()}))
    return settings, {key: v.origin for key, v in merged.items()}


def _beside(file: Path, merged: dict[str, Value]) -> dict[str, Value]:
    """Take a machine file that a policy file names as lying beside it, wherever the run is."""
    named = merged.get(_MACHINE)
    if named is None or named.origin.kind is not OriginKind.FILE:
        return merged
    value = named.value
    if not isinstance(value, str) or not is_machine_file(value):
        return merged
    placed = Value(value=str(file.parent / value), origin=named.origin)
    return {**merged, _MACHINE: placed}


_MACHINE = "fsm.machine"


def _profile_layers(name: str, policy: PolicyFile | None, document: Document | None) -> list[Layer]:
    """Return the shipped profile underneath, then what the file says."""
    shipped = shipped_profiles()
    entry = policy.profiles.get(name) if policy else None
    base = (entry.extends if entry else None) or name
    layers: list[Layer] = []
    if base in shipped:
        layers.append(
            from_document(shipped[base].document, (), kind=OriginKind.PROFILE, where=base)
        )
    if policy is not None and document is not None:
        if "mode" in document.data:
            origin = Origin(kind=OriginKind.FILE, where=document.at(("mode",)))
            layers.append({"mode": Value(value=policy.mode, origin=origin)})
        layers.append(from_document(document, ("defaults",)))
        layers.append(from_document(document, ("profiles", name)))
    return layers


def _choose(
    *,
    profile: str | None,
    variables: Mapping[str, str],
    policy: PolicyFile | None,
    document: Document | None,
    model: str,
) -> tuple[str, Origin]:
    """Choose a profile: as named, else by the model's name, else the fallback."""
    names = policy.names() if policy else tuple(shipped_profiles())
    variable = f"{ENV_PREFIX}PROFILE"
    if profile:
        return _known(profile, names, "profile"), Origin(kind=OriginKind.FLAG, where="profile")
    if named := variables.get(variable, "").strip():
        origin = Origin(kind=OriginKind.ENVIRONMENT, where=variable)
        return _known(named, names, variable), origin
    if policy is not None and document is not None and policy.profile is not None:
        return policy.profile, Origin(kind=OriginKind.FILE, where=document.at(("profile",)))
    for name in names:
        globs, kind, where = _globs(name, policy, document)
        if glob := matching_glob(model, globs):
            return name, Origin(kind=kind, where=f"{where} ({glob} matches {model})")
    why = f"no profile knows the model {model!r}" if model else "no model is named"
    return FALLBACK, Origin(kind=OriginKind.DEFAULT, where=f"({why})")


def _globs(
    name: str, policy: PolicyFile | None, document: Document | None
) -> tuple[tuple[str, ...], OriginKind, str]:
    """Return a profile's globs: its own, or those of the shipped profile of the same name."""
    entry = policy.profiles.get(name) if policy else None
    if entry is not None and document is not None and "models" in entry.model_fields_set:
        return entry.models, OriginKind.FILE, document.at(("profiles", name, "models"))
    shipped = shipped_profiles().get(name)
    return (shipped.profile.models if shipped else ()), OriginKind.PROFILE, name


def _known(name: str, names: tuple[str, ...], where: str) -> str:
    if name not in names:
        raise PolicyError(f"{where}: no profile is called {name!r}; {did_you_mean(name, names)}")
    return name

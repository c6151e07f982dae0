"""Settings as a trace holds them: a text that gives the same settings back, and its digest."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from guardrails.errors import TraceError
from guardrails.policy.models import CascadeSettings, FsmSettings, HygieneSettings, Settings
from guardrails.policy.strict import Strict


def settings_text(settings: Settings) -> str:
    """Write settings as JSON text. Times are seconds, so that nothing is rounded."""
    return json.dumps(settings.model_dump(), sort_keys=True, separators=(",", ":"))


_BEFORE: Final[Mapping[str, Strict]] = {
    "fsm": FsmSettings(machine="none", alignment="none", questions="none"),
    "hygiene": HygieneSettings(filters=(), early="none"),
    "cascade": CascadeSettings(modes=None, signs=None),
}
"""Sections that came later, as runs from before them were decided. A text holds every section that
its version knew, so that one is missing only there."""


def settings_of_text(text: str) -> Settings:
    """Read what `settings_text` wrote, by this version or an earlier one.

    Raises:
        TraceError: It holds what this version does not know.

    >>> settings_of_text(settings_text(Settings())) == Settings()
    True
    """
    try:
        settings = Settings.model_validate_json(text)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "policy"
        raise TraceError(f"the stored policy cannot be read: {where}: {first['msg']}") from None
    later = {name: _BEFORE[name] for name in _BEFORE.keys() - settings.model_fields_set}
    return settings.model_copy(update=later) if later else settings


def policy_digest(settings: Settings) -> str:
    """Hash the settings, so that a run says what it ran under.

    Returns:
        `sha256:` and 16 hexadecimal digits; equal settings give equal digests in every process.
    """
    return f"sha256:{hashlib.sha256(settings_text(settings).encode()).hexdigest()[:16]}"

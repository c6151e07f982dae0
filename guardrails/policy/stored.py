"""Settings as a trace holds them: a text that gives the same settings back, and its digest."""

import hashlib
import json

from pydantic import ValidationError

from guardrails.errors import TraceError
from guardrails.policy.models import Settings


def settings_text(settings: Settings) -> str:
    """Write settings as JSON text. Times are seconds, so that nothing is rounded."""
    return json.dumps(settings.model_dump(), sort_keys=True, separators=(",", ":"))


def settings_of_text(text: str) -> Settings:
    """Read what `settings_text` wrote.

    Raises:
        TraceError: It holds what this version does not know.

    >>> settings_of_text(settings_text(Settings())) == Settings()
    True
    """
    try:
        return Settings.model_validate_json(text)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "policy"
        raise TraceError(f"the stored policy cannot be read: {where}: {first['msg']}") from None


def policy_digest(settings: Settings) -> str:
    """Hash the settings, so that a run says what it ran under.

    Returns:
        `sha256:` and 16 hexadecimal digits; equal settings give equal digests in every process.
    """
    return f"sha256:{hashlib.sha256(settings_text(settings).encode()).hexdigest()[:16]}"

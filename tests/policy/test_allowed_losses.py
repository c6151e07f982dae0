"""`gate.allow` in a policy file: read with its day, refused where it allows too much."""

from datetime import date
from pathlib import Path

import pytest

from guardrails.errors import PolicyError
from guardrails.policy.load import load_settings, with_flags
from guardrails.policy.stored import settings_of_text, settings_text

ENTRY = {
    "check": "replicas-kept",
    "kind": "Deployment",
    "name": '"canary-*"',
    "reason": "scaled down between releases",
}


def policy(tmp_path: Path, **change: str | None) -> Path:
    """A policy with one entry."""
    entry = {key: value for key, value in {**ENTRY, **change}.items() if value is not None}
    path = tmp_path / "policy.yaml"
    rows = "\n".join(f"        {key}: {value}" for key, value in entry.items())
    path.write_text(
        f"schema_version: 1\ndefaults:\n  gate:\n    allow:\n      -\n{rows}\n", encoding="utf-8"
    )
    return path


def test_an_entry_is_read_and_stored_whole(tmp_path: Path) -> None:
    """The day is a day, and a trace gives the same settings back."""
    settings = load_settings(file=policy(tmp_path, until="2026-01-31"), environ={})
    (entry,) = settings.gate.allow
    assert (entry.check, entry.name, entry.until) == (
        "replicas-kept",
        "canary-*",
        date(2026, 1, 31),
    )
    assert settings_of_text(settings_text(settings)) == settings
    assert with_flags(settings, {"budgets.steps": 7}).gate.allow == (entry,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"check": "alert-clear"}, "is not allowed; write 'replicas-kept'"),
        ({"check": "pods-ready"}, "'quotas-kept'"),
        ({"check": "probes-kep"}, "did you mean 'probes-kept'?"),
        ({"reason": None}, "reason: missing"),
        ({"reason": '" "'}, "reason: must not be empty"),
        ({"name": '""'}, "name: must not be empty"),
        ({"until": "soon"}, "is not a day like 2026-01-31"),
        ({"who": "me"}, "unknown key"),
    ],
    ids=str,
)
def test_a_wrong_entry_is_refused(tmp_path: Path, change: dict[str, str | None], said: str) -> None:
    """With what is wrong, and for a check with the list of those that can be allowed."""
    with pytest.raises(PolicyError) as caught:
        load_settings(file=policy(tmp_path, **change), environ={})
    assert said in str(caught.value)
    assert "policy.yaml:" in str(caught.value)

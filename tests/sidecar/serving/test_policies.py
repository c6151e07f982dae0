"""Policies by name: callers choose among those that are there."""

from pathlib import Path

import pytest

from guardrails.errors import PolicyError
from guardrails.sidecar.config import PolicySettings
from guardrails.sidecar.policies import Policies


def _policy(path: Path, steps: int) -> Path:
    path.write_text(f"schema_version: 1\ndefaults: {{budgets: {{steps: {steps}}}}}\n")
    return path


def test_a_session_names_its_policy(tmp_path: Path) -> None:
    """Without a name it is the usual one."""
    folder = tmp_path / "policies"
    folder.mkdir()
    usual = _policy(tmp_path / "usual.yaml", 10)
    _policy(folder / "careful.yaml", 5)
    (folder / "README.md").write_text("not a policy")
    policies = Policies(PolicySettings(file=usual, directory=folder))
    assert policies.names() == ("careful",)
    assert policies.choose("", "").budgets.steps == 10
    assert policies.choose("careful", "openai:gpt-5").budgets.steps == 5


@pytest.mark.parametrize("name", ["carefull", "../usual", "/etc/passwd", "README"])
def test_an_unknown_name_is_no_path(tmp_path: Path, name: str) -> None:
    """The folder is listed, and nothing else is opened."""
    _policy(tmp_path / "careful.yaml", 5)
    (tmp_path / "README.md").write_text("not a policy")
    with pytest.raises(PolicyError, match="no policy"):
        Policies(PolicySettings(directory=tmp_path)).choose(name, "")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Runs from then on are decided by it."""
    path = _policy(tmp_path / "usual.yaml", 10)
    policies = Policies(PolicySettings(file=path))
    assert policies.choose("", "").budgets.steps == 10
    _policy(path, 11)
    assert policies.choose("", "").budgets.steps == 11


def test_a_mistake_is_told_at_the_start(tmp_path: Path) -> None:
    """And not when the first session asks for it."""
    (tmp_path / "broken.yaml").write_text("schema_version: 1\ndefaults: {budgets: {stepps: 1}}\n")
    with pytest.raises(PolicyError, match="stepps"):
        Policies(PolicySettings(directory=tmp_path))


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Nobody could tell which is meant."""
    _policy(tmp_path / "careful.yaml", 5)
    _policy(tmp_path / "careful.yml", 6)
    with pytest.raises(PolicyError, match="two files are called 'careful'"):
        Policies(PolicySettings(directory=tmp_path))

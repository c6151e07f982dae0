"""The settings file: what is written, what options change, and what is refused with its place."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from guardrails.sidecar.config import ServeSettings
from guardrails.sidecar.configfile import (
    SettingsError,
    read_serve_settings,
    serve_schema,
    store_url,
)

WHOLE = """
listen: {host: 0.0.0.0, port: 8443, linger: 5s, drain: 20s}
store: {url_file: store-url}
policies: {directory: policies}
scope: {namespaces: [shop, db]}
auth:
  mode: tokenreview
  audiences: [guarded-agent]
  accounts:
    - {account: agents/*, role: agent}
    - {group: sre, role: operator}
limits: {sessions: 100, body_timeout: 10s}
retention: {ended: 30d}
reference: {folder: reference, every: 5m, keep: {daily: 7d}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with what the settings name."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "store-url").write_text("postgresql://guard:secret@db/runs\n")
    (tmp_path / "serve.yaml").write_text(WHOLE)
    return tmp_path


def test_paths_are_taken_from_where_the_file_is(folder: Path) -> None:
    """Wherever the program was started."""
    settings = read_serve_settings(folder / "serve.yaml")
    assert settings.policies.directory == folder / "policies"
    assert settings.reference.folder == folder / "reference"
    assert store_url(settings) == "postgresql://guard:secret@db/runs"


def test_options_win_over_the_file(folder: Path) -> None:
    """One that was not given leaves the file's value."""
    options = {"listen.port": 0, "listen.host": None, "auth.mode": None}
    settings = read_serve_settings(folder / "serve.yaml", options)
    assert settings.listen.port == 0
    assert settings.listen.host == "0.0.0.0"  # noqa: S104  # nothing is bound here
    assert settings.retention.ended == 30 * 86_400


def test_the_file_is_valid_by_its_schema() -> None:
    """Editors and Helm check by the schema what the service will read."""
    jsonschema.Draft202012Validator(serve_schema()).validate(yaml.safe_load(WHOLE))


def test_defaults_need_no_file() -> None:
    """On the loopback, with a file beside."""
    settings = read_serve_settings()
    assert settings == ServeSettings()
    assert store_url(settings) == "sqlite:guarded-agent.db"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen: {prot: 1}", "serve.yaml:1: listen.prot: unknown key; did you mean 'port'?"),
        ("listen:\n  port: 70000", "serve.yaml:2: listen.port: 70000"),
        ("auth: {mode: token}", "write 'none', 'tokens' or 'tokenreview'"),
        ("limits: {body_timeout: 5}", "5 is not a duration"),
        ("scope: {namespaces: [Shop]}", "'Shop' is no namespace name"),
        ("listen: {host: 0.0.0.0}", "listen.host: 0.0.0.0 is reached by others"),
        ("auth: {mode: tokens}", "auth.tokens: missing"),
        ("auth: {tokens: here}", "auth.tokens: not read with mode none"),
        ("auth: {mode: tokens, tokens: here}", "no such file or folder"),
        ("auth: {mode: tokenreview}", "auth.accounts: missing"),
        (
            "auth: {mode: tokenreview, accounts: [{role: agent}]}",
            "auth.accounts[0]: give one of account, user and group",
        ),
        (
            "auth: {mode: tokenreview, accounts: [{account: bot, role: agent}]}",
            "'bot' is no ServiceAccount",
        ),
        ("listen: {tls_key: key.pem}", "go together"),
        ("store: {url: 'memory:', url_file: there}", "give one of them"),
        ("policies: {file: none.yaml}", "policies.file"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """The line names the field and the way out."""
    file = tmp_path / "serve.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_serve_settings(file)
    lines = str(caught.value).splitlines()
    assert any(said in line for line in lines), lines
    assert all(line.startswith(str(file)) for line in lines)


def test_a_wrong_option_is_called_one() -> None:
    """It stands in no file."""
    with pytest.raises(SettingsError, match=r"option scope\.namespaces.*'Shop'"):
        read_serve_settings(options={"scope.namespaces": ("Shop",)})


def test_a_network_of_ones_own_may_be_served_without_tokens() -> None:
    """Whoever says so."""
    options = {"listen.host": "0.0.0.0", "listen.insecure": True}  # noqa: S104  # not bound
    assert read_serve_settings(options=options).listen.insecure


def test_a_file_for_the_url_holds_nothing_else(tmp_path: Path) -> None:
    """And what is in it is not told."""
    (tmp_path / "url").write_text("postgresql://guard:secret@db/runs\nand more")
    settings = read_serve_settings(options={"store.url_file": tmp_path / "url"})
    with pytest.raises(SettingsError) as caught:
        store_url(settings)
    assert "secret" not in str(caught.value)

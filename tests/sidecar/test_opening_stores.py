"""A store is opened by its URL; errors say what to do, and never a password."""

import importlib.util
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.errors import UsageError
from guardrails.sidecar.stores.base import StoreError
from guardrails.sidecar.stores.opening import KNOWN, open_store
from guardrails.sidecar.stores.urls import (
    PASSWORD_VARIABLE,
    StoreUrlError,
    parse_store_url,
)

SECRET = "hunter-two"


def test_memory_is_opened_by_name() -> None:
    """It takes none of its own."""
    assert open_store("memory:").name == "memory"
    with pytest.raises(StoreUrlError, match="takes no name"):
        open_store("memory:other")


def test_a_file_is_relative_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in other tools' URLs; a host is none."""
    monkeypatch.chdir(tmp_path)
    for url, path in (
        ("sqlite:one.db", tmp_path / "one.db"),
        (f"sqlite:{tmp_path}/two.db", tmp_path / "two.db"),
        (f"sqlite://{tmp_path}/three.db?synchronous=normal", tmp_path / "three.db"),
    ):
        store = open_store(url)
        assert (store.name, path.exists()) == ("sqlite", True)
        store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:", "needs the path of a file"),
        ("sqlite://runs.db", "relative .* or absolute"),
        ("sqlite:runs.db?synchronous=off", "synchronous=full or normal"),
        ("sqlite:runs.db?mode=ro", "synchronous=full or normal"),
        ("redis://h/runs", "number of a database"),
        ("redis://h:port/0", "port is no number"),
        ("redis://h/0?colour=red", "no such option colour; there are .*prefix"),
        ("redis://h/0?timeout=never", "timeout is a number above 0"),
        ("redis://h/0?timeout=-1", "timeout is a number above 0"),
        ("redis://h/0?prefix={x}", "without braces"),
        ("postgresql://h/d?schema=", "schema is a name"),
        ("postgresql://h/d?sslmood=x", "sslmood"),
        ("postgresql://h/d?connections=0", "connections is a number above 0"),
        ("redis:h", "of the form redis://"),
        ("redis://[::1/0", "of the form redis://"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, said: str) -> None:
    """The message names what is wrong and what is right."""
    with pytest.raises(StoreUrlError, match=said):
        open_store(url)


@pytest.mark.parametrize("url", ["mysql://u:hunter-two@h/d", "runs.db", "", "C:\\runs.db"])
def test_a_store_that_is_none_names_those_that_are(url: str) -> None:
    """All of them, in one line."""
    with pytest.raises(StoreUrlError) as caught:
        open_store(url)
    said = str(caught.value)
    assert all(known in said for known in KNOWN)
    assert SECRET not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("url", "extra"), [("redis://h", "redis"), ("postgresql://h/d", "postgres")]
)
def test_a_driver_that_is_not_installed_is_named(
    url: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=rf"pip install 'guarded-agent\[{extra}\]'"):
        open_store(url)


@pytest.mark.parametrize(
    "url", ["redis://u:hunter-two@127.0.0.1:1/0", "postgresql://u:hunter-two@127.0.0.1:1/d"]
)
def test_a_server_that_is_not_there_is_named_without_the_password(url: str) -> None:
    """Nobody listens on port 1."""
    with pytest.raises(StoreError) as caught:
        open_store(url)
    said = str(caught.value)
    assert "127.0.0.1:1" in said
    assert "refused" in said
    assert SECRET not in said
    assert "\n" not in said


@pytest.mark.parametrize("mark", ["/", "?", "#", "@", ":", "[", "%"])
@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_password_that_is_not_encoded_is_not_shown(scheme: str, mark: str) -> None:
    """Whatever it is taken for."""
    with pytest.raises((StoreUrlError, StoreError)) as caught:
        open_store(f"{scheme}://u:hunter{mark}two@127.0.0.1:1/0")
    said = str(caught.value)
    assert "hunter" not in said
    assert "two" not in said


def test_a_password_may_come_from_the_environment() -> None:
    """One in the URL goes before it; neither is shown."""
    environment = {PASSWORD_VARIABLE: SECRET}
    taken = parse_store_url("redis://u@h/0", environment=environment)
    assert (taken.user, taken.password) == ("u", SECRET)
    assert SECRET not in repr(taken) + taken.shown
    own = parse_store_url("redis://:a%2Fb@h/0", environment=environment)
    assert own.password == "a/b"
    assert "a/b" not in repr(own) + own.shown


@given(user=st.text(), password=st.text(min_size=3), option=st.text())
def test_what_is_quoted_is_read_as_it_was(user: str, password: str, option: str) -> None:
    """Users, passwords and options of any letters; the address shows none of them."""
    if _surrogates(user + password + option):
        return
    quoted = f"{quote(user, safe='')}:{quote(password, safe='')}"
    url = parse_store_url(f"postgresql://{quoted}@h:5/d?x={quote(option, safe='')}", environment={})
    assert (url.user, url.password, url.options["x"]) == (user, password, option)
    assert url.shown == "postgresql://h:5/d"
    again = parse_store_url(url.dsn(leave_out=()), environment={})
    assert (again.user, again.password, again.options) == (user, "", url.options)


def _surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)

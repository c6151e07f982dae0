"""Tokens in files: what is read, what is refused, and how they are replaced without a restart."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.sidecar.auth.roles import Role
from guardrails.sidecar.auth.tokens import TokenFiles, TokensError

OLD, NEW = "old-0123456789abcdef", "new-0123456789abcdef"


class Seconds:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _file(path: Path, *lines: str) -> Path:
    # As editors and `kubectl` do: a new file in the old one's place.
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text("\n".join(lines) + "\n")
    fresh.rename(path)
    return path


async def test_a_token_has_a_name_and_a_role(tmp_path: Path) -> None:
    """Comments and empty lines are for people."""
    path = _file(tmp_path / "tokens", "# ours", "", f" bot:agent:{OLD} ", f"sre:operator:{NEW}")
    tokens = TokenFiles(path)
    bot, sre = await tokens.caller(OLD), await tokens.caller(NEW)
    assert bot is not None
    assert (bot.name, bot.role) == ("bot", Role.AGENT)
    assert sre is not None
    assert sre.role is Role.OPERATOR
    assert len(tokens) == 2


async def test_a_token_may_hold_colons(tmp_path: Path) -> None:
    """Only the first two part the line."""
    path = _file(tmp_path / "tokens", f"bot:agent:{OLD}:more")
    assert await TokenFiles(path).caller(f"{OLD}:more") is not None


async def test_an_unknown_token_is_nobodys(tmp_path: Path) -> None:
    """Neither a part of a token, nor a name."""
    tokens = TokenFiles(_file(tmp_path / "tokens", f"bot:agent:{OLD}"))
    for wrong in ("", "bot", OLD[:-1], OLD + "x", NEW):
        assert await tokens.caller(wrong) is None


async def test_tokens_are_rotated_without_a_restart(tmp_path: Path) -> None:
    """Old and new are good as long as both are in the file."""
    clock = Seconds()
    path = _file(tmp_path / "tokens", f"bot:agent:{OLD}")
    tokens = TokenFiles(path, clock=clock)
    _file(path, f"bot:agent:{OLD}", f"bot:agent:{NEW}")
    clock.now += 2
    assert await tokens.caller(OLD) is not None
    assert await tokens.caller(NEW) is not None
    _file(path, f"bot:agent:{NEW}")
    clock.now += 2
    assert await tokens.caller(OLD) is None
    assert await tokens.caller(NEW) is not None


async def test_a_mounted_secret_changes_by_its_link(tmp_path: Path) -> None:
    """Kubernetes swaps a hidden folder behind `..data`; the files' own names stay."""
    clock = Seconds()
    for version, token in (("..1", OLD), ("..2", NEW)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "agents").write_text(f"bot:agent:{token}\n")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "agents").symlink_to("..data/agents")
    tokens = TokenFiles(tmp_path, clock=clock)
    assert len(tokens) == 1
    assert await tokens.caller(OLD) is not None
    (tmp_path / "..fresh").symlink_to("..2")
    (tmp_path / "..fresh").rename(tmp_path / "..data")
    clock.now += 2
    assert await tokens.caller(OLD) is None
    assert await tokens.caller(NEW) is not None


async def test_a_broken_change_locks_nobody_out(tmp_path: Path) -> None:
    """The tokens of before stay, it is told once, and the next good change counts."""
    clock, told = Seconds(), list[str]()
    path = _file(tmp_path / "tokens", f"bot:agent:{OLD}")
    tokens = TokenFiles(path, clock=clock, on_trouble=told.append)
    _file(path, "bot agent")
    for _ in range(3):
        clock.now += 2
        assert await tokens.caller(OLD) is not None
    assert told == [f"{path}:1: write name:role:token"]
    assert tokens.trouble == told[0]
    _file(path, f"bot:agent:{NEW}")
    clock.now += 2
    assert await tokens.caller(OLD) is None
    assert tokens.trouble == ""


async def test_a_file_that_comes_back_is_read(tmp_path: Path) -> None:
    """Also when it is the same file as before the trouble."""
    clock = Seconds()
    path = _file(tmp_path / "tokens", f"bot:agent:{OLD}")
    tokens = TokenFiles(path, clock=clock)
    aside = path.rename(tmp_path / "aside")
    clock.now += 2
    await tokens.caller(OLD)
    assert "cannot read" in tokens.trouble
    aside.rename(path)
    clock.now += 2
    await tokens.caller(OLD)
    assert tokens.trouble == ""


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["bot"], ":1: write name:role:token"),
        ([f"bot:boss:{OLD}"], ":1: no role 'boss'; there are viewer, agent, operator"),
        (["# first", "bot:agent:short"], ":2: the token of 'bot' is shorter than 16"),
        ([f"bot:agent:{OLD} {OLD}"], ":1: the token of 'bot' cannot be sent in a header"),
        ([f"a:agent:{OLD}", f"b:agent:{OLD}"], ":2: the token is a's already"),
        ([f"a:agent:{OLD}", f"a:viewer:{NEW}"], ": 'a' has two roles"),
        (["# nothing"], ": no token in it"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, lines, said: str) -> None:
    """And without the token: the message goes to a log."""
    path = _file(tmp_path / "tokens", *lines)
    with pytest.raises(TokensError) as caught:
        TokenFiles(path)
    assert f"{path}{said}" in str(caught.value)
    assert OLD not in str(caught.value)


def test_files_that_everybody_may_read_are_named(tmp_path: Path) -> None:
    """A mounted Secret is often so, hence a warning and no refusal."""
    path = _file(tmp_path / "tokens", f"bot:agent:{OLD}")
    os.chmod(path, 0o600)  # noqa: PTH101  # the call is what is tested
    assert TokenFiles(path).warnings() == ()
    path.chmod(0o644)
    assert "chmod o-r" in TokenFiles(path).warnings()[0]


def test_tokens_are_not_held_as_they_are(tmp_path: Path) -> None:
    """What is not there cannot be in a dump, or in a log of the object."""
    tokens = TokenFiles(_file(tmp_path / "tokens", f"bot:agent:{OLD}"))
    assert OLD not in repr(vars(tokens))


@given(st.text())
async def test_no_text_is_taken_for_a_token_by_accident(text: str) -> None:
    """Headers hold anything, half characters included."""
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"tokens-{os.getpid()}"  # noqa: S108
    if not path.exists():
        path.write_text(f"bot:agent:{OLD}\n")
    try:
        assert (await TokenFiles(path).caller(text) is None) == (text != OLD)
    finally:
        path.unlink()

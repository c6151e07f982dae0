"""What pages show without running it is right all the same: commands, names, requests.

Such blocks need a cluster of the reader's, a provider's key or a running service.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
import typer
import yaml
from typer.core import TyperGroup

import guardrails
from guardrails.cli.app import app
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.sidecar.api.bodies import AskCall, AskEnd, OpenRun, StateFacts

ROOT = Path(guardrails.__file__).parent.parent
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BREAKS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>"}


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the blocks of some languages."""
    return [text for language, text in FENCE.findall(page.read_text()) if language in languages]


def having(*languages: str) -> list[Path]:
    """Return the pages that have such blocks."""
    return [page for page in PAGES if blocks(page, *languages)]


def words_of(text: str) -> Iterator[list[str]]:
    """Yield the words behind each `guarded-agent` of shell lines, up to a pipe or the like."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer) if line.count('"') % 2 == 0 and line.count("'") % 2 == 0 else []
        for at, word in enumerate(words):
            if word == "guarded-agent" and (at == 0 or words[at - 1] in BREAKS):
                rest = words[at + 1 :]
                end = next((n for n, one in enumerate(rest) if one in BREAKS), len(rest))
                yield rest[:end]


def refused(words: list[str]) -> str:
    """Return what is wrong with a command line, without running it; empty when nothing is."""
    command = typer.main.get_command(app)
    path = "guarded-agent"
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        name, *words = words
        if name not in command.commands:
            return f"{path} has no command {name}"
        command, path = command.commands[name], f"{path} {name}"
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    options |= {"--help", "-h"}
    given = [word.partition("=")[0] for word in words if re.match(r"-[a-zA-Z]|--\w", word)]
    return "".join(f"{path} has no option {one}" for one in given if one not in options)


@pytest.mark.parametrize("page", having("sh", "bash", "console"), ids=lambda page: page.stem)
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    """A renamed option makes every page wrong that shows it."""
    lines = [w for text in blocks(page, "sh", "bash", "console") for w in words_of(text)]
    assert [said for words in lines if (said := refused(words))] == []


def test_a_wrong_command_is_told() -> None:
    """Else the test above could not fail."""
    (words,) = words_of("guarded-agent verify --bseline x | cat\n")
    assert refused(words) == "guarded-agent verify has no option --bseline"
    assert refused(["verfy"]) == "guarded-agent has no command verfy"
    assert [w[0] for w in words_of("$ guarded-agent tag a && guarded-agent vectors b\n")] == [
        "tag",
        "vectors",
    ]


@pytest.mark.parametrize("page", having("python"), ids=lambda page: page.stem)
def test_python_that_is_shown_compiles_and_imports_what_there_is(page: Path) -> None:
    """Of our own package: what a reader copies has to be found."""
    for text in blocks(page, "python"):
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
        tree = compile(text, str(page), "exec", flags=flags)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("guardrails"):
                module = import_module(node.module or "")
                for one in node.names:
                    name = f"{node.module}.{one.name}"
                    found = hasattr(module, one.name) or find_spec(name) is not None
                    assert found, f"{page.name}: {name}"


@pytest.mark.parametrize("page", having("yaml"), ids=lambda page: page.stem)
def test_yaml_that_is_shown_is_yaml(page: Path) -> None:
    """Indented right, quoted right."""
    for text in blocks(page, "yaml"):
        assert list(yaml.safe_load_all(text))


def test_the_requests_of_the_api_page_are_taken() -> None:
    """In the order of the page: open, state, ask for a call, ask to end."""
    shown = blocks(ROOT / "docs" / "reference" / "http-api.md", "json")
    for text, body in zip(shown, (OpenRun, StateFacts, AskCall, AskEnd), strict=True):
        msgspec.json.decode(text, type=body)


def test_the_threat_model_names_checks_that_there_are() -> None:
    """And says of every check on alerts what it is against."""
    page = (ROOT / "docs" / "explanation" / "threat-model.md").read_text()
    known = {check.id for check in DEFAULT_CHECKS}
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    named = {word for line in rows for word in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", line)}
    assert named <= known
    assert {one for one in known if one.startswith("alert")} - named <= {"alerts-accounted-for"}

"""Lines that are read without a parser are read as the parser reads them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardrails.actions import shell
from guardrails.actions.plainlines import plain_commands
from guardrails.actions.shell import analyse, analyse_at
from guardrails.core.toolaction import ToolAction

_PROGRAMS = st.sampled_from(
    ["kubectl", "bash", "sh", "xargs", "env", "sudo", "echo", "cat", "printf", "time", "frobnicate"]
)
_WORDS = st.sampled_from(
    [
        *("get", "delete", "pods", "deploy/web", "-n", "shop", "-l", "app=checkout", "--limit=5"),
        *("-c", "-", "--", "5", "-5", "0x1F", "1.5", "5foo", "a==b", "X=1", "X+=1", "in", "do"),
        *("done", "then", "if", "for", "test", "kubectl", "rm", "%s", "@x", "10.0.0.1:80", "''"),
        *("'kubectl delete pod x'", "'a | b'", "'$(rm f)'", "'`rm`'", "'rm -rf /'", "'{.items}'"),
    ]
)
_COMMANDS = st.tuples(_PROGRAMS, st.lists(_WORDS, max_size=5)).map(
    lambda command: " ".join((command[0], *command[1]))
)
_LINES = st.tuples(
    st.sampled_from(["|", " | ", "  |"]), st.lists(_COMMANDS, min_size=1, max_size=3)
).map(lambda parts: parts[0].join(parts[1]))


def _nothing_is_plain(line: str) -> None:
    """Leave every line to the parser."""


def _parsed(line: str, *, depth: int = 0) -> ToolAction:
    """Analyse a line by its syntax tree, whatever it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "plain_commands", _nothing_is_plain)
        return analyse_at(line, depth=depth)


@given(_LINES, st.sampled_from([0, 70, 80, 82, 83, 84, 85, 86]))
@example("echo 'kubectl delete pod x' | sh", 0)
@example("sudo sudo sudo kubectl get pods", 80)
def test_a_plain_line_means_what_its_syntax_tree_says(line: str, depth: int) -> None:
    """Doing without the parser is a short cut, and changes no answer at any depth."""
    if plain_commands(line) is not None:
        assert analyse_at(line, depth=depth) == _parsed(line, depth=depth)


@given(st.text(alphabet="ab=.:@%,+-/_0159' |$", max_size=40))
def test_any_letters_are_read_as_the_parser_reads_them(rest: str) -> None:
    """Whatever stands behind a program, the short cut is taken only where it leads to the same."""
    line = f"kubectl get {rest}"
    assert analyse(line) == _parsed(line)


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("kubectl get pods -n shop", (("kubectl", "get", "pods", "-n", "shop"),)),
        ("  kubectl   top pods ", (("kubectl", "top", "pods"),)),
        (
            "kubectl logs web|grep -i 'time out'",
            (("kubectl", "logs", "web"), ("grep", "-i", "time out")),
        ),
        ("'kubectl' 'get' ''", (("kubectl", "get", ""),)),
    ],
)
def test_plain_lines_are_parted_at_spaces_and_pipes(
    line: str, commands: tuple[tuple[str, ...], ...]
) -> None:
    """Quotes are taken away, and what stands in them is one word."""
    assert plain_commands(line) == commands


@pytest.mark.parametrize(
    "line",
    [
        *("", "A=b kubectl get pods", "kubectl get pods; rm f", "kubectl get pods && rm f"),
        *("kubectl get pods &", "kubectl get pods > f", "kubectl get $X", 'kubectl get "pods"'),
        *("kubectl get -o jsonpath='{.items}'", "kubectl get pods*", "kubectl get {a,b}", "a || b"),
        *("time kubectl get pods", "export X=y", "for x in a b", "kubectl get\npods", "a |", "| a"),
        *("kubectl get 'pods", "kubectl get # pods", "./kubectl get pods", "kubectl == pods"),
        *("kubectl get ~", "kubectl get 'a\tb'", "kubectl get é", "kubectl get 'é'", "x" * 1_000),
    ],
)
def test_whatever_may_mean_more_is_left_to_the_parser(line: str) -> None:
    """A substitution, a list, a redirection, a word of bash, an odd character."""
    assert plain_commands(line) is None

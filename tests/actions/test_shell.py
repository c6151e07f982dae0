"""What a line's operations and targets are, and what holds for any text at all."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardrails.actions.shell import analyse
from guardrails.core.toolaction import Effect, Operation, Target, ToolAction

_PIECES = st.sampled_from(
    [
        *("kubectl", "get", "delete", "pods", "-n", "shop", "bash", "-c", "xargs", "env", "sudo"),
        *("eval", "A=b", "$A", "$(", ")", "`", "'", '"', "\\", "\n", ";", "&&", "||", "|", "&"),
        *("{", "}", "(", "((", "))", "[[", "]]", "if", "then", "fi", "for", "in", "do", "done"),
        *("case", "esac", "<<EOF", "EOF", "<<<", ">", ">>", "2>&1", "<(", "#", "*", "é", "\u00a0"),
        *(
            "sed",
            "awk",
            "find",
            "curl",
            "-",
            "--",
            "--dry-run=client",
            "\t",
            "\r",
            "\x00",
            "\ue000",
        ),
    ]
)
_LINES = st.lists(_PIECES, max_size=14).map(" ".join) | st.text(max_size=60)


def _only(action: ToolAction) -> Operation:
    assert len(action.operations) == 1
    return action.operations[0]


@given(_LINES)
def test_any_text_gets_an_answer_that_holds_the_rules(line: str) -> None:
    """No text raises, the answer is always the same, and doubt is at least a write."""
    action = analyse(line)
    assert analyse(line) == action
    gravest = max((operation.effect.gravity for operation in action.operations), default=0)
    assert action.effect.gravity >= gravest
    if not action.understood:
        assert action.effect.gravity >= Effect.WRITE.gravity


@given(_LINES)
@example("kubectl get pods")
def test_a_delete_behind_an_understood_read_is_never_missed(line: str) -> None:
    """Whatever reads as a read still shows what is appended to it."""
    action = analyse(line)
    if action.understood and action.effect is Effect.READ and "#" not in line and line.strip():
        followed = analyse(f"{line} && kubectl delete ns x")
        assert followed.effect is Effect.DESTRUCTIVE or not followed.understood


@given(
    st.text(max_size=30), st.sampled_from(["'", '"', "$(", "(", "<<EOF", "if true; then", "\x00"])
)
def test_an_unclosed_part_is_never_a_read(text: str, opening: str) -> None:
    """A line cut short is not trusted."""
    plain = "".join(char for char in text if char.isalnum())
    assert analyse(f"kubectl get {plain} {opening} x").effect is not Effect.READ


def test_no_character_ends_the_process() -> None:
    """tree-sitter-bash 0.25.1 reads foreign memory at `{` before a character beyond ASCII."""
    for code in range(0x80, 0x110000, 997):
        for opening in ("{", "${", "$((", "{1..", "<<"):
            action = analyse(f"echo {opening}{chr(code)}")
            assert action.effect is Effect.READ or not action.understood


@pytest.mark.parametrize("line", ["echo '→ pods —'; kubectl get pods", "grep -r 'über' /var/log"])
def test_letters_of_any_script_are_ordinary(line: str) -> None:
    """Models write arrows, dashes and names beyond ASCII in what they print."""
    action = analyse(line)
    assert (action.effect, action.understood) == (Effect.READ, True)


def test_a_heredoc_gives_the_manifest_that_stands_in_it() -> None:
    """`apply -f -` names what it applies."""
    line = (
        "cat <<'EOF' | kubectl apply -n shop -f -\n"
        "kind: Deployment\nmetadata: {name: web}\n---\n"
        "kind: Service\nmetadata: {name: api, namespace: other}\nEOF"
    )
    applied = analyse(line).operations[-1]
    assert applied.targets == (
        Target(kind="deployment", name="web", namespace="shop"),
        Target(kind="service", name="api", namespace="other"),
    )


def test_the_dash_before_a_heredoc_is_not_lost() -> None:
    """The grammar drops the lone dash of `-f - <<EOF`; the operand is still read."""
    operation = _only(analyse("kubectl apply -f - <<EOF\nkind: Pod\nmetadata: {name: a}\nEOF"))
    assert operation.targets == (Target(kind="pod", name="a"),)


def test_a_manifest_with_open_names_leaves_them_open() -> None:
    """A target never holds half a name."""
    operation = _only(analyse("kubectl apply -f - <<EOF\nkind: Pod\nmetadata: {name: a-$X}\nEOF"))
    assert operation.targets == (Target(kind="pod"),)


@pytest.mark.parametrize(
    "manifest",
    ["[" * 12_000, "- " * 8_000, "a: &a [*a]", "kind: [", "kind: 'x", "kind: Pod\n" * 5_000, "1"],
)
def test_a_hostile_manifest_gives_no_targets(manifest: str) -> None:
    """Deep nesting, cycles and broken YAML neither raise nor end the process."""
    operation = _only(analyse(f"kubectl apply -f - <<'EOF'\n{manifest}\nEOF"))
    assert (operation.effect, operation.targets) == (Effect.WRITE, ())


def test_a_redirection_names_its_file() -> None:
    """Writing to a file is an operation of its own."""
    action = analyse("kubectl get pods > /tmp/out")
    assert action.operations[0] == Operation(
        program="shell",
        verb=">",
        effect=Effect.WRITE,
        targets=(Target(kind="file", name="/tmp/out"),),  # noqa: S108  # only text
    )


def test_operations_come_in_the_order_of_the_line() -> None:
    """A reader of the action can follow the line."""
    action = analyse("kubectl get po; helm list && curl -s http://x")
    assert [operation.program for operation in action.operations] == ["kubectl", "helm", "curl"]


def test_a_constant_variable_reaches_the_targets() -> None:
    """`NS=shop; … -n $NS` speaks of shop."""
    action = analyse("NS=shop; kubectl delete pod web -n $NS")
    assert _only(action).targets == (Target(kind="pod", name="web", namespace="shop"),)


def test_known_input_of_xargs_reaches_the_targets() -> None:
    """`echo a b | xargs kubectl delete pod` deletes a and b."""
    deleted = analyse("echo a b | xargs kubectl delete pod").operations[-1]
    assert [target.name for target in deleted.targets] == ["a", "b"]


def test_doubts_are_explained() -> None:
    """A person who reads the decision learns what was not understood."""
    operation = _only(analyse("kubectl frobnicate"))
    assert operation.verb == "frobnicate"
    assert "plugin" in operation.why


@pytest.mark.parametrize("line", ["", "   ", "# only a comment", "A=b"])
def test_a_line_without_commands_does_nothing(line: str) -> None:
    """Nothing is a read."""
    assert analyse(line) == ToolAction(effect=Effect.READ)

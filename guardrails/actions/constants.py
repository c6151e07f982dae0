"""Variables whose value the line itself fixes: `NS=shop; kubectl get pods -n $NS`.

Only the plainest case counts: assigned once, at the top level, by fixed text, and never named in
another way. Everything else stays open, because a wrong guess would turn a write into a read.
"""

import re
from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from guardrails.actions.meaning import OPEN
from guardrails.actions.words import Constant, Constants, word_of

_NO_CONSTANTS: Constants = {}
_ASSIGNS_BY_NAME = re.compile(
    r"\b(?:eval|source|read|mapfile|readarray|getopts|declare|typeset|local|readonly|IFS|trap|unset"
    r"|printf\s+-v|let)\b|(?:^|[\s;&|({])\.\s|\(\(|(?:^|[\s;&|({])set\s"
)
"""Words that can give a variable a value without an assignment that the tree shows."""
_NAMED = re.compile(r"(?<!\$)(?<!\$\{)\b\w+")
"""Words without a dollar: a fixed variable stands once so, in its only assignment."""


def constants_of(root: Node, *, line: str) -> Constants:
    """Find the variables of a line that have one fixed value."""
    if "=" not in line or "$" not in line or _ASSIGNS_BY_NAME.search(line):
        return _NO_CONSTANTS
    found: dict[str, Constant] = {}
    named = Counter(_NAMED.findall(line))
    for assignment in _top_level_assignments(root):
        name, value = (
            assignment.child_by_field_name("name"),
            assignment.child_by_field_name("value"),
        )
        if name is None or name.type != "variable_name" or name.text is None or value is None:
            continue
        if assignment.children[1].type != "=" or value.type == "array":
            continue
        text = word_of(value, constants=_NO_CONSTANTS)
        label = name.text.decode("utf-8", "replace")
        if OPEN not in text and named[label] == 1:
            found[label] = Constant(value=text, known_from=assignment.end_byte)
    return found


def _top_level_assignments(root: Node) -> Iterator[Node]:
    """Walk the assignments that surely happen: statements, and the first of an `&&` chain."""
    for statement in root.children:
        following = statement.next_sibling
        if following is not None and following.type == "&":
            continue
        first = statement
        while first.type == "list":
            first = first.children[0]
        if first.type == "variable_assignment":
            yield first
        elif first.type == "variable_assignments" or (
            first.type == "declaration_command" and first.children[0].type == "export"
        ):
            yield from (c for c in first.children if c.type == "variable_assignment")

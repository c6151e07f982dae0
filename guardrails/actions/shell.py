"""What a command line means: bash syntax, read with tree-sitter, down to single commands.

Each command of a line is judged wherever it stands: in a pipeline, a loop, a substitution, a
function, a string given to `bash -c`. Whatever the grammar cannot parse, and whatever only the
running shell knows, is not understood, which makes the line at least a write.
"""

import re
from dataclasses import dataclass, field

from tree_sitter import Node

from guardrails.actions.constants import constants_of
from guardrails.actions.heredocs import Heredoc, heredoc_of
from guardrails.actions.invocation import Invocation
from guardrails.actions.meaning import NOTHING, OPEN, file_targets, join, one, unclear
from guardrails.actions.pipes import printed_by, printed_by_words
from guardrails.actions.plainlines import plain_commands
from guardrails.actions.programs import program_of
from guardrails.actions.syntax import kept_for_later, parse, source_of, why_not_parsed, why_odd
from guardrails.actions.variables import changes_programs
from guardrails.actions.words import Constants, word_of, words_of
from guardrails.core.toolaction import Effect, ToolAction

_DEEPEST = 90
"""Nesting of syntax nodes. Models write fewer than 20; the bound keeps Python's stack safe."""

_MOST_COMMANDS = 1_000
"""Commands of one line. The longest hand-written scripts have a tenth of it."""

_SKIPPED = re.compile(rb"(?:[ \t\r\n]|\\\r?\n)*")
"""What may stand between two syntax nodes. Other text there was dropped by the grammar."""

_WITHIN_A_COMMAND = re.compile(rb"(?:[ \t\r]|\\\r?\n)*")
"""The same between the words of one command, which a newline ends. tree-sitter-bash 0.25.1 now and
then takes the next line for arguments: `a | b | diff -f -⏎rm x < f` had no `rm`."""

_SUBSTITUTES = re.compile(rb"`|\$\(")
_LITERAL = frozenset({"raw_string", "ansi_c_string", "comment", "heredoc_start", "heredoc_end"})
_QUOTED = frozenset({"raw_string", "ansi_c_string"})
_TO_NOWHERE = re.compile(r"/dev/(?:null|stdout|stderr|tty|fd/\d+)")
_STANDARD_PLACES = re.compile(r"(?:/usr/local|/usr|/opt/homebrew|/snap)?/s?bin/[^/]+")


def analyse(line: str) -> ToolAction:
    """Tell what a command line does.

    Args:
        line: One or more commands as bash would read them.

    Returns:
        All operations found, in order. `understood` is false when some part could not be parsed.
    """
    return analyse_at(line, depth=0)


def analyse_at(line: str, *, depth: int) -> ToolAction:
    """Analyse a line that stands `depth` syntax levels deep in another one."""
    hopeless = why_not_parsed(line)
    if hopeless:
        return unclear("shell", why=hopeless)
    if depth > _DEEPEST:
        return unclear("shell", why="nested too deeply")
    # Deep within another line, the tree tells where the bound is met.
    commands = plain_commands(line) if depth < _DEEPEST // 2 else None
    if commands is not None:
        return _analyse_plain(commands, depth=depth)
    source = source_of(line)
    root = parse(source)
    reader = _Reader(source=source, constants=constants_of(root, line=line), depth=depth)
    if root.has_error:
        reader.doubt("the line could not be parsed")
    if OPEN in line:
        reader.doubt("part of the line is only known when it runs")
    odd = why_odd(line)
    if odd:
        reader.doubt(odd)
    reader.walk_root(root)
    return join(reader.parts) if reader.parts else NOTHING


def _analyse_plain(commands: tuple[tuple[str, ...], ...], *, depth: int) -> ToolAction:
    """Judge the commands of a pipeline whose words are known without a syntax tree.

    Each stands as deep as it would in the tree: in the program, and in the pipeline if it is one.
    """
    reader = _Reader(source=b"", constants={}, depth=depth + (2 if len(commands) == 1 else 3))
    stdin: str | None = None
    for words in commands:
        reader.parts.append(reader.run(words, stdin))
        stdin = printed_by_words(words, stdin=stdin)
    return join(reader.parts)


@dataclass(slots=True)
class _Reader:
    """Collects the actions of one line."""

    source: bytes
    constants: Constants
    depth: int
    parts: list[ToolAction] = field(default_factory=list[ToolAction])
    full: bool = False
    """Whether the bound on commands was met, and said."""
    in_test: bool = False
    """Within `[[ … ]]`, which evaluates quoted arithmetic: `[[ 'a[$(…)]' -eq 0 ]]` runs it."""
    functions: set[str] = field(default_factory=set[str])

    def doubt(self, why: str) -> None:
        self.parts.append(unclear("shell", why=why))

    def walk_root(self, root: Node) -> None:
        self._check_gap(0, root.start_byte)
        self.walk(root)
        self._check_gap(root.end_byte, len(self.source))

    def walk(self, node: Node, stdin: str | None = None) -> None:
        """Visit a node and everything below it; `stdin` is what its commands will read."""
        if len(self.parts) >= _MOST_COMMANDS:
            if not self.full:
                self.full = True
                self.doubt(f"more than {_MOST_COMMANDS} commands")
            return
        self.depth += 1
        if self.depth > _DEEPEST:
            self.doubt("nested too deeply")
        else:
            self._visit(node, stdin)
        self.depth -= 1

    def _visit(self, node: Node, stdin: str | None) -> None:
        match node.type:
            case "command":
                self._command(node, stdin=stdin, extra=())
            case "pipeline":
                self._pipeline(node, stdin=stdin)
            case "list":
                self._list(node, stdin=stdin)
            case "redirected_statement":
                self._redirected(node, stdin=stdin)
            case "file_redirect":
                self._file_redirect(node)
            case "function_definition":
                name = node.child_by_field_name("name")
                self.functions.add("" if name is None else word_of(name, constants={}))
                self._children(node)
            case "declaration_command":
                self._declared(node)
                self._children(node)
            case "variable_assignment" | "for_statement" | "unset_command":
                self._assigned(node)
                self._children(node)
            case "expansion":
                self._expansion(node)
            case "test_command":
                before, self.in_test = self.in_test, True
                self._other(node)
                self.in_test = before
            case _:
                self._other(node)

    def _expansion(self, node: Node) -> None:
        """Doubt `${X@P}`, which runs the substitutions in a variable's value."""
        if (node.text or b"").rstrip(b"} ").endswith(b"@P"):
            self.doubt("expands a variable's value as a prompt, which may run anything")
        self._other(node)

    def _other(self, node: Node) -> None:
        if node.child_count:
            if node.type == "command_substitution" and self.source[node.start_byte] == ord("`"):
                self._backticks(node)
            self._children(node)
        elif node.is_missing:
            self.doubt("the line is cut short")
        elif node.is_named and (
            node.type not in _LITERAL or (self.in_test and node.type == "raw_string")
        ):
            self._leaf(node)
        elif node.type in _QUOTED and kept_for_later(node):
            text = word_of(node, constants={})
            if "`" in text or "$(" in text:
                self.doubt("a quoted substitution that the shell may run")

    def _leaf(self, node: Node) -> None:
        """Doubt text in which the grammar overlooked a substitution."""
        text = self.source[node.start_byte : node.end_byte]
        if _SUBSTITUTES.search(text):
            self.doubt("a substitution that could not be parsed")

    def _backticks(self, node: Node) -> None:
        """Doubt escapes in backticks: bash removes one level before it parses them."""
        if b"\\" in self.source[node.start_byte : node.end_byte]:
            self.doubt("escapes within backticks")

    def _children(self, node: Node) -> None:
        at = node.start_byte
        strict = node.type not in {"string", "heredoc_body", "comment"}
        for child in node.children:
            if strict:
                self._check_gap(at, child.start_byte)
                at = child.end_byte
            if child.child_count or child.is_named or child.is_missing:
                self.walk(child)
        if strict:
            self._check_gap(at, node.end_byte)

    def _check_gap(self, start: int, stop: int, *, allowed: re.Pattern[bytes] = _SKIPPED) -> None:
        if stop > start and allowed.fullmatch(self.source, start, stop) is None:
            self.doubt("text that the grammar could not place")

    def _assigned(self, node: Node) -> None:
        for child in node.children:
            if child.type == "raw_string" and _SUBSTITUTES.search(child.text or b""):
                self.doubt("a value that runs something where it is evaluated")
            elif child.type == "subscript":
                self._assigned(child)
            elif child.type == "variable_name":
                name = (child.text or b"").decode("utf-8", "replace")
                if changes_programs(name):
                    self.doubt(f"sets {name}, which decides what runs")

    def _declared(self, node: Node) -> None:
        """Doubt `export "$X"`: the name that it sets is only known when the line runs."""
        for child in node.children:
            if child.is_named and child.type not in {"variable_assignment", "variable_name"}:
                word = word_of(child, constants={})
                evaluated = _SUBSTITUTES.search(word.encode("utf-8", "replace"))
                if evaluated or OPEN in word.partition("=")[0] or changes_programs(word):
                    self.doubt("sets a variable that may decide what runs")

    def _pipeline(self, node: Node, *, stdin: str | None) -> None:
        """Visit each command with the text that the one before it is known to print."""
        at = node.start_byte
        for child in node.children:
            self._check_gap(at, child.start_byte)
            at = child.end_byte
            if not child.is_named:
                continue
            self.walk(child, stdin)
            stdin = printed_by(child, stdin=stdin, constants=self.constants)

    def _list(self, node: Node, *, stdin: str | None) -> None:
        """Visit the commands of an `&&` chain; only the first reads what was piped in."""
        for place, child in enumerate(node.children):
            if child.is_named:
                self.walk(child, stdin if place == 0 else None)

    def _redirected(self, node: Node, *, stdin: str | None) -> None:
        """Visit a statement with its redirections, which may hold input and further arguments."""
        body = node.child_by_field_name("body")
        extra: list[str] = []
        after: list[Node] = []
        at = node.start_byte
        for child in node.children:
            gap = self.source[at : child.start_byte].strip()
            if gap == b"-":  # the grammar drops the lone dash of `-f - <<EOF`
                extra.append("-")
            else:
                self._check_gap(at, child.start_byte)
            at = child.end_byte
            if child.type == "heredoc_redirect":
                heredoc = heredoc_of(child, source=self.source, constants=self.constants)
                stdin = self._heredoc(heredoc)
                extra += heredoc.arguments
                after += heredoc.after
            elif child.type == "herestring_redirect":
                stdin = self._herestring(child)
            elif child.type == "file_redirect":
                stdin = None if child.children[0].type == "<" else stdin
                extra += self._file_redirect(child)
        if body is not None and body.type == "command":
            self._command(body, stdin=stdin, extra=tuple(extra))
        elif body is not None:
            if extra:
                self.doubt("words after a redirection that belong to no command")
            self.walk(body, stdin)
        printed = None if body is None else printed_by(body, stdin=stdin, constants=self.constants)
        for child in after:
            self.walk(child, printed)

    def _heredoc(self, heredoc: Heredoc) -> str | None:
        if heredoc.doubt:
            self.doubt(heredoc.doubt)
        for child in heredoc.inside:
            self.walk(child)
        for redirect in heredoc.redirects:
            heredoc.arguments.extend(self._file_redirect(redirect))
        return heredoc.text

    def _herestring(self, node: Node) -> str | None:
        self._children(node)
        value = node.children[-1]
        return word_of(value, constants=self.constants) + "\n"

    def _file_redirect(self, node: Node) -> list[str]:
        """Judge a redirection; give the words after it, which are arguments of the command."""
        self._children(node)
        destinations = node.children_by_field_name("destination")
        operator = next((c.type for c in node.children if not c.is_named), "")
        if destinations and operator not in {"<", "<&"}:
            name = word_of(destinations[0], constants=self.constants)
            duplicates = operator == ">&" and (name.isdigit() or name == "-")
            if not duplicates and not _TO_NOWHERE.fullmatch(name):
                self.parts.append(
                    one("shell", verb=operator, effect=Effect.WRITE, targets=file_targets([name]))
                )
        return [
            word for extra in destinations[1:] for word in words_of(extra, constants=self.constants)
        ]

    def _command(self, node: Node, *, stdin: str | None, extra: tuple[str, ...]) -> None:
        words: list[str] = []
        at = end_of_word = node.start_byte
        for child in node.children:
            self._check_gap(at, child.start_byte, allowed=_WITHIN_A_COMMAND)
            at = child.end_byte
            kind = child.type
            if kind in {"word", "raw_string", "number"}:
                self._plain_argument(child, words=words, joined=child.start_byte == end_of_word)
                end_of_word = at
            elif kind in {"variable_assignment", "comment"}:
                self.walk(child)
            elif kind == "herestring_redirect":
                stdin = self._herestring(child)
            elif kind == "file_redirect":
                words += self._file_redirect(child)
            elif kind == "command_name":
                words += self._name(child)
                end_of_word = at
            else:
                self.walk(child)
                self._argument(child, words=words, joined=child.start_byte == end_of_word)
                end_of_word = at
        self.parts.append(self.run((*words, *extra), stdin))

    def _name(self, node: Node) -> list[str]:
        self.walk(node)
        inner = node.children[0] if node.child_count == 1 else node
        return words_of(inner, constants=self.constants)

    def _plain_argument(self, node: Node, *, words: list[str], joined: bool) -> None:
        if node.type == "word":
            self._leaf(node)
        self._argument(node, words=words, joined=joined)

    def _argument(self, node: Node, *, words: list[str], joined: bool) -> None:
        found = words_of(node, constants=self.constants)
        if joined and words:  # the grammar splits `$"hi"`; bash reads one word
            words[-1] += OPEN
        else:
            words += found

    def run(self, words: tuple[str, ...], stdin: str | None) -> ToolAction:
        """Judge one command given as words."""
        if not words:
            return NOTHING
        name = words[0]
        if OPEN in name:
            return unclear("shell", why="the program is only known when the line runs")
        base = name.rpartition("/")[2]
        if name != base and not _STANDARD_PLACES.fullmatch(name):
            return unclear(base, why="a program outside the standard places")
        program = program_of(base)
        if program is None:
            if name in self.functions:
                return NOTHING  # its body is judged where it is defined
            return unclear(base, why="a program that is not known")
        return program(
            Invocation(
                program=base,
                words=words[1:],
                stdin=stdin,
                run_line=self._run_line,
                run_words=self._run_words,
            )
        )

    def _run_line(self, line: str) -> ToolAction:
        return analyse_at(line, depth=self.depth + 4)

    def _run_words(self, words: tuple[str, ...], stdin: str | None) -> ToolAction:
        self.depth += 4
        if self.depth > _DEEPEST:
            found = unclear("shell", why="nested too deeply")
        else:
            found = self.run(words, stdin)
        self.depth -= 4
        return found

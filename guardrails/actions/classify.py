"""What one tool call means, whatever kind of tool it is.

The policy's names come first, then a command line among the arguments, then what the tool says of
itself, then its name and its query. What nothing explains is a write that was not understood.
"""

import re
from functools import lru_cache

from guardrails.actions.arguments import (
    Arguments,
    command_line,
    decode,
    is_promql,
    operation_word,
    query_target,
    query_text,
    quote,
    targets_of,
)
from guardrails.actions.curl import only_asks
from guardrails.actions.meaning import join, one, unclear
from guardrails.actions.names import NameMeaning, read_name
from guardrails.actions.programs import is_program, is_verb_of
from guardrails.actions.rules import RUN_TOOLS, ToolRules, matches
from guardrails.actions.shell import analyse
from guardrails.actions.sql import looks_like_sql, sql_effect
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, ToolAction, ToolAnnotations

_REMEMBERED = 2_048
"""Calls kept. Agents repeat themselves (step repetition leads MAST's list), and detectors, FSM and
hygiene each ask about the same call."""
_LONGEST_REMEMBERED = 8_192
"""Characters. Longer arguments are classified afresh, so that the memory stays below 32 MB."""

_NO_ANNOTATIONS = ToolAnnotations()
_DEFAULT_RULES = ToolRules()

_OWN_PROGRAMS = ("kubectl", "helm", "argocd", "flux", "istioctl", "curl", "promtool")
"""Tools named after these take their arguments with or without the program's own name."""
_VERB = re.compile(r"-|[a-z][a-z-]*$")
_URL = re.compile(r"https?://", re.IGNORECASE)
_KEYWORDS = tokens("for while until if case select function time")
"""Words of bash itself, before which no program's name belongs."""
_TEXT_WORDS = tokens(
    "log logs doc docs documentation runbook runbooks knowledge web prometheus promql loki logql"
)
"""What is searched by words: `delete from cache failed` is no SQL there."""
_QUERY_WORDS = tokens(
    "prometheus promql prom loki logql metrics metric thanos mimir victoriametrics tempo traceql"
    " jaeger elasticsearch opensearch clickhouse alertmanager grafana"
)


def classify(
    tool: str,
    arguments: str,
    *,
    annotations: ToolAnnotations | None = None,
    rules: ToolRules = _DEFAULT_RULES,
) -> ToolAction:
    """Tell what a tool call does to the world.

    Args:
        tool: The tool's name.
        arguments: The call's arguments as JSON text, as the model wrote it; it may be malformed.
        annotations: What the tool says of itself, if anything.
        rules: What the policy says of tools by name.

    Returns:
        The action. `understood` is false, and the effect at least `write`, where a part of the call
        could not be read.
    """
    said = annotations or _NO_ANNOTATIONS
    if len(arguments) > _LONGEST_REMEMBERED:
        return _classify(tool, arguments, said, rules)
    return _remembered(tool, arguments, said, rules)


def _classify(
    tool: str, arguments: str, annotations: ToolAnnotations, rules: ToolRules
) -> ToolAction:
    decoded = decode(arguments)
    name = read_name(tool)
    by_policy = rules.effect_of(tool)
    if by_policy is not None:
        targets = () if decoded is None else targets_of(decoded, words=name.words)
        return one(
            tool, verb=name.verb, effect=by_policy, targets=targets, why="named by the policy"
        )
    if decoded is None:
        return _malformed(tool, name=name)
    of_shell_tool = rules.takes_command_line(tool)
    line = command_line(decoded, of_shell_tool=of_shell_tool)
    if line is not None:
        found = analyse(_complete(line, tool=tool))
        if not of_shell_tool and (not name.of_command_lines or name.effect is Effect.DESTRUCTIVE):
            found = _weigh(found, tool=tool, effect=name.effect, verb=name.verb)
        return _aim(found, tool=tool, name=name, arguments=decoded)
    looks = name.effect is Effect.READ and name.verb != ""
    spoken = operation_word(decoded, of_reading_tool=looks)
    said_effect = None if spoken is None else read_name(spoken).effect
    if of_shell_tool:
        doubt = unclear(tool, verb=name.verb, why="no command line among the arguments")
        return _weigh(doubt, tool=tool, effect=said_effect, verb=spoken or "")
    if matches(tool, patterns=RUN_TOOLS) or matches("_".join(name.words), patterns=RUN_TOOLS):
        return one(tool, verb=name.verb, effect=Effect.READ, why="acts within the run only")
    by_query = _by_query(tool, decoded, name=name)
    if by_query is not None:
        return _weigh(by_query, tool=tool, effect=said_effect, verb=spoken or "")
    targets = targets_of(decoded, words=name.words)
    effect, why = _by_annotations(annotations, name=name)
    if effect is None and said_effect is None:
        return unclear(tool, why="a tool whose name says nothing", targets=targets)
    if said_effect is not None and _posts_a_question(decoded, spoken=spoken):
        said_effect = Effect.READ
    if effect is None or (said_effect is not None and said_effect.gravity > effect.gravity):
        effect, why = said_effect or Effect.WRITE, "the operation that its arguments name"
    return one(tool, verb=name.verb or (spoken or ""), effect=effect, targets=targets, why=why)


def _posts_a_question(arguments: Arguments, *, spoken: str | None) -> bool:
    """Tell whether an HTTP tool posts to an endpoint that only answers queries."""
    url = arguments.get("url")
    return spoken == "post" and isinstance(url, str) and only_asks(url)


_remembered = lru_cache(maxsize=_REMEMBERED)(_classify)


def _malformed(tool: str, *, name: NameMeaning) -> ToolAction:
    doubt = unclear(tool, verb=name.verb, why="arguments that are not JSON")
    if name.effect is Effect.DESTRUCTIVE:
        return join([doubt, one(tool, verb=name.verb, effect=Effect.DESTRUCTIVE)])
    return doubt


def _complete(line: str | tuple[str, ...], *, tool: str) -> str:
    """Put the program's name before a line that a tool of that name leaves without it."""
    text = line if isinstance(line, str) else quote(line)
    words = text.split(maxsplit=1) if isinstance(line, str) else list(line[:1])
    first = words[0] if words else ""
    lowered = tool.lower()
    if first and lowered.startswith("nl2"):
        return text  # natural language: only a literal command line is understood
    if first in _KEYWORDS:
        return text
    if not _VERB.match(first):
        return f"curl {text}" if "curl" in lowered and _URL.match(first) else text
    for program in _OWN_PROGRAMS:
        if program in lowered and (is_verb_of(program, first) or not is_program(first)):
            lines = [line.lstrip() for line in text.splitlines() if line.strip()]
            if all(is_verb_of(program, line.split(maxsplit=1)[0]) for line in lines):
                return "\n".join(f"{program} {line}" for line in lines)
            return f"{program} {text.lstrip()}"
    return text


def _aim(found: ToolAction, *, tool: str, name: NameMeaning, arguments: Arguments) -> ToolAction:
    """Add the objects that stand beside the command line (`exec_in_pod(pod=…, command=…)`)."""
    targets = tuple(t for t in targets_of(arguments, words=name.words) if t.kind != "query")
    if not targets:
        return found
    return join([one(tool, verb=name.verb, effect=found.effect, targets=targets), found])


def _weigh(found: ToolAction, *, tool: str, effect: Effect | None, verb: str) -> ToolAction:
    """Let a grave name (`delete_pod`) or a named operation weigh beside a harmless argument."""
    if effect is None or effect.gravity <= found.effect.gravity:
        return found
    return join([one(tool, verb=verb, effect=effect), found])


def _by_query(tool: str, arguments: Arguments, *, name: NameMeaning) -> ToolAction | None:
    """Judge tools that take a query: SQL by its text, PromQL and LogQL as reads.

    PromQL has no way to change anything, so a text that is surely PromQL reads too.
    """
    found = query_text(arguments)
    if found is None:
        return None
    key, text = found
    target = query_target(text)
    searches = name.effect is Effect.READ and not _TEXT_WORDS.isdisjoint(name.words)
    if key in {"sql", "statement"} or (looks_like_sql(text) and not searches):
        effect = sql_effect(text)
        if name.effect is Effect.DESTRUCTIVE:
            effect = Effect.DESTRUCTIVE
        return one(tool, verb="sql", effect=effect, targets=(target,))
    if searches:
        return one(tool, verb=name.verb, effect=Effect.READ, targets=(target,))
    asks = not _QUERY_WORDS.isdisjoint(name.words) or key in {"promql", "logql", "traceql"}
    if (asks or is_promql(text)) and _only_asks(name):
        return one(tool, verb=name.verb or "query", effect=Effect.READ, targets=(target,))
    return None


def _only_asks(name: NameMeaning) -> bool:
    """Tell whether a query tool's verb is none, a reading one, or `run`/`execute` of a query."""
    return name.effect in {None, Effect.READ} or name.verb in {"run", "exec", "execute", "call"}


def _by_annotations(
    annotations: ToolAnnotations, *, name: NameMeaning
) -> tuple[Effect | None, str]:
    """Weigh what the tool says of itself against its name; the name can only raise it.

    The Model Context Protocol calls its annotations hints that no client may trust. So a read-only
    hint explains a name that says nothing or little (`run_query`), and never a verb that changes
    something (`scale_deployment`).
    """
    if annotations.destructive and not annotations.read_only:
        return Effect.DESTRUCTIVE, "the tool says that it destroys"
    if annotations.read_only:
        if name.effect not in {None, Effect.READ} and not name.vague:
            return name.effect, "its name says more than its read-only hint"
        return Effect.READ, "the tool says that it only reads"
    if annotations.read_only is False and name.effect in {None, Effect.READ}:
        return Effect.WRITE, "the tool says that it does not only read"
    return name.effect, ""

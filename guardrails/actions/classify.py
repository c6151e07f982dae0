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
    query_target,
    query_text,
    quote,
    targets_of,
)
from guardrails.actions.meaning import join, one, unclear
from guardrails.actions.names import EITHER, NameMeaning, read_name
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
_SEARCHES = tokens("search find lookup browse grep retrieve discover")
"""Verbs of tools that look for words in a text."""
_TEXT_WORDS = tokens("knowledge docs documentation runbook runbooks wiki web")
_SQL_WORDS = tokens(
    "sql db database postgres postgresql pg mysql mariadb sqlite clickhouse snowflake bigquery"
    " table tables"
)
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
        if not of_shell_tool and not name.of_command_lines:
            found = _weigh(found, tool=tool, name=name)
        return _aim(found, tool=tool, name=name, arguments=decoded)
    if of_shell_tool:
        return _without_line(tool, decoded, name=name)
    if matches(tool, patterns=RUN_TOOLS):
        return one(tool, verb=name.verb, effect=Effect.READ, why="acts within the run only")
    by_query = _by_query(tool, decoded, name=name)
    if by_query is not None:
        return by_query
    targets = targets_of(decoded, words=name.words)
    effect, why = _by_annotations(annotations, name=name)
    asked = _asked(decoded)
    if asked is not None and (effect is None or asked.gravity > effect.gravity):
        effect, why = asked, "the arguments name the verb"
    if effect is None:
        return unclear(tool, why="a tool whose name says nothing", targets=targets)
    return one(tool, verb=name.verb, effect=effect, targets=targets, why=why)


_remembered = lru_cache(maxsize=_REMEMBERED)(_classify)


_VERB_KEYS = ("action", "verb", "operation", "method", "http_method", "subcommand")
"""Arguments that name what a tool of many uses is to do: `manage_pod(action="delete")`."""
_HTTP_METHODS = {
    **dict.fromkeys(("get", "head", "options"), Effect.READ),
    **dict.fromkeys(("post", "put", "patch"), Effect.WRITE),
    "delete": Effect.DESTRUCTIVE,
}


def _asked(arguments: Arguments) -> Effect | None:
    """Tell the gravest effect that an argument names as the verb."""
    said: list[Effect] = []
    for key, value in arguments.items():
        if key.lower() in _VERB_KEYS and isinstance(value, str):
            effect = _HTTP_METHODS.get(value.lower()) or read_name(value).effect
            said += [] if effect is None else [effect]
    return max(said, key=lambda effect: effect.gravity, default=None)


def _without_line(tool: str, arguments: Arguments, *, name: NameMeaning) -> ToolAction:
    """Judge a tool that takes a command line and got none: nobody knows what it would run."""
    doubt = unclear(tool, verb=name.verb, why="no command line among the arguments")
    if _asked(arguments) is Effect.DESTRUCTIVE:
        targets = targets_of(arguments, words=name.words)
        return join([doubt, one(tool, verb="", effect=Effect.DESTRUCTIVE, targets=targets)])
    return doubt


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
            return f"{program} {text.lstrip()}"
    return text


def _aim(found: ToolAction, *, tool: str, name: NameMeaning, arguments: Arguments) -> ToolAction:
    """Add the objects that stand beside the command line (`exec_in_pod(pod=…, command=…)`)."""
    targets = tuple(t for t in targets_of(arguments, words=name.words) if t.kind != "query")
    if not targets:
        return found
    return join([one(tool, verb=name.verb, effect=found.effect, targets=targets), found])


def _weigh(found: ToolAction, *, tool: str, name: NameMeaning) -> ToolAction:
    """Let a grave name (`delete_pod`) weigh beside a harmless command argument."""
    if name.effect is None or name.effect.gravity <= found.effect.gravity:
        return found
    return join([one(tool, verb=name.verb, effect=name.effect), found])


def _by_query(tool: str, arguments: Arguments, *, name: NameMeaning) -> ToolAction | None:
    """Judge tools that take a query: SQL by its text, PromQL and LogQL as reads.

    PromQL has no way to change anything, so a text that is surely PromQL reads too.
    """
    found = query_text(arguments)
    if found is None:
        return None
    key, text = found
    target = query_target(text)
    if key in {"sql", "statement"} or (looks_like_sql(text) and _takes_sql(name)):
        effect = sql_effect(text)
        if name.effect is Effect.DESTRUCTIVE:
            effect = Effect.DESTRUCTIVE
        return one(tool, verb="sql", effect=effect, targets=(target,))
    asks = not _QUERY_WORDS.isdisjoint(name.words) or key in {"promql", "logql", "traceql"}
    if (asks or is_promql(text)) and _only_asks(name):
        return one(tool, verb=name.verb or "query", effect=Effect.READ, targets=(target,))
    return None


def _takes_sql(name: NameMeaning) -> bool:
    """Tell whether a query may be SQL: `search_docs` for "delete pod stuck" is none."""
    of_texts = name.verb in _SEARCHES or not _TEXT_WORDS.isdisjoint(name.words)
    return not of_texts or not _SQL_WORDS.isdisjoint(name.words)


def _only_asks(name: NameMeaning) -> bool:
    """Tell whether a query tool's verb is none, a reading one, or `run`/`execute` of a query."""
    return name.effect in {None, Effect.READ} or name.verb in {"run", "exec", "execute", "call"}


def _by_annotations(
    annotations: ToolAnnotations, *, name: NameMeaning
) -> tuple[Effect | None, str]:
    """Weigh what the tool says of itself against its name.

    The Model Context Protocol calls annotations hints that nobody should trust of an unknown
    server. So a tool may confess more than its name says, but a read-only hint is believed only of
    a name that says nothing, reads, or may mean either (`run_report`). A policy's `read` list,
    which a person wrote, overrules all of this.
    """
    if annotations.destructive and not annotations.read_only:
        return Effect.DESTRUCTIVE, "the tool says that it destroys"
    if annotations.read_only:
        if name.effect is Effect.DESTRUCTIVE or (
            name.effect is Effect.WRITE and name.verb not in EITHER
        ):
            return name.effect, "its name says more than its read-only hint"
        return Effect.READ, "the tool says that it only reads"
    if annotations.read_only is False and name.effect in {None, Effect.READ}:
        return Effect.WRITE, "the tool says that it does not only read"
    return name.effect, ""

"""The arguments of a tool call: command lines, queries and the objects that they name.

Models write the same things under many names; the tables here hold those that public SRE tools use.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import cast

import msgspec
import promql_parser

from guardrails.actions.kinds import kind_of
from guardrails.actions.tables import listed, tokens
from guardrails.core.toolaction import Target

Arguments = Mapping[str, object]
Line = tuple[str, ...] | str
"""A command line: text for the shell, or the words themselves."""

_COMMAND_KEYS = tokens(
    "command cmd commands commandline cmdline shellcommand bashcommand kubectlcommand kubectlcmd"
    " helmcommand script shell bash"
)
"""Arguments that hold a command line in a tool of any name, in the form of `_plain_key`."""
_SHELL_KEYS = tokens("args argv arguments input kubectlargs query line code text")
_KEYS_OF_SHELL_TOOLS = _COMMAND_KEYS | _SHELL_KEYS
"""Arguments that hold a command line in a tool that is known to take one."""
_WORDS_KEYS = ("args", "argv", "arguments", "flags")
"""Arguments that hold the words after a command that stands in its own argument."""
_QUERY_KEYS = listed("query promql expr expression logql sql statement q query_string traceql")
_LONGEST_QUERY = 500
"""Characters of a query kept in a target: enough to recognise it in a report."""

_OPERATION_KEYS = tokens(
    "action operation op verb method httpmethod requestmethod subcommand operationtype actiontype"
)
"""Arguments that say what a tool with a vague name (`k8s_resource`, `fetch`) shall do."""
_METHOD_KEYS = tokens("method httpmethod requestmethod")
_LONGEST_OPERATION = 40
"""Characters. More is a sentence, not the name of an operation."""
_ENVELOPES = tokens(
    "args arguments input inputs params parameters kwargs options payload request toolinput"
    " commands calls steps"
)
"""Arguments that hold further arguments. Manifests are none: a container's `command` is data."""
_DEEPEST_ENVELOPE = 4
_MOST_NESTED = 100
"""Arguments looked at within envelopes: enough for any hand-written call."""

_KIND_KEYS = listed("kind resource_kind resourcekind resource_type resourcetype type object_kind")
_NAME_KEYS = listed("name resource_name resourcename object_name names")
_NAMESPACE_KEYS = listed("namespace ns k8s_namespace target_namespace kube_namespace")
_SELECTOR_KEYS = listed("selector label_selector labelselector labels_selector")
_NAMED_KINDS = {
    key: kind
    for kind in listed(
        "pod deployment service statefulset daemonset replicaset job cronjob node configmap secret"
        " ingress pvc hpa networkpolicy application release container"
    )
    for key in (kind, f"{kind}_name", f"{kind}name", f"{kind}s")
} | {
    "svc": "service",
    "deploy": "deployment",
    "service_name": "service",
    "release_name": "release",
    "app_name": "application",
    "url": "url",
    "endpoint": "url",
    "path": "file",
    "file": "file",
    "file_path": "file",
    "filename": "file",
}
_TELLING_KEYS = frozenset(
    {*_KIND_KEYS, *_NAME_KEYS, *_NAMESPACE_KEYS, *_SELECTOR_KEYS, *_NAMED_KINDS, *_QUERY_KEYS}
    | {"resource"}
)
"""Arguments of which at least one is there where any object is named."""


def decode(arguments: str) -> Arguments | None:
    """Decode a call's arguments; text alone becomes `input`, a list `argv`; `None` if malformed."""
    if not arguments.strip():
        return {}
    try:
        value: object = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    if isinstance(value, str):
        return {"input": value}
    if isinstance(value, list):
        return {"argv": cast("list[object]", value)}
    return {} if value is None else None


def command_line(arguments: Arguments, *, of_shell_tool: bool) -> tuple[str, ...] | str | None:
    """Find the command line among the arguments: text, or a list of words, or none."""
    split = _split_line(arguments)
    if split is not None:
        return split
    keys = _KEYS_OF_SHELL_TOOLS if of_shell_tool else _COMMAND_KEYS
    found = [
        line
        for key, value in _leaves(arguments)
        if key in keys and (line := _as_line(value, key=key)) is not None
    ]
    if not found and of_shell_tool:
        texts = [value for value in arguments.values() if isinstance(value, str)]
        found = list(texts[:1]) if len(texts) == 1 else []
    if len(found) <= 1:
        return found[0] if found else None
    return "\n".join(line if isinstance(line, str) else quote(line) for line in found)


def operation_word(arguments: Arguments, *, of_reading_tool: bool) -> str | None:
    """Find the operation that the arguments name (`action: delete`, `method: POST`).

    Args:
        arguments: The decoded arguments.
        of_reading_tool: Whether the tool's own verb reads: then `get_audit_log(verb="delete")`
            filters, and only an HTTP method still says what is done.
    """
    keys = _METHOD_KEYS if of_reading_tool else _OPERATION_KEYS
    for key, value in _leaves(arguments):
        if key in keys and isinstance(value, str) and len(value) < _LONGEST_OPERATION:
            return value.lower()
    return None


def _plain_key(key: str) -> str:
    """Give a key without case, dashes and underscores: `shellCommand` is `shell_command`."""
    return key.lower().replace("_", "").replace("-", "")


def _leaves(arguments: Arguments) -> Iterator[tuple[str, object]]:
    """Give the arguments with their plain keys, those within envelopes included."""
    found = _opened(arguments, depth=0)
    return islice(found, max(_MOST_NESTED, len(arguments)))


def _opened(arguments: Mapping[str, object], *, depth: int) -> Iterator[tuple[str, object]]:
    for key, value in arguments.items():
        plain = _plain_key(key)
        yield plain, value
        if depth < _DEEPEST_ENVELOPE and plain in _ENVELOPES:
            inner = decode(value) if isinstance(value, str) and value[:1] in {"{", "["} else value
            for item in cast("list[object]", inner) if isinstance(inner, list) else [inner]:
                if isinstance(item, dict):
                    yield from _opened(cast("dict[str, object]", item), depth=depth + 1)


def _split_line(arguments: Arguments) -> tuple[str, ...] | None:
    """Join `command: get` with `args: [pods, -n, shop]` where they stand beside each other."""
    plain = {key.lower(): value for key, value in arguments.items()}
    command = plain.get("command", plain.get("cmd"))
    if not isinstance(command, str) or not command.strip():
        return None
    for key in _WORDS_KEYS:
        words = _as_line(plain[key], key=key) if key in plain else None
        if isinstance(words, tuple):
            return (*command.split(), *words)
    return None


def _as_line(value: object, *, key: str) -> tuple[str, ...] | str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        words = cast("list[object]", value)
        if words and all(isinstance(word, str) for word in words):
            texts = tuple(word for word in words if isinstance(word, str))
            return "\n".join(texts) if key == "commands" else texts
    return None


def quote(words: Sequence[str]) -> str:
    """Write words as one command line, each quoted so that bash reads it back unchanged."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def query_text(arguments: Arguments) -> tuple[str, str] | None:
    """Find a query among the arguments, with the key that holds it in lower case."""
    for key, value in arguments.items():
        if key.lower() in _QUERY_KEYS and isinstance(value, str) and value.strip():
            return key.lower(), value
    return None


def query_target(text: str) -> Target:
    """Name a query as a target."""
    return Target(kind="query", name=text[:_LONGEST_QUERY])


_LONGEST_PROMQL = 5_000
_DEEPEST_PROMQL = 50
"""Brackets. The parser recurses on the stack of the process: 100,000 of them end it."""


_METRIC = re.compile(
    r"up|ALERTS(?:_FOR_STATE)?"
    r"|(?:kube|node|container|http|process|go|apiserver|istio|envoy|etcd|coredns|kubelet|prometheus"
    r"|alertmanager)_\w+"
    r"|\w+_(?:total|count|sum|bucket|seconds|bytes|info|ratio|created)"
)
"""Bare names that are surely metrics: Prometheus's own, and its naming conventions."""


def is_promql(text: str) -> bool:
    """Tell whether a text is surely PromQL: it parses, and is more than any bare word."""
    if len(text) <= _LONGEST_QUERY and _METRIC.fullmatch(text.strip()):
        return True
    opened = sum(text.count(bracket) for bracket in "([{")
    if not 0 < opened <= _DEEPEST_PROMQL or len(text) > _LONGEST_PROMQL:
        return False
    try:
        promql_parser.parse(text)
    except ValueError:
        return False
    return True


def _first(arguments: Mapping[str, object], keys: Sequence[str]) -> str:
    for key in keys:
        value = arguments.get(key)
        if isinstance(value, str):
            return value
    return ""


def targets_of(arguments: Arguments, *, words: Sequence[str]) -> tuple[Target, ...]:
    """Name the objects that the arguments of a function tool speak of.

    Args:
        arguments: The decoded arguments.
        words: The words of the tool's name: `get_pods` says that a bare `name` is a pod's.
    """
    plain = {key.lower(): value for key, value in arguments.items()}
    if _TELLING_KEYS.isdisjoint(plain):  # most calls are a command line and nothing else
        return ()
    namespace, selector = _first(plain, _NAMESPACE_KEYS), _first(plain, _SELECTOR_KEYS)
    every = any(plain.get(key) is True for key in ("all_namespaces", "allnamespaces"))
    found: list[Target] = []
    for kind, name in dict.fromkeys(_named(plain, words=words)):
        found.append(
            Target(
                kind=kind,
                name=name,
                namespace="" if kind in {"url", "file", "node"} else namespace,
                selector="" if kind in {"url", "file"} else selector,
                every_namespace=every,
            )
        )
    query = query_text(arguments)
    if query is not None:
        found.append(query_target(query[1]))
    return tuple(found)


def _named(plain: Mapping[str, object], *, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give kind and name pairs."""
    kind = _first(plain, _KIND_KEYS)
    name = _first(plain, _NAME_KEYS)
    resource = _first(plain, ("resource",))
    if "/" in resource:
        resource_kind, _, resource_name = resource.partition("/")
        yield kind_of(resource_kind), resource_name
    elif resource:
        kind = kind or resource
    for key, value in plain.items():
        of_kind = _NAMED_KINDS.get(key)
        if of_kind is not None and isinstance(value, str) and value:
            yield kind_of(of_kind) if of_kind not in {"url", "file"} else of_kind, value
    if not kind:
        kind = next((kind_of(word) for word in words if kind_of(word) in _KNOWN_KINDS), "")
    spoken = any(_first(plain, keys) for keys in (_NAMESPACE_KEYS, _SELECTOR_KEYS))
    if name or (kind and (spoken or _first(plain, _KIND_KEYS) or resource)):
        named_already = any(key in _NAMED_KINDS for key in plain) and not name
        if not named_already and "/" not in resource:
            yield (kind_of(kind) if kind else ""), name


_KNOWN_KINDS = frozenset(kind_of(kind) for kind in _NAMED_KINDS.values()) - {"file", "url"}

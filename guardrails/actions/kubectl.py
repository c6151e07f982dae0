"""`kubectl`: every verb of 1.36 as a row, global flags anywhere, plugins doubted.

What `exec` and `debug` run inside a container is judged like any other command line: `… -- cat`
reads, `… -- rm` destroys. Scaling to zero stays a write (scaling back puts it right), but says
so. `port-forward` reads: what goes through the tunnel is judged when it is sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from guardrails.actions.invocation import (
    Flags,
    Invocation,
    any_may_be_flag,
    misplaced_flag,
    sort_flags,
)
from guardrails.actions.kinds import kind_of, resource_targets
from guardrails.actions.kubectl_verbs import FLAGS, KUBECTL_VERBS, LOG_FLAGS, ROOT_FLAGS
from guardrails.actions.manifests import manifest_targets
from guardrails.actions.meaning import join, known, one, unclear
from guardrails.actions.verbs import FoundVerb, find_verb
from guardrails.core.toolaction import Effect, Target, ToolAction

PROGRAM = "kubectl"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One kubectl command, sorted."""

    found: FoundVerb
    flags: Flags
    invocation: Invocation

    @property
    def namespace(self) -> str:
        return known(self.flags.last("-n", "--namespace"))

    @property
    def selector(self) -> str:
        """What narrows a list; `…` stands for what only the running shell knows."""
        given = self.flags.all("-l", "--selector", "--field-selector")
        words = [word if known(word) else "…" for word in given if word]
        if self.flags.has("--watch-only"):
            words.append("--watch-only")
        return ",".join(words)

    @property
    def every_namespace(self) -> bool:
        return self.flags.has("-A", "--all-namespaces")


def kubectl(invocation: Invocation) -> ToolAction:
    """Tell what a `kubectl` command does."""
    flags = sort_flags(invocation.words, table=FLAGS)
    if not flags.operands:
        if flags.unknown or flags.rest or any_may_be_flag(invocation.words):
            return unclear(PROGRAM, why="no verb that is known")
        return one(PROGRAM, verb="", effect=Effect.READ, why="prints help")
    if misplaced_flag(invocation.words, root=ROOT_FLAGS):
        return unclear(PROGRAM, why="a flag before the verb that is not global hides the verb")
    if flags.operands[0] == "logs":
        flags = sort_flags(invocation.words, table=LOG_FLAGS)
    found = find_verb(flags, table=KUBECTL_VERBS)
    if found is None:
        verb = known(flags.operands[0])
        return unclear(PROGRAM, verb=verb, why="not a verb of kubectl: a plugin may do anything")
    if flags.has("--help", "-h") and not flags.unknown:
        return one(PROGRAM, verb=found.path, effect=Effect.READ, why="prints help")
    call = _Call(found=found, flags=flags, invocation=invocation)
    action = _SPECIAL.get(found.path, _plain)(call)
    if flags.last("--profile") not in {"", "none"} and found.verb.effect is Effect.READ:
        return join([action, one(PROGRAM, verb="--profile", effect=Effect.WRITE, why="a file")])
    return action


def _plain(call: _Call) -> ToolAction:
    effect, dry_run, why = _effect(call)
    if call.flags.last("--as"):
        why = "; ".join(part for part in (why, "impersonates another user") if part)
    return one(
        PROGRAM,
        verb=call.found.path,
        effect=effect,
        targets=_targets(call),
        dry_run=dry_run,
        why=why,
    )


def _effect(call: _Call) -> tuple[Effect, bool, str]:
    verb, flags, path = call.found.verb, call.flags, call.found.path
    raw = flags.last("--raw") and path in _RAW_REQUESTS  # a raw request knows no dry run
    if verb.dry_run and not raw and _held_back(flags):
        return Effect.READ, True, "dry run"
    for name, paths, effect, why in _FLAG_RULES:
        if path in paths and (flags.given if name in FLAGS.valued else flags.has)(name):
            return effect, False, why
    if path == "scale" and "0" in flags.all("--replicas"):
        return verb.effect, False, "takes every replica away"
    return verb.effect, False, verb.why


_RAW_REQUESTS = frozenset({"create", "replace", "delete"})
_FLAG_RULES: tuple[tuple[str, frozenset[str], Effect, str], ...] = (
    ("--prune", frozenset({"apply"}), Effect.DESTRUCTIVE, "prunes objects left out"),
    ("--force", frozenset({"replace", "apply"}), Effect.DESTRUCTIVE, "deletes and recreates"),
    ("--list", frozenset({"label", "annotate", "set env"}), Effect.READ, "only lists"),
    ("--replace", frozenset({"debug"}), Effect.DESTRUCTIVE, "deletes the pod that it copies"),
    (
        "--output-directory",
        frozenset({"cluster-info dump"}),
        Effect.WRITE,
        "writes files",
    ),
)
"""Flags that change what a verb does. `--list` beside an assignment fails in kubectl itself."""


def _held_back(flags: Flags) -> bool:
    """Tell whether `--dry-run` is sure. kubectl wants a value and takes the last one."""
    return (
        flags.last("--dry-run") in {"client", "server"}
        and not flags.unknown
        and not any_may_be_flag(flags.operands)
    )


def _targets(call: _Call) -> tuple[Target, ...]:
    manifest = _manifest_targets(call)
    if manifest is not None:
        return manifest
    raw = call.flags.last("--raw")
    if raw and call.found.path in {"get", *_RAW_REQUESTS}:
        return (Target(kind="url", name=known(raw)),)
    read = _OPERANDS.get(call.found.path)
    return _resources(call) if read is None else read(call)


def _manifest_targets(call: _Call) -> tuple[Target, ...] | None:
    files = call.flags.all("-f", "--filename", "-k", "--kustomize")
    if not files or call.found.path == "logs":
        return None
    stdin = call.invocation.stdin
    found: list[Target] = []
    for name in files:
        if name in {"-", "/dev/stdin"} and stdin is not None:
            found += manifest_targets(stdin, namespace=call.namespace)
        else:
            found.append(Target(kind="file", name=known(name)))
    return tuple(found)


def _resources(
    call: _Call, *, kind: str = "", words: tuple[str, ...] | None = None
) -> tuple[Target, ...]:
    operands = call.found.operands if words is None else words
    return resource_targets(
        operands,
        kind=kind,
        namespace="" if kind == "node" else call.namespace,
        selector=call.selector,
        every_namespace=call.every_namespace,
    )


def _before_assignments(call: _Call) -> tuple[Target, ...]:
    """Read operands up to the first `key=value` or `key-` (label, annotate, set, taint)."""
    words: list[str] = []
    for word in call.found.operands:
        if "=" in word or (word.endswith("-") and words):
            break
        words.append(word)
    return _resources(call, words=tuple(words))


def _created(call: _Call) -> tuple[Target, ...]:
    """Read `create KIND [TYPE] NAME`."""
    if not call.found.operands:
        return ()
    kind = kind_of(call.found.operands[0])
    typed = kind in {"secret", "service"}
    name = call.found.operands[2 if typed else 1 :][:1]
    return (Target(kind=kind, name=known(name[0]) if name else "", namespace=call.namespace),)


_OPERANDS: Mapping[str, Callable[[_Call], tuple[Target, ...]]] = {
    **dict.fromkeys(
        ("label", "annotate", "taint", "set env", "set image", "set selector", "set subject"),
        _before_assignments,
    ),
    "create": _created,
    "run": lambda call: _resources(call, kind="pod", words=call.found.operands[:1]),
    "set serviceaccount": lambda call: _resources(call, words=call.found.operands[:-1]),
    "logs": lambda call: _resources(call, kind="pod", words=call.found.operands[:1]),
    "attach": lambda call: _resources(call, kind="pod", words=call.found.operands[:1]),
    "port-forward": lambda call: _resources(call, kind="pod", words=call.found.operands[:1]),
    "top pod": lambda call: _resources(call, kind="pod"),
    "top pods": lambda call: _resources(call, kind="pod"),
    "top node": lambda call: _resources(call, kind="node"),
    "top nodes": lambda call: _resources(call, kind="node"),
    **dict.fromkeys(("drain", "cordon", "uncordon"), lambda call: _resources(call, kind="node")),
    **dict.fromkeys(
        ("certificate approve", "certificate deny"),
        lambda call: _resources(call, kind="certificatesigningrequest"),
    ),
    **dict.fromkeys(
        (
            *(
                "explain",
                "api-resources",
                "api-versions",
                "completion",
                "options",
                "version",
                "help",
            ),
            *("auth can-i", "auth whoami", "kustomize", "plugin list", "cluster-info"),
            *(path for path in KUBECTL_VERBS if path.startswith(("config", "kuberc"))),
        ),
        lambda _: (),
    ),
}
"""Verbs whose operands are not simply resources."""


def _exec(call: _Call) -> ToolAction:
    """Judge what runs in the container; without a command nobody knows."""
    operands, inner = call.found.operands, call.flags.rest
    unsure = call.flags.unknown
    if inner is None and len(operands) > 1:  # the old form, without `--`
        words = call.invocation.words
        inner = words[words.index(operands[1]) :]
        unsure = unsure or any(word.startswith("-") for word in inner)
    targets = _resources(call, kind="pod", words=operands[:1])
    ran = call.invocation.run_words(inner, call.invocation.stdin) if inner else None
    if ran is None or unsure:
        doubt = unclear(
            PROGRAM, verb=call.found.path, targets=targets, why="runs something that is not known"
        )
        return doubt if ran is None else join([doubt, ran])
    own = one(
        PROGRAM,
        verb=call.found.path,
        effect=ran.effect,
        targets=targets,
        why="the effect of the command that it runs in the container",
    )
    return join([own, ran])


def _debug(call: _Call) -> ToolAction:
    """Judge `debug`: it adds a container or a pod, whatever that one then runs."""
    effect, _, why = _effect(call)
    target = call.found.operands[:1]
    own = one(
        PROGRAM,
        verb="debug",
        effect=effect,
        targets=_resources(call, kind="pod", words=target),
        why=why or "adds a container or a pod",
    )
    inner = call.flags.rest
    return join([own, call.invocation.run_words(inner, None)]) if inner else own


def _attach(call: _Call) -> ToolAction:
    writes = call.flags.has("-i", "--stdin", "-t", "--tty")
    return one(
        PROGRAM,
        verb="attach",
        effect=Effect.WRITE if writes else Effect.READ,
        targets=_targets(call),
        why="sends input to the container" if writes else "",
    )


def _copy(call: _Call) -> ToolAction:
    """Judge `cp`: the last operand is written, in the container or here."""
    targets: list[Target] = []
    for word in call.found.operands:
        place, colon, path = word.partition(":")
        if colon and path:
            namespace, slash, pod = place.partition("/")
            targets.append(
                Target(
                    kind="pod",
                    name=known(pod if slash else namespace),
                    namespace=known(namespace) if slash else call.namespace,
                )
            )
        else:
            targets.append(Target(kind="file", name=known(word)))
    return one(PROGRAM, verb="cp", effect=Effect.WRITE, targets=tuple(targets), why="writes files")


def _run(call: _Call) -> ToolAction:
    """Judge `run`: it adds a pod, which may do worse than that."""
    own, inner = _plain(call), call.flags.rest
    if not inner or own.effect is Effect.READ:
        return own
    ran = call.invocation.run_words(inner, None)
    return join([own, ran]) if ran.effect is Effect.DESTRUCTIVE else own


def _build(call: _Call) -> ToolAction:
    """Judge `kustomize`: it prints, unless told to write files or to run a program."""
    flags = call.flags
    runs = flags.has("--enable-helm", "--enable-alpha-plugins", "--enable-exec")
    if runs or flags.given("--helm-command"):
        return unclear(PROGRAM, verb="kustomize", why="runs helm or a plugin")
    if flags.given("-o", "--output") or any_may_be_flag(call.found.operands):
        return one(PROGRAM, verb="kustomize", effect=Effect.WRITE, why="writes files")
    return _plain(call)


def _local(call: _Call) -> ToolAction:
    """Judge `set … --local`, which prints and sends nothing."""
    if call.flags.has("--local") and not any_may_be_flag(call.found.operands):
        return one(
            PROGRAM, verb=call.found.path, effect=Effect.READ, targets=_targets(call), dry_run=True
        )
    return _plain(call)


_SPECIAL: Mapping[str, Callable[[_Call], ToolAction]] = {
    "exec": _exec,
    "debug": _debug,
    "attach": _attach,
    "cp": _copy,
    "run": _run,
    "kustomize": _build,
    **dict.fromkeys(
        (
            *("set env", "set image", "set resources", "set selector", "set subject"),
            *("set serviceaccount", "label", "annotate", "patch"),
        ),
        _local,
    ),
}
"""Verbs that need more than their row."""

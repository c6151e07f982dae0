"""Verbs of command-line programs as tables: `rollout restart` is a row, not an `if`.

kubectl, helm, argocd, flux and their like all read `program [flags] noun verb operands [flags]`;
the longest path of leading operands that the table knows is the verb.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from guardrails.actions.invocation import (
    Flags,
    FlagTable,
    Invocation,
    any_may_be_flag,
    misplaced_flag,
    sort_flags,
)
from guardrails.actions.meaning import join, known, one, unclear
from guardrails.core.toolaction import Effect, Target, ToolAction

_DEEPEST_PATH = 3
"""`istioctl experimental revision list` and `argocd account generate-token` need no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One row: what a verb does."""

    effect: Effect
    why: str = ""
    dry_run: bool = False
    """Has a `--dry-run` that keeps it from changing anything."""
    kind: str = ""
    """The kind of its operands (`release`, `application`), if they are all of one."""
    group: bool = False
    """Only a name for further verbs: alone it prints help, with a word not in the table it is
    not understood."""


READ = Verb(effect=Effect.READ)
WRITE = Verb(effect=Effect.WRITE)
DESTRUCTIVE = Verb(effect=Effect.DESTRUCTIVE)
GROUP = Verb(effect=Effect.READ, group=True)


def rows(verb: Verb, *, paths: str, under: str = "") -> dict[str, Verb]:
    """Give one row to several verbs: words of `paths`, each below the group `under`."""
    return dict.fromkeys((f"{under} {word}".strip() for word in paths.split()), verb)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVerb:
    """The verb of a command line and what follows it."""

    path: str
    verb: Verb
    operands: tuple[str, ...]


def find_verb(flags: Flags, *, table: Mapping[str, Verb]) -> FoundVerb | None:
    """Find the longest leading path of operands that the table knows."""
    operands = flags.operands
    for depth in range(min(_DEEPEST_PATH, len(operands)), 0, -1):
        path = " ".join(operands[:depth]) if depth > 1 else operands[0]
        row = table.get(path)
        if row is not None:
            if flags.unsure_before(depth) or (row.group and len(operands) > depth):
                return None
            return FoundVerb(path=path, verb=row, operands=tuple(operands[depth:]))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbProgram:
    """A program that is wholly described by a flag table and a verb table."""

    program: str
    flags: FlagTable
    verbs: Mapping[str, Verb]
    namespace_flags: tuple[str, ...] = ()
    idle: frozenset[str] = frozenset({"-h", "--help"})
    """Flags that make the program print and stop, whatever the verb."""
    root: FlagTable | None = None
    """The flags that may stand before the verb, of programs that read the next word as the value of
    any other one."""
    bare: Verb | None = READ
    """What the program does without operands; `None` if that is not known."""
    file_flags: tuple[str, ...] = ()
    """Flags that make a verb write a file here."""

    def __call__(self, invocation: Invocation) -> ToolAction:
        """Read one invocation."""
        flags = sort_flags(invocation.words, table=self.flags)
        if not flags.operands:
            if self.bare is None or flags.unknown or flags.rest:
                return unclear(self.program, why="no verb that is known")
            return one(self.program, verb="", effect=self.bare.effect, why=self.bare.why)
        found = find_verb(flags, table=self.verbs)
        if self.root is not None and misplaced_flag(invocation.words, root=self.root):
            found = None
        if found is None or flags.rest:  # behind `--`, `etcdctl watch` takes a command
            verb = known(flags.operands[0])
            return unclear(self.program, verb=verb, why="a verb that is not known")
        action = self.judge(found, flags=flags)
        if self.file_flags and flags.given(*self.file_flags):
            written = one(self.program, verb=found.path, effect=Effect.WRITE, why="writes files")
            return join([action, written])
        return action

    def judge(self, found: FoundVerb, *, flags: Flags) -> ToolAction:
        """Give the meaning of a verb that the table knows."""
        if flags.has(*self.idle) and not flags.unknown:
            return one(self.program, verb=found.path, effect=Effect.READ, why="prints help")
        dry = found.verb.dry_run and dry_run(flags)
        namespace = known(flags.last(*self.namespace_flags))
        targets = tuple(
            Target(kind=found.verb.kind, name=known(name), namespace=namespace)
            for name in found.operands
            if found.verb.kind
        )
        return one(
            self.program,
            verb=found.path,
            effect=Effect.READ if dry else found.verb.effect,
            targets=targets,
            dry_run=dry,
            why="dry run" if dry else found.verb.why,
        )


def dry_run(flags: Flags) -> bool:
    """Tell whether `--dry-run` holds the program back.

    An open word that may turn out to be another `--dry-run` undoes the certainty. A bare
    `--dry-run` is believed only of programs for which it is a switch; kubectl asks for a value.
    """
    if "--dry-run" not in flags.values or flags.unknown or any_may_be_flag(flags.operands):
        return False
    return flags.last("--dry-run") in {"", "true", "client", "server"}

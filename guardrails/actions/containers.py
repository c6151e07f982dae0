"""`docker`, `podman`, `nerdctl` and `crictl`: containers behind Kubernetes's back."""

from dataclasses import dataclass

from guardrails.actions.invocation import FlagTable, Invocation, Program, sort_flags
from guardrails.actions.meaning import join, known, one, unclear
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, Verb, VerbProgram, find_verb, rows
from guardrails.core.toolaction import Effect, Target, ToolAction

_FLAGS = FlagTable(
    valued=tokens(
        "-H --host -c --context --config --log-level -f --filter --format -n --last --since"
        " --until --tail -u --user -w --workdir -e --env --env-file --namespace -r"
        " --runtime-endpoint -i --image-endpoint -t --timeout -o --output --name --state --label"
        " --pod --image --time -s --signal --type"
    ),
    switches=tokens(
        "-a --all -q --quiet --help --no-trunc --size -l --latest --no-stream --follow"
        " --details --timestamps -it -ti --interactive --tty -d --detach --privileged --rm --force"
        " -D --debug --tls --tlsverify --version -v -p --previous --no-color"
    ),
)
_GONE = Verb(effect=Effect.DESTRUCTIVE)
_LOOKS = "ps ls list images inspect logs top stats events info version port diff history search"
_CHANGES = (
    "run create start stop restart kill pause unpause rename update attach build pull push tag load"
    " save import export commit cp login logout wait runp stopp port-forward checkpoint config"
)
_LOSES = "rm rmi rmp prune remove"
_NOUNS = "container image network volume system node service stack secret context compose"

_VERBS = {
    **rows(READ, paths=f"{_LOOKS} pods inspectp inspecti imagefsinfo statsp metricsp help"),
    **rows(WRITE, paths=_CHANGES),
    **rows(_GONE, paths=_LOSES),
    **rows(GROUP, paths=_NOUNS),
    **{
        path: row
        for noun in _NOUNS.split()
        for path, row in {
            **rows(READ, under=noun, paths=f"{_LOOKS} df show"),
            **rows(WRITE, under=noun, paths=f"{_CHANGES} connect disconnect scale deploy up use"),
            **rows(_GONE, under=noun, paths=f"{_LOSES} down"),
        }.items()
    },
}
_EXEC_FLAGS = FlagTable(
    valued=frozenset({"-u", "--user", "-w", "--workdir", "-e", "--env", "--env-file", "--timeout"}),
    switches=frozenset(
        {"-i", "-t", "-d", "--interactive", "--tty", "--detach", "--privileged", "-s"}
    ),
    stop_at_operand=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Containers:
    """One container program; `exec` is judged by the command that it runs."""

    program: str

    def __call__(self, invocation: Invocation) -> ToolAction:
        words = invocation.words
        for prefix in (("exec",), ("container", "exec")):
            if words[: len(prefix)] == prefix:
                return self._exec(invocation, words=words[len(prefix) :])
        flags = sort_flags(words, table=_FLAGS)
        if find_verb(flags, table=_VERBS) is None and flags.operands:
            return unclear(
                self.program, verb=known(flags.operands[0]), why="a verb that is not known"
            )
        return VerbProgram(
            program=self.program, flags=_FLAGS, verbs=_VERBS, idle=frozenset({"--help"})
        )(invocation)

    def _exec(self, invocation: Invocation, *, words: tuple[str, ...]) -> ToolAction:
        flags = sort_flags(words, table=_EXEC_FLAGS)
        operands = [*flags.operands, *(flags.rest or ())]
        if flags.unknown or not operands[1:]:  # a container and a command
            return unclear(self.program, verb="exec", why="runs something that is not known")
        ran = invocation.run_words(tuple(operands[1:]), invocation.stdin)
        target = Target(kind="container", name=known(operands[0]))
        own = one(self.program, verb="exec", effect=ran.effect, targets=(target,))
        return join([own, ran])


CONTAINER_PROGRAMS: dict[str, Program] = {
    name: _Containers(program=name) for name in ("docker", "podman", "nerdctl", "crictl")
}
"""Container programs."""

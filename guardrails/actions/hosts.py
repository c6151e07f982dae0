"""Programs of a node: `systemctl`, `journalctl`, `etcdctl`, `ip`, and database shells.

Also the small Kubernetes companions (`kubens`, `stern`, `kustomize`) that need no own file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from guardrails.actions.invocation import (
    FlagTable,
    Invocation,
    Program,
    any_may_be_flag,
    sort_flags,
)
from guardrails.actions.meaning import OPEN, join, known, one, unclear
from guardrails.actions.sql import sql_effect
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, Verb, VerbProgram, rows
from guardrails.core.toolaction import Effect, Target, ToolAction

_GONE = Verb(effect=Effect.DESTRUCTIVE)


def _table(valued: str = "", switches: str = "") -> FlagTable:
    return FlagTable(valued=frozenset(valued.split()), switches=frozenset(switches.split()))


_UNIT = Verb(effect=Effect.READ, kind="unit")
_SYSTEMCTL = VerbProgram(
    program="systemctl",
    flags=_table(
        "-t --type --state -p --property -n --lines -o --output -H --host -M --machine -s --signal",
        "-l --full -a --all --no-pager --user --system -q --quiet --failed --no-legend"
        " --plain --now"
        " --force -f -h --help --version --no-block --runtime --value",
    ),
    verbs={
        **rows(
            _UNIT, paths="status show cat is-active is-enabled is-failed list-dependencies help"
        ),
        **rows(READ, paths="list-units list-unit-files list-sockets list-timers list-jobs"),
        **rows(READ, paths="get-default show-environment is-system-running"),
        **rows(
            Verb(effect=Effect.WRITE, kind="unit"),
            paths="start stop restart reload try-restart reload-or-restart enable disable"
            " mask unmask"
            " kill reset-failed set-property edit isolate preset revert",
        ),
        **rows(WRITE, paths="daemon-reload daemon-reexec set-default"),
        **rows(_GONE, paths="reboot poweroff halt kexec emergency rescue suspend hibernate"),
    },
)
_ETCDCTL = VerbProgram(
    program="etcdctl",
    flags=_table(
        "--endpoints --cacert --cert --key --user --password --command-timeout --dial-timeout -w"
        " --write-out --limit --rev --order --sort-by --lease --peer-urls --cluster-token"
        " --data-dir"
        " --consistency --name",
        "--prefix --keys-only --print-value-only --count-only --from-key --cluster --debug --hex"
        " --insecure-skip-tls-verify --insecure-transport -h --help --prev-kv",
    ),
    verbs={
        **rows(READ, paths="get version watch help"),
        **rows(GROUP, paths="endpoint member alarm lease snapshot user role auth"),
        **rows(READ, under="endpoint", paths="health status hashkv"),
        **rows(READ, under="member", paths="list"),
        **rows(READ, under="alarm", paths="list"),
        **rows(READ, under="lease", paths="list timetolive"),
        **rows(READ, under="snapshot", paths="status"),
        **rows(READ, under="user", paths="list get"),
        **rows(READ, under="role", paths="list get"),
        **rows(WRITE, paths="put txn lock elect move-leader check"),
        **rows(WRITE, under="member", paths="add update promote"),
        **rows(WRITE, under="alarm", paths="disarm"),
        **rows(WRITE, under="lease", paths="grant keep-alive"),
        **rows(WRITE, under="snapshot", paths="save"),
        **rows(WRITE, under="user", paths="add passwd grant-role revoke-role"),
        **rows(WRITE, under="role", paths="add grant-permission revoke-permission"),
        **rows(WRITE, under="auth", paths="enable disable"),
        **rows(_GONE, paths="del compaction compact defrag make-mirror"),
        **rows(_GONE, under="member", paths="remove"),
        **rows(_GONE, under="lease", paths="revoke"),
        **rows(_GONE, under="snapshot", paths="restore"),
        **rows(_GONE, under="user", paths="delete"),
        **rows(_GONE, under="role", paths="delete"),
    },
)
_JOURNALCTL = VerbProgram(
    program="journalctl",
    flags=_table(
        "-u --unit -n --lines -S --since -U --until -p --priority -o --output -t --identifier -g"
        " --grep -b --boot -D --directory --file -M --machine --user-unit --facility -F --field",
        "-f --follow -k --dmesg -r --reverse -e --pager-end -x --catalog --no-pager -q --quiet -a"
        " --all -l --full --utc --list-boots --disk-usage --no-tail --no-hostname --merge -m"
        " --user --system -h --help --header --verify",
    ),
    verbs={},
)


def _journalctl(invocation: Invocation) -> ToolAction:
    """Judge `journalctl`: it has no verbs, and every flag that it may keep is in the table."""
    flags = sort_flags(invocation.words, table=_JOURNALCTL.flags)
    if flags.unknown or any(OPEN in word for word in flags.operands):
        return unclear("journalctl", why="a flag that is not known")
    return one("journalctl", verb="", effect=Effect.READ)


_IP_LOOKS = frozenset({"show", "list", "ls", "lst", "get", "s", "sh", "l"})
_IP_BATCH = re.compile(r"-b(?:$|a)|-force")
"""`-batch FILE` may be cut to `-b`; `-br` is brief."""
_IP_OBJECTS = tokens("a addr address l link r ro route n neigh neighbour rule netns maddr")


def _ip(invocation: Invocation) -> ToolAction:
    """Judge `ip OBJECT [COMMAND]`; without a command it lists."""
    operands = [word for word in invocation.words if not word.startswith("-")]
    if not operands or operands[0] not in _IP_OBJECTS:
        return unclear("ip", why="an object that is not known")
    if any(_IP_BATCH.match(word) for word in invocation.words):
        return unclear("ip", why="a batch file")
    looks = len(operands) == 1 or operands[1] in _IP_LOOKS
    effect = Effect.READ if looks else Effect.WRITE
    return one("ip", verb=" ".join(known(word) for word in operands[:2]), effect=effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """A database shell: the statement it is given decides."""

    statement: tuple[str, ...]
    """Flags that carry a statement."""
    flags: FlagTable
    password: str = ""
    """A flag that takes its value only as part of the same word: `-pSECRET`, or none."""

    def __call__(self, invocation: Invocation) -> ToolAction:
        words = invocation.words
        if self.password:
            words = tuple(word for word in words if not word.startswith(self.password))
        found = sort_flags(words, table=self.flags)
        statements = found.all(*self.statement)
        if not statements and invocation.stdin is not None:
            statements = [invocation.stdin]
        doubtful = found.unknown or any_may_be_flag(found.operands)
        if not statements or doubtful or any(OPEN in text for text in statements):
            return unclear(invocation.program, why="statements that are not known")
        effects = [sql_effect(text) for text in statements]
        gravest = max(effects, key=lambda effect: effect.gravity)
        target = Target(kind="query", name=statements[0][:_LONGEST_QUERY])
        return one(invocation.program, verb="sql", effect=gravest, targets=(target,))


_LONGEST_QUERY = 500
"""Characters of a statement kept in a target: enough to recognise it in a report."""

_DATABASES: Mapping[str, Program] = {
    "psql": _Database(
        statement=("-c", "--command"),
        flags=_table(
            "-c --command -d --dbname -h --host -p --port -U --username -v --set -F -P",
            "-t --tuples-only -A --no-align -x --expanded -q --quiet -w --no-password -X -1 -W -e",
        ),
    ),
    **dict.fromkeys(
        ("mysql", "mariadb"),
        _Database(
            statement=("-e", "--execute"),
            flags=_table(
                "-e --execute -u --user -h --host -P --port -D --database --password --protocol -S",
                "-N --skip-column-names -B --batch -s --silent -v -t --table -E --vertical",
            ),
            password="-p",  # noqa: S106  # the flag, not a password
        ),
    ),
}


_REDIS = FlagTable(
    valued=tokens("-h -p -s -a -u -r -i -n -d -D -X --user --pass --cacert --cert --key --sni -t"),
    switches=tokens(
        "--tls --insecure --raw --no-raw --csv --json --no-auth-warning -c -2 -3 --latency --stat"
        " --bigkeys --memkeys --hotkeys --scan --help --version"
    ),
    stop_at_operand=True,
)
_REDIS_LOOKS = tokens(
    "ping info get mget exists type ttl pttl strlen getrange llen lrange lindex hget hmget hgetall"
    " hlen hkeys hvals hexists scard smembers sismember zcard zrange zscore zcount scan sscan hscan"
    " zscan keys dbsize time role lastsave command xlen xrange xinfo"
)
_REDIS_PAIRS = {
    "config": "get",
    "cluster": "info nodes slots shards",
    "slowlog": "get len",
    "memory": "usage stats doctor",
    "latency": "latest doctor history",
    "client": "list info",
    "object": "encoding idletime freq",
}


def _redis(invocation: Invocation) -> ToolAction:
    """Judge `redis-cli`: commands that are not in the table change data, or run a script."""
    flags = sort_flags(invocation.words, table=_REDIS)
    words = [word.lower() for word in flags.operands]
    looks = words[:1] and (
        words[0] in _REDIS_LOOKS
        or not {*words[1:2]}.isdisjoint(_REDIS_PAIRS.get(words[0], "").split())
    )
    idle = not words and flags.has("--latency", "--stat", "--bigkeys", "--memkeys", "--scan")
    if flags.unknown or flags.rest or not (words or idle):
        return unclear("redis-cli", why="commands that are not known")
    effect = Effect.READ if looks or idle else Effect.WRITE
    if words[:1] in (["flushall"], ["flushdb"], ["del"], ["unlink"], ["shutdown"]):
        effect = Effect.DESTRUCTIVE
    return one("redis-cli", verb=known(" ".join(words[:1])), effect=effect)


def _stern(invocation: Invocation) -> ToolAction:
    """Judge `stern`, which follows the logs of pods by a query; it has no verbs."""
    return one(invocation.program, verb="", effect=Effect.READ)


_KUSTOMIZE = VerbProgram(
    program="kustomize",
    file_flags=("-o", "--output"),
    flags=_table(
        "--load-restrictor --reorder -o --output --helm-command --env -e --mount",
        "--enable-helm -h --help --enable-alpha-plugins --enable-exec --network",
    ),
    verbs={**rows(READ, paths="build version cfg"), **rows(WRITE, paths="edit create")},
)


def _kustomize(invocation: Invocation) -> ToolAction:
    """Judge `kustomize`: `build` prints, unless it is told a file or lets plugins run."""
    flags = sort_flags(invocation.words, table=_KUSTOMIZE.flags)
    action = _KUSTOMIZE(invocation)
    if (
        flags.unknown
        or flags.has("--enable-alpha-plugins", "--enable-exec")
        or flags.given("--helm-command")
    ):
        return join([action, unclear("kustomize", why="plugins run programs")])
    return action


HOST_PROGRAMS: dict[str, Program] = {
    **_DATABASES,
    "systemctl": _SYSTEMCTL,
    "journalctl": _journalctl,
    "etcdctl": _ETCDCTL,
    "ip": _ip,
    "stern": _stern,
    "redis-cli": _redis,
    "kustomize": _kustomize,
    **dict.fromkeys(
        ("kubectx", "kubens"),
        VerbProgram(program="kubectx", flags=_table("", "-c --current -h --help"), verbs={}),
    ),
}
"""Programs of a node, and small companions."""

"""Programs that run another program: `sudo`, `timeout`, `env`, `bash -c`, `xargs`, `ssh` and kin.

The wrapped command is judged as if it stood alone; the wrapper itself adds nothing but doubt where
its own flags are not known.
"""

from collections.abc import Callable
from dataclasses import dataclass

from guardrails.actions.invocation import FlagTable, Invocation, Program, sort_flags
from guardrails.actions.meaning import NOTHING, OPEN, join, one, unclear
from guardrails.actions.variables import changes_programs, is_assignment
from guardrails.core.toolaction import Effect, ToolAction


def _table(valued: str = "", switches: str = "") -> FlagTable:
    return FlagTable(
        valued=frozenset(valued.split()),
        switches=frozenset(switches.split()),
        stop_at_operand=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prefix:
    """A program whose operands, after the first few, are a command."""

    table: FlagTable
    skip: int = 0
    """Operands before the command, such as the duration of `timeout`."""
    prints: frozenset[str] = frozenset({"--help", "--version"})
    """Flags with which it only prints something."""
    assignments: bool = False
    """Takes `NAME=value` before the command."""
    bare: ToolAction | None = None
    """What it means without a command; `None` is not understood."""

    def __call__(self, invocation: Invocation) -> ToolAction:
        flags = sort_flags(invocation.words, table=self.table)
        words = [*flags.operands, *(flags.rest or ())][self.skip :]
        if flags.has(*self.prints) and not flags.unknown:
            return one(invocation.program, verb="", effect=Effect.READ)
        doubts: list[ToolAction] = []
        while self.assignments and words and is_assignment(words[0]):
            assigned = words.pop(0)
            if changes_programs(assigned):
                doubts.append(unclear(invocation.program, why=f"sets {assigned.split('=')[0]}"))
        if flags.unknown or any(OPEN in word for word in flags.operands[: self.skip]):
            doubts.append(unclear(invocation.program, why="a flag that is not known"))
        if not words:
            bare = self.bare or unclear(invocation.program, why="no command that is known")
            return join([*doubts, bare])
        return join([*doubts, invocation.run_words(tuple(words), invocation.stdin)])


_PREFIXES: dict[str, Program] = {
    "env": _Prefix(
        table=_table("-u --unset -C --chdir", "-i --ignore-environment -0 --null -v - --help"),
        assignments=True,
        bare=one("env", verb="", effect=Effect.READ),
    ),
    "sudo": _Prefix(
        table=_table(
            "-u --user -g --group -h --host -p --prompt -C -r --role -t --type -T -D --chdir",
            "-n --non-interactive -E --preserve-env -H --set-home -k -b -S --stdin -P -A -l --list"
            " -V --version --help",
        ),
        prints=frozenset({"-l", "--list", "-V", "--version", "--help"}),
        assignments=True,
    ),
    "doas": _Prefix(table=_table("-u -C", "-n")),
    "timeout": _Prefix(
        table=_table(
            "-k --kill-after -s --signal",
            "--foreground --preserve-status -v --verbose -f -p --help --version",
        ),
        skip=1,
    ),
    "nice": _Prefix(table=_table("-n --adjustment"), bare=NOTHING),
    "ionice": _Prefix(table=_table("-c --class -n --classdata", "-t")),
    "nohup": _Prefix(table=_table()),
    "setsid": _Prefix(table=_table("", "-c -f -w --ctty --fork --wait")),
    "stdbuf": _Prefix(table=_table("-i -o -e --input --output --error")),
    "time": _Prefix(table=_table("-f --format", "-p -v --portability --verbose"), bare=NOTHING),
    "exec": _Prefix(table=_table("-a", "-c -l"), bare=NOTHING),
    "builtin": _Prefix(table=_table(), bare=NOTHING),
    "command": _Prefix(table=_table("", "-p -v -V"), prints=frozenset({"-v", "-V"}), bare=NOTHING),
    "busybox": _Prefix(table=_table(), prints=frozenset({"--list", "--help"})),
    "unbuffer": _Prefix(table=_table("", "-p")),
    "coproc": _Prefix(table=_table()),
    "chroot": _Prefix(table=_table("--groups --userspec", "--skip-chdir"), skip=1),
    "nsenter": _Prefix(
        table=_table(
            "-t --target -S --setuid -G --setgid",
            "-a --all -m --mount -u --uts -i --ipc -n --net -p --pid -U --user -C --cgroup -F",
        )
    ),
}

_WATCH = _table(
    "-n --interval",
    "-d --differences -t --no-title -b --beep -e --errexit -g --chgexit -c --color -x --exec -w"
    " --no-wrap -p --precise --help --version",
)


def _watch(invocation: Invocation) -> ToolAction:
    """Judge `watch`, which hands its operands to `sh -c` unless told `-x`."""
    flags = sort_flags(invocation.words, table=_WATCH)
    words = (*flags.operands, *(flags.rest or ()))
    if flags.unknown or not words:
        return unclear("watch", why="a flag that is not known, or no command")
    if flags.has("-x", "--exec"):
        return invocation.run_words(words, None)
    return invocation.run_line(" ".join(words))


_SHELL_SWITCHES = frozenset("abefhiklmnprstuvxBCEHPTD")


def _shell(invocation: Invocation) -> ToolAction:
    """Judge `bash -c LINE`, `sh -s` with known input, and doubt script files."""
    words = list(invocation.words)
    runs_line = False
    while words and words[0][:1] in {"-", "+"} and words[0] not in {"-", "--"}:
        flag = words.pop(0)
        if flag in {"--version", "--help"}:
            return one(invocation.program, verb="", effect=Effect.READ)
        if flag in {"--norc", "--noprofile", "--login", "--posix", "--restricted"}:
            continue
        letters = set(flag[1:])
        if flag.startswith("--") or not letters <= _SHELL_SWITCHES | {"c", "o", "O"}:
            return unclear(invocation.program, why="a flag that is not known")
        runs_line = runs_line or "c" in letters
        if letters & {"o", "O"} and words:
            words.pop(0)
        if "i" in letters and invocation.program not in {"bash", "zsh"}:
            return unclear(invocation.program, why="an interactive shell, which runs $ENV first")
        if letters & {"i", "l"} and not runs_line and not words:
            return unclear(invocation.program, why="an interactive shell")
    if words and words[0] in {"-", "--"}:
        words.pop(0)
    if runs_line:
        if not words:
            return unclear(invocation.program, why="-c without a line")
        return invocation.run_line(words[0])
    if words and words[0] != "/dev/stdin":
        return unclear(invocation.program, why="a script whose text is not known")
    if invocation.stdin is None:
        return unclear(invocation.program, why="commands from an input that is not known")
    return invocation.run_line(invocation.stdin)


def _eval(invocation: Invocation) -> ToolAction:
    return invocation.run_line(" ".join(invocation.words))


def _trap(invocation: Invocation) -> ToolAction:
    words = [word for word in invocation.words if word not in {"-p", "-l", "--"}]
    return invocation.run_line(words[0]) if len(words) > 1 and words[0] != "-" else NOTHING


_XARGS = _table(
    "-d --delimiter -E -I -L --max-lines -n --max-args -P --max-procs -s --max-chars",
    "-0 --null -r --no-run-if-empty -t --verbose -x --exit -o --open-tty --help --version",
)


def _xargs(invocation: Invocation) -> ToolAction:
    """Judge the command that `xargs` builds; its input stays open unless the line says it."""
    flags = sort_flags(invocation.words, table=_XARGS)
    words = [*flags.operands, *(flags.rest or ())] or ["echo"]
    mark = flags.last("-I")
    if mark:
        words = [word.replace(mark, OPEN) for word in words]
    else:
        words += _input_words(invocation.stdin)
    found = invocation.run_words(tuple(words), None)
    if flags.unknown:
        return join([unclear("xargs", why="a flag that is not known"), found])
    return found


def _input_words(stdin: str | None) -> list[str]:
    if stdin is None or any(char in stdin for char in "\\'\"" + OPEN):
        return [OPEN]
    return stdin.split()


_SSH = _table(
    "-B -b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w",
    "-4 -6 -A -a -C -f -G -g -K -k -M -N -n -q -s -T -t -V -v -X -x -Y -y",
)
_SSH_RUNS_LOCALLY = ("proxycommand", "localcommand", "knownhostscommand", "include", "match")


def _ssh(invocation: Invocation) -> ToolAction:
    """Judge the remote command as if it ran here: it reads or writes just the same."""
    flags = sort_flags(invocation.words, table=_SSH)
    words = [*flags.operands, *(flags.rest or ())][1:]
    if not words:
        return unclear("ssh", why="an interactive session")
    risky = any(
        option in value.lower().replace(" ", "")
        for value in flags.all("-o")
        for option in _SSH_RUNS_LOCALLY
    )
    found = invocation.run_line(" ".join(words))
    if risky or flags.unknown or flags.given("-F", "-E"):
        return join([unclear("ssh", why="options that may run or write something here"), found])
    return found


def _unknowable(why: str) -> Callable[[Invocation], ToolAction]:
    def judge(invocation: Invocation) -> ToolAction:
        return unclear(invocation.program, why=why)

    return judge


WRAPPERS: dict[str, Program] = {
    **_PREFIXES,
    **dict.fromkeys(("bash", "sh", "dash", "ash", "zsh", "ksh", "rbash"), _shell),
    "watch": _watch,
    "eval": _eval,
    "trap": _trap,
    "xargs": _xargs,
    "ssh": _ssh,
    "source": _unknowable("a script whose text is not known"),
    ".": _unknowable("a script whose text is not known"),
    "alias": _unknowable("an alias changes what later words mean"),
    "enable": _unknowable("it may load code"),
}
"""Programs that run another program."""

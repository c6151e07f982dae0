"""Everyday Unix programs as tables: those that only look, and those that change something.

A program that looks, but has a flag or an operand that writes, has a row of its own. A word that
might turn out to be such a flag makes the command not understood.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from guardrails.actions.invocation import (
    FlagTable,
    Invocation,
    Program,
    any_may_be_flag,
    may_be_flag,
    sort_flags,
)
from guardrails.actions.meaning import NOTHING, file_targets, one, unclear
from guardrails.actions.tables import listed
from guardrails.actions.variables import changes_programs
from guardrails.core.toolaction import Effect, ToolAction

_LOOKS = listed(
    "cat tac zcat bzcat xzcat zgrep zless head tail grep egrep fgrep wc ls cut tr nl rev fold fmt"
    " column expand unexpand paste join comm cmp diff od hexdump strings md5sum sha1sum"
    " sha256sum sha512sum cksum base64 base32 stat du df free uptime uname arch nproc lscpu"
    " lsblk lsof ps pgrep pidof pstree vmstat iostat mpstat id whoami groups who w last users"
    " getent locale tty printenv pwd realpath readlink basename dirname which whereis type seq"
    " yes true false expr bc factor cal numfmt jq gojq jless ping ping6 dig nslookup host"
    " traceroute tracepath mtr netstat whois getfacl lsmod findmnt namei tput clear"
    " jp csvlook look apropos help ts pg_isready"
)
"""None of these has a flag that changes anything an agent would mind."""

_SHELL_WORDS = listed(
    ": [ [[ test sleep wait exit return break continue shift cd pushd popd dirs jobs ulimit umask"
    " times set shopt let getopts local declare typeset readonly export unset fg bg"
    " suspend logout disown"
)
"""Shell builtins that touch only the shell itself. `compgen` and `complete` run commands."""


def _look(invocation: Invocation) -> ToolAction:
    return one(invocation.program, verb="", effect=Effect.READ)


def _nothing(invocation: Invocation) -> ToolAction:
    """Judge builtins that touch the shell only, except for arithmetic that runs a substitution."""
    if any("$(" in word or "`" in word for word in invocation.words):
        return unclear(invocation.program, why="a word that it may evaluate")
    return NOTHING


def _kill(invocation: Invocation) -> ToolAction:
    """Judge `kill`: a job of the line itself (`%1`) is nobody else's."""
    if invocation.words and all(re.fullmatch(r"%\d+", word) for word in invocation.words):
        return NOTHING
    return one(invocation.program, verb="", effect=Effect.WRITE)


def _complete(invocation: Invocation) -> ToolAction:
    """Judge `compgen` and `complete`, whose `-C` and `-F` run a command."""
    if any(re.match(r"-\w*[CF]", word) for word in invocation.words):
        return unclear(invocation.program, why="runs a command")
    return _nothing(invocation)


def _print(invocation: Invocation) -> ToolAction:
    """Judge `echo` and `printf`; `printf -v NAME` sets a variable."""
    if invocation.program == "printf" and invocation.words[:1] == ("-v",):
        return _assign(invocation)
    return one(invocation.program, verb="", effect=Effect.READ)


def _assign(invocation: Invocation) -> ToolAction:
    """Judge builtins that set the variables they name; `mapfile -C` runs a command."""
    for word in invocation.words:
        if word.startswith("-C") and invocation.program != "read":
            return unclear(invocation.program, why="runs a command for what it reads")
        if "$(" in word or may_be_flag(word) or changes_programs(word):
            return unclear(invocation.program, why="sets a variable that decides what runs")
    return _nothing(invocation)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changes:
    """A program that always changes something; its operands are files."""

    effect: Effect = Effect.WRITE
    files: bool = True

    def __call__(self, invocation: Invocation) -> ToolAction:
        operands = [word for word in invocation.words if not word.startswith("-")]
        return one(
            invocation.program,
            verb="",
            effect=self.effect,
            targets=file_targets(operands) if self.files else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _LooksUnless:
    """A program that looks unless one of some flags or words is there."""

    pattern: re.Pattern[str]
    """Matches, from its beginning, a word that makes the program write."""
    most_operands: int | None = None
    """More operands than this are output files (`uniq IN OUT`)."""
    effect: Effect = Effect.WRITE

    def __call__(self, invocation: Invocation) -> ToolAction:
        words = invocation.words
        if any(self.pattern.match(word) for word in words):
            return one(invocation.program, verb="", effect=self.effect, why="a flag that writes")
        if any_may_be_flag(words):
            return unclear(invocation.program, why="a word that may turn out to be a flag")
        operands = [word for word in words if word == "-" or not word.startswith("-")]
        if self.most_operands is not None and len(operands) > self.most_operands:
            return one(invocation.program, verb="", effect=Effect.WRITE, why="an output file")
        return one(invocation.program, verb="", effect=Effect.READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LooksOnlyIf:
    """A program that is known to look only when one of some words is there."""

    pattern: re.Pattern[str]
    never: re.Pattern[str] = re.compile(r"(?!)")

    def __call__(self, invocation: Invocation) -> ToolAction:
        words = invocation.words
        doubtful = any(self.never.match(word) for word in words) or any_may_be_flag(words)
        if not doubtful and any(self.pattern.match(word) for word in words):
            return one(invocation.program, verb="", effect=Effect.READ)
        return unclear(invocation.program, why="not one of its forms that only look")


def _unless(flags: str, *, operands: int | None = None, effect: Effect = Effect.WRITE) -> Program:
    return _LooksUnless(pattern=re.compile(flags), most_operands=operands, effect=effect)


def _only_if(words: str, *, never: str = r"(?!)") -> Program:
    return _LooksOnlyIf(pattern=re.compile(words), never=re.compile(never))


_TEE = FlagTable(
    valued=frozenset(), switches=frozenset({"-a", "--append", "-i", "--ignore-interrupts", "-p"})
)


def _tee(invocation: Invocation) -> ToolAction:
    files = [
        name
        for name in sort_flags(invocation.words, table=_TEE).operands
        if name not in {"/dev/null", "/dev/stderr", "/dev/stdout", "-"}
    ]
    if not files:
        return one("tee", verb="", effect=Effect.READ)
    return one("tee", verb="", effect=Effect.WRITE, targets=file_targets(files))


def _python(invocation: Invocation) -> ToolAction:
    """Judge the one use of Python whose meaning is plain: pretty-printing JSON from a pipe."""
    match invocation.words:
        case ("-m", "json.tool", *rest) if not any_may_be_flag(rest):
            operands = [word for word in rest if not word.startswith("-")]
            effect = Effect.WRITE if len(operands) > 1 else Effect.READ
            return one(invocation.program, verb="json.tool", effect=effect)
        case ("--version" | "-V",):
            return one(invocation.program, verb="", effect=Effect.READ)
        case _:
            return unclear(invocation.program, why="code that is not read here")


def _table(rows: dict[str, Program | Callable[[Invocation], ToolAction]]) -> dict[str, Program]:
    return {name: program for names, program in rows.items() for name in names.split()}


UNIX_PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(_LOOKS, _look),
    **dict.fromkeys(_SHELL_WORDS, _nothing),
    **_table(
        {
            "echo printf": _print,
            "read mapfile readarray": _assign,
            "compgen complete": _complete,
            "kill": _kill,
            "tee": _tee,
            "python python3": _python,
            "less more": _unless(r"-[a-zA-Z]*[oOkK]|--log-file|--LOG-FILE|--lesskey|\+"),
            "sort": _unless(r"-[a-zA-Z]*[oT]|--output|--compress-program|--temporary-directory"),
            "shuf": _unless(r"-[a-z]*o|--output"),
            "uniq": _unless(r"(?!)", operands=1),
            "xxd": _unless(r"-[a-z]*r", operands=1),
            "tree": _unless(r"-[a-zA-Z]*o"),
            "xmllint": _unless(r"-o|--output|--shell"),
            "ss": _unless(r"-[a-zA-Z0-9]*[KD]|--kill|--diag"),
            "arp": _unless(r"-[a-z]*[sdf]|--set|--delete|--file"),
            "file": _unless(r"-[a-zA-Z]*C|--compile"),
            "sdiff": _unless(r"-[a-z]*o|--output"),
            "sar": _unless(r"-o"),
            "hash": _unless(r"-[a-z]*[pdr]|\w"),
            "history": _unless(r"-[a-z]*[cdwanrs]"),
            "rg": _unless(r"--pre|--hostname-bin"),
            "date": _unless(r"-[uR]*s|--set|(?:\d{8}|\d{10}|\d{12})(?:\.\d\d)?$"),
            "hostname": _unless(r"-[a-z]*F|--file|\w"),
            "dmesg": _unless(r"-[a-zA-Z]*[cCDEn]|--clear|--read-clear|--console"),
            "top htop": _only_if(r"-[a-zA-Z]*b"),
            "yq": _unless(r"-[a-hj-nqrt-zA-HJ-Z]*[is]|--inplace|--in-place|--split-exp|.*\bload"),
            "iptables-save ip6tables-save": _unless(r"-[a-zA-Z]*[fM]|--file|--modprobe"),
            "conntrack": _only_if(r"-[LSCG]$|--(?:dump|stats|count|get)$", never=r"-[DFIUA]|--"),
            "sysctl": _unless(r"-[a-z]*[wpf]|--write|--load|--system|\S*="),
            "mount": _unless(r"\w|-[a-z]*[oaBMR]|--", operands=0),
            "openssl": _only_if(
                r"(?:s_client|x509|version|verify|crl|asn1parse)$",
                never=r"-(?:out|engine|CAcreateserial|sess_out|keylogfile|writerand|starttls)",
            ),
            "nc ncat netcat": _only_if(r"-[a-zA-Z0-9]*z", never=r"-[a-z]*[ceol]|--exec|--sh-exec"),
            "gzip gunzip xz unxz bzip2 zstd": _only_if(
                r"-[a-z0-9]*[clt]|--stdout|--list|--test", never=r"-[a-z]*o|--rm"
            ),
            "tar": _only_if(
                r"-?[a-zA-Z]*t|--list",
                never=r"-?[a-zA-Z]*[xcruAI](?!\S*[./])|--(?!list|file|verbose|gzip)",
            ),
            "unzip": _only_if(r"-[a-z]*[lvZt]", never=r"-[a-z]*[dx]"),
            "crontab": _only_if(r"-l$", never=r"-[er]"),
            "iptables ip6tables nft": _only_if(
                r"-[a-z]*[LS]|--list|list$", never=r"-[ADIRFZNXPE]|--(?:append|delete|flush)"
            ),
            "git": _only_if(
                r"(?:status|log|diff|show|blame|rev-parse|ls-files|describe|shortlog)$",
                never=r"-c|--output|--ext-diff|--textconv|--exec|-O|config|add|commit|push|reset"
                r"|checkout|stash|clean|apply|merge|rebase|revert|rm|mv|pull|fetch|restore|switch",
            ),
            "mv cp mkdir touch chmod chown chgrp ln install patch split csplit mktemp mkfifo rsync"
            " scp sftp setfacl chattr": _Changes(),
            "npm": _only_if(
                r"(?:view|info|show|v|ls|list|ll|outdated|explain|why|root|prefix|ping|search)$",
                never=r"(?:i|install|ci|add|update|up|upgrade|uninstall|un|rm|remove|run|exec|x|start"
                r"|test|publish|link|set|config|cache|audit|dedupe|prune|rebuild|init|pack)$",
            ),
            "pip pip3": _only_if(
                r"(?:list|show|freeze|check|inspect)$",
                never=r"(?:install|uninstall|download|wheel|cache|config|lock)$|--log",
            ),
            "pkill killall renice apt apt-get yum dnf apk snap vi vim nano emacs"
            " ed make umount modprobe useradd usermod passwd swapoff swapon ifconfig route tc at"
            " batch ethtool hostnamectl timedatectl": _Changes(files=False),
            "rm rmdir unlink shred truncate dd mkfs wipefs userdel": _Changes(
                effect=Effect.DESTRUCTIVE
            ),
            "reboot shutdown halt poweroff init telinit": _Changes(
                effect=Effect.DESTRUCTIVE, files=False
            ),
        }
    ),
}
"""Programs of a usual machine or container."""

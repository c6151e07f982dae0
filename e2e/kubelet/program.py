"""What a container's command would do, read from its argv, environment and memory limit.

The app runs shell scripts in a busybox image, so on `kind` the real shell decides; here this
small reading of the same script does. A fault therefore follows from the spec (a wrong word, a
missing variable, a limit below what is allocated) and is gone when the spec is mended.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

PROGRAMS = frozenset(
    {
        *(":", "[", "cat", "cd", "echo", "env", "exit", "export", "false", "head", "httpd", "ls"),
        *("mkdir", "nc", "printf", "set", "sh", "sleep", "tail", "test", "touch", "tr", "true"),
        "wget",
    }
)
"""The programs and builtins of the image that scripts here may name; others are "not found"."""

SHELLS = frozenset({"sh", "/bin/sh"})
NOT_FOUND = 127
"""What a shell exits with when the program it should run does not exist."""
START_FAILED = 128
"""What the runtime reports when the container's own argv[0] does not exist."""
KILLED = 137
"""128 + SIGKILL: the out-of-memory killer, or a kubelet whose liveness probe failed."""

_VARIABLE = re.compile(
    r"\$(?:\{(?P<braced>\w+)(?::(?P<operator>[?-])(?P<word>[^}]*))?\}|(?P<bare>\w+))"
)
_MEBIBYTES = re.compile(r"^(?P<count>\d+)[mM]$")
_QUANTITY = re.compile(r"^(?P<number>\d+(?:\.\d+)?)(?P<suffix>[a-zA-Z]*)$")
_SUFFIXES = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "m": 0.001,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The program stays up, listens on these ports and serves these paths."""

    ports: frozenset[int]
    log: str
    paths: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exits:
    """The program ends."""

    code: int
    reason: str
    log: str
    message: str = ""


Outcome = Runs | Exits


class _UnsetVariableError(Exception):
    """A `${NAME:?message}` whose variable is unset or empty."""


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    memory_limit: float | None,
) -> Outcome:
    """Return what the program does.

    Args:
        argv: Command and arguments of the container.
        environment: Its variables, references resolved.
        memory_limit: In bytes; `None` means none.
    """
    if not argv:
        return Exits(code=0, reason="Completed", log="")  # an interactive shell without a terminal
    if argv[0] in SHELLS and len(argv) >= 3 and argv[1] == "-c":
        return _run_script(argv[2], environment=environment, memory_limit=memory_limit)
    program = argv[0].removeprefix("/bin/")
    if program not in PROGRAMS:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create "
            "failed: runc create failed: unable to start container process: error during "
            f'container init: exec: "{argv[0]}": executable file not found in $PATH'
        )
        return Exits(code=START_FAILED, reason="StartError", log="", message=message)
    return _run_program([program, *argv[1:]], log=[]) or Exits(code=0, reason="Completed", log="")


def parse_quantity(text: str) -> float:
    """Return a Kubernetes quantity such as `64Mi` as a number.

    Raises:
        ValueError: It is not a quantity.
    """
    found = _QUANTITY.match(text)
    if found is None or found["suffix"] not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a Kubernetes quantity such as 64Mi or 0.5")
    return float(found["number"]) * _SUFFIXES[found["suffix"]]


def _run_script(
    script: str, *, environment: Mapping[str, str], memory_limit: float | None
) -> Outcome:
    log: list[str] = []
    files: set[str] = set()
    code = 0
    for statement in _statements(script):
        try:
            words = [_expand(word, environment) for word in statement]
        except _UnsetVariableError as unset:
            return _ended(2, log=[*log, f"sh: {unset}"])
        if words[-2:-1] == [">"]:
            files.add(words[-1])
        match _run_statement(words, log=log, memory_limit=memory_limit):
            case int(status):
                code = status
            case Runs() as runs:
                root = _option(words, "-h", default="/")
                served = {name.removeprefix(root) for name in files if name.startswith(root)}
                return replace(runs, paths=frozenset(served))
            case Exits() as ended:
                return ended
    return _ended(code, log=log)


def _run_statement(
    words: list[str], *, log: list[str], memory_limit: float | None
) -> Outcome | int:
    """Run one statement: an outcome when the script is over with it, else its exit status."""
    replaces_shell = words[0] == "exec"
    if replaces_shell:
        words = words[1:] or [":"]
    program = words[0].rpartition("/")[2]
    if program not in PROGRAMS:
        log.append(f"sh: {words[0]}: not found")
        return _ended(NOT_FOUND, log=log) if replaces_shell else NOT_FOUND
    if program == "exit":
        return _ended(int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0, log=log)
    if program == "echo" and ">" not in words:
        log.append(" ".join(words[1:]))
    needed = _allocated(words)
    if memory_limit is not None and needed > memory_limit:
        return Exits(code=KILLED, reason="OOMKilled", log="\n".join(log))
    outcome = _run_program([program, *words[1:]], log=log)
    if outcome is not None:
        return outcome
    if replaces_shell:
        return _ended(1 if program == "false" else 0, log=log)
    return 1 if program == "false" else 0


def _run_program(words: list[str], *, log: list[str]) -> Outcome | None:
    """Return the outcome of a program that does not end by itself, else `None`."""
    match words:
        case ["httpd", *options] if "-f" in options:
            port = _option(options, "-p", default="80").rpartition(":")[2]
            if not port.isdecimal():
                return _ended(1, log=[*log, f"httpd: bad port '{port}'"])
            log.append(f"httpd: listening on port {port}")
            return Runs(ports=frozenset({int(port)}), log="\n".join(log))
        case ["sleep", "infinity" | "inf"] | ["tail", "-f", *_]:
            return Runs(ports=frozenset(), log="\n".join(log))
        case ["sleep", seconds] if seconds.isdecimal() and int(seconds) >= 3600:
            return Runs(ports=frozenset(), log="\n".join(log))
        case _:
            return None


def _allocated(words: Sequence[str]) -> float:
    """Bytes held by `head -c <N>m /dev/zero | tail`, the way the app's scripts fill a cache."""
    if words[0] != "head" or "tail" not in words:
        return 0
    found = _MEBIBYTES.match(_option(words, "-c", default=""))
    return int(found["count"]) * 2**20 if found else 0


def _option(words: Sequence[str], flag: str, *, default: str) -> str:
    for word, following in itertools.pairwise(words):
        if word == flag:
            return following
    return default


def _statements(script: str) -> list[list[str]]:
    """Split at newlines, `;` and `&&`; quotes are taken off, a pipeline stays one statement."""
    statements: list[list[str]] = []
    for line in script.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        current: list[str] = []
        for word in lexer:
            if word in {";", "&&"}:
                statements.append(current)
                current = []
            else:
                current.append(word)
        statements.append(current)
    return [words for words in statements if words]


def _expand(word: str, environment: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found["braced"] or found["bare"]
        held = environment.get(name, "")
        if held or found["operator"] is None:
            return held
        if found["operator"] == "-":
            return found["word"]
        raise _UnsetVariableError(f"{name}: {found['word'] or 'parameter null or not set'}")

    return _VARIABLE.sub(value, word)


def _ended(code: int, *, log: Sequence[str]) -> Exits:
    reason = "Completed" if code == 0 else "Error"
    return Exits(code=code, reason=reason, log="\n".join(log))

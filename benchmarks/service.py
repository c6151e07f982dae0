"""A service to put load on: `guarded-agent serve` as a process, with what it needs around it.

The cluster is the simulated one, in a process of its own. Nothing of the service is stripped: the
shipped policy and limits, tokens, metrics and logs. Every client is a caller of its own, since
limits are for each caller.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

import guarded_agent_entry
from e2e.sidecar.databases import postgres_server, redis_server
from guardrails.testing.demo_app import NAMESPACE

STORES: Final = ("memory", "sqlite", "redis", "postgresql")
"""Each as durable as it gets: a decision is told when it is on the disk, but for memory."""
CALLERS: Final = 64
"""Agents that have a token."""
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 40.0
_LAST: Final = "GUARDED_AGENT_ALERTMANAGER"
"""What the cluster tells last of how it is reached."""
_ENTRY: Final = Path(guarded_agent_entry.__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A service that runs."""

    port: int
    pid: int
    folder: Path
    """Where its settings, its log and its file of runs are."""

    def resident(self) -> float:
        """Return its resident memory, in MB (Linux)."""
        fields = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def processor_seconds(self) -> float:
        """Return the processor time that it has taken (Linux)."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def files(self) -> int:
        """Return how many files and sockets it has open (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        """Return how many threads it has (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def stored(self) -> float:
        """Return the size of its file of runs, in MB; 0 where it has none."""
        return sum(one.stat().st_size for one in self.folder.glob("runs.db*")) / 2**20


def token_of(caller: int) -> str:
    """Return the token of an agent, by its number from 0."""
    return f"agent-{caller:03d}-0123456789abcdef"


@contextlib.contextmanager
def served(
    store: str,
    *,
    more: Mapping[str, object] | None = None,
    options: Sequence[str] = (),
    python: Sequence[str] = (),
) -> Generator[Serving]:
    """Serve until the block is left.

    Args:
        store: One of `STORES`.
        more: Further settings, by section.
        options: Further options of the command line.
        python: Options of the interpreter, such as those of a profiler.

    Raises:
        RuntimeError: The service does not start; its log is in the message.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guarded-bench-")))
        environment = stack.enter_context(_cluster(folder))
        tokens = "".join(f"agent-{n:03d}:agent:{token_of(n)}\n" for n in range(CALLERS))
        _write_secret(folder / "tokens", tokens)
        _write_secret(folder / "store", _store_url(store, folder, stack))
        settings: dict[str, object] = {
            "store": {"url_file": "store"},
            "auth": {"mode": "tokens", "tokens": "tokens"},
            "scope": {"namespaces": [NAMESPACE], "allow_write_identity": True},
            **(more or {}),
        }
        (folder / "serve.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = [sys.executable, *python, str(_ENTRY), "serve", "--config", "serve.yaml"]
        log = stack.enter_context((folder / "log").open("w", encoding="utf-8"))
        process = subprocess.Popen(
            [*command, "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
            env=environment,
        )
        stack.callback(_stopped, process)
        assert process.stdout is not None
        line = process.stdout.readline()  # empty when the process ends
        if "listens on " not in line:
            raise RuntimeError((folder / "log").read_text(encoding="utf-8"))
        yield Serving(port=int(line.rpartition(":")[2]), pid=process.pid, folder=folder)


@contextlib.contextmanager
def _cluster(folder: Path) -> Generator[dict[str, str]]:
    """Hold a simulated cluster; yield the environment that finds it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GUARDED_AGENT_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "guardrails.testing.sim", "up", "--folder", str(folder / "sim")],
        stdout=subprocess.DEVNULL,
        env=kept,
    )
    try:
        file, until = folder / "sim" / "env", time.monotonic() + START_SECONDS
        while not file.exists() or _LAST not in file.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the simulated cluster does not start")
            time.sleep(0.05)
        lines = file.read_text(encoding="utf-8").splitlines()
        told = (line.removeprefix("export ").partition("=") for line in lines)
        yield {**kept, **{name: value.strip("'") for name, _, value in told}}
    finally:
        _stopped(process)


def _stopped(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _store_url(store: str, folder: Path, stack: ExitStack) -> str:
    match store:
        case "memory":
            return "memory:"
        case "sqlite":
            return f"sqlite:{folder / 'runs.db'}"
        case "redis":
            return stack.enter_context(redis_server()).url
        case "postgresql":
            return stack.enter_context(postgres_server()).url
        case _:
            raise ValueError(f"no store {store!r}; there are {', '.join(STORES)}")


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")

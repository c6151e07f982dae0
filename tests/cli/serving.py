"""What tests of `serve` share: a service that runs as a process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

import guarded_agent_entry
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of

ENTRY = Path(guarded_agent_entry.__file__)
BOT, SRE = "bot-0123456789abcdef", "sre-0123456789abcdef"
READS = [
    {"apiGroups": [one.group], "resources": [one.plural], "verbs": ["list"]}
    for one in (RESOURCES[kind] for kind in lists_of(DEFAULT_CHECKS))
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A service that runs."""

    process: subprocess.Popen[str]
    url: str
    logs: Path

    def client(self, token: str = BOT) -> httpx2.Client:
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.logs.read_text().splitlines()]


@contextlib.contextmanager
def served(folder: Path, *options: str) -> Iterator[Serving]:
    logs = folder / "logs"
    with logs.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(ENTRY), "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env={k: v for k, v in os.environ.items() if not k.startswith("GUARDED_AGENT_")},
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "listens on " in line, logs.read_text()
        yield Serving(process=process, url=line.split()[-1], logs=logs)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        process.stdout.close()

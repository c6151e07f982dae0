"""Services as processes: started, killed by their id and started again, and asked how they are."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from e2e.clusters.ports import free_ports
from e2e.sidecar.chaos.world import INCIDENT, World

READY_SECONDS: Final = 20.0
Death = tuple[str, int]


class Nursery:
    """The process that services are forked from."""

    def __init__(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GUARDED_AGENT_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "e2e.sidecar.chaos.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **command: object) -> int:
        """Have a command done, and return its answer: the process that the service is, mostly."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the nursery was started without pipes")
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the nursery ended: {command}")
        return int(json.loads(line)["answer"])

    def close(self) -> None:
        """Let it end, and its services with it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=20)
        if self._process.stdout is not None:
            self._process.stdout.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One service: its address stays the same over all its processes."""

    nursery: Nursery
    name: str
    url: str
    log: Path
    counts: Path

    def kill(self) -> None:
        """Kill the process that it is now; the next one is on its way then."""
        self.nursery.ask(do="kill", name=self.name)

    @property
    def writes(self) -> int:
        """How many writes were begun at its store."""
        return self.counts.stat().st_size

    @property
    def deaths(self) -> int:
        """How many of its processes were killed."""
        return self.nursery.ask(do="deaths", name=self.name)

    @property
    def pid(self) -> int:
        """The process that it is now."""
        return self.nursery.ask(do="look", name=self.name)

    def read(self, path: str) -> str:
        """Return what is at a path.

        Raises:
            httpx2.HTTPStatusError: It is not there.
        """
        return httpx2.get(self.url + path, timeout=10.0).raise_for_status().text

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            TimeoutError: It does not.
        """
        until = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.url}/healthz", timeout=1.0).is_success:
                    return
            ended = not self.nursery.ask(do="look", name=self.name)
            if ended or time.monotonic() > until:
                log = self.log.read_text(encoding="utf-8")[-2000:]
                raise TimeoutError(f"{self.name} does not answer:\n{log}")
            time.sleep(0.02)


_names = itertools.count(1)


@contextlib.contextmanager
def served(
    nursery: Nursery,
    world: World,
    store: str,
    *,
    deaths: Sequence[Death] = (),
    model: str = "",
    options: Sequence[str] = (),
) -> Generator[Serving]:
    """Run a service for as long as it is needed.

    Args:
        nursery: Where it comes from.
        world: What it guards.
        store: URL of its store.
        deaths: When each of its processes dies.
        model: Base URL of the model behind its proxy; empty for no proxy.
        options: Further ones of `serve`.
    """
    name = f"serve-{next(_names)}"
    (port,) = free_ports(1)
    settings: dict[str, Any] = {
        "listen": {"port": port, "drain": "1s"},
        "store": {"url": store},
        "sources": {"kubeconfig": str(world.folder / "guard")},
        "scope": {"namespaces": INCIDENT["namespaces"]},
        "policies": {"file": str(world.folder / "policy.yaml")},
    }
    if model:
        upstream = {"base_url": f"{model}/v1", "connect_seconds": "1s", "silence_seconds": "2s"}
        incident = {key: value for key, value in INCIDENT.items() if key != "task"}
        settings["proxy"] = {"upstreams": {"chat": upstream}, "incident": incident}
    file = world.folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    serving = Serving(
        nursery=nursery,
        name=name,
        url=f"http://127.0.0.1:{port}",
        log=world.folder / f"{name}.log",
        counts=world.folder / f"{name}.counts",
    )
    nursery.ask(
        do="start",
        name=name,
        arguments=["--config", str(file), *options],
        log=str(serving.log),
        counts=str(serving.counts),
        deaths=list(deaths),
    )
    try:
        serving.wait()
        yield serving
    finally:
        nursery.ask(do="stop", name=name)

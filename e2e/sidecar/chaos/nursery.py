"""Runs services as processes that may be told to die: `python -m e2e.sidecar.chaos.nursery`.

Commands come as JSON lines on standard input, and each is answered by one on standard output. A
service is a fork of this process, which has imported everything already, so that one is up in a
part of a second; what it runs is `guarded-agent serve`, unchanged but for its store, which kills
the process at the write that it was told. One that was killed is started again, as by a kubelet.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from guardrails.cli import serving
from guardrails.cli.app import run_cli
from guardrails.sidecar.stores.base import RunStore

LOADED_LATE: Final = (
    "uvicorn",
    *(f"guardrails.sidecar.stores.{name}" for name in ("sqlite", "redis", "postgres")),
    *(f"guardrails.sidecar.{name}" for name in ("app", "assembly", "configfile", "proxy.routes")),
)
"""What a service loads when it starts is loaded once, before it is forked."""
WRITES: Final = frozenset({"create", "append", "keep", "snapshot"})
LOOK_EVERY: Final = 0.01
_DIE_WITH_PARENT: Final = 1
"""PR_SET_PDEATHSIG of Linux: no service outlives the nursery, however that ends."""


@dataclass(slots=True)
class Service:
    """A service, over all the processes that it is."""

    arguments: list[str]
    log: str
    counts: str
    """File that gets one byte for each write that was begun."""
    deaths: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """When each process dies: `before` or `after` its write of that number. Those that come after
    the last of these live on."""
    pid: int = 0
    started: int = 0
    killed: int = 0
    again: bool = True
    """Whether it is started again when it was killed."""


class Mortal:
    """A store that kills its process at one write."""

    def __init__(self, store: RunStore, *, when: str, at: int, counts: int) -> None:
        self._store = store
        self._when = when
        self._at = at
        self._counts = counts
        self._writes = 0
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        return self._mortal(found) if name in WRITES else found

    def _mortal(self, work: Callable[..., object]) -> Callable[..., object]:
        def done(*args: object, **more: object) -> object:
            with self._lock:
                self._writes += 1
                dies = self._writes == self._at
            os.write(self._counts, b".")
            if dies and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            found = work(*args, **more)
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return done


def start(service: Service) -> None:
    """Fork a process of a service."""
    death = service.deaths[service.started] if service.started < len(service.deaths) else None
    service.started += 1
    service.pid = os.fork()
    if service.pid:
        return
    code = 1
    try:
        _serve(service, death)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(code)


def _serve(service: Service, death: tuple[str, int] | None) -> None:
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    log = os.open(service.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    counts = os.open(service.counts, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    when, at = death or ("", 0)
    usual = serving.open_store

    def opened(url: str) -> RunStore:
        return cast("RunStore", Mortal(usual(url), when=when, at=at, counts=counts))

    serving.open_store = opened
    raise SystemExit(run_cli(["serve", *service.arguments]))


class Nursery:
    """Holds services, and starts those again that were killed."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}

    def tend(self) -> None:
        """Follow commands until there are none any more."""
        rest = b""
        while True:
            ready, _, _ = select.select([0], [], [], LOOK_EVERY)
            if ready:
                data = os.read(0, 65_536)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._answer(json.loads(line))
            for service in self._services.values():
                self._look_after(service)

    def close(self) -> None:
        """Kill them all."""
        for service in self._services.values():
            self._end(service, signal.SIGKILL)

    def _answer(self, command: dict[str, Any]) -> None:
        name, answer = command.pop("name"), -1
        match command.pop("do"):
            case "start":
                deaths = [(str(when), int(at)) for when, at in command.pop("deaths")]
                service = self._services[name] = Service(deaths=deaths, **command)
                start(service)
            case "look":
                self._look_after(self._services[name])
            case "deaths":
                answer = self._services[name].killed
            case "kill":
                os.kill(self._services[name].pid, signal.SIGKILL)
            case "stop":
                self._end(self._services[name], signal.SIGTERM)
                del self._services[name]
            case other:
                raise ValueError(f"nobody knows how to {other}")
        if answer < 0:
            answer = self._services[name].pid if name in self._services else 0
        sys.stdout.write(json.dumps({"answer": answer}) + "\n")
        sys.stdout.flush()

    def _look_after(self, service: Service) -> None:
        if not service.pid:
            return
        pid, status = os.waitpid(service.pid, os.WNOHANG)
        if not pid:
            return
        service.pid = 0
        if service.again and os.WIFSIGNALED(status):
            service.killed += 1
            start(service)

    def _end(self, service: Service, number: signal.Signals) -> None:
        service.again = False
        if not service.pid:
            return
        os.kill(service.pid, number)
        until = time.monotonic() + 5
        while not os.waitpid(service.pid, os.WNOHANG)[0]:
            if time.monotonic() > until:
                os.kill(service.pid, signal.SIGKILL)
            time.sleep(LOOK_EVERY)
        service.pid = 0


def main() -> None:
    """Tend until standard input ends."""
    for name in LOADED_LATE:
        importlib.import_module(name)
    nursery = Nursery()
    try:
        nursery.tend()
    finally:
        nursery.close()


if __name__ == "__main__":
    main()

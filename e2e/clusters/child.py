"""One process of the cluster: started on a leash, watched while it gets ready, stopped by its id.

Every child leads its own process group (a Ctrl-C in the terminal reaches the suite, which then
stops them in order) and is started from one thread that lives as long as this process, because
the kernel ties the leash to the thread that started the child.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import httpx2

from e2e.clusters.errors import ChildFailedError

LEASH = Path(__file__).with_name("leash.py")

READY_TIMEOUT_SECONDS = 60.0
"""Each is ready within 3 s on an idle machine; a busy one with cold files took 20 s."""

LOOK_EVERY_SECONDS = 0.05

STOP_TIMEOUT_SECONDS = 15.0
"""How long SIGTERM is given before SIGKILL; an API server with open watches takes some seconds."""

LOG_LINES_IN_ERRORS = 15


class Child:
    """A named process with a log file."""

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the running process, `None` when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        """What it ended with by itself, `None` when it has not."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        if self.running:
            return
        leashed = [sys.executable, "-IS", str(LEASH), str(os.getpid()), *self._command]
        with self._log.open("ab") as log:
            self._process = _SPAWNER.call(
                lambda: subprocess.Popen(
                    leashed,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=None if self._environment is None else {**os.environ, **self._environment},
                    process_group=0,
                )
            )

    def wait_until(self, ready: Callable[[], bool], *, timeout: float | None = None) -> None:
        """Wait until `ready()`, noticing at once when the process died.

        Raises:
            ChildFailedError: It ended, or was not ready in time.
        """
        limit = READY_TIMEOUT_SECONDS if timeout is None else timeout
        deadline = time.monotonic() + limit
        while not ready():
            if not self.running:
                code = self._process.returncode if self._process else None
                raise ChildFailedError(self._story(f"ended with code {code} before it was ready"))
            if time.monotonic() > deadline:
                raise ChildFailedError(self._story(f"was not ready within {limit:.0f} s"))
            time.sleep(LOOK_EVERY_SECONDS)

    def stop(self, *, timeout: float = STOP_TIMEOUT_SECONDS) -> None:
        """Ask the process group to end, insist when it does not, and wait until it has."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            _signal_group(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=timeout)
            except subprocess.TimeoutExpired:
                _signal_group(process.pid, signal.SIGKILL)
                process.wait()
        self._process = None

    def _story(self, what: str) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-LOG_LINES_IN_ERRORS:]) or "(its log is empty)"
        return f"{self.name} {what}. The end of {self._log}:\n{tail}"


def answers(url: str, *, http: httpx2.Client) -> bool:
    """Tell whether a URL answers 200."""
    try:
        return http.get(url).is_success
    except httpx2.TransportError:
        return False


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return  # it ended between the look and the signal


class _Spawner:
    """Runs calls one after the other on a thread that ends with the process."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="spawner", daemon=True)
                self._thread.start()
        answer: Future[subprocess.Popen[bytes]] = Future()

        def run() -> None:
            try:
                answer.set_result(function())
            except OSError as error:
                answer.set_exception(error)

        self._calls.put(run)
        return answer.result()

    def _serve(self) -> None:
        while True:
            self._calls.get()()


_SPAWNER = _Spawner()

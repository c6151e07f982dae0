"""The continuous reference: snapshots on a timer, and gates that judge by whatever is there now.

Several replicas may share one folder: the one that holds its lock records, and another takes over
when it dies. A folder belongs to one set of namespaces, so that a change of scope begins a new one
and leaves the old one readable.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final, Protocol

from guardrails.core.clock import Clock, SystemClock
from guardrails.core.incident import Incident
from guardrails.errors import BaselineError
from guardrails.gates.alerts.sources import AlertmanagerSource, PrometheusSource
from guardrails.gates.base import Gate, GateRun, ReopeningGate
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.reference import BaselineRecorder, Recorded, Retention
from guardrails.gates.reference.folder import stored_in
from guardrails.sidecar.config import ReferenceSettings

try:
    import fcntl
except ImportError:  # no advisory locks on this system: one replica for each folder
    fcntl = None

LOCK: Final = ".recording"
_LONGEST_NAME: Final = 120
"""Characters of a folder's name; file systems take 255 bytes."""


class OnLook(Protocol):
    """Is told what became of each look, and when another replica records instead."""

    def looked(self, recorded: Recorded) -> None:
        """Take one look."""
        ...

    def stood_by(self, *, first: bool) -> None:
        """Take that another replica records; `first` when that is news."""
        ...


def folder_of(root: Path, namespaces: Sequence[str]) -> Path:
    """Return the folder of a scope.

    >>> folder_of(Path("reference"), ["shop", "db"]).name
    'db+shop'
    """
    names = sorted(set(namespaces))
    name = "+".join(names)
    if len(name) > _LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        name = f"{names[0]}+{len(names) - 1}-more-{digest}"
    return root / name


class Recording:
    """Records the reference until it is cancelled.

    Args:
        reader: The cluster.
        namespaces: What is recorded.
        settings: Where to, how often, and how much stays; it names a folder.
        on_look: Told of every look.
        prometheus: Source of alerts and rules.
        alertmanager: Optional second source.
        clock: Where the time comes from.

    Raises:
        BaselineError: No namespace, or no folder.
    """

    def __init__(
        self,
        reader: ClusterReader,
        *,
        namespaces: Sequence[str],
        settings: ReferenceSettings,
        on_look: OnLook,
        prometheus: PrometheusSource | None = None,
        alertmanager: AlertmanagerSource | None = None,
        clock: Clock | None = None,
    ) -> None:
        if settings.folder is None:
            raise BaselineError("reference.folder: missing; there is nowhere to record to")
        self.folder = folder_of(settings.folder, namespaces)
        self._every = settings.every
        self._on_look = on_look
        self._clock: Clock = clock or SystemClock()
        keep = settings.keep
        self._recorder = BaselineRecorder(
            reader,
            namespaces=tuple(sorted(set(namespaces))),
            folder=self.folder,
            prometheus=prometheus,
            alertmanager=alertmanager,
            every=settings.every,
            keep=Retention(
                all_seconds=keep.all,
                hourly_seconds=keep.hourly,
                daily_seconds=keep.daily,
                max_bytes=keep.bytes,
            ),
            clock=self._clock,
            on_look=on_look.looked,
        )

    async def run(self) -> None:
        """Record, or wait until the replica that does is gone; until cancelled.

        Raises:
            BaselineError: The folder cannot be used at all.
        """
        news = True
        while True:
            with _alone(self.folder) as alone:
                if alone:
                    await self._recorder.run()
            self._on_look.stood_by(first=news)
            news = False
            await self._clock.sleep(self._every)


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[bool]:
    """Hold the folder's lock, if nobody else does; the system lets it go when we die."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BaselineError(f"{folder}: cannot use the folder: {error.strerror}") from error
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class ReferencedGate:
    """A gate that judges by the snapshots there are when a run begins.

    The service begins before the first snapshot is there, and a folder that is empty is no
    reference. So the gate behind is made anew when there is one.

    Args:
        make: Makes the gate, given the snapshots to choose from.
        baselines: Files and folders that are there already.
        folder: Where the reference is recorded; None where it is not.
    """

    def __init__(
        self,
        make: Callable[[Sequence[Path]], Gate],
        *,
        baselines: Sequence[Path] = (),
        folder: Path | None = None,
    ) -> None:
        self._make = make
        self._baselines = tuple(baselines)
        self._folder = folder
        self._recorded = self._is_recorded()
        # Made at once: what is wrong with the settings is to be told when they are chosen.
        self._gate = self._made()

    @property
    def name(self) -> str:
        """Name for reports and metrics."""
        return self._gate.name

    async def open(self, incident: Incident) -> GateRun:
        """Note the world at the start of a run."""
        return await self._current().open(incident)

    async def reopen(self, incident: Incident, noted: bytes) -> GateRun:
        """Return the gate of a run that began earlier, by what was noted then.

        Raises:
            BaselineError: What was noted cannot be read.
        """
        gate = self._current()
        if isinstance(gate, ReopeningGate):
            return await gate.reopen(incident, noted)
        return await gate.open(incident)

    def _current(self) -> Gate:
        if not self._recorded and self._is_recorded():
            self._recorded = True
            self._gate = self._made()
        return self._gate

    def _made(self) -> Gate:
        recorded = [self._folder] if self._recorded and self._folder is not None else []
        return self._make([*self._baselines, *recorded])

    def _is_recorded(self) -> bool:
        return self._folder is not None and self._folder.is_dir() and bool(stored_in(self._folder))

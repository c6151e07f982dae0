"""Recording on a timer: a folder that always holds a recent picture of healthy.

A look that fails, or that could not read everything, is told and not stored: it could only stand
in the way of a good one. A look at an unchanged world costs a rename.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import msgspec

from guardrails.core.clock import Clock, SystemClock
from guardrails.core.evidence import Evidence
from guardrails.errors import BaselineError
from guardrails.gates.alerts.sources import AlertmanagerSource, PrometheusSource
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.look import Sources
from guardrails.gates.reference.folder import Mark, StoredFile, StoredName, stored_in
from guardrails.gates.reference.health import Judging, unread_alerts
from guardrails.gates.reference.recording import look_at, scope_of
from guardrails.gates.reference.retention import Retention, superseded
from guardrails.gates.snapshot import Snapshot, encode_snapshot, read_snapshot, write_snapshot

EVERY_SECONDS = 300.0
"""Default pause between two looks: the time that rules about workloads wait before they fire
(`for: 5m`), so that the look before a fault is rarely much older than what the alert missed."""

_VOLATILE = re.compile(rb'"(?:resourceVersion|resource_version|last_evaluation)":"[^"]*",?')
"""What changes with every look though nothing happened. A quotation mark inside a JSON string is
escaped, so no value can look like one of these keys."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class RecordedAs(StrEnum):
    """What became of a look."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    """As the one before; its name says so now."""
    SKIPPED = "skipped"
    """Failed or incomplete: nothing was stored, and what was stored stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One look of a recorder."""

    at: datetime
    outcome: RecordedAs
    path: Path | None = None
    """Where the snapshot is; None when it was skipped."""
    mark: Mark | None = None
    trouble: str = ""
    """Why it was skipped, or what could not be done beside storing it."""
    wrong: tuple[Evidence, ...] = ()
    """What is not well in it."""
    removed: int = 0
    """Older snapshots deleted, as the retention says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Previous:
    file: StoredFile
    essence: bytes


class BaselineRecorder:
    """Records snapshots into a folder, now and on a timer. One recorder per folder.

    Args:
        reader: The cluster.
        namespaces: What is recorded; at least one.
        folder: Where the files go; made when it is not there.
        prometheus: Source of alerts and rules, as the gate will read them.
        alertmanager: Optional second source.
        every: Seconds from one look to the next; a look that takes longer skips the next.
        keep: How much stays.
        clock: Where the time comes from; the system's when left out.
        on_look: Told of every look; what it raises ends the recording.

    Raises:
        BaselineError: No namespace, or `every` is not positive.

    Example:
        >>> async def main(reader):
        ...     recorder = BaselineRecorder(reader, namespaces=["shop"], folder=Path("baselines"))
        ...     async with asyncio.TaskGroup() as group:
        ...         recording = group.create_task(recorder.run())
        ...         ...  # the program's own work
        ...         recording.cancel()
    """

    def __init__(  # one keyword per seam
        self,
        reader: ClusterReader,
        *,
        namespaces: Sequence[str],
        folder: Path,
        prometheus: PrometheusSource | None = None,
        alertmanager: AlertmanagerSource | None = None,
        every: float = EVERY_SECONDS,
        keep: Retention | None = None,
        clock: Clock | None = None,
        on_look: Callable[[Recorded], None] | None = None,
    ) -> None:
        if not namespaces:
            raise BaselineError("a baseline needs at least one namespace (-n)")
        if every <= 0:
            raise BaselineError(f"every {every:g} s is no timer; give more than 0")
        self._sources = Sources(cluster=reader, prometheus=prometheus, alertmanager=alertmanager)
        self._namespaces, self._folder, self._every = tuple(namespaces), folder, every
        self._keep = keep if keep is not None else Retention()
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._on_look = on_look
        self._judging = Judging(incident=scope_of(self._namespaces))
        self._previous: _Previous | None = None
        self._ready = False

    async def run(self) -> NoReturn:
        """Look again and again, until cancelled; what fails is told to `on_look`.

        Raises:
            BaselineError: The folder cannot be used at all, said before the first look.
        """
        self.prepare()
        due = self._clock.monotonic()
        while True:
            recorded = await self.look()
            if self._on_look is not None:
                self._on_look(recorded)
            now = self._clock.monotonic()
            due += self._every * max(1, -(-(now - due) // self._every))
            await self._clock.sleep(due - now)

    async def look(self) -> Recorded:
        """Take one snapshot and keep it if it is worth keeping.

        Returns:
            What became of it; a source or a disk that fails is an outcome, not an exception.
        """
        at = self._clock.now()
        try:
            self.prepare()
            snapshot = await look_at(self._sources, namespaces=self._namespaces, at=at)
            # Judging and compressing thousands of objects takes a while; a loop has more to do.
            return await asyncio.to_thread(self._store, snapshot)
        except BaselineError as error:
            return Recorded(at=at, outcome=RecordedAs.SKIPPED, trouble=str(error))

    def prepare(self) -> None:
        """Make the folder, clear what a crash left, and see that it is this recorder's own.

        Raises:
            BaselineError: It cannot be written, or it holds snapshots of other namespaces.
        """
        if self._ready:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for half in self._folder.glob(".*.json.gz.partial"):
                half.unlink(missing_ok=True)
        except OSError as error:
            raise BaselineError(
                f"{self._folder}: cannot use the folder: {error.strerror}"
            ) from error
        self._previous = self._last_stored()
        self._ready = True

    def _last_stored(self) -> _Previous | None:
        for file in reversed(stored_in(self._folder)):
            try:
                snapshot = read_snapshot(file.path)
            except BaselineError:
                # A file that was damaged is not compared with; choosing one says what it is.
                continue
            others = {x.key.namespace for x in snapshot.lists} - {"", *self._namespaces}
            if others:
                raise BaselineError(
                    f"{self._folder}: holds snapshots of namespace {min(others)}; give each "
                    f"recording a folder of its own"
                )
            return _Previous(file=file, essence=essence_of(snapshot))
        return None

    def _store(self, snapshot: Snapshot) -> Recorded:
        health = self._judging.alone(snapshot)
        unread = [f"{e.check}: {e.observed}" for e in health.unread]
        if (alerts := unread_alerts(snapshot)) is not None:
            unread.append(f"alerts: {alerts.message}")
        if unread:
            more = f" (and {len(unread) - 1} more)" if len(unread) > 1 else ""
            return Recorded(
                at=snapshot.at,
                outcome=RecordedAs.SKIPPED,
                trouble=f"incomplete, so not stored: {unread[0]}{more}",
            )
        mark = Mark.UNWELL if health.broken else Mark.HEALTHY
        outcome, file = self._keep_it(snapshot, mark)
        removed, trouble = self._thin_out(snapshot.at)
        return Recorded(
            at=snapshot.at,
            outcome=outcome,
            path=file.path,
            mark=mark,
            trouble=trouble,
            wrong=tuple(health.wrong),
            removed=removed,
        )

    def _keep_it(self, snapshot: Snapshot, mark: Mark) -> tuple[RecordedAs, StoredFile]:
        essence, before = essence_of(snapshot), self._previous
        outcome = RecordedAs.STORED
        file = self._file(StoredName(first=snapshot.at, last=snapshot.at, mark=mark))
        if before is not None and before.essence == essence and _follows(before, file):
            name = StoredName(first=before.file.name.first, last=snapshot.at, mark=mark)
            outcome, file = RecordedAs.UNCHANGED, self._file(name)
            if not _moved(before.file.path, file.path):
                # Somebody took it away; then this look is a new one.
                outcome = RecordedAs.STORED
        if outcome is RecordedAs.STORED:
            file = self._file(StoredName(first=snapshot.at, last=snapshot.at, mark=mark))
            write_snapshot(snapshot, file.path)
        self._previous = _Previous(file=file, essence=essence)
        return outcome, file

    def _file(self, name: StoredName) -> StoredFile:
        return StoredFile(path=self._folder / str(name), name=name)

    def _thin_out(self, now: datetime) -> tuple[int, str]:
        removed = 0
        try:
            for file in superseded(stored_in(self._folder), now=now, keep=self._keep):
                file.path.unlink(missing_ok=True)
                removed += 1
        except OSError as error:
            return removed, f"cannot delete an older snapshot: {error}"
        return removed, ""


def essence_of(snapshot: Snapshot) -> bytes:
    """Return a fingerprint of what a snapshot shows, without what always changes."""
    state = snapshot.prometheus
    still = None if state is None else msgspec.structs.replace(state, queries=())
    data = encode_snapshot(msgspec.structs.replace(snapshot, at=_EPOCH, prometheus=still))
    return hashlib.sha256(_VOLATILE.sub(b"", data)).digest()


def _follows(before: _Previous, file: StoredFile) -> bool:
    """Tell whether a look may extend the one before: as well, and later by its clock."""
    name = before.file.name
    return name.mark is file.name.mark and file.name.first > name.last


def _moved(old: Path, new: Path) -> bool:
    with contextlib.suppress(OSError):
        old.rename(new)
        return True
    return False

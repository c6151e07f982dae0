"""The world at one instant, with what could not be read marked as such; stored as JSON.

A snapshot is all that checks ever see: they are pure functions of snapshots, so a stored one
judges as the live one did. A list that failed keeps its status: it is never an empty list.
"""

import gzip
import os
import zlib
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from guardrails.core.versions import newer_version, update_needed, version_field
from guardrails.errors import BaselineError
from guardrails.gates.asked import Asked
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.reads import Read
from guardrails.gates.reads import ReadStatus as ReadStatus  # noqa: PLC0414  # found here, too

SNAPSHOT_SCHEMA = 1
"""Version of the stored form; raised when a reader must change."""


class ListKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Names one list: all objects of a kind in a namespace."""

    kind: str
    namespace: str = ""
    name: str = ""
    """When set, only the object of this name (a field selector on the same list)."""

    def __str__(self) -> str:
        """Write it as the verb would be spoken: `list Pod in shop`."""
        where = f" in {self.namespace}" if self.namespace else ""
        return f"list {self.kind}{where}" + (f" named {self.name}" if self.name else "")


class ObjectList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One list of objects, or why there is none."""

    key: ListKey
    read: Read = Read()
    resource_version: str = ""
    objects: tuple[KubeObject, ...] = ()


class FiringAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert as Prometheus lists it: pending or firing; an inactive one is not listed."""

    labels: dict[str, str]
    state: str
    active_at: datetime | None = None


class AlertingRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alerting rule as it is loaded."""

    name: str
    query: str
    group: str = ""
    file: str = ""
    labels: dict[str, str] = {}
    for_seconds: float = 0.0
    keep_firing_seconds: float = 0.0
    interval_seconds: float = 0.0
    """Of its group."""
    health: str = ""
    last_error: str = ""
    last_evaluation: datetime | None = None


class QueryResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answer to one instant query."""

    query: str
    read: Read = Read()
    values: tuple[str, ...] = ()
    """The sample values, as text: Prometheus writes NaN and infinities so."""
    labels: tuple[dict[str, str], ...] = ()
    """The labels of each value, in the same order; none when no value has any."""


class PrometheusServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Prometheus says of itself; servers that speak its language do not all say it."""

    read: Read = Read()
    started_at: datetime | None = None
    now: datetime | None = None
    """Its clock when it answered, to the second."""
    labels: dict[str, str] | None = None
    """Its external labels: which Prometheus this is. None when it does not tell."""


class JobTargets(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many targets of a scrape job there are, by the namespace that they carry."""

    job: str
    namespace: str = ""
    up: int = 0
    down: int = 0
    scraped_at: float = 0.0
    """When one of them was scraped last, as a Unix time of the server's clock."""
    samples: int = 0
    """How often one of them was scraped in the last five minutes, at most."""


class PrometheusState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Prometheus says."""

    alerts_read: Read = Read()
    alerts: tuple[FiringAlert, ...] = ()
    rules_read: Read = Read()
    rules: tuple[AlertingRule, ...] = ()
    queries: tuple[QueryResult, ...] = ()
    server: PrometheusServer = PrometheusServer()
    jobs_read: Read = Read()
    jobs: tuple[JobTargets, ...] = ()


class RoutedAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert as Alertmanager lists it; a resolved one is not listed."""

    labels: dict[str, str]
    state: str = ""
    """`active`, `suppressed` or `unprocessed`."""
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()
    fingerprint: str = ""
    ends_at: datetime | None = None
    """When it is dropped unless it is sent again."""


class SilenceMatcher(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One matcher of a silence."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A silence; expired ones are listed too."""

    id: str = ""
    state: str = ""
    matchers: tuple[SilenceMatcher, ...] = ()
    created_by: str = ""


class Route(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One route of Alertmanager's tree, with what it inherits filled in."""

    receiver: str = ""
    matchers: tuple[SilenceMatcher, ...] = ()
    goes_on: bool = False
    """Whether siblings after it are tried too (`continue`)."""
    intervals: tuple[str, ...] = ()
    """Names of the time intervals that mute it, or outside which it is mute."""
    routes: tuple["Route", ...] = ()


class Routing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Alertmanager's configuration does with alerts, without any of its secrets."""

    root: Route = Route()
    heard: tuple[str, ...] = ()
    """Receivers that notify anybody."""
    digest: str = ""
    """Of the whole configuration as Alertmanager shows it."""


class AlertmanagerState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Alertmanager says."""

    alerts_read: Read = Read()
    alerts: tuple[RoutedAlert, ...] = ()
    silences_read: Read = Read()
    silences: tuple[Silence, ...] = ()
    status_read: Read = Read()
    started_at: datetime | None = None
    routing: Routing | None = None
    """None when its configuration was not told."""


T = TypeVar("T")


class Snapshot(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="snapshot", dict=True
):
    """Cluster and alerts at one instant."""

    schema: int = version_field(SNAPSHOT_SCHEMA)
    at: datetime
    cluster: str = ""
    """Uid of the `kube-system` namespace, when readable: which cluster this is."""
    lists: tuple[ObjectList, ...] = ()
    prometheus: PrometheusState | None = None
    """None when no Prometheus was given."""
    alertmanager: AlertmanagerState | None = None
    asked: Asked = Asked()
    """Answers to what checks ask beside lists."""

    @cached_property
    def derived(self) -> dict[tuple[str, str], object]:
        """Indexes that checks share, by name and namespace; computed, never stored."""
        return {}

    def list_of(self, kind: str, namespace: str) -> ObjectList | None:
        """Return the list of a kind in a namespace, or None when it was not asked for.

        Nodes and other kinds without a namespace are found under any.
        """
        found = self._by_key.get((kind, namespace))
        return self._by_key.get((kind, "")) if found is None else found

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], ObjectList]:
        # The first of a key: a later one names a single object.
        return {(x.key.kind, x.key.namespace): x for x in reversed(self.lists)}

    def objects(self, type_: type[T], namespace: str) -> tuple[T, ...]:
        """Return what a good list holds; nothing when the list failed or was not asked for."""
        found = self.list_of(type_.__name__, namespace)
        if found is None or not found.read.ok:
            return ()
        return tuple(x for x in found.objects if isinstance(x, type_))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Encode a snapshot as JSON."""
    return _encoder.encode(snapshot)


def decode_snapshot(data: bytes, *, name: str) -> Snapshot:
    """Decode a stored snapshot.

    Raises:
        BaselineError: Not a snapshot, or one of a newer schema; the message begins with `name`.
    """
    try:
        snapshot = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if newer := newer_version(data, known=SNAPSHOT_SCHEMA):
            raise BaselineError(f"{name}: {_too_new(newer)}") from error
        raise BaselineError(
            f"{name}: not a snapshot written by `guarded-agent baseline record`: {error}"
        ) from error
    if snapshot.schema > SNAPSHOT_SCHEMA:
        raise BaselineError(f"{name}: {_too_new(snapshot.schema)}")
    return snapshot


def _too_new(found: int) -> str:
    return update_needed("snapshot", found=found, known=SNAPSHOT_SCHEMA)


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot file, compressed when the name ends in `.gz`; replaces it atomically."""
    data = encode_snapshot(snapshot)
    half = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as file:
            # No time of its own in it: the same snapshot is the same file.
            file.write(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
            file.flush()
            # Else a machine that loses power may keep the name and lose what it names.
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise BaselineError(f"{path}: cannot write the baseline: {error.strerror}") from error


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file.

    Raises:
        BaselineError: The file cannot be read, or is not a snapshot of a known schema.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BaselineError(f"{path}: not a gzip file, or cut short: {error}") from error
    except OSError as error:
        raise BaselineError(f"{path}: cannot read the baseline: {error.strerror}") from error
    return decode_snapshot(data, name=str(path))

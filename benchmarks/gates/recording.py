"""Recordings of cases: what the gates saw, look after look, kept small and judged again later.

Raw lists are kept whole and for every kind, also those that no check reads today, so that a check
that is added later is judged on the recordings there are. What differs by accident only (where the
run kept its files) is replaced.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from benchmarks.gates.cases.model import Case, Expect, Kind
from benchmarks.gates.live.reading import EVERYTHING, RawReader
from benchmarks.gates.live.sources import Noted
from benchmarks.gates.results import Ours
from benchmarks.gates.world import Thing, World
from guardrails.core.incident import Incident
from guardrails.gates.alerts.prometheus import JOBS

PROMETHEUS_PATHS = (
    "/api/v1/alerts",
    "/api/v1/rules",
    "/api/v1/targets?state=active",
    "/api/v1/status/runtimeinfo",
    "/api/v1/status/buildinfo",
    "/api/v1/status/config",
)
ALERTMANAGER_PATHS = ("/api/v2/alerts", "/api/v2/silences", "/api/v2/status")


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One look: every list and every answer, by the digest under which it is kept."""

    at: float
    mark: str = ""
    """`reference`, `start`, or nothing for a look at the claim."""
    lists: dict[str, str] = {}
    prometheus: dict[str, str] = {}
    """By path, the query with it; an absent one was not answered."""
    alertmanager: dict[str, str] = {}


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One case."""

    id: str
    kind: Kind
    expect: Expect
    namespace: str
    cluster: str = ""
    """The cluster's identity, as the gate reads it."""
    incident: Incident
    wrote_at: datetime | None = None
    """When the agent last changed something before its claim."""
    frames: tuple[Frame, ...]
    blobs: dict[str, msgspec.Raw] = {}
    verdict: str = ""
    """What our gate said live."""


class Recorder:
    """Keeps the looks of one case; does nothing without a folder."""

    def __init__(
        self,
        *,
        reader: RawReader,
        sources: Noted,
        namespace: str,
        folder: Path | None,
        private: Path,
        monitoring: tuple[str, str],
    ) -> None:
        self._reader = reader
        self._sources = sources
        self._namespace = namespace
        self._folder = folder
        self._private = str(private).encode()
        self._prometheus, self._alertmanager = monitoring
        self._frames: list[Frame] = []
        self._blobs: dict[str, msgspec.Raw] = {}
        self._wrote_at: datetime | None = None
        self._cluster = ""

    @property
    def active(self) -> bool:
        """Whether anything is kept."""
        return self._folder is not None

    async def frame(self, mark: str) -> None:
        """Look, and keep the look under a mark."""
        if self.active:
            self._cluster = await self._sources.cluster.identity()
            world = await self._reader.look(self._namespace, EVERYTHING)
            await self._keep(world, mark=mark)

    async def keep(self, world: World) -> None:
        """Keep a look that was made anyway."""
        if self.active:
            await self._keep(world, mark="")

    def write(self, case: Case, incident: Incident, ours: Ours) -> None:
        """Write the case's file."""
        if self._folder is None:
            return
        recording = Recording(
            id=case.id,
            kind=case.kind,
            expect=case.expect,
            namespace=self._namespace,
            cluster=self._cluster,
            incident=incident,
            wrote_at=self._wrote_at,
            frames=tuple(self._frames),
            blobs=self._blobs,
            verdict=ours.verdict,
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        name = case.id.replace("/", "__").replace(":", "_") + ".json"
        (self._folder / name).write_bytes(msgspec.json.encode(recording))

    def wrote(self, at: datetime | None) -> None:
        """Note when the agent last changed something."""
        self._wrote_at = at

    async def _keep(self, world: World, *, mark: str) -> None:
        asked = dict.fromkeys((*JOBS, *self._sources.prometheus.queries))
        paths = [*PROMETHEUS_PATHS, *map(query_path, asked)]
        answers, held = await asyncio.gather(
            self._answers(self._prometheus, paths),
            self._answers(self._alertmanager, ALERTMANAGER_PATHS),
        )
        self._frames.append(
            Frame(
                at=world.at,
                mark=mark,
                lists={p: self._blob([_slim(x) for x in xs]) for p, xs in world.lists.items()},
                prometheus=answers,
                alertmanager=held,
            )
        )

    async def _answers(self, base: str, paths: list[str] | tuple[str, ...]) -> dict[str, str]:
        bodies = await asyncio.gather(*(self._reader.text(base + path) for path in paths))
        return {
            path: self._blob(msgspec.json.decode(body.replace(self._private, b"/lane")))
            for path, body in zip(paths, bodies, strict=True)
            if body is not None
        }

    def _blob(self, value: Any) -> str:
        data = msgspec.json.encode(value)
        digest = hashlib.sha256(data).hexdigest()[:12]
        self._blobs[digest] = msgspec.Raw(data)
        return digest


def query_path(text: str) -> str:
    """Return the path of an instant query, as recordings key its answer."""
    return f"/api/v1/query?query={quote(text)}"


def _slim(thing: Thing) -> Thing:
    metadata = {k: v for k, v in thing.get("metadata", {}).items() if k != "managedFields"}
    return {**thing, "metadata": metadata}

"""Alertmanager, the second source: what is silenced, inhibited, or still held there.

Read without any filter: `silenced=false` would hide exactly what a silence was set to hide. That
an alert is absent here proves nothing, since alerts live in memory only.
"""

from collections.abc import Mapping
from datetime import datetime

import anyio
import msgspec

from guardrails.gates.alerts.http import HttpReader
from guardrails.gates.alerts.routing import routing_of
from guardrails.gates.snapshot import (
    AlertmanagerState,
    Read,
    RoutedAlert,
    Routing,
    Silence,
    SilenceMatcher,
)


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    state: str
    silenced_by: list[str] | None = None
    inhibited_by: list[str] | None = None
    muted_by: list[str] | None = None


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    labels: dict[str, str]
    status: _Status
    fingerprint: str = ""
    ends_at: datetime | None = None


class _SilenceStatus(msgspec.Struct, frozen=True):
    state: str


class _Matcher(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class _Silence(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    status: _SilenceStatus
    matchers: list[_Matcher]
    created_by: str = ""


class _Config(msgspec.Struct, frozen=True):
    original: str = ""


class _Server(msgspec.Struct, frozen=True):
    uptime: datetime | None = None
    config: _Config = _Config()


class AlertmanagerReader:
    """Reads alerts and silences over HTTP (API v2)."""

    def __init__(self, http: HttpReader) -> None:
        self._http = http
        self.place = http.place
        """Where it is, for messages."""

    async def read(self) -> AlertmanagerState:
        """Read everything at once."""
        alerts: tuple[Read, tuple[RoutedAlert, ...]] = (Read(), ())
        silences: tuple[Read, tuple[Silence, ...]] = (Read(), ())
        status: tuple[Read, datetime | None, Routing | None] = (Read(), None, None)

        async def read_alerts() -> None:
            nonlocal alerts
            alerts = await self._alerts()

        async def read_silences() -> None:
            nonlocal silences
            silences = await self._silences()

        async def read_status() -> None:
            nonlocal status
            status = await self._status()

        async with anyio.create_task_group() as group:
            group.start_soon(read_alerts)
            group.start_soon(read_silences)
            group.start_soon(read_status)
        return AlertmanagerState(
            alerts_read=alerts[0],
            alerts=alerts[1],
            silences_read=silences[0],
            silences=silences[1],
            status_read=status[0],
            started_at=status[1],
            routing=status[2],
        )

    async def _alerts(self) -> tuple[Read, tuple[RoutedAlert, ...]]:
        read, answer = await self._http.get("/api/v2/alerts", list[_Alert])
        return read, tuple(
            RoutedAlert(
                labels=a.labels,
                state=a.status.state,
                silenced_by=tuple(a.status.silenced_by or ()),
                inhibited_by=tuple(a.status.inhibited_by or ()),
                muted_by=tuple(a.status.muted_by or ()),
                fingerprint=a.fingerprint,
                ends_at=a.ends_at,
            )
            for a in answer or ()
        )

    async def _silences(self) -> tuple[Read, tuple[Silence, ...]]:
        read, answer = await self._http.get("/api/v2/silences", list[_Silence])
        return read, tuple(
            Silence(
                id=s.id,
                state=s.status.state,
                created_by=s.created_by,
                matchers=tuple(
                    SilenceMatcher(
                        name=m.name, value=m.value, is_regex=m.is_regex, is_equal=m.is_equal
                    )
                    for m in s.matchers
                ),
            )
            for s in answer or ()
        )

    async def _status(self) -> tuple[Read, datetime | None, Routing | None]:
        read, answer = await self._http.get("/api/v2/status", _Server)
        if answer is None:
            return read, None, None
        return read, answer.uptime, routing_of(answer.config.original)


class Alertmanager(AlertmanagerReader):
    """Alertmanager at a URL.

    Args:
        url: Such as `http://alertmanager.monitoring:9093`.
        timeout_seconds: Limit of one request.
        headers: Sent with every request, such as an Authorization header.

    Raises:
        UsageError: The URL is none.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float = 10.0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            HttpReader(url, name="alertmanager", timeout_seconds=timeout_seconds, headers=headers)
        )

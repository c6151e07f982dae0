"""What a Prometheus says of itself: since when it runs, what its clock shows, and which one it is.

Servers that only speak its query language (Thanos, Mimir) may not tell; that is marked, not
guessed.
"""

from datetime import datetime

import msgspec
import yaml

from guardrails.gates.alerts.http import HttpReader
from guardrails.gates.snapshot import PrometheusServer, Read, ReadStatus

RUNTIME = "/api/v1/status/runtimeinfo"
CONFIG = "/api/v1/status/config"


class _Runtime(msgspec.Struct, frozen=True, rename="camel"):
    start_time: datetime | None = None
    last_config_time: datetime | None = None


class _RuntimeAnswer(msgspec.Struct, frozen=True):
    status: str
    data: _Runtime | None = None


class _Config(msgspec.Struct, frozen=True):
    yaml: str = ""


class _ConfigAnswer(msgspec.Struct, frozen=True):
    status: str
    data: _Config | None = None


class ServerReader:
    """Reads what a Prometheus says of itself.

    Its configuration may be a megabyte, so it is read again only when the server says that it was
    loaded again.
    """

    def __init__(self, http: HttpReader) -> None:
        self._http = http
        self._known: tuple[_Runtime, dict[str, str]] | None = None

    async def read(self) -> PrometheusServer:
        """Read start time, clock and external labels; never raises."""
        found = await self._http.fetch(RUNTIME, _RuntimeAnswer)
        if found.value is None:
            return PrometheusServer(read=found.read)
        runtime = found.value.data
        if found.value.status != "success" or runtime is None:
            message = f"GET {RUNTIME}: status {found.value.status!r} without data"
            read = Read(status=ReadStatus.GARBLED, message=message, temporary=True)
            return PrometheusServer(read=read)
        return PrometheusServer(
            started_at=runtime.start_time, now=found.date, labels=await self._labels(runtime)
        )

    async def _labels(self, runtime: _Runtime) -> dict[str, str] | None:
        known = self._known
        if known is not None and known[0] == runtime:
            return known[1]
        _, answer = await self._http.get(CONFIG, _ConfigAnswer)
        if answer is None or answer.data is None:
            # Which Prometheus it is then stays open; its alerts are believed all the same.
            return None
        labels = external_labels(answer.data.yaml)
        self._known = (runtime, labels)
        return labels


def external_labels(text: str) -> dict[str, str]:
    r"""Return the external labels of a configuration, without parsing more than its `global` part.

    >>> external_labels("global:\n  external_labels:\n    cluster: blue\nrule_files: []\n")
    {'cluster': 'blue'}
    """
    part: list[str] = []
    for line in text.splitlines():
        if part and line[:1].strip():
            break
        if part or line.startswith("global:"):
            part.append(line)
    try:
        found = msgspec.convert(yaml.safe_load("\n".join(part)) or {}, _Global)
    except (yaml.YAMLError, msgspec.ValidationError):
        return {}
    return {name: str(value) for name, value in (found.top.external_labels or {}).items()}


class _Top(msgspec.Struct, frozen=True):
    external_labels: dict[str, str | int | float | bool] | None = None


class _Global(msgspec.Struct, frozen=True, rename={"top": "global"}):
    top: _Top = _Top()
